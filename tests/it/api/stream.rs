//! The stream: what happens is told once it is durable, in the shapes of the lists, and nobody is held up by who reads it.

use std::time::Duration;

use serde_json::{Value, json};
use understudy::clock::Stopwatch;

use super::{has, problem};
use crate::support::server::{DEADLINE, Server};
use crate::support::sink::Sink;
use crate::support::steps::{START, advance, does, items, manual, ok, one_event, start, webhook};
use crate::support::stream::{Stream, Told};

#[test]
fn what_happens_is_told_in_the_shapes_of_the_lists() {
    let sink = Sink::statuses(&[500, 200]);
    let dir = tempfile::tempdir().expect("a directory");
    let hook = webhook("sink", &sink.url("/"), "retry = [\"5m\"]");
    let server = Server::start(dir.path(), &manual(&hook));
    let mut stream = Stream::open(&server, "");
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    assert_eq!(stream.header("cache-control"), Some("no-cache"));
    let (journey, event) = one_event(&server, "LIVE-1");
    let told: Vec<Told> = (0..5).map(|_| stream.next().expect("it goes on")).collect();
    let kinds: Vec<&str> = told.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["journey", "journey", "event", "delivery", "attempt"]);
    assert_eq!(told.iter().map(|one| one.id).collect::<Vec<_>>(), (1..=5).map(Some).collect::<Vec<_>>());
    assert_eq!((&told[0].data["stimulus"], &told[1].data["stimulus"]), (&"start".into(), &"submit_step 1".into()));
    let mut shown = ok(&server, &format!("/api/v1/journeys/{journey}"));
    shown["stimulus"] = "submit_step 1".into();
    assert_eq!(told[1].data, shown);
    assert_eq!(told[2].data, event);
    let waiting = told[3].data.clone();
    assert_eq!(
        (&waiting["state"], &waiting["attempts"], &waiting["due_at"]),
        (&"waiting".into(), &0.into(), &START.into())
    );
    let listed = items(&server, "/api/v1/deliveries").remove(0);
    let same = |key: &str| assert_eq!(waiting[key], listed[key], "{key}");
    ["id", "event_id", "event_type", "journey_id", "webhook", "resend_of"].iter().for_each(|key| same(key));
    let attempt = &told[4].data;
    has(attempt, &["delivery_id", "event_id", "event_type", "journey_id", "webhook", "n", "status", "error"]);
    has(attempt, &["verdict", "state", "started_at", "finished_at", "due_at", "took_ms"]);
    assert_eq!((&attempt["delivery_id"], &attempt["webhook"]), (&listed["id"], &"sink".into()));
    let came = (&attempt["n"], &attempt["status"], &attempt["error"], &attempt["verdict"], &attempt["state"]);
    assert_eq!(came, (&1.into(), &500.into(), &"status".into(), &"retry".into(), &"waiting".into()));
    assert_eq!((&attempt["due_at"], &listed["due_at"]), (&"2026-01-05T09:05:00.000Z".into(), &attempt["due_at"]));
    let clock = advance(&server, "1h");
    // Each is told by whoever did it, so that either may come first.
    let mut both = [stream.next().expect("it goes on"), stream.next().expect("it goes on")];
    both.sort_by_key(|told| told.kind.clone());
    let attempt = &both[0].data;
    assert_eq!((&attempt["n"], &attempt["state"], &attempt["due_at"]), (&2.into(), &"delivered".into(), &Value::Null));
    assert_eq!(both[1].data, clock);
    assert_eq!(ok(&server, "/api/v1/deliveries")["items"][0]["state"], "delivered", "it was durable when it was told");
}

#[test]
fn resends_and_what_is_called_off_and_mails_are_told() {
    let sink = Sink::statuses(&[500]);
    let dir = tempfile::tempdir().expect("a directory");
    let hook = webhook("dead", &sink.url("/"), "retry = [\"1m\"]\nerror_emails = [\"ops@example.com\"]");
    let server = Server::start(dir.path(), &manual(&hook));
    let mut stream = Stream::open(&server, "?kind=delivery,mail");
    one_event(&server, "LOST-1");
    assert_eq!(stream.next().map(|told| told.kind).as_deref(), Some("delivery"));
    advance(&server, "1h");
    // Without an SMTP server it is kept, and never sent.
    let mail = stream.await_kind("mail");
    assert_eq!(mail, items(&server, "/api/v1/mails")[0]);
    assert_eq!((&mail["state"], &mail["webhook"]), (&"kept".into(), &"dead".into()));
    let resent = server.post("/api/v1/deliveries/d1/resend", &json!({})).json();
    let told = stream.await_kind("delivery");
    assert_eq!((&told["id"], &told["resend_of"], &told["attempts"]), (&resent["id"], &"d1".into(), &0.into()));
    advance(&server, "1s");
    let cancelled = server.post("/api/v1/deliveries/d2/cancel", &json!({}));
    assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    let told = stream.await_kind("delivery");
    assert_eq!((&told["id"], &told["state"]), (&"d2".into(), &"cancelled".into()));
}

