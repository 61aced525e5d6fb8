//! Every row of the transition table, and what is refused.

use std::collections::BTreeSet;

use super::*;
use crate::chance::Weights;
use crate::provider::DeadlineKind;

const SUBMIT: &str = r#"{"do":"submit"}"#;
const DOWN: &str = r#"{"do":"source_down","product":"nin"}"#;
const UP: &str = r#"{"do":"source_restored"}"#;
const FINISH: &str = r#"{"do":"finish"}"#;
const CANCEL: &str = r#"{"do":"cancel"}"#;
const START_NIN: &str = r#"{"do":"start_step","step":"nin"}"#;
const END_NIN: &str = r#"{"do":"finish_step","step":"nin"}"#;
const START_HOME: &str = r#"{"do":"start_step","step":"home"}"#;
const END_HOME: &str = r#"{"do":"finish_step","step":"home","status":"NO_ACCESS"}"#;

/// A verification in `flow` of `reference` ends up in `word` with `status` after `path`, and `told` was told.
#[track_caller]
fn check(flow: &Flow, reference: &str, path: &[&str], (word, status): (&str, Option<&str>), told: &[&str]) {
    let (journey, events) = play(flow, reference, path);
    let view = provider::view(&journey);
    assert_eq!((view.state, view.final_decision), (word, status), "{path:?}");
    assert_eq!(events.iter().map(Event::kind).collect::<Vec<_>>(), told, "{path:?}");
}

