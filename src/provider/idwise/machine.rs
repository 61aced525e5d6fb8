//! The machine of `transition.rs` as a table, for drawing. Checked against it by the properties under random stimuli.

use crate::provider::machine::{Machine, Move, Place};

/// The machine of a journey of IDWise.
pub const MACHINE: Machine = Machine { places: PLACES, moves: MOVES };

const PLACES: &[Place] = &[
    Place { name: "open", words: &["open"] },
    Place { name: "processing", words: &["processing"] },
    Place { name: "finished", words: &["passed", "referred", "incomplete", "approved", "rejected"] },
    Place { name: "resubmission_requested", words: &["resubmission_requested"] },
    Place { name: "renewal_due", words: &["renewal_due"] },
    Place { name: "renewal_lapsed", words: &["renewal_lapsed"] },
    Place { name: "deleted", words: &["deleted"] },
];

const fn on(from: &'static str, by: &'static str, to: &'static str) -> Move {
    Move { from, by, to }
}

const MOVES: &[Move] = &[
    on("open", "start", "open"),
    on("open", "submit_step", "open"),
    on("open", "cancel", "open"),
    on("open", "submit_step", "processing"),
    on("open", "complete", "finished"),
    on("processing", "finish_processing", "finished"),
    on("processing", "complete", "finished"),
    on("finished", "review", "finished"),
    on("finished", "amend_aml", "finished"),
    on("finished", "aml_monitor_update", "finished"),
    on("finished", "whitelist_aml", "finished"),
    on("finished", "finish_spot_check", "finished"),
    on("finished", "request_resubmission", "resubmission_requested"),
    on("finished", "renewal_due", "renewal_due"),
    on("resubmission_requested", "submit_step", "resubmission_requested"),
    on("resubmission_requested", "submit_step", "processing"),
    on("renewal_due", "submit_step", "renewal_due"),
    on("renewal_due", "aml_monitor_update", "renewal_due"),
    on("renewal_due", "whitelist_aml", "renewal_due"),
    on("renewal_due", "submit_step", "processing"),
    on("renewal_due", "renewal_deadline", "renewal_lapsed"),
    on("renewal_lapsed", "submit_step", "renewal_lapsed"),
    on("renewal_lapsed", "submit_step", "processing"),
    on("open", "delete", "deleted"),
    on("processing", "delete", "deleted"),
    on("finished", "delete", "deleted"),
    on("resubmission_requested", "delete", "deleted"),
    on("renewal_due", "delete", "deleted"),
    on("renewal_lapsed", "delete", "deleted"),
];
