//! The log says who changed what through the API, and nothing that is secret.

use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::sink::Sink;
use crate::support::steps::{advance, manual, start, webhook};

const TOKEN: &str = "correct-horse-battery";

#[test]
fn each_change_is_a_line_with_who_and_what_and_nothing_else_is() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&webhook("sink", &sink.url("/"), "")));
    let journey = start(&server, "AUDIT-1");
    let ask = |method: &str, path: &str, body: &Value| {
        let answer = server.ask(method, path, &[("Content-Type", "application/json")], body.to_string().as_bytes());
        answer.expect("answered").status
    };
    let stimuli = "/api/v1/journeys/ref:AUDIT-1/stimuli";
    let keyed = json!({ "do": "submit_step", "step": "1", "key": "once" });
    assert_eq!((ask("POST", stimuli, &keyed), ask("POST", stimuli, &keyed)), (200, 200));
    advance(&server, "1s");
    assert_eq!(ask("POST", stimuli, &json!({ "do": "review", "decision": "Approved" })), 409);
    assert_eq!(ask("POST", "/api/v1/deliveries/d1/resend", &json!({})), 201);
    assert_eq!(ask("POST", "/api/v1/deliveries/resend", &json!({ "state": "delivered", "dry_run": true })), 200);
    let hook = json!({ "name": "mine", "url": sink.url("/mine"), "auth": { "type": "bearer", "token": "t0p-secret" } });
    assert_eq!(ask("POST", "/api/v1/webhooks", &hook), 201);
    let change = json!({ "timeout": "3s", "headers": { "X-Key": "t0p-secret" } });
    assert_eq!(ask("PATCH", "/api/v1/webhooks/mine", &change), 200);
    assert_eq!(ask("POST", "/api/v1/webhooks/mine/pause", &json!({})), 200);
    assert_eq!(ask("DELETE", "/api/v1/webhooks/mine", &json!({})), 200);
    assert_eq!(ask("GET", "/api/v1/webhooks", &Value::Null), 200);
    server.await_stderr("DELETE");
    let log = server.stderr();
    let said: Vec<(&str, &str, &str)> = log
        .lines()
        .filter(|line| line.contains("changed through the API"))
        .map(|line| {
            let of =
                |key: &str, end: &str| line.split_once(key).and_then(|(_, rest)| rest.split(end).next()).unwrap_or("");
            assert!(of("peer=\"", "\"").starts_with("127.0.0.1:"), "who: {line}");
            (of("method=", " "), of("path=\"", "\""), of("what=\"", "\""))
        })
        .collect();
    assert_eq!(
        said,
        [
            ("POST", "/api/v1/journeys", format!("journey {journey}").as_str()),
            ("POST", stimuli, "submit_step"),
            ("POST", "/api/v1/clock", "now 2026-01-05T09:00:01.000Z, manual, rate 0"),
            ("POST", "/api/v1/deliveries/d1/resend", "as d2"),
            ("POST", "/api/v1/webhooks", "webhook mine"),
            ("PATCH", "/api/v1/webhooks/mine", "headers, timeout"),
            ("POST", "/api/v1/webhooks/mine/pause", ""),
            ("DELETE", "/api/v1/webhooks/mine", ""),
        ]
    );
    assert!(!log.contains("t0p-secret"), "{log}");
}

#[test]
fn forms_of_the_dashboard_leave_the_same_lines() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&webhook("sink", &sink.url("/"), "")));
    let own = format!("http://{}", server.address());
    let send = |path: &str, form: &str| {
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", own.as_str())];
        server.ask("POST", path, &headers, form.as_bytes()).expect("answered").status
    };
    assert_eq!(send("/clock", "do=advance&span=never"), 303, "it goes on to a page that says what was wrong");
    assert_eq!(send("/webhooks/new", "name=a+b&url=x"), 422);
    assert_eq!(send("/webhooks/sink/pause", ""), 303);
    server.await_stderr("changed through the dashboard");
    let log = server.stderr();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("changed through")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("path=\"/webhooks/sink/pause\"") && lines[0].contains("peer=\"127.0.0.1:"), "{log}");
}

#[test]
fn whoever_is_not_let_in_changes_nothing_and_leaves_no_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&format!("[server]\ntoken = \"{TOKEN}\"\n")));
    let post = |headers: &[(&str, &str)], mode: &str| {
        let body = json!({ "mode": mode }).to_string();
        server.ask("POST", "/api/v1/clock", headers, body.as_bytes()).expect("answered").status
    };
    assert_eq!(post(&[], "manual"), 401);
    assert_eq!(post(&[("Authorization", &format!("Bearer {TOKEN}"))], "manual"), 200);
    server.await_stderr("changed through the API");
    let log = server.stderr();
    assert_eq!(log.matches("changed through the API").count(), 1, "{log}");
    assert!(!log.contains(TOKEN), "{log}");
}