#[test]
fn a_look_up_is_told_only_after_its_source_was_down() {
    let flow = Flow::of(Product::Identity);
    let fails = Flow { downtime: Downtime::Fails, ..flow.clone() };
    let down = Flow { down: BTreeSet::from([Lookup::Nin]), ..flow.clone() };
    let told = ["identity/verification_completed"];
    check(&flow, "A", &[SUBMIT], ("complete", Some("VERIFIED")), &[]);
    check(&flow, "A+ID_MISMATCH", &[SUBMIT], ("complete", Some("ID_MISMATCH")), &[]);
    check(&flow, "A", &[DOWN, SUBMIT], ("queued", None), &[]);
    check(&flow, "A", &[DOWN, UP, SUBMIT], ("complete", Some("VERIFIED")), &[]);
    check(&flow, "A", &[DOWN, SUBMIT, UP], ("complete", Some("VERIFIED")), &told);
    check(&down, "A", &[SUBMIT], ("queued", None), &[]);
    check(&fails, "A", &[DOWN, SUBMIT], ("failed", None), &[]);
    check(&flow, "A", &[r#"{"do":"source_down","product":"nuban"}"#, SUBMIT], ("complete", Some("VERIFIED")), &[]);
}

#[test]
fn a_when_matches_one_of_three_words_and_the_statuss_own() {
    let flow = Flow::of(Product::Address);
    for (path, one, status) in [
        (&[][..], "open", None),
        (&[SUBMIT][..], "open", None),
        (&[SUBMIT, FINISH][..], "passed", Some("VERIFIED")),
        (&[SUBMIT, CANCEL][..], "failed", Some("CANCELLED")),
        (&[SUBMIT, r#"{"do":"finish","status":{"NO_ACCESS":1}}"#][..], "failed", Some("NO_ACCESS")),
    ] {
        let (journey, _) = play(&flow, "A", path);
        let words = ["open", "passed", "failed", "VERIFIED", "NO_ACCESS", "CANCELLED", "nonsense"];
        let matched: Vec<&str> = words.into_iter().filter(|word| state(&journey).matches(word)).collect();
        assert_eq!(matched, [one].into_iter().chain(status).collect::<Vec<_>>(), "{path:?}");
    }
}

#[test]
fn steps_are_shown_as_far_as_they_are() {
    let flow = workflow();
    let steps = |path: &[&str]| -> Vec<&'static str> {
        provider::view(&play(&flow, "A", path).0).steps.into_iter().map(|step| step.state).collect()
    };
    let (start, finish) = (r#"{"do":"start_step","step":"nin"}"#, r#"{"do":"finish_step","step":"nin"}"#);
    assert_eq!(steps(&[SUBMIT]), ["pending"; 3]);
    assert_eq!(steps(&[SUBMIT, start]), ["in_progress", "pending", "pending"]);
    assert_eq!(steps(&[SUBMIT, start, finish]), ["complete", "pending", "pending"]);
}

#[test]
fn the_last_mile_starts_and_ends() {
    for product in [Product::Address, Product::Employment, Product::Guarantor, Product::Property] {
        let flow = Flow::of(product);
        let family = product.as_str();
        let told = [format!("{family}/verification_started"), format!("{family}/verification_completed")];
        let told = [told[0].as_str(), told[1].as_str()];
        check(&flow, "A", &[SUBMIT], ("in_progress", None), &told[..1]);
        check(&flow, "A", &[SUBMIT, FINISH], ("complete", Some("VERIFIED")), &told);
        check(&flow, "A", &[SUBMIT, CANCEL], ("cancelled", Some("CANCELLED")), &told);
        let failure = if product == Product::Address { "WRONG_ADDRESS" } else { "UNVERIFIED" };
        check(&flow, "A+WRONG_ADDRESS", &[SUBMIT, FINISH], ("complete", Some(failure)), &told);
    }
    let flow = Flow::of(Product::Address);
    let told = ["address/verification_started", "address/verification_completed"];
    let finish = r#"{"do":"finish","status":{"NO_ACCESS":1}}"#;
    check(&flow, "A+WRONG_ADDRESS", &[SUBMIT, finish], ("complete", Some("NO_ACCESS")), &told);
}

#[test]
fn a_workflow_goes_step_by_step() {
    let all = [SUBMIT, START_NIN, END_NIN, START_HOME, END_HOME, r#"{"do":"start_step","step":"job"}"#];
    let told = [
        "workflow/verification_started",
        "workflow/step_verification_started",
        "workflow/step_verification_completed",
        "workflow/step_verification_started",
        "workflow/step_verification_completed",
        "workflow/step_verification_started",
        "workflow/step_verification_completed",
        "workflow/verification_completed",
    ];
    check(&workflow(), "A", &all, ("in_progress", None), &told[..6]);
    let ended = [&all[..], &[r#"{"do":"finish_step","step":"job"}"#]].concat();
    check(&workflow(), "A", &ended, ("complete", Some("UNVERIFIED")), &told);
    check(
        &workflow(),
        "A",
        &[SUBMIT, START_NIN, CANCEL],
        ("cancelled", Some("CANCELLED")),
        &[told[0], told[1], told[7]],
    );
}

/// An identity step is what the register says, the others what the flow's weights say; a stimulus has the last word.
#[test]
fn a_step_ends_as_its_product_does_and_the_workflow_as_its_steps() {
    let bad = Flow { status: Weights::only(Status::NoAccess), ..workflow() };
    let done = |flow: &Flow, nin: &str, home: &str| {
        let end = |step: &str, status: &str| match status {
            "" => format!(r#"{{"do":"finish_step","step":"{step}"}}"#),
            status => format!(r#"{{"do":"finish_step","step":"{step}","status":"{status}"}}"#),
        };
        let (nin, home, job) = (end("nin", nin), end("home", home), end("job", "VERIFIED"));
        let path = [SUBMIT, START_NIN, &nin, START_HOME, &home, r#"{"do":"start_step","step":"job"}"#, &job];
        let (journey, _) = play(flow, "A", &path);
        let phase = |at: usize| state(&journey).steps[at].phase;
        let StepPhase::Complete(nin) = phase(0) else { panic!("it ended") };
        let StepPhase::Complete(home) = phase(1) else { panic!("it ended") };
        (nin.as_str(), home.as_str(), state(&journey).status.expect("it ended").as_str())
    };
    assert_eq!(done(&workflow(), "VERIFIED", "VERIFIED"), ("VERIFIED", "VERIFIED", "VERIFIED"));
    assert_eq!(done(&bad, "", ""), ("VERIFIED", "NO_ACCESS", "UNVERIFIED"));
    assert_eq!(done(&bad, "ID_MISMATCH", "VERIFIED"), ("ID_MISMATCH", "VERIFIED", "UNVERIFIED"));
}

/// A call fails only where its source is down.
#[test]
fn without_downtime_handling_a_look_up_is_answered_or_fails() {
    let flow = Flow { downtime: Downtime::Fails, ..Flow::of(Product::Identity) };
    check(&flow, "A", &[SUBMIT], ("complete", Some("VERIFIED")), &[]);
    check(&flow, "A", &[DOWN, SUBMIT], ("failed", None), &[]);
}

/// R1: each step's span is drawn at a place of its own, counted from 1, whatever else happened.
#[test]
fn r1_the_span_of_a_step_follows_from_its_place() {
    let flow = Flow { processing: "uniform(1s, 1h)".parse().expect("a span"), ..workflow() };
    let path = [SUBMIT, START_NIN, END_NIN, START_HOME];
    for (step, path) in [(1_u64, &path[..2]), (2, &path[..])] {
        let place: [&[u8]; 3] = [b"processing", &7_u64.to_le_bytes(), &step.to_le_bytes()];
        let span = flow.processing.draw(&mut SEED.draw(&place));
        let (journey, _) = play(&flow, "A", path);
        let due = start_of_day() + Duration::from_secs(3_600) + span;
        assert_eq!(journey.deadlines.iter().map(|deadline| deadline.due).collect::<Vec<_>>(), [due], "step {step}");
    }
}

#[test]
fn what_nobody_scripts_happens_by_itself() {
    for product in [Product::Address, Product::Workflow] {
        let flow = flow_of(product);
        let (mut journey, mut told) = play(&flow, "A", &[SUBMIT]);
        while let [deadline] = journey.deadlines[..] {
            assert_eq!(deadline.kind, DeadlineKind::Processing);
            let provider::Stimulus::Qoreid(stimulus) = provider::deadline_stimulus(&journey, deadline.kind) else {
                panic!("a stimulus of QoreID")
            };
            let next = apply(&journey, &flow, &stimulus).expect("a deadline is legal");
            told.extend(events(&next));
            journey = next.journey;
        }
        assert_eq!(provider::view(&journey).state, "complete", "{product}");
        assert_eq!(told.len(), if product == Product::Workflow { 8 } else { 2 });
    }
}

#[test]
fn refusals_say_what_is_legal() {
    let refused = |flow: &Flow, path: &[&str], stimulus: &str| {
        let (journey, _) = play(flow, "A", path);
        apply(&journey, flow, &read(stimulus)).expect_err(stimulus).to_string()
    };
    let address = Flow::of(Product::Address);
    insta::assert_snapshot!(refused(&address, &[], FINISH), @"finish: this is not possible now; the journey is draft (nothing was submitted yet); legal now: submit");
    insta::assert_snapshot!(refused(&address, &[SUBMIT, FINISH], CANCEL), @"cancel: this is not possible now; the journey is complete (status VERIFIED); legal now: nothing");
    insta::assert_snapshot!(refused(&address, &[SUBMIT], r#"{"do":"finish","status":"UNVERIFIED"}"#), @"finish: address does not end in UNVERIFIED, but in VERIFIED, WRONG_ADDRESS, INVALID_ADDRESS, NO_ACCESS; the journey is in_progress (people are at work); legal now: finish, cancel");
    insta::assert_snapshot!(refused(&address, &[], r#"{"do":"submit","product":"property"}"#), @"submit: the journey is of product address, not property; the journey is draft (nothing was submitted yet); legal now: submit");
    insta::assert_snapshot!(refused(&address, &[], r#"{"do":"submit","reference":"B"}"#), @r#"submit: the journey's reference is "A", not "B"; the journey is draft (nothing was submitted yet); legal now: submit"#);
    insta::assert_snapshot!(refused(&workflow(), &[SUBMIT], FINISH), @r#"finish: a workflow ends with its last step; the journey is in_progress (step "nin" is next); legal now: start_step, cancel"#);
    insta::assert_snapshot!(refused(&workflow(), &[SUBMIT], START_HOME), @r#"start_step: step "home" cannot begin now; the journey is in_progress (step "nin" is next); legal now: start_step, cancel"#);
    insta::assert_snapshot!(refused(&workflow(), &[SUBMIT, START_NIN], r#"{"do":"finish_step","step":"x"}"#), @r#"finish_step: the journey has no step "x"; its steps are nin, home, job; the journey is in_progress (step "nin" is under way); legal now: finish_step, cancel"#);
}

#[test]
fn complaints_name_the_nearest_word() {
    let complaint = |json: &str| {
        let value: serde_json::Value = serde_json::from_str(json).expect(json);
        Stimulus::from_json(value.as_object().expect("a table")).expect_err(json)
    };
    insta::assert_snapshot!(complaint(r#"{"do":"submitt"}"#), @r#""submitt" is not a stimulus: did you mean "submit"? accepted: submit, source_down, source_restored, start_step, finish_step, finish, cancel"#);
    insta::assert_snapshot!(complaint(r#"{"do":"finish","status":"WRONG_ADRESS"}"#), @r#"argument "status" of finish: "WRONG_ADRESS" is not a status: did you mean "WRONG_ADDRESS"? accepted: VERIFIED, WRONG_ADDRESS, INVALID_ADDRESS, NO_ACCESS, UNVERIFIED, ID_MISMATCH, CANCELLED"#);
    insta::assert_snapshot!(complaint(r#"{"do":"finish","status":"CANCELLED"}"#), @r#"argument "status" of finish: a verification that is called off is cancelled: { do = "cancel" }"#);
    insta::assert_snapshot!(complaint(r#"{"do":"start_step"}"#), @r#"start_step needs the argument "step", as in { do = "start_step", step = "address" }"#);
    insta::assert_snapshot!(complaint(r#"{"do":"cancel","why":1}"#), @r#"cancel has no argument "why": none is accepted here"#);
}
