//! The commands that need no server: configuration, scenarios, completions, the manual; and words that are none.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::program::{Program, run, understudy};

fn shipped(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).to_str().expect("the path is UTF-8").to_owned()
}

#[test]
fn the_shipped_configuration_is_in_order_and_shown_with_origins() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::copy(shipped("webhooks.toml"), dir.path().join("webhooks.toml")).expect("copied");
    run(dir.path(), &["config", "check"]).with_code(0);
    let text = run(dir.path(), &["config", "show"]).with_code(0).stdout;
    assert!(text.contains("listen = \"127.0.0.1:4740\""), "{text}");
    let mut command = understudy(dir.path());
    command.args(["--output", "json", "config", "show"]).env("UNDERSTUDY_SERVER_GRACE", "3s");
    let shown = Program::start(command).end().with_code(0).json();
    let row = |key: &str| {
        let rows = shown.as_array().expect("a list").iter();
        rows.clone().find(|row| row["key"] == key).unwrap_or_else(|| panic!("no {key}: {shown}")).clone()
    };
    assert_eq!(row("grace")["value"], "3s", "the environment wins over the file");
    assert_ne!(row("grace")["origin"], row("listen")["origin"], "{shown}");
}

#[test]
fn a_misspelt_variable_is_told_and_holds_nothing_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = understudy(dir.path());
    command.args(["config", "show"]).env("UNDERSTUDY_SERVER_GRASE", "3s").env("UNDERSTUDY_SERVICE_PORT", "tcp");
    let shown = Program::start(command).end().with_code(0);
    assert!(shown.stdout.contains("grace = \"10s\""), "{}", shown.stdout);
    let warnings: Vec<&str> = shown.stderr.lines().filter(|line| line.starts_with("warning")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("UNDERSTUDY_SERVER_GRACE"), "{}", shown.stderr);
}

#[test]
fn a_wrong_configuration_is_told_whole_with_places_and_nearest_keys() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = "provider = \"idwise\"\n[server]\nlisten = \"127.0.0.1:0\"\ngrce = \"10s\"\n[delivery]\ntimeout = \"fast\"\n\n[[webhook]]\nname = \"a\"\ntypes = [\"Finished Jorney\"]\nurl = \"http://127.0.0.1:1/\"\n";
    fs::write(dir.path().join("webhooks.toml"), text).expect("writable");
    for words in [&["config", "check"][..], &["serve"], &["config", "show"]] {
        let refused = run(dir.path(), words).with_code(2);
        assert_eq!(refused.stdout, "", "{words:?}");
        for wanted in
            ["webhooks.toml:4:1", "grace", "webhooks.toml:6:", "fast", "webhooks.toml:10:", "Finished Journey"]
        {
            assert!(refused.stderr.contains(wanted), "{words:?}: {wanted} in {}", refused.stderr);
        }
    }
    let json = run(dir.path(), &["--output", "json", "config", "check"]).with_code(2).json();
    let complaints = json["error"]["details"]["complaints"].as_array().expect("each complaint");
    let lines: Vec<Option<u64>> = complaints.iter().map(|complaint| complaint["line"].as_u64()).collect();
    assert_eq!(lines, [Some(4), Some(6), Some(10)], "{json}");
    assert!(!dir.path().join(".understudy").exists(), "nothing was opened");

    let named = run(dir.path(), &["--config", "nothing.toml", "config", "check"]).with_code(2);
    assert!(named.stderr.contains("nothing.toml"), "{}", named.stderr);
}

#[test]
fn schemas_are_json_schemas() {
    let dir = tempfile::tempdir().expect("a directory");
    for words in [["config", "schema"], ["scenario", "schema"]] {
        let schema = run(dir.path(), &words).with_code(0).json();
        assert!(schema["$schema"].as_str().is_some_and(|url| url.contains("json-schema.org")), "{words:?}");
        assert_eq!(schema["additionalProperties"], false, "{words:?}: closed keys");
    }
}

