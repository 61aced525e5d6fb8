//! `replay`: the stories of `examples/` hold, a run repeats to the byte, and the exit code says how it went.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::program::{Ended, Program, run, understudy};
use crate::support::server::DEADLINE;
use crate::support::sink::{Answer, Received, Sink};

/// The stories that the repository ships.
fn stories() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(directory).expect("the stories are there").map(|entry| entry.expect("readable").path());
    let mut stories: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().ends_with(".journey.toml")).collect();
    stories.sort();
    stories
}

fn story(name: &str) -> String {
    let path = stories().into_iter().find(|path| path.ends_with(format!("{name}.journey.toml")));
    path.expect("the story is there").to_str().expect("its path is UTF-8").to_owned()
}

/// Replays with these arguments in a fresh directory.
fn replay(arguments: &[&str]) -> Ended {
    let dir = tempfile::tempdir().expect("a directory");
    run(dir.path(), arguments)
}

#[test]
fn every_story_of_the_examples_ends_as_it_expects() {
    let stories = stories();
    assert!(stories.len() >= 8, "{stories:?}");
    let paths: Vec<&str> = stories.iter().map(|path| path.to_str().expect("UTF-8")).collect();

    let text = replay(&[&["replay"], paths.as_slice()].concat()).with_code(0);
    assert!(text.stdout.contains(&format!("{} scenarios, 0 failed", stories.len())), "{}", text.stdout);
    assert!(!text.stdout.contains("FAIL") && !text.stdout.contains('\u{1b}'), "{}", text.stdout);

    let report = replay(&[&["--output", "json", "replay"], paths.as_slice()].concat()).with_code(0).json();
    check_report(&report);
    let each = report["scenarios"].as_array().expect("one report each");
    assert_eq!(each.len(), stories.len());
    each.iter().for_each(check_report);
    let sum = |pointer: &str| each.iter().filter_map(|one| one.pointer(pointer)?.as_u64()).sum::<u64>();
    for pointer in ["/journeys", "/ledger/events", "/ledger/deliveries/accepted", "/ledger/attempts"] {
        assert_eq!(report.pointer(pointer).and_then(Value::as_u64), Some(sum(pointer)), "{pointer} is the sum");
    }
}

/// The keys and the arithmetic that every report has.
fn check_report(report: &Value) {
    let keys = ["command", "seed", "journeys", "ledger", "expectations", "latency", "lag", "late", "errors"];
    for key in keys {
        assert!(!report[key].is_null(), "the report has {key}: {report}");
    }
    assert_eq!((&report["exit_code"], &report["command"]), (&Value::from(0), &Value::from("replay")));
    assert_eq!(report["exit_reason"], "every expectation holds");
    let expectations = report["expectations"].as_array().expect("a list");
    assert!(!expectations.is_empty(), "{report}");
    for expectation in expectations {
        assert_eq!(expectation["verdict"], "pass", "{expectation}");
        assert!(expectation["name"].is_string() && expectation["detail"].is_string(), "{expectation}");
    }
    let counted = &report["ledger"]["deliveries"];
    let count = |key: &str| counted[key].as_u64().expect("a count");
    let ended: u64 = ["delivered", "exhausted", "cancelled"].into_iter().map(count).sum();
    assert_eq!((count("accepted"), count("waiting"), count("in_flight")), (ended, 0, 0), "D3: {counted}");
    for figures in ["latency", "lag", "late"] {
        assert!(report[figures]["p99"].is_number() && report[figures]["count"].is_number(), "{report}");
    }
}

/// What one run sent, in order, and what it told of itself: ids, types, instants.
fn played(file: &str, seed: Option<&str>) -> (Vec<Vec<u8>>, Vec<Value>) {
    let sink = Sink::statuses(&[200]);
    let url = sink.url("/hook");
    let mut arguments = vec!["--output", "ndjson", "replay", file, "--to", &url];
    arguments.extend(seed.iter().flat_map(|seed| ["--seed", seed]));
    let mut lines = replay(&arguments).with_code(0).json_lines();
    // The last line is the report; how long an answer took is the machine's business and not the seed's.
    lines.pop();
    for line in &mut lines {
        line.as_object_mut().expect("every line is an object").remove("took_ms");
    }
    // On a busy machine a line may be told after one of a later instant; what is promised is what happened when.
    lines.sort_by_key(|line| line["at"].as_str().map(str::to_owned));
    (sink.requests().into_iter().map(|request| request.body).collect(), lines)
}

