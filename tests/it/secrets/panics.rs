//! A panic whose text holds every secret, in a process that serves: what it says of it.
//!
//! The process is this test program, run again: it serves through the library's own `main`, so that the hook is the real
//! one and knows what the server knows, and panics when it is told to.

use std::io::{BufRead as _, Write as _};
use std::process::{Command, Stdio};

use super::canaries::{Canaries, forms};
use crate::support::http::request;
use crate::support::server::DEADLINE;
use crate::support::steps::{manual, webhook};
use crate::support::transcript::Transcript;

/// What tells this program that it is to be the server: the words of its command line, a line each.
const WORDS: &str = "SECRETS_PANICS_WORDS";

/// The secret of a webhook that is made while the server runs.
const MADE: &str = "made-while/it+runs_7";

/// In the configuration from the start.
const CONFIGURED: &str = "configured_se/cr+et.8";

#[test]
fn x1_a_panic_does_not_say_a_secret_that_stands_in_its_text() {
    if let Ok(words) = std::env::var(WORDS) {
        return serve_and_panic(&words);
    }
    for format in ["text", "json"] {
        check(format);
    }
}

fn check(format: &str) {
    let canaries = Canaries::new([("MADE", MADE), ("CONFIGURED", CONFIGURED)]);
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("webhooks.toml");
    let auth = format!("auth = {{ type = \"bearer\", token = \"{CONFIGURED}\" }}");
    std::fs::write(&file, manual(&webhook("one", "/inbox/one", &auth))).expect("writable");
    let data = dir.path().join("data");
    let (file, data) = (file.to_str().expect("UTF-8"), data.to_str().expect("UTF-8"));
    let words = ["understudy", "--config", file, "--data-dir", data, "--log-level", "trace", "--log-format", format];
    let words = [&words[..], &["serve", "--listen", "127.0.0.1:0"]].concat().join("\n");
    let this = std::env::current_exe().expect("a running program has a path");
    let mut command = Command::new(this);
    command.args([
        "--exact",
        "secrets::panics::x1_a_panic_does_not_say_a_secret_that_stands_in_its_text",
        "--nocapture",
    ]);
    command.env(WORDS, words).env("RUST_BACKTRACE", "0");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let stdout = Transcript::of(child.stdout.take().expect("piped"));
    let stderr = Transcript::of(child.stderr.take().expect("piped"));
    let address = stdout
        .await_line(DEADLINE, |line| line.trim().strip_prefix("listening on http://")?.parse().ok())
        .unwrap_or_else(|| panic!("{}\n{}", stdout.text(), stderr.text()));
    let made = serde_json::json!({
        "name": "made", "url": "/inbox/made", "skip_test": true, "auth": { "type": "bearer", "token": MADE },
    });
    let json = [("Content-Type", "application/json")];
    let answer = request(address, "POST", "/api/v1/webhooks", &json, made.to_string().as_bytes()).expect("answered");
    assert_eq!(answer.status, 201, "{}", answer.text());

    child.stdin.take().expect("piped").write_all(b"now\n").expect("it listens");
    let told = stderr.await_line(DEADLINE, |line| line.contains("the last of them").then_some(()));
    let ended = stdout.ends_within(DEADLINE);
    // Whatever is wrong with it, it does not outlive this test.
    let _ended = child.kill();
    let _waited = child.wait();
    assert!(told.is_some() && ended, "{}\n{}", stdout.text(), stderr.text());
    let log = stderr.text();
    canaries.check("stdout", stdout.text().as_bytes());
    canaries.check("stderr", log.as_bytes());
    let panics = log.lines().filter(|line| line.contains("panicked: this is a bug"));
    assert_eq!(panics.count(), 1 + forms(MADE).len() + forms(CONFIGURED).len(), "each is told: {log}");
    assert!(log.contains("cannot send ***") && log.contains("panics.rs:"), "with its text and place: {log}");
}

/// Serves until a line comes from stdin, then panics once for each form of each secret, each in a thread of its own.
fn serve_and_panic(words: &str) {
    let words: Vec<std::ffi::OsString> = words.lines().map(Into::into).collect();
    std::thread::spawn(move || understudy::commands::main(words));
    std::io::stdin().lock().read_line(&mut String::new()).expect("the test says when");
    for secret in [MADE, CONFIGURED] {
        for form in forms(secret) {
            let panicked = std::thread::spawn(move || panic!("cannot send {form}")).join();
            assert!(panicked.is_err());
        }
    }
    assert!(std::thread::spawn(|| panic!("the last of them")).join().is_err());
}
