//! IDWise: the state of its journeys and the machine they move in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chance::{SpanDraw, Weights};
use crate::clock::Timestamp;
use crate::ids::JourneyId;
use crate::provider::DeadlineKind;

pub mod policy;
mod transition;
pub mod wire;

pub use transition::transition;

/// What a flow of IDWise asks of a user and how it is processed.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Unique in a configuration.
    pub id: String,
    /// The user's steps, in order.
    pub steps: Vec<StepDefinition>,
    /// How long processing takes.
    pub processing: SpanDraw,
    /// What the system decides.
    pub decision: Weights<SystemDecision>,
    /// Whether AML records are monitored after the journey.
    pub aml_monitoring: bool,
    /// When the verification must be renewed, if ever.
    pub renewal: Option<Renewal>,
    /// Also send `Finished Journey` on a plain manual decision.
    pub finished_journey_on_review: bool,
}

/// A step of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDefinition {
    /// Unique in its flow.
    pub id: String,
    /// What is submitted.
    pub kind: StepKind,
    /// For people.
    pub title: String,
}

/// What a user submits in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepKind {
    /// A photo of a document.
    Document,
    /// A selfie.
    Selfie,
}

impl StepKind {
    /// `Document` or `Selfie`, as the provider spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            StepKind::Document => "Document",
            StepKind::Selfie => "Selfie",
        }
    }
}

/// When a verification falls due again.
#[derive(Clone, Debug, PartialEq)]
pub struct Renewal {
    /// The steps to resubmit.
    pub steps: Vec<String>,
    /// Why.
    pub criteria: RenewalCriteria,
    /// From passing to falling due.
    pub after: Duration,
    /// From falling due to the deadline.
    pub grace: Duration,
}

/// Why a step is renewed; its word is the `reasonCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RenewalCriteria {
    /// Days before a document expires.
    DocumentExpired,
    /// Days after the journey, repeating.
    TimeBased,
}

impl RenewalCriteria {
    /// `Document Expired` or `Time Based`.
    pub fn as_str(self) -> &'static str {
        match self {
            RenewalCriteria::DocumentExpired => "Document Expired",
            RenewalCriteria::TimeBased => "Time Based",
        }
    }
}

/// What the system can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SystemDecision {
    /// Not all steps done, or a renewal lapsed.
    Incomplete,
    /// All checks passed.
    Complete,
    /// A check failed: needs a person.
    Refer,
    /// Only the overview's diagram names it.
    Rejected,
}

/// What a person can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ManualDecision {
    /// Approved by a reviewer.
    Approved,
    /// Rejected by a reviewer.
    Rejected,
    /// Steps must be done again.
    ResubmissionRequested,
}

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
    /// What is asked.
    pub definition: StepDefinition,
    /// Whether it was given.
    pub state: StepState,
}

/// Whether a step was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepState {
    /// Not yet.
    NotSubmitted,
    /// Given.
    Submitted,
    /// Given, and asked for again with this reason code.
    Required(String),
}

/// What is known of a subject's AML records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aml {
    /// Rises by one with each update that monitoring finds.
    pub version: u32,
    /// Matches that notify when they change.
    pub matches: u32,
    /// Matches that a reviewer whitelisted: their changes are silent.
    pub whitelisted: u32,
}

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

/// What followed, with all that its body shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// `Finished Step`
    FinishedStep {
        /// The step's id.
        step_id: String,
        /// What was submitted.
        step_kind: StepKind,
    },
    /// `Finished User Steps`
    FinishedUserSteps {
        /// At that moment.
        system: SystemDecision,
    },
    /// `Finished Journey`
    FinishedJourney {
        /// The decision.
        system: SystemDecision,
    },
    /// `Updated Journey`
    UpdatedJourney {
        /// The decisions after the update.
        decisions: Decisions,
        /// What was done.
        action: Action,
    },
    /// `Verification Update Required`
    VerificationUpdateRequired {
        /// The decisions at that moment.
        decisions: Decisions,
        /// Who asks.
        trigger: Trigger,
        /// Step id and reason code of each.
        required: Vec<(String, String)>,
    },
    /// `KYC Renewal Deadline Exceeded`
    RenewalDeadlineExceeded {
        /// The steps that were not given.
        steps: Vec<String>,
        /// The deadline that passed.
        deadline: Timestamp,
    },
    /// `AML Monitor Update`
    AmlMonitorUpdate {
        /// After the update.
        system: SystemDecision,
        /// Before the update.
        previous: SystemDecision,
        /// The record's new version.
        version: u32,
    },
    /// `Finished Spot Check`
    FinishedSpotCheck {
        /// What the system decided in the check.
        system: SystemDecision,
        /// The check's own journey id.
        check: JourneyId,
    },
    /// `Manually Reviewed`, deprecated and still sent.
    ManuallyReviewed {
        /// The decisions after the review.
        decisions: Decisions,
    },
}

/// The three decisions that most bodies show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decisions {
    /// The system's.
    pub system: SystemDecision,
    /// The reviewer's.
    pub manual: Option<ManualDecision>,
}

/// The `action` of `Updated Journey`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `Step Update`
    StepUpdate,
    /// `AML Amend`
    AmlAmend,
    /// `AML OGM Update`
    AmlOgmUpdate,
    /// `Manual Review`
    ManualReview {
        /// The reviewer's decision.
        decision: ManualDecision,
        /// The tenant's reason key.
        reason_code: Option<String>,
        /// Steps to be done again, with reason codes.
        steps: Vec<(String, Option<String>)>,
    },
}

/// The `trigger` of `Verification Update Required`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// `Manual Review`
    ManualReview,
    /// `KYC Renewal`
    KycRenewal,
}

/// The nine event types of the current dialect.
pub const EVENT_TYPES: [&str; 9] = [
    "Finished Step",
    "Finished User Steps",
    "Finished Journey",
    "Updated Journey",
    "Verification Update Required",
    "KYC Renewal Deadline Exceeded",
    "AML Monitor Update",
    "Finished Spot Check",
    "Manually Reviewed",
];

impl Stimulus {
    /// What a deadline turns into.
    pub fn from_deadline(kind: DeadlineKind) -> Self {
        match kind {
            DeadlineKind::Processing => Stimulus::FinishProcessing { decision: None },
            DeadlineKind::RenewalDue => Stimulus::RenewalDue { steps: Vec::new(), deadline: None },
            DeadlineKind::RenewalDeadline => Stimulus::RenewalDeadline,
        }
    }
}

/// PLACEHOLDER until the machine lands.
pub fn check_reference(_reference_no: &str) -> Result<(), String> {
    Ok(())
}
impl State {
    /// PLACEHOLDER
    pub fn new(_flow: &Flow) -> Self {
        unreachable!()
    }
    /// PLACEHOLDER
    pub fn view(&self) -> crate::provider::JourneyView {
        unreachable!()
    }
    /// PLACEHOLDER
    pub fn matches(&self, _when: &str) -> bool {
        false
    }
}
impl Stimulus {
    /// PLACEHOLDER
    pub fn name(&self) -> &'static str {
        ""
    }
}
impl Event {
    /// PLACEHOLDER
    pub fn kind(&self) -> &'static str {
        ""
    }
}
