//! `*.journey.toml`: any text is a scenario that says the same when it is written again, or is refused with places.

use std::collections::BTreeSet;

use understudy::chance::{LONGEST_SPAN, SpanDraw};
use understudy::portal::{DeliverySettings, EmailSettings};
use understudy::provider::{Dialect, Environment, ProviderKind, qoreid};
use understudy::reader::Complaints;
use understudy::rng::Seed;
use understudy::scenario::{Line, LineKind, Place, Scenario, Vocabulary, Wait};

use super::complaints;

pub(crate) fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match parse(text) {
        Ok(scenario) => accepted(text, scenario),
        Err(refused) => complaints::hold(text, &refused),
    }
}

fn parse(text: &str) -> Result<Scenario, Complaints> {
    let (delivery, email) = (DeliverySettings::default(), EmailSettings::default());
    let vocabulary = Vocabulary {
        dialect: Dialect::current(ProviderKind::Idwise),
        environment: Environment::Sandbox,
        flows: &[],
        delivery: &delivery,
        email: &email,
        finished_journey_on_review: false,
        qoreid: &qoreid::Flow::of(qoreid::Product::Workflow),
        env: &complaints::env,
    };
    Scenario::parse("x.journey.toml", text, &vocabulary)
}

fn accepted(text: &str, scenario: Scenario) {
    assert_eq!(parse(text).as_ref(), Ok(&scenario), "read twice");
    let mut ids = BTreeSet::new();
    for line in scenario.steps.iter().chain(&scenario.meanwhile) {
        assert!(ids.insert(&line.id), "{:?} names two lines", line.id);
        assert!((0.0..=1.0).contains(&line.share), "{line:?}");
        let there = text.split('\n').nth(line.place.line - 1).unwrap_or_else(|| panic!("{line:?} stands nowhere"));
        assert!((1..=there.chars().count()).contains(&line.place.column), "{line:?} stands nowhere");
        let waits = match &line.kind {
            LineKind::Wait(Wait::For(span)) => Some(span),
            LineKind::Wait(Wait::Until(_)) | LineKind::Stimulus(_) => None,
        };
        for span in [Some(&line.after), line.at.as_ref(), waits].into_iter().flatten() {
            within_bounds(span);
        }
    }
    for arrival in scenario.population.iter().flat_map(|population| &population.arrive) {
        assert!(arrival.from.is_finite() && arrival.to.is_finite() && arrival.from >= 0.0 && arrival.to >= 0.0);
    }
    let again = complaints::rewritten(text).expect("what was read is TOML");
    let again = parse(&again).unwrap_or_else(|refused| panic!("written again as\n{again}\n{refused}"));
    assert_eq!(without_places(again), without_places(scenario), "written again");
}

/// A draw is never outside of what is said of it, and reads back as it is written.
fn within_bounds(span: &SpanDraw) {
    let (low, high) = span.bounds();
    assert!(low <= high && high <= LONGEST_SPAN, "{span:?}");
    let mut draw = Seed(7).draw(&[b"fuzzed"]);
    for _ in 0..8 {
        let drawn = span.draw(&mut draw);
        assert!(drawn >= low && drawn <= high, "{span:?} drew {drawn:?}");
    }
    assert_eq!(span.to_string().parse().as_ref(), Ok(span), "{span}");
}

/// Another writer puts lines elsewhere.
fn without_places(mut scenario: Scenario) -> Scenario {
    let nowhere = |line: &mut Line| line.place = Place { line: 0, column: 0 };
    scenario.steps.iter_mut().chain(&mut scenario.meanwhile).for_each(nowhere);
    scenario
}
