//! The shapes that stimuli are answered with, written straight from what they show: an answer is made for every POST,
//! and to build and sort a tree of values for it costs more than the stimulus itself.
//!
//! Members stand in the order of their names, as in every other answer. `shapes.rs` alone uses this.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::ids::{EventId, JourneyId};
use crate::message::Message;
use crate::provider::{self, Environment, StepView};

/// A journey.
#[derive(Debug, Serialize)]
pub(super) struct Journey<'a> {
    #[serde(serialize_with = "instant")]
    created_at: Timestamp,
    deadlines: Vec<Deadline>,
    environment: Environment,
    final_decision: Option<&'static str>,
    flow: &'a str,
    id: JourneyId,
    legal: Vec<&'static str>,
    manual_decision: Option<&'static str>,
    reference_no: &'a str,
    sequence: u64,
    state: &'static str,
    steps: Vec<Step<'a>>,
    system_decision: Option<&'static str>,
}

/// What a journey's clock holds for it.
#[derive(Debug, Serialize)]
struct Deadline {
    #[serde(rename = "do")]
    kind: &'static str,
    #[serde(serialize_with = "instant")]
    due_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct Step<'a> {
    id: &'a str,
    state: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// An event. The payload is shown as JSON; `body` is the exact text that is sent.
#[derive(Debug, Serialize)]
pub(super) struct Event<'a> {
    body: Cow<'a, str>,
    #[serde(serialize_with = "instant")]
    created_at: Timestamp,
    environment: Environment,
    id: EventId,
    journey_id: Option<JourneyId>,
    payload: Option<&'a RawValue>,
    sequence: u64,
    #[serde(rename = "type")]
    event_type: &'a str,
}

/// What a stimulus led to.
#[derive(Debug, Serialize)]
pub(super) struct Applied<'a> {
    pub(super) events: Vec<Event<'a>>,
    pub(super) journey: Journey<'a>,
}

impl<'a> Journey<'a> {
    pub(super) fn of(journey: &'a provider::Journey) -> Self {
        let view = provider::view(journey);
        let step = |StepView { id, kind, state }| Step { id, state, kind };
        Journey {
            created_at: journey.created_at,
            deadlines: journey.deadlines.iter().map(|d| Deadline { kind: d.kind.as_str(), due_at: d.due }).collect(),
            environment: journey.environment,
            final_decision: view.final_decision,
            flow: &journey.flow,
            id: journey.id,
            legal: view.legal,
            manual_decision: view.manual_decision,
            reference_no: &journey.reference_no,
            sequence: journey.sequence,
            state: view.state,
            steps: view.steps.into_iter().map(step).collect(),
            system_decision: view.system_decision,
        }
    }
}

impl<'a> Event<'a> {
    pub(super) fn of(message: &'a Message) -> Self {
        Event {
            body: String::from_utf8_lossy(&message.body),
            created_at: message.created_at,
            environment: message.environment,
            id: message.event_id,
            journey_id: message.journey_id,
            payload: serde_json::from_slice(&message.body).ok(),
            sequence: message.sequence,
            event_type: &message.event_type,
        }
    }
}

fn instant<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339())
}
