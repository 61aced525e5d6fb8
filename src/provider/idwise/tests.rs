//! Tests of the IDWise provider: the state table row by row, its invariants under random stimuli, the pinned bytes,
//! and what refusals and complaints say.

mod aml;
mod machine;
mod parse;
mod properties;
mod table;
mod wire;

use std::time::Duration;

use super::*;
use crate::chance::{SpanDraw, Weights};
use crate::clock::Timestamp;
use crate::provider::{self, Context, Environment, Journey, Rejected, Transition};
use crate::rng::Seed;

const SEED: Seed = Seed(20_261_120);

fn days(n: u64) -> Duration {
    Duration::from_secs(n * 86_400)
}

fn start_of_day() -> Timestamp {
    "2026-11-20T08:00:00Z".parse().expect("an instant")
}

/// Two steps, monitored, renewed yearly by its document; decides `Complete`.
pub(super) fn onboarding() -> Flow {
    let step = |id: &str, kind| StepDefinition { id: id.to_owned(), kind, title: String::new() };
    Flow {
        id: "onboarding".to_owned(),
        steps: vec![step("1", StepKind::Document), step("2", StepKind::Selfie)],
        processing: SpanDraw::Fixed(Duration::from_secs(5)),
        decision: Weights::only(SystemDecision::Complete),
        aml_monitoring: true,
        renewal: Some(Renewal {
            steps: vec!["1".to_owned()],
            criteria: RenewalCriteria::TimeBased,
            after: days(365),
            grace: days(10),
        }),
        finished_journey_on_review: false,
    }
}

fn started(flow: &Flow) -> Journey {
    let flow = provider::Flow::Idwise(flow.clone());
    provider::start(SEED, 1, "A-1", Environment::Sandbox, &flow, start_of_day()).expect("a valid reference")
}

pub(super) fn state(journey: &Journey) -> &State {
    let provider::State::Idwise(state) = &journey.state else { panic!("a journey of IDWise") };
    state
}

/// A stimulus from its JSON form.
fn read(json: &str) -> Stimulus {
    let value: serde_json::Value = serde_json::from_str(json).expect(json);
    Stimulus::from_json(value.as_object().expect("a table")).expect(json)
}

/// Applies a stimulus as a caller does, an hour after the journey's start.
fn apply(journey: &Journey, flow: &Flow, stimulus: &Stimulus) -> Result<Transition, Rejected> {
    let flow = provider::Flow::Idwise(flow.clone());
    let mut draw = SEED.draw(&[b"test", &journey.version.to_le_bytes()]);
    let mut cx = Context { now: start_of_day() + Duration::from_secs(3_600), flow: &flow, seed: SEED, draw: &mut draw };
    provider::transition(journey, &provider::Stimulus::Idwise(stimulus.clone()), &mut cx)
}

/// A journey after the stimuli, none of which may be refused.
pub(super) fn after(flow: &Flow, path: &[&str]) -> Journey {
    path.iter().fold(started(flow), |journey, json| apply(&journey, flow, &read(json)).expect(json).journey)
}

fn kinds(transition: &Transition) -> Vec<&'static str> {
    let kind = |event: &provider::Event| match event {
        provider::Event::Idwise(event) => event.kind(),
        provider::Event::Qoreid(event) => Some(event.kind()),
    };
    transition.events.iter().filter_map(kind).collect()
}
