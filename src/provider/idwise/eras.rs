//! The exact bytes of IDWise's older dialects.
//!
//! - `middle` (docs.idwise.com/docs/webhook-specifications, before and around 2024): one generic body for all, with an
//!   event id; `Finished Step` when a step's processing finishes, once per document side; `Finished Ongoing Check` with the
//!   onboarding journey's id.
//! - `legacy` (idwise.github.io, `webhooks.md` and `step-webhooks.md`): the same body without an event id, and
//!   `Step Submitted` at each submission.
//!
//! What an era does not have is not sent: `Updated Journey`, `Verification Update Required` and `KYC Renewal Deadline
//! Exceeded` are of today only.

use serde::Serialize;

use super::{Decisions, Dialect, Event, ManualDecision};
use crate::ids::{EventId, JourneyId};
use crate::provider::Rendered;

/// The event types of the middle era.
pub(super) const MIDDLE: [&str; 6] = [
    "Finished Step",
    "Finished User Steps",
    "Finished Journey",
    "Manually Reviewed",
    "AML Monitor Update",
    "Finished Ongoing Check",
];

/// The event types of the legacy era.
pub(super) const LEGACY: [&str; 5] =
    ["Step Submitted", "Finished User Steps", "Finished Journey", "Manually Reviewed", "AML Monitor Update"];

/// What every body is about, and the reviewer's decision at that moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) event_id: EventId,
    pub(super) journey_id: JourneyId,
    pub(super) reference_no: &'a str,
    pub(super) manual: Option<ManualDecision>,
}

#[derive(Serialize)]
struct Envelope<B> {
    event: &'static str,
    body: B,
}

/// The one body of both eras; the legacy one has no event id.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Generic<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<EventId>,
    journey_id: JourneyId,
    reference_no: &'a str,
    system_decision: &'static str,
    manual_decision: Option<&'static str>,
    final_decision: &'static str,
}

/// docs.idwise.com/docs/ongoing-verification-webhook-specification: the journey is the onboarding one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OngoingCheck<'a> {
    event_id: EventId,
    journey_id: JourneyId,
    reference_no: &'a str,
    system_decision: &'static str,
    ongoing_check_id: JourneyId,
}

/// idwise.github.io, `step-webhooks.md`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StepSubmitted<'a> {
    journey_id: JourneyId,
    reference_no: &'a str,
    step_id: &'a str,
    step_type: &'static str,
}

/// An event's bytes in an older era; `None` where it had no such event, and for today's.
pub(super) fn render(event: &Event, about: About<'_>, dialect: Dialect) -> Option<Rendered> {
    match dialect {
        Dialect::Current => None,
        Dialect::Middle => middle(event, about),
        Dialect::Legacy => legacy(event, about),
    }
}

fn middle(event: &Event, about: About<'_>) -> Option<Rendered> {
    let generic = |event_type, decisions| Some(to_bytes(event_type, generic(about, Some(about.event_id), decisions)));
    match event {
        Event::StepProcessed { system } => generic("Finished Step", Decisions { system: *system, manual: None }),
        Event::FinishedSpotCheck { system, check } => {
            let About { event_id, journey_id, reference_no, .. } = about;
            let body = OngoingCheck {
                event_id,
                journey_id,
                reference_no,
                system_decision: system.as_str(),
                ongoing_check_id: *check,
            };
            Some(to_bytes("Finished Ongoing Check", body))
        }
        other => shared(other, about).and_then(|(event_type, decisions)| generic(event_type, decisions)),
    }
}

fn legacy(event: &Event, about: About<'_>) -> Option<Rendered> {
    if let Event::FinishedStep { step_id, step_kind } = event {
        let About { journey_id, reference_no, .. } = about;
        let body = StepSubmitted { journey_id, reference_no, step_id, step_type: step_kind.as_str() };
        return Some(to_bytes("Step Submitted", body));
    }
    let (event_type, decisions) = shared(event, about)?;
    Some(to_bytes(event_type, generic(about, None, decisions)))
}

/// What both eras have in the generic shape.
fn shared(event: &Event, about: About<'_>) -> Option<(&'static str, Decisions)> {
    let manual = about.manual;
    match event {
        Event::FinishedUserSteps { system } => {
            Some(("Finished User Steps", Decisions { system: *system, manual: None }))
        }
        Event::FinishedJourney { system } => Some(("Finished Journey", Decisions { system: *system, manual })),
        Event::AmlMonitorUpdate { system, .. } => Some(("AML Monitor Update", Decisions { system: *system, manual })),
        Event::ManuallyReviewed { decisions } => Some(("Manually Reviewed", *decisions)),
        Event::FinishedStep { .. }
        | Event::StepProcessed { .. }
        | Event::UpdatedJourney { .. }
        | Event::VerificationUpdateRequired { .. }
        | Event::RenewalDeadlineExceeded { .. }
        | Event::FinishedSpotCheck { .. } => None,
    }
}

fn generic(about: About<'_>, event_id: Option<EventId>, decisions: Decisions) -> Generic<'_> {
    Generic {
        event_id,
        journey_id: about.journey_id,
        reference_no: about.reference_no,
        system_decision: decisions.system.as_str(),
        manual_decision: decisions.manual.map(ManualDecision::as_str),
        final_decision: decisions.last_word(),
    }
}

fn to_bytes<B: Serialize>(event_type: &'static str, body: B) -> Rendered {
    let body = serde_json::to_vec(&Envelope { event: event_type, body });
    Rendered { event_type, body: body.expect("strings always become JSON") }
}
