//! What the pure core costs, one call each: a transition, an event's bytes, a step of the engine, a draw, a tick, an arrival.
//!
//! `cargo bench --bench core`. Compare two things in one run: the machine's mood is in every figure.

use std::hint::black_box;
use std::time::Duration;

use divan::{Bencher, counter::ItemsCount};
use understudy::chance::{SpanDraw, Weights};
use understudy::clock::Timestamp;
use understudy::delivery::engine::{Engine, Input, LaneKey};
use understudy::delivery::lane::{LaneSettings, Paused};
use understudy::ids::EventId;
use understudy::load::Arrivals;
use understudy::provider::idwise::{Flow, StepDefinition, StepKind, Stimulus, SystemDecision};
use understudy::provider::{self, Context, Dialect, Environment, Journey, ProviderKind};
use understudy::rng::Seed;
use understudy::scenario::{Arrival, Population, Spacing};
use understudy::schedule::Timetable;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const SEED: Seed = Seed(7);

fn main() {
    divan::main();
}

fn flow() -> provider::Flow {
    let step = |id: &str, kind| StepDefinition { id: id.to_owned(), kind, title: id.to_owned() };
    provider::Flow::Idwise(Flow {
        id: "onboarding".to_owned(),
        steps: vec![step("1", StepKind::Document), step("2", StepKind::Selfie)],
        processing: SpanDraw::Fixed(Duration::from_secs(5)),
        decision: Weights::only(SystemDecision::Complete),
        aml_monitoring: true,
        renewal: None,
        finished_journey_on_review: false,
    })
}

fn journey(flow: &provider::Flow) -> Journey {
    provider::start(SEED, 1, "KYC-1", Environment::Sandbox, flow, NOW).expect("a valid reference")
}

#[divan::bench]
fn transition(bencher: Bencher<'_, '_>) {
    let flow = flow();
    let journey = journey(&flow);
    let stimulus = provider::Stimulus::Idwise(Stimulus::SubmitStep { step: "1".to_owned() });
    bencher.bench_local(|| {
        let mut draw = SEED.draw(&[b"bench"]);
        let mut cx = Context { now: NOW, flow: &flow, seed: SEED, draw: &mut draw };
        provider::transition(black_box(&journey), &stimulus, &mut cx)
    });
}

#[divan::bench(args = ["current", "middle", "legacy"])]
fn render(bencher: Bencher<'_, '_>, dialect: &str) {
    let dialect = Dialect::parse(ProviderKind::Idwise, dialect).expect("a dialect");
    let id = EventId::by_hand(SEED, 1);
    bencher.bench_local(|| provider::test_event(dialect, black_box("Finished Journey"), id));
}

#[divan::bench(args = [1, 100, 10_000])]
fn engine_step(bencher: Bencher<'_, '_>, lanes: usize) {
    let mut engine = Engine::new(1_024);
    let settings = || LaneSettings { max_in_flight: 32, spacing: None, paused: Paused::No };
    let key = |n: usize| LaneKey::Webhook(format!("lane-{n}").into());
    engine.hear(Input::Configured((0..lanes).map(|n| (key(n), settings())).collect()));
    engine.decide(NOW, Duration::ZERO);
    let lane = key(lanes / 2);
    bencher.bench_local(|| {
        // Work falls due, is claimed for, and there is none: the whole round of a quiet lane.
        engine.hear(Input::Work { lane: lane.clone(), due: NOW });
        engine.decide(NOW, Duration::ZERO);
        engine.hear(Input::Claimed { lane: lane.clone(), rows: Vec::new(), next_due: None });
        engine.decide(NOW, Duration::ZERO);
        black_box(engine.wake())
    });
}

#[divan::bench]
fn draw(bencher: Bencher<'_, '_>) {
    let mut n = 0_u64;
    bencher.bench_local(|| {
        n += 1;
        SEED.draw(&[b"line", &n.to_le_bytes(), b"after"]).unit()
    });
}

#[divan::bench(args = ["0 30 2 * * *", "0 */10 * * * *", "0 0 9 * * MON-FRI"])]
fn tick(bencher: Bencher<'_, '_>, pattern: &str) {
    let timetable = Timetable::parse(pattern, "Europe/Zurich").expect("a timetable");
    let mut at = NOW;
    bencher.bench_local(|| {
        at = timetable.next_after(at).unwrap_or(NOW);
        at
    });
}

#[divan::bench(args = [Spacing::Even, Spacing::Poisson])]
fn arrival(bencher: Bencher<'_, '_>, spacing: Spacing) {
    let span = Duration::from_secs(1_000_000);
    let arrive = vec![Arrival { span, from: 5.0, to: 5_000.0 }, Arrival { span, from: 5_000.0, to: 5_000.0 }];
    let population = Population { journeys: u64::MAX, spacing, arrive };
    let mut arrivals = Arrivals::new(&population, SEED);
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| arrivals.next(1.0));
}
