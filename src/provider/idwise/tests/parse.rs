//! Reading stimuli: every form that is accepted, and what is said of those that are not.

use super::*;
use serde_json::json;

fn from(value: serde_json::Value) -> Result<Stimulus, String> {
    Stimulus::from_json(value.as_object().expect("a table"))
}

#[test]
fn every_stimulus_is_read() {
    let complete = || Weights::only(SystemDecision::Complete);
    let step = |step: &str, code: Option<&str>| RequiredStep { step: step.into(), reason_code: code.map(Into::into) };
    let rows = [
        (json!({"do": "start"}), Stimulus::Start),
        (json!({"do": "submit_step", "step": "1"}), Stimulus::SubmitStep { step: "1".into() }),
        (json!({"do": "finish_processing"}), Stimulus::FinishProcessing { decision: None }),
        (
            json!({"do": "finish_processing", "decision": "Complete"}),
            Stimulus::FinishProcessing { decision: Some(complete()) },
        ),
        (
            json!({"do": "finish_processing", "decision": {"Refer": 20, "Complete": 80.5, "Rejected": 0}}),
            Stimulus::FinishProcessing {
                decision: Weights::new(vec![
                    (SystemDecision::Complete, 80.5),
                    (SystemDecision::Refer, 20.0),
                    (SystemDecision::Rejected, 0.0),
                ]),
            },
        ),
        (json!({"do": "complete"}), Stimulus::Complete),
        (
            json!({"do": "review", "decision": "Approved", "reason_code": "OK", "comment": "fine"}),
            Stimulus::Review {
                decision: Weights::only(ManualDecision::Approved),
                reason_code: Some("OK".into()),
                comment: Some("fine".into()),
            },
        ),
        (
            json!({"do": "request_resubmission", "steps": ["1", {"step": "2", "reason_code": "R"}, {"step": "3"}]}),
            Stimulus::RequestResubmission { steps: vec![step("1", None), step("2", Some("R")), step("3", None)] },
        ),
        (json!({"do": "amend_aml"}), Stimulus::AmendAml { decision: None }),
        (
            json!({"do": "aml_monitor_update", "change": "removed", "decision": "Complete"}),
            Stimulus::AmlMonitorUpdate { change: AmlChange::Removed, decision: Some(complete()) },
        ),
        (json!({"do": "whitelist_aml"}), Stimulus::WhitelistAml),
        (json!({"do": "renewal_due"}), Stimulus::RenewalDue { steps: vec![], deadline: None }),
        (
            json!({"do": "renewal_due", "steps": ["1"], "deadline": "30d"}),
            Stimulus::RenewalDue { steps: vec![step("1", None)], deadline: Some(DeadlineAt::In(days(30))) },
        ),
        (
            json!({"do": "renewal_due", "steps": null, "deadline": "2026-11-20T09:00:00+01:00"}),
            Stimulus::RenewalDue { steps: vec![], deadline: Some(DeadlineAt::At(start_of_day())) },
        ),
        (json!({"do": "renewal_deadline"}), Stimulus::RenewalDeadline),
        (
            json!({"do": "finish_spot_check", "decision": "Complete"}),
            Stimulus::FinishSpotCheck { decision: complete() },
        ),
        (json!({"do": "cancel"}), Stimulus::Cancel),
        (json!({"do": "delete"}), Stimulus::Delete),
    ];
    let mut words: Vec<&str> = rows.iter().map(|(_, stimulus)| stimulus.name()).collect();
    words.dedup();
    let listed: Vec<&str> = STIMULI.iter().map(|(word, _)| *word).collect();
    assert_eq!(words, listed, "every word has a row, in the order of the list");
    for (value, stimulus) in rows {
        assert_eq!(from(value.clone()), Ok(stimulus), "{value}");
    }
}

