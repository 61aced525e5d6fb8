//! Reads a stimulus from its JSON form, `{"do":"submit_step","step":"1"}`: the one vocabulary of scenario lines,
//! API bodies and provider routes.
//!
//! Callers take out the keys that are theirs (`after`, `when`, `key`, ...) first. Nothing is guessed: a word that
//! is not known is refused with the nearest one and all that is accepted.

use serde_json::{Map, Value};

use super::{AmlChange, DeadlineAt, ManualDecision, RequiredStep, STIMULI, Stimulus};
use crate::chance::{Weights, parse_span};
use crate::provider::words::{self, Word};

impl Stimulus {
    /// Reads a stimulus: `do`, and the arguments that [`STIMULI`] names for it.
    ///
    /// # Errors
    /// What is wrong, the nearest valid word, and what is accepted.
    pub fn from_json(map: &Map<String, Value>) -> Result<Stimulus, String> {
        let args = Args::of(map)?;
        Ok(match args.stimulus {
            "start" => Stimulus::Start,
            "submit_step" => Stimulus::SubmitStep { step: args.needed("step", text)? },
            "finish_processing" => Stimulus::FinishProcessing { decision: args.optional("decision", weights)? },
            "complete" => Stimulus::Complete,
            "review" => Stimulus::Review {
                decision: args.needed("decision", review)?,
                reason_code: args.optional("reason_code", text)?,
                comment: args.optional("comment", text)?,
            },
            "request_resubmission" => Stimulus::RequestResubmission { steps: args.needed("steps", at_least_one)? },
            "amend_aml" => Stimulus::AmendAml { decision: args.optional("decision", weights)? },
            "aml_monitor_update" => Stimulus::AmlMonitorUpdate {
                change: args.needed("change", word::<AmlChange>)?,
                decision: args.optional("decision", weights)?,
            },
            "whitelist_aml" => Stimulus::WhitelistAml,
            "renewal_due" => Stimulus::RenewalDue {
                steps: args.optional("steps", required_steps)?.unwrap_or_default(),
                deadline: args.optional("deadline", deadline)?,
            },
            "renewal_deadline" => Stimulus::RenewalDeadline,
            "finish_spot_check" => Stimulus::FinishSpotCheck { decision: args.needed("decision", weights)? },
            "cancel" => Stimulus::Cancel,
            "delete" => Stimulus::Delete,
            other => return Err(unknown_word(other)),
        })
    }
}

/// The arguments of one stimulus, known to have no stranger among them.
struct Args<'a> {
    stimulus: &'static str,
    map: &'a Map<String, Value>,
}

impl<'a> Args<'a> {
    fn of(map: &'a Map<String, Value>) -> Result<Self, String> {
        let Some(value) = map.get("do") else {
            return Err(format!("\"do\" is missing: it says what happens, one of {}", all_words().join(", ")));
        };
        let given = value
            .as_str()
            .ok_or_else(|| format!("\"do\" is {}: write one of {}", show(value), all_words().join(", ")))?;
        let (stimulus, accepted) =
            STIMULI.iter().copied().find(|(word, _)| *word == given).ok_or_else(|| unknown_word(given))?;
        for key in map.keys().filter(|key| *key != "do") {
            if !accepted.contains(&key.as_str()) {
                let accepted = words::suggest(key, accepted);
                return Err(format!("{stimulus} has no argument {key:?}{accepted}"));
            }
        }
        Ok(Args { stimulus, map })
    }

    /// An argument that may be left out; `null` counts as left out.
    fn optional<T>(&self, name: &str, read: fn(&Value) -> Result<T, String>) -> Result<Option<T>, String> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                read(value).map(Some).map_err(|why| format!("argument {name:?} of {}: {why}", self.stimulus))
            }
        }
    }

    /// An argument that must be there.
    fn needed<T>(&self, name: &str, read: fn(&Value) -> Result<T, String>) -> Result<T, String> {
        self.optional(name, read)?
            .ok_or_else(|| format!("{} needs the argument {name:?}, as in {}", self.stimulus, example(self.stimulus)))
    }
}

fn all_words() -> Vec<&'static str> {
    STIMULI.iter().map(|(word, _)| *word).collect()
}

fn unknown_word(given: &str) -> String {
    format!("{given:?} is not a stimulus{}", words::suggest(given, &all_words()))
}

