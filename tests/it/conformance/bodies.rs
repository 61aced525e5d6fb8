//! What every body looks like, and how the fields of one follow from those before it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Provider, json_of, keys, of_type, text};
use crate::support::steps::{TYPES, advance, ledger, passed};

#[test]
fn idwise_01_every_request_is_a_post_of_event_and_body() {
    let provider = Provider::new(&[200]);
    provider.whole_life("ONE-1");
    for request in provider.sink.requests() {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("understudy/")), "{request:?}");
        let json = json_of(&request);
        assert_eq!(keys(&json), BTreeSet::from(["event", "body"]));
        assert!(json["event"].is_string() && json["body"].is_object(), "{json}");
        // Compact, and in this order: what a customer's fixture was recorded with.
        assert!(request.body.starts_with(b"{\"event\":\"") && !request.body.contains(&b'\n'), "{json}");
    }
}

#[test]
fn idwise_02_the_types_are_the_nine_of_the_provider() {
    let provider = Provider::new(&[200]);
    provider.whole_life("TWO-1");
    let events = provider.events();
    let seen: BTreeSet<&str> = events.iter().map(|event| event["event"].as_str().expect("a text")).collect();
    assert_eq!(seen, BTreeSet::from(TYPES));
}

#[test]
fn idwise_03_a1_every_event_has_an_id_of_its_own_that_its_retries_keep() {
    let provider = Provider::new(&[500, 500, 200]);
    provider.whole_life("THREE-1");
    passed(&provider.server, "THREE-2");
    advance(&provider.server, "1d");
    let mut bodies: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for request in provider.sink.requests() {
        let id = text(&json_of(&request), "eventId").to_owned();
        let is_uuid = id.len() == 36 && id.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        assert!(is_uuid && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()), "{id}");
        bodies.entry(id).or_default().insert(request.body);
    }
    assert_eq!(bodies.len() as u64, ledger(&provider.server)["events"].as_u64().expect("a count"), "one id, one event");
    assert!(bodies.values().all(|bodies| bodies.len() == 1), "one id, one body");
    assert_eq!(provider.sink.requests().len(), bodies.len() + 2, "two were tried again");
}

#[test]
fn idwise_05_06_the_two_finished_bodies_have_four_keys_and_come_in_order() {
    let provider = Provider::new(&[200]);
    provider.whole_life("FIVE-1");
    provider.whole_life("FIVE-2");
    let events = provider.events();
    for kind in ["Finished User Steps", "Finished Journey"] {
        let found = of_type(&events, kind);
        assert!(found.len() >= 2, "{kind}");
        for event in found {
            assert_eq!(keys(&event["body"]), BTreeSet::from(["eventId", "journeyId", "referenceNo", "systemDecision"]));
        }
    }
    for reference in ["FIVE-1", "FIVE-2"] {
        let place = |kind: &str| {
            events.iter().position(|event| event["event"] == kind && event["body"]["referenceNo"] == reference)
        };
        assert!(place("Finished User Steps") < place("Finished Journey"), "fact 6, {reference}");
        let user_steps = of_type(&events, "Finished User Steps");
        assert_eq!(user_steps.iter().filter(|event| event["body"]["referenceNo"] == reference).count(), 1);
    }
}

#[test]
fn idwise_07_a_spot_check_has_its_own_journey_id_and_no_other() {
    let provider = Provider::new(&[200]);
    let journey = provider.whole_life("SEVEN-1");
    provider.whole_life("SEVEN-2");
    let events = provider.events();
    let checks = of_type(&events, "Finished Spot Check");
    assert_eq!(checks.len(), 2);
    for check in &checks {
        assert_eq!(
            keys(&check["body"]),
            BTreeSet::from(["eventId", "referenceNo", "systemDecision", "spotCheckJourneyId"])
        );
        assert_ne!(text(check, "spotCheckJourneyId"), journey);
    }
    assert_ne!(text(checks[0], "spotCheckJourneyId"), text(checks[1], "spotCheckJourneyId"));
}

#[test]
fn idwise_08_the_aml_version_is_an_integer_that_rises_by_one() {
    let provider = Provider::new(&[200]);
    let journey = passed(&provider.server, "EIGHT-1");
    let update = |change: &str| json!({ "do": "aml_monitor_update", "change": change });
    provider.play(
        &journey,
        &[
            update("added"),
            update("added"),
            update("changed"),
            update("removed"),
            json!({ "do": "amend_aml", "decision": "Complete" }),
            update("removed"),
            json!({ "do": "whitelist_aml" }),
            update("changed"),
            update("added"),
        ],
    );
    let mut decision = String::new();
    let mut version = 0;
    for event in provider.events() {
        if event["event"] == "AML Monitor Update" {
            version += 1;
            assert_eq!(event["body"]["updatedAMLVersionNumber"].as_u64(), Some(version), "{event}");
            assert_eq!(text(&event, "previousSystemDecision"), decision, "the prior event's: {event}");
        }
        if let Some(now) = event["body"]["systemDecision"].as_str() {
            decision = now.to_owned();
        }
    }
    // The change of a whitelisted match is silent.
    assert_eq!(version, 6);
}

#[test]
fn idwise_09_the_final_decision_is_the_manual_one_where_there_is_one() {
    let provider = Provider::new(&[200]);
    provider.whole_life("NINE-1");
    let mut manual = BTreeSet::new();
    for event in provider.events().iter().filter(|event| !event["body"]["finalDecision"].is_null()) {
        let body = event["body"].as_object().expect("an object");
        assert!(body.contains_key("manualDecision"), "null where there is none, and never absent: {event}");
        let last = if body["manualDecision"].is_null() { &body["systemDecision"] } else { &body["manualDecision"] };
        assert_eq!(&body["finalDecision"], last, "{event}");
        manual.insert(body["manualDecision"].as_str().unwrap_or("null").to_owned());
    }
    let seen: Vec<&str> = manual.iter().map(String::as_str).collect();
    assert_eq!(seen, ["Approved", "Rejected", "Resubmission Requested", "null"]);
}

#[test]
fn idwise_15_x3_bodies_hold_no_personal_data() {
    let provider = Provider::new(&[200]);
    provider.whole_life("FIFTEEN-1");
    // Every key that any body may have; what a reviewer wrote is under none of them.
    let known = BTreeSet::from([
        "eventId",
        "journeyId",
        "referenceNo",
        "stepId",
        "stepType",
        "systemDecision",
        "manualDecision",
        "finalDecision",
        "action",
        "manualReviewDetails",
        "journeyReviewDecision",
        "reasonCode",
        "stepReviews",
        "reviewDecision",
        "trigger",
        "requiredSteps",
        "renewalDeadline",
        "previousSystemDecision",
        "updatedAMLVersionNumber",
        "spotCheckJourneyId",
    ]);
    fn check(value: &Value, known: &BTreeSet<&str>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(key, member)| {
                assert!(known.contains(key.as_str()), "{key} is a key of the provider's");
                check(member, known);
            }),
            Value::Array(items) => items.iter().for_each(|item| check(item, known)),
            _ => {}
        }
    }
    for event in provider.events() {
        check(&event["body"], &known);
        assert!(!event.to_string().contains("Ana") && !event.to_string().contains("1990"), "{event}");
    }
}
