//! What is done to a journey, and the words for it.
//!
//! The words are the same in scenario files, the API and code; [`Stimulus::from_json`] reads them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ManualDecision, SystemDecision};
use crate::chance::Weights;
use crate::clock::Timestamp;
use crate::provider::DeadlineKind;
use crate::provider::words::{Word, text_form};

/// Every stimulus's word with the names of its arguments, for schemas and completion.
pub const STIMULI: &[(&str, &[&str])] = &[
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

/// What is done to a journey of IDWise.
#[derive(Clone, Debug, PartialEq)]
pub enum Stimulus {
    /// Start the journey; a no-op on one that is open, kept so that scripts can say it.
    Start,
    /// The user submits a step.
    SubmitStep {
        /// The step's id.
        step: String,
    },
    /// Processing ends.
    FinishProcessing {
        /// What the system decides; the flow's weights when absent.
        decision: Option<Weights<SystemDecision>>,
    },
    /// The customer ends the journey with what is there.
    Complete,
    /// A reviewer approves or rejects.
    Review {
        /// Approved or Rejected.
        decision: Weights<ManualDecision>,
        /// The tenant's reason key.
        reason_code: Option<String>,
        /// For the provider's dashboard; never sent.
        comment: Option<String>,
    },
    /// A reviewer asks for steps again.
    RequestResubmission {
        /// Which, and why.
        steps: Vec<RequiredStep>,
    },
    /// Compliance amends the AML record.
    AmendAml {
        /// What the system decides then; unchanged when absent.
        decision: Option<Weights<SystemDecision>>,
    },
    /// Monitoring finds a change.
    AmlMonitorUpdate {
        /// Which.
        change: AmlChange,
        /// What the system decides then; derived from the change when absent.
        decision: Option<Weights<SystemDecision>>,
    },
    /// A reviewer whitelists the present matches.
    WhitelistAml,
    /// Steps fall due for renewal.
    RenewalDue {
        /// Which, and why; the flow's renewal when empty.
        steps: Vec<RequiredStep>,
        /// Until when; the flow's grace when absent.
        deadline: Option<DeadlineAt>,
    },
    /// The grace period ends.
    RenewalDeadline,
    /// A selfie spot check is done.
    FinishSpotCheck {
        /// What the system decided in it.
        decision: Weights<SystemDecision>,
    },
    /// The user cancels: nothing is sent.
    Cancel,
    /// The customer deletes the journey: nothing is sent.
    Delete,
}

/// When a deadline falls: so long from now, or at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DeadlineAt {
    /// From the stimulus on.
    In(Duration),
    /// At an instant.
    At(Timestamp),
}

/// A step that is asked for again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredStep {
    /// The step's id.
    pub step: String,
    /// Why; a default that fits the trigger when absent.
    pub reason_code: Option<String>,
}

/// What monitoring found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmlChange {
    /// A new match.
    Added,
    /// A match is gone.
    Removed,
    /// A match's risk details changed.
    Changed,
}

impl AmlChange {
    /// `added`, `removed` or `changed`.
    pub fn as_str(self) -> &'static str {
        match self {
            AmlChange::Added => "added",
            AmlChange::Removed => "removed",
            AmlChange::Changed => "changed",
        }
    }
}

impl Word for AmlChange {
    const KIND: &'static str = "a change of AML matches";
    const ALL: &'static [Self] = &[AmlChange::Added, AmlChange::Removed, AmlChange::Changed];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

text_form!(AmlChange);

impl Stimulus {
    /// The stimulus's word, one of [`STIMULI`].
    pub fn name(&self) -> &'static str {
        match self {
            Stimulus::Start => "start",
            Stimulus::SubmitStep { .. } => "submit_step",
            Stimulus::FinishProcessing { .. } => "finish_processing",
            Stimulus::Complete => "complete",
            Stimulus::Review { .. } => "review",
            Stimulus::RequestResubmission { .. } => "request_resubmission",
            Stimulus::AmendAml { .. } => "amend_aml",
            Stimulus::AmlMonitorUpdate { .. } => "aml_monitor_update",
            Stimulus::WhitelistAml => "whitelist_aml",
            Stimulus::RenewalDue { .. } => "renewal_due",
            Stimulus::RenewalDeadline => "renewal_deadline",
            Stimulus::FinishSpotCheck { .. } => "finish_spot_check",
            Stimulus::Cancel => "cancel",
            Stimulus::Delete => "delete",
        }
    }

    /// What it is done with, for people: the step, the change, the decision where there is no choice.
    pub fn object(&self) -> Option<String> {
        match self {
            Stimulus::SubmitStep { step } => Some(step.clone()),
            Stimulus::FinishProcessing { decision } | Stimulus::AmendAml { decision } => {
                decision.as_ref().and_then(only)
            }
            Stimulus::FinishSpotCheck { decision } => only(decision),
            Stimulus::Review { decision, .. } => only(decision),
            Stimulus::AmlMonitorUpdate { change, .. } => Some(change.to_string()),
            Stimulus::RequestResubmission { steps } | Stimulus::RenewalDue { steps, .. } => {
                let steps: Vec<&str> = steps.iter().map(|required| required.step.as_str()).collect();
                (!steps.is_empty()).then(|| steps.join(", "))
            }
            Stimulus::Start
            | Stimulus::Complete
            | Stimulus::WhitelistAml
            | Stimulus::RenewalDeadline
            | Stimulus::Cancel
            | Stimulus::Delete => None,
        }
    }

    /// What a deadline turns into.
    pub fn from_deadline(kind: DeadlineKind) -> Self {
        match kind {
            DeadlineKind::Processing => Stimulus::FinishProcessing { decision: None },
            DeadlineKind::RenewalDue => Stimulus::RenewalDue { steps: Vec::new(), deadline: None },
            DeadlineKind::RenewalDeadline => Stimulus::RenewalDeadline,
        }
    }
}

/// The one value that can be drawn, where there is only one.
fn only<T: Copy + std::fmt::Display>(weights: &Weights<T>) -> Option<String> {
    match weights.pairs() {
        [(value, _)] => Some(value.to_string()),
        _ => None,
    }
}
