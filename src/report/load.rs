//! The result of `load`. Durations are milliseconds, as numbers; keys may be added, none is taken away.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::outbox::Ledger;
use crate::report::Figures;
use crate::scenario::judge::Judged;

/// A report of `load`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadReport {
    /// The process's exit code.
    pub exit_code: u8,
    /// Why.
    pub exit_reason: String,
    /// `load`
    pub command: String,
    /// The scenario's name.
    pub name: String,
    /// The seed that repeats it.
    pub seed: u64,
    /// When it was run, RFC 3339.
    pub at: String,
    /// How its clock ran: `real`, `scaled 60`, `leap`.
    pub clock: String,
    /// Real seconds that it took, warm-up and draining included.
    pub took_s: f64,
    /// Real seconds that were measured.
    pub measured_s: f64,
    /// Journeys started.
    pub journeys: u64,
    /// Lines that were carried out.
    pub lines: u64,
    /// Lines that were left out: `when` did not match, or the journey's state did not allow it.
    pub skipped: u64,
    /// What the outbox counted.
    pub ledger: Ledger,
    /// What was required, and how it came.
    pub expectations: Vec<Judged>,
    /// Rates asked for and achieved.
    pub rate: Rate,
    /// From the planned instant of a send to the last byte of its answer: what a user would have felt.
    pub latency: Figures,
    /// From the actual send to the last byte of its answer: all that a closed loop would have told.
    pub service: Figures,
    /// From an event's planned instant to its acceptance, retries included.
    pub lag: Figures,
    /// How late we were ourselves.
    pub late: Figures,
    /// Failed attempts by error class.
    pub errors: BTreeMap<String, u64>,
    /// Answers by status.
    pub statuses: BTreeMap<String, u64>,
    /// By event type.
    pub types: BTreeMap<String, Part>,
    /// By webhook.
    pub webhooks: BTreeMap<String, Part>,
    /// Latency's distribution: buckets that rise.
    pub histogram: Vec<Bucket>,
    /// Second by second.
    pub series: Vec<Second>,
    /// The knee, where it was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knee: Option<Knee>,
}

/// Rates, per real second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rate {
    /// Journeys that were to start.
    pub asked: f64,
    /// Journeys that started.
    pub started: f64,
    /// Deliveries that were accepted by their receivers.
    pub delivered: f64,
    /// Attempts.
    pub attempts: f64,
    /// How much of the planned pace was kept; 1 is all of it. 0 on a clock that leaps: there was no pace to keep.
    pub kept: f64,
}

/// A part of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Attempts.
    pub attempts: u64,
    /// Those that were refused or failed.
    pub failed: u64,
    /// From the planned instant.
    pub latency: Figures,
}

/// So many latencies up to here, from the bucket before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bucket {
    /// The upper end in milliseconds.
    pub to_ms: f64,
    /// How many.
    pub count: u64,
}

/// A second of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Second {
    /// Its number, from 0.
    pub at_s: u64,
    /// Journeys per second that were asked for.
    pub asked: f64,
    /// Journeys that started in it.
    pub started: u64,
    /// Attempts that ended in it.
    pub attempts: u64,
    /// Those of them that were accepted.
    pub delivered: u64,
    /// Attempts under way at its end.
    pub in_flight: u64,
    /// Half of its latencies are below.
    pub p50: f64,
    /// Nine of ten are.
    pub p90: f64,
    /// 99 of 100 are.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// Where a receiver's capacity ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Knee {
    /// The last rate that it kept, in journeys per second.
    pub rate: f64,
    /// The deliveries per second at that rate.
    pub delivered: f64,
    /// What ended it.
    pub reason: String,
    /// Every rate that was tried, with its 99th percentile in milliseconds and the share that was refused.
    pub tried: Vec<(f64, f64, f64)>,
}
