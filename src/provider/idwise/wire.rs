//! The exact bytes of the nine events of the current dialect.
//!
//! Compact JSON, keys in the order of the provider's pages, text as UTF-8 without escapes that JSON does not ask
//! for. A body names ids, decisions, steps and reason codes, and nothing about a person: a reviewer's comment stays
//! here. Each struct below is one body; changing one changes a promise, so the tests pin them all.

use serde::Serialize;

use super::eras::{self, About};
use super::{Action, Decisions, Dialect, Event, ManualDecision, StepKind, SystemDecision, Trigger};
use crate::clock::Timestamp;
use crate::ids::{EventId, JourneyId};
use crate::provider::{self, Journey, Rendered};

/// Most bodies have fewer bytes.
const USUAL: usize = 256;

/// The bytes of an event of `journey`; `None` where the era has no such event.
pub fn render(event: &Event, id: EventId, journey: &Journey, dialect: Dialect) -> Option<Rendered> {
    let subject = Subject { event_id: id, journey_id: journey.id, reference_no: &journey.reference_no };
    let manual = match &journey.state {
        provider::State::Idwise(state) => state.manual,
        // Its events are no events of ours.
        provider::State::Qoreid(_) => None,
    };
    in_dialect(event, subject, manual, dialect)
}

fn in_dialect(
    event: &Event,
    subject: Subject<'_>,
    manual: Option<ManualDecision>,
    dialect: Dialect,
) -> Option<Rendered> {
    match dialect {
        Dialect::Current => current(event, subject),
        Dialect::Middle | Dialect::Legacy => {
            let Subject { event_id, journey_id, reference_no } = subject;
            eras::render(event, About { event_id, journey_id, reference_no, manual }, dialect)
        }
    }
}

/// A valid body of the given type, as "Test Webhook" sends it: the journey is 24 zeros, its reference `test`.
/// `None` for a type that the provider does not have. The provider's own test body is not documented.
pub fn test_event(kind: &str, id: EventId, dialect: Dialect) -> Option<Rendered> {
    let subject = Subject { event_id: id, journey_id: JourneyId::ZERO, reference_no: "test" };
    let event = sample(kind, dialect)?;
    in_dialect(&event, subject, None, dialect).filter(|rendered| rendered.event_type == kind)
}

/// What every body is about.
#[derive(Clone, Copy)]
struct Subject<'a> {
    event_id: EventId,
    journey_id: JourneyId,
    reference_no: &'a str,
}

#[derive(Serialize)]
struct Envelope<'a, B> {
    event: &'a str,
    body: B,
}

/// docs.idwise.com/docs/webhooks-overview; the body is reconstructed from the older `Step Submitted`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FinishedStep<'a> {
    event_id: EventId,
    journey_id: JourneyId,
    reference_no: &'a str,
    step_id: &'a str,
    step_type: &'static str,
}

/// docs.idwise.com/docs/finished-journey-webhook and finished-user-steps-webhook: exactly these four keys.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finished<'a> {
    event_id: EventId,
    journey_id: JourneyId,
    reference_no: &'a str,
    system_decision: &'static str,
}

/// docs.idwise.com/docs/updated-journey-webhook; the review's details are present with their action only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdatedJourney<'a> {
    event_id: EventId,
    journey_id: JourneyId,
    reference_no: &'a str,
    system_decision: &'static str,
    manual_decision: Option<&'static str>,
    final_decision: &'static str,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    manual_review_details: Option<ManualReviewDetails<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManualReviewDetails<'a> {
    journey_review_decision: &'static str,
    reason_code: Option<&'a str>,
    step_reviews: Vec<StepReview<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StepReview<'a> {
    step_id: &'a str,
    review_decision: &'static str,
    reason_code: Option<&'a str>,
}

