//! The commands that look at a running server and act on it.

use std::path::Path;

use serde_json::{Value, json};

use super::nobody;
use crate::support::program::{Ended, Program, run, understudy};
use crate::support::server::Server;
use crate::support::sink::Sink;
use crate::support::steps::{START, manual, ok, one_event, webhook};
use crate::support::terminal::on_a_terminal;

/// A running server and a place to call it from.
struct Desk {
    server: Server,
    url: String,
    sink: Sink,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new(statuses: &[u16]) -> Desk {
        let sink = Sink::statuses(statuses);
        let dir = tempfile::tempdir().expect("a directory");
        let hook = webhook("sink", &sink.url("/"), "error_emails = [\"ops@example.com\"]");
        let server = Server::start(dir.path(), &manual(&hook));
        let url = format!("http://{}", server.address());
        Desk { server, url, sink, dir }
    }

    /// Runs a command with `--output json` and gives what it wrote, which must be one JSON value.
    #[track_caller]
    fn json(&self, words: &[&str]) -> Value {
        self.run(&[&["--output", "json"], words].concat()).with_code(0).json()
    }

    fn run(&self, words: &[&str]) -> Ended {
        run(self.dir.path(), &[words, &["--server", &self.url]].concat())
    }
}

#[test]
fn journeys_are_started_stepped_shown_and_listed() {
    let desk = Desk::new(&[200]);
    let started = desk.json(&["journeys", "start", "onboarding", "KYC-1"]);
    assert_eq!((&started["reference_no"], &started["state"]), (&"KYC-1".into(), &"open".into()));
    let done = desk.json(&["journeys", "do", "ref:KYC-1", "submit_step", "step=1"]);
    assert_eq!(done["events"][0]["type"], "Finished Step");
    assert_eq!(desk.json(&["journeys", "show", "ref:KYC-1"]), done["journey"]);
    desk.json(&["journeys", "start", "onboarding", "KYC-2", "--environment", "live", "--key", "k"]);
    desk.json(&["journeys", "start", "onboarding", "KYC-2", "--environment", "live", "--key", "k"]);
    let listed = desk.json(&["journeys", "list"]);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "the key started one: {listed}");
    assert_eq!(listed["items"][0]["environment"], "live");
    let first = desk.json(&["journeys", "list", "--limit", "1"]);
    let next = first["next"].as_str().expect("there is more");
    assert_eq!(desk.json(&["journeys", "list", "--cursor", next])["items"][0]["reference_no"], "KYC-1");

    let lines = desk.run(&["--output", "ndjson", "journeys", "list"]).with_code(0).json_lines();
    assert_eq!(lines.len(), 2, "an item a line");
    let text = desk.run(&["journeys", "list"]).with_code(0).stdout;
    assert!(text.starts_with("ID") && text.contains("KYC-1") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn what_a_server_refuses_is_a_no_with_what_is_legal() {
    let desk = Desk::new(&[200]);
    desk.json(&["journeys", "start", "onboarding", "NO-1"]);
    let refused = desk.run(&["journeys", "do", "ref:NO-1", "review", "decision=Approved"]).with_code(1);
    assert_eq!(refused.stdout, "", "talk goes to stderr");
    assert!(refused.stderr.contains("submit_step"), "what is legal is said: {}", refused.stderr);
    let json = desk.run(&["--output", "json", "journeys", "show", "ref:NOBODY"]).with_code(1).json();
    assert_eq!((&json["exit_code"], &json["exit_reason"]), (&1.into(), &"no".into()));
    assert!(json["error"]["message"].as_str().expect("a text").contains("NOBODY"), "{json}");
    let unknown = desk.run(&["journeys", "do", "ref:NO-1", "submit_stp", "step=1"]).with_code(2);
    assert!(unknown.stderr.contains("submit_step"), "{}", unknown.stderr);
    desk.run(&["journeys", "start", "onboardin", "NO-2"]).with_code(2);
    desk.run(&["journeys", "do", "ref:NO-1", "submit_step", "step"]).with_code(2);
    desk.run(&["deliveries", "show", "17"]).with_code(2);
}

#[test]
fn the_clock_is_shown_and_moved() {
    let desk = Desk::new(&[200]);
    assert_eq!(desk.json(&["clock"])["now"], START);
    assert_eq!(desk.json(&["clock", "advance", "31d"])["now"], "2026-02-05T09:00:00.000Z");
    assert_eq!(desk.json(&["clock", "set", "2027-01-01T00:00:00Z"])["now"], "2027-01-01T00:00:00.000Z");
    assert_eq!(desk.json(&["clock", "rate", "60"])["mode"], "scaled");
    assert_eq!(desk.json(&["clock", "mode", "manual"])["mode"], "manual");
    desk.run(&["clock", "set", "2026-01-01T00:00:00Z"]).with_code(1);
    desk.run(&["clock", "advance", "soon"]).with_code(2);
    let text = desk.run(&["clock", "show"]).with_code(0).stdout;
    assert!(text.contains("manual"), "{text}");
}

#[test]
fn deliveries_and_mails_are_listed_shown_resent_and_called_off() {
    let desk = Desk::new(&[500, 500, 500, 500, 200]);
    let (_, event) = one_event(&desk.server, "LOST-1");
    desk.json(&["clock", "advance", "1d"]);
    let listed = desk.json(&["deliveries", "list", "--state", "exhausted", "--webhook", "sink"]);
    let id = listed["items"][0]["id"].as_str().expect("one was lost").to_owned();
    let shown = desk.json(&["deliveries", "show", &id]);
    assert_eq!((shown["tries"].as_array().map(Vec::len), &shown["event_id"]), (Some(4), &event["id"]));
    let text = desk.run(&["deliveries", "show", &id]).with_code(0).stdout;
    assert!(text.contains("attempt 4") && text.contains(event["body"].as_str().expect("bytes")), "{text}");

    let mails = desk.json(&["mails", "list"]);
    let mail = mails["items"][0]["id"].as_str().expect("one mail").to_owned();
    let text = desk.run(&["mails", "show", &mail]).with_code(0).stdout;
    assert!(text.contains("LOST-1") && text.contains(&format!("understudy deliveries resend {id}")), "{text}");

    let dry = desk.json(&["deliveries", "resend", "--state", "exhausted", "--dry-run"]);
    assert_eq!((&dry["matched"], &dry["resent"]), (&json!([id]), &json!([])));
    // The line that the mail gives is the line that works.
    let again = desk.json(&["deliveries", "resend", &id]);
    assert_eq!(again["resend_of"], id.as_str());
    desk.json(&["clock", "advance", "1s"]);
    assert_eq!(desk.json(&["deliveries", "show", again["id"].as_str().expect("an id")])["state"], "delivered");
    assert_eq!(desk.sink.requests().len(), 5);
    desk.run(&["deliveries", "cancel", &id]).with_code(1);
    desk.run(&["deliveries", "resend"]).with_code(2);
}

#[test]
fn without_a_server_nothing_can_be_run_and_the_way_out_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = format!("http://{}", nobody());
    for words in [&["journeys", "list"][..], &["deliveries", "list"], &["mails", "list"], &["clock"], &["healthcheck"]]
    {
        let ended = run(dir.path(), &[words, &["--server", &url]].concat()).with_code(3);
        assert_eq!(ended.stdout, "", "{words:?}");
        assert!(
            ended.stderr.contains(&url) && ended.stderr.contains("understudy serve"),
            "{words:?}: {}",
            ended.stderr
        );
        let json = run(dir.path(), &[&["--output", "json"], words, &["--server", &url]].concat()).with_code(3).json();
        assert_eq!((&json["exit_code"], &json["exit_reason"]), (&3.into(), &"could_not_run".into()), "{words:?}");
    }
}

