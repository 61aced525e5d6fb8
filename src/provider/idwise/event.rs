//! What follows from a stimulus and is told to webhooks.

use super::{Decisions, ManualDecision, StepKind, SystemDecision};
use crate::clock::Timestamp;
use crate::ids::JourneyId;

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
    /// A step's processing finished, once per document side: `Finished Step` of the middle era, and no event of today.
    StepProcessed {
        /// What the system decided.
        system: SystemDecision,
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

impl Event {
    /// The event's type, exactly as the provider spells it today; `None` for what only an older era tells.
    pub fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Event::StepProcessed { .. } => return None,
            Event::FinishedStep { .. } => "Finished Step",
            Event::FinishedUserSteps { .. } => "Finished User Steps",
            Event::FinishedJourney { .. } => "Finished Journey",
            Event::UpdatedJourney { .. } => "Updated Journey",
            Event::VerificationUpdateRequired { .. } => "Verification Update Required",
            Event::RenewalDeadlineExceeded { .. } => "KYC Renewal Deadline Exceeded",
            Event::AmlMonitorUpdate { .. } => "AML Monitor Update",
            Event::FinishedSpotCheck { .. } => "Finished Spot Check",
            Event::ManuallyReviewed { .. } => "Manually Reviewed",
        })
    }
}

impl Action {
    /// The action as the provider spells it (docs.idwise.com/docs/updated-journey-webhook). The row that starts
    /// with `AML Ma` is never sent: the rest of its spelling is not known.
    pub fn as_str(&self) -> &'static str {
        match self {
            Action::StepUpdate => "Step Update",
            Action::AmlAmend => "AML Amend",
            Action::AmlOgmUpdate => "AML OGM Update",
            Action::ManualReview { .. } => "Manual Review",
        }
    }
}

impl Trigger {
    /// The trigger as the provider spells it (docs.idwise.com/docs/kyc-renewal-deadline-exceeded-webhook); the
    /// word for a manual review is inferred.
    pub fn as_str(self) -> &'static str {
        match self {
            Trigger::ManualReview => "Manual Review",
            Trigger::KycRenewal => "KYC Renewal",
        }
    }
}
