//! Help texts as files, and what is taken and refused.

use super::*;
use crate::cli::remote::StateWord;

fn read(words: &[&str]) -> Result<Cli, clap::Error> {
    Cli::read(std::iter::once("understudy").chain(words.iter().copied()).map(OsString::from))
}

#[test]
fn the_declaration_holds_together() {
    Cli::command().debug_assert();
}

/// The help of a command and, below it, of its own commands.
fn helps(command: &mut clap::Command) -> String {
    let help = command.render_help();
    let mut text = format!("$ {} --help\n\n{help}", command.get_bin_name().unwrap_or("?"));
    for sub in command.get_subcommands_mut().filter(|sub| !sub.is_hide_set()) {
        text.push_str(&format!("\n{}", helps(sub)));
    }
    text
}

#[test]
fn help_texts_are_as_pinned() {
    let mut command = Cli::command().term_width(100);
    command.build();
    insta::assert_snapshot!("help", command.render_help());
    for sub in command.get_subcommands_mut().filter(|sub| !sub.is_hide_set()) {
        insta::assert_snapshot!(format!("help-{}", sub.get_name()), helps(sub));
    }
}

#[test]
fn lines_are_taken_or_refused() {
    for (line, taken) in [
        ("serve --listen 127.0.0.1:0 --seed 7 --journey a.toml --journey b.toml", true),
        ("replay a.toml --report junit=x.xml --report json=y.json --clock leap --strict", true),
        ("replay", false),
        ("replay a.toml --report pdf=x", false),
        ("replay a.toml --report junit=", false),
        ("replay a.toml --journeys 0", false),
        ("send Finished --to demo --set body.a=1 --set body.b=2", true),
        ("send --to demo --body -", true),
        ("send --to demo", false),
        ("send Finished", false),
        ("send Finished --to demo --body x --set a=1", false),
        ("listen --fail 30% --delay 2s --hang 5% --retry-after 3s --status 503 --count 3", true),
        ("listen --delay uniform(1s,2s)", true),
        ("listen --fail 130%", false),
        ("listen --count 0", false),
        ("journeys list --state open --limit 1000 --server http://127.0.0.1:1 --output json", true),
        ("journeys list --limit 1001", false),
        ("journeys do ref:A submit_step step=1", true),
        ("journeys do ref:A submit_step step", false),
        ("deliveries list --state in_flight", true),
        ("deliveries list --state lost", false),
        ("deliveries resend", false),
        ("deliveries resend d1", true),
        ("deliveries resend d1 --state exhausted", false),
        ("deliveries resend --webhook demo --dry-run", true),
        ("deliveries resend --dry-run", false),
        ("clock", true),
        ("clock advance 31d", true),
        ("clock advance -1d", false),
        ("clock rate -1", false),
        ("clock mode scaled", false),
        ("explain demo --event Finished", true),
        ("explain", false),
        ("load --journeys 20 --rate 3", true),
        ("grade http://x --help", true),
        ("completions fish", true),
        ("nonsense", false),
        ("", false),
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let read = read(&words);
        assert_eq!(read.is_ok(), taken, "{line}: {:?}", read.err().map(|error| error.to_string()));
        if let Err(error) = read {
            assert!(error.use_stderr() && error.exit_code() == 2, "{line}");
        }
    }
}

#[test]
fn options_stand_before_or_after_the_command() {
    for words in [["--output", "json", "clock", "show"], ["clock", "show", "--output", "json"]] {
        assert_eq!(read(&words).expect("taken").global.output, Output::Json);
    }
    let Command::Deliveries(args) =
        read(&["deliveries", "list", "--state", "exhausted", "--token", "t"]).expect("taken").command
    else {
        panic!("another command")
    };
    assert_eq!(args.remote.token.map(|token| token.expose().to_owned()).as_deref(), Some("t"));
    assert!(matches!(args.action, DeliveriesAction::List { state: Some(StateWord::Exhausted), .. }));
}

#[test]
fn a_refused_secret_is_not_quoted() {
    let error = read(&["listen", "--auth", "s3cret-word"]).expect_err("refused").to_string();
    assert!(!error.contains("s3cret-word"), "{error}");
    assert!(error.contains("basic:USER:PASSWORD"), "{error}");
}

#[test]
fn help_and_version_are_no_errors() {
    for word in ["--help", "-h", "--version", "-V"] {
        assert!(!read(&[word]).expect_err("shown").use_stderr(), "{word}");
    }
}