#[test]
fn the_server_and_its_token_are_found_in_the_configuration_or_the_environment() {
    let dir = tempfile::tempdir().expect("a directory");
    let token = "correct-horse-battery";
    let port = nobody().port();
    let server_address = format!("127.0.0.1:{port}");
    let server = format!("[server]\nlisten = \"{server_address}\"\ntoken = \"env:DESK_TOKEN\"\n");
    let config = format!("{}{server}", manual(""));
    std::fs::write(dir.path().join("webhooks.toml"), config).expect("writable");
    let with = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = understudy(dir.path());
        command.args(words).envs(variables.iter().copied());
        Program::start(command)
    };
    let serving = with(&["serve"], &[("DESK_TOKEN", token)]);
    serving.await_stdout(|line| line.starts_with("listening on").then_some(()));
    let url = format!("http://{server_address}");
    for (words, variables, code) in [
        (&["healthcheck"][..], &[("DESK_TOKEN", token)][..], 0),
        (&["clock"], &[("DESK_TOKEN", token)], 0),
        (&["clock", "--server", &url], &[("UNDERSTUDY_TOKEN", token)], 0),
        (&["clock"], &[("UNDERSTUDY_SERVER", &url), ("UNDERSTUDY_TOKEN", token)], 0),
        (&["clock", "--server", &url, "--token", token], &[], 0),
        (&["clock", "--server", &url, "--token", "wrong-horse"], &[], 3),
    ] {
        let ended = with(words, variables).end();
        assert_eq!(ended.code, code, "{words:?}: {ended:?}");
        assert!(!format!("{ended:?}").contains(token) && !format!("{ended:?}").contains("wrong-horse"), "{ended:?}");
    }
    // Where `serve` is told by a variable, so is whoever looks for it, whatever the file says.
    let elsewhere = tempfile::tempdir().expect("a directory");
    std::fs::write(elsewhere.path().join("webhooks.toml"), "[server]\nlisten = \"127.0.0.1:1\"\n").expect("writable");
    for words in [&["clock"][..], &["config", "show"]] {
        let mut command = understudy(elsewhere.path());
        command.args(words).envs([("UNDERSTUDY_LISTEN", &*server_address), ("UNDERSTUDY_TOKEN", token)]);
        let ended = Program::start(command).end().with_code(0);
        let shows = ended.stdout.contains(&format!("listen = \"{server_address}\""));
        assert_eq!(shows, words[0] == "config", "{ended:?}");
    }
    serving.signal("TERM");
    serving.end().with_code(0);
}

