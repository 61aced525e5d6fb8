//! Secrets, and the promise that they are never shown.
//!
//! A [`Secret`] prints as `***` wherever it is formatted or serialised. A [`Redactor`] takes what came from
//! outside, a receiver's answer say, and blanks every form in which a known secret may stand in it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde::{Serialize, Serializer};

/// What stands in place of a secret.
pub const BLANK: &str = "***";

/// A text that must not be shown: `Debug`, `Display` and `Serialize` give `***`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BLANK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BLANK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(BLANK)
    }
}

/// Shorter secrets are not searched for: blanking every `ab` would make an answer unreadable and hide nothing.
const SHORTEST_SEARCHED: usize = 4;

/// Blanks known secrets in bytes of foreign origin: raw, in base64, percent-encoded, JSON-escaped and in hex.
#[derive(Clone, Debug, Default)]
pub struct Redactor(Option<Arc<AhoCorasick>>);

impl Redactor {
    /// Knows `secrets`.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms: Vec<Vec<u8>> =
            secrets.into_iter().filter(|s| s.len() >= SHORTEST_SEARCHED).flat_map(forms).collect();
        forms.sort();
        forms.dedup();
        if forms.is_empty() {
            return Redactor(None);
        }
        let search = AhoCorasick::builder().match_kind(aho_corasick::MatchKind::LeftmostLongest).build(&forms);
        Redactor(search.ok().map(Arc::new))
    }

    /// `bytes` with every known secret blanked; the same bytes when there is none.
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        match &self.0 {
            None => bytes.to_vec(),
            Some(search) => {
                let mut clean = Vec::with_capacity(bytes.len());
                search.replace_all_with_bytes(bytes, &mut clean, |_, _, out| {
                    out.extend_from_slice(BLANK.as_bytes());
                    true
                });
                clean
            }
        }
    }

    /// As [`Redactor::bytes`], for bytes that are not needed any more: where there is nothing to blank they are given
    /// back as they are.
    pub fn clean(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.finds_in(&bytes) { self.bytes(&bytes) } else { bytes }
    }

    /// As [`Redactor::bytes`], for text.
    pub fn text(&self, text: &str) -> String {
        self.lossy_text(text.as_bytes())
    }

    /// As [`Redactor::text`], for bytes that should be text; what is not is shown as such.
    pub fn lossy_text(&self, bytes: &[u8]) -> String {
        if self.finds_in(bytes) {
            String::from_utf8_lossy(&self.bytes(bytes)).into_owned()
        } else {
            String::from_utf8_lossy(bytes).into_owned()
        }
    }

    fn finds_in(&self, bytes: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|search| search.is_match(bytes))
    }
}

/// The [`Redactor`] of this moment, for whoever tells of what nobody foresaw, as a panic. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Blanks(Arc<RwLock<Option<Redactor>>>);

impl Blanks {
    /// These secrets are all that there are, from now on.
    pub fn set(&self, redactor: Redactor) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(redactor);
    }

    /// `text` with every known secret blanked. `None` so long as nobody said which there are, and while somebody does:
    /// never waits.
    pub fn text(&self, text: &str) -> Option<String> {
        let known = self.0.try_read().ok()?;
        known.as_ref().map(|redactor| redactor.text(text))
    }
}

/// What is said of a task that ended without a result. The text of a panic may hold anything, and is told by the hook of
/// panics alone, which blanks it.
pub fn ending(error: &tokio::task::JoinError) -> &'static str {
    if error.is_panic() { "it panicked" } else { "it was cancelled" }
}

/// What usual programs keep as it is when they percent-encode: nothing but letters and digits; RFC 3986; JavaScript's
/// `encodeURIComponent`; an HTML form; .NET's form; a path.
const KEPT: [&[u8]; 6] = [b"", b"-_.~", b"-_.!~*'()", b"*-._", b"-_.!*()", b"-_.~/+"];

/// What usual writers of JSON escape as `\\u` and four digits besides control characters: nothing; what is not ASCII; what would be markup,
/// with the rest as it is or not; what would be in the way of any language, as .NET does; everything.
const ESCAPED: [fn(u16) -> bool; 6] = [
    |_| false,
    |unit| unit > 127,
    is_markup,
    |unit| unit > 127 || is_markup(unit),
    |unit| unit > 127 || is_markup(unit) || b"\"'+`".iter().any(|b| u16::from(*b) == unit),
    |_| true,
];

fn is_markup(unit: u16) -> bool {
    b"&<>".iter().any(|b| u16::from(*b) == unit)
}

