//! Every row of the provider's state table, and what is refused.

use super::*;
use crate::provider::DeadlineKind;

const STEP_1: &str = r#"{"do":"submit_step","step":"1"}"#;
const STEP_2: &str = r#"{"do":"submit_step","step":"2"}"#;
const PASS: &str = r#"{"do":"finish_processing","decision":"Complete"}"#;
const REFER: &str = r#"{"do":"finish_processing","decision":"Refer"}"#;
const APPROVE: &str = r#"{"do":"review","decision":"Approved"}"#;
const REJECT: &str = r#"{"do":"review","decision":"Rejected","reason_code":"FRAUD","comment":"never sent"}"#;
const ASK_1: &str = r#"{"do":"request_resubmission","steps":["1"]}"#;
const ASK_BOTH: &str = r#"{"do":"request_resubmission","steps":["1",{"step":"2","reason_code":"BLURRED"}]}"#;
const RENEW: &str = r#"{"do":"renewal_due"}"#;
const LAPSE: &str = r#"{"do":"renewal_deadline"}"#;
const ADDED: &str = r#"{"do":"aml_monitor_update","change":"added"}"#;
const REMOVED: &str = r#"{"do":"aml_monitor_update","change":"removed"}"#;
const CHANGED: &str = r#"{"do":"aml_monitor_update","change":"changed"}"#;
const WHITELIST: &str = r#"{"do":"whitelist_aml"}"#;
const SPOT_CHECK: &str = r#"{"do":"finish_spot_check","decision":"Refer"}"#;

const S2: &[&str] = &[STEP_1, STEP_2];
const S3: &[&str] = &[STEP_1, STEP_2, PASS];
const S4: &[&str] = &[STEP_1, STEP_2, REFER];
const S5: &[&str] = &[STEP_1, STEP_2, REFER, APPROVE];
const S6: &[&str] = &[STEP_1, STEP_2, REFER, REJECT];
const S7: &[&str] = &[STEP_1, STEP_2, REFER, ASK_BOTH];
const S8: &[&str] = &[STEP_1, STEP_2, PASS, RENEW];
const S9: &[&str] = &[STEP_1, STEP_2, PASS, RENEW, LAPSE];

/// From the state that `path` leads to, `stimulus` leads to `word` with `final_decision` and emits `events`.
#[track_caller]
fn check(path: &[&str], stimulus: &str, (word, final_decision): (&str, &str), events: &[&str]) {
    let flow = onboarding();
    let before = after(&flow, path);
    let next = apply(&before, &flow, &read(stimulus)).expect(stimulus);
    let view = provider::view(&next.journey);
    assert_eq!((view.state, view.final_decision), (word, Some(final_decision)), "{stimulus}");
    assert_eq!(kinds(&next), events, "{stimulus}");
    assert_eq!(next.journey.sequence, before.sequence, "numbering is for whoever knows the dialects spoken");
}

