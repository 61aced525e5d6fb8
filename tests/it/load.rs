//! `load`, black-box: a population in the open model at a scripted receiver, its figures, reports and exit codes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use understudy::clock::Stopwatch;
use understudy::report::LoadReport;

use crate::support::program::{Ended, Program, run, understudy};
use crate::support::server::DEADLINE;
use crate::support::sink::{Answer, Sink};

const FLOW: &str = "seed = 7\n[[flow]]\nid = \"onboarding\"\nsteps = [{ id = \"1\", type = \"Document\" }]\n\
    processing = \"10ms\"\ndecision = \"Complete\"\n";

fn configured(dir: &Path, more: &str) {
    std::fs::write(dir.join("webhooks.toml"), format!("{FLOW}{more}")).expect("a file");
}

fn load(dir: &Path, arguments: &str) -> Ended {
    let mut words = vec!["--output", "json", "load"];
    words.extend(arguments.split_whitespace());
    run(dir, &words)
}

/// A run whose figures are good, or whose machine was too busy with other tests to say so: that is an honest answer too.
#[track_caller]
fn held(ended: Ended) -> Ended {
    judged(ended, 0)
}

/// A run that ends with `code`, but for what a busy machine may say of itself.
#[track_caller]
fn judged(ended: Ended, code: i32) -> Ended {
    assert!(ended.code == code || was_busy(&ended), "{}: {} {}", ended.code, ended.stdout, ended.stderr);
    ended
}

fn was_busy(ended: &Ended) -> bool {
    ended.code == 4 && ended.stdout.contains("itself late")
}

fn report(ended: &Ended) -> LoadReport {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", ended.stdout, ended.stderr))
}

/// D3, and that what the receiver saw is what was told: attempts that ended, and maybe those that were under way when `load`
/// was done waiting.
#[track_caller]
fn adds_up(report: &LoadReport, sink: &Sink) {
    let (d, attempts) = (&report.ledger.deliveries, report.ledger.attempts);
    assert_eq!(d.accepted, d.waiting + d.in_flight + d.delivered + d.exhausted + d.cancelled);
    let seen = sink.requests().len() as u64;
    assert!((attempts..=attempts + d.in_flight).contains(&seen), "{seen} requests, {attempts} attempts: {d:?}");
}

#[test]
fn a_population_arrives_as_planned_and_every_event_is_delivered_once() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    configured(dir.path(), &format!("[[webhook]]\nname = \"sink\"\nurl = \"{}\"\n", sink.url("/hook")));
    let ended = held(load(dir.path(), "--journeys 100 --rate 100"));
    let report = report(&ended);
    assert_eq!((report.journeys, report.ledger.events), (100, 300), "a step, all steps, the end");
    assert_eq!(report.ledger.deliveries.delivered, 300);
    adds_up(&report, &sink);
    assert_eq!((report.command.as_str(), report.seed), ("load", 7));
    assert_eq!((report.latency.count, report.service.count, report.lag.count), (300, 300, 300));
    assert_eq!(report.types.keys().collect::<Vec<_>>(), ["Finished Journey", "Finished Step", "Finished User Steps"]);
    assert_eq!(report.webhooks["sink"].attempts, 300);
    assert_eq!(report.statuses["200"], 300);
    assert_eq!(report.series.iter().map(|second| second.attempts).sum::<u64>(), 300, "second by second");
    assert_eq!(report.histogram.iter().map(|bucket| bucket.count).sum::<u64>(), 300);
    // An open model at a hundred a second: whatever was drawn, the journeys took about a second to arrive, and were not sent at once.
    assert!((0.5..20.0).contains(&report.took_s) && report.rate.asked > 0.0, "{}", report.took_s);
    // The contract's own members.
    let shape: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    for key in [
        "exit_code",
        "exit_reason",
        "command",
        "seed",
        "journeys",
        "ledger",
        "expectations",
        "latency",
        "lag",
        "late",
        "errors",
    ] {
        assert!(shape.get(key).is_some(), "{key}");
    }
}

