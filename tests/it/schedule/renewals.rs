//! S1 and S2: a thousand journeys that are renewed every year, over five virtual years with kills and downtime between.
//!
//! The timetable is worked out here once more, with the zone's own rules, from what the events themselves say: when a
//! journey passed, when it was asked to renew, what it did then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Europe::Zurich;
use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::sink::{Received, Sink};
use crate::support::steps::{advance, ledger, ok};

const JOURNEYS: usize = 1_000;
const START: &str = "2026-03-20T08:00:00Z";
const YEARS: i64 = 5;
const AFTER: TimeDelta = TimeDelta::days(365);
const GRACE: TimeDelta = TimeDelta::days(30);
/// Every so many of the customers never answer, and lapse.
const SILENT: usize = 5;

fn config(start: &str, url: &str) -> String {
    format!(
        r#"
seed = 5
[clock]
mode = "manual"
start = {start}
[outbox]
retention = "4000d"
[[schedule]]
name = "renewals"
cron = "0 30 2 * * *"
timezone = "Europe/Zurich"
do = "renewals"
[[flow]]
id = "onboarding"
steps = [{{ id = "1", type = "Document", title = "Photo ID" }}, {{ id = "2", type = "Selfie", title = "Selfie" }}]
processing = "1h"
decision = "Complete"
renewal = {{ step = "1", criteria = "Time Based", after = "365d", grace = "30d" }}
[[webhook]]
name = "sink"
types = ["Verification Update Required"]
url = "{url}"
max_in_flight = 64
"#
    )
}

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("an instant").to_utc()
}

/// When the daily job runs first at or after `due`: half past two on the wall in Zurich, the first of two, and three
/// o'clock on the day that has none.
fn tick(due: DateTime<Utc>) -> DateTime<Utc> {
    let half_past_two = NaiveTime::from_hms_opt(2, 30, 0).expect("a time");
    let today = due.with_timezone(&Zurich).date_naive();
    let on = |days| {
        let day = today.checked_add_days(Days::new(days)).expect("a day");
        let local = Zurich.from_local_datetime(&day.and_time(half_past_two));
        let end_of_gap = || Zurich.from_local_datetime(&day.and_hms_opt(3, 0, 0).expect("a time")).earliest();
        local.earliest().or_else(end_of_gap).expect("a day has one").to_utc()
    };
    [0, 1].into_iter().map(on).find(|at| *at >= due).expect("today or tomorrow")
}

/// A customer's backend: the steps of many journeys at once, over eight connections.
fn submit(server: &Server, journeys: &[String], steps: &[&str]) {
    std::thread::scope(|scope| {
        for part in journeys.chunks(journeys.len().div_ceil(8).max(1)) {
            scope.spawn(move || {
                for journey in part {
                    for step in steps {
                        let path = format!("/api/v1/journeys/{journey}/stimuli");
                        let applied = server.post(&path, &json!({ "do": "submit_step", "step": step }));
                        assert_eq!(applied.status, 200, "{}", applied.text());
                    }
                }
            });
        }
    });
}

struct World {
    /// `None` only while it is down.
    server: Option<Server>,
    dir: tempfile::TempDir,
    sink: Sink,
    /// Every journey by its id, with its place.
    journeys: BTreeMap<String, usize>,
    /// The journeys of the requests that were answered by a resubmission, as far as the sink's requests were read.
    read: usize,
    seen: BTreeSet<String>,
    /// When the server was started again far later than it ended.
    overslept: Vec<DateTime<Utc>>,
}

impl World {
    fn new() -> Self {
        let (sink, dir) = (Sink::statuses(&[200]), tempfile::tempdir().expect("a directory"));
        let server = Some(Server::start(dir.path(), &config(START, &sink.url("/hook"))));
        let (journeys, seen) = (BTreeMap::new(), BTreeSet::new());
        World { server, dir, sink, journeys, read: 0, seen, overslept: Vec::new() }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it is up")
    }

