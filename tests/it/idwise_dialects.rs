//! One server that speaks three eras of IDWise at once: what each webhook gets, and that a resend repeats it to the byte.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::sink::{Received, Sink};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// Events of one plain journey with a review and a spot check, by dialect: what arrives.
const EXPECTED: [(&str, &[&str]); 3] = [
    (
        "current",
        &[
            "Finished Step",
            "Finished Step",
            "Finished User Steps",
            "Finished Journey",
            "Finished Spot Check",
            "Updated Journey",
            "Manually Reviewed",
        ],
    ),
    (
        "middle",
        &[
            "Finished User Steps",
            "Finished Step",
            "Finished Step",
            "Finished Step",
            "Finished Journey",
            "Finished Ongoing Check",
            "Manually Reviewed",
        ],
    ),
    ("legacy", &["Step Submitted", "Step Submitted", "Finished User Steps", "Finished Journey", "Manually Reviewed"]),
];

fn config(sinks: &[(&str, Sink)]) -> String {
    let webhook = |(dialect, sink): &(&str, Sink)| {
        let url = sink.url("/");
        format!(
            "[[webhook]]\nname = \"{dialect}\"\ndialect = \"{dialect}\"\nmax_in_flight = 1\ntypes = [\"*\"]\nurl = \"{url}\"\n"
        )
    };
    let webhooks: String = sinks.iter().map(webhook).collect();
    format!(
        r#"
seed = 5
[clock]
mode = "manual"
[[flow]]
id = "onboarding"
steps = [{{ id = "1", type = "Document" }}, {{ id = "2", type = "Selfie" }}]
processing = "5s"
decision = "Complete"
{webhooks}"#
    )
}

fn told() -> (Server, tempfile::TempDir, Vec<(&'static str, Sink)>) {
    let sinks: Vec<_> = EXPECTED.iter().map(|(dialect, _)| (*dialect, Sink::statuses(&[200]))).collect();
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &config(&sinks));
    let started = server.post("/api/v1/journeys", &json!({ "flow": "onboarding", "reference_no": "ERA-1" }));
    assert_eq!(started.status, 201, "{}", started.text());
    let does = |stimulus: Value| {
        let answer = server.post("/api/v1/journeys/ref:ERA-1/stimuli", &stimulus);
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    does(json!({ "do": "submit_step", "step": "1" }));
    does(json!({ "do": "submit_step", "step": "2" }));
    assert_eq!(server.post("/api/v1/clock", &json!({ "advance": "10s" })).status, 200);
    does(json!({ "do": "finish_spot_check", "decision": "Complete" }));
    does(json!({ "do": "review", "decision": "Approved" }));
    (server, dir, sinks)
}

fn bodies(requests: &[Received]) -> Vec<Value> {
    requests.iter().map(|request| serde_json::from_slice(&request.body).expect("JSON")).collect()
}

fn arrived(sinks: &[(&'static str, Sink)]) -> BTreeMap<&'static str, Vec<Value>> {
    let of = |(dialect, sink): &(&'static str, Sink)| {
        let wanted = EXPECTED.iter().find(|(name, _)| name == dialect).map_or(0, |(_, events)| events.len());
        let requests = sink.await_count(wanted, ARRIVES_WITHIN);
        (*dialect, bodies(&requests.unwrap_or_else(|seen| panic!("{dialect}: {seen:?}"))))
    };
    sinks.iter().map(of).collect()
}

#[test]
fn one_journey_is_told_to_three_eras_each_in_its_own_words() {
    let (server, _dir, sinks) = told();
    let arrived = arrived(&sinks);
    for (dialect, expected) in EXPECTED {
        let names: Vec<&str> = arrived[dialect].iter().filter_map(|body| body["event"].as_str()).collect();
        assert_eq!(names, expected, "{dialect}");
    }
    // An event that two eras share has one id.
    let id = |dialect: &str, event: &str| {
        let body = arrived[dialect].iter().find(|body| body["event"] == event).expect(event);
        body["body"]["eventId"].as_str().expect("an id").to_owned()
    };
    for event in ["Finished User Steps", "Finished Journey", "Manually Reviewed"] {
        assert_eq!(id("current", event), id("middle", event), "{event}");
    }
    // J1: what no era here tells has no number.
    let journey = server.get("/api/v1/journeys/ref:ERA-1").json();
    let events = server.get("/api/v1/events?journey=ref:ERA-1").json();
    let sequence: Vec<u64> =
        events["items"].as_array().expect("items").iter().filter_map(|e| e["sequence"].as_u64()).collect();
    assert_eq!(sequence, (1..=journey["sequence"].as_u64().expect("a number")).collect::<Vec<_>>());
}

#[test]
fn idwise_04_legacy_never_has_an_event_id_and_always_both_decisions() {
    let (_server, _dir, sinks) = told();
    for body in &arrived(&sinks)["legacy"] {
        assert!(body["body"].get("eventId").is_none(), "{body}");
        if body["event"] != "Step Submitted" {
            assert!(body["body"]["systemDecision"].is_string() && body["body"]["finalDecision"].is_string(), "{body}");
        }
    }
}

#[test]
fn d4_a_resend_repeats_each_era_to_the_byte() {
    let (server, _dir, sinks) = told();
    arrived(&sinks);
    for (dialect, sink) in &sinks {
        let list = server.get(&format!("/api/v1/deliveries?webhook={dialect}&state=delivered")).json();
        let first = list["items"].as_array().and_then(|items| items.last()).expect("a delivery").clone();
        let before = sink.requests();
        let shown = server.get(&format!("/api/v1/deliveries/{}", first["id"].as_str().expect("an id"))).json();
        let sent = shown["tries"][0]["request"]["body"].as_str().map(str::as_bytes);
        assert_eq!(sent, before.first().map(|r| r.body.as_slice()), "{dialect}: what is shown is what was sent");
        let path = format!("/api/v1/deliveries/{}/resend", first["id"].as_str().expect("an id"));
        assert_eq!(server.post(&path, &json!({})).status, 201);
        let after = sink.await_count(before.len() + 1, ARRIVES_WITHIN).expect("it comes again");
        assert_eq!(after.last().map(|r| &r.body), before.first().map(|r| &r.body), "{dialect}");
    }
}
