//! What comes after a journey: review, AML, spot checks, deletion.

use serde_json::{Value, json};

use super::*;
use crate::support::sink::Sink;
use crate::support::steps::{advance, does, settle, webhook};

fn events(sink: &Sink) -> Vec<Value> {
    sink.requests().iter().map(|request| serde_json::from_slice(&request.body).expect("JSON")).collect()
}

fn names(sink: &Sink) -> Vec<String> {
    events(sink).iter().map(|event| event["event"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_reviewer_approves_rejects_or_asks_again() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), &webhook("sink", &sink.url("/hook"), "max_in_flight = 1\n"));
    let id = through(&server, "referring", &["1"], "KYC-1");
    let path = format!("/journey/v2/manual-review/{id}");
    let review = |body: Value| ask(&server, SANDBOX, "POST", &path, &body);
    refused(&review(json!({ "new_decision": "Maybe" })), 400, "invalid_request");
    refused(&review(json!({ "new_decision": "Resubmission Requested" })), 400, "invalid_request");
    let resubmit = json!([{ "step_id": "1", "review_decision": "Resubmit", "reason_code": "RESUBMIT_BAD_QUALITY" }]);
    let asked = done(&review(
        json!({ "new_decision": "Resubmission Requested", "comment": "blurred", "step_reviews": resubmit }),
    ));
    assert_eq!(
        (&asked["manual_decision"], &asked["final_decision"]),
        (&json!("Resubmission Requested"), &json!("Resubmission Requested"))
    );
    let summary = get(&server, &format!("/v2/summary/{id}"));
    assert_eq!(summary["step_summaries"][0]["result"]["status"], "Resubmission Required");
    done(&submit(&server, &id, "1"));
    advance(&server, "10s");
    let approved = done(&review(json!({ "new_decision": "Approved", "comment": "a good one" })));
    assert_eq!(
        approved,
        json!({ "success": true, "journey_id": id, "system_decision": "Refer", "manual_decision": "Approved", "final_decision": "Approved" })
    );
    settle(&server);
    let all = events(&sink);
    let required = all.iter().find(|event| event["event"] == "Verification Update Required").expect("it was asked for");
    assert_eq!(required["body"]["requiredSteps"][0]["reasonCode"], "RESUBMIT_BAD_QUALITY", "{required}");
    assert_eq!(names(&sink).iter().filter(|name| *name == "Finished Journey").count(), 2);
    assert!(names(&sink).contains(&"Manually Reviewed".to_owned()));
    assert!(all.iter().all(|event| !event.to_string().contains("blurred")), "a comment is never sent");
    assert_eq!(get(&server, &format!("/v2/{id}"))["final_decision"], "Approved");
}

#[test]
fn an_aml_check_has_a_record_a_history_and_a_whitelist() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), &webhook("sink", &sink.url("/hook"), ""));
    let id = through(&server, "onboarding", &["1", "2"], "KYC-1");
    let check = get(&server, &format!("/checks/aml/{id}"));
    assert_eq!((&check["check_id"], &check["reference_number"]), (&json!(id), &json!("KYC-1")));
    assert_eq!(
        (&check["final_decision"], &check["aml"]["ongoing_monitoring_enabled"]),
        (&json!("Complete"), &json!(true))
    );
    assert_eq!(check["aml"]["matches"], json!([]), "who passed has none");

    does(&server, &id, &json!({ "do": "aml_monitor_update", "change": "added" }));
    settle(&server);
    let update = events(&sink).into_iter().find(|event| event["event"] == "AML Monitor Update").expect("an update");
    let version = update["body"]["version"].clone();
    let check = get(&server, &format!("/checks/aml/{id}"));
    let matches = check["aml"]["matches"].as_array().expect("a list").clone();
    assert_eq!((matches.len(), &matches[0]["is_whitelisted"]), (1, &json!(false)), "{check}");
    assert_eq!(
        get(&server, &format!("/v2/{id}"))["aml"]["matches"],
        check["aml"]["matches"],
        "the result has the same"
    );
    let history =
        |version: &str| ask(&server, SANDBOX, "GET", &format!("/checks/aml/{id}/history/{version}"), &Value::Null);
    let now = done(&history(&version.as_u64().map_or_else(|| "1".to_owned(), |v| v.to_string())));
    assert_eq!(now["aml_matches"][0]["resource_id"], matches[0]["resource_id"]);
    assert_eq!(done(&history("0"))["aml_matches"], json!([]));
    refused(&history("99"), 404, "missing_requested_resource");

    let whitelist = |ids: Value| {
        ask(&server, SANDBOX, "POST", &format!("/checks/aml/{id}/whitelist"), &json!({ "resource_ids": ids }))
    };
    refused(&whitelist(json!(["stranger"])), 404, "missing_requested_resource");
    assert_eq!(done(&whitelist(json!([matches[0]["resource_id"]]))), json!({ "success": true }));
    let silenced = get(&server, &format!("/checks/aml/{id}"));
    assert!(
        silenced["aml"]["matches"].as_array().expect("a list").iter().all(|m| m["is_whitelisted"] == true),
        "{silenced}"
    );

    let before = sink.requests().len();
    let person =
        json!({ "entity_details": { "full_name": "Somebody Else", "birth_date": "1990-02-01", "sex": "male" } });
    assert_eq!(done(&ask(&server, SANDBOX, "PUT", &format!("/checks/aml/{id}"), &person)), json!({ "success": true }));
    settle(&server);
    assert_eq!(names(&sink)[before..], ["Updated Journey"]);
    refused(
        &ask(&server, SANDBOX, "PUT", &format!("/checks/aml/{id}"), &json!({ "entity_details": {} })),
        400,
        "invalid_request",
    );
}