#[test]
fn complaints_name_the_nearest_word_and_what_is_accepted() {
    let errors: Vec<String> = [
        json!({}),
        json!({"do": 3}),
        json!({"do": "submitstep"}),
        json!({"do": "abracadabra"}),
        json!({"do": "submit_step"}),
        json!({"do": "submit_step", "stpe": "1"}),
        json!({"do": "submit_step", "step": 1}),
        json!({"do": "delete", "reason": "x"}),
        json!({"do": "finish_processing", "decision": "complete"}),
        json!({"do": "finish_processing", "decision": {"Complet": 1}}),
        json!({"do": "finish_processing", "decision": {"Complete": 0}}),
        json!({"do": "finish_processing", "decision": {"Complete": -1}}),
        json!({"do": "finish_processing", "decision": {}}),
        json!({"do": "finish_processing", "decision": 5}),
        json!({"do": "review"}),
        json!({"do": "review", "decision": "Resubmission Requested"}),
        json!({"do": "review", "decision": "Refer"}),
        json!({"do": "request_resubmission", "steps": []}),
        json!({"do": "request_resubmission", "steps": "1"}),
        json!({"do": "request_resubmission", "steps": [1]}),
        json!({"do": "request_resubmission", "steps": [{"reason_code": "x"}]}),
        json!({"do": "request_resubmission", "steps": [{"step": "1", "reason": "x"}]}),
        json!({"do": "aml_monitor_update", "change": "add"}),
        json!({"do": "aml_monitor_update"}),
        json!({"do": "renewal_due", "deadline": "soon"}),
        json!({"do": "finish_spot_check"}),
    ]
    .into_iter()
    .map(|value| format!("{value}\n  {}", from(value.clone()).expect_err("refused")))
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
{}
  "do" is missing: it says what happens, one of start, submit_step, finish_processing, complete, review, request_resubmission, amend_aml, aml_monitor_update, whitelist_aml, renewal_due, renewal_deadline, finish_spot_check, cancel, delete
{"do":3}
  "do" is the number 3: write one of start, submit_step, finish_processing, complete, review, request_resubmission, amend_aml, aml_monitor_update, whitelist_aml, renewal_due, renewal_deadline, finish_spot_check, cancel, delete
{"do":"submitstep"}
  "submitstep" is not a stimulus: did you mean "submit_step"? accepted: start, submit_step, finish_processing, complete, review, request_resubmission, amend_aml, aml_monitor_update, whitelist_aml, renewal_due, renewal_deadline, finish_spot_check, cancel, delete
{"do":"abracadabra"}
  "abracadabra" is not a stimulus: accepted: start, submit_step, finish_processing, complete, review, request_resubmission, amend_aml, aml_monitor_update, whitelist_aml, renewal_due, renewal_deadline, finish_spot_check, cancel, delete
{"do":"submit_step"}
  submit_step needs the argument "step", as in { do = "submit_step", step = "1" }
{"do":"submit_step","stpe":"1"}
  submit_step has no argument "stpe": did you mean "step"? accepted: step
{"do":"submit_step","step":1}
  argument "step" of submit_step: the number 1 is not a string: write "1"
{"do":"delete","reason":"x"}
  delete has no argument "reason": none is accepted here
{"decision":"complete","do":"finish_processing"}
  argument "decision" of finish_processing: "complete" is not a system decision: did you mean "Complete"? accepted: Complete, Refer, Rejected, Incomplete
{"decision":{"Complet":1},"do":"finish_processing"}
  argument "decision" of finish_processing: "Complet" is not a system decision: did you mean "Complete"? accepted: Complete, Refer, Rejected, Incomplete
{"decision":{"Complete":0},"do":"finish_processing"}
  argument "decision" of finish_processing: no weight is above 0: write a table such as { Complete = 1 }
{"decision":{"Complete":-1},"do":"finish_processing"}
  argument "decision" of finish_processing: the weight of "Complete" is not a number of 0 or more
{"decision":{},"do":"finish_processing"}
  argument "decision" of finish_processing: no weight is above 0: write a table such as { Complete = 1 }
{"decision":5,"do":"finish_processing"}
  argument "decision" of finish_processing: the number 5 is not a system decision: accepted: Complete, Refer, Rejected, Incomplete
{"do":"review"}
  review needs the argument "decision", as in { do = "review", decision = "Approved" }
{"decision":"Resubmission Requested","do":"review"}
  argument "decision" of review: "Resubmission Requested" is not a review's decision: accepted: Approved, Rejected; to ask for steps again use { do = "request_resubmission", steps = [{ step = "1", reason_code = "RESUBMIT_BAD_QUALITY" }] }
{"decision":"Refer","do":"review"}
  argument "decision" of review: "Refer" is not a review's decision: accepted: Approved, Rejected
{"do":"request_resubmission","steps":[]}
  argument "steps" of request_resubmission: the list is empty: name at least one step
{"do":"request_resubmission","steps":"1"}
  argument "steps" of request_resubmission: "1" is not a list: write a list such as [{ step = "1", reason_code = "..." }] or ["1"]
{"do":"request_resubmission","steps":[1]}
  argument "steps" of request_resubmission: the number 1 is not a step: write a list such as [{ step = "1", reason_code = "..." }] or ["1"]
{"do":"request_resubmission","steps":[{"reason_code":"x"}]}
  argument "steps" of request_resubmission: a step lacks its "step": write a list such as [{ step = "1", reason_code = "..." }] or ["1"]
{"do":"request_resubmission","steps":[{"reason":"x","step":"1"}]}
  argument "steps" of request_resubmission: a step has no key "reason": did you mean "reason_code"? accepted: step, reason_code
{"change":"add","do":"aml_monitor_update"}
  argument "change" of aml_monitor_update: "add" is not a change of AML matches: did you mean "added"? accepted: added, removed, changed
{"do":"aml_monitor_update"}
  aml_monitor_update needs the argument "change", as in { do = "aml_monitor_update", change = "added" }
{"deadline":"soon","do":"renewal_due"}
  argument "deadline" of renewal_due: "soon" is not a duration: write it like "90s", "5m", "1h 30m" or "30d"; or an instant like "2026-11-20T08:00:00Z"
{"do":"finish_spot_check"}
  finish_spot_check needs the argument "decision", as in { do = "finish_spot_check", decision = "Complete" }
"#);
}

#[test]
fn words_of_flows_are_read_exactly() {
    assert_eq!("Selfie".parse(), Ok(StepKind::Selfie));
    assert_eq!("Time Based".parse(), Ok(RenewalCriteria::TimeBased));
    assert_eq!("Resubmission Requested".parse(), Ok(ManualDecision::ResubmissionRequested));
    let errors = [
        "document".parse::<StepKind>().expect_err("case"),
        "time_based".parse::<RenewalCriteria>().expect_err("form"),
        "Pass".parse::<SystemDecision>().expect_err("no word"),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r#"
"document" is not a type of step: did you mean "Document"? accepted: Document, Selfie
"time_based" is not a renewal's criteria: did you mean "Time Based"? accepted: Document Expired, Time Based
"Pass" is not a system decision: accepted: Complete, Refer, Rejected, Incomplete
"#);
}
