//! Jobs that go to a share of all journeys: AML noise and spot checks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::sink::{Received, Sink};
use crate::support::steps::{advance, does, items, manual, ok, passed, start, webhook};

fn job(name: &str, cron: &str, work: &str) -> String {
    format!("[[schedule]]\nname = \"{name}\"\ncron = \"{cron}\"\n{work}\n")
}

fn event(request: &Received) -> Value {
    serde_json::from_slice(&request.body).expect("bodies are JSON")
}

/// How many different events of a type the sink got.
fn count(sink: &Sink, kind: &str) -> usize {
    let events = sink.requests();
    let ids = events.iter().map(event).filter(|event| event["event"] == kind);
    ids.map(|event| event["body"]["eventId"].to_string()).collect::<BTreeSet<_>>().len()
}

#[test]
fn aml_noise_goes_to_its_share_of_the_finished_journeys_at_every_tick() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let noise = job("noise", "0 0 */6 * * *", "do = \"aml_monitor_update\"\nshare = \"10%\"");
    let config = manual(&(noise + &webhook("sink", &sink.url("/hook"), "")));
    let server = Server::start(dir.path(), &config);
    let finished: BTreeSet<String> = (0..50).map(|n| passed(&server, &format!("KYC-{n}"))).collect();
    let unfinished = start(&server, "KYC-OPEN");
    assert_eq!(ok(&server, "/api/v1/clock")["next_due"], "2026-01-05T12:00:00.000Z", "the clock says when it is next");

    advance(&server, "2h 59m 59s");
    assert_eq!(count(&sink, "AML Monitor Update"), 0, "nothing before its first tick");
    // Ten days of four ticks, fifty people: two hundred are to be expected.
    advance(&server, "10d");
    let found: Vec<Value> = sink.requests().iter().map(event).filter(|e| e["event"] == "AML Monitor Update").collect();
    assert!((150..250).contains(&found.len()), "{} of 2,000", found.len());
    let mut per_journey: BTreeMap<String, usize> = BTreeMap::new();
    for event in &found {
        *per_journey.entry(event["body"]["journeyId"].as_str().expect("an id").to_owned()).or_default() += 1;
    }
    assert!(per_journey.keys().all(|id| finished.contains(id)) && !per_journey.contains_key(&unfinished));
    assert!(per_journey.len() > 40, "it goes round: {} of 50", per_journey.len());

    // The same seed, the same finds, tick by tick.
    let again = tempfile::tempdir().expect("a directory");
    let twin_sink = Sink::statuses(&[200]);
    let twin = Server::start(again.path(), &config.replace(&sink.url("/hook"), &twin_sink.url("/hook")));
    (0..50).for_each(|n| drop(passed(&twin, &format!("KYC-{n}"))));
    start(&twin, "KYC-OPEN");
    advance(&twin, "2h 59m 59s");
    advance(&twin, "10d");
    let ids = |sink: &Sink| sink.requests().iter().map(|r| event(r).to_string()).collect::<BTreeSet<_>>();
    assert_eq!(ids(&twin_sink), ids(&sink));
}

#[test]
fn spot_checks_come_to_what_they_are_told_and_leave_who_did_not_pass_alone() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let checks =
        job("checks", "0 0 9 * * MON", "timezone = \"America/New_York\"\ndo = \"spot_check\"\ndecision = \"Refer\"");
    let server = Server::start(dir.path(), &manual(&(checks + &webhook("sink", &sink.url("/hook"), ""))));
    passed(&server, "KYC-GOOD");
    let bad = passed(&server, "KYC-BAD");
    does(&server, &bad, &json!({ "do": "review", "decision": "Rejected" }));
    advance(&server, "4h 59m");
    assert_eq!(count(&sink, "Finished Spot Check"), 0, "nine o'clock in New York is two in the afternoon here");
    advance(&server, "1m");
    advance(&server, "1ms");
    let checks: Vec<Value> =
        sink.requests().iter().map(event).filter(|e| e["event"] == "Finished Spot Check").collect();
    assert_eq!(checks.len(), 1, "{checks:?}");
    assert_eq!(checks[0]["body"]["referenceNo"], "KYC-GOOD", "{}", checks[0]);
    assert_eq!(checks[0]["body"]["systemDecision"], "Refer", "{}", checks[0]);
}