#[test]
fn every_row_of_the_state_table() {
    // S1, S2
    check(&[], r#"{"do":"start"}"#, ("open", "Incomplete"), &[]);
    check(&[], STEP_2, ("open", "Incomplete"), &["Finished Step"]);
    check(&[STEP_2], STEP_1, ("processing", "Incomplete"), &["Finished Step", "Finished User Steps"]);
    check(&[STEP_1], r#"{"do":"cancel"}"#, ("open", "Incomplete"), &[]);
    check(&[STEP_1], r#"{"do":"complete"}"#, ("passed", "Complete"), &["Finished Journey"]);
    check(S2, r#"{"do":"complete"}"#, ("passed", "Complete"), &["Finished Journey"]);
    check(S2, PASS, ("passed", "Complete"), &["Finished Journey"]);
    check(S2, REFER, ("referred", "Refer"), &["Finished Journey"]);
    check(S2, r#"{"do":"finish_processing"}"#, ("passed", "Complete"), &["Finished Journey"]);
    check(S2, r#"{"do":"finish_processing","decision":"Rejected"}"#, ("rejected", "Rejected"), &["Finished Journey"]);
    check(
        S2,
        r#"{"do":"finish_processing","decision":"Incomplete"}"#,
        ("incomplete", "Incomplete"),
        &["Finished Journey"],
    );
    // Reviews
    let reviewed = ["Updated Journey", "Manually Reviewed"];
    check(S3, APPROVE, ("approved", "Approved"), &reviewed);
    check(S4, APPROVE, ("approved", "Approved"), &reviewed);
    check(S3, REJECT, ("rejected", "Rejected"), &reviewed);
    check(S4, REJECT, ("rejected", "Rejected"), &reviewed);
    check(S5, REJECT, ("rejected", "Rejected"), &reviewed);
    check(S6, APPROVE, ("approved", "Approved"), &reviewed);
    // Resubmission
    let asked = ["Updated Journey", "Verification Update Required"];
    let again = ["Finished Step", "Updated Journey"];
    check(S3, ASK_1, ("resubmission_requested", "Resubmission Requested"), &asked);
    check(S4, ASK_BOTH, ("resubmission_requested", "Resubmission Requested"), &asked);
    check(S7, STEP_2, ("resubmission_requested", "Resubmission Requested"), &again);
    check(&[S7, &[STEP_2]].concat(), STEP_1, ("processing", "Refer"), &again);
    check(&[S7, &[STEP_2, STEP_1]].concat(), PASS, ("passed", "Complete"), &["Finished Journey"]);
    // AML
    let monitored = ["AML Monitor Update", "Updated Journey"];
    for path in [S3, S4] {
        check(path, r#"{"do":"amend_aml","decision":"Refer"}"#, ("referred", "Refer"), &["Updated Journey"]);
        check(path, ADDED, ("referred", "Refer"), &monitored);
    }
    check(S5, r#"{"do":"amend_aml"}"#, ("approved", "Approved"), &["Updated Journey"]);
    check(S5, ADDED, ("approved", "Approved"), &monitored);
    check(S6, CHANGED, ("rejected", "Rejected"), &monitored);
    check(S3, CHANGED, ("passed", "Complete"), &monitored);
    check(&[S3, &[ADDED]].concat(), REMOVED, ("passed", "Complete"), &monitored);
    check(&[S3, &[ADDED, ADDED]].concat(), REMOVED, ("referred", "Refer"), &monitored);
    check(&[S3, &[ADDED, WHITELIST]].concat(), CHANGED, ("referred", "Refer"), &[]);
    check(&[S3, &[WHITELIST]].concat(), REMOVED, ("passed", "Complete"), &[]);
    check(&[S3, &[WHITELIST, REMOVED]].concat(), CHANGED, ("passed", "Complete"), &monitored);
    check(&[S3, &[WHITELIST]].concat(), ADDED, ("referred", "Refer"), &monitored);
    check(S8, ADDED, ("renewal_due", "Refer"), &monitored);
    // Renewal
    check(S3, RENEW, ("renewal_due", "Complete"), &["Verification Update Required"]);
    check(S5, RENEW, ("renewal_due", "Approved"), &["Verification Update Required"]);
    check(S8, STEP_1, ("processing", "Complete"), &again);
    check(&[S8, &[STEP_1]].concat(), REFER, ("referred", "Refer"), &["Finished Journey"]);
    check(&[S5, &[RENEW]].concat(), STEP_1, ("processing", "Approved"), &again);
    check(&[S5, &[RENEW, STEP_1]].concat(), PASS, ("passed", "Complete"), &["Finished Journey"]);
    check(S8, LAPSE, ("renewal_lapsed", "Incomplete"), &["KYC Renewal Deadline Exceeded"]);
    check(S9, STEP_1, ("processing", "Incomplete"), &again);
    check(&[S9, &[STEP_1]].concat(), PASS, ("passed", "Complete"), &["Finished Journey"]);
    // Spot checks and deletion
    check(S3, SPOT_CHECK, ("passed", "Complete"), &["Finished Spot Check"]);
    check(S5, SPOT_CHECK, ("approved", "Approved"), &["Finished Spot Check"]);
    for path in [&[], S2, S3, S4, S5, S6, S7, S8, S9] {
        let decision = provider::view(&after(&onboarding(), path)).final_decision.expect("always one");
        check(path, r#"{"do":"delete"}"#, ("deleted", decision), &[]);
    }
}

/// A reference that forces a decision overrules the flow, and is overruled by a stimulus that names one.
#[test]
fn what_a_reference_asks_for_is_decided() {
    let flow = onboarding();
    for (reference, stimulus, word) in [
        ("a", r#"{"do":"finish_processing"}"#, "passed"),
        ("a+refer", r#"{"do":"finish_processing"}"#, "referred"),
        ("a+incomplete", r#"{"do":"complete"}"#, "incomplete"),
        ("a+refer", PASS, "passed"),
    ] {
        let of_it = provider::Flow::Idwise(flow.clone());
        let opened = provider::start(SEED, 7, reference, Environment::Sandbox, &of_it, start_of_day());
        let path = S2.iter().chain(std::iter::once(&stimulus));
        let journey = path.fold(opened.expect("a reference"), |journey, stimulus| {
            apply(&journey, &flow, &read(stimulus)).expect(stimulus).journey
        });
        assert_eq!(state(&journey).word(), word, "{reference} {stimulus}");
    }
}

/// Once per side of a document, and for each only what was given since the last decision.
#[test]
fn what_was_submitted_is_processed_once() {
    let flow = onboarding();
    let processed = |path: &[&str], stimulus| {
        let next = apply(&after(&flow, path), &flow, &read(stimulus)).expect(stimulus);
        let is_it = |event: &&provider::Event| matches!(event, provider::Event::Idwise(Event::StepProcessed { .. }));
        next.events.iter().filter(is_it).count()
    };
    assert_eq!(processed(S2, PASS), 3, "two sides and a selfie");
    assert_eq!(processed(&[STEP_2], r#"{"do":"complete"}"#), 1, "what is there");
    assert_eq!(processed(&[S3, &[RENEW, STEP_1]].concat(), PASS), 2, "the document that was given again");
    assert_eq!(processed(S3, APPROVE), 0);
}

#[test]
fn a_review_that_could_never_ask_again_is_none_that_asks() {
    let flow = onboarding();
    let review = |again: f64| {
        let weights = vec![(ManualDecision::Approved, 1.0), (ManualDecision::ResubmissionRequested, again)];
        Stimulus::Review { decision: Weights::new(weights).expect("weights"), reason_code: None, comment: None }
    };
    assert!(apply(&after(&flow, S4), &flow, &review(0.0)).is_ok());
    let refused = apply(&after(&flow, S4), &flow, &review(0.1)).expect_err("it may ask");
    assert_eq!(refused.code, "invalid_decision");
}

#[test]
fn finished_journey_on_review_is_a_switch_and_comes_last() {
    let flow = Flow { finished_journey_on_review: true, ..onboarding() };
    let next = apply(&after(&flow, S4), &flow, &read(APPROVE)).expect("legal");
    assert_eq!(kinds(&next), ["Updated Journey", "Manually Reviewed", "Finished Journey"]);
}

#[test]
fn aml_versions_rise_and_tell_the_decision_before() {
    let flow = onboarding();
    let mut journey = after(&flow, S3);
    let mut told = Vec::new();
    for stimulus in [ADDED, CHANGED, WHITELIST, CHANGED, ADDED, REMOVED] {
        let next = apply(&journey, &flow, &read(stimulus)).expect(stimulus);
        for event in &next.events {
            if let provider::Event::Idwise(Event::AmlMonitorUpdate { system, previous, version }) = event {
                told.push(format!("{version}: {previous} to {system}"));
            }
        }
        journey = next.journey;
    }
    assert_eq!(told, ["1: Complete to Refer", "2: Refer to Refer", "3: Refer to Refer", "4: Refer to Complete"]);
}

#[test]
fn deadlines_follow_the_state() {
    let flow = onboarding();
    let now = start_of_day() + Duration::from_secs(3_600);
    let processing = (DeadlineKind::Processing, now + Duration::from_secs(5));
    let year = (DeadlineKind::RenewalDue, now + days(365));
    let grace = (DeadlineKind::RenewalDeadline, now + days(10));
    let own = r#"{"do":"renewal_due","steps":["2"],"deadline":"2027-01-01T00:00:00Z"}"#;
    let own_due = (DeadlineKind::RenewalDeadline, "2027-01-01T00:00:00Z".parse().expect("an instant"));
    for (path, expected) in [
        (&[][..], vec![]),
        (S2, vec![processing]),
        (S3, vec![year]),
        (S4, vec![]),
        (S5, vec![year]),
        (S6, vec![]),
        (S7, vec![]),
        (&[S7, &[STEP_1, STEP_2]].concat(), vec![processing]),
        (S8, vec![grace]),
        (&[S3, &[own]].concat(), vec![own_due]),
        (&[S8, &[STEP_1]].concat(), vec![processing]),
        (&[S8, &[STEP_1, PASS]].concat(), vec![year]),
        (S9, vec![]),
        (&[S3, &[ADDED]].concat(), vec![]),
        (&[S3, &[ADDED, REMOVED]].concat(), vec![year]),
        (&[S3, &[r#"{"do":"delete"}"#]].concat(), vec![]),
    ] {
        let deadlines = after(&flow, path).deadlines;
        let found: Vec<_> = deadlines.iter().map(|deadline| (deadline.kind, deadline.due)).collect();
        assert_eq!(found, expected, "{path:?}");
    }
}

#[test]
fn the_renewal_timer_is_kept_while_the_decision_stands() {
    let flow = onboarding();
    let journey = after(&flow, S3);
    let wrapped = provider::Flow::Idwise(flow);
    let mut draw = SEED.draw(&[]);
    let mut cx = Context { now: start_of_day() + days(100), flow: &wrapped, seed: SEED, draw: &mut draw };
    let approve = provider::Stimulus::Idwise(read(APPROVE));
    let next = provider::transition(&journey, &approve, &mut cx).expect("legal");
    assert_eq!(next.journey.deadlines, journey.deadlines);
}

#[test]
fn a_script_asks_for_decisions_by_word() {
    let flow = onboarding();
    for (path, matching) in [
        (&[][..], vec!["open", "Incomplete"]),
        (S2, vec!["open", "Incomplete"]),
        (S3, vec!["passed", "Complete"]),
        (S4, vec!["failed", "Refer"]),
        (S5, vec!["passed", "Approved"]),
        (S6, vec!["failed", "Rejected"]),
        (S7, vec!["failed", "Refer", "Resubmission Requested"]),
        (&[S7, &[STEP_1, STEP_2]].concat(), vec!["failed", "Refer"]),
        (&[r#"{"do":"complete"}"#, ASK_1, STEP_1], vec!["passed", "Complete"]),
        (S8, vec!["passed", "Complete"]),
        (S9, vec!["failed", "Incomplete"]),
        (&[S3, &[r#"{"do":"delete"}"#]].concat(), vec![]),
    ] {
        let journey = after(&flow, path);
        let found: Vec<_> = WHEN.into_iter().filter(|when| provider::matches(&journey, when)).collect();
        assert_eq!(found, matching, "{path:?}");
        assert!(!provider::matches(&journey, "complete"), "words are exact");
    }
}

#[test]
fn a_view_shows_steps_and_what_is_legal() {
    let journey = after(&onboarding(), &[STEP_1, STEP_2, REFER, ASK_1]);
    let view = provider::view(&journey);
    insta::assert_snapshot!(serde_json::to_string(&view).expect("json"), @r#"{"state":"resubmission_requested","system_decision":"Refer","manual_decision":"Resubmission Requested","final_decision":"Resubmission Requested","steps":[{"id":"1","type":"Document","state":"resubmission_required"},{"id":"2","type":"Selfie","state":"submitted"}],"legal":["submit_step","delete"]}"#);
}

/// From the state that `path` leads to, `stimulus` is refused: the code and the message.
fn refused(flow: &Flow, path: &[&str], stimulus: &str) -> String {
    let rejected = apply(&after(flow, path), flow, &read(stimulus)).expect_err(stimulus);
    format!("{}\n{}", rejected.code, rejected.message)
}

#[test]
fn refusals_say_what_is_wrong_and_what_is_legal() {
    let flow = onboarding();
    let bare = Flow { aml_monitoring: false, renewal: None, ..onboarding() };
    let rows = [
        refused(&flow, &[], r#"{"do":"submit_step","step":"9"}"#),
        refused(&flow, &[STEP_1], STEP_1),
        refused(&flow, &[STEP_1], r#"{"do":"start"}"#),
        refused(&flow, &[], APPROVE),
        refused(&flow, S2, STEP_1),
        refused(&flow, S3, PASS),
        refused(&flow, S5, ASK_1),
        refused(&flow, S4, r#"{"do":"request_resubmission","steps":["1","1"]}"#),
        refused(&flow, S4, r#"{"do":"request_resubmission","steps":["1","7"]}"#),
        refused(&flow, S7, APPROVE),
        refused(&flow, &[STEP_1, STEP_2, REFER, ASK_1], STEP_2),
        refused(&flow, &[r#"{"do":"complete"}"#, ASK_1], STEP_2),
        refused(&flow, S4, RENEW),
        refused(&flow, S6, RENEW),
        refused(&flow, S4, SPOT_CHECK),
        refused(&flow, S3, r#"{"do":"renewal_due","deadline":"2026-11-20T09:00:00Z"}"#),
        refused(&flow, S3, r#"{"do":"renewal_due","deadline":"0s"}"#),
        refused(&flow, S8, RENEW),
        refused(&flow, S9, LAPSE),
        refused(&bare, S3, ADDED),
        refused(&bare, S3, RENEW),
        refused(&flow, &[r#"{"do":"delete"}"#], r#"{"do":"delete"}"#),
    ];
    insta::assert_snapshot!(rows.join("\n\n"), @r#"
unknown_step
submit_step: the journey has no step "9"; its steps are 1, 2; the journey is open (steps to submit: 1, 2); legal now: start, submit_step, complete, cancel, delete

illegal_stimulus
submit_step: step "1" is submitted already; still to submit: 2; the journey is open (steps to submit: 2); legal now: submit_step, complete, cancel, delete

illegal_stimulus
start: this is not possible now; the journey is open (steps to submit: 2); legal now: submit_step, complete, cancel, delete

illegal_stimulus
review: this is not possible now; the journey is open (steps to submit: 1, 2); legal now: start, submit_step, complete, cancel, delete

illegal_stimulus
submit_step: this is not possible now; the journey is processing (the system has not decided yet); legal now: finish_processing, complete, delete

illegal_stimulus
finish_processing: this is not possible now; the journey is passed (final decision Complete); legal now: review, request_resubmission, amend_aml, aml_monitor_update, whitelist_aml, renewal_due, finish_spot_check, delete

illegal_stimulus
request_resubmission: a reviewer has decided Approved already, and only an undecided journey can be asked again; the journey is approved (final decision Approved); legal now: review, amend_aml, aml_monitor_update, whitelist_aml, renewal_due, finish_spot_check, delete

duplicate_step
request_resubmission: step "1" is named twice; the journey is referred (final decision Refer); legal now: review, request_resubmission, amend_aml, aml_monitor_update, whitelist_aml, delete

unknown_step
request_resubmission: the journey has no step "7"; its steps are 1, 2; the journey is referred (final decision Refer); legal now: review, request_resubmission, amend_aml, aml_monitor_update, whitelist_aml, delete

illegal_stimulus
review: this is not possible now; the journey is resubmission_requested (steps to submit again: 1, 2); legal now: submit_step, delete

illegal_stimulus
submit_step: step "2" is submitted already; still to submit: 1; the journey is resubmission_requested (steps to submit again: 1); legal now: submit_step, delete

illegal_stimulus
submit_step: step "2" is not asked for now; still to submit: 1; the journey is resubmission_requested (steps to submit again: 1); legal now: submit_step, delete

illegal_stimulus
renewal_due: a renewal is raised only for Complete or Approved, never for Refer; the journey is referred (final decision Refer); legal now: review, request_resubmission, amend_aml, aml_monitor_update, whitelist_aml, delete

illegal_stimulus
renewal_due: a renewal is raised only for Complete or Approved, never for Rejected; the journey is rejected (final decision Rejected); legal now: review, amend_aml, aml_monitor_update, whitelist_aml, delete

illegal_stimulus
finish_spot_check: a spot check compares with a Complete or Approved journey, not with Refer; the journey is referred (final decision Refer); legal now: review, request_resubmission, amend_aml, aml_monitor_update, whitelist_aml, delete

bad_deadline
renewal_due: the deadline 2026-11-20T09:00:00.000Z is not after now, 2026-11-20T09:00:00.000Z; the journey is passed (final decision Complete); legal now: review, request_resubmission, amend_aml, aml_monitor_update, whitelist_aml, renewal_due, finish_spot_check, delete

bad_deadline
renewal_due: the deadline 2026-11-20T09:00:00.000Z is not after now, 2026-11-20T09:00:00.000Z; the journey is passed (final decision Complete); legal now: review, request_resubmission, amend_aml, aml_monitor_update, whitelist_aml, renewal_due, finish_spot_check, delete

illegal_stimulus
renewal_due: this is not possible now; the journey is renewal_due (steps to submit again: 1); legal now: submit_step, renewal_deadline, aml_monitor_update, whitelist_aml, delete

illegal_stimulus
renewal_deadline: this is not possible now; the journey is renewal_lapsed (steps to submit again: 1); legal now: submit_step, delete

aml_monitoring_off
aml_monitor_update: flow "onboarding" does not monitor AML records; set its aml_monitoring = true; the journey is passed (final decision Complete); legal now: review, request_resubmission, amend_aml, whitelist_aml, renewal_due, finish_spot_check, delete

no_steps
renewal_due: name at least one step of 1, 2; the journey is passed (final decision Complete); legal now: review, request_resubmission, amend_aml, whitelist_aml, renewal_due, finish_spot_check, delete

illegal_stimulus
delete: this is not possible now; the journey is deleted (nothing can be done to it any more); legal now: nothing
"#);
}

#[test]
fn a_review_never_asks_again() {
    let flow = onboarding();
    let decision = Weights::only(ManualDecision::ResubmissionRequested);
    let review = Stimulus::Review { decision, reason_code: None, comment: None };
    let rejected = apply(&after(&flow, S4), &flow, &review).expect_err("refused");
    assert_eq!(rejected.code, "invalid_decision");
    assert!(rejected.message.contains("`request_resubmission`"), "{rejected}");
}

#[test]
fn a_renewal_without_a_flows_plan_takes_its_own_words() {
    let bare = Flow { renewal: None, ..onboarding() };
    let next = apply(&after(&bare, S3), &bare, &read(r#"{"do":"renewal_due","steps":["2"]}"#)).expect("legal");
    assert_eq!(state(&next.journey).renewal_deadline, Some(start_of_day() + Duration::from_secs(3_600) + days(30)));
    let required = vec![("2".to_owned(), "Document Expired".to_owned())];
    let decisions = Decisions { system: SystemDecision::Complete, manual: None };
    let event = Event::VerificationUpdateRequired { decisions, trigger: Trigger::KycRenewal, required };
    assert_eq!(next.events, [provider::Event::Idwise(event)]);
}

#[test]
fn the_processing_span_is_a_function_of_the_journey_and_its_round() {
    let flow = Flow { processing: "uniform(1s, 1h)".parse().expect("a span"), ..onboarding() };
    let due = |path: &[&str]| after(&flow, path).deadlines[0].due;
    assert_eq!(due(&[STEP_1, STEP_2]), due(&[r#"{"do":"start"}"#, STEP_2, STEP_1]));
    assert_ne!(due(S2), due(&[S7, &[STEP_1, STEP_2]].concat()));
}

#[test]
fn references_are_checked_as_the_provider_documents() {
    for good in ["A-1", "a_b/c\\d,e.f+g@h", "Ünïcödé", "客户42", "+refer", &"x".repeat(256)] {
        assert_eq!(check_reference(good), Ok(()), "{good}");
    }
    let errors = ["", "a b", "a\u{0}b", "é!", &"x".repeat(257)].map(|bad| check_reference(bad).expect_err(bad));
    insta::assert_snapshot!(errors.join("\n"), @r#"
the reference is empty: give 1 to 256 letters, digits or - _ / \ , . + @
the reference has ' ' as character 2: only letters, digits and - _ / \ , . + @ are allowed
the reference has '\0' as character 2: only letters, digits and - _ / \ , . + @ are allowed
the reference has '!' as character 2: only letters, digits and - _ / \ , . + @ are allowed
the reference has 257 characters: at most 256 are allowed
"#);
}
