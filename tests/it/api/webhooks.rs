//! Webhooks through the API: made after a passed test, changed, paused, dropped; kept over restarts, secrets apart.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use understudy::http::api::schema;

use crate::support::http::Response;
use crate::support::server::Server;
use crate::support::sink::{Answer, Sink};
use crate::support::steps::{advance, items, ledger, manual, ok, one_event, settle, webhook};

fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Response {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    server.ask(method, path, &[("Content-Type", "application/json")], &body).expect("an answer")
}

/// Fails unless it has the members that the description declares, and no others.
#[track_caller]
fn as_described<T: serde::de::DeserializeOwned + serde::Serialize>(shape: &Value) {
    let read: T = serde_json::from_value(shape.clone()).unwrap_or_else(|error| panic!("{error}: {shape}"));
    assert_eq!(serde_json::to_value(read).expect("JSON"), *shape);
}

#[track_caller]
fn refused(answer: &Response, status: u16, code: &str) -> Value {
    let body = answer.json();
    assert_eq!((answer.status, &body["code"]), (status, &json!(code)), "{body}");
    body
}

#[test]
fn one_is_made_only_after_its_test_and_then_gets_what_happens() {
    let healthy = Sink::statuses(&[200]);
    let broken = Sink::statuses(&[500]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let make = |url: String, more: Value| {
        let mut definition =
            json!({ "name": "mine", "url": url, "auth": { "type": "bearer", "token": "t0ken-of-mine" } });
        definition.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        ask(&server, "POST", "/api/v1/webhooks", &definition)
    };
    let failed = refused(&make(broken.url("/hook"), json!({})), 409, "test_failed");
    assert_eq!((&failed["test"]["status"], &failed["test"]["passed"]), (&json!(500), &json!(false)), "{failed}");
    assert_eq!(broken.requests().len(), 1);
    assert_eq!(items(&server, "/api/v1/webhooks").len(), 0, "nothing was saved");
    refused(&ask(&server, "GET", "/api/v1/webhooks/mine", &Value::Null), 404, "not_found");

    let made =
        make(healthy.url("/hook"), json!({ "types": ["Finished Step"], "headers": { "X-Api-Key": "key-of-mine" } }));
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    as_described::<schema::Webhook>(&made);
    as_described::<schema::Tested>(&failed["test"]);
    assert_eq!(
        (&made["origin"], &made["types"], &made["paused"]),
        (&json!("api"), &json!(["Finished Step"]), &json!(false))
    );
    assert_eq!(made["auth"], json!({ "type": "bearer", "token": "***" }));
    assert_eq!(made["headers"], json!({ "x-api-key": "***" }));
    assert_eq!((&made["retry"], &made["success"]), (&json!(["5m", "10m", "15m"]), &json!("200")));
    let tests = healthy.requests();
    let tested: Value = serde_json::from_slice(&tests[0].body).expect("a test event");
    assert_eq!((tests.len(), &tested["event"]), (1, &json!("Finished Step")), "of a type that it gets");
    assert_eq!(tests[0].header("authorization"), Some("Bearer t0ken-of-mine"));
    assert_eq!(ledger(&server)["deliveries"]["accepted"], 0, "a test is owed to nobody");

    one_event(&server, "A-1");
    settle(&server);
    let requests = healthy.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].header("x-api-key"), Some("key-of-mine"));
    refused(&make(healthy.url("/hook"), json!({})), 409, "taken");
    let wrong = refused(&make("nowhere".to_owned(), json!({ "name": "other", "typs": [] })), 400, "bad_webhook");
    assert_eq!(wrong["complaints"].as_array().map(Vec::len), Some(2), "{wrong}");
    let skipped = make(broken.url("/hook"), json!({ "name": "later", "skip_test": true }));
    assert_eq!((skipped.status, broken.requests().len()), (201, 1));
    // What the process knows from its environment is not for callers.
    let leak = make(healthy.url("/hook"), json!({ "name": "leak", "auth": { "type": "bearer", "token": "env:PATH" } }));
    refused(&leak, 400, "bad_webhook");
}

