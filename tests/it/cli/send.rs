//! `send`: one event now.

use std::process::Command;

use serde_json::Value;

use super::nobody;
use crate::support::program::{Program, run, understudy};
use crate::support::sink::Sink;
use crate::support::steps::TYPES;
use crate::support::tools::which;

fn body(sink: &Sink) -> Value {
    serde_json::from_slice(&sink.requests().pop().expect("one request").body).expect("JSON")
}

#[test]
fn every_event_type_can_be_sent_and_reaches_a_url() {
    let dir = tempfile::tempdir().expect("a directory");
    let sink = Sink::statuses(&[200]);
    for kind in TYPES {
        let sent = run(dir.path(), &["--output", "json", "send", kind, "--to", &sink.url("/hook")]).with_code(0).json();
        assert_eq!((&sent["status"], &sent["event_type"]), (&200.into(), &kind.into()), "{sent}");
        let body = body(&sink);
        assert_eq!((&body["event"], &body["body"]["referenceNo"]), (&kind.into(), &"test".into()));
        assert_eq!(body["body"]["eventId"], sent["event_id"]);
    }
    let mut ids: Vec<Value> = sink
        .requests()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).expect("JSON")["body"]["eventId"].clone())
        .collect();
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!(ids.len(), TYPES.len(), "each with an id of its own");
}

#[test]
fn members_are_changed_and_files_are_sent_as_they_are() {
    let dir = tempfile::tempdir().expect("a directory");
    let sink = Sink::statuses(&[200]);
    let url = sink.url("/");
    let set = ["--set", "body.referenceNo=A-1", "--set", "body.systemDecision=Refer", "--set", "body.extra=7"];
    let sent = run(dir.path(), &[&["send", "finished journey", "--to", &url], &set[..]].concat()).with_code(0);
    let changed = body(&sink);
    assert_eq!((&changed["body"]["referenceNo"], &changed["body"]["systemDecision"]), (&"A-1".into(), &"Refer".into()));
    assert_eq!(changed["body"]["extra"], 7);
    assert!(sent.stderr.contains("body.extra"), "{}", sent.stderr);

    let odd = b"{ \"event\" :\t\"Finished Journey\",\r\n\"body\":{}} \xf0\x9f\x8e\xad";
    std::fs::write(dir.path().join("odd.json"), odd).expect("writable");
    run(dir.path(), &["send", "--to", &url, "--body", "odd.json"]).with_code(0);
    assert_eq!(sink.requests()[1].body, odd, "to the byte");
}

#[test]
fn the_exit_code_says_what_the_receiver_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let send = |words: &[&str]| run(dir.path(), &[&["send"], words].concat());
    let refusing = Sink::statuses(&[503]);
    let refused = send(&["Finished Journey", "--to", &refusing.url("/")]).with_code(1);
    assert!(refused.stderr.contains("503"), "{}", refused.stderr);
    assert_eq!(refusing.requests().len(), 1, "once, whatever comes");
    send(&["Finished Journey", "--to", &format!("http://{}/", nobody())]).with_code(3);
    let unknown = send(&["Finished Jorney", "--to", &refusing.url("/")]).with_code(2);
    assert!(unknown.stderr.contains("Finished Journey"), "the nearest is named: {}", unknown.stderr);
    let nameless = send(&["Finished Journey", "--to", "dem"]).with_code(2);
    assert!(nameless.stderr.contains("demo"), "the built-in configuration has one: {}", nameless.stderr);
    send(&["Finished Journey"]).with_code(2);
    send(&["--to", &refusing.url("/")]).with_code(2);
    assert_eq!(refusing.requests().len(), 1, "bad usage sends nothing");
}

#[test]
fn a_configured_webhook_is_sent_to_with_its_credentials_and_headers() {
    let dir = tempfile::tempdir().expect("a directory");
    let sink = Sink::statuses(&[204]);
    let config = format!(
        "[[webhook]]\nname = \"mine\"\ntypes = [\"*\"]\nurl = \"{}\"\nsuccess = \"2xx\"\nauth = {{ type = \"bearer\", token = \
         \"env:MINE_TOKEN\" }}\nheaders = {{ \"X-Env\" = \"staging\" }}\n",
        sink.url("/mine")
    );
    std::fs::write(dir.path().join("webhooks.toml"), config).expect("writable");
    let send = |words: &[&str]| {
        let mut command = understudy(dir.path());
        command.args(["send", "AML Monitor Update", "--to", "mine"]).args(words).env("MINE_TOKEN", "s3cret-token");
        Program::start(command).end()
    };
    let sent = send(&[]).with_code(0);
    let seen = sink.requests().pop().expect("one");
    assert_eq!((seen.path.as_str(), seen.header("x-env")), ("/mine", Some("staging")));
    assert_eq!(seen.header("authorization"), Some("Bearer s3cret-token"));
    assert!(!format!("{sent:?}").contains("s3cret-token"), "{sent:?}");
}

#[test]
fn the_printed_curl_command_sends_the_same() {
    let Some(_curl) = which("curl") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let sink = Sink::statuses(&[200]);
    let words =
        ["send", "Finished Journey", "--to", &sink.url("/it's"), "--set", "body.referenceNo=a'b", "--print-curl"];
    let printed = run(dir.path(), &words).with_code(0).stdout;
    assert!(sink.requests().is_empty(), "it is only printed");
    let ran = Command::new("sh").args(["-c", &printed]).output().expect("a shell");
    assert!(ran.status.success(), "{printed}: {ran:?}");
    let seen = sink.requests().pop().expect("one");
    assert_eq!((seen.method.as_str(), seen.header("content-type")), ("POST", Some("application/json")));
    assert_eq!(body(&sink)["body"]["referenceNo"], "a'b");
}
