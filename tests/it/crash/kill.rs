//! SIGKILL in the middle of delivering, twenty times over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use understudy::rng::Seed;

use super::workload::{Load, Memory};
use crate::support::server::Server;
use crate::support::sink::{Answer, Received, Sink};

const KILLS: u64 = 20;

/// `max_in_flight` of the webhook: what a crash may repeat at most.
const IN_FLIGHT: u64 = 16;

/// How long everything that is owed may take to arrive after the last start.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

fn config(url: &str) -> String {
    format!(
        r#"
seed = 7
[[flow]]
id = "onboarding"
steps = [{{ id = "1", type = "Document", title = "Photo ID" }}, {{ id = "2", type = "Selfie", title = "Selfie" }}]
processing = "50ms"
decision = "Complete"
[[webhook]]
name = "sink"
types = ["*"]
url = "{url}"
max_in_flight = {IN_FLIGHT}
retry = ["50ms", "50ms", "50ms", "50ms", "50ms", "50ms", "50ms", "50ms"]
"#
    )
}

#[test]
fn d1_d2_a1_a2_a7_every_acknowledged_event_survives_twenty_kills_and_arrives() {
    let sink = Sink::start(|_: &Received| Answer::Status(200));
    let dir = tempfile::tempdir().expect("a directory");
    let config = config(&sink.url("/hook"));
    let memory = Memory::default();
    let mut draw = Seed(20_261_121).draw(&[b"kills"]);
    for kill in 0..KILLS {
        let server = Server::start(dir.path(), &config);
        let load = Load::on(server.address(), &memory);
        // The moment is drawn in arrivals, not in time: it comes after the server has begun to deliver.
        let arrivals = sink.requests().len() + 20 + draw.below(200) as usize;
        let came = sink.await_count(arrivals, SETTLED_WITHIN);
        assert!(came.is_ok(), "kill {kill}: {} arrivals only\n{}", sink.requests().len(), server.stderr());
        server.kill();
        load.stop();
    }
    let server = Server::start(dir.path(), &config);
    let acked = memory.acked();
    assert!(acked.len() as u64 > KILLS * 10, "the load was real: {} events", acked.len());
    let ledger = settle(&server);
    check_ledger(&ledger);

    let arrivals = by_event(&sink.requests());
    let (mut extra, mut missing) = (0, Vec::new());
    for (id, event) in &acked {
        let stored = server.get(&format!("/api/v1/events/{id}")).json();
        assert_eq!(stored["body"], event.body, "D1: the bytes of {id}");
        assert_eq!(stored["type"], event.kind, "D1");
        assert_eq!(stored["journey_id"], event.journey, "D1");
        assert_eq!(stored["sequence"], event.sequence, "D1");
        assert_eq!(stored["deliveries"].as_array().map(Vec::len), Some(1), "D2: {stored}");
        assert_eq!(stored["deliveries"][0]["state"], "delivered", "{stored}");
        match arrivals.get(id) {
            None => missing.push(id),
            Some(bodies) => {
                assert!(bodies.iter().all(|body| *body == event.body), "A2: {id} arrived in other bytes");
                assert!(bodies.len() as u64 <= 1 + KILLS, "A7: {id} arrived {} times", bodies.len());
            }
        }
    }
    assert!(missing.is_empty(), "{} acknowledged events never arrived: {missing:?}", missing.len());
    for bodies in arrivals.values() {
        assert_eq!(bodies.iter().collect::<BTreeSet<_>>().len(), 1, "A1, A2: one id, one body");
        extra += bodies.len() as u64 - 1;
    }
    assert!(extra <= KILLS * IN_FLIGHT, "A7: {extra} sends were repeated");
    assert_eq!(server.terminate().code(), Some(0));
}

/// Waits until nothing is owed any more, and gives the ledger of then.
fn settle(server: &Server) -> Value {
    let waiting = understudy::clock::Stopwatch::start();
    loop {
        let ledger = server.get("/api/v1/ledger").json();
        check_ledger(&ledger);
        let owed = server.get("/api/v1/clock").json()["next_due"].clone();
        let count = |key: &str| ledger["deliveries"][key].as_u64().unwrap_or(u64::MAX);
        if owed.is_null() && count("waiting") == 0 && count("in_flight") == 0 {
            return ledger;
        }
        assert!(waiting.elapsed() < SETTLED_WITHIN, "still owed: {ledger}, next {owed}\n{}", server.stderr());
    }
}

fn check_ledger(ledger: &Value) {
    let count = |key: &str| ledger["deliveries"][key].as_u64().expect("a count");
    let sum: u64 = ["waiting", "in_flight", "delivered", "exhausted", "cancelled"].into_iter().map(count).sum();
    assert_eq!(count("accepted"), sum, "D3: the ledger adds up: {ledger}");
}

fn by_event(requests: &[Received]) -> BTreeMap<String, Vec<String>> {
    let mut by_event: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in requests {
        let body = String::from_utf8(request.body.clone()).expect("bodies are UTF-8");
        let json: Value = serde_json::from_str(&body).expect("bodies are JSON");
        let id = json["body"]["eventId"].as_str().expect("every event has an id").to_owned();
        by_event.entry(id).or_default().push(body);
    }
    by_event
}
