//! The result agrees with the journey, whatever was decided.

use serde_json::Value;

use super::super::{SystemDecision, tests::after, tests::onboarding, tests::state};
use super::*;

const SEEDS: u64 = 60;

fn of(path: &[&str], seed: u64) -> Value {
    let (flow, journey) = (onboarding(), after(&onboarding(), path));
    let ended = is_concluded(state(&journey)).then(|| Timestamp::from_micros(1_674_720_780_454_774));
    serde_json::to_value(result(Seed(seed), &journey, state(&journey), &flow, ended)).expect("JSON")
}

fn rules_with<'a>(shown: &'a Value, outcome: &str) -> Vec<&'a String> {
    let rules = shown["rule_results"].as_object().expect("rules");
    rules.iter().filter(|(_, rule)| rule["result"] == outcome).map(|(key, _)| key).collect()
}

fn path(decision: SystemDecision) -> Vec<String> {
    let finish = format!(r#"{{"do":"finish_processing","decision":"{decision}"}}"#);
    vec![r#"{"do":"submit_step","step":"1"}"#.into(), r#"{"do":"submit_step","step":"2"}"#.into(), finish]
}

fn decided(decision: SystemDecision, seed: u64) -> Value {
    let path = path(decision);
    of(&path.iter().map(String::as_str).collect::<Vec<_>>(), seed)
}

#[test]
fn a_referral_has_a_failed_rule_and_shows_it() {
    let mut reasons = std::collections::BTreeSet::new();
    for seed in 0..SEEDS {
        for decision in [SystemDecision::Refer, SystemDecision::Rejected] {
            let shown = decided(decision, seed);
            let failed = rules_with(&shown, "Failed");
            assert_eq!(failed.len(), 1, "{seed}");
            let document = &shown["documents"]["1"];
            let outcome = &document["validation_result"]["validation_outcome"];
            assert_eq!(outcome == "Failed", failed[0] == "document_validation", "{seed}");
            assert_eq!(document["face_match_result"]["is_matched"] == false, failed[0] == "same_subject", "{seed}");
            assert_eq!(shown["selfie"]["status"] == "Refer", failed[0] == "same_subject", "{seed}");
            let expires = document["extracted_fields"]["expiry_date"]["value"].as_str().expect("a date");
            assert_eq!(expires < "2026-11-20", failed[0] == "expired_document", "{seed} {expires}");
            let born = shown["applicant"]["birth_date"].as_str().expect("a date");
            assert_eq!(born > "2008-11-20", failed[0] == "under_age", "{seed} {born}");
            reasons.insert(failed[0].clone());
        }
    }
    assert!(reasons.len() >= 5, "{reasons:?}");
}

#[test]
fn what_passed_has_no_failed_rule_and_every_step_completed() {
    for seed in 0..SEEDS {
        let shown = decided(SystemDecision::Complete, seed);
        assert_eq!(rules_with(&shown, "Passed").len(), 10);
        assert_eq!(shown["documents"]["1"]["progress"], "Completed");
        assert_eq!(shown["selfie"]["status"], "Complete");
        assert_eq!(shown["aml"]["matches"], serde_json::json!([]));
    }
}

#[test]
fn what_is_incomplete_has_started_steps_and_nothing_decided() {
    for shown in [of(&[], 1), of(&[r#"{"do":"submit_step","step":"1"}"#], 1), decided(SystemDecision::Incomplete, 1)] {
        assert_eq!(rules_with(&shown, "Undetermined").len(), 10);
        assert!(["Started", "NotStarted"].contains(&shown["documents"]["1"]["progress"].as_str().unwrap()));
        assert_eq!(shown["selfie"]["status"], "Not Started");
        assert_eq!(shown["applicant"], Value::Null);
    }
    assert_eq!(of(&[], 1)["end_time"], Value::Null);
    assert_eq!(of(&[], 1)["documents"]["1"]["progress"], "NotStarted");
}

#[test]
fn matches_follow_the_record_and_explain_the_referral() {
    let mut path = path(SystemDecision::Complete);
    path.push(r#"{"do":"aml_monitor_update","change":"added"}"#.into());
    let shown = of(&path.iter().map(String::as_str).collect::<Vec<_>>(), 3);
    assert_eq!(rules_with(&shown, "Failed"), ["no_aml_records"]);
    assert_eq!(shown["aml"]["matches"].as_array().map(Vec::len), Some(1));
    let id = shown["aml"]["matches"][0]["resource_id"].clone();
    path.push(r#"{"do":"whitelist_aml"}"#.into());
    let shown = of(&path.iter().map(String::as_str).collect::<Vec<_>>(), 3);
    assert_eq!(shown["aml"]["matches"][0]["resource_id"], id);
    assert_eq!(shown["aml"]["matches"][0]["is_whitelisted"], true);
}

#[test]
fn the_result_is_the_same_each_time_and_another_for_another_seed() {
    let one = decided(SystemDecision::Refer, 7);
    assert_eq!(one, decided(SystemDecision::Refer, 7));
    assert_ne!(one["applicant"], decided(SystemDecision::Refer, 8)["applicant"]);
    assert_eq!(one["start_time"], "2026-11-20T08:00:00.000000");
    assert_eq!(one["end_time"], "2023-01-26T08:13:00.454774");
    let keys: Vec<&str> = one.as_object().expect("an object").keys().map(String::as_str).collect();
    insta::assert_snapshot!(keys.join(" "), @"aml applicant customer_id documents end_time final_decision flow_id journey_definintion_id journey_id manual_decision model_version reference_number rule_results screening_checks selfie start_time system_decision");
}
