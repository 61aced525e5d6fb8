//! How a whole command line ends.

mod server;

use super::output::tests::captured;
use super::*;
use crate::cli::Output;

fn ends(line: &[&str]) -> (Result<Exit, Failure>, String) {
    let words = std::iter::once("understudy").chain(line.iter().copied()).map(OsString::from);
    let cli = Cli::read(words).expect("a command line");
    let (out, data, _) = captured(Output::Text);
    let cx = Context { config: cli.global.config, data_dir: None, out, blanks: Blanks::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    (runtime.block_on(carry_out(&cx, &cli.command)), data.text())
}

#[test]
fn what_comes_later_says_so() {
    let (ended, said) = ends(&["grade", "whatever", "--x"]);
    let failure = ended.expect_err("later");
    assert_eq!((failure.exit, said.as_str()), (Exit::BadUsage, ""));
    assert_eq!(failure.message, "`understudy grade` is not available yet in this version");
}

#[test]
fn bad_lines_and_files_end_with_two() {
    let dir = tempfile::tempdir().expect("a directory");
    let broken = dir.path().join("broken.toml");
    std::fs::write(&broken, "[server]\nlisten = 7\ncolour = true\n").expect("written");
    let broken = broken.display().to_string();
    for line in [
        &["--config", "/nonexistent/webhooks.toml", "config", "check"][..],
        &["--config", "/nonexistent/webhooks.toml", "journeys", "list"],
        &["--config", &broken, "config", "check"],
        &["--config", &broken, "clock"],
        &["send", "no such event", "--to", "demo"],
    ] {
        assert_eq!(ends(line).0.expect_err("a failure").exit, Exit::BadUsage, "{line:?}");
    }
    let failure = ends(&["--config", &broken, "config", "check"]).0.expect_err("a failure");
    let complaints = failure.details.expect("details")["complaints"].as_array().map(Vec::len);
    assert_eq!((failure.message, complaints), (format!("{broken} has 2 errors"), Some(2)));
    assert_eq!(main(["understudy", "--no-such-option"].map(Into::into)), Exit::BadUsage);
}

#[test]
fn without_a_server_commands_end_with_three_and_say_what_to_do() {
    // A port that was just given back: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let server = format!("http://127.0.0.1:{port}");
    for line in
        [&["journeys", "list"][..], &["deliveries", "show", "d1"], &["clock", "advance", "1d"], &["healthcheck"]]
    {
        let failure = ends(&[line, &["--server", &server]].concat()).0.expect_err("a failure");
        assert_eq!(failure.exit, Exit::CouldNotRun, "{line:?}");
        assert_eq!(failure.message, format!("no server answers at {server}"));
        assert!(failure.help.is_some_and(|help| help.contains("understudy serve")));
    }
}

#[test]
fn what_is_made_from_the_declaration_is_made() {
    for (line, word) in [
        (&["completions", "bash"][..], "complete -F"),
        (&["completions", "zsh"], "#compdef understudy"),
        (&["man"], "understudy\\-journeys"),
        (&["config", "schema"], "\"$schema\""),
        (&["scenario", "schema"], "\"$schema\""),
        (&["scenario", "new", "my case"], "my case"),
    ] {
        let (ended, said) = ends(line);
        assert_eq!(ended.expect("an end"), Exit::Yes, "{line:?}");
        assert!(said.contains(word), "{line:?} gives {said}");
    }
}

#[test]
fn a_new_scenario_passes_its_check() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("new.journey.toml");
    std::fs::write(&path, ends(&["scenario", "new"]).1).expect("written");
    let (ended, said) = ends(&["scenario", "check", &path.display().to_string()]);
    assert_eq!(ended.expect("an end"), Exit::Yes);
    assert!(said.contains("is in order"), "{said}");
}