#[test]
fn a_healthcheck_says_whether_a_server_is_ready() {
    let desk = Desk::new(&[200]);
    assert_eq!(desk.run(&["healthcheck"]).with_code(0).stdout, "ready");
    assert_eq!(ok(&desk.server, "/readyz")["status"], "ready");
    let elsewhere = Path::new("/");
    assert_eq!(run(elsewhere, &["healthcheck", "--server", &desk.url]).code, 0, "it needs no configuration");
}

#[test]
fn webhooks_are_made_tested_changed_paused_and_dropped() {
    let desk = Desk::new(&[200]);
    let text = desk.run(&["webhooks", "list"]).with_code(0).stdout;
    assert!(text.starts_with("NAME") && text.contains("sink  running  "), "{text}");
    let mine = Sink::statuses(&[500, 200, 200, 500, 200]);
    let url = mine.url("/kyc");
    let mut add = understudy(desk.dir.path());
    let words = ["webhooks", "add", "mine", &url, "--type", "Finished Step", "--auth", "basic:me:env:MY_PASSWORD"];
    add.args(words).args(["--header", "X-Key: key-of-mine", "--server", &desk.url]).env("MY_PASSWORD", "s3cret-word");
    let refused = Program::start(add).end().with_code(1);
    assert!(refused.stderr.contains("the test failed") && refused.stderr.contains("500"), "{}", refused.stderr);
    let mut add = understudy(desk.dir.path());
    add.args(["--output", "json"]).args(words).args(["--header", "X-Key: key-of-mine", "--server", &desk.url]);
    let made = Program::start({
        add.env("MY_PASSWORD", "s3cret-word");
        add
    });
    let made = made.end().with_code(0);
    assert!(!made.stdout.contains("s3cret-word") && !made.stdout.contains("key-of-mine"), "{}", made.stdout);
    assert_eq!(made.json()["auth"], json!({ "type": "basic", "username": "me", "password": "***" }));
    let authorization = mine.requests()[0].header("authorization").expect("credentials").to_owned();
    assert_eq!(authorization, "Basic bWU6czNjcmV0LXdvcmQ=", "the variable was taken from the command's environment");
    let text = desk.run(&["webhooks", "test", "mine"]).with_code(0).stdout;
    assert!(text.starts_with("mine  passed  answered 200, "), "{text}");
    desk.run(&["webhooks", "test", "mine"]).with_code(1);
    let changed = desk.json(&["webhooks", "change", "mine", "--timeout", "3s", "--retry", "10s,1m"]);
    assert_eq!((&changed["timeout"], &changed["retry"]), (&"3s".into(), &json!(["10s", "1m"])));
    let changed = desk.json(&["webhooks", "change", "mine", "--unset", "timeout,retry", "--skip-test"]);
    assert_eq!((&changed["timeout"], &changed["retry"]), (&"10s".into(), &json!(["5m", "10m", "15m"])));
    desk.run(&["webhooks", "change", "mine"]).with_code(2);
    let wrong = desk.run(&["webhooks", "change", "mine", "--timeout", "soon", "--order", "some"]).with_code(2);
    assert!(wrong.stderr.contains("timeout") && wrong.stderr.contains("order"), "all at once: {}", wrong.stderr);
    assert_eq!(desk.json(&["webhooks", "pause", "mine"])["paused"], true);
    one_event(&desk.server, "HELD-1");
    let text = desk.run(&["webhooks", "show", "mine"]).with_code(0).stdout;
    assert!(text.contains("state        paused") && text.contains("1 waiting"), "{text}");
    let dropped = desk.run(&["webhooks", "delete", "mine"]).with_code(0).stdout;
    assert_eq!(dropped, "mine is dropped; deliveries called off: 1");
    desk.run(&["webhooks", "show", "mine"]).with_code(1);
    let files = desk.run(&["webhooks", "delete", "sink"]).with_code(1);
    assert!(files.stderr.contains("the configuration's"), "{}", files.stderr);
    assert_eq!(desk.json(&["webhooks", "resume", "sink"])["paused"], false);
    let gone = nobody();
    let url = format!("http://{gone}/");
    let refused = desk.run(&["webhooks", "add", "gone", &url]).with_code(1);
    assert!(refused.stderr.contains("\nhelp: ") && refused.stderr.contains("--skip-test"), "{}", refused.stderr);
    desk.json(&["webhooks", "add", "gone", &url, "--skip-test"]);
    desk.run(&["webhooks", "test", "gone"]).with_code(3);
}

