//! A journey from its start to its result.

use serde_json::{Value, json};

use super::*;
use crate::support::sink::Sink;
use crate::support::steps::{advance, ok, webhook};

#[test]
fn a_journey_goes_from_start_to_result_and_the_webhooks_say_the_same() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), &webhook("sink", &sink.url("/hook"), "order = \"journey\"\n"));
    let start = json!({
        "flow_id": "onboarding", "reference_no": "KYC-1",
        "applicant_details": { "full_name": "Ana Pérez", "birth_date": "1990-02-01", "sex": "female" },
    });
    let started = done(&ask(&server, SANDBOX, "POST", "/journey/v2/start-journey", &start));
    let id = started["journey_id"].as_str().expect("an id").to_owned();
    let expected = json!({ "journey_id": id, "reference_no": "KYC-1", "is_completed": false, "step_summaries": [] });
    assert_eq!(started, expected);

    // The document as a form with two files, the selfie as JSON, under the guide's shorter path.
    let form = "--b\r\nContent-Disposition: form-data; name=\"journey_id\"\r\n\r\nID\r\n--b\r\n\
        Content-Disposition: form-data; name=\"step_id\"\r\n\r\n1\r\n--b\r\n\
        Content-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n\r\nfront\r\n--b\r\n\
        Content-Disposition: form-data; name=\"image2\"; filename=\"b.jpg\"\r\n\r\nback side\r\n--b--\r\n"
        .replace("ID", &id);
    let headers = [("Authorization", basic(SANDBOX)), ("Content-Type", "multipart/form-data; boundary=b".to_owned())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let taken = done(&server.ask("POST", "/v2/process-journey-step", &headers, form.as_bytes()).expect("an answer"));
    assert_eq!((&taken["step_id"], &taken["is_completed"]), (&json!("1"), &json!(false)));
    let digest = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    assert_eq!(
        taken["files"],
        json!([
            { "field": "image", "bytes": 5, "blake3": digest("front") },
            { "field": "image2", "bytes": 9, "blake3": digest("back side") },
        ])
    );
    let summary = get(&server, &format!("/journey/v2/summary/{id}"));
    assert_eq!(summary["is_completed"], false);
    assert_eq!(summary["step_summaries"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        summary["step_summaries"][0]["definition"],
        json!({ "step_id": "1", "step_type": "Document", "step_title": "Photo ID" })
    );
    let early = get(&server, &format!("/journey/v2/{id}"));
    assert_eq!((&early["end_time"], &early["system_decision"]), (&Value::Null, &json!("Incomplete")));
    done(&submit(&server, &id, "2"));
    advance(&server, "1m");

    let summary = get(&server, &format!("/v2/summary/{id}"));
    assert_eq!(
        (&summary["is_completed"], &summary["result"]["interim_rule_assessment"]),
        (&json!(true), &json!("Passed"))
    );
    let result = get(&server, &format!("/journey/v2/{id}"));
    assert_eq!(result, get(&server, &format!("/v2/{id}")), "the same whenever it is asked for");
    assert_eq!(result["model_version"], "3.0");
    assert_eq!((&result["reference_number"], &result["flow_id"]), (&json!("KYC-1"), &json!("onboarding")));
    assert!(result["journey_definintion_id"].is_string(), "spelled as the provider spells it");
    assert_eq!(
        ["system_decision", "manual_decision", "final_decision"].map(|key| result[key].clone()),
        [json!("Complete"), Value::Null, json!("Complete")]
    );
    assert_eq!(result["start_time"], "2026-01-05T09:00:00.000000");
    assert_eq!(result["end_time"], "2026-01-05T09:00:05.000000");
    let document = &result["documents"]["1"];
    assert_eq!(
        (&document["progress"], &document["has_passed_rules"]),
        (&json!("Completed"), &json!(true)),
        "{document}"
    );
    assert_eq!(document["validation_result"]["validation_outcome"], "Passed");
    assert_eq!(result["selfie"]["status"], "Complete", "{}", result["selfie"]);
    let rules = result["rule_results"].as_object().expect("rules");
    assert!(rules.len() >= 8 && rules.values().all(|rule| rule["result"] == "Passed"), "{rules:?}");

    // Nothing of the person that was handed in comes back, and the webhook told the same decision.
    for told in sink
        .requests()
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .chain([result.to_string()])
    {
        assert!(!told.contains("Pérez") && !told.contains("1990-02-01"), "{told}");
    }
    let events: Vec<Value> = sink.requests().iter().map(|r| serde_json::from_slice(&r.body).expect("JSON")).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().expect("a name")).collect();
    assert_eq!(names, ["Finished Step", "Finished Step", "Finished User Steps", "Finished Journey"]);
    assert_eq!(events[3]["body"]["systemDecision"], result["system_decision"]);
    assert_eq!(events[3]["body"]["journeyId"], id.as_str());
}

#[test]
fn a_referred_journey_shows_why_and_a_customer_may_end_one_early() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), "");
    let referred = through(&server, "referring", &["1"], "KYC-R");
    let result = get(&server, &format!("/v2/{referred}"));
    assert_eq!(result["final_decision"], "Refer");
    let failed: Vec<&str> = result["rule_results"]
        .as_object()
        .expect("rules")
        .iter()
        .filter(|(_, rule)| rule["result"] == "Failed")
        .map(|(key, _)| key.as_str())
        .collect();
    assert!(!failed.is_empty(), "{result}");

    // Ended with what is there: nothing can be submitted any more.
    let early = begin(&server, "onboarding", "KYC-E");
    done(&submit(&server, &early, "1"));
    done(&ask(&server, SANDBOX, "POST", "/journey/v2/complete-journey", &json!({ "journey_id": early })));
    advance(&server, "1m");
    refused(&submit(&server, &early, "2"), 409, "illegal_state");
    let ended = get(&server, &format!("/v2/summary/{early}"));
    assert_eq!(ended["is_completed"], true);
    refused(
        &ask(&server, SANDBOX, "POST", "/journey/v2/complete-journey", &json!({ "journey_id": early })),
        409,
        "illegal_state",
    );
}

