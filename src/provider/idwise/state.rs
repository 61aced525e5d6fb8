//! Where a journey stands, what it is called, and what may be done to it then.
//!
//! Read by the machine and shown by lists, scripts and refusals. The words here are the API's.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Decisions, Flow, ManualDecision, StepDefinition, SystemDecision};
use crate::clock::Timestamp;
use crate::provider::{JourneyView, StepView};

/// The words that a script's `when` may have: see [`State::matches`].
pub const WHEN: [&str; 9] =
    ["passed", "failed", "open", "Complete", "Refer", "Incomplete", "Approved", "Rejected", "Resubmission Requested"];

/// Where a journey of IDWise stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The place in the machine.
    pub phase: Phase,
    /// What the system decided last.
    pub system: SystemDecision,
    /// What a person decided, until it is overtaken.
    pub manual: Option<ManualDecision>,
    /// The steps.
    pub steps: Vec<Step>,
    /// AML records.
    pub aml: Aml,
    /// How often processing was entered: the visit of its draws.
    pub rounds: u32,
    /// How many spot checks there were.
    pub spot_checks: u32,
    /// The end of the present or lapsed grace period.
    pub renewal_deadline: Option<Timestamp>,
}

/// The places in the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// S1: steps are missing.
    Open,
    /// S2: all submitted, the system works.
    Processing,
    /// S3 to S6: decided.
    Finished,
    /// S7: a reviewer asked for steps again.
    ResubmissionRequested,
    /// S8: inside the grace period of a renewal.
    RenewalDue,
    /// S9: the renewal's deadline passed.
    RenewalLapsed,
    /// S0: gone.
    Deleted,
}

/// A step of a journey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What is asked. Shared by all versions of a journey, of which each stimulus makes one.
    pub definition: Arc<StepDefinition>,
    /// Whether it was given.
    pub state: StepState,
}

impl Step {
    fn view(&self) -> StepView<'_> {
        StepView { id: &self.definition.id, kind: self.definition.kind.as_str(), state: self.state.as_str() }
    }
}

/// Whether a step was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepState {
    /// Not yet.
    NotSubmitted,
    /// Given.
    Submitted,
    /// Given, and looked at.
    Processed,
    /// Given, and asked for again with this reason code.
    Required(String),
}

/// What is known of a subject's AML records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aml {
    /// Rises by one with each update that monitoring finds.
    pub version: u32,
    /// Matches that notify when they change.
    pub matches: u32,
    /// Matches that a reviewer whitelisted: their changes are silent.
    pub whitelisted: u32,
    /// In which version each match on record was found, the whitelisted ones first; 0 is onboarding, and where nothing is
    /// said. Bounded: monitoring may find matches for years.
    pub found: Vec<u32>,
}

/// So many matches are told apart.
pub(super) const MATCHES_SHOWN: u32 = 50;

impl Aml {
    /// A match that the next version finds.
    pub(super) fn add(&mut self) {
        let before = self.whitelisted.saturating_add(self.matches).min(MATCHES_SHOWN) as usize;
        self.found.resize(before, 0);
        if before < MATCHES_SHOWN as usize {
            self.found.push(self.version.saturating_add(1));
        }
        self.matches = self.matches.saturating_add(1);
    }

    /// The newest match goes; the last whitelisted one when `silent`.
    pub(super) fn remove(&mut self, silent: bool) {
        let count = if silent { &mut self.whitelisted } else { &mut self.matches };
        *count = count.saturating_sub(1);
        let total = self.whitelisted.saturating_add(self.matches);
        let place = if silent { self.whitelisted } else { total } as usize;
        if place < self.found.len() && total < MATCHES_SHOWN {
            self.found.remove(place);
        }
    }

    /// In which version match `n` was found, from 0, the whitelisted ones first.
    pub(super) fn version_of(&self, n: u32) -> u32 {
        self.found.get(n as usize).copied().unwrap_or_default()
    }
}

impl StepState {
    /// `not_submitted`, `submitted` or `resubmission_required`.
    pub fn as_str(&self) -> &'static str {
        match self {
            StepState::NotSubmitted => "not_submitted",
            StepState::Submitted | StepState::Processed => "submitted",
            StepState::Required(_) => "resubmission_required",
        }
    }
}

impl State {
    /// A journey that was just started.
    pub fn new(flow: &Flow) -> Self {
        let step = |definition: &StepDefinition| Step {
            definition: Arc::new(definition.clone()),
            state: StepState::NotSubmitted,
        };
        State {
            phase: Phase::Open,
            system: SystemDecision::Incomplete,
            manual: None,
            steps: flow.steps.iter().map(step).collect(),
            aml: Aml::default(),
            rounds: 0,
            spot_checks: 0,
            renewal_deadline: None,
        }
    }

    /// What was decided so far.
    pub fn decisions(&self) -> Decisions {
        Decisions { system: self.system, manual: self.manual }
    }