/// docs.idwise.com/docs/verification-update-required-webhook
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerificationUpdateRequired<'a> {
    event_id: EventId,
    journey_id: JourneyId,
    reference_no: &'a str,
    system_decision: &'static str,
    manual_decision: Option<&'static str>,
    final_decision: &'static str,
    trigger: &'static str,
    required_steps: Vec<RequiredStep<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequiredStep<'a> {
    step_id: &'a str,
    reason_code: &'a str,
}

/// docs.idwise.com/docs/kyc-renewal-deadline-exceeded-webhook
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RenewalDeadlineExceeded<'a> {
    event_id: EventId,
    journey_id: JourneyId,
    reference_no: &'a str,
    required_steps: Vec<LapsedStep<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LapsedStep<'a> {
    step_id: &'a str,
    renewal_deadline: String,
}

/// docs.idwise.com/docs/aml-monitor-update-webhook
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AmlMonitorUpdate<'a> {
    event_id: EventId,
    journey_id: JourneyId,
    reference_no: &'a str,
    system_decision: &'static str,
    previous_system_decision: &'static str,
    #[serde(rename = "updatedAMLVersionNumber")]
    version: u32,
}

/// docs.idwise.com/docs/finished-spot-check-webhook: there is no `journeyId`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FinishedSpotCheck<'a> {
    event_id: EventId,
    reference_no: &'a str,
    system_decision: &'static str,
    spot_check_journey_id: JourneyId,
}

/// docs.idwise.com/docs/manually-reviewed-webhook
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManuallyReviewed<'a> {
    event_id: EventId,
    journey_id: JourneyId,
    reference_no: &'a str,
    system_decision: &'static str,
    manual_decision: Option<&'static str>,
    final_decision: &'static str,
}

fn current(event: &Event, subject: Subject<'_>) -> Option<Rendered> {
    let Subject { event_id, journey_id, reference_no } = subject;
    let kind = event.kind()?;
    let body = match event {
        Event::StepProcessed { .. } => return None,
        Event::FinishedStep { step_id, step_kind } => {
            to_bytes(kind, FinishedStep { event_id, journey_id, reference_no, step_id, step_type: step_kind.as_str() })
        }
        Event::FinishedUserSteps { system } | Event::FinishedJourney { system } => {
            to_bytes(kind, Finished { event_id, journey_id, reference_no, system_decision: system.as_str() })
        }
        Event::UpdatedJourney { decisions, action } => to_bytes(kind, updated_journey(subject, *decisions, action)),
        Event::VerificationUpdateRequired { decisions, trigger, required } => {
            to_bytes(kind, update_required(subject, *decisions, *trigger, required))
        }
        Event::RenewalDeadlineExceeded { steps, deadline } => {
            let lapsed = |step_id| LapsedStep { step_id, renewal_deadline: deadline.to_rfc3339_seconds() };
            let required_steps = steps.iter().map(String::as_str).map(lapsed).collect();
            to_bytes(kind, RenewalDeadlineExceeded { event_id, journey_id, reference_no, required_steps })
        }
        Event::AmlMonitorUpdate { system, previous, version } => {
            let (system_decision, previous_system_decision) = (system.as_str(), previous.as_str());
            let version = *version;
            let body = AmlMonitorUpdate {
                event_id,
                journey_id,
                reference_no,
                system_decision,
                previous_system_decision,
                version,
            };
            to_bytes(kind, body)
        }
        Event::FinishedSpotCheck { system, check } => {
            let (system_decision, spot_check_journey_id) = (system.as_str(), *check);
            to_bytes(kind, FinishedSpotCheck { event_id, reference_no, system_decision, spot_check_journey_id })
        }
        Event::ManuallyReviewed { decisions } => {
            let [system_decision, final_decision] = [decisions.system.as_str(), decisions.last_word()];
            let manual_decision = decisions.manual.map(ManualDecision::as_str);
            let body = ManuallyReviewed {
                event_id,
                journey_id,
                reference_no,
                system_decision,
                manual_decision,
                final_decision,
            };
            to_bytes(kind, body)
        }
    };
    Some(Rendered { event_type: kind, body })
}

