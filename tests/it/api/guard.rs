//! Who gets in: whoever shows the token where one is set, and otherwise local callers that are no web page.

use super::problem;
use crate::support::server::Server;
use crate::support::steps::{manual, start};

const TOKEN: &str = "correct-horse-battery";

/// One of each kind of path that the token guards.
const GUARDED: [&str; 9] = [
    "/api/v1/journeys",
    "/api/v1/events",
    "/api/v1/deliveries",
    "/api/v1/mails",
    "/api/v1/clock",
    "/api/v1/ledger",
    "/api/v1/inbox",
    "/metrics",
    "/api/v1/config",
];

#[test]
fn with_a_token_only_whoever_shows_it_gets_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&format!("[server]\ntoken = \"{TOKEN}\"\n")));
    let ask = |path: &str, value: &str| server.ask("GET", path, &[("Authorization", value)], b"").expect("answered");
    for path in GUARDED {
        let refused = problem(&server.get(path), 401, "unauthorized");
        assert!(!refused.to_string().contains(TOKEN));
        assert_eq!(ask(path, &format!("Bearer {TOKEN}")).status, 200, "{path}");
        for wrong in [format!("Bearer {TOKEN}x"), "Bearer".to_owned(), format!("Basic {TOKEN}"), TOKEN.to_owned()] {
            let refused = problem(&ask(path, &wrong), 401, "unauthorized");
            assert!(refused.to_string().contains("another token"), "{refused}");
        }
    }
    let post = server.ask("POST", "/api/v1/journeys", &[], br#"{"flow":"onboarding","reference_no":"A"}"#);
    problem(&post.expect("answered"), 401, "unauthorized");
    // A container's health check and a customer's events show no token.
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(server.ask("POST", "/inbox/x", &[], b"{}").expect("answered").status, 200);
    // With a token, a name is no matter.
    let named = [("Host", "understudy.example"), ("Authorization", "Bearer correct-horse-battery")];
    assert_eq!(request_with(&server, &named), 200);
}

#[test]
fn without_a_token_no_web_page_gets_in_and_no_rebound_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let own = format!("http://{}", server.address());
    for (headers, expected) in [
        (vec![("Origin", own.as_str())], 200),
        (vec![("Origin", "http://evil.example")], 403),
        (vec![("Origin", "null")], 403),
        (vec![("Host", "evil.example")], 403),
        (vec![("Host", "localhost")], 200),
    ] {
        assert_eq!(request_with(&server, &headers), expected, "{headers:?}");
    }
    start(&server, "LOCAL-1");
}

#[test]
fn beyond_loopback_a_server_does_not_start_without_a_token() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("webhooks.toml");
    std::fs::write(&file, manual("")).expect("writable");
    let file = file.to_str().expect("UTF-8");
    let ended = crate::support::program::run(dir.path(), &["--config", file, "serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("token"), "{}", ended.stderr);
    assert!(!dir.path().join(".understudy").exists(), "it did not get as far as the store");
}

/// The status of `GET /api/v1/ledger` with these headers, which may name another host.
fn request_with(server: &Server, headers: &[(&str, &str)]) -> u16 {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(server.address()).expect("a connection");
    let own = format!("{}", server.address());
    let host = headers.iter().find(|(name, _)| *name == "Host").map_or(own.as_str(), |(_, host)| host);
    let mut head = format!("GET /api/v1/ledger HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| *name != "Host") {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}
