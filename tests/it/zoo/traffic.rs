//! Steady traffic, and how late a healthy receiver gets what it is owed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use understudy::clock::Timestamp;

use crate::support::arrivals::Arrivals;
use crate::support::server::{DEADLINE, Server};
use crate::support::sink::{Answer, Received, Sink};
use crate::support::starved::{Starved, wall};
use crate::support::steps::does;

/// Between the starts of two journeys.
const PACE: Duration = Duration::from_millis(150);

/// The events of one journey.
const EVENTS: usize = 4;

/// A receiver that always says yes and notes when each event came.
pub(super) struct Healthy {
    sink: Sink,
    /// Each event's id, and when it came.
    arrived: Arc<Arrivals<(String, Timestamp)>>,
}

impl Healthy {
    /// Connections are kept.
    pub(super) fn start() -> Healthy {
        Healthy::answering(Answer::Status(200))
    }

    /// Each connection is closed after its answer.
    pub(super) fn start_closing() -> Healthy {
        let close = BTreeMap::from([("Connection".to_owned(), "close".to_owned())]);
        Healthy::answering(Answer::Full(200, close, Vec::new()))
    }

    fn answering(answer: Answer) -> Healthy {
        let arrived = Arc::new(Arrivals::new());
        let noted = Arc::clone(&arrived);
        let sink = Sink::start(move |request: &Received| {
            let body: Value = serde_json::from_slice(&request.body).expect("a body is JSON");
            let id = body["body"]["eventId"].as_str().expect("a body has its event's id").to_owned();
            noted.push(|_| (id, wall()));
            answer.clone()
        });
        Healthy { sink, arrived }
    }

    /// Where it takes the events of steady traffic.
    pub(super) fn url(&self) -> String {
        self.sink.url("/")
    }

    /// The port of its address, for those who have another name for it.
    pub(super) fn port(&self) -> u16 {
        self.sink.address().port()
    }

    /// Plays so many journeys at an even pace, waits until all of their events are here, and gives how late the
    /// receiver had each: from the moment in which the caller was told that it is durable, but for when the machine stood still.
    pub(super) fn lateness(&self, server: &Server, environment: &str, journeys: usize) -> Lateness {
        let before = self.arrived.all().len();
        let mut owed = Vec::with_capacity(journeys * EVENTS);
        let (starved, start) = (Starved::watch(server.pid()), wall());
        for n in 0..journeys {
            let planned = start + PACE * u32::try_from(n).expect("few journeys");
            // Traffic has a pace of its own; who is behind goes on at once.
            std::thread::sleep(planned.since(wall()));
            Healthy::journey(server, environment, &mut owed);
        }
        let arrived = self.arrived.await_count(before + owed.len(), DEADLINE).unwrap_or_else(|arrived| arrived);
        assert_eq!(arrived.len() - before, owed.len(), "all that is owed, once");
        let arrived: BTreeMap<String, Timestamp> = arrived.into_iter().collect();
        let late = |(id, acked): &(String, Timestamp)| {
            let came = *arrived.get(id).unwrap_or_else(|| panic!("{id} came"));
            came.since(*acked).saturating_sub(starved.stood_still(*acked, came))
        };
        let mut late: Vec<Duration> = owed.iter().map(late).collect();
        late.sort_unstable();
        Lateness(late)
    }

    /// A journey that passes: each event's id, and when its caller knew of it.
    fn journey(server: &Server, environment: &str, owed: &mut Vec<(String, Timestamp)>) {
        let asked = json!({ "flow": "onboarding", "reference_no": "ZOO", "environment": environment });
        let started = server.post("/api/v1/journeys", &asked);
        assert_eq!(started.status, 201, "{}", started.text());
        let journey = started.json()["id"].as_str().expect("a journey has an id").to_owned();
        for stimulus in [
            json!({ "do": "submit_step", "step": "1" }),
            json!({ "do": "submit_step", "step": "2" }),
            json!({ "do": "finish_processing", "decision": "Complete" }),
        ] {
            let events = does(server, &journey, &stimulus);
            let acked = wall();
            owed.extend(events.iter().map(|event| (event["id"].as_str().expect("an id").to_owned(), acked)));
        }
    }
}

/// How late each event was, sorted.
pub(super) struct Lateness(Vec<Duration>);

impl Lateness {
    /// The 99th percentile: of fewer than 100 the worst, of fewer than 200 the second worst.
    pub(super) fn p99(&self) -> Duration {
        self.0[(self.0.len() * 99).div_ceil(100) - 1]
    }

    /// A10: not moved by more than twice, or by more than 100 ms. The baseline is the worse of those before and after,
    /// so that a neighbour on the machine is not taken for one in the server.
    #[track_caller]
    pub(super) fn check_against(&self, baselines: [&Lateness; 2]) {
        let baseline = baselines.map(Lateness::p99).into_iter().max().expect("two");
        let bound = (baseline * 2).max(baseline + Duration::from_millis(100));
        assert!(self.p99() <= bound, "A10: p99 {:?} beside misbehaving receivers, {baseline:?} without", self.p99());
    }
}