#[test]
fn r1_the_same_file_and_seed_give_the_same_ids_order_and_bytes() {
    for name in ["aml-monitoring", "resubmission", "renewal-in-time"] {
        let file = story(name);
        let (bodies, lines) = played(&file, None);
        assert!(bodies.len() >= 9 && lines.len() > bodies.len(), "{name}: {} bodies", bodies.len());
        let again = played(&file, None);
        assert_eq!(again.0, bodies, "{name}: the bodies, in order");
        assert_eq!(again.1, lines, "{name}: the timeline");

        let (other, _) = played(&file, Some("99"));
        assert_eq!(other.len(), bodies.len(), "{name}");
        assert!(other.iter().all(|body| !bodies.contains(body)), "{name}: another seed gives other ids");
        assert_eq!(played(&file, Some("99")).0, other, "{name}: and repeats as well");
    }
}

#[test]
fn r1_a_broken_line_stops_the_run_before_the_first_event() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let broken = dir.path().join("broken.journey.toml");
    let text = fs::read_to_string(story("plain")).expect("readable").replacen("submit_step", "submit_stp", 1);
    let line = 1 + text.lines().position(|line| line.contains("submit_stp")).expect("the line is there");
    fs::write(&broken, text).expect("writable");
    let (url, broken) = (sink.url("/"), broken.to_str().expect("UTF-8"));
    // The good file comes first: it must not be played either.
    let refused = run(dir.path(), &["replay", &story("plain"), broken, "--to", &url]).with_code(2);
    assert_eq!(refused.stdout, "");
    assert!(refused.stderr.contains(&format!("broken.journey.toml:{line}:")), "{}", refused.stderr);
    assert!(refused.stderr.contains("submit_step"), "the nearest word is named: {}", refused.stderr);
    assert_eq!(sink.requests().len(), 0, "nothing was sent");

    let missing = run(dir.path(), &["replay", "nothing.journey.toml", "--to", &url]).with_code(2);
    assert!(missing.stderr.contains("nothing.journey.toml"), "{}", missing.stderr);
}

#[test]
fn a_failed_expectation_is_exit_1_and_the_worst_of_several_files_counts() {
    let sink = Sink::start(|request: &Received| {
        let refused = String::from_utf8_lossy(&request.body).contains("Finished Journey");
        Answer::Status(if refused { 503 } else { 200 })
    });
    let dir = tempfile::tempdir().expect("a directory");
    let url = sink.url("/");
    let report = dir.path().join("report.json");
    let target = format!("json={}", report.display());
    let (plain, dead) = (story("plain"), story("dead-endpoint"));
    let failed = run(dir.path(), &["replay", &plain, "--to", &url, "--report", &target]).with_code(1);
    assert!(failed.stdout.contains("FAIL status = 200"), "{}", failed.stdout);
    let report: Value = serde_json::from_slice(&fs::read(&report).expect("written")).expect("JSON");
    assert_eq!(report["exit_code"], 1);
    assert!(report["exit_reason"].as_str().expect("a text").contains("status = 200"), "{report}");
    assert_eq!(report["errors"], serde_json::json!({ "status": 4 }), "{report}");
    let verdict = |name: &str| {
        let expectations = report["expectations"].as_array().expect("a list");
        expectations.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name}: {report}")).clone()
    };
    assert_eq!(verdict("status = 200")["verdict"], "fail");
    assert!(verdict("status = 200")["detail"].as_str().expect("a text").contains("Finished Journey"), "{report}");
    assert_eq!(verdict("final = Complete")["verdict"], "pass");

    // That story expects an endpoint that is dead, and finds one that is well.
    let healthy = Sink::statuses(&[200]);
    let both = run(dir.path(), &["replay", &plain, &dead, "--to", &healthy.url("/")]).with_code(1);
    assert!(both.stdout.contains("2 scenarios, 1 failed"), "{}", both.stdout);

    let written = ["--report", "junit=r.xml", "--report", "md=r.md", "--report", "json=r.json"];
    let url = healthy.url("/");
    let both = [&["replay", &plain, &dead, "--to", &url][..], &written].concat();
    run(dir.path(), &both).with_code(1);
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect("a report");
    let report: Value = serde_json::from_str(&read("r.json")).expect("a report");
    let expected: Vec<_> = report["expectations"].as_array().expect("a list").iter().collect();
    let failed = expected.iter().filter(|judged| judged["verdict"] == "fail").count();
    let (junit, markdown) = (read("r.xml"), read("r.md"));
    // One more test for each scenario, the run itself, which fails with any of its own.
    assert_eq!(junit.matches("<testsuite ").count(), 2, "{junit}");
    assert_eq!(junit.matches("<testcase ").count(), expected.len() + 2, "{junit}");
    assert_eq!((junit.matches("<failure").count(), failed > 0), (failed + 1, true), "{junit}");
    assert_eq!(markdown.matches("| FAIL |").count(), failed, "{markdown}");
    assert_eq!(markdown.lines().filter(|line| line.starts_with("# ")).count(), 2, "{markdown}");
    let later = run(dir.path(), &["replay", &plain, "--report", "har=r.har"]).with_code(2);
    assert!(later.stderr.contains("json, junit and md"), "{}", later.stderr);
}