    fn now(&self) -> DateTime<Utc> {
        at(ok(self.server(), "/api/v1/clock")["now"].as_str().expect("an instant"))
    }

    fn go_to(&self, to: DateTime<Utc>) {
        let moved = self.server().post("/api/v1/clock", &json!({ "set": to.to_rfc3339() }));
        assert_eq!(moved.status, 200, "{}", moved.text());
    }

    /// `count` people start and hand everything in.
    fn onboard(&mut self, count: usize) {
        let mut fresh = Vec::new();
        for _ in 0..count {
            let place = self.journeys.len();
            let new = json!({ "flow": "onboarding", "reference_no": format!("KYC-{place}") });
            let started = self.server().post("/api/v1/journeys", &new).json();
            let id = started["id"].as_str().expect("an id").to_owned();
            self.journeys.insert(id.clone(), place);
            fresh.push(id);
        }
        submit(self.server(), &fresh, &["1", "2"]);
    }

    /// The customer does what the webhooks that came since ask for; some never do.
    fn answer(&mut self) {
        advance(self.server(), "1ms");
        let requests = self.sink.requests();
        let event = |request: &Received| serde_json::from_slice::<Value>(&request.body).expect("bodies are JSON");
        let mut asked = Vec::new();
        for body in requests[self.read..].iter().map(event).map(|event| event["body"].clone()) {
            // A kill may have let it come twice.
            if self.seen.insert(body["eventId"].as_str().expect("an id").to_owned()) {
                let journey = body["journeyId"].as_str().expect("an id").to_owned();
                if !self.journeys[&journey].is_multiple_of(SILENT) {
                    asked.push(journey);
                }
            }
        }
        self.read = requests.len();
        submit(self.server(), &asked, &["1"]);
    }

    fn restart(&mut self, start: &str) {
        self.server = Some(Server::start(self.dir.path(), &config(start, &self.sink.url("/hook"))));
    }

    /// Every event, oldest first: journey, type, when.
    fn events(&self) -> Vec<(String, String, DateTime<Utc>)> {
        let (mut events, mut path) = (Vec::new(), "/api/v1/events?limit=1000".to_owned());
        loop {
            let page = ok(self.server(), &path);
            for event in page["items"].as_array().expect("a list") {
                let text = |key: &str| event[key].as_str().expect("a text").to_owned();
                events.push((text("journey_id"), text("type"), at(&text("created_at"))));
            }
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/events?limit=1000&cursor={next}");
        }
        events.reverse();
        events
    }
}

