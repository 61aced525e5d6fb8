//! Who decided what: the system, a person, and what counts in the end.

use serde::{Deserialize, Serialize};

use crate::provider::words::{Word, text_form};

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

impl SystemDecision {
    /// The decision as the provider spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            SystemDecision::Incomplete => "Incomplete",
            SystemDecision::Complete => "Complete",
            SystemDecision::Refer => "Refer",
            SystemDecision::Rejected => "Rejected",
        }
    }
}

impl Word for SystemDecision {
    const KIND: &'static str = "a system decision";
    const ALL: &'static [Self] =
        &[SystemDecision::Complete, SystemDecision::Refer, SystemDecision::Rejected, SystemDecision::Incomplete];
    fn word(self) -> &'static str {
        self.as_str()
    }
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

impl ManualDecision {
    /// The decision as the provider spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            ManualDecision::Approved => "Approved",
            ManualDecision::Rejected => "Rejected",
            ManualDecision::ResubmissionRequested => "Resubmission Requested",
        }
    }
}

impl Word for ManualDecision {
    const KIND: &'static str = "a manual decision";
    const ALL: &'static [Self] =
        &[ManualDecision::Approved, ManualDecision::Rejected, ManualDecision::ResubmissionRequested];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

text_form!(SystemDecision, ManualDecision);

/// The decisions that most bodies show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decisions {
    /// The system's.
    pub system: SystemDecision,
    /// The reviewer's.
    pub manual: Option<ManualDecision>,
}

impl Decisions {
    /// The final decision's word: the manual decision if there is one, else the system's
    /// (docs.idwise.com/docs/updated-journey-webhook).
    pub fn last_word(self) -> &'static str {
        self.manual.map_or(self.system.as_str(), ManualDecision::as_str)
    }

    /// Whether the final decision lets the subject through: `Complete` or `Approved`.
    pub fn is_pass(self) -> bool {
        match self.manual {
            Some(manual) => manual == ManualDecision::Approved,
            None => self.system == SystemDecision::Complete,
        }
    }
}