#[test]
fn a_spot_check_is_a_journey_of_its_own_with_a_result() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), &webhook("sink", &sink.url("/hook"), ""));
    let id = through(&server, "onboarding", &["1", "2"], "KYC-1");
    let done_to =
        |name: &str| done(&ask(&server, SANDBOX, "POST", &format!("/journey/v2/spot-check/{name}"), &Value::Null));
    // By id, and by reference.
    let (first, second) = (done_to(&id), done_to("KYC-1"));
    assert_ne!(first["spot_check_journey_id"], second["spot_check_journey_id"]);
    settle(&server);
    let told: Vec<Value> = events(&sink)
        .into_iter()
        .filter(|event| event["event"] == "Finished Spot Check")
        .map(|e| e["body"]["spotCheckJourneyId"].clone())
        .collect();
    assert!(told.contains(&first["spot_check_journey_id"]) && told.len() == 2, "{told:?}");
    let check = first["spot_check_journey_id"].as_str().expect("an id");
    let result = get(&server, &format!("/journey/v2/spot-check/{check}"));
    assert_eq!((&result["journey_id"], &result["reference_number"]), (&json!(check), &json!("KYC-1")), "{result}");
    assert_eq!(
        (&result["system_decision"], &result["environment_name"]),
        (&json!("Complete"), &json!("Sandbox")),
        "{result}"
    );
    refused(&ask(&server, LIVE, "GET", &format!("/v2/spot-check/{check}"), &Value::Null), 403, "unauthorized");
    refused(
        &ask(&server, SANDBOX, "GET", &format!("/v2/spot-check/{id}"), &Value::Null),
        404,
        "missing_requested_resource",
    );
    let open = begin(&server, "onboarding", "KYC-2");
    refused(&ask(&server, SANDBOX, "POST", &format!("/v2/spot-check/{open}"), &Value::Null), 409, "illegal_state");
}

#[test]
fn what_is_deleted_is_gone_for_the_provider_and_says_nothing_any_more() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), &webhook("sink", &sink.url("/hook"), ""));
    let id = through(&server, "onboarding", &["1", "2"], "KYC-1");
    let told = sink.requests().len();
    let deleted = ask(&server, SANDBOX, "DELETE", &format!("/journey/{id}"), &Value::Null);
    assert!((200..300).contains(&deleted.status), "{}", deleted.text());
    for path in [format!("/v2/{id}"), format!("/v2/summary/{id}"), format!("/checks/aml/{id}")] {
        refused(&ask(&server, SANDBOX, "GET", &path, &Value::Null), 404, "missing_requested_resource");
    }
    refused(
        &ask(&server, SANDBOX, "DELETE", &format!("/journey/{id}"), &Value::Null),
        404,
        "missing_requested_resource",
    );
    advance(&server, "400d");
    assert_eq!(sink.requests().len(), told);
}