#[test]
fn a_reader_hears_only_what_it_asks_for() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let hooks = [webhook("one", &sink.url("/1"), ""), webhook("two", &sink.url("/2"), "")];
    let server = Server::start(dir.path(), &manual(&hooks.concat()));
    let journey = start(&server, "MINE-1");
    let mut all = Stream::open(&server, "");
    let mut mine = Stream::open(&server, "?journey=ref:MINE-1");
    let mut two = Stream::open(&server, "?webhook=two&kind=attempt");
    let mut clock = Stream::open(&server, "?kind=clock");
    one_event(&server, "OTHER-1");
    does(&server, &journey, &json!({ "do": "submit_step", "step": "1" }));
    let heard: Vec<String> = (0..2).map(|_| two.next().expect("it goes on").data["webhook"].to_string()).collect();
    assert_eq!(heard, ["\"two\"", "\"two\""]);
    let moved = advance(&server, "1m");
    assert_eq!(clock.next().map(|told| (told.kind, told.data)), Some(("clock".to_owned(), moved)));
    let set = server.post("/api/v1/clock", &json!({ "rate": 60 })).json();
    let told = clock.next().expect("it goes on").data;
    assert_eq!((&told["mode"], &told["rate"]), (&set["mode"], &set["rate"]));
    // To whoever asks for all: six of each journey, one of the start of the other, two of the clock.
    let about_mine = |told: &Told| told.data["journey_id"] == journey.as_str() || told.data["id"] == journey.as_str();
    let heard: Vec<Told> = std::iter::from_fn(|| all.next()).take(15).collect();
    let mut wanted: Vec<Told> = heard.into_iter().filter(about_mine).collect();
    let mut heard: Vec<Told> = (0..6).map(|_| mine.next().expect("it goes on")).collect();
    wanted.sort_by_key(|told| told.id);
    heard.sort_by_key(|told| told.id);
    assert_eq!(heard, wanted, "with the numbers that all see");
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual("[server]\ntoken = \"correct-horse-battery\"\n"));
    problem(&server.get("/api/v1/stream"), 401, "unauthorized");
    let ask = |query: &str| {
        let token = [("Authorization", "Bearer correct-horse-battery")];
        server.ask("GET", &format!("/api/v1/stream{query}"), &token, b"").expect("answered")
    };
    let refused = problem(&ask("?kind=attempts"), 400, "bad_value");
    assert!(refused["detail"].as_str().is_some_and(|text| text.contains("attempt, mail")), "{refused}");
    problem(&ask("?journey=ref:NOBODY"), 404, "not_found");
    problem(&ask("?journey=x"), 400, "bad_id");
}

#[test]
fn a_reader_that_does_not_read_holds_up_nobody_and_hears_what_it_missed() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let hook = webhook("sink", &sink.url("/"), "max_in_flight = 256");
    let server = Server::start(dir.path(), &manual(&format!("[outbox]\nengine = \"memory\"\n{hook}")));
    let mut slow = Stream::open(&server, "");
    one_event(&server, "MANY-1");
    advance(&server, "1s");
    // Each call doubles what there is: 8,191 deliveries in the end, with two pieces of news each.
    for _ in 0..13 {
        let again = server.post("/api/v1/deliveries/resend", &json!({ "state": "delivered" }));
        assert_eq!(again.status, 200, "{}", again.text());
        advance(&server, "1s");
    }
    let accepted = ok(&server, "/api/v1/ledger")["deliveries"]["accepted"].as_u64().expect("a count");
    assert_eq!(ok(&server, "/api/v1/ledger")["deliveries"]["delivered"], accepted, "all of it went out meanwhile");
    // It may fall behind again before it has heard anything else.
    let (mut last, mut gaps, mut gone) = (0, 0, 0);
    loop {
        let told = slow.next().expect("it goes on");
        if told.kind == "missed" {
            gone += told.data["count"].as_u64().expect("a count");
            gaps += 1;
            continue;
        }
        assert_eq!(told.id, Some(last + gone + 1), "{gone} are gone, and no more");
        (last, gone) = (last + gone + 1, 0);
        if told.kind == "clock" && told.data == ok(&server, "/api/v1/clock") {
            break;
        }
    }
    assert!(gaps > 0, "{last} pieces of news were all kept for it");
}

#[test]
fn there_are_so_many_at_once_and_they_end_with_the_server() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let mut streams: Vec<Stream> = (0..64).map(|_| Stream::open(&server, "")).collect();
    let refused = server.get("/api/v1/stream");
    problem(&refused, 503, "too_many_streams");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(server.get("/healthz").status, 200);
    drop(streams.pop());
    let waiting = Stopwatch::start();
    // The server hears of a connection that was closed when it reads from it: soon, not at once.
    while Stream::ask(&server, "", "").status != 200 {
        assert!(waiting.elapsed() < DEADLINE, "room is given back");
    }
    let stopping = Stopwatch::start();
    assert!(server.terminate().success());
    assert!(stopping.elapsed() < Duration::from_secs(5), "{:?}: streams do not wait for the grace", stopping.elapsed());
    for stream in &mut streams {
        assert_eq!(stream.next(), None, "it ends as it should");
    }
}
