//! Secrets, and the promise that they are never shown.
//!
//! A [`Secret`] prints as `***` wherever it is formatted or serialised. A [`Redactor`] takes what came from
//! outside, a receiver's answer say, and blanks every form in which a known secret may stand in it.

use std::fmt;
use std::sync::Arc;

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

/// What usual programs keep as it is when they percent-encode: nothing but letters and digits; RFC 3986; JavaScript's
/// `encodeURIComponent`; an HTML form; a path.
const KEPT: [&[u8]; 5] = [b"", b"-_.~", b"-_.!~*'()", b"*-._", b"-_.~/+"];

fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let mut forms = vec![secret.to_owned(), hex.to_uppercase(), hex];
    for kept in KEPT {
        let percent = |hex: fn(u8) -> String| -> String {
            let keeps = |b: u8| b.is_ascii_alphanumeric() || kept.contains(&b);
            bytes.iter().map(|&b| if keeps(b) { char::from(b).to_string() } else { hex(b) }).collect()
        };
        let upper = percent(|b| format!("%{b:02X}"));
        // In a form, and there only, a space is a plus.
        forms.extend([upper.replace("%20", "+"), upper, percent(|b| format!("%{b:02x}"))]);
    }
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    // Some writers of JSON escape what is not ASCII, some escape slashes.
    let ascii: String = json
        .encode_utf16()
        .map(|unit| char::from_u32(unit.into()).filter(char::is_ascii).map_or(format!("\\u{unit:04x}"), String::from))
        .collect();
    for text in [json, &ascii] {
        forms.extend([text.to_owned(), text.replace('/', "\\/")]);
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
}
