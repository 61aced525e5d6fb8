//! The drawn machines hold no more than what happens, and every form that is offered by hand can be sent as it stands.

use std::collections::BTreeSet;

use super::*;
use crate::provider::arguments::{Field, arguments, filled};
use crate::provider::parse_stimulus;
use crate::provider::words::Word as _;

/// What can be done to a journey by hand, each form as it stands, and what a deadline does.
fn stimuli(journey: &Journey) -> Vec<Stimulus> {
    let first = |field: &Field| match field {
        Field::One(choices) | Field::Some(choices) => choices[0].value.clone(),
        Field::Text { known, .. } => known.first().copied().unwrap_or("a text").to_owned(),
    };
    let by_hand = state(journey).legal().into_iter().map(|word| {
        let fields = arguments(journey, word);
        let entered: Vec<(String, String)> =
            fields.iter().map(|argument| (argument.name.to_owned(), first(&argument.field))).collect();
        let map = filled(word, &fields, &entered);
        match parse_stimulus(provider::ProviderKind::Qoreid, &map) {
            Ok(provider::Stimulus::Qoreid(stimulus)) => stimulus,
            other => panic!("{map:?}: {other:?}"),
        }
    });
    by_hand.collect()
}

#[test]
fn what_is_drawn_is_what_happens_and_forms_can_be_sent() {
    for product in Product::ALL.iter().copied() {
        let mut taken = BTreeSet::new();
        for downtime in [Downtime::Queues, Downtime::Fails] {
            let flow = Flow { downtime, ..flow_of(product) };
            let mut todo = vec![started(&flow, "A")];
            let mut seen = BTreeSet::new();
            while let Some(journey) = todo.pop() {
                let before = state(&journey).clone();
                if !seen.insert(format!("{before:?}")) {
                    continue;
                }
                let proceeds = before.phase == Phase::InProgress && product == Product::Workflow;
                for stimulus in stimuli(&journey).into_iter().chain(proceeds.then_some(Stimulus::Proceed)) {
                    let next = apply(&journey, &flow, &stimulus).unwrap_or_else(|why| panic!("{why}"));
                    let to = state(&next.journey).word();
                    taken.insert((before.word(), stimulus.name(), to));
                    todo.push(next.journey);
                }
            }
        }
        let drawn: BTreeSet<_> = machine(product).moves.iter().map(|m| (m.from, m.by, m.to)).collect();
        assert_eq!(taken, drawn, "{product}");
    }
}