#[test]
fn s1_s2_a_thousand_renewals_a_year_come_once_and_on_time_over_five_years_of_restarts() {
    let mut world = World::new();
    let end = at(START) + TimeDelta::days(366 * YEARS);
    // Due right before the hour that does not exist, and right before the one that comes twice.
    let mut arrivals: Vec<DateTime<Utc>> = (0..18).map(|n| at(START) + TimeDelta::days(17 * n)).collect();
    arrivals.extend([at("2026-03-27T12:00:00Z"), at("2026-10-30T12:00:00Z")]);
    arrivals.sort();
    let (mut kills, mut stops) = (0, 0);
    for step in 0.. {
        let now = world.now();
        if now >= end {
            break;
        }
        if arrivals.first().is_some_and(|arrival| *arrival <= now) {
            arrivals.remove(0);
            world.onboard(JOURNEYS / 20);
        }
        let next = (now + TimeDelta::days(13) + TimeDelta::minutes(7)).min(end);
        let next = arrivals.first().map_or(next, |arrival| next.min((*arrival).max(now)));
        match step % 12 {
            // Killed on the way: wherever it is then, in the middle of a day's renewals as likely as not.
            5 => {
                let address = world.server().address();
                let way = std::thread::spawn(move || {
                    let body = json!({ "set": next.to_rfc3339() }).to_string();
                    let json = [("Content-Type", "application/json")];
                    crate::support::http::request(address, "POST", "/api/v1/clock", &json, body.as_bytes())
                });
                let requests = world.sink.requests().len();
                let _ = world.sink.await_count(requests + 10, Duration::from_millis(60));
                world.server.take().map(Server::kill);
                // It may have been there already.
                let _ = way.join().expect("the other end went away");
                world.restart(START);
                kills += 1;
            }
            // Down for forty days, over many runs of the job.
            11 if arrivals.is_empty() => {
                let ended = world.server.take().map(Server::terminate).expect("it was up");
                assert_eq!(ended.code(), Some(0));
                let later = now + TimeDelta::days(40);
                world.restart(&later.to_rfc3339());
                assert_eq!(world.now(), later);
                world.overslept.push(later);
                stops += 1;
            }
            _ => {
                world.go_to(next);
                assert_eq!(world.now(), next);
            }
        }
        world.answer();
    }
    assert!(kills >= 8 && stops >= 4, "{kills} kills, {stops} stops");

    let mut of_journey: BTreeMap<String, Vec<(String, DateTime<Utc>)>> = BTreeMap::new();
    for (journey, kind, when) in world.events() {
        of_journey.entry(journey).or_default().push((kind, when));
    }
    assert_eq!(of_journey.len(), JOURNEYS);
    let (now, mut renewals, mut lapsed) = (world.now(), Vec::new(), 0);
    for (journey, events) in &of_journey {
        let silent = world.journeys[journey].is_multiple_of(SILENT);
        let report = || format!("{journey}: {events:?}");
        let times = |kind: &str| events.iter().filter(|(k, _)| k == kind).map(|(_, when)| *when).collect::<Vec<_>>();
        let (passed, asked) = (times("Finished Journey"), times("Verification Update Required"));
        // S1, S2: each time it passed it is asked once, and not before it is due.
        for (n, passed) in passed.iter().enumerate() {
            let due = *passed + AFTER;
            let expected = tick(due);
            match asked.get(n) {
                // Whoever was asleep then is told at the start.
                Some(asked) => {
                    let late = world
                        .overslept
                        .iter()
                        .find(|start| **start > expected && **start - expected < TimeDelta::days(41));
                    assert!(*asked == expected || Some(asked) == late, "due {due}, {}", report());
                    renewals.push(*asked);
                }
                None => assert!(expected > now, "due {due}, now {now}: {}", report()),
            }
        }
        assert!(asked.len() <= passed.len(), "S1: {}", report());
        // Whoever does not answer lapses, once and at the end of the grace; nobody else does.
        let exceeded = times("KYC Renewal Deadline Exceeded");
        let first_deadline = asked.first().map(|asked| *asked + GRACE);
        if silent && let Some(deadline) = first_deadline.filter(|deadline| *deadline <= now) {
            let late =
                world.overslept.iter().find(|start| **start > deadline && **start - deadline < TimeDelta::days(41));
            assert!(exceeded == [deadline] || exceeded.first() == late && exceeded.len() == 1, "{}", report());
            lapsed += 1;
        } else {
            assert!(exceeded.is_empty(), "{}", report());
        }
    }
    let local: BTreeSet<String> =
        renewals.iter().map(|at| at.with_timezone(&Zurich).format("%F %T%:z").to_string()).collect();
    for crossed in ["2027-03-28 03:00:00+02:00", "2027-10-31 02:30:00+02:00"] {
        assert!(local.contains(crossed), "somebody was due at {crossed}");
    }
    assert_eq!(lapsed, JOURNEYS / SILENT);
    assert!(renewals.len() > JOURNEYS * 3, "{} renewals", renewals.len());
    // Every one of them arrived, whatever the kills repeated.
    assert_eq!(world.seen.len(), renewals.len(), "D2");
    assert_eq!(ledger(world.server())["deliveries"]["delivered"], json!(renewals.len()));
}
