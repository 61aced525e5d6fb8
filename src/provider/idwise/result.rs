//! The result of a journey, model version 3.0 (docs.idwise.com/reference/get-journey-result): a plausible person with
//! documents, selfie, rules and AML record, all drawn from seed and journey and consistent with the decision.
//!
//! Called by the provider's API. Pure, and nothing of it is kept: the same journey in the same state gives the same
//! result. Nobody real is in it: the names come from the short invented lists here.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::screening::{self, Aml};
use super::{Flow, Phase, State, Step, StepKind, StepState, SystemDecision};
use crate::clock::Timestamp;
use crate::provider::Journey;
use crate::rng::{Draw, Seed};

pub(super) mod person;
mod rules;

pub use person::Person;
pub use rules::{Rule, failed_steps, rules};

/// What the provider answers about a journey.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct JourneyResult {
    journey_id: String,
    customer_id: String,
    /// Spelled as the provider spells it.
    journey_definintion_id: String,
    flow_id: String,
    reference_number: Option<String>,
    /// Microseconds, without a zone.
    start_time: String,
    /// `null` until the journey is finished.
    end_time: Option<String>,
    system_decision: &'static str,
    manual_decision: Option<&'static str>,
    final_decision: &'static str,
    model_version: &'static str,
    documents: BTreeMap<String, Document>,
    selfie: Option<Selfie>,
    rule_results: BTreeMap<&'static str, Rule>,
    applicant: Option<Applicant>,
    aml: Aml,
    screening_checks: BTreeMap<String, Rule>,
}

