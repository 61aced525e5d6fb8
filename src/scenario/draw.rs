//! Values that a scenario's journeys carry: pure. The same seed and journey number give the same values.

use serde_json::Value;

use crate::rng::Seed;
use crate::scenario::file::{DataValue, Scenario};

/// The reference of a journey that no `[data]` gives one.
const DEFAULT_REFERENCE: &str = "KYC-{n}";

/// The journey's `reference_no`: what `[data]` says, with the journey's number from 1 for `{n}`.
pub fn reference_no(scenario: &Scenario, number: u64) -> String {
    let pattern = match scenario.data.get("reference_no") {
        Some(DataValue::Sequence(pattern) | DataValue::Literal(Value::String(pattern))) => pattern.as_str(),
        // The reader refuses anything else for a reference.
        Some(DataValue::Literal(_) | DataValue::EdgeText) | None => DEFAULT_REFERENCE,
    };
    pattern.replace("{n}", &number.to_string())
}

/// The seed of a play: the one that was asked for, else the file's, else the configuration's, else a fresh one.
pub fn seed(asked: Option<Seed>, scenario: &Scenario, configured: Option<Seed>) -> Seed {
    asked.or(scenario.seed).or(configured).unwrap_or_else(Seed::fresh)
}