#[test]
fn a_tick_that_is_cut_off_by_a_kill_goes_on_and_reaches_nobody_twice() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let noise = job("noise", "0 0 * * * *", "do = \"aml_monitor_update\"");
    let config = manual(&(noise + &webhook("sink", &sink.url("/hook"), "max_in_flight = 64")));
    let mut server = Server::start(dir.path(), &config);
    (0..300).for_each(|n| drop(passed(&server, &format!("KYC-{n}"))));
    advance(&server, "30m");
    let mut cut_off = 0;
    for tick in 1..=6 {
        let address = server.address();
        let way = std::thread::spawn(move || {
            let json = [("Content-Type", "application/json")];
            crate::support::http::request(address, "POST", "/api/v1/clock", &json, br#"{"advance":"1h"}"#)
        });
        // Right in the middle of the round: each of them is told of in two events.
        let before = 300 * 4 + 600 * (tick - 1);
        assert!(sink.await_count(before + 100, Duration::from_secs(30)).is_ok(), "{}", server.stderr());
        server.kill();
        let _ = way.join().expect("the other end went away");
        let reached = count(&sink, "AML Monitor Update");
        cut_off += usize::from((1..300).contains(&(reached % 300)));
        server = Server::start(dir.path(), &config);
        // It goes on by itself, without the clock being moved any further.
        advance(&server, "1ms");
        let events = items_of(&server, "AML Monitor Update");
        assert_eq!(events.len(), 300 * tick, "tick {tick}: everybody once");
        let journeys: BTreeMap<&str, usize> = events.iter().fold(BTreeMap::new(), |mut all, (journey, _)| {
            *all.entry(journey.as_str()).or_default() += 1;
            all
        });
        assert!(journeys.values().all(|times| *times == tick) && journeys.len() == 300, "tick {tick}: {journeys:?}");
        let moved = server.post("/api/v1/clock", &json!({ "set": format!("2026-01-05T{:02}:30:00Z", 9 + tick) }));
        assert_eq!(moved.status, 200, "{}", moved.text());
    }
    assert!(cut_off >= 2, "the kills came too late to cut a round off: {cut_off}");
}

fn now(server: &Server) -> String {
    ok(server, "/api/v1/clock")["now"].as_str().expect("an instant").to_owned()
}

/// Journey and instant of every event of a type.
fn items_of(server: &Server, kind: &str) -> Vec<(String, String)> {
    let (mut found, mut path) = (Vec::new(), "/api/v1/events?limit=1000".to_owned());
    loop {
        let page = ok(server, &path);
        let of_kind = page["items"].as_array().expect("a list").iter().filter(|event| event["type"] == kind);
        let text = |event: &Value, key: &str| event[key].as_str().expect("a text").to_owned();
        found.extend(of_kind.map(|event| (text(event, "journey_id"), text(event, "created_at"))));
        let Some(next) = page["next"].as_str() else { return found };
        path = format!("/api/v1/events?limit=1000&cursor={next}");
    }
}

#[test]
fn what_was_missed_is_caught_up_as_one_and_a_new_job_begins_with_its_next_tick() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let config = |start: &str, jobs: &str| {
        manual(&(jobs.to_owned() + &webhook("sink", &sink.url("/hook"), ""))).replace("2026-01-05T09:00:00Z", start)
    };
    let noise = job("noise", "0 0 2 * * *", "do = \"aml_monitor_update\"");
    let more = noise.clone() + &job("more", "0 0 3 * * *", "do = \"aml_monitor_update\"");
    let server = Server::start(dir.path(), &config("2026-01-05T09:00:00Z", &noise));
    passed(&server, "KYC-1");
    advance(&server, "1d");
    assert_eq!(items_of(&server, "AML Monitor Update").len(), 1);
    assert_eq!(server.terminate().code(), Some(0));

    // Ten nights are missed; a second job is new, and has missed nothing.
    let server = Server::start(dir.path(), &config("2026-01-16T09:00:00Z", &more));
    advance(&server, "1ms");
    let caught_up = items_of(&server, "AML Monitor Update");
    assert_eq!(caught_up.len(), 2, "{caught_up:?}");
    assert_eq!(caught_up[0].1, "2026-01-16T09:00:00.000Z", "at the start");
    advance(&server, "1d");
    assert_eq!(items_of(&server, "AML Monitor Update").len(), 4, "both are on time from then on");
    server.kill();

    // A kill after the clock was moved: it stands where it stood.
    let server = Server::start(dir.path(), &config("2026-01-16T09:00:00Z", &more));
    assert_eq!(now(&server), "2026-01-17T09:00:00.001Z");
    assert_eq!(items(&server, "/api/v1/journeys").len(), 1);
    advance(&server, "1ms");
    assert_eq!(items_of(&server, "AML Monitor Update").len(), 4);
}

#[test]
fn in_real_time_a_tick_comes_by_itself_and_a_reload_takes_jobs_over() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let every_second = job("noise", "* * * * * *", "do = \"aml_monitor_update\"");
    let config = |jobs: &str| {
        let more = jobs.to_owned() + &webhook("sink", &sink.url("/hook"), "");
        manual(&more).replace("mode = \"manual\"\nstart = 2026-01-05T09:00:00Z", "mode = \"real\"")
    };
    let server = Server::start(dir.path(), &config(""));
    passed(&server, "KYC-1");
    std::fs::write(dir.path().join("webhooks.toml"), config(&every_second)).expect("a file");
    server.signal("HUP");
    let came = sink.await_count(4 + 3, Duration::from_secs(20));
    assert!(came.is_ok(), "three ticks in three seconds or so: {}", server.stderr());
    // Each lies on the wall clock's second, and is worked on within about half a second of it.
    for (_, at) in items_of(&server, "AML Monitor Update") {
        let millis: u32 = at[20..23].parse().expect("milliseconds");
        assert!(millis < 990, "{at}");
    }
    std::fs::write(dir.path().join("webhooks.toml"), config("")).expect("a file");
    server.signal("HUP");
    server.await_stderr("schedules=0");
    assert_eq!(server.terminate().code(), Some(0));
}
