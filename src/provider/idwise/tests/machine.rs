//! The drawn machine holds no more than what happens, and every form that is offered by hand can be sent as it stands.

use std::collections::BTreeSet;

use super::*;
use crate::provider::arguments::{Field, arguments, filled};
use crate::provider::parse_stimulus;

/// Stimuli that between them take every way out of every place.
const STIMULI: &[&str] = &[
    r#"{"do":"start"}"#,
    r#"{"do":"submit_step","step":"1"}"#,
    r#"{"do":"submit_step","step":"2"}"#,
    r#"{"do":"finish_processing","decision":"Complete"}"#,
    r#"{"do":"finish_processing","decision":"Refer"}"#,
    r#"{"do":"finish_processing","decision":"Rejected"}"#,
    r#"{"do":"finish_processing","decision":"Incomplete"}"#,
    r#"{"do":"complete"}"#,
    r#"{"do":"review","decision":"Approved"}"#,
    r#"{"do":"review","decision":"Rejected"}"#,
    r#"{"do":"request_resubmission","steps":["1","2"]}"#,
    r#"{"do":"amend_aml"}"#,
    r#"{"do":"aml_monitor_update","change":"changed"}"#,
    r#"{"do":"whitelist_aml"}"#,
    r#"{"do":"renewal_due","steps":["1","2"]}"#,
    r#"{"do":"renewal_deadline"}"#,
    r#"{"do":"finish_spot_check","decision":"Complete"}"#,
    r#"{"do":"cancel"}"#,
    r#"{"do":"delete"}"#,
];

/// Every journey that differs in its state's word and what is missing, reached by these stimuli.
fn reached(flow: &Flow) -> (Vec<Journey>, BTreeSet<(String, String, String)>) {
    let (mut todo, mut seen, mut journeys, mut taken) =
        (vec![started(flow)], BTreeSet::new(), Vec::new(), BTreeSet::new());
    while let Some(journey) = todo.pop() {
        let place = format!("{} {:?}", state(&journey).word(), state(&journey).missing_steps());
        if !seen.insert(place) {
            continue;
        }
        for json in STIMULI {
            let stimulus = read(json);
            if let Ok(next) = apply(&journey, flow, &stimulus) {
                let place = |journey: &Journey| MACHINE.place_of(state(journey).word()).expect("drawn").name.to_owned();
                taken.insert((place(&journey), stimulus.name().to_owned(), place(&next.journey)));
                todo.push(next.journey);
            }
        }
        journeys.push(journey);
    }
    (journeys, taken)
}

#[test]
fn a_move_is_asked_for_by_the_words_of_states() {
    for (from, by, to, drawn) in [
        ("open", "submit_step", "processing", true),
        ("referred", "review", "approved", true),
        ("passed", "renewal_due", "renewal_due", true),
        ("passed", "submit_step", "processing", false),
        ("processing", "submit_step", "open", false),
        ("open", "review", "approved", false),
        ("finished", "review", "approved", false),
        ("open", "submit_step", "nowhere", false),
    ] {
        assert_eq!(MACHINE.draws(from, by, to), drawn, "{from} by {by} to {to}");
    }
}

#[test]
fn what_is_drawn_is_what_happens() {
    let (_, taken) = reached(&onboarding());
    let drawn = MACHINE.moves.iter().map(|m| (m.from.to_owned(), m.by.to_owned(), m.to.to_owned())).collect();
    assert_eq!(taken, drawn);
    for place in MACHINE.places {
        let others = MACHINE.places.iter().filter(|other| other.words.iter().any(|word| place.words.contains(word)));
        assert_eq!(others.count(), 1, "{}: a word belongs to one place", place.name);
    }
}

#[test]
fn every_form_can_be_sent_as_it_stands() {
    let flow = onboarding();
    for journey in reached(&flow).0 {
        for word in state(&journey).legal() {
            let fields = arguments(&journey, word);
            let first = |field: &Field| match field {
                Field::One(choices) | Field::Some(choices) => choices[0].value.clone(),
                Field::Text { known, .. } => known.first().copied().unwrap_or("a text").to_owned(),
            };
            let entered: Vec<(String, String)> =
                fields.iter().map(|argument| (argument.name.to_owned(), first(&argument.field))).collect();
            let map = filled(word, &fields, &entered);
            let read = parse_stimulus(provider::ProviderKind::Idwise, &map).unwrap_or_else(|why| panic!("{why}"));
            let provider::Stimulus::Idwise(stimulus) = read else { panic!("of IDWise") };
            apply(&journey, &flow, &stimulus).unwrap_or_else(|why| panic!("{} {map:?}: {why}", state(&journey).word()));
        }
    }
}
