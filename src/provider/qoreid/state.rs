//! Where a verification stands, what it is called, and what may be done to it then.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Casing, Flow, Lookup, Product, Status, StepDefinition, Submission};
use crate::clock::Timestamp;
use crate::provider::{JourneyView, StepView};

/// The words that a script's `when` may have: see [`State::matches`].
pub const WHEN: [&str; 10] = [
    "passed",
    "failed",
    "open",
    "VERIFIED",
    "WRONG_ADDRESS",
    "INVALID_ADDRESS",
    "NO_ACCESS",
    "UNVERIFIED",
    "ID_MISMATCH",
    "CANCELLED",
];

/// Where a verification of QoreID stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// What is verified.
    pub product: Product,
    /// The place in the machine.
    pub phase: Phase,
    /// How it ended.
    pub status: Option<Status>,
    /// What was submitted, as [`Submission::to_text`] has it; empty before.
    pub submitted: String,
    /// When it was submitted.
    pub requested_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The look-ups whose source is down.
    pub down: BTreeSet<Lookup>,
    /// A workflow's steps, in order.
    pub steps: Vec<Step>,
    /// In which case its statuses are written.
    pub casing: Casing,
}

/// The places in the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing was submitted yet.
    Draft,
    /// A look-up that waits for its source to return.
    Queued,
    /// People, or the workflow's steps, are at work.
    InProgress,
    /// It ended, one way or another.
    Complete,
    /// It was called off.
    Cancelled,
    /// The call failed: the source was down, and nothing waits for it.
    Failed,
}

/// A step of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is verified.
    pub definition: StepDefinition,
    /// How far it is.
    pub phase: StepPhase,
}

impl Step {
    fn view(&self) -> StepView<'_> {
        StepView { id: &self.definition.id, kind: self.definition.product.as_str(), state: self.phase.as_str() }
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepPhase {
    /// It has not begun.
    Pending,
    /// It has begun.
    InProgress,
    /// It ended so.
    Complete(Status),
}

impl StepPhase {
    /// `pending`, `in_progress` or `complete`.
    pub fn as_str(self) -> &'static str {
        match self {
            StepPhase::Pending => "pending",
            StepPhase::InProgress => "in_progress",
            StepPhase::Complete(_) => "complete",
        }
    }
}

impl State {
    /// A verification on which nothing was submitted yet.
    pub fn new(flow: &Flow) -> Self {
        let step = |definition: &StepDefinition| Step { definition: definition.clone(), phase: StepPhase::Pending };
        State {
            product: flow.product,
            phase: Phase::Draft,
            status: None,
            submitted: String::new(),
            requested_at: None,
            completed_at: None,
            down: flow.down.clone(),
            steps: flow.steps.iter().map(step).collect(),
            casing: flow.casing,
        }
    }

    /// What was submitted; the published sample when nothing particular was.
    pub fn submission(&self) -> Submission {
        if self.submitted.is_empty() { Submission::sample() } else { Submission::from_text(&self.submitted) }
    }

    /// The state's word.
    pub fn word(&self) -> &'static str {
        match self.phase {
            Phase::Draft => "draft",
            Phase::Queued => "queued",
            Phase::InProgress => "in_progress",
            Phase::Complete => "complete",
            Phase::Cancelled => "cancelled",
            Phase::Failed => "failed",
        }
    }

    /// What is shown of the state. A status is both the system's decision and the final one: no person decides here.
    pub fn view(&self) -> JourneyView<'_> {
        let status = self.status.map(|status| status.as_str());
        JourneyView {
            state: self.word(),
            system_decision: status,
            manual_decision: None,
            final_decision: status,
            steps: self.steps.iter().map(Step::view).collect(),
            legal: self.legal(),
        }
    }

    /// Whether a script's `when` (one of [`WHEN`]) matches: `open` until it ended, then `passed` or `failed`, and the
    /// status's own word.
    pub fn matches(&self, when: &str) -> bool {
        let open = matches!(self.phase, Phase::Draft | Phase::Queued | Phase::InProgress);
        match when {
            "open" => open,
            "passed" => self.status == Some(Status::Verified),
            "failed" => !open && self.status != Some(Status::Verified),
            word => self.status.is_some_and(|status| status.as_str() == word),
        }
    }

    /// The words of the stimuli that are legal now.
    pub fn legal(&self) -> Vec<&'static str> {
        match (self.phase, self.product) {
            (Phase::Draft, Product::Identity) => vec!["submit", "source_down", "source_restored"],
            (Phase::Draft, _) => vec!["submit"],
            (Phase::Queued, _) => vec!["source_restored"],
            (Phase::InProgress, Product::Workflow) if self.running().is_some() => vec!["finish_step", "cancel"],
            (Phase::InProgress, Product::Workflow) => vec!["start_step", "cancel"],
            (Phase::InProgress, _) => vec!["finish", "cancel"],
            (Phase::Complete | Phase::Cancelled | Phase::Failed, _) => Vec::new(),
        }
    }

    /// The place of the step that has begun and not ended.
    pub fn running(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.phase == StepPhase::InProgress)
    }

    /// The place of the step that is to begin next.
    pub fn next_step(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.phase == StepPhase::Pending)
    }

    /// The state for people: its word, and what it waits for or how it ended.
    pub(super) fn describe(&self) -> String {
        let id = |at: usize| &self.steps[at].definition.id;
        let detail = match (self.phase, self.running(), self.next_step()) {
            (Phase::Draft, ..) => "nothing was submitted yet".to_owned(),
            (Phase::Queued, ..) => "its source is down".to_owned(),
            (Phase::InProgress, Some(at), _) => format!("step {:?} is under way", id(at)),
            (Phase::InProgress, None, Some(at)) => format!("step {:?} is next", id(at)),
            (Phase::InProgress, None, None) => "people are at work".to_owned(),
            (Phase::Failed, ..) => "its source was down".to_owned(),
            (Phase::Complete | Phase::Cancelled, ..) => {
                format!("status {}", self.status.map_or("unknown", Status::as_str))
            }
        };
        format!("{} ({detail})", self.word())
    }
}
