//! What a person is asked for when a stimulus is done by hand: a form, as data. Pure.
//!
//! A form offers what is sensible where the journey stands; `transition` has the last word. [`filled`] turns what was
//! entered into the stimulus's JSON form, which [`parse_stimulus`](super::parse_stimulus) reads.

use serde_json::{Map, Value, json};

use super::{Journey, State, idwise, qoreid};

/// One field of a stimulus's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The argument's key.
    pub name: &'static str,
    /// What it is, for people.
    pub label: &'static str,
    /// How it is asked for.
    pub field: Field,
}

/// How an argument is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// One of these; an empty value leaves the argument out.
    One(Vec<Choice>),
    /// Any of these.
    Some(Vec<Choice>),
    /// Any text; empty leaves the argument out.
    Text {
        /// What it looks like.
        hint: &'static str,
        /// Values that are known to occur.
        known: &'static [&'static str],
    },
}

/// One value to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As it is written in the stimulus.
    pub value: String,
    /// As people read it.
    pub label: String,
}

impl Choice {
    /// A value that is its own label.
    pub fn word(value: &str) -> Self {
        Choice::of(value, value)
    }

    /// A value and what people read.
    pub fn of(value: &str, label: impl Into<String>) -> Self {
        Choice { value: value.to_owned(), label: label.into() }
    }

    /// Nothing chosen, and what happens then, followed by these words.
    pub fn none_or(what_then: &str, words: &[&str]) -> Vec<Self> {
        std::iter::once(Choice::of("", what_then)).chain(words.iter().map(|word| Choice::word(word))).collect()
    }
}

/// The fields of a stimulus's form, where the journey stands now; none for one that needs nothing.
pub fn arguments(journey: &Journey, stimulus: &str) -> Vec<Argument> {
    match &journey.state {
        State::Idwise(state) => idwise::arguments(state, stimulus),
        State::Qoreid(state) => qoreid::arguments(state, stimulus),
    }
}

/// The stimulus in its JSON form, from what was entered: names and values, a name once for each value. What is empty is
/// left out; what no field asks for is ignored. Steps that are asked for share the reason that was entered.
pub fn filled(stimulus: &str, fields: &[Argument], entered: &[(String, String)]) -> Map<String, Value> {
    let values = |name: &str| {
        let of_name = entered.iter().filter(move |(key, value)| key == name && !value.trim().is_empty());
        of_name.map(|(_, value)| value.trim().to_owned()).collect::<Vec<_>>()
    };
    let mut map = Map::new();
    map.insert("do".to_owned(), stimulus.into());
    let several = fields.iter().any(|argument| matches!(argument.field, Field::Some(_)));
    for argument in fields {
        let mut values = values(argument.name);
        match &argument.field {
            Field::Some(_) if values.is_empty() => {}
            Field::Some(_) => {
                let reason = entered.iter().find(|(key, value)| key == "reason_code" && !value.trim().is_empty());
                let reason = reason.map(|(_, reason)| reason.trim());
                let step = |step: &String| json!({ "step": step, "reason_code": reason });
                let steps = values.iter().map(step).map(without_nulls).collect();
                map.insert(argument.name.to_owned(), Value::Array(steps));
            }
            Field::Text { .. } if several && argument.name == "reason_code" => {}
            Field::One(_) | Field::Text { .. } => {
                if let Some(value) = values.pop() {
                    map.insert(argument.name.to_owned(), value.into());
                }
            }
        }
    }
    map
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    value
}