#[test]
fn every_result_can_be_had_as_a_line_of_json_each() {
    let desk = Desk::new(&[500, 500, 500, 500, 200]);
    one_event(&desk.server, "LINES-1");
    desk.json(&["clock", "advance", "1d"]);
    std::fs::write(desk.dir.path().join("other.toml"), manual(&webhook("hook", &desk.sink.url("/"), "")))
        .expect("written");
    let target = desk.sink.url("/");
    let (hook, story) =
        (["--config", "other.toml"], concat!(env!("CARGO_MANIFEST_DIR"), "/examples/plain.journey.toml"));
    for (words, lines) in [
        (&["journeys", "list"][..], 1),
        (&["journeys", "show", "ref:LINES-1"], 1),
        (&["journeys", "start", "onboarding", "LINES-2"], 1),
        (&["journeys", "do", "ref:LINES-2", "submit_step", "step=1"], 1),
        (&["deliveries", "list", "--state", "exhausted"], 1),
        (&["deliveries", "show", "d1"], 1),
        (&["deliveries", "resend", "d1"], 1),
        (&["deliveries", "resend", "--state", "exhausted", "--dry-run"], 1),
        (&["deliveries", "resend", "--state", "exhausted"], 1),
        (&["mails", "list"], 1),
        (&["mails", "show", "m1"], 1),
        (&["webhooks", "list"], 1),
        (&["webhooks", "show", "sink"], 1),
        (&["webhooks", "test", "sink"], 1),
        (&["webhooks", "pause", "sink"], 1),
        (&["webhooks", "resume", "sink"], 1),
        (&["clock"], 1),
        (&["healthcheck"], 1),
    ] {
        let ended = desk.run(&[&["--output", "ndjson"], words].concat()).with_code(0);
        assert_eq!(ended.json_lines().len(), lines, "{words:?}: {}", ended.stdout);
    }
    for (words, lines) in [
        (&["explain", "hook"][..], 1..=1),
        (&["explain", "Finished Journey"], 1..=1),
        (&["config", "check"], 1..=1),
        (&["config", "show"], 1..=1),
        (&["config", "schema"], 1..=1),
        (&["scenario", "check", story, story], 2..=2),
        (&["scenario", "schema"], 1..=1),
        (&["send", "Finished Journey", "--to", "hook"], 1..=1),
        (&["send", "Finished Journey", "--to", "hook", "--print-curl"], 1..=1),
        (&["replay", story, "--to", &target], 3..=100),
        (&["load", "--journeys", "3", "--rate", "100", "--to", &target], 1..=1),
        (&["report", "--schema"], 1..=1),
    ] {
        let ended = run(desk.dir.path(), &[&["--output", "ndjson"], &hook[..], words].concat());
        // A machine that is busy with other tests may be too late for a verdict on load.
        assert!(ended.code == 0 || (words[0] == "load" && ended.code == 4), "{words:?}: {ended:?}");
        assert!(lines.contains(&ended.json_lines().len()), "{words:?}: {}", ended.stdout);
    }
    let mut serve = understudy(desk.dir.path());
    serve.args([
        "--output",
        "ndjson",
        "--config",
        "other.toml",
        "--data-dir",
        "more",
        "serve",
        "--listen",
        "127.0.0.1:0",
    ]);
    let serve = Program::start(serve);
    let said: Value = serve.await_stdout(|line| serde_json::from_str(line).ok());
    assert!(said["listening"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{said}");
}

#[test]
fn a_bar_shows_how_far_many_resends_are_and_only_on_a_terminal() {
    let desk = Desk::new(&[200]);
    one_event(&desk.server, "MANY-1");
    for _ in 0..7 {
        desk.json(&["clock", "advance", "1s"]);
        desk.json(&["deliveries", "resend", "--state", "delivered"]);
    }
    desk.json(&["clock", "advance", "1s"]);
    let words = ["deliveries", "resend", "--state", "delivered", "--server", &desk.url];
    let Some(command) = on_a_terminal(desk.dir.path(), "", &words) else { return };
    let shown = Program::start(command).end().with_code(0).stdout;
    assert!(shown.contains("/128 deliveries") && shown.contains("128 sent again: d129 "), "{shown}");
    desk.json(&["clock", "advance", "1s"]);
    let piped = desk.run(&["deliveries", "resend", "--state", "delivered"]).with_code(0);
    assert_eq!(piped.stderr, "", "a bar is for people");
}
