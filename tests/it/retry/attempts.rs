//! When attempts are made, with which bytes, and which answers end them. What comes of each fault of a receiver is told by
//! the table in [`crate::zoo`].

use std::collections::BTreeMap;

use serde_json::Value;

use super::{deliveries, times};
use crate::support::server::Server;
use crate::support::sink::{Answer, Received, Sink};
use crate::support::steps::{advance, delivery_of, ledger, manual, one_event, passed, settle, webhook};

/// The documented times of the four attempts of what became due at the start.
const DOCUMENTED: [&str; 4] = ["09:00:00", "09:05:00", "09:15:00", "09:30:00"];

fn serve(dir: &std::path::Path, hooks: &str) -> Server {
    Server::start(dir, &manual(hooks))
}

#[test]
fn a2_a3_a6_a_dead_endpoint_gets_four_attempts_at_the_documented_times_with_the_same_bytes() {
    let sink = Sink::statuses(&[500]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), &webhook("dead", &sink.url("/hook"), ""));
    let (_, event) = one_event(&server, "DEAD-1");
    // A3: nothing comes a moment before it is due. A jump answers when what fell due by then has been started.
    for (count, (wait, rest)) in [(1, ("299s", "1s")), (2, ("599s", "1s")), (3, ("899s", "1s"))] {
        advance(&server, wait);
        assert_eq!(sink.requests().len(), count, "before attempt {} is due", count + 1);
        advance(&server, rest);
        settle(&server);
        // The moment that let it end belongs to the next gap.
        assert_eq!(sink.requests().len(), count + 1, "attempt {} is due", count + 1);
    }
    let delivery = delivery_of(&server, &event);
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&Value::from("exhausted"), &Value::from(4)), "A6");
    assert_eq!(times(&delivery), DOCUMENTED, "A3");
    for (one, n) in delivery["tries"].as_array().expect("tries").iter().zip(1..) {
        assert_eq!((&one["n"], &one["status"], &one["error"]), (&n.into(), &500.into(), &"status".into()), "{one}");
    }
    let body = event["body"].as_str().expect("the event's bytes").as_bytes();
    assert!(sink.requests().iter().all(|request| request.body == body), "A2: the same bytes each time");

    advance(&server, "30d");
    assert_eq!(sink.requests().len(), 4, "A6: and none after that");
    let ledger = ledger(&server);
    assert_eq!((&ledger["attempts"], &ledger["deliveries"]["exhausted"]), (&4.into(), &1.into()), "{ledger}");
}

#[test]
fn idwise_11_a_year_in_one_jump_makes_the_same_attempts_in_order() {
    let sink = Sink::statuses(&[500]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), &webhook("dead", &sink.url("/hook"), "max_in_flight = 1"));
    passed(&server, "YEAR-1");
    advance(&server, "365d");
    let deliveries = deliveries(&server, "dead");
    assert_eq!(deliveries.len(), 4);
    for delivery in &deliveries {
        assert_eq!(delivery["state"], "exhausted", "{delivery}");
        assert_eq!(times(delivery), DOCUMENTED);
    }
    // With one slot the rounds come one after the other, each in the order of the events.
    let bodies: Vec<Vec<u8>> = sink.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies.len(), 16);
    assert!(bodies.chunks(4).all(|round| round == &bodies[..4]), "four rounds of four");
}

#[test]
fn a1_a5_a_receiver_that_recovers_at_the_third_attempt_is_not_asked_again() {
    let sink = Sink::statuses(&[500, 503, 200]);
    let dir = tempfile::tempdir().expect("a directory");
    let hook = webhook("flaky", &sink.url("/hook"), "error_emails = [\"ops@example.com\"]");
    let server = serve(dir.path(), &hook);
    let (_, event) = one_event(&server, "FLAKY-1");
    advance(&server, "2d");
    let delivery = delivery_of(&server, &event);
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&"delivered".into(), &3.into()), "{delivery}");
    assert_eq!(times(&delivery), DOCUMENTED[..3]);
    let seen = sink.requests();
    assert_eq!(seen.len(), 3, "a 200 stops retries at once");
    assert!(seen.iter().all(|request| request.body == seen[0].body), "A1, A2");
    assert_eq!(ledger(&server)["mails"]["accepted"], 0, "E4: no mail about what arrived");
}

