//! JSON in the order in which it was put together, and in the bytes that JavaScript's `JSON.stringify` would write.
//!
//! A receiver checks the signature over `JSON.stringify(JSON.parse(body))`, so the bytes must survive that: compact,
//! members in order and never named like an integer, `/` and letters as they are, no number with a fraction of zero.

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

/// Most bodies are not longer.
const ORDINARY: usize = 1_536;

/// A value whose members keep their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number below 2^53, which is what JavaScript keeps exactly.
    Int(u64),
    /// A number with a fraction.
    Real(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// Members, in order; a name stands once.
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// A text, or `null`.
    pub fn text_or_null(text: Option<&str>) -> Json {
        text.map_or(Json::Null, Json::from)
    }

    /// The exact bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ORDINARY);
        self.write(&mut bytes);
        bytes
    }

    /// What serde_json would write, without asking every character of every name whether it needs an escape: a body is
    /// written for each event, and that was a third of what it took to make one.
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Json::Null => bytes.extend_from_slice(b"null"),
            Json::Bool(true) => bytes.extend_from_slice(b"true"),
            Json::Bool(false) => bytes.extend_from_slice(b"false"),
            Json::Text(text) if is_plain(text) => {
                bytes.push(b'"');
                bytes.extend_from_slice(text.as_bytes());
                bytes.push(b'"');
            }
            Json::Text(_) | Json::Int(_) | Json::Real(_) => {
                serde_json::to_writer(bytes, self).expect("texts and numbers always become JSON");
            }
            Json::List(items) => {
                bytes.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    bytes.extend_from_slice(if at == 0 { b"" } else { b"," });
                    item.write(bytes);
                }
                bytes.push(b']');
            }
            Json::Object(members) => {
                bytes.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    debug_assert!(is_plain(name), "{name} would have to be escaped");
                    bytes.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
                    bytes.extend_from_slice(name.as_bytes());
                    bytes.extend_from_slice(b"\":");
                    value.write(bytes);
                }
                bytes.push(b'}');
            }
        }
    }
}

/// Whether a text stands in JSON as it is. All of it is looked at, which is quicker than to stop.
fn is_plain(text: &str) -> bool {
    !text.bytes().fold(false, |escaped, byte| escaped | (byte < b' ') | (byte == b'"') | (byte == b'\\'))
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::Text(text)
    }
}

impl From<bool> for Json {
    fn from(truth: bool) -> Self {
        Json::Bool(truth)
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Json::Int(number)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(truth) => serializer.serialize_bool(*truth),
            Json::Int(number) => serializer.serialize_u64(*number),
            Json::Real(number) => serializer.serialize_f64(*number),
            Json::Text(text) => serializer.serialize_str(text),
            Json::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Json::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_json_stringify() {
        let value = Json::Object(vec![
            ("z", Json::Null),
            ("none", Json::Object(vec![])),
            ("not", Json::List(vec![false.into()])),
            ("a", Json::List(vec![true.into(), 7.into(), Json::Real(6.52626)])),
            ("text", "Adé / \"客\"\n\u{1}\u{2028}".into()),
        ]);
        let text = String::from_utf8(value.to_bytes()).expect("UTF-8");
        assert_eq!(text.as_bytes(), serde_json::to_vec(&value).expect("JSON"), "as the API answers with it");
        assert_eq!(
            text,
            "{\"z\":null,\"none\":{},\"not\":[false],\"a\":[true,7,6.52626],\"text\":\"Adé / \\\"客\\\"\\n\\u0001\u{2028}\"}"
        );
    }
}