#[test]
fn a_receiver_that_stalls_shows_in_latency_as_it_did_to_a_user_and_a_closed_loop_would_have_missed_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let stalled = || {
        // Five seconds in which nobody is answered, from the two hundredth request on.
        let since: Mutex<Option<Stopwatch>> = Mutex::new(None);
        let pause = Duration::from_secs(5);
        let sink = Sink::start(move |request| {
            if request.order < 200 {
                return Answer::Status(200);
            }
            let since = *since.lock().expect("no panic").get_or_insert_with(Stopwatch::start);
            Answer::After(pause.saturating_sub(since.elapsed()), 200)
        });
        configured(dir.path(), &format!("[[webhook]]\nname = \"sink\"\nurl = \"{}\"\n", sink.url("/hook")));
        (held(load(dir.path(), "--rate 50 --for 12s --connections 4")), sink)
    };
    // A run that the machine spoiled, as `load` says itself, is made again, but not for ever.
    let (mut ended, mut sink) = stalled();
    for _ in 0..2 {
        if was_busy(&ended) {
            (ended, sink) = stalled();
        }
    }
    let report = report(&ended);
    adds_up(&report, &sink);
    assert_eq!(report.ledger.deliveries.delivered, report.ledger.deliveries.accepted);
    // Four requests hung; the some 750 that were planned meanwhile waited behind them.
    assert!(report.latency.p99 > 4_500.0, "as a user felt it: {:?}", report.latency);
    assert!(report.latency.p90 > 1_000.0, "{:?}", report.latency);
    assert!(report.service.p99 < report.latency.p99 / 4.0, "what a closed loop would have said: {:?}", report.service);
    assert!(report.service.max > 4_500.0, "only its worst knows");
    assert!(report.late.p99 < report.latency.p99 / 2.0, "and it was not our own lateness: {:?}", report.late);
}

#[test]
fn a_year_of_a_population_passes_as_fast_as_it_is_done_and_repeats() {
    let dir = tempfile::tempdir().expect("a directory");
    configured(dir.path(), "");
    let story = r#"
format = 1
name = "a year"
seed = 5
clock = { mode = "leap", start = 2026-01-01T00:00:00Z }
[population]
journeys = 300
arrive = [{ for = "365d", rate = [0.000005, 0.00002] }]
[journey]
flow = "yearly"
steps = [
  { do = "start" },
  { do = "submit_step", step = "1", after = "uniform(40s, 6m)" },
  { when = "Refer", do = "review", decision = "Approved", after = "1d" },
]
meanwhile = [{ when = "passed", do = "aml_monitor_update", change = "added", at = "uniform(30d, 100d)", share = "30%" }]
[[flow]]
id = "yearly"
steps = [{ id = "1", type = "Document" }]
processing = "lognormal(90s, 0.7, max 30m)"
decision = { Complete = 80, Refer = 20 }
renewal = { step = "1", criteria = "Time Based", after = "100d", grace = "30d" }
[require]
checks = ["lost == 0", "undelivered == 0", "delivered > 900", "exhausted == 0"]
"#;
    std::fs::write(dir.path().join("year.journey.toml"), story).expect("a file");
    let play = |outbox: &str| {
        let sink = Sink::statuses(&[200]);
        let ended =
            load(dir.path(), &format!("year.journey.toml --to {} --outbox {outbox}", sink.url("/"))).with_code(0);
        let report = report(&ended);
        adds_up(&report, &sink);
        assert!(report.expectations.iter().all(|judged| judged.detail.contains(" is ")), "{:?}", report.expectations);
        let bodies: BTreeSet<Vec<u8>> = sink.requests().into_iter().map(|request| request.body).collect();
        assert_eq!(bodies.len(), sink.requests().len(), "each event once");
        (bodies, report)
    };
    let ((sled, report), (memory, _)) = (play("sled"), play("memory"));
    assert_eq!(sled, memory, "the same file and seed: the same events to the byte, whatever ran beside");
    for kind in
        ["Finished Journey", "Verification Update Required", "KYC Renewal Deadline Exceeded", "AML Monitor Update"]
    {
        assert!(report.types.contains_key(kind), "{:?}", report.types.keys());
    }
    assert!(report.took_s < 60.0 && report.clock == "leap");
    assert!(
        report.lag.max < 60_000.0,
        "the year leaps past what is under way, and nothing took that long: {:?}",
        report.lag
    );
}