#[test]
fn a5_only_a_status_head_of_200_for_this_very_request_delivers() {
    let raw = |text: &str| Answer::Raw(text.as_bytes().to_vec());
    // The answer; whether it delivers; the error class where it does not.
    let cases: Vec<(&str, Answer, Result<u16, &str>)> = vec![
        ("/200", Answer::Status(200), Ok(200)),
        ("/201", Answer::Status(201), Err("status")),
        ("/204", Answer::Status(204), Err("status")),
        ("/404", Answer::Status(404), Err("status")),
        ("/500", Answer::Status(500), Err("status")),
        ("/1xx", raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n"), Err("status")),
    ];
    let answers: BTreeMap<String, Answer> =
        cases.iter().map(|(path, answer, _)| ((*path).to_owned(), answer.clone())).collect();
    let sink = Sink::start(move |request: &Received| answers.get(&request.path).cloned().unwrap_or(Answer::HangUp));
    let hooks: String = cases.iter().map(|(path, ..)| webhook(&path[1..], &sink.url(path), "retry = []")).collect();
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), &hooks);
    one_event(&server, "ANSWERS-1");
    settle(&server);
    let check = |name: &str, expected: Result<u16, &str>| {
        let delivery = deliveries(&server, name).pop().expect("one delivery for each webhook");
        let one = &delivery["tries"][0];
        let came = match delivery["state"].as_str() {
            Some("delivered") => Ok(one["status"].as_u64().expect("a status") as u16),
            _ => Err(one["error"].as_str().unwrap_or("no error").to_owned()),
        };
        assert_eq!(came.as_ref().map_err(String::as_str).copied(), expected, "{name}: {delivery}");
    };
    cases.iter().for_each(|(path, _, expected)| check(&path[1..], *expected));
    ledger(&server);
}

#[test]
fn a10_a_hanging_receiver_holds_up_nobody_else() {
    let hanging = Sink::start(|_: &Received| Answer::Hang);
    let healthy = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let hooks = [
        webhook("hanging", &hanging.url("/"), "timeout = \"120s\"\nmax_in_flight = 2"),
        webhook("healthy", &healthy.url("/"), ""),
    ];
    let server = serve(dir.path(), &hooks.concat());
    for n in 0..10 {
        one_event(&server, &format!("N-{n}"));
    }
    let arrived = healthy.await_count(10, crate::support::server::DEADLINE);
    assert!(arrived.is_ok(), "{}", server.stderr());
    assert!(hanging.requests().len() <= 2, "A9: no more than max_in_flight are open");
    let ledger = ledger(&server);
    assert_eq!(ledger["deliveries"]["accepted"], 20, "{ledger}");
    assert_eq!(ledger["deliveries"]["exhausted"], 0, "{ledger}");
}

#[test]
fn the_policy_of_the_file_replaces_the_documented_one() {
    let sink = Sink::statuses(&[202]);
    let dir = tempfile::tempdir().expect("a directory");
    let hooks = [
        webhook("strict", &sink.url("/strict"), "retry = [\"1h\"]"),
        webhook("lenient", &sink.url("/lenient"), "success = \"2xx\""),
    ];
    let server = serve(dir.path(), &hooks.concat());
    one_event(&server, "OWN-1");
    advance(&server, "1d");
    let strict = deliveries(&server, "strict").pop().expect("one");
    assert_eq!(
        (times(&strict), &strict["state"]),
        (vec!["09:00:00".to_owned(), "10:00:00".to_owned()], &"exhausted".into())
    );
    let lenient = deliveries(&server, "lenient").pop().expect("one");
    assert_eq!((&lenient["attempts"], &lenient["state"]), (&1.into(), &"delivered".into()));
}
