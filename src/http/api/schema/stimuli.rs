//! What can be done to a journey, for the description: one shape per stimulus, made from the provider's own vocabulary.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::provider::words::{Word, words};
use crate::provider::{self, ProviderKind, idwise, qoreid};

/// The arguments that must be there, by stimulus; all others may be left out.
const NEEDED: [(&str, &str); 7] = [
    ("submit_step", "step"),
    ("review", "decision"),
    ("request_resubmission", "steps"),
    ("aml_monitor_update", "change"),
    ("finish_spot_check", "decision"),
    ("start_step", "step"),
    ("finish_step", "step"),
];

/// Stands for a stimulus's body where routes are described; [`stimulus`] says what is in it.
#[derive(Debug, ToSchema)]
pub struct Stimulus;

/// The shape of a stimulus's body: exactly one of the provider's stimuli, with its arguments.
pub fn stimulus(kind: ProviderKind) -> Value {
    let each: Vec<Value> = provider::stimuli(kind).iter().map(|(word, arguments)| one(kind, word, arguments)).collect();
    json!({ "description": "What is done to a journey: `do`, and the arguments that go with it.", "oneOf": each })
}

fn one(kind: ProviderKind, word: &str, arguments: &[&str]) -> Value {
    let needed: Vec<&str> =
        NEEDED.iter().filter(|(stimulus, _)| *stimulus == word).map(|(_, argument)| *argument).collect();
    let described = |name: &&str| {
        let shape = argument(kind, word, name);
        // Where it may be left out, `null` says the same.
        let shape = if needed.contains(name) { shape } else { json!({ "anyOf": [shape, { "type": "null" }] }) };
        ((*name).to_owned(), shape)
    };
    let mut properties: Map<String, Value> = arguments.iter().map(described).collect();
    properties.insert("do".to_owned(), json!({ "type": "string", "enum": [word] }));
    properties
        .insert("key".to_owned(), json!({ "type": ["string", "null"], "description": "makes the call idempotent" }));
    let required: Vec<&str> = std::iter::once("do").chain(needed).collect();
    json!({
        "title": word, "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}

fn argument(kind: ProviderKind, word: &str, name: &str) -> Value {
    match (kind, name) {
        (ProviderKind::Idwise, "decision") if word == "review" => {
            choice(words::<idwise::ManualDecision>().into_iter().filter(|word| !word.contains(' ')).collect())
        }
        (ProviderKind::Idwise, "decision") => choice(words::<idwise::SystemDecision>()),
        (ProviderKind::Idwise, "change") => json!({ "type": "string", "enum": words::<idwise::AmlChange>() }),
        (ProviderKind::Idwise, "steps") => steps(word),
        (ProviderKind::Idwise, "deadline") => json!({
            "type": "string", "format": "date-time", "example": "2027-09-15T00:00:00Z",
            "description": "an instant; a span from now, such as \"30d\", is taken as well",
        }),
        (ProviderKind::Qoreid, "status") => {
            let cancelled = qoreid::Status::Cancelled.word();
            choice(words::<qoreid::Status>().into_iter().filter(|word| *word != cancelled).collect())
        }
        (ProviderKind::Qoreid, "product") if word == "submit" => {
            json!({ "type": "string", "enum": words::<qoreid::Product>() })
        }
        (ProviderKind::Qoreid, "product") => {
            let mut sources = words::<qoreid::Lookup>();
            sources.push("identity");
            json!({ "type": "string", "enum": sources })
        }
        (_, "step") => json!({ "type": "string", "example": "1" }),
        _ => json!({ "type": "string" }),
    }
}

/// One word, or weights by word.
fn choice(words: Vec<&str>) -> Value {
    let weights: Map<String, Value> =
        words.iter().map(|word| ((*word).to_owned(), json!({ "type": "number", "minimum": 0 }))).collect();
    let above = |word: &&str| {
        let above: Map<String, Value> = Map::from_iter([((*word).to_owned(), json!({ "exclusiveMinimum": 0 }))]);
        json!({ "properties": above, "required": [word] })
    };
    let one_is_above_zero: Vec<Value> = words.iter().map(above).collect();
    let weighed = json!({
        "type": "object", "properties": weights, "anyOf": one_is_above_zero, "additionalProperties": false,
        "description": "weights: one of these is drawn",
    });
    json!({ "oneOf": [{ "type": "string", "enum": words }, weighed] })
}

fn steps(word: &str) -> Value {
    let full = json!({
        "type": "object",
        "properties": { "step": { "type": "string", "example": "1" }, "reason_code": { "type": ["string", "null"] } },
        "required": ["step"],
        "additionalProperties": false,
    });
    let least = u8::from(word == "request_resubmission");
    json!({ "type": "array", "minItems": least, "items": { "oneOf": [{ "type": "string" }, full] } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_what_the_vocabulary_misses() {
        for kind in [ProviderKind::Idwise, ProviderKind::Qoreid] {
            for shape in stimulus(kind)["oneOf"].as_array().expect("a list") {
                let word = shape["title"].as_str().expect("a word");
                let needed: Vec<&str> =
                    shape["required"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
                let with = |names: &[&str]| -> Result<_, String> {
                    let value = |name: &str| match (name, word) {
                        ("do", _) => json!(word),
                        ("steps", _) => json!(["1"]),
                        ("decision", "review") => json!({ "Approved": 1.0, "Rejected": 2 }),
                        ("decision", _) => json!("Refer"),
                        ("change", _) => json!("added"),
                        _ => json!("1"),
                    };
                    let body = names.iter().map(|name| ((*name).to_owned(), value(name))).collect();
                    provider::parse_stimulus(kind, &body)
                };
                assert!(with(&needed).is_ok(), "{word}: {:?}", with(&needed));
                for left_out in 0..needed.len() {
                    let mut names = needed.clone();
                    names.remove(left_out);
                    assert!(with(&names).is_err(), "{word} without {}", needed[left_out]);
                }
            }
        }
    }
}