#[test]
fn it_outlives_a_kill_and_its_secrets_are_in_one_private_file() {
    let sink = Sink::start(|request| {
        // One that says aloud what it was told.
        let told = request.header("authorization").unwrap_or_default().to_owned();
        Answer::Full(200, [("X-Echo".to_owned(), told.clone())].into(), told.into_bytes())
    });
    let dir = tempfile::tempdir().expect("a directory");
    let config = manual(&webhook("of-file", "/inbox/demo", "enabled = false"));
    let server = Server::start(dir.path(), &config);
    let definition = json!({
        "name": "mine", "url": sink.url("/hook"), "order": "journey",
        "auth": { "type": "basic", "username": "me", "password": "s3cret-word" },
    });
    let made = ask(&server, "POST", "/api/v1/webhooks", &definition).json();
    assert_eq!(made["origin"], "api", "{made}");
    assert_eq!(ok(&server, "/api/v1/webhooks/of-file")["origin"], "file");
    ask(&server, "POST", "/api/v1/webhooks/mine/pause", &Value::Null);
    one_event(&server, "A-1");
    advance(&server, "1h");
    let paused = ok(&server, "/api/v1/webhooks/mine");
    assert_eq!((&paused["paused"], &paused["waiting"], sink.requests().len()), (&json!(true), &json!(1), 1));
    server.kill();

    let server = Server::start(dir.path(), &config);
    advance(&server, "1h");
    let paused = ok(&server, "/api/v1/webhooks/mine");
    assert_eq!((&paused["paused"], &paused["waiting"], sink.requests().len()), (&json!(true), &json!(1), 1), "still");
    assert_eq!((&paused["origin"], &paused["order"]), (&json!("api"), &json!("journey")));
    let resumed = ask(&server, "POST", "/api/v1/webhooks/mine/resume", &Value::Null).json();
    assert_eq!(resumed["paused"], false);
    settle(&server);
    let sent = sink.requests();
    assert_eq!((sent.len(), sent[1].header("authorization")), (2, sent[0].header("authorization")));
    let delivery = items(&server, "/api/v1/deliveries?webhook=mine")[0]["id"].clone();
    let shown = server.get(&format!("/api/v1/deliveries/{}", delivery.as_str().expect("an id"))).text();
    assert!(
        shown.contains("delivered") && !shown.contains("s3cret") && !shown.contains("bWU6czNjcmV0LXdvcmQ"),
        "X1: {shown}"
    );
    assert!(!server.stderr().contains("s3cret") && !server.stdout().contains("s3cret"), "X1");
    assert_eq!(server.terminate().code(), Some(0));

    let mut holders = Vec::new();
    let mut dirs = vec![dir.path().join("data")];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).expect("a directory").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                dirs.push(entry);
            } else if fs::read(&entry).expect("a file").windows(11).any(|bytes| bytes == b"s3cret-word") {
                holders.push(entry);
            }
        }
    }
    assert_eq!(holders, [dir.path().join("data").join("webhook-secrets.json")], "X2");
    assert_eq!(fs::metadata(&holders[0]).expect("a file").permissions().mode() & 0o777, 0o600, "X2");
}

