//! The README's five minutes: every command that it shows is one, and they work in its order against a running server.

use std::path::Path;

use crate::support::http::request;
use crate::support::program::{Ended, Program, run, understudy};
use crate::support::server::{DEADLINE, Server};
use crate::support::sink::Sink;

/// The section, as it is.
fn five_minutes() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(file).expect("the README is there");
    let (_, section) = text.split_once("## Five minutes\n").expect("the section is there");
    section.split("\n## ").next().expect("a first part").to_owned()
}

/// The words of a command line, with quotes undone as a shell would.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The indented command lines of the section, in order.
fn indented() -> Vec<String> {
    five_minutes().lines().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect()
}

/// The commands that stand within sentences, between backticks.
fn inline() -> Vec<String> {
    let text = five_minutes().replace('\n', " ");
    text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("understudy ")).map(str::to_owned).collect()
}

fn arguments(line: &str) -> Vec<String> {
    let words = words(line);
    assert_eq!(words[0], "understudy", "{line}");
    words[1..].to_vec()
}

#[test]
fn every_command_of_the_readme_is_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let lines: Vec<String> =
        indented().into_iter().filter(|line| line.starts_with("understudy ")).chain(inline()).collect();
    assert!(lines.len() >= 9, "{lines:?}");
    for line in lines {
        // The help is only given for a command whose words before it are right.
        let mut words = arguments(&line);
        words.push("--help".to_owned());
        let help = run(dir.path(), &words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(help.code, 0, "{line}: {}", help.stderr);
        let command = words[0].as_str();
        assert!(help.stdout.contains(&format!("understudy {command}")), "{line}: {}", help.stdout);
    }
}

#[test]
fn the_readme_works_in_its_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let sink = Sink::statuses(&[200]);
    // The shipped file with the README's own webhook behind it, at a receiver that is there.
    let shipped =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("webhooks.toml")).expect("shipped");
    let section = five_minutes();
    let mine =
        section.split("```toml\n").find_map(|part| part.split("```").next()?.contains("[[webhook]]").then_some(part));
    let mine = mine
        .and_then(|part| part.split("```").next())
        .expect("the README's webhook")
        .replace("http://127.0.0.1:8080/kyc", &sink.url("/kyc"));
    let config = format!("{shipped}\n{mine}");
    let mut serve = Server::command(dir.path(), &config);
    serve.env("MY_PASSWORD", "open sesame");
    let server = Server::ready(serve).unwrap_or_else(|report| panic!("{report}"));
    let url = format!("http://{}", server.address());
    let call = |words: &[String]| -> Ended {
        let mut command = understudy(dir.path());
        command.args(words).env("UNDERSTUDY_SERVER", &url).env("MY_PASSWORD", "open sesame");
        Program::start(command).end()
    };
    let mut ran = 0;
    for line in indented() {
        if line.starts_with("curl ") {
            // Its body and path, through the client that is always there.
            let words = words(&line);
            let body = words.iter().skip_while(|word| *word != "-d").nth(1).expect("-d and a body");
            let path = words.iter().find_map(|word| word.strip_prefix("localhost:4740")).expect("a path");
            // The flow decides by itself within five seconds, which the README gives it; the clock gives it here.
            server.post("/api/v1/clock", &serde_json::json!({ "advance": "10s" }));
            let answer = request(server.address(), "POST", path, &[], body.as_bytes()).expect("answered");
            // By weights, a seed that was drawn may refer the journey, which cannot be renewed then.
            assert!(answer.status == 200 || answer.status == 409, "{line}: {}", answer.text());
        } else if line.starts_with("understudy serve") {
            continue;
        } else if line.starts_with("understudy replay my.journey.toml") {
            let made = call(&["scenario".to_owned(), "new".to_owned()]).with_code(0);
            std::fs::write(dir.path().join("my.journey.toml"), made.stdout).expect("writable");
            let words: Vec<String> = arguments(&line)
                .iter()
                .map(|word| word.replace("http://127.0.0.1:8080/kyc", &sink.url("/kyc")))
                .collect();
            call(&words).with_code(0);
            assert!(dir.path().join("report.json").is_file());
        } else if line.starts_with("understudy load") {
            let to_sink = |word: &String| word.replace("http://127.0.0.1:8080/kyc", &sink.url("/kyc"));
            let ended = call(&arguments(&line).iter().map(to_sink).collect::<Vec<_>>());
            // On a machine that is busy with other tests there may be no verdict; there is a report.
            assert!(ended.code == 0 || ended.code == 4, "{line}: {} {}", ended.stdout, ended.stderr);
            assert!(dir.path().join("load.html").is_file());
        } else {
            call(&arguments(&line)).with_code(0);
        }
        ran += 1;
    }
    assert!(ran >= 7, "{ran} lines were run");
    assert!(sink.await_count(1, DEADLINE).is_ok(), "the README's handler was told: {}", server.stderr());
    let authorization = sink.requests()[0].header("authorization").map(str::to_owned);
    assert_eq!(authorization.as_deref(), Some("Basic dW5kZXJzdHVkeTpvcGVuIHNlc2FtZQ=="));
    // The event that the text sends by hand reaches it as well.
    let sent = inline().into_iter().find(|line| line.starts_with("understudy send")).expect("it sends one");
    let mut words = arguments(&sent);
    words.extend(["--config".to_owned(), "webhooks.toml".to_owned()]);
    call(&words).with_code(0);
}

/// The cells of the tables of dialects: what they say, where they lead, and the test that is named there.
fn cells(section: &str) -> Vec<(String, String, String)> {
    let linked = section.split('[').skip(1).filter_map(|part| {
        let (said, rest) = part.split_once("](")?;
        let (path, rest) = rest.split_once(" \"")?;
        Some((said.to_owned(), path.to_owned(), rest.split('"').next()?.to_owned()))
    });
    linked.collect()
}

#[test]
fn every_event_of_every_dialect_leads_to_the_test_that_pins_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("README.md")).expect("the README is there");
    let section =
        text.split("## What it speaks").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the section");
    let cells = cells(section);
    for (said, path, test) in &cells {
        let file = std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let pinned = match said.split_once('/') {
            // Of QoreID, one body a line; the oldest dialect names the product alone.
            Some((product, kind)) => {
                file.contains(&format!(r#"{{"event":"{product}","event_type":"{kind}""#))
                    || (path.contains("verifyme") && file.contains(&format!(r#"{{"type":"{product}""#)))
            }
            None => {
                let (_, body) =
                    file.split_once(&format!("fn {test}()")).unwrap_or_else(|| panic!("no test {test} in {path}"));
                body.split("\n}\n").next().is_some_and(|body| body.contains(&format!(r#""event":"{said}""#)))
            }
        };
        assert!(pinned, "{said} is not pinned by {test} of {path}");
    }
    // None is left out.
    let linked = |part: &str| cells.iter().filter(|(_, path, _)| path.contains(part)).count();
    assert_eq!(linked("idwise"), 9 + 6 + 5);
    assert_eq!((linked("wire-current"), linked("wire-flat"), linked("wire-verifyme")), (13, 13, 4));
}
