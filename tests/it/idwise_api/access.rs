//! Who is let in, and that environments never meet.

use serde_json::{Value, json};

use super::*;
use crate::support::steps::ok;

#[test]
fn a_caller_is_known_by_its_key_and_told_what_is_wrong_with_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), "");
    let path = "/journey/v2/summary/000000000000000000000000";
    let with = |value: &str| server.ask("GET", path, &[("Authorization", value)], b"").expect("an answer");
    let without = server.get(path);
    refused(&without, 401, "missing_authorization_header");
    assert_eq!(without.header("www-authenticate"), Some("Basic realm=\"idwise\""));
    refused(&with("Bearer sand-secret-word"), 401, "invalid_authentication_format");
    refused(&with("Basic ###"), 401, "invalid_authentication_format");
    refused(&with(&basic("sand-key:live-secret-word")), 401, "invalid_credentials");
    refused(&with(&basic(SANDBOX)), 404, "missing_requested_resource");
}

#[test]
fn environments_never_meet() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), "");
    let journey = begin(&server, "onboarding", "KYC-1");
    let step = json!({ "journey_id": journey, "step_id": "1", "image": "eA==" });
    let person = json!({ "entity_details": { "full_name": "Ana Pérez" } });
    for (method, path, body) in [
        ("GET", format!("/journey/v2/summary/{journey}"), &Value::Null),
        ("GET", format!("/v2/{journey}"), &Value::Null),
        ("POST", "/journey/v2/process-journey-step".to_owned(), &step),
        ("POST", format!("/journey/v2/manual-review/{journey}"), &json!({ "new_decision": "Approved" })),
        ("GET", format!("/checks/aml/{journey}"), &Value::Null),
        ("PUT", format!("/checks/aml/{journey}"), &person),
        ("POST", format!("/v2/spot-check/{journey}"), &Value::Null),
        ("DELETE", format!("/journey/{journey}"), &Value::Null),
    ] {
        refused(&ask(&server, LIVE, method, &path, body), 403, "unauthorized");
    }
    // The same reference in both is two journeys, each found by its own key alone.
    let start = json!({ "flow_id": "onboarding", "reference_no": "KYC-1" });
    let live = done(&ask(&server, LIVE, "POST", "/journey/v2/start-journey", &start));
    assert_ne!(live["journey_id"], journey.as_str());
    refused(
        &ask(&server, SANDBOX, "GET", &format!("/v2/{}", live["journey_id"].as_str().expect("an id")), &Value::Null),
        403,
        "unauthorized",
    );
    let of = |id: &str| ok(&server, &format!("/api/v1/journeys/{id}"))["environment"].clone();
    assert_eq!((of(&journey), of(live["journey_id"].as_str().expect("an id"))), (json!("sandbox"), json!("live")));
}

#[test]
fn without_keys_a_local_caller_is_let_in_and_a_web_page_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let start = json!({ "flow_id": "onboarding", "reference_no": "KYC-1" }).to_string();
    let json = ("Content-Type", "application/json");
    let path = "/journey/v2/start-journey";
    let local = server.ask("POST", path, &[json], start.as_bytes()).expect("an answer");
    assert_eq!(local.status, 200, "{}", local.text());
    let page =
        server.ask("POST", path, &[json, ("Origin", "https://evil.example")], start.as_bytes()).expect("an answer");
    refused(&page, 403, "unauthorized");
}