#[test]
fn a_new_scenario_is_in_order_and_plays() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = run(dir.path(), &["scenario", "new", "asked \"again\""]).with_code(0).stdout;
    fs::write(dir.path().join("new.journey.toml"), made).expect("writable");
    run(dir.path(), &["scenario", "check", "new.journey.toml"]).with_code(0);
    run(dir.path(), &["replay", "new.journey.toml"]).with_code(0);

    let stories =
        ["plain", "aml-monitoring", "dead-endpoint"].map(|name| shipped(&format!("examples/{name}.journey.toml")));
    let stories: Vec<&str> = stories.iter().map(String::as_str).collect();
    run(dir.path(), &[&["scenario", "check"], stories.as_slice()].concat()).with_code(0);

    let broken = fs::read_to_string(stories[0]).expect("readable").replace("after =", "aftr =");
    fs::write(dir.path().join("broken.journey.toml"), broken).expect("writable");
    let refused = run(dir.path(), &["scenario", "check", stories[0], "broken.journey.toml"]).with_code(2);
    assert!(refused.stderr.contains("broken.journey.toml:") && refused.stderr.contains("after"), "{}", refused.stderr);
}

#[test]
fn completions_and_the_manual_are_data() {
    let dir = tempfile::tempdir().expect("a directory");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(dir.path(), &["completions", shell]).with_code(0);
        assert!(script.stdout.contains("replay") && script.stderr.is_empty(), "{shell}");
    }
    run(dir.path(), &["completions", "cmd"]).with_code(2);
    let page = run(dir.path(), &["man"]).with_code(0).stdout;
    assert!(page.contains(".TH understudy 1") && page.contains("replay"), "{page}");
}

#[test]
fn help_and_version_are_answers_and_odd_words_are_bad_usage() {
    let dir = tempfile::tempdir().expect("a directory");
    assert_eq!(
        run(dir.path(), &["--version"]).with_code(0).stdout,
        format!("understudy {}", env!("CARGO_PKG_VERSION"))
    );
    for words in [&["--help"][..], &["replay", "--help"], &["journeys", "do", "--help"]] {
        let help = run(dir.path(), words).with_code(0);
        assert!(help.stdout.contains("Usage:") && help.stderr.is_empty(), "{words:?}");
    }
    for words in [&["frobnicate"][..], &["serve", "--listn", "x"], &["replay"], &["--output", "xml", "clock"], &[]] {
        let refused = run(dir.path(), words).with_code(2);
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{words:?}: {refused:?}");
    }
}

#[test]
fn what_comes_later_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let words = ["--output", "json", "grade", "http://127.0.0.1:1/"];
    let later = run(dir.path(), &words).with_code(2);
    assert!(later.stderr.contains("not available yet"), "{}", later.stderr);
    assert_eq!(later.json()["exit_reason"], "bad_usage");
    let plain = shipped("examples/plain.journey.toml");
    let report = run(dir.path(), &["replay", &plain, "--report", "html=x.html"]).with_code(2);
    assert!(report.stderr.contains("not available yet"), "{}", report.stderr);
}

#[test]
fn colour_is_for_whoever_wants_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let plain = shipped("examples/plain.journey.toml");
    let painted = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = understudy(dir.path());
        command.args(words).args(["replay", &plain]).env_remove("NO_COLOR").envs(variables.iter().copied());
        Program::start(command).end().with_code(0).stdout.contains('\u{1b}')
    };
    assert!(!painted(&[], &[]), "a pipe is no terminal");
    assert!(painted(&["--color", "always"], &[]));
    assert!(!painted(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!painted(&[], &[("NO_COLOR", "1")]));
    assert!(painted(&["--color", "always"], &[("NO_COLOR", "1")]), "a flag wins over the environment");
}

#[test]
fn a_json_result_parses_wherever_it_is_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    for words in [&["config", "show"][..], &["config", "schema"], &["scenario", "schema"]] {
        let value: Value = run(dir.path(), &[&["--output", "json"], words].concat()).with_code(0).json();
        assert!(value.is_object() || value.is_array(), "{words:?}");
    }
}