#[test]
fn a_renewal_that_a_line_waits_for_comes_even_after_the_last_arrival() {
    let dir = tempfile::tempdir().expect("a directory");
    configured(dir.path(), "");
    let story = r#"
format = 1
name = "renewed"
seed = 5
clock = { mode = "leap", start = 2026-01-01T00:00:00Z }
[population]
journeys = 20
spacing = "even"
arrive = [{ for = "30d", rate = 0.00001 }]
[journey]
flow = "renewing"
steps = [
  { do = "start" },
  { do = "submit_step", step = "1" },
  { do = "wait", for = "70d" },
  { do = "submit_step", step = "1" },
]
[[flow]]
id = "renewing"
steps = [{ id = "1", type = "Document" }]
processing = "90s"
decision = "Complete"
renewal = { step = "1", criteria = "Document Expired", after = "60d", grace = "30d" }
"#;
    std::fs::write(dir.path().join("renewed.journey.toml"), story).expect("a file");
    let sink = Sink::statuses(&[200]);
    let report = report(&load(dir.path(), &format!("renewed.journey.toml --to {}", sink.url("/"))).with_code(0));
    adds_up(&report, &sink);
    // Each once: the next ones, which no line waits for, are left.
    assert_eq!(report.types["Verification Update Required"].attempts, 20);
    assert_eq!(report.types["Updated Journey"].attempts, 20);
}

