//! The provider's words as files spell them, and what they mean.

use crate::provider::idwise::{ManualDecision, RenewalCriteria, StepKind, SystemDecision};

/// The environments' words.
pub const ENVIRONMENTS: [&str; 2] = ["sandbox", "live"];
/// What a step submits.
pub const STEP_KINDS: [&str; 2] = ["Document", "Selfie"];
/// What a step of a flow can be: submitted, or a product of QoreID.
pub const STEP_TYPES: [&str; 7] = ["Document", "Selfie", "identity", "address", "employment", "guarantor", "property"];
/// What a flow can be.
pub const FLOW_KINDS: [&str; 2] = ["journey", "workflow"];
/// How a verification of QoreID can end by itself.
pub const STATUSES: [&str; 6] =
    ["VERIFIED", "WRONG_ADDRESS", "INVALID_ADDRESS", "NO_ACCESS", "UNVERIFIED", "ID_MISMATCH"];
/// The look-ups of QoreID's identity product.
pub const LOOKUPS: [&str; 7] = ["nin", "nin-phone", "bvn-basic", "virtual-nin", "nuban", "ghana-id", "cac-basic"];
/// Why a step is renewed.
pub const CRITERIA: [&str; 2] = ["Document Expired", "Time Based"];
/// What the system can decide.
pub const SYSTEM_DECISIONS: [&str; 4] = ["Complete", "Refer", "Incomplete", "Rejected"];
/// What a reviewer can decide on a journey as a whole.
pub const REVIEW_DECISIONS: [&str; 2] = ["Approved", "Rejected"];
/// What a journey's final decision can be.
pub const FINAL_DECISIONS: [&str; 13] = [
    "Complete",
    "Refer",
    "Incomplete",
    "Rejected",
    "Approved",
    "Resubmission Requested",
    "VERIFIED",
    "WRONG_ADDRESS",
    "INVALID_ADDRESS",
    "NO_ACCESS",
    "UNVERIFIED",
    "ID_MISMATCH",
    "CANCELLED",
];

/// A system decision by its word.
pub fn system_decision(word: &str) -> Option<SystemDecision> {
    match word {
        "Complete" => Some(SystemDecision::Complete),
        "Refer" => Some(SystemDecision::Refer),
        "Incomplete" => Some(SystemDecision::Incomplete),
        "Rejected" => Some(SystemDecision::Rejected),
        _ => None,
    }
}

/// A reviewer's decision by its word.
pub fn review_decision(word: &str) -> Option<ManualDecision> {
    match word {
        "Approved" => Some(ManualDecision::Approved),
        "Rejected" => Some(ManualDecision::Rejected),
        _ => None,
    }
}

/// A kind of step by its word.
pub fn step_kind(word: &str) -> Option<StepKind> {
    match word {
        "Document" => Some(StepKind::Document),
        "Selfie" => Some(StepKind::Selfie),
        _ => None,
    }
}

/// A reason for renewal by its word.
pub fn criteria(word: &str) -> Option<RenewalCriteria> {
    match word {
        "Document Expired" => Some(RenewalCriteria::DocumentExpired),
        "Time Based" => Some(RenewalCriteria::TimeBased),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::qoreid::{Lookup, Status};

    #[test]
    fn every_word_of_the_lists_has_its_meaning() {
        assert!(SYSTEM_DECISIONS.iter().all(|word| system_decision(word).is_some()));
        assert!(REVIEW_DECISIONS.iter().all(|word| review_decision(word).is_some()));
        assert!(STEP_KINDS.iter().all(|word| STEP_TYPES.contains(word)));
        assert!(STATUSES.iter().all(|word| word.parse::<Status>().is_ok() && FINAL_DECISIONS.contains(word)));
        assert!(LOOKUPS.iter().all(|word| word.parse::<Lookup>().is_ok()));
        assert!(STEP_KINDS.iter().all(|word| step_kind(word).is_some_and(|kind| kind.as_str() == *word)));
        assert!(CRITERIA.iter().all(|word| criteria(word).is_some_and(|reason| reason.as_str() == *word)));
        assert!(SYSTEM_DECISIONS.iter().chain(&REVIEW_DECISIONS).all(|word| FINAL_DECISIONS.contains(word)));
    }
}
