//! The rules that a journey passed or failed, so that the decision has its reason: `Refer` and `Rejected` have at least
//! one that failed, `Complete` has none, and until the system has decided all are undetermined.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::is_concluded;
use crate::provider::Journey;
use crate::provider::idwise::{State, Step, StepKind, StepState, SystemDecision};
use crate::rng::Seed;

/// docs.idwise.com/docs/journey-model: the rules by key, with their names.
const RULES: [(&str, &str); 10] = [
    ("document_validation", "Document Validation"),
    ("same_subject", "Same Person"),
    ("no_duplicate_documents", "Unique Documents"),
    ("no_duplicate_applicant", "Unique Applicant"),
    ("no_aml_records", "No AML Records"),
    ("unrecognized_document", "Recognized Document"),
    ("proof_policy", "Proof Policy"),
    ("expired_document", "Document Not Expired"),
    ("under_age", "Under Age"),
    ("approved_nationality", "Approved Nationality"),
];

/// Failures of what is on a document.
const OF_DOCUMENTS: [&str; 2] = ["document_validation", "expired_document"];

/// How a rule came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rule {
    name: &'static str,
    /// `Passed`, `Failed` or `Undetermined`.
    result: &'static str,
}

impl Rule {
    pub(super) fn passed(name: &'static str) -> Self {
        Rule { name, result: "Passed" }
    }

    pub(super) fn failed(name: &'static str) -> Self {
        Rule { name, result: "Failed" }
    }

    fn open(name: &'static str) -> Self {
        Rule { name, result: "Undetermined" }
    }
}

/// All rules of a journey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules(pub(super) BTreeMap<&'static str, Rule>);

impl Rules {
    /// The rule of that key.
    pub fn get(&self, key: &str) -> Option<&Rule> {
        self.0.get(key)
    }

    /// Whether that rule failed.
    pub fn is_failed(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|rule| rule.result == "Failed")
    }

    /// `Passed`, `Failed` or `Undetermined`, of all together.
    pub fn assessment(&self) -> &'static str {
        let any = |result: &str| self.0.values().any(|rule| rule.result == result);
        if any("Failed") {
            "Failed"
        } else if any("Undetermined") {
            "Undetermined"
        } else {
            "Passed"
        }
    }

    pub(super) fn fails_documents(&self) -> bool {
        OF_DOCUMENTS.iter().any(|key| self.is_failed(key))
    }
}

/// How the rules of a journey came out.
pub fn rules(seed: Seed, journey: &Journey, state: &State) -> Rules {
    let failed = match state.system {
        _ if !is_concluded(state) => None,
        SystemDecision::Refer | SystemDecision::Rejected => Some(reason(seed, journey, state)),
        SystemDecision::Complete | SystemDecision::Incomplete => None,
    };
    let open = !is_concluded(state) || state.system == SystemDecision::Incomplete;
    let rule = |(key, name): (&'static str, &'static str)| {
        let rule = match failed {
            _ if open => Rule::open(name),
            Some(failed) if failed == key => Rule::failed(name),
            _ => Rule::passed(name),
        };
        (key, rule)
    };
    Rules(RULES.into_iter().map(rule).collect())
}

/// The steps that failed, which a request for resubmission has to speak of.
pub fn failed_steps<'a>(seed: Seed, journey: &Journey, state: &'a State) -> Vec<&'a str> {
    let rules = rules(seed, journey, state);
    let failed = |step: &&Step| match step.definition.kind {
        StepKind::Document => rules.fails_documents(),
        StepKind::Selfie => rules.is_failed("same_subject"),
    };
    let given = |step: &&Step| step.state == StepState::Submitted;
    state.steps.iter().filter(given).filter(failed).map(|step| step.definition.id.as_str()).collect()
}

/// The rule whose failure explains the decision: the AML record where there is one, else one that the steps can fail.
fn reason(seed: Seed, journey: &Journey, state: &State) -> &'static str {
    if state.aml.matches > 0 {
        return "no_aml_records";
    }
    let gives = |kind| state.steps.iter().any(|s| s.definition.kind == kind && s.state != StepState::NotSubmitted);
    let mut reasons = vec!["no_duplicate_applicant"];
    if gives(StepKind::Document) {
        reasons.extend(["document_validation", "expired_document", "under_age", "no_duplicate_documents"]);
    }
    if gives(StepKind::Document) && gives(StepKind::Selfie) {
        reasons.push("same_subject");
    }
    // By round: a resubmission that is referred again may be so for another reason.
    let mut draw = seed.draw(&[b"reason", &journey.id.0, &state.rounds.to_le_bytes()]);
    reasons[draw.below(reasons.len() as u64) as usize]
}