    /// The state's word. What is decided is called by its final decision.
    pub fn word(&self) -> &'static str {
        match self.phase {
            Phase::Open => "open",
            Phase::Processing => "processing",
            Phase::ResubmissionRequested => "resubmission_requested",
            Phase::RenewalDue => "renewal_due",
            Phase::RenewalLapsed => "renewal_lapsed",
            Phase::Deleted => "deleted",
            Phase::Finished => match (self.manual, self.system) {
                (Some(ManualDecision::Approved), _) => "approved",
                (Some(ManualDecision::Rejected), _) | (None, SystemDecision::Rejected) => "rejected",
                (Some(ManualDecision::ResubmissionRequested), _) => "resubmission_requested",
                (None, SystemDecision::Complete) => "passed",
                (None, SystemDecision::Refer) => "referred",
                (None, SystemDecision::Incomplete) => "incomplete",
            },
        }
    }

    /// What is shown of the state.
    pub fn view(&self) -> JourneyView<'_> {
        JourneyView {
            state: self.word(),
            system_decision: Some(self.system.as_str()),
            manual_decision: self.manual.map(|manual| manual.as_str()),
            final_decision: Some(self.decisions().last_word()),
            steps: self.steps.iter().map(Step::view).collect(),
            legal: self.legal(),
        }
    }

    /// Whether a script's `when` (one of [`WHEN`]) matches.
    ///
    /// `open` is a journey on which nothing was decided yet, `passed` one whose final decision is Complete or
    /// Approved, `failed` every other; exactly one of the three matches. A decision's word matches the final
    /// decision, and also the system's decision while a resubmission is asked for: that request puts a decision
    /// off and does not replace it, so a script's lines for `Refer` go on over it. Nothing matches a deleted
    /// journey.
    pub fn matches(&self, when: &str) -> bool {
        let decisions = self.decisions();
        match when {
            _ if self.phase == Phase::Deleted => false,
            "open" => !self.is_decided(),
            "passed" => self.is_decided() && decisions.is_pass(),
            "failed" => self.is_decided() && !decisions.is_pass(),
            word => {
                decisions.last_word() == word
                    || self.manual == Some(ManualDecision::ResubmissionRequested) && self.system.as_str() == word
            }
        }
    }

    /// The words of the stimuli that are legal now, in the order of a journey's life. `aml_monitor_update` is
    /// listed wherever a flow that monitors AML records would allow it.
    pub fn legal(&self) -> Vec<&'static str> {
        let decided = ["review", "request_resubmission", "amend_aml", "aml_monitor_update", "whitelist_aml"];
        let mut legal: Vec<&'static str> = match self.phase {
            Phase::Open if self.is_untouched() => vec!["start", "submit_step", "complete", "cancel"],
            Phase::Open => vec!["submit_step", "complete", "cancel"],
            Phase::Processing => vec!["finish_processing", "complete"],
            Phase::Finished => decided.to_vec(),
            Phase::ResubmissionRequested | Phase::RenewalLapsed => vec!["submit_step"],
            Phase::RenewalDue => vec!["submit_step", "renewal_deadline", "aml_monitor_update", "whitelist_aml"],
            Phase::Deleted => return Vec::new(),
        };
        if self.phase == Phase::Finished && self.manual.is_some() {
            legal.retain(|word| *word != "request_resubmission");
        }
        if self.phase == Phase::Finished && self.decisions().is_pass() {
            legal.extend(["renewal_due", "finish_spot_check"]);
        }
        legal.push("delete");
        legal
    }

    /// Whether the user has submitted nothing yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.phase == Phase::Open && self.steps.iter().all(|step| step.state == StepState::NotSubmitted)
    }

    /// Whether anything was ever decided. The first round of processing is the one that nothing precedes.
    fn is_decided(&self) -> bool {
        match self.phase {
            Phase::Open => false,
            Phase::Processing => self.rounds > 1,
            _ => true,
        }
    }

    /// The ids of the steps that the user has to submit in this phase.
    pub(super) fn missing_steps(&self) -> Vec<&str> {
        let missing = |step: &&Step| match step.state {
            StepState::NotSubmitted => self.phase == Phase::Open,
            StepState::Submitted | StepState::Processed => false,
            StepState::Required(_) => true,
        };
        self.steps.iter().filter(missing).map(|step| step.definition.id.as_str()).collect()
    }

    /// The state for people: its word, and what it waits for or was decided.
    pub(super) fn describe(&self) -> String {
        let missing = || self.missing_steps().join(", ");
        let detail = match self.phase {
            Phase::Open => format!("steps to submit: {}", missing()),
            Phase::Processing => "the system has not decided yet".to_owned(),
            Phase::Finished => format!("final decision {}", self.decisions().last_word()),
            Phase::Deleted => "nothing can be done to it any more".to_owned(),
            Phase::ResubmissionRequested | Phase::RenewalDue | Phase::RenewalLapsed => {
                format!("steps to submit again: {}", missing())
            }
        };
        format!("{} ({detail})", self.word())
    }
}
