//! Every shape has the keys that it is promised with.

use serde_json::{Value, json};

use super::has;
use crate::support::server::Server;
use crate::support::sink::Sink;
use crate::support::steps::{
    START, advance, delivery_of, does, items, ledger, manual, ok, one_event, settle, start, webhook,
};

const JOURNEY: [&str; 11] = [
    "id",
    "reference_no",
    "flow",
    "environment",
    "state",
    "system_decision",
    "manual_decision",
    "final_decision",
    "steps",
    "sequence",
    "legal",
];
const EVENT: [&str; 6] = ["id", "type", "journey_id", "sequence", "created_at", "payload"];
const DELIVERY: [&str; 9] =
    ["id", "event_id", "event_type", "journey_id", "webhook", "state", "attempts", "due_at", "resend_of"];
const TRY: [&str; 8] = ["n", "started_at", "finished_at", "status", "error", "request", "response", "phases"];
const MAIL: [&str; 8] = ["id", "webhook", "to", "subject", "text", "deliveries", "state", "attempts"];

#[test]
fn journeys_and_what_is_done_to_them_have_their_shapes() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let answer = server.post("/api/v1/journeys", &json!({ "flow": "onboarding", "reference_no": "A/1" }));
    assert_eq!((answer.status, answer.header("content-type")), (201, Some("application/json")));
    let journey = answer.json();
    has(&journey, &JOURNEY);
    assert_eq!(journey["reference_no"], "A/1");
    assert_eq!((&journey["flow"], &journey["environment"]), (&"onboarding".into(), &"sandbox".into()));
    assert_eq!((&journey["state"], &journey["sequence"]), (&"open".into(), &0.into()));
    assert_eq!((&journey["manual_decision"], &journey["final_decision"]), (&Value::Null, &"Incomplete".into()));
    assert_eq!(journey["steps"][1], json!({ "id": "2", "type": "Selfie", "state": "not_submitted" }));
    assert!(journey["legal"].as_array().expect("a list").contains(&"submit_step".into()), "{journey}");

    let id = journey["id"].as_str().expect("an id");
    let path = format!("/api/v1/journeys/{id}");
    assert_eq!(ok(&server, &path), journey, "shown as it was started");
    // A reference may hold what a path must not; then it is written with percents.
    assert_eq!(ok(&server, "/api/v1/journeys/ref:A%2F1"), journey, "and by its reference");

    let applied = server.post(&format!("{path}/stimuli"), &json!({ "do": "submit_step", "step": "1" }));
    assert_eq!(applied.status, 200);
    let applied = applied.json();
    has(&applied["journey"], &JOURNEY);
    assert_eq!((&applied["journey"]["sequence"], &applied["events"][0]["sequence"]), (&1.into(), &1.into()));
    has(&applied["events"][0], &EVENT);
    assert_eq!(applied["events"][0]["created_at"], START);
    assert_eq!(ok(&server, &path), applied["journey"]);
}

#[test]
fn events_hold_their_exact_bytes_and_their_deliveries() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&webhook("sink", &sink.url("/"), "")));
    let (journey, event) = one_event(&server, "E-1");
    settle(&server);
    let id = event["id"].as_str().expect("an id");
    let shown = ok(&server, &format!("/api/v1/events/{id}"));
    has(&shown, &EVENT);
    assert_eq!(shown["journey_id"], journey);
    assert_eq!(shown["body"].as_str().map(str::as_bytes), Some(sink.requests()[0].body.as_slice()), "what was sent");
    let payload: Value = serde_json::from_slice(&sink.requests()[0].body).expect("JSON");
    assert_eq!(shown["payload"], payload);
    has(&shown["deliveries"][0], &DELIVERY);
    assert_eq!(shown["deliveries"][0]["state"], "delivered");
    let listed = items(&server, "/api/v1/events");
    assert_eq!((listed.len(), &listed[0]["id"]), (1, &event["id"]));
    has(&listed[0], &EVENT);
}

#[test]
fn deliveries_hold_both_sides_of_every_try() {
    let sink = Sink::start(|_| {
        let headers = std::collections::BTreeMap::from([("X-Answer".to_owned(), "no".to_owned())]);
        crate::support::sink::Answer::Full(503, headers, b"try later".to_vec())
    });
    let dir = tempfile::tempdir().expect("a directory");
    let hook = webhook("sink", &sink.url("/hook?x=1"), "error_emails = [\"ops@example.com\"]\nretry = [\"1m\"]");
    let server = Server::start(dir.path(), &manual(&hook));
    let (_, event) = one_event(&server, "T-1");
    advance(&server, "1h");
    let delivery = delivery_of(&server, &event);
    has(&delivery, &DELIVERY);
    assert_eq!(delivery["tries"].as_array().map(Vec::len), Some(2));
    for one in delivery["tries"].as_array().expect("tries") {
        has(one, &TRY);
        let seen = &sink.requests()[0];
        assert_eq!(
            (&one["request"]["method"], &one["request"]["url"]),
            (&"POST".into(), &sink.url("/hook?x=1").into())
        );
        assert_eq!(one["request"]["body"].as_str().map(str::as_bytes), Some(seen.body.as_slice()));
        for (name, value) in &seen.headers {
            let header = json!([name.to_lowercase(), value]);
            let shown = one["request"]["headers"].as_array().expect("a list");
            assert!(shown.contains(&header), "{header} was sent, and is shown: {one}");
        }
        assert_eq!((&one["response"]["status"], &one["response"]["body"]), (&503.into(), &"try later".into()));
        assert!(one["response"]["headers"].as_array().expect("a list").contains(&json!(["x-answer", "no"])), "{one}");
        assert!(one["phases"]["total_ms"].is_number() && one["phases"]["head_ms"].is_number(), "{one}");
    }
    let mail = items(&server, "/api/v1/mails").pop().expect("one mail");
    has(&mail, &MAIL);
    assert_eq!(mail["deliveries"], json!([delivery["id"]]));
    assert_eq!(ok(&server, &format!("/api/v1/mails/{}", mail["id"].as_str().expect("an id"))), mail);
}

#[test]
fn health_clock_and_ledger_have_their_shapes() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let clock = ok(&server, "/api/v1/clock");
    has(&clock, &["now", "mode", "rate", "next_due"]);
    assert_eq!((&clock["now"], &clock["mode"], &clock["next_due"]), (&START.into(), &"manual".into(), &Value::Null));
    let counted = ledger(&server);
    has(&counted, &["events", "deliveries", "attempts", "mails"]);
    has(&counted["deliveries"], &["accepted", "waiting", "in_flight", "delivered", "exhausted", "cancelled"]);

    let journey = start(&server, "D-1");
    for step in ["1", "2"] {
        does(&server, &journey, &json!({ "do": "submit_step", "step": step }));
    }
    // Processing takes five seconds in this flow.
    assert_eq!(ok(&server, "/api/v1/clock")["next_due"], "2026-01-05T09:00:05.000Z");
}

#[test]
fn the_inbox_keeps_what_it_was_sent() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&webhook("demo", "/inbox/demo", "")));
    let (_, event) = one_event(&server, "IN-1");
    settle(&server);
    let kept = items(&server, "/api/v1/inbox/demo");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!((&kept[0]["event_id"], &kept[0]["body"]), (&event["id"], &event["body"]));
    assert_eq!(
        (&kept[0]["method"], &kept[0]["status"], &kept[0]["duplicate"]),
        (&"POST".into(), &200.into(), &false.into())
    );
}