#[test]
fn one_is_changed_and_dropped_and_what_the_file_has_is_the_files() {
    let sink = Sink::statuses(&[200, 200, 500]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&webhook("of-file", &sink.url("/file"), "enabled = false")));
    let made =
        ask(&server, "POST", "/api/v1/webhooks", &json!({ "name": "mine", "url": sink.url("/hook"), "retry": ["1h"] }));
    assert_eq!(made.status, 201, "{}", made.text());
    let changed = ask(&server, "PATCH", "/api/v1/webhooks/mine", &json!({ "types": ["Finished Step"], "retry": null }));
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!((&changed.json()["types"], &changed.json()["retry"][0]), (&json!(["Finished Step"]), &json!("5m")));
    refused(&ask(&server, "PATCH", "/api/v1/webhooks/mine", &json!({ "timeout": "1s" })), 409, "test_failed");
    assert_eq!(ok(&server, "/api/v1/webhooks/mine")["timeout"], "10s", "as it was");
    refused(&ask(&server, "PATCH", "/api/v1/webhooks/mine", &json!({ "name": "yours" })), 400, "bad_value");
    refused(&ask(&server, "PATCH", "/api/v1/webhooks/mine", &json!({ "timeout": "soon" })), 400, "bad_webhook");

    // The endpoint is broken now: one event waits for its retry, and goes with its webhook.
    one_event(&server, "A-1");
    settle(&server);
    assert_eq!(ok(&server, "/api/v1/webhooks/mine")["waiting"], 1);
    let dropped = ask(&server, "DELETE", "/api/v1/webhooks/mine", &Value::Null);
    assert_eq!((dropped.status, dropped.json()), (200, json!({ "name": "mine", "cancelled": 1 })));
    refused(&ask(&server, "DELETE", "/api/v1/webhooks/mine", &Value::Null), 404, "not_found");
    one_event(&server, "A-2");
    let requests = sink.requests().len();
    advance(&server, "10d");
    assert_eq!((sink.requests().len(), &ledger(&server)["deliveries"]["cancelled"]), (requests, &json!(1)));

    for (method, body) in [("PATCH", json!({ "enabled": true })), ("DELETE", Value::Null)] {
        refused(&ask(&server, method, "/api/v1/webhooks/of-file", &body), 409, "configured");
    }
    let tested = ask(&server, "POST", "/api/v1/webhooks/of-file/test", &Value::Null).json();
    assert_eq!((&tested["passed"], &tested["status"]), (&json!(false), &json!(500)));
    for verb in ["test", "pause", "resume"] {
        refused(&ask(&server, "POST", &format!("/api/v1/webhooks/none/{verb}"), &Value::Null), 404, "not_found");
    }
}

#[test]
fn a_reload_keeps_what_was_made_and_lets_the_file_win_a_name() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    for name in ["mine", "both"] {
        let made = ask(
            &server,
            "POST",
            "/api/v1/webhooks",
            &json!({ "name": name, "url": sink.url(&format!("/made/{name}")) }),
        );
        assert_eq!(made.status, 201);
    }
    let file = manual(&webhook("both", &sink.url("/file/both"), ""));
    fs::write(dir.path().join("webhooks.toml"), &file).expect("a file");
    server.signal("HUP");
    server.await_stderr("the configuration was taken over");
    let shown = |name: &str| {
        let webhook = ok(&server, &format!("/api/v1/webhooks/{name}"));
        (
            webhook["origin"].clone(),
            webhook["url"].as_str().expect("a URL").rsplit_once('/').expect("a path").0.to_owned(),
        )
    };
    assert_eq!((shown("mine").0, shown("both").0), (json!("api"), json!("file")));
    assert!(shown("both").1.ends_with("/file") && shown("mine").1.ends_with("/made"));
    refused(&ask(&server, "DELETE", "/api/v1/webhooks/both", &Value::Null), 409, "configured");
}

#[test]
fn qoreid_probes_a_url_before_it_is_saved_with_an_empty_body_that_nothing_signs() {
    let sink = Sink::statuses(&[202, 404]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), "provider = \"qoreid\"\n[clock]\nmode = \"manual\"\n");
    let definition = |name: &str| json!({ "name": name, "url": sink.url("/hook"), "auth": { "type": "hmac", "secret": "their-secret" } });
    let made = ask(&server, "POST", "/api/v1/webhooks", &definition("crm"));
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["auth"], json!({ "type": "hmac", "secret": "***" }));
    let probe = &sink.requests()[0];
    assert_eq!((probe.method.as_str(), probe.body.len(), probe.header("x-verifyme-signature")), ("POST", 0, None));
    refused(&ask(&server, "POST", "/api/v1/webhooks", &definition("other")), 409, "test_failed");

    // What it is sent afterwards is signed.
    let started = server.post("/api/v1/journeys", &json!({ "flow": "address", "reference_no": "A-1" }));
    assert_eq!(started.status, 201, "{}", started.text());
    advance(&server, "1m");
    let sent = sink.requests();
    assert!(sent.len() > 2 && sent[2..].iter().all(|request| request.header("x-verifyme-signature").is_some()));
}
