//! The configuration while it changes: what a saved file changed, and why one is refused, for those who do not see the log.

use std::fs;

use serde_json::{Value, json};
use understudy::http::api::schema;

use super::has;
use crate::support::server::Server;
use crate::support::sink::Sink;
use crate::support::steps::{START, advance, manual, ok, webhook};
use crate::support::stream::Stream;

#[test]
fn a_saved_file_says_what_it_changed_and_a_wrong_one_why_it_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let auth = |secret: &str| format!("auth = {{ type = \"bearer\", token = \"{secret}\" }}");
    let before = manual(&webhook("one", "/inbox/one", &auth("first-secret")));
    let server = Server::start(dir.path(), &before);
    let shown = ok(&server, "/api/v1/config");
    serde_json::from_value::<schema::Configured>(shown.clone()).expect("as it is described");
    let at_start =
        json!({ "taken_over_at": START, "source": "file", "changes": [], "error": null, "refused_at": null });
    assert_eq!(shown, at_start);
    let mut stream = Stream::open(&server, "?kind=config");
    let write = |text: &str| fs::write(dir.path().join("webhooks.toml"), text).expect("writable");

    advance(&server, "1m");
    // The file is watched: no signal is needed.
    write(&manual(
        &(webhook("one", "/inbox/other", &auth("second-secret"))
            + &webhook("two", "/inbox/two", "")
            + "[server]\ngrace = \"1s\"\n[delivery]\ntimeout = \"3s\"\n"),
    ));
    let told = stream.next().expect("it goes on").data;
    assert_eq!(told, ok(&server, "/api/v1/config"));
    serde_json::from_value::<schema::Configured>(told.clone()).expect("as it is described");
    assert_eq!((&told["taken_over_at"], &told["error"]), (&"2026-01-05T09:01:00.000Z".into(), &Value::Null));
    let changes = told["changes"].as_array().expect("a list").clone();
    let of = |what: &str, name: &str| {
        changes
            .iter()
            .find(|one| one["what"] == what && one["name"] == name)
            .unwrap_or_else(|| panic!("{what}: {told}"))
    };
    assert_eq!(of("webhook", "two")["change"], "added");
    assert_eq!(
        of("webhook", "one")["keys"],
        json!([
            { "key": "auth.token", "from": "***", "to": "*** (changed)" },
            { "key": "url", "from": "/inbox/one", "to": "/inbox/other" },
        ])
    );
    assert_eq!(of("delivery", "")["needs_restart"], false);
    assert_eq!((&of("server", "")["needs_restart"], &of("server", "")["keys"][0]["to"]), (&true.into(), &"1s".into()));
    server.await_stderr("webhook one changed: auth.token *** -> *** (changed), url /inbox/one -> /inbox/other");
    server.await_stderr("[server] changed: grace 10s -> 1s (takes effect at the next start)");

    advance(&server, "1m");
    write(&manual(&webhook("one", "/inbox/one", "tiemout = \"1s\"\norder = \"second-secret\"")));
    let refused = stream.next().expect("it goes on").data;
    assert_eq!(refused, ok(&server, "/api/v1/config"));
    let error = refused["error"].as_str().expect("a reason");
    assert!(error.contains("2 errors") && error.contains("\nline 16, column") && error.contains("timeout"), "{error}");
    assert_eq!((&refused["refused_at"], &refused["changes"]), (&"2026-01-05T09:02:00.000Z".into(), &told["changes"]));
    let all = format!("{refused}{told}{}", server.stderr());
    assert!(!all.contains("first-secret"), "{all}");

    // What holds says the same again: the refusal is over, and the last change is still what it was.
    write(
        &fs::read_to_string(dir.path().join("webhooks.toml"))
            .expect("readable")
            .replace("tiemout = \"1s\"\norder = \"second-secret\"", ""),
    );
    let again = stream.next().expect("it goes on").data;
    has(&again, &["taken_over_at", "changes"]);
    assert_eq!((&again["error"], &again["refused_at"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_webhook_that_is_changed_through_the_api_is_told_without_its_secrets() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let mut stream = Stream::open(&server, "?kind=config");
    let mut told = || {
        let told = stream.next().expect("it goes on").data;
        assert_eq!((&told["source"], told["changes"].as_array().map(Vec::len)), (&"api".into(), Some(1)));
        let change = &told["changes"][0];
        assert_eq!((&change["what"], &change["name"]), (&"webhook".into(), &"mine".into()));
        assert!(!told.to_string().contains("-secret"), "{told}");
        (change["change"].as_str().expect("a word").to_owned(), change["keys"].clone())
    };
    let ask = |method: &str, path: &str, body: &Value| {
        let answer = server.ask(method, path, &[("Content-Type", "application/json")], body.to_string().as_bytes());
        let answer = answer.expect("answered");
        assert!(answer.status < 300, "{}", answer.text());
    };
    let auth = |secret: &str| json!({ "type": "bearer", "token": secret });
    ask("POST", "/api/v1/webhooks", &json!({ "name": "mine", "url": sink.url("/"), "auth": auth("first-secret") }));
    assert_eq!(told(), ("added".to_owned(), json!([])));
    ask(
        "PATCH",
        "/api/v1/webhooks/mine",
        &json!({ "auth": auth("second-secret"), "timeout": "3s", "url": sink.url("/") }),
    );
    let auth = json!({ "key": "auth", "from": "***", "to": "*** (changed)" });
    let timeout = json!({ "key": "timeout", "from": null, "to": "3s" });
    assert_eq!(told(), ("changed".to_owned(), json!([auth, timeout])));
    ask("POST", "/api/v1/webhooks/mine/pause", &json!({}));
    assert_eq!(told().0, "paused");
    ask("POST", "/api/v1/webhooks/mine/resume", &json!({}));
    assert_eq!(told().0, "resumed");
    ask("DELETE", "/api/v1/webhooks/mine", &json!({}));
    assert_eq!(told().0, "removed");
    assert_eq!(ok(&server, "/api/v1/config")["changes"], json!([]), "the file is what it was");
}
