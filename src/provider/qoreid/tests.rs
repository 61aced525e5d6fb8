//! Tests of the QoreID provider: the transition table, its invariants under random stimuli, and the pinned bytes.

mod machine;
mod properties;
mod table;
mod wire;

use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::provider::{self, Context, Environment, Journey, Rejected, Transition};
use crate::rng::Seed;

const SEED: Seed = Seed(20_261_120);

fn start_of_day() -> Timestamp {
    "2026-11-20T08:00:00Z".parse().expect("an instant")
}

/// An identity, an address and an employment, one after the other.
fn workflow() -> Flow {
    let step = |id: &str, product| StepDefinition { id: id.to_owned(), product, title: String::new() };
    let steps = vec![step("nin", Product::Identity), step("home", Product::Address), step("job", Product::Employment)];
    Flow { id: "onboarding".to_owned(), steps, ..Flow::of(Product::Workflow) }
}

fn flow_of(product: Product) -> Flow {
    if product == Product::Workflow { workflow() } else { Flow::of(product) }
}

fn started(flow: &Flow, reference: &str) -> Journey {
    let flow = provider::Flow::Qoreid(flow.clone());
    provider::start(SEED, 7, reference, Environment::Sandbox, &flow, start_of_day()).expect("a valid reference")
}

fn state(journey: &Journey) -> &State {
    let provider::State::Qoreid(state) = &journey.state else { panic!("a journey of QoreID") };
    state
}

/// A stimulus from its JSON form.
fn read(json: &str) -> Stimulus {
    let value: serde_json::Value = serde_json::from_str(json).expect(json);
    Stimulus::from_json(value.as_object().expect("a table")).expect(json)
}

/// Applies a stimulus as a caller does, an hour after the journey's start.
fn apply(journey: &Journey, flow: &Flow, stimulus: &Stimulus) -> Result<Transition, Rejected> {
    let flow = provider::Flow::Qoreid(flow.clone());
    let mut draw = SEED.draw(&[b"test", &journey.version.to_le_bytes()]);
    let mut cx = Context { now: start_of_day() + Duration::from_secs(3_600), flow: &flow, seed: SEED, draw: &mut draw };
    provider::transition(journey, &provider::Stimulus::Qoreid(stimulus.clone()), &mut cx)
}

fn events(transition: &Transition) -> Vec<Event> {
    let event = |event: &provider::Event| match event {
        provider::Event::Qoreid(event) => event.clone(),
        provider::Event::Idwise(_) => panic!("an event of QoreID"),
    };
    transition.events.iter().map(event).collect()
}

/// A journey after the stimuli, none of which may be refused, and all that was told of it.
fn play(flow: &Flow, reference: &str, path: &[&str]) -> (Journey, Vec<Event>) {
    let mut told = Vec::new();
    let journey = path.iter().fold(started(flow, reference), |journey, json| {
        let next = apply(&journey, flow, &read(json)).expect(json);
        told.extend(events(&next));
        next.journey
    });
    (journey, told)
}