#[test]
fn where_nobody_listens_every_attempt_is_made_and_the_verdict_is_no() {
    // A port that was free a moment ago, and that nothing was told of.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let url = format!("http://127.0.0.1:{port}/");
    let report = replay(&["--output", "json", "replay", &story("plain"), "--to", &url]).with_code(1).json();
    assert_eq!(report["errors"], serde_json::json!({ "connect": 16 }), "{report}");
    assert_eq!(report["ledger"]["deliveries"]["exhausted"], 4, "{report}");
}

#[test]
fn a_scaled_clock_plays_the_same_story_in_its_own_time() {
    let sink = Sink::statuses(&[200]);
    let url = sink.url("/");
    let arguments =
        ["--output", "json", "replay", &story("plain"), "--clock", "scaled", "--rate", "100000", "--to", &url];
    let report = replay(&arguments).with_code(0).json();
    assert_eq!(report["ledger"]["deliveries"]["delivered"], 4, "{report}");
    assert_eq!(sink.requests().len(), 4);
    let without = replay(&["replay", &story("plain"), "--clock", "scaled"]).with_code(2);
    assert!(without.stderr.contains("--rate"), "{}", without.stderr);
}

#[test]
fn an_interrupted_replay_ends_with_130() {
    let sink = Sink::start(|_: &Received| Answer::Hang);
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = understudy(dir.path());
    command.args(["replay", &story("plain"), &story("plain"), "--to", &sink.url("/"), "--report", "json=report.json"]);
    let replaying = Program::start(command);
    assert!(sink.await_count(1, DEADLINE).is_ok(), "it is under way");
    replaying.signal("INT");
    let ended = replaying.end().with_code(130);
    assert!(ended.stderr.contains("interrupted before its end") && !ended.stderr.contains("ERROR"), "{}", ended.stderr);
    assert!(ended.stdout.contains("0 delivered"), "{}", ended.stdout);
    let saved = fs::read_to_string(dir.path().join("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&saved).expect("a report");
    assert_eq!((&report["exit_code"], &report["exit_reason"]), (&130.into(), &"interrupted before its end".into()));
    assert_eq!(report["ledger"]["deliveries"]["in_flight"], 1, "{report}");
    let expectations = report["expectations"].as_array().expect("a list");
    assert!(expectations.iter().all(|judged| judged["verdict"] == "unproven"), "{report}");
    assert!(report.get("scenarios").is_none(), "the second was not begun: {report}");
}

#[test]
fn a_replay_leaves_nothing_behind_where_it_was_run() {
    let dir = tempfile::tempdir().expect("a directory");
    run(dir.path(), &["replay", &story("plain")]).with_code(0);
    let left: Vec<_> = fs::read_dir(dir.path()).expect("readable").collect();
    assert!(left.is_empty(), "{left:?}");
}
