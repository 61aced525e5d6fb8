//! The clock: forward only, through everything that falls due on the way, at the pace that it is told.

use serde_json::{Value, json};

use super::problem;
use crate::support::server::Server;
use crate::support::sink::Sink;
use crate::support::steps::{START, advance, does, items, manual, ok, start, webhook};

#[test]
fn a_jump_goes_through_all_that_falls_due_in_order() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let flow = r#"
[[flow]]
id = "renewing"
steps = [{ id = "1", type = "Document", title = "Photo ID" }]
processing = "90s"
decision = "Complete"
renewal = { step = "1", criteria = "Document Expired", after = "365d", grace = "30d" }
"#;
    let server = Server::start(dir.path(), &manual(&(flow.to_owned() + &webhook("sink", &sink.url("/"), ""))));
    let started = server.post("/api/v1/journeys", &json!({ "flow": "renewing", "reference_no": "C-1" }));
    let journey = started.json()["id"].as_str().expect("an id").to_owned();
    does(&server, &journey, &json!({ "do": "submit_step", "step": "1" }));
    // Two years in one call: processing ends, the renewal falls due, and its deadline passes.
    let clock = advance(&server, "730d");
    assert_eq!((&clock["now"], &clock["next_due"]), (&"2028-01-05T09:00:00.000Z".into(), &Value::Null));
    let mut events = items(&server, "/api/v1/events");
    events.reverse();
    let told: Vec<(&str, &str)> =
        events.iter().map(|e| (e["type"].as_str().expect("text"), e["created_at"].as_str().expect("text"))).collect();
    assert_eq!(
        told[1..],
        [
            ("Finished User Steps", START),
            ("Finished Journey", "2026-01-05T09:01:30.000Z"),
            ("Verification Update Required", "2027-01-05T09:01:30.000Z"),
            ("KYC Renewal Deadline Exceeded", "2027-02-04T09:01:30.000Z"),
        ]
    );
    let bodies: Vec<Vec<u8>> = sink.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies.len(), 5, "all of it was sent before the call was answered");
    for (event, body) in events.iter().zip(&bodies).skip(2) {
        assert_eq!(event["body"].as_str().map(str::as_bytes), Some(body.as_slice()), "in the order of time");
    }
    assert_eq!(ok(&server, &format!("/api/v1/journeys/{journey}"))["final_decision"], "Incomplete");
}

#[test]
fn the_clock_is_set_forward_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let set = |instant: &str| server.post("/api/v1/clock", &json!({ "set": instant }));
    assert_eq!(set("2026-03-29T03:30:00+02:00").json()["now"], "2026-03-29T01:30:00.000Z", "any offset is taken");
    problem(&set("2026-03-29T01:29:59Z"), 409, "clock_went_back");
    assert_eq!(set("2026-03-29T01:30:00Z").status, 200, "where it stands is no step back");
    assert_eq!(advance(&server, "1h 30m")["now"], "2026-03-29T03:00:00.000Z");
    assert_eq!(advance(&server, "0s")["now"], "2026-03-29T03:00:00.000Z");
}

#[test]
fn the_clock_takes_its_pace_and_its_mode() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&webhook("sink", &sink.url("/"), "")));
    let change = |body: Value| {
        let answer = server.post("/api/v1/clock", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let journey = start(&server, "PACE-1");
    for step in ["1", "2"] {
        does(&server, &journey, &json!({ "do": "submit_step", "step": step }));
    }
    // Five seconds of processing are over at once in this pace, without a jump.
    let scaled = change(json!({ "rate": 1000 }));
    assert_eq!((&scaled["mode"], scaled["rate"].as_f64()), (&"scaled".into(), Some(1000.0)));
    assert!(sink.await_count(4, crate::support::server::DEADLINE).is_ok(), "Finished Journey came by itself");
    let stood = change(json!({ "mode": "manual" }));
    assert_eq!(stood["mode"], "manual");
    assert!(stood["now"].as_str() >= Some("2026-01-05T09:00:05"), "{stood}");
    assert_eq!(ok(&server, "/api/v1/clock")["now"], stood["now"], "it stands");
    assert_eq!(change(json!({ "mode": "real" }))["rate"].as_f64(), Some(1.0));
}