/// A document step.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct Document {
    step_title: String,
    /// `Completed`, `Started` or `NotStarted`.
    progress: &'static str,
    has_passed_rules: Option<bool>,
    document_type: Option<String>,
    issuing_country: Option<&'static str>,
    issuing_country_code: Option<&'static str>,
    extracted_fields: BTreeMap<&'static str, Field>,
    validation_result: Option<Validation>,
    face_match_result: Option<FaceMatch>,
    images: BTreeMap<&'static str, Image>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct Field {
    value: String,
    /// `High` or `Low`.
    read_accuracy: &'static str,
    /// `string` or `image`.
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct Validation {
    /// `Passed` or `Failed`.
    validation_outcome: &'static str,
    validation_checks: Vec<ValidationCheck>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct ValidationCheck {
    name: &'static str,
    description: &'static str,
    /// `Passed`, `Failed` or `Undetermined`.
    result: &'static str,
    result_description: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct FaceMatch {
    is_matched: bool,
    /// 0 to 1.
    score: f64,
    images: Vec<FaceImage>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct FaceImage {
    image_path: String,
    image_source: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct Image {
    image_path: String,
}

/// The selfie step.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Selfie {
    /// `Complete`, `Refer` or `Not Started`.
    status: &'static str,
    is_live: Option<bool>,
    liveness_status_code: Option<&'static str>,
    image_path: Option<String>,
}

/// The person, once a document was read.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Applicant {
    applicant_id: String,
    profile_image_path: String,
    full_name: String,
    personal_number: String,
    birth_date: String,
}

/// docs.idwise.com/reference/get-spot-check-result
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SpotCheckResult {
    journey_id: String,
    tenant_id: String,
    environment_name: &'static str,
    start_time: String,
    end_time: String,
    system_decision: String,
    reference_number: Option<String>,
    model_version: &'static str,
    selfie: Selfie,
    applicant: Applicant,
    rule_results: BTreeMap<&'static str, Rule>,
    spot_checks: Vec<String>,
}

/// The model that is played.
const MODEL: &str = "3.0";

/// Whether the system has decided, so that a result is more than a beginning.
pub fn is_concluded(state: &State) -> bool {
    !matches!(state.phase, Phase::Open | Phase::Processing)
}

/// The result of `journey`, which finished at `ended`.
pub fn result(seed: Seed, journey: &Journey, state: &State, flow: &Flow, ended: Option<Timestamp>) -> JourneyResult {
    let rules = rules(seed, journey, state);
    let person = Person::of(seed, journey, rules.is_failed("under_age"));
    let concluded = is_concluded(state);
    let of_kind = |kind| move |step: &&Step| step.definition.kind == kind;
    let documents: BTreeMap<String, Document> = state
        .steps
        .iter()
        .filter(of_kind(StepKind::Document))
        .map(|step| (step.definition.id.clone(), document(seed, journey, state, step, &person, &rules)))
        .collect();
    let selfie = state.steps.iter().find(of_kind(StepKind::Selfie)).map(|step| selfie(journey, state, step, &rules));
    let was_read = documents.values().any(|document| document.progress == "Completed");
    let decisions = state.decisions();
    JourneyResult {
        journey_id: journey.id.to_string(),
        customer_id: tenant(seed),
        journey_definintion_id: hex(&mut seed.draw(&[b"definition", journey.flow.as_bytes()]), 12),
        flow_id: journey.flow.clone(),
        reference_number: Some(journey.reference_no.clone()),
        start_time: instant(journey.created_at),
        end_time: ended.filter(|_| concluded).map(instant),
        system_decision: decisions.system.as_str(),
        manual_decision: decisions.manual.map(super::ManualDecision::as_str),
        final_decision: decisions.last_word(),
        model_version: MODEL,
        documents,
        selfie,
        rule_results: rules.0,
        applicant: was_read.then(|| applicant(seed, journey, &person)),
        aml: screening::aml(seed, journey, state, flow, concluded),
        screening_checks: BTreeMap::new(),
    }
}

/// The result of the spot check `check` of `journey`, which ended `at` with `decision`.
pub fn spot_check(seed: Seed, journey: &Journey, check: &str, decision: &str, at: Timestamp) -> SpotCheckResult {
    let matched = decision == SystemDecision::Complete.as_str();
    let status = if matched { "Complete" } else { "Refer" };
    let outcome = |passed| if passed { Rule::passed("Same Person") } else { Rule::failed("Same Person") };
    SpotCheckResult {
        journey_id: check.to_owned(),
        tenant_id: tenant(seed),
        environment_name: match journey.environment {
            crate::provider::Environment::Sandbox => "Sandbox",
            crate::provider::Environment::Live => "Live",
        },
        // The check takes a user about a minute; only its end is an event.
        start_time: instant(at.minus(std::time::Duration::from_secs(60))),
        end_time: instant(at),
        system_decision: decision.to_owned(),
        reference_number: Some(journey.reference_no.clone()),
        model_version: MODEL,
        selfie: Selfie {
            status,
            is_live: Some(matched),
            liveness_status_code: (!matched).then_some("FACE_IS_OCCLUDED"),
            image_path: Some(format!("journeys/{check}/selfie")),
        },
        applicant: applicant(seed, journey, &Person::of(seed, journey, false)),
        rule_results: BTreeMap::from([("same_subject", outcome(matched))]),
        spot_checks: vec![check.to_owned()],
    }
}

/// How far a step is. Where nothing was decided, or the decision is that it is incomplete, a step that was given is no
/// more than started.
fn progress(state: &State, step: &Step) -> &'static str {
    let settled = is_concluded(state) && state.system != SystemDecision::Incomplete;
    match step.state {
        StepState::NotSubmitted => "NotStarted",
        StepState::Required(_) if state.phase != Phase::RenewalDue => "Started",
        StepState::Submitted | StepState::Processed | StepState::Required(_) if settled => "Completed",
        StepState::Submitted | StepState::Processed | StepState::Required(_) => "Started",
    }
}

fn document(
    seed: Seed,
    journey: &Journey,
    state: &State,
    step: &Step,
    person: &Person,
    rules: &rules::Rules,
) -> Document {
    let progress = progress(state, step);
    let completed = progress == "Completed";
    let mut draw = seed.draw(&[b"document", &journey.id.0, step.definition.id.as_bytes()]);
    let kind = ["Passport", "National ID", "Driving License"][draw.below(3) as usize];
    let number = hex(&mut draw, 5).to_uppercase();
    let path = |part: &str| format!("journeys/{}/steps/{}/{part}", journey.id, step.definition.id);
    let field = |value: &str| Field { value: value.to_owned(), read_accuracy: "High", kind: "string" };
    let years = if rules.is_failed("expired_document") { -1 } else { 1 + draw.below(8) as i32 };
    let fields = BTreeMap::from([
        ("birth_date", field(&person.birth_date)),
        ("document_number", field(&number)),
        ("expiry_date", field(&person::years_from(journey.created_at, years))),
        ("first_name", field(person.first)),
        ("last_name", field(person.last)),
        ("nationality", field(person.country.1)),
        ("personal_number", field(&person.number)),
        ("sex", field(person.sex)),
    ]);
    let valid = !rules.is_failed("document_validation");
    let matched = !rules.is_failed("same_subject");
    let has_selfie = state.steps.iter().any(|step| step.definition.kind == StepKind::Selfie);
    let score = (if matched { 90 } else { 30 } + draw.below(10)) as f64 / 100.0;
    let source = |part: &str, image_source| FaceImage { image_path: path(part), image_source };
    Document {
        step_title: step.definition.title.clone(),
        progress,
        has_passed_rules: completed.then(|| !rules.fails_documents()),
        document_type: completed.then(|| kind.to_owned()),
        issuing_country: completed.then_some(person.country.0),
        issuing_country_code: completed.then_some(person.country.1),
        extracted_fields: if completed { fields } else { BTreeMap::new() },
        validation_result: completed.then(|| validation(valid)),
        face_match_result: (completed && has_selfie).then(|| FaceMatch {
            is_matched: matched,
            score,
            images: vec![source("face", "Document"), source("selfie", "Selfie")],
        }),
        images: if progress == "NotStarted" {
            BTreeMap::new()
        } else {
            BTreeMap::from([("front", Image { image_path: path("front") })])
        },
    }
}

fn validation(valid: bool) -> Validation {
    let outcome = if valid { "Passed" } else { "Failed" };
    let explained = if valid { "no sign of a copy" } else { "the document was photographed from a screen" };
    let check = |name, description, result, result_description| ValidationCheck {
        name,
        description,
        result,
        result_description,
    };
    Validation {
        validation_outcome: outcome,
        validation_checks: vec![
            check("physical_document", "the document is no copy", outcome, explained),
            check("fields_consistent", "the fields agree with each other", "Passed", "they agree"),
        ],
    }
}

fn selfie(journey: &Journey, state: &State, step: &Step, rules: &rules::Rules) -> Selfie {
    let completed = progress(state, step) == "Completed";
    let matched = !rules.is_failed("same_subject");
    let given = step.state != StepState::NotSubmitted;
    let status = match (completed, matched) {
        (false, _) => "Not Started",
        (true, true) => "Complete",
        (true, false) => "Refer",
    };
    Selfie {
        status,
        is_live: completed.then_some(matched),
        liveness_status_code: (completed && !matched).then_some("FACE_IS_OCCLUDED"),
        image_path: given.then(|| format!("journeys/{}/steps/{}/selfie", journey.id, step.definition.id)),
    }
}

fn applicant(seed: Seed, journey: &Journey, person: &Person) -> Applicant {
    Applicant {
        applicant_id: hex(&mut seed.draw(&[b"applicant", &journey.id.0]), 12),
        profile_image_path: format!("journeys/{}/applicant/profile", journey.id),
        full_name: person.full_name(),
        personal_number: person.number.clone(),
        birth_date: person.birth_date.clone(),
    }
}

/// The customer's own id with the provider, one per seed.
fn tenant(seed: Seed) -> String {
    let mut bytes = [0; 16];
    seed.draw(&[b"tenant"]).fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().hyphenated().to_string()
}

/// `2023-01-26T08:12:00.962462`: microseconds, and no zone.
pub fn instant(at: Timestamp) -> String {
    at.to_chrono().format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

fn hex(draw: &mut Draw, bytes: usize) -> String {
    let mut drawn = vec![0; bytes];
    draw.fill(&mut drawn);
    drawn.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
