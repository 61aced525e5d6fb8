//! A restart goes on where the server stopped: ids stay, numbers do not repeat, and what is owed is still owed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use understudy::clock::{Stopwatch, Timestamp};

use crate::support::server::Server;
use crate::support::sink::Sink;
use crate::support::steps::{advance, delivery_of, does, items, ledger, manual, ok, one_event, start, webhook};

#[test]
fn d1_d6_a_restart_keeps_everything_and_repeats_no_id() {
    let sink = Sink::statuses(&[500, 200]);
    let dir = tempfile::tempdir().expect("a directory");
    let config = manual(&webhook("sink", &sink.url("/"), ""));
    let server = Server::start(dir.path(), &config);
    let (journey, event) = one_event(&server, "KEEP-1");
    let keyed = serde_json::json!({ "flow": "onboarding", "reference_no": "KEEP-2", "key": "k" });
    let started = server.post("/api/v1/journeys", &keyed);
    assert!(sink.await_count(1, crate::support::server::DEADLINE).is_ok(), "the first attempt is made");
    advance(&server, "1m");
    let paths = ["/api/v1/journeys", "/api/v1/events", "/api/v1/deliveries", "/api/v1/ledger"];
    let before: Vec<_> = paths.iter().map(|path| ok(&server, path)).collect();
    assert_eq!(server.terminate().code(), Some(0));

    let server = Server::start(dir.path(), &config);
    for (path, before) in paths.iter().zip(&before) {
        assert_eq!(&ok(&server, path), before, "{path}");
    }
    assert_eq!(server.post("/api/v1/journeys", &keyed).body, started.body, "D6: over a restart as well");
    let more = start(&server, "KEEP-3");
    let ids: BTreeSet<String> =
        items(&server, "/api/v1/journeys").iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect();
    assert!(
        ids.len() == 3 && ids.contains(&journey) && ids.contains(&more),
        "the new one has an id of its own: {ids:?}"
    );
    let next = does(&server, &journey, &serde_json::json!({ "do": "submit_step", "step": "2" }));
    assert_eq!(next[0]["sequence"], 2, "the journey's numbers go on");

    // The second attempt was due five minutes after the first, and still is.
    advance(&server, "1h");
    let delivery = delivery_of(&server, &event);
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&"delivered".into(), &2.into()), "{delivery}");
    assert_eq!(delivery["tries"][1]["started_at"], "2026-01-05T09:05:00.000Z");
    ledger(&server);
}

/// A clock that stands at `start`, or the machine's, and a webhook that nobody is behind.
fn at(clock: &str, sink: &Sink) -> String {
    let standing = "mode = \"manual\"\nstart = 2026-01-05T09:00:00Z";
    let config = manual(&webhook("sink", &sink.url("/"), "retry = [\"5m\", \"5m\"]"));
    assert!(config.contains(standing), "{config}");
    config.replace(standing, clock)
}

#[test]
fn a3_s1_after_a_restart_with_an_earlier_clock_time_goes_on_where_the_store_has_seen_it() {
    let sink = Sink::statuses(&[500, 200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &at("mode = \"manual\"\nstart = 2096-01-05T09:00:00Z", &sink));
    let (_, event) = one_event(&server, "AHEAD-1");
    advance(&server, "1m");
    assert_eq!(server.terminate().code(), Some(0));

    // The machine's clock is decades behind what the store has seen.
    let server = Server::start(dir.path(), &at("mode = \"real\"", &sink));
    server.await_stderr("the store has seen later instants than the wall clock shows");
    let (_, later) = one_event(&server, "AHEAD-2");
    let seen = later["created_at"].as_str().expect("an instant");
    assert!(seen.starts_with("2096-01-05T09:0"), "time went neither back nor away: {seen}");
    assert!(sink.await_count(2, crate::support::server::DEADLINE).is_ok(), "what is new is sent at once");
    assert_eq!(delivery_of(&server, &event)["attempts"], 1, "A3: the retry is not due yet");
    advance(&server, "10m");
    settled(&server, &event, 2);
    ledger(&server);
}

#[test]
fn s1_a_clock_that_was_moved_ahead_goes_on_from_where_it_stood_at_the_end() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &at("mode = \"real\"", &sink));
    advance(&server, "1d");
    let now = |server: &Server| -> Timestamp {
        ok(server, "/api/v1/clock")["now"].as_str().expect("an instant").parse().expect("an instant")
    };
    // Nothing happens meanwhile that a store would remember.
    let (first, waiting) = (now(&server), Stopwatch::start());
    while now(&server).since(first) < Duration::from_millis(300) {
        assert!(waiting.elapsed() < crate::support::server::DEADLINE, "the clock runs");
    }
    let last = now(&server);
    assert_eq!(server.terminate().code(), Some(0));
    let server = Server::start(dir.path(), &at("mode = \"real\"", &sink));
    assert!(now(&server) >= last, "{} is before {last}", now(&server));
}

#[test]
fn a_store_of_one_provider_is_not_played_as_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    start(&server, "MINE-1");
    assert_eq!(server.terminate().code(), Some(0));
    let refused = Server::launch(Server::command(dir.path(), "provider = \"qoreid\"\n")).map(drop);
    let ended = refused.expect_err("it does not start");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    for said in ["are of idwise", "plays qoreid", "--data-dir", "provider = \"idwise\""] {
        assert!(ended.stderr.contains(said), "{said} in {}", ended.stderr);
    }
    assert_eq!(Server::start(dir.path(), &manual("")).terminate().code(), Some(0), "it is as it was");
}

#[test]
fn d8_after_a_restart_with_a_later_clock_what_has_fallen_due_is_made_once_and_at_once() {
    let sink = Sink::statuses(&[500, 200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &at("mode = \"manual\"\nstart = 2020-01-05T09:00:00Z", &sink));
    let (_, event) = one_event(&server, "BEHIND-1");
    advance(&server, "1m");
    assert_eq!(server.terminate().code(), Some(0));

    let server = Server::start(dir.path(), &at("mode = \"real\"", &sink));
    assert!(sink.await_count(2, crate::support::server::DEADLINE).is_ok(), "the retry was due years ago");
    let delivery = settled(&server, &event, 2);
    assert!(delivery["tries"][1]["started_at"].as_str() > Some("2026"), "{delivery}");
    assert_eq!(sink.requests().len(), 2, "one attempt for all the years");
    ledger(&server);
}

/// The event's only delivery, which must have arrived with so many attempts, once nothing is under way.
#[track_caller]
fn settled(server: &Server, event: &Value, attempts: u64) -> Value {
    // A jump begins when what is under way has ended.
    advance(server, "1ms");
    advance(server, "1ms");
    let delivery = delivery_of(server, event);
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&"delivered".into(), &attempts.into()), "{delivery}");
    delivery
}
