//! Secrets that are looked for, and every form in which one of them may stand in what a program says or keeps.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

/// Secrets by name, and what finds them.
pub(super) struct Canaries {
    secrets: Vec<(String, String)>,
    /// Whose each form is, and the form.
    forms: Vec<(usize, String)>,
    search: AhoCorasick,
}

/// What any usual program makes of `text`: raw, base64, base64 for URLs, percent, JSON, hex in small letters and in
/// capitals; and as the second half of credentials.
pub(super) fn forms(text: &str) -> Vec<String> {
    let percent = |kept: &str, upper: bool| -> String {
        let one = |byte: u8| match byte {
            byte if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) => char::from(byte).to_string(),
            byte if upper => format!("%{byte:02X}"),
            byte => format!("%{byte:02x}"),
        };
        text.bytes().map(one).collect()
    };
    let json = serde_json::to_string(text).expect("a text").trim_matches('"').to_owned();
    // Python escapes what is not ASCII, PHP escapes slashes besides.
    let ascii: String =
        json.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) }).collect();
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![text.to_owned(), json.replace('/', "\\/"), ascii.replace('/', "\\/"), json, ascii];
    forms.extend([hex.to_uppercase(), hex]);
    // Everything; RFC 3986; JavaScript's encodeURIComponent; a form; a path.
    for kept in ["", "-_.~", "-_.!~*'()", "*-._", "-_.~/+"] {
        forms.extend([percent(kept, true), percent(kept, false)]);
    }
    for text in [text.to_owned(), format!("me:{text}"), format!("\0me\0{text}")] {
        forms.extend([&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD].map(|engine| engine.encode(&text)));
    }
    forms
}

impl Canaries {
    /// Looks for these.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Canaries {
        let mut canaries = Canaries { secrets: Vec::new(), forms: Vec::new(), search: finder(&[]) };
        canaries.extend(secrets);
        canaries
    }

    /// And for these: what was issued meanwhile.
    pub(super) fn extend<'a>(&mut self, more: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (name, secret) in more {
            let number = self.secrets.len();
            self.forms.extend(forms(secret).into_iter().map(|form| (number, form)));
            self.secrets.push((name.to_owned(), secret.to_owned()));
        }
        self.search = finder(&self.forms);
    }

    /// A secret by its name.
    pub(super) fn get(&self, name: &str) -> &str {
        self.secrets.iter().find(|(known, _)| known == name).map(|(_, secret)| secret.as_str()).expect("a known name")
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.secrets.iter().map(|(name, secret)| (name.as_str(), secret.as_str()))
    }

    /// The forms that stand in `bytes`, each with the name of its secret before it, and each once.
    pub(super) fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let hits = self.search.find_overlapping_iter(bytes).map(|hit| &self.forms[hit.pattern().as_usize()]);
        let mut found: Vec<String> = hits.map(|(of, form)| format!("{} as {form}", self.secrets[*of].0)).collect();
        found.sort();
        found.dedup();
        found
    }

    /// None of them stands in `bytes`, which are of `place`.
    #[track_caller]
    pub(super) fn check(&self, place: &str, bytes: &[u8]) {
        let found = self.found_in(bytes);
        assert!(found.is_empty(), "{place}: {found:?} in {}", String::from_utf8_lossy(bytes));
    }

    /// As [`Canaries::check`], for JSON: the text as it is, and the texts in it as whoever reads it has them.
    #[track_caller]
    pub(super) fn check_json(&self, place: &str, text: &str) {
        fn texts(value: &Value, into: &mut Vec<String>) {
            match value {
                Value::String(text) => into.push(text.clone()),
                Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
                Value::Object(members) => members.values().for_each(|member| texts(member, into)),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        let mut inside = Vec::new();
        texts(&serde_json::from_str(text).expect("JSON"), &mut inside);
        self.check(place, format!("{text}\n{}", inside.join("\n")).as_bytes());
    }

    /// As [`Canaries::check`], for markup: as it is sent, and as whoever reads the page sees it.
    #[track_caller]
    pub(super) fn check_markup(&self, place: &str, text: &str) {
        let seen = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        self.check(place, format!("{text}\n{seen}").as_bytes());
    }
}

fn finder(forms: &[(usize, String)]) -> AhoCorasick {
    AhoCorasick::new(forms.iter().map(|(_, form)| form)).expect("few and short")
}

#[test]
fn what_is_planted_is_found_in_every_form() {
    let secret = "pl\"ant\\ed/se-cr_et+é%1";
    let canaries = Canaries::new([("PLANTED", secret), ("OTHER", "another-secret-2")]);
    let seven = [
        secret.to_owned(),
        STANDARD.encode(secret),
        URL_SAFE.encode(secret),
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string(),
        serde_json::to_string(secret).expect("a text"),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
    ];
    for form in seven {
        let log = format!("2026-01-05T09:00:00Z  INFO sent: value={form} status=200\n");
        let found = canaries.found_in(log.as_bytes());
        assert!(found.iter().any(|one| one.starts_with("PLANTED")), "{form}: {found:?}");
        assert!(!found.iter().any(|one| one.starts_with("OTHER")), "{form}: {found:?}");
        let caught = |check: &(dyn Fn() + std::panic::RefUnwindSafe)| std::panic::catch_unwind(check).is_err();
        let json = serde_json::json!({ "deep": [{ "text": form }] }).to_string();
        assert!(caught(&|| canaries.check_json("planted", &json)), "{form} in JSON");
        let page = format!("<p title=\"{}\">", form.replace('&', "&amp;").replace('"', "&quot;"));
        assert!(caught(&|| canaries.check_markup("planted", &page)), "{form} in markup");
    }
    canaries.check("nothing", b"nothing is planted here");
}