fn to_bytes<B: Serialize>(event: &str, body: B) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL);
    serde_json::to_writer(&mut bytes, &Envelope { event, body })
        .expect("strings, integers and lists always become JSON");
    bytes
}

fn updated_journey<'a>(subject: Subject<'a>, decisions: Decisions, action: &'a Action) -> UpdatedJourney<'a> {
    let details = match action {
        Action::ManualReview { decision, reason_code, steps } => Some(ManualReviewDetails {
            journey_review_decision: decision.as_str(),
            reason_code: reason_code.as_deref(),
            step_reviews: steps
                .iter()
                .map(|(step_id, reason)| StepReview {
                    step_id,
                    review_decision: "Resubmit",
                    reason_code: reason.as_deref(),
                })
                .collect(),
        }),
        Action::StepUpdate | Action::AmlAmend | Action::AmlOgmUpdate => None,
    };
    UpdatedJourney {
        event_id: subject.event_id,
        journey_id: subject.journey_id,
        reference_no: subject.reference_no,
        system_decision: decisions.system.as_str(),
        manual_decision: decisions.manual.map(ManualDecision::as_str),
        final_decision: decisions.last_word(),
        action: action.as_str(),
        manual_review_details: details,
    }
}

fn update_required<'a>(
    subject: Subject<'a>,
    decisions: Decisions,
    trigger: Trigger,
    required: &'a [(String, String)],
) -> VerificationUpdateRequired<'a> {
    VerificationUpdateRequired {
        event_id: subject.event_id,
        journey_id: subject.journey_id,
        reference_no: subject.reference_no,
        system_decision: decisions.system.as_str(),
        manual_decision: decisions.manual.map(ManualDecision::as_str),
        final_decision: decisions.last_word(),
        trigger: trigger.as_str(),
        required_steps: required.iter().map(|(step_id, reason_code)| RequiredStep { step_id, reason_code }).collect(),
    }
}

/// An event of each type, with the values of an ordinary journey.
fn sample(kind: &str, dialect: Dialect) -> Option<Event> {
    let system = SystemDecision::Complete;
    let approved = Decisions { system: SystemDecision::Refer, manual: Some(ManualDecision::Approved) };
    Some(match kind {
        "Finished Step" if dialect == Dialect::Middle => Event::StepProcessed { system },
        "Finished Step" | "Step Submitted" => {
            Event::FinishedStep { step_id: "1".to_owned(), step_kind: StepKind::Document }
        }
        "Finished User Steps" => Event::FinishedUserSteps { system: SystemDecision::Incomplete },
        "Finished Journey" => Event::FinishedJourney { system },
        "Updated Journey" => Event::UpdatedJourney {
            decisions: approved,
            action: Action::ManualReview { decision: ManualDecision::Approved, reason_code: None, steps: Vec::new() },
        },
        "Verification Update Required" => Event::VerificationUpdateRequired {
            decisions: Decisions { system, manual: None },
            trigger: Trigger::KycRenewal,
            required: vec![("1".to_owned(), "Document Expired".to_owned())],
        },
        "KYC Renewal Deadline Exceeded" => Event::RenewalDeadlineExceeded {
            steps: vec!["1".to_owned()],
            // The instant of the provider's own sample, 2025-09-15T00:00:00Z.
            deadline: Timestamp::from_micros(1_757_894_400_000_000),
        },
        "AML Monitor Update" => {
            Event::AmlMonitorUpdate { system: SystemDecision::Refer, previous: SystemDecision::Complete, version: 1 }
        }
        "Finished Spot Check" | "Finished Ongoing Check" => Event::FinishedSpotCheck { system, check: JourneyId::ZERO },
        "Manually Reviewed" => Event::ManuallyReviewed { decisions: approved },
        _ => return None,
    })
}