#[test]
fn custom_steps_are_taken_while_the_journey_is_open_and_say_nothing() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), &webhook("sink", &sink.url("/hook"), ""));
    let id = begin(&server, "referring", "KYC-1");
    let custom = json!({ "journey_id": id, "step_id": "gov-db", "image": STANDARD.encode("a face") });
    let taken = done(&ask(&server, SANDBOX, "POST", "/journey/v2/process-custom-journey-step", &custom));
    assert_eq!((&taken["step_id"], &taken["files"][0]["bytes"]), (&json!("gov-db"), &json!(6)));
    let end = json!({ "journey_id": id, "step_id": "gov-db" });
    assert_eq!(
        done(&ask(&server, SANDBOX, "POST", "/journey/v2/complete-custom-step", &end)),
        json!({ "success": true })
    );
    advance(&server, "1h");
    assert_eq!(sink.requests().len(), 0);
    done(&submit(&server, &id, "1"));
    advance(&server, "1h");
    refused(&ask(&server, SANDBOX, "POST", "/journey/v2/process-custom-journey-step", &custom), 409, "illegal_state");
}

#[test]
fn what_is_wrong_with_a_request_is_said_in_the_providers_form() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), "");
    let id = begin(&server, "onboarding", "KYC-1");
    let post = |path: &str, body: Value| ask(&server, SANDBOX, "POST", path, &body);
    let (start, step) = ("/journey/v2/start-journey", "/journey/v2/process-journey-step");
    refused(&post(start, json!({ "reference_no": "A" })), 400, "invalid_request");
    refused(&post(start, json!({ "flow_id": "onboarding", "reference_no": "a b" })), 400, "invalid_request");
    refused(
        &post(start, json!({ "flow_id": "onboarding", "reference_no": "A", "applicant_details": {} })),
        400,
        "invalid_request",
    );
    refused(&post(start, json!({ "flow_id": "nope", "reference_no": "A" })), 404, "missing_requested_resource");
    refused(&post(step, json!({ "journey_id": id, "step_id": "1" })), 400, "invalid_request");
    refused(&post(step, json!({ "journey_id": id, "step_id": "1", "image": "no base64!" })), 400, "invalid_request");
    refused(
        &post(step, json!({ "journey_id": id, "step_id": "9", "image": "eA==" })),
        404,
        "missing_requested_resource",
    );
    refused(
        &post(step, json!({ "journey_id": "12d62f80e15c1d50ff23db54", "step_id": "1", "image": "eA==" })),
        404,
        "missing_requested_resource",
    );
    let text = [("Authorization", basic(SANDBOX)), ("Content-Type", "text/plain".to_owned())];
    let text: Vec<(&str, &str)> = text.iter().map(|(n, v)| (*n, v.as_str())).collect();
    refused(&server.ask("POST", step, &text, b"x").expect("an answer"), 415, "unsupported_media_type");
    let large = json!({ "journey_id": id, "step_id": "1", "image": STANDARD.encode(vec![0; (10 << 20) + 1]) });
    refused(&post(step, large), 413, "file_too_large");
    refused(&ask(&server, SANDBOX, "DELETE", "/journey/v2/start-journey", &Value::Null), 405, "method_not_allowed");
    // Nothing of all that has changed it.
    assert_eq!(ok(&server, &format!("/api/v1/journeys/{id}"))["sequence"], json!(0));
}

#[test]
fn the_two_second_rule_is_a_switch() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), "[idwise]\nsummary_interval = \"2s\"\n");
    let id = begin(&server, "onboarding", "KYC-1");
    let path = format!("/journey/v2/summary/{id}");
    get(&server, &path);
    let again = ask(&server, SANDBOX, "GET", &path, &Value::Null);
    refused(&again, 429, "too_many_requests");
    assert_eq!(again.header("retry-after"), Some("2"));
    let other = begin(&server, "onboarding", "KYC-2");
    get(&server, &format!("/journey/v2/summary/{other}"));

    let dir = tempfile::tempdir().expect("a directory");
    let lenient = serve(dir.path(), "");
    let id = begin(&lenient, "onboarding", "KYC-1");
    (0..3).for_each(|_| drop(get(&lenient, &format!("/journey/v2/summary/{id}"))));
}

#[test]
fn magic_references_decide_against_the_flows_weights() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), "");
    let decision = |reference: &str| {
        let id = through(&server, "onboarding", &["1", "2"], reference);
        get(&server, &format!("/v2/{id}"))["final_decision"].clone()
    };
    assert_eq!(decision("a"), "Complete");
    assert_eq!(decision("a+refer"), "Refer");
    assert_eq!(decision("a+incomplete"), "Incomplete");
    let slow = through(&server, "onboarding", &["1", "2"], "a+refer+slow");
    let of = |key: &str| get(&server, &format!("/v2/{slow}"))[key].clone();
    assert_eq!(of("end_time"), Value::Null, "ten seconds are not enough");
    advance(&server, "1m");
    assert_eq!(of("final_decision"), "Refer");
}