/// `secret` within a text of JSON whose writer escapes what `escapes` says, in small or capital letters.
fn json(secret: &str, escapes: fn(u16) -> bool, upper: bool) -> String {
    let mut out = String::with_capacity(secret.len() + 8);
    for unit in secret.encode_utf16() {
        let short = match u8::try_from(unit) {
            Ok(b'"') => "\\\"",
            Ok(b'\\') => "\\\\",
            Ok(b'\n') => "\\n",
            Ok(b'\r') => "\\r",
            Ok(b'\t') => "\\t",
            Ok(8) => "\\b",
            Ok(12) => "\\f",
            _ => "",
        };
        match char::from_u32(unit.into()) {
            _ if !escapes(unit) && !short.is_empty() => out.push_str(short),
            Some(c) if !escapes(unit) && c >= ' ' && c.is_ascii() => out.push(c),
            _ if upper => out.push_str(&format!("\\u{unit:04X}")),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out
}

fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let mut forms = vec![secret.to_owned(), hex.to_uppercase(), hex];
    for kept in KEPT {
        let percent = |hex: fn(u8) -> String| -> String {
            let keeps = |b: u8| b.is_ascii_alphanumeric() || kept.contains(&b);
            bytes.iter().map(|&b| if keeps(b) { char::from(b).to_string() } else { hex(b) }).collect()
        };
        for text in [percent(|b| format!("%{b:02X}")), percent(|b| format!("%{b:02x}"))] {
            // In a form, and there only, a space is a plus.
            forms.extend([text.replace("%20", "+"), text]);
        }
    }
    // As serde_json writes it: what is not ASCII stays, unless it is markup.
    let whole = serde_json::to_string(secret).unwrap_or_default();
    let inner = whole.get(1..whole.len().saturating_sub(1)).unwrap_or_default();
    let markup = inner.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    let mut texts =
        vec![inner.to_owned(), markup.clone(), markup.replace("\\u003c", "\\u003C").replace("\\u003e", "\\u003E")];
    for escapes in ESCAPED {
        texts.extend([json(secret, escapes, false), json(secret, escapes, true)]);
    }
    for text in texts {
        // Some escape slashes.
        forms.extend([text.replace('/', "\\/"), text]);
    }
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        forms.push(engine.encode(bytes));
        // Inside a longer text that was encoded as a whole, the secret starts at any of three bit positions;
        // the characters that depend on its neighbours are left off.
        for shift in 1..3 {
            let mut padded = vec![0_u8; shift];
            padded.extend_from_slice(bytes);
            let text = engine.encode(&padded);
            let inner = &text.trim_end_matches('=')[shift + 1..];
            let cut = inner.len().saturating_sub(usize::from(!padded.len().is_multiple_of(3)));
            if cut >= SHORTEST_SEARCHED {
                forms.push(inner[..cut].to_owned());
            }
        }
        let whole = engine.encode(bytes);
        let stem = whole.trim_end_matches('=');
        let cut = stem.len().saturating_sub(usize::from(!bytes.len().is_multiple_of(3)));
        if cut >= SHORTEST_SEARCHED {
            forms.push(stem[..cut].to_owned());
        }
    }
    forms.into_iter().map(String::into_bytes).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "p@ss/w\"ord-Ünïc0de";

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new(SECRET);
        assert_eq!(format!("{secret} {secret:?} {}", serde_json::to_string(&secret).expect("json")), "*** *** \"***\"");
        assert_eq!(secret.expose(), SECRET);
    }

    #[test]
    fn every_form_of_a_secret_is_blanked() {
        let redactor = Redactor::new([SECRET]);
        let hex: String = SECRET.bytes().map(|b| format!("{b:02x}")).collect();
        let basic = |user: &str| STANDARD.encode(format!("{user}:{SECRET}"));
        let json = serde_json::to_string(SECRET).expect("json");
        let stem = STANDARD.encode(SECRET);
        for text in [
            SECRET.to_owned(),
            hex.clone(),
            hex.to_uppercase(),
            "p%40ss%2Fw%22ord%2D%C3%9Cn%C3%AFc0de".to_owned(),
            "p%40ss%2fw%22ord%2d%c3%9cn%c3%afc0de".to_owned(),
            "p%40ss%2Fw%22ord-%C3%9Cn%C3%AFc0de".to_owned(),
            r#"p@ss\/w\"ord-Ünïc0de"#.to_owned(),
            r#"p@ss\/w\"ord-\u00dcn\u00efc0de"#.to_owned(),
            json,
            stem.clone(),
            basic("a"),
            basic("ab"),
            basic("abc"),
        ] {
            let clean = redactor.text(&format!("before {text} after"));
            assert!(clean.contains(BLANK), "{text} stands in {clean}");
            assert_eq!(redactor.clean(format!("before {text} after").into_bytes()), clean.as_bytes());
            assert!(!clean.contains(SECRET) && !clean.contains(&hex) && !clean.contains(stem.trim_end_matches('=')));
        }
        assert_eq!(redactor.text("nothing to hide"), "nothing to hide");
        assert_eq!(redactor.clean(b"nothing to hide\xff".to_vec()), b"nothing to hide\xff");
        assert_eq!(redactor.lossy_text(b"no text: \xff"), "no text: \u{fffd}");
    }

    /// What the programs write that echo a request: each a way to write `secret` into a text of their own.
    fn written(secret: &str) -> Vec<(&'static str, String)> {
        let bytes = secret.as_bytes();
        let hex = |upper: bool| -> String {
            bytes.iter().map(|b| if upper { format!("{b:02X}") } else { format!("{b:02x}") }).collect()
        };
        let unit = |unit: u16, upper: bool| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
        // A writer of JSON that escapes what `escapes` says, and what every one must.
        let json = |escapes: fn(u16) -> bool, upper: bool| -> String {
            let plain = |c: u16| match u8::try_from(c) {
                Ok(b'"') => "\\\"".to_owned(),
                Ok(b'\\') => "\\\\".to_owned(),
                Ok(b'\n') => "\\n".to_owned(),
                Ok(b'\t') => "\\t".to_owned(),
                Ok(b) if b.is_ascii() => char::from(b).to_string(),
                _ => unit(c, upper),
            };
            secret.encode_utf16().map(|c| if escapes(c) { unit(c, upper) } else { plain(c) }).collect()
        };
        let ascii = |escapes: fn(u16) -> bool| [json(escapes, false), json(escapes, true)];
        let [python, java] = ascii(|c| c > 127);
        let [_, dotnet] = ascii(|c| c > 127 || b"\"&'+<>`".iter().any(|b| u16::from(*b) == c));
        let [all_lower, all_upper] = ascii(|_| true);
        let whole = serde_json::to_string(secret).expect("json");
        let serde = whole[1..whole.len() - 1].to_owned();
        let go = serde.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
        let php = python.replace('/', "\\/");
        let form: String = url::form_urlencoded::byte_serialize(bytes).collect();
        let percent = percent_encoding::percent_encode(bytes, percent_encoding::NON_ALPHANUMERIC).to_string();
        let lower = |text: &str| {
            let mut out = String::new();
            let mut digits = 0;
            for c in text.chars() {
                out.push(if digits > 0 { c.to_ascii_lowercase() } else { c });
                digits = if c == '%' { 2 } else { digits.max(1) - 1 };
            }
            out
        };
        vec![
            ("raw", secret.to_owned()),
            ("hex", hex(false)),
            ("HEX", hex(true)),
            ("percent, lower", lower(&percent)),
            ("percent", percent),
            ("a form, lower", lower(&form)),
            ("a form", form),
            ("base64", STANDARD.encode(bytes)),
            ("base64 without padding", STANDARD_NO_PAD.encode(bytes)),
            ("base64 for URLs", URL_SAFE.encode(bytes)),
            ("base64 for URLs without padding", URL_SAFE_NO_PAD.encode(bytes)),
            ("JSON, Rust", serde),
            ("JSON, Go", go),
            ("JSON, Python", python),
            ("JSON, PHP", php),
            ("JSON, Java", java),
            ("JSON, .NET", dotnet),
            ("JSON, all escaped", all_lower),
            ("JSON, ALL ESCAPED", all_upper),
        ]
    }

    /// The characters that `secret` alone decides in the base64 form of a text that has `before` bytes before it.
    fn core(engine: &impl base64::Engine, secret: &str, before: usize) -> String {
        let within = |byte: u8| engine.encode([&vec![byte; before], secret.as_bytes(), &[byte; 3]].concat());
        let (zeros, ones) = (within(0), within(0xff));
        zeros.chars().zip(ones.chars()).skip(before * 8 / 6).filter(|(a, b)| a == b).map(|(a, _)| a).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn x1_no_program_writes_a_secret_in_a_form_that_is_shown(
            secret in "[ -~\n\täß漢🦀]{4,24}",
            before in prop::collection::vec(any::<u8>(), 0..7),
            after in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            let redactor = Redactor::new([secret.as_str()]);
            for (writer, form) in written(&secret) {
                let said = format!("\u{1}{form}\u{2}");
                prop_assert_eq!(redactor.text(&said), "\u{1}***\u{2}", "{}: {:?}", writer, form);
                prop_assert_eq!(redactor.clean(said.into_bytes()), b"\x01***\x02");
            }
            // In the middle of what was encoded as a whole, as a Basic header is.
            let text = [&before, secret.as_bytes(), &after].concat();
            let shown = [
                (redactor.text(&STANDARD.encode(&text)), core(&STANDARD, &secret, before.len())),
                (redactor.text(&STANDARD_NO_PAD.encode(&text)), core(&STANDARD_NO_PAD, &secret, before.len())),
                (redactor.text(&URL_SAFE.encode(&text)), core(&URL_SAFE, &secret, before.len())),
                (redactor.text(&URL_SAFE_NO_PAD.encode(&text)), core(&URL_SAFE_NO_PAD, &secret, before.len())),
            ];
            for (shown, core) in shown {
                prop_assert!(core.len() >= SHORTEST_SEARCHED && !shown.contains(&core), "{} is in {}", core, shown);
                prop_assert!(shown.contains(BLANK), "{}", shown);
            }
        }
    }
}