#[test]
fn thresholds_decide_the_exit_and_a_run_that_goes_wrong_is_ended() {
    let dir = tempfile::tempdir().expect("a directory");
    configured(dir.path(), "");
    let story = |require: &str| {
        let text = format!(
            "format = 1\nname = \"storm\"\nclock = {{ mode = \"real\" }}\n[population]\njourneys = 100000\nspacing = \"even\"\n\
             arrive = [{{ for = \"30s\", rate = 60 }}]\n[journey]\nflow = \"onboarding\"\nsteps = [{{ do = \"start\" }}, \
             {{ do = \"submit_step\", step = \"1\" }}]\n[delivery]\nretry = []\n[require]\n{require}\n"
        );
        std::fs::write(dir.path().join("storm.journey.toml"), text).expect("a file");
    };
    let sink = Sink::statuses(&[503]);
    story("checks = [\"exhausted == 0\", \"duplicates == 0\"]\nstop_when = [\"refused > 20% for 1s\"]");
    let began = Stopwatch::start();
    let ended = judged(load(dir.path(), &format!("storm.journey.toml --to {}", sink.url("/"))), 1);
    assert!(began.elapsed() < Duration::from_secs(20), "it was ended before its thirty seconds were over");
    let report = report(&ended);
    let verdict = |name: &str| {
        let found = report.expectations.iter().find(|judged| judged.name == name);
        json!(found.unwrap_or_else(|| panic!("{name}: {:?}", report.expectations)).verdict)
    };
    assert_eq!((verdict("exhausted == 0"), verdict("stop_when")), (json!("fail"), json!("fail")));
    assert_eq!(verdict("duplicates == 0"), json!("unproven"), "we cannot see what a receiver keeps");
    assert!(was_busy(&ended) || report.exit_reason.contains("exhausted == 0"), "{}", report.exit_reason);
    assert_eq!(report.errors["status"], report.webhooks["to"].failed);

    story("checks = [\"latncy.p99 < 1s\", \"lost = 0\"]");
    let wrong = run(dir.path(), &["load", "storm.journey.toml", "--to", &sink.url("/")]).with_code(2);
    assert!(
        wrong.stderr.contains("did you mean \"latency.p99\"?") && wrong.stderr.contains("compares nothing"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn what_cannot_be_driven_is_said_before_anything_is_sent() {
    let dir = tempfile::tempdir().expect("a directory");
    configured(dir.path(), "");
    for (arguments, code, said) in [
        ("", 2, "there is neither a FILE nor a --rate"),
        ("--rate 5", 2, "nothing says when it is over"),
        ("--rate 5 --for 1s", 2, "there is nobody to drive at"),
        ("--rate 5 --for 1s --to http://93.184.215.14/hook", 2, "--allow-host 93.184.215.14"),
        ("--rate 5 --for 1s --to http://127.0.0.1:9/hook", 3, "nobody listens"),
        ("--rate 5 --for 1s --to http://127.0.0.1:9/hook --report har=x.har", 2, "a load has no HAR"),
    ] {
        let mut words = vec!["load"];
        words.extend(arguments.split_whitespace());
        let ended = run(dir.path(), &words);
        let both = format!("{}{}", ended.stdout, ended.stderr);
        assert!(ended.code == code && both.contains(said), "{arguments}: {} {both}", ended.code);
    }
}

#[test]
fn a_result_is_saved_in_every_form_and_shown_again() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    configured(
        dir.path(),
        &format!("[[webhook]]\nname = \"<b>sink\"\nurl = \"{}\"\n", sink.url("/")).replace("<b>", ""),
    );
    let forms = "--report json=a.json --report html=a.html --report md=a.md --report junit=a.xml";
    held(load(dir.path(), &format!("--journeys 30 --rate 100 {forms}")));
    let file = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect(name);
    let html = file("a.html");
    assert!(html.starts_with("<!doctype html>") && html.matches("<svg ").count() == 4, "four plots");
    assert!(!html.contains("<script") && !html.contains("http://") || html.contains("http://www.w3.org/2000/svg"));
    assert!(file("a.md").contains("| latency |"));
    assert!(file("a.xml").contains("<testcase name=\"the run\""));
    let text = run(dir.path(), &["report", "a.json"]).with_code(0).stdout;
    assert!(text.contains("30 journeys") && text.contains("latency   p50"), "{text}");
    run(dir.path(), &["report", "a.json", "--report", "html=b.html"]).with_code(0);
    assert_eq!(file("b.html"), html, "redrawn from the saved result alone");
    std::fs::copy(dir.path().join("a.json"), dir.path().join("after-the-change.json")).expect("a copy");
    let beside = run(dir.path(), &["report", "a.json", "after-the-change.json"]).with_code(0).stdout;
    let heads: Vec<&str> = beside.lines().next().expect("a line").split_whitespace().collect();
    assert_eq!(heads, ["a", "…r-the-change", "ratio"]);
    assert!(beside.contains("latency p99") && beside.contains("1.00x"), "{beside}");
    let failed: Vec<&str> = beside.lines().last().expect("a line").split_whitespace().collect();
    assert_eq!(failed, ["failed", "attempts", "0", "0", "-"]);
    // What is published is what is written: every member has its description, and none is missing.
    let schema: Value =
        serde_json::from_str(&run(dir.path(), &["report", "--schema"]).with_code(0).stdout).expect("JSON");
    let saved: Value = serde_json::from_str(&file("a.json")).expect("JSON");
    for (key, _) in saved.as_object().expect("an object") {
        assert!(
            schema["properties"][key]["description"].is_string() || schema["properties"][key]["$ref"].is_string(),
            "{key}"
        );
    }
    for key in schema["required"].as_array().expect("a list") {
        assert!(saved.get(key.as_str().expect("a name")).is_some(), "{key}");
    }
    std::fs::write(dir.path().join("no.json"), "{}").expect("a file");
    let none = run(dir.path(), &["report", "no.json"]).with_code(2);
    assert!(none.stderr.contains("is no result of load"), "{}", none.stderr);
    std::fs::write(dir.path().join("replay.json"), r#"{"command":"replay"}"#).expect("a file");
    let other = run(dir.path(), &["report", "replay.json"]).with_code(2);
    assert!(other.stderr.contains("replay.json is a result of replay"), "{}", other.stderr);
}

#[test]
fn a_dead_receiver_does_not_stop_a_clock_that_leaps() {
    let dir = tempfile::tempdir().expect("a directory");
    configured(dir.path(), "");
    // More deliveries wait for their retries than a leaping run lets be owed at once.
    let story = "format = 1\nname = \"dead\"\nclock = { mode = \"leap\" }\n[population]\njourneys = 1000\nspacing = \"even\"\n\
        arrive = [{ for = \"1m\", rate = 100 }]\n[journey]\nflow = \"onboarding\"\nsteps = [{ do = \"start\" }, \
        { do = \"submit_step\", step = \"1\" }]\n";
    std::fs::write(dir.path().join("dead.journey.toml"), story).expect("a file");
    let sink = Sink::statuses(&[500]);
    let ended = load(dir.path(), &format!("dead.journey.toml --outbox memory --drain 100s --to {}", sink.url("/")))
        .with_code(0);
    let report = report(&ended);
    adds_up(&report, &sink);
    assert_eq!(report.ledger.deliveries.exhausted, 3_000);
    assert_eq!(report.ledger.attempts, 12_000, "each was tried four times");
}

#[test]
fn the_knee_of_a_receiver_is_found_by_turning_the_rate_up() {
    // Four connections of twenty milliseconds each: two hundred deliveries a second, some sixty-six journeys.
    let sink = Sink::start(|_| Answer::After(Duration::from_millis(20), 200));
    let dir = tempfile::tempdir().expect("a directory");
    configured(dir.path(), "");
    let arguments = format!("--find-knee --rate 20 --connections 4 --drain 30s --to {}", sink.url("/"));
    let report = report(&held(load(dir.path(), &arguments)));
    adds_up(&report, &sink);
    let knee = report.knee.expect("a knee");
    assert!(knee.rate < 100.0 && !knee.reason.is_empty(), "it cannot keep more than sixty-six: {knee:?}");
    assert!(knee.tried.windows(2).all(|pair| (pair[1].0 / pair[0].0 - 1.5).abs() < 1e-6), "step by step: {knee:?}");
    assert_eq!(knee.tried[0].0, 20.0);
}

#[test]
fn nothing_is_asked_for_once_all_have_arrived() {
    let (sink, dir) =
        (Sink::start(|_| Answer::After(Duration::from_secs(3), 200)), tempfile::tempdir().expect("a directory"));
    configured(dir.path(), "");
    let report = report(&held(load(dir.path(), &format!("--journeys 5 --rate 50 --to {}", sink.url("/")))));
    assert!(report.series.len() > 2, "{:?}", report.series);
    let (first, last) = (&report.series[0], &report.series[report.series.len() - 1]);
    assert_eq!((first.asked, last.asked), (50.0, 0.0));
}

#[test]
fn an_interrupted_load_reports_what_it_did_and_a_second_interrupt_gives_up() {
    let begun = |sink: &Sink, dir: &Path| {
        configured(dir, "");
        let mut command = understudy(dir);
        command.args(["load", "--rate", "40", "--for", "10m", "--to", &sink.url("/"), "--report", "json=report.json"]);
        let loading = Program::start(command);
        assert!(sink.await_count(5, DEADLINE).is_ok(), "it is under way");
        loading.signal("INT");
        loading
    };
    let (sink, dir) = (Sink::statuses(&[200]), tempfile::tempdir().expect("a directory"));
    let ended = begun(&sink, dir.path()).end().with_code(130);
    assert!(ended.stderr.contains("comes to its end") && !ended.stderr.contains("ERROR"), "{}", ended.stderr);
    assert!(ended.stdout.contains("interrupted before its end"), "{}", ended.stdout);
    let saved = std::fs::read_to_string(dir.path().join("report.json")).expect("a report");
    let report: LoadReport = serde_json::from_str(&saved).expect("a report");
    adds_up(&report, &sink);
    assert_eq!((report.exit_code, report.ledger.deliveries.accepted), (130, report.ledger.deliveries.delivered));

    let (sink, dir) = (Sink::start(|_| Answer::Hang), tempfile::tempdir().expect("a directory"));
    let loading = begun(&sink, dir.path());
    loading.await_stderr(|line| line.contains("comes to its end").then_some(()));
    loading.signal("INT");
    let ended = loading.end().with_code(130);
    assert!(!ended.stderr.contains("ERROR") && !dir.path().join("report.json").exists(), "{}", ended.stderr);
}
