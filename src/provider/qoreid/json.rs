//! JSON in the order in which it was put together, and in the bytes that JavaScript's `JSON.stringify` would write.
//!
//! A receiver checks the signature over `JSON.stringify(JSON.parse(body))`, so the bytes must survive that: compact,
//! members in order and never named like an integer, `/` and letters as they are, no number with a fraction of zero.

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

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
        serde_json::to_vec(self).expect("texts, numbers and lists always become JSON")
    }
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
            ("a", Json::List(vec![true.into(), 7.into(), Json::Real(6.52626)])),
            ("text", "Adé / \"客\"\n\u{1}\u{2028}".into()),
        ]);
        let text = String::from_utf8(value.to_bytes()).expect("UTF-8");
        assert_eq!(text, "{\"z\":null,\"a\":[true,7,6.52626],\"text\":\"Adé / \\\"客\\\"\\n\\u0001\u{2028}\"}");
    }
}
