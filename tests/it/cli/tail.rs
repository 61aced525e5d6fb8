//! `tail`: a line for each thing that happens, over restarts of the server, and keys on a terminal.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::nobody;
use crate::support::program::{Program, run, understudy};
use crate::support::server::Server;
use crate::support::sink::Sink;
use crate::support::steps::{advance, items, manual, one_event, start, webhook};
use crate::support::terminal::on_a_terminal;

/// Starts it with these words, and waits until it follows.
fn following(dir: &Path, address: SocketAddr, words: &[&str]) -> Program {
    let mut command = understudy(dir);
    command.args(words).args(["--server", &format!("http://{address}")]);
    let program = Program::start(command);
    program.await_stderr(|line| line.contains("following http://").then_some(()));
    program
}

#[test]
fn events_go_out_and_attempts_come_back_a_line_each() {
    let sink = Sink::statuses(&[500, 200]);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&webhook("sink", &sink.url("/"), "retry = [\"5m\"]")));
    let tail = following(dir.path(), server.address(), &["tail", "--once", "3"]);
    let (_, event) = one_event(&server, "TAIL-1");
    advance(&server, "1h");
    let lines: Vec<String> = tail.end().with_code(0).stdout.lines().map(str::to_owned).collect();
    let id = event["id"].as_str().expect("an id");
    assert_eq!(lines[0], format!("09:00:00.000  ->  Finished Step  TAIL-1  {id}"));
    let cut = |line: &str| line.split("  ").filter(|word| !word.ends_with(" ms")).collect::<Vec<_>>().join("  ");
    assert_eq!(cut(&lines[1]), "09:00:00.000  <- 500  sink  Finished Step  again at 09:05:00.000  d1#1");
    assert_eq!(cut(&lines[2]), "09:05:00.000  <- 200  sink  Finished Step  delivered  d1#2");
    assert_eq!(lines.len(), 3);
}

#[test]
fn programs_get_what_the_stream_says_with_its_kind() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let journey = start(&server, "MINE-1");
    let words = ["--output", "ndjson", "tail", "--kind", "journey,event", "--journey", "ref:MINE-1", "--once", "2"];
    let tail = following(dir.path(), server.address(), &words);
    one_event(&server, "OTHER-1");
    let step = serde_json::json!({ "do": "submit_step", "step": "1" });
    server.post(&format!("/api/v1/journeys/{journey}/stimuli"), &step);
    let lines = tail.end().with_code(0).json_lines();
    assert_eq!((&lines[0]["kind"], &lines[0]["id"]), (&"journey".into(), &journey.as_str().into()));
    assert_eq!((&lines[1]["kind"], &lines[1]["journey_id"]), (&"event".into(), &journey.as_str().into()));
    assert_eq!(lines[1]["payload"]["event"], "Finished Step");
}

#[test]
fn a_server_that_goes_away_is_waited_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let address = server.address();
    let tail = following(dir.path(), address, &["tail"]);
    one_event(&server, "BEFORE-1");
    tail.await_stdout(|line| line.contains("BEFORE-1").then_some(()));
    server.kill();
    tail.await_stderr(|line| line.contains("the server went away").then_some(()));
    let mut again = understudy(dir.path());
    again.args(["--config", "webhooks.toml", "--data-dir", "data", "serve", "--listen", &address.to_string()]);
    let server = Server::ready(again).unwrap_or_else(|report| panic!("{report}"));
    tail.await_stderr(|line| line.contains("the server is back").then_some(()));
    one_event(&server, "AFTER-1");
    tail.await_stdout(|line| line.contains("AFTER-1").then_some(()));
    tail.signal("INT");
    tail.end().with_code(130);
}

#[test]
fn what_cannot_be_followed_is_said_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let url = format!("http://{}", server.address());
    let refused = run(dir.path(), &["tail", "--journey", "ref:NOBODY", "--server", &url]).with_code(1);
    assert!(refused.stderr.contains("NOBODY"), "{}", refused.stderr);
    run(dir.path(), &["tail", "--kind", "attempts", "--server", &url]).with_code(2);
    let away = run(dir.path(), &["tail", "--server", &format!("http://{}", nobody())]).with_code(3);
    assert!(away.stderr.contains("understudy serve"), "{}", away.stderr);
    let tail = following(dir.path(), server.address(), &["tail"]);
    tail.signal("TERM");
    tail.end().with_code(143);
}

#[test]
fn on_a_terminal_a_key_sends_again_and_another_leaves() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let config = format!("[clock]\nmode = \"real\"\n{}", webhook("sink", &sink.url("/"), ""));
    let server = Server::start(
        dir.path(),
        &manual(&config).replacen("[clock]\nmode = \"manual\"\nstart = 2026-01-05T09:00:00Z", "", 1),
    );
    // Once its attempt is there it is sent again; what is filtered does not show; then it is left.
    let steps = "d1#1=>r||is sent again as d2=>/nobody\r||[/nobody]=>q";
    let url = format!("http://{}", server.address());
    let Some(command) = on_a_terminal(dir.path(), steps, &["tail", "--server", &url]) else { return };
    let terminal = Program::start(command);
    terminal.await_stdout(|line| line.contains("following http://").then_some(()));
    one_event(&server, "KEYS-1");
    let ended = terminal.end().with_code(0);
    assert!(ended.stdout.contains("\u{1b}["), "colours and a foot");
    assert!(ended.stdout.contains("KEYS-1"), "{}", ended.stdout);
    let deliveries = items(&server, "/api/v1/deliveries");
    let again: Vec<&Value> = deliveries.iter().filter(|delivery| delivery["resend_of"] == "d1").collect();
    assert_eq!(again.len(), 1, "{deliveries:?}");
    assert!(ended.stdout.ends_with("\u{1b}[?25h"), "the terminal is given back: {:?}", ended.stdout);
}
