//! The dashboard of the real binary, as forms and pages without a script: what only `serve` can give it.

use std::fs;

use crate::support::http::Response;
use crate::support::server::Server;
use crate::support::steps::{manual, start, webhook};

/// A page, as a browser asks for it.
#[track_caller]
fn page(server: &Server, path: &str) -> String {
    let answer = server.ask("GET", path, &[("Accept", "text/html")], b"").expect("answered");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// A form, as a page of the server sends it.
fn form(server: &Server, path: &str, body: &str) -> Response {
    let origin = format!("http://{}", server.address());
    let headers = [("Origin", origin.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    server.ask("POST", path, &headers, body.as_bytes()).expect("answered")
}

#[track_caller]
fn has(page: &str, text: &str) {
    assert!(page.contains(text), "{text:?} is not in {page}");
}

#[test]
fn a_shipped_scenario_is_played_on_the_running_server_and_judged() {
    let dir = tempfile::tempdir().expect("a directory");
    let config =
        manual(&webhook("demo", "/inbox/demo", "")).replace("mode = \"manual\"", "mode = \"scaled\"\nrate = 3600.0");
    let server = Server::start_with(dir.path(), &config, &["--log-level", "info"]);
    let offered = page(&server, "/scenarios");
    has(&offered, "plain: submitted, processed, passed");
    has(&offered, "Not for this server: 6 scenarios");
    let wanted = form(&server, "/scenarios/run", "file=plain.journey.toml");
    assert_eq!((wanted.status, wanted.header("location")), (303, Some("/scenarios/runs/1")));
    server.await_stderr("the scenario is over");
    let played = page(&server, "/scenarios/runs/1");
    has(&played, "over, as expected");
    has(&played, "submit_step 2: Finished Step, Finished User Steps");
    has(&page(&server, "/journeys?reference=PLAIN-1&state=passed"), ">PLAIN-1</a>");
    let foreign = form(&server, "/scenarios/run", "file=qoreid-address.journey.toml");
    assert_eq!((foreign.status, foreign.header("location")), (303, Some("/scenarios")), "it plays another provider");
}

#[test]
fn a_refused_configuration_is_named_until_one_is_taken_over() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = manual(&webhook("demo", "/inbox/demo", "auth = { type = \"bearer\", token = \"plain-t0ken-here\" }"));
    let server = Server::start_with(dir.path(), &config, &["--log-level", "info"]);
    has(&page(&server, "/"), " All is well.");
    let file = dir.path().join("webhooks.toml");
    fs::write(&file, config.replace("bearer", "baerer")).expect("writable");
    server.await_stderr("nothing was taken over");
    let overview = page(&server, "/");
    has(&overview, "configuration refused");
    assert!(!overview.contains("plain-t0ken-here"), "{overview}");
    fs::write(&file, &config).expect("writable");
    server.await_stderr("the configuration was taken over");
    has(&page(&server, "/"), " All is well.");
}

#[test]
fn what_a_page_does_the_api_shows() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&webhook("demo", "/inbox/demo", "")));
    let id = start(&server, "KYC-1");
    let done = form(&server, &format!("/journeys/{id}/stimuli"), "do=submit_step&step=1");
    assert_eq!(done.status, 303, "{}", done.text());
    assert_eq!(server.get("/api/v1/journeys/ref:KYC-1").json()["steps"][0]["state"], "submitted");
    has(&page(&server, &format!("/journeys/{id}")), "submit_step 1");
}
