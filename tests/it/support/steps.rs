//! What most tests say to a server: a configuration that stands still in time, a journey, a stimulus, a jump of the
//! clock. Everything goes through the control API, as a user's script would.

use serde_json::{Value, json};

use super::server::Server;

/// The first instant of [`manual`].
pub(crate) const START: &str = "2026-01-05T09:00:00.000Z";

/// All types of today's IDWise, as section 2 of its page spells them.
pub(crate) const TYPES: [&str; 9] = [
    "Finished Step",
    "Finished User Steps",
    "Finished Journey",
    "Updated Journey",
    "Verification Update Required",
    "KYC Renewal Deadline Exceeded",
    "AML Monitor Update",
    "Finished Spot Check",
    "Manually Reviewed",
];

/// A configuration with one flow whose clock stands at [`START`] until it is moved; `more` follows it.
///
/// Two steps, five seconds of processing, always `Complete`, AML records monitored, no renewal.
pub(crate) fn manual(more: &str) -> String {
    format!(
        r#"
seed = 20261121
[clock]
mode = "manual"
start = 2026-01-05T09:00:00Z
[[flow]]
id = "onboarding"
steps = [{{ id = "1", type = "Document", title = "Photo ID" }}, {{ id = "2", type = "Selfie", title = "Selfie" }}]
processing = "5s"
decision = "Complete"
aml_monitoring = true
{more}
"#
    )
}

/// A `[[webhook]]` of this name that gets every type at `url`; `more` follows it.
pub(crate) fn webhook(name: &str, url: &str, more: &str) -> String {
    format!("[[webhook]]\nname = \"{name}\"\ntypes = [\"*\"]\nurl = \"{url}\"\n{more}\n")
}

/// Starts a journey of the flow `onboarding` and gives its id.
#[track_caller]
pub(crate) fn start(server: &Server, reference: &str) -> String {
    let started = server.post("/api/v1/journeys", &json!({ "flow": "onboarding", "reference_no": reference }));
    assert_eq!(started.status, 201, "{}", started.text());
    started.json()["id"].as_str().expect("a journey has an id").to_owned()
}

/// Does something to a journey that must be legal, and gives the events that followed.
#[track_caller]
pub(crate) fn does(server: &Server, journey: &str, stimulus: &Value) -> Vec<Value> {
    let applied = server.post(&format!("/api/v1/journeys/{journey}/stimuli"), stimulus);
    assert_eq!(applied.status, 200, "{stimulus}: {}", applied.text());
    applied.json()["events"].as_array().expect("a list of events").clone()
}

/// Starts a journey and submits its first step: one event. Gives the journey's id and the event.
#[track_caller]
pub(crate) fn one_event(server: &Server, reference: &str) -> (String, Value) {
    let journey = start(server, reference);
    let events = does(server, &journey, &json!({ "do": "submit_step", "step": "1" }));
    assert_eq!(events.len(), 1, "{events:?}");
    let event = events.into_iter().next().expect("one event");
    (journey, event)
}

/// Starts a journey, submits both steps and lets processing end: four events, and the journey has passed.
#[track_caller]
pub(crate) fn passed(server: &Server, reference: &str) -> String {
    let (journey, _) = one_event(server, reference);
    does(server, &journey, &json!({ "do": "submit_step", "step": "2" }));
    let finished = does(server, &journey, &json!({ "do": "finish_processing", "decision": "Complete" }));
    assert_eq!(finished[0]["type"], "Finished Journey");
    journey
}

/// Moves the clock forward by `span` and gives its shape then.
#[track_caller]
pub(crate) fn advance(server: &Server, span: &str) -> Value {
    let moved = server.post("/api/v1/clock", &json!({ "advance": span }));
    assert_eq!(moved.status, 200, "{}", moved.text());
    moved.json()
}

/// Lets a moment of provider time pass: all that was due before has ended when this returns, and what it led to shows.
#[track_caller]
pub(crate) fn settle(server: &Server) {
    advance(server, "1ms");
}

/// What a path answers, which must be 200.
#[track_caller]
pub(crate) fn ok(server: &Server, path: &str) -> Value {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// The items of the list at `path`, which must be one page.
#[track_caller]
pub(crate) fn items(server: &Server, path: &str) -> Vec<Value> {
    let page = ok(server, path);
    assert_eq!(page["next"], Value::Null, "{path} is one page");
    page["items"].as_array().unwrap_or_else(|| panic!("{path} is a list: {page}")).clone()
}

/// The items of all pages of the list at `path`, which has a query. A page may hold fewer than its limit.
#[track_caller]
pub(crate) fn all_items(server: &Server, path: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut page = ok(server, &format!("{path}{cursor}"));
        all.append(page["items"].as_array_mut().unwrap_or_else(|| panic!("{path} is a list")));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// The only delivery of an event, with its tries.
#[track_caller]
pub(crate) fn delivery_of(server: &Server, event: &Value) -> Value {
    let id = event["id"].as_str().expect("an event has an id");
    let deliveries = items(server, &format!("/api/v1/deliveries?event={id}"));
    assert_eq!(deliveries.len(), 1, "one delivery of {id}: {deliveries:?}");
    ok(server, &format!("/api/v1/deliveries/{}", deliveries[0]["id"].as_str().expect("a delivery has an id")))
}

/// The ledger, which must add up (D3).
#[track_caller]
pub(crate) fn ledger(server: &Server) -> Value {
    let ledger = ok(server, "/api/v1/ledger");
    let count = |key: &str| ledger["deliveries"][key].as_u64().unwrap_or_else(|| panic!("no count {key}: {ledger}"));
    let sum: u64 = ["waiting", "in_flight", "delivered", "exhausted", "cancelled"].into_iter().map(count).sum();
    assert_eq!(count("accepted"), sum, "D3: the ledger adds up: {ledger}");
    ledger
}
