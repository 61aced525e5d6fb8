//! The stimuli that a line can name, and how a line's arguments become one.

use serde_json::{Map, Value as Json};

use crate::chance::{Weights, parse_span};
use crate::portal::words::{review_decision, system_decision};
use crate::provider;
use crate::provider::idwise::{AmlChange, DeadlineAt, RequiredStep, Stimulus, SystemDecision};
use crate::reader::nearest::listed;

/// Every stimulus's word with the names of its arguments.
pub(super) const STIMULI: &[(&str, &[&str])] = &[
    ("start", &[]),
    ("submit_step", &["step"]),
    ("finish_processing", &["decision"]),
    ("complete", &[]),
    ("review", &["decision", "reason_code", "comment"]),
    ("request_resubmission", &["steps"]),
    ("amend_aml", &["decision"]),
    ("aml_monitor_update", &["change", "decision"]),
    ("whitelist_aml", &[]),
    ("renewal_due", &["steps", "deadline"]),
    ("renewal_deadline", &[]),
    ("finish_spot_check", &["decision"]),
    ("cancel", &[]),
    ("delete", &[]),
];

/// The stimulus that `map` writes down: `do`, and the arguments that [`STIMULI`] names for it.
///
/// # Errors
/// What is wrong; an argument that is to blame is named in quotes.
pub(super) fn stimulus(map: &Map<String, Json>) -> Result<provider::Stimulus, String> {
    let name = map.get("do").and_then(Json::as_str).unwrap_or_default();
    let needed = |key: &str| map.get(key).ok_or_else(|| format!("{name} needs the argument {key:?}"));
    let text = |key: &str, value: &Json| {
        value.as_str().map(str::to_owned).ok_or_else(|| format!("argument {key:?} of {name} must be a text in quotes"))
    };
    let optional = |key: &str| map.get(key).map(|value| text(key, value)).transpose();
    let blame = |key: &str, why: String| format!("argument {key:?} of {name}: {why}");
    let system = || match map.get("decision") {
        None => Ok(None),
        Some(value) => weights(value, system_decision).map(Some).map_err(|why| blame("decision", why)),
    };
    let list = |value: &Json| required(value).map_err(|why| blame("steps", why));
    let stimulus = match name {
        "start" => Stimulus::Start,
        "submit_step" => Stimulus::SubmitStep { step: text("step", needed("step")?)? },
        "finish_processing" => Stimulus::FinishProcessing { decision: system()? },
        "complete" => Stimulus::Complete,
        "review" => Stimulus::Review {
            decision: weights(needed("decision")?, review_decision).map_err(|why| blame("decision", why))?,
            reason_code: optional("reason_code")?,
            comment: optional("comment")?,
        },
        "request_resubmission" => Stimulus::RequestResubmission { steps: list(needed("steps")?)? },
        "amend_aml" => Stimulus::AmendAml { decision: system()? },
        "aml_monitor_update" => Stimulus::AmlMonitorUpdate { change: change(needed("change")?)?, decision: system()? },
        "whitelist_aml" => Stimulus::WhitelistAml,
        "renewal_due" => Stimulus::RenewalDue {
            steps: map.get("steps").map(list).transpose()?.unwrap_or_default(),
            deadline: optional("deadline")?.map(|at| deadline(&at)).transpose()?,
        },
        "renewal_deadline" => Stimulus::RenewalDeadline,
        "finish_spot_check" => {
            needed("decision")?;
            Stimulus::FinishSpotCheck { decision: system()?.unwrap_or_else(|| Weights::only(SystemDecision::Complete)) }
        }
        "cancel" => Stimulus::Cancel,
        "delete" => Stimulus::Delete,
        other => return Err(format!("{other:?} is not a stimulus")),
    };
    Ok(provider::Stimulus::Idwise(stimulus))
}

fn weights<T: Copy>(value: &Json, word: fn(&str) -> Option<T>) -> Result<Weights<T>, String> {
    let known = |text: &str| word(text).ok_or_else(|| format!("{text:?} is not one of its decisions"));
    match value {
        Json::String(text) => known(text).map(Weights::only),
        Json::Object(pairs) => {
            let mut read = Vec::with_capacity(pairs.len());
            for (text, weight) in pairs {
                let weight = weight.as_f64().ok_or_else(|| format!("the weight of {text:?} is not a number"))?;
                read.push((known(text)?, weight));
            }
            Weights::new(read).ok_or_else(|| "no weight is above 0".to_owned())
        }
        _ => Err("must be one decision, or a table of weights".to_owned()),
    }
}

fn required(value: &Json) -> Result<Vec<RequiredStep>, String> {
    let form = "write a list such as [{ step = \"1\", reason_code = \"RESUBMIT_BAD_QUALITY\" }] or [\"1\"]";
    let items = value.as_array().filter(|items| !items.is_empty()).ok_or(form)?;
    let read = |item: &Json| match item {
        Json::String(step) => Some(RequiredStep { step: step.clone(), reason_code: None }),
        Json::Object(map) => {
            let closed = map.keys().all(|key| key == "step" || key == "reason_code");
            let reason_code = map.get("reason_code").map(|code| code.as_str().map(str::to_owned));
            let step = map.get("step")?.as_str()?.to_owned();
            let reason_code = reason_code.map_or(Some(None), |code| code.map(Some))?;
            closed.then_some(RequiredStep { step, reason_code })
        }
        _ => None,
    };
    items.iter().map(|item| read(item).ok_or_else(|| form.to_owned())).collect()
}

fn change(value: &Json) -> Result<AmlChange, String> {
    match value.as_str() {
        Some("added") => Ok(AmlChange::Added),
        Some("removed") => Ok(AmlChange::Removed),
        Some("changed") => Ok(AmlChange::Changed),
        _ => Err(format!("argument \"change\" must be {}", listed(["added", "removed", "changed"]))),
    }
}

fn deadline(text: &str) -> Result<DeadlineAt, String> {
    if let Ok(at) = text.parse() {
        return Ok(DeadlineAt::At(at));
    }
    let span = parse_span(text).map_err(|why| format!("argument \"deadline\": {why}, or an instant"))?;
    Ok(DeadlineAt::In(span))
}