/// A whole line that would be accepted.
fn example(stimulus: &str) -> &'static str {
    match stimulus {
        "submit_step" => r#"{ do = "submit_step", step = "1" }"#,
        "review" => r#"{ do = "review", decision = "Approved" }"#,
        "request_resubmission" => {
            r#"{ do = "request_resubmission", steps = [{ step = "1", reason_code = "RESUBMIT_BAD_QUALITY" }] }"#
        }
        "aml_monitor_update" => r#"{ do = "aml_monitor_update", change = "added" }"#,
        _ => r#"{ do = "finish_spot_check", decision = "Complete" }"#,
    }
}

/// A value as a complaint names it.
fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        Value::String(text) => format!("{text:?}"),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => format!("the number {number}"),
    }
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Err(format!("{} is not a string: write \"{number}\"", show(value))),
        other => Err(format!("{} is not a string", show(other))),
    }
}

fn word<T: Word>(value: &Value) -> Result<T, String> {
    match value {
        Value::String(text) => words::read(text),
        other => Err(format!("{} is not {}: accepted: {}", show(other), T::KIND, words::words::<T>().join(", "))),
    }
}

/// One value, or a table of weights.
fn weights<T: Word + PartialEq>(value: &Value) -> Result<Weights<T>, String> {
    let Value::Object(table) = value else {
        return word(value).map(Weights::only);
    };
    let mut pairs: Vec<(T, f64)> = Vec::new();
    for (name, weight) in table {
        let weight = weight.as_f64().filter(|weight| *weight >= 0.0);
        let weight = weight.ok_or_else(|| format!("the weight of {name:?} is not a number of 0 or more"))?;
        pairs.push((words::read(name)?, weight));
    }
    // The vocabulary's order, not the file's: how a table is written has no say in what is drawn.
    pairs.sort_by_key(|(value, _)| T::ALL.iter().position(|known| known == value));
    Weights::new(pairs)
        .ok_or_else(|| format!("no weight is above 0: write a table such as {{ {} = 1 }}", T::ALL[0].word()))
}

/// A manual decision that ends a review.
#[derive(Clone, Copy, PartialEq)]
struct ReviewDecision(ManualDecision);

impl Word for ReviewDecision {
    const KIND: &'static str = "a review's decision";
    const ALL: &'static [Self] = &[ReviewDecision(ManualDecision::Approved), ReviewDecision(ManualDecision::Rejected)];
    fn word(self) -> &'static str {
        self.0.as_str()
    }
}

fn review(value: &Value) -> Result<Weights<ManualDecision>, String> {
    let asks_again = value.to_string().contains(ManualDecision::ResubmissionRequested.as_str());
    let weights: Weights<ReviewDecision> = weights(value).map_err(|why| match asks_again {
        true => format!("{why}; to ask for steps again use {}", example("request_resubmission")),
        false => why,
    })?;
    let pairs = weights.pairs().iter().map(|(decision, weight)| (decision.0, *weight)).collect();
    Weights::new(pairs).ok_or_else(|| "no weight is above 0".to_owned())
}

/// A list of steps, each an id or `{ step, reason_code }`.
fn required_steps(value: &Value) -> Result<Vec<RequiredStep>, String> {
    let form = "write a list such as [{ step = \"1\", reason_code = \"...\" }] or [\"1\"]";
    let Value::Array(items) = value else { return Err(format!("{} is not a list: {form}", show(value))) };
    items.iter().map(|item| required_step(item, form)).collect()
}

fn required_step(item: &Value, form: &str) -> Result<RequiredStep, String> {
    let map = match item {
        Value::String(step) => return Ok(RequiredStep { step: step.clone(), reason_code: None }),
        Value::Object(map) => map,
        other => return Err(format!("{} is not a step: {form}", show(other))),
    };
    let keys = ["step", "reason_code"];
    if let Some(key) = map.keys().find(|key| !keys.contains(&key.as_str())) {
        return Err(format!("a step has no key {key:?}{}", words::suggest(key, &keys)));
    }
    let step = map.get("step").ok_or_else(|| format!("a step lacks its \"step\": {form}"))?;
    let reason_code = map.get("reason_code").filter(|code| !code.is_null());
    Ok(RequiredStep { step: text(step)?, reason_code: reason_code.map(text).transpose()? })
}

fn at_least_one(value: &Value) -> Result<Vec<RequiredStep>, String> {
    let steps = required_steps(value)?;
    if steps.is_empty() { Err("the list is empty: name at least one step".to_owned()) } else { Ok(steps) }
}

/// A span from now, or an instant.
fn deadline(value: &Value) -> Result<DeadlineAt, String> {
    let text = text(value)?;
    if let Ok(at) = text.parse() {
        return Ok(DeadlineAt::At(at));
    }
    let span = parse_span(&text).map_err(|why| format!("{why}; or an instant like \"2026-11-20T08:00:00Z\""))?;
    Ok(DeadlineAt::In(span))
}
