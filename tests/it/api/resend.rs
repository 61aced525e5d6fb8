//! Sending again and calling off: new deliveries of the same events (D4), and terminal states that stay.

use serde_json::{Value, json};

use super::problem;
use crate::support::server::Server;
use crate::support::sink::{Answer, Received, Sink};
use crate::support::steps::{advance, delivery_of, items, ledger, manual, ok, one_event, settle, webhook};

#[test]
fn d4_a_resend_is_a_new_delivery_of_the_same_event_and_bytes() {
    let sink = Sink::statuses(&[500, 500, 200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&webhook("sink", &sink.url("/"), "retry = [\"1m\"]")));
    let (_, event) = one_event(&server, "AGAIN-1");
    advance(&server, "1h");
    let lost = delivery_of(&server, &event);
    assert_eq!(lost["state"], "exhausted");
    let id = lost["id"].as_str().expect("an id");
    let resent = server.post(&format!("/api/v1/deliveries/{id}/resend"), &json!({}));
    assert_eq!(resent.status, 201, "{}", resent.text());
    let resent = resent.json();
    assert_eq!(resent["resend_of"], id);
    settle(&server);
    let again = ok(&server, &format!("/api/v1/deliveries/{}", resent["id"].as_str().expect("an id")));
    assert_eq!((&again["state"], &again["attempts"]), (&"delivered".into(), &1.into()), "{again}");
    assert_eq!((&again["resend_of"], &again["event_id"]), (&lost["id"], &event["id"]));
    assert_eq!(ok(&server, &format!("/api/v1/deliveries/{id}")), lost, "D4: the old one is as it was");
    let seen = sink.requests();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|request| request.body == seen[0].body), "the same bytes");
    let deliveries =
        ok(&server, &format!("/api/v1/events/{}", event["id"].as_str().expect("an id")))["deliveries"].clone();
    assert_eq!(deliveries.as_array().map(Vec::len), Some(2), "the event knows both");
    assert_eq!(ledger(&server)["deliveries"]["accepted"], 2);
}

#[test]
fn d4_many_are_sent_again_by_what_they_have_in_common() {
    let well = std::sync::atomic::AtomicBool::new(false);
    let well = std::sync::Arc::new(well);
    let recovered = std::sync::Arc::clone(&well);
    let sink = Sink::start(move |request: &Received| {
        let refused = request.path == "/dead" && !recovered.load(std::sync::atomic::Ordering::SeqCst);
        Answer::Status(if refused { 500 } else { 200 })
    });
    let dir = tempfile::tempdir().expect("a directory");
    let hooks = [webhook("dead", &sink.url("/dead"), "retry = []"), webhook("well", &sink.url("/well"), "")];
    let server = Server::start(dir.path(), &manual(&hooks.concat()));
    for n in 0..3 {
        one_event(&server, &format!("MANY-{n}"));
        advance(&server, "1h");
    }
    let lost: Vec<Value> = items(&server, "/api/v1/deliveries?state=exhausted")
        .iter()
        .rev()
        .map(|delivery| delivery["id"].clone())
        .collect();
    assert_eq!(lost.len(), 3);
    let resend = |body: Value| {
        let answer = server.post("/api/v1/deliveries/resend", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let dry = resend(json!({ "state": "exhausted", "dry_run": true }));
    assert_eq!((&dry["matched"], &dry["resent"]), (&json!(lost), &json!([])), "only said, the oldest first");
    assert_eq!(resend(json!({ "webhook": "well", "dry_run": true }))["matched"], json!([]), "exhausted is the default");
    let since = resend(json!({ "since": "2026-01-05T10:00:00Z", "dry_run": true }));
    assert_eq!(since["matched"], json!(lost[1..]), "due since then");
    assert_eq!(resend(json!({ "limit": 1, "dry_run": true }))["matched"], json!(lost[2..]), "the newest of them");
    assert_eq!(ledger(&server)["deliveries"]["accepted"], 6, "nothing was sent so far");

    well.store(true, std::sync::atomic::Ordering::SeqCst);
    let sent = resend(json!({ "state": "exhausted" }));
    assert_eq!(sent["resent"].as_array().map(Vec::len), Some(3), "{sent}");
    settle(&server);
    let counted = ledger(&server);
    assert_eq!((&counted["deliveries"]["delivered"], &counted["deliveries"]["exhausted"]), (&6.into(), &3.into()));
    assert_eq!(resend(json!({ "state": "exhausted" }))["matched"], json!([]), "to ask twice sends nothing twice");

    // What was sent again in vain is left to its last repetition.
    well.store(false, std::sync::atomic::Ordering::SeqCst);
    let once = resend(json!({ "state": "delivered", "webhook": "dead", "limit": 1 }))["resent"][0].clone();
    settle(&server);
    let twice = resend(json!({}));
    assert_eq!(twice["matched"], json!([once]), "{twice}");
    settle(&server);
    let thrice = resend(json!({ "dry_run": true }));
    assert_eq!(thrice["matched"], twice["resent"], "{thrice}");
}

#[test]
fn d3_what_waits_can_be_called_off_and_is_never_sent_then() {
    let sink = Sink::statuses(&[500]);
    let dir = tempfile::tempdir().expect("a directory");
    let hook = webhook("sink", &sink.url("/"), "error_emails = [\"ops@example.com\"]");
    let server = Server::start(dir.path(), &manual(&hook));
    let (_, event) = one_event(&server, "OFF-1");
    settle(&server);
    let id = delivery_of(&server, &event)["id"].as_str().expect("an id").to_owned();
    let cancel = format!("/api/v1/deliveries/{id}/cancel");
    let cancelled = server.post(&cancel, &json!({}));
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (200, &"cancelled".into()), "{}", cancelled.text());
    advance(&server, "30d");
    assert_eq!(sink.requests().len(), 1, "nothing more was sent");
    assert!(items(&server, "/api/v1/mails").is_empty(), "and nobody mailed");
    problem(&server.post(&cancel, &json!({})), 409, "not_possible");
    let counted = ledger(&server);
    assert_eq!((&counted["deliveries"]["cancelled"], &counted["deliveries"]["waiting"]), (&1.into(), &0.into()));
    let again = server.post(&format!("/api/v1/deliveries/{id}/resend"), &json!({}));
    assert_eq!(again.status, 201, "what was called off can still be sent: {}", again.text());
}

#[test]
fn what_will_still_be_sent_is_not_sent_again() {
    let sink = Sink::statuses(&[500]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&webhook("sink", &sink.url("/"), "")));
    let (_, event) = one_event(&server, "WAITS-1");
    settle(&server);
    let id = delivery_of(&server, &event)["id"].as_str().expect("an id").to_owned();
    problem(&server.post(&format!("/api/v1/deliveries/{id}/resend"), &json!({})), 409, "not_possible");
}
