//! `listen`: a receiver that shows what comes, and misbehaves on request.

use std::net::SocketAddr;

use crate::support::http::{Response, request};
use crate::support::program::{Ended, Program, run, understudy};

const EVENT: &[u8] =
    br#"{"event":"Finished Journey","body":{"eventId":"538f4445-658f-49ea-8183-069f7d4c1e54","referenceNo":"KYC-1"}}"#;

struct Listening {
    dir: tempfile::TempDir,
    program: Program,
    address: SocketAddr,
}

impl Listening {
    fn start(words: &[&str]) -> Listening {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = understudy(dir.path());
        command.args(["listen", "--port", "0"]).args(words);
        let program = Program::start(command);
        let address = program.await_stderr(|line| {
            let (_, rest) = line.split_once("listening on http://")?;
            rest.split(['/', ',']).next()?.parse().ok()
        });
        Listening { dir, program, address }
    }

    fn post(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        request(self.address, "POST", path, headers, EVENT).expect("it answers")
    }

    fn end(self) -> Ended {
        self.program.signal("INT");
        self.program.end().with_code(0)
    }
}

#[test]
fn a_receiver_is_not_taken_for_a_server_though_it_says_200_to_all() {
    let listening = Listening::start(&[]);
    let server = format!("http://{}", listening.address);
    for words in [
        &["journeys", "start", "onboarding", "KYC-1"][..],
        &["journeys", "list"],
        &["deliveries", "resend", "--state", "exhausted"],
        &["clock"],
        &["healthcheck"],
    ] {
        let mut words = words.to_vec();
        words.extend(["--server", &server]);
        let ended = run(listening.dir.path(), &words).with_code(3);
        assert!(ended.stderr.contains("but not as understudy does") && ended.stderr.contains("--server"), "{ended:?}");
        assert_eq!(ended.stdout, "", "{words:?}");
    }
    listening.end();
}

#[test]
fn it_shows_what_comes_flags_duplicates_and_ends_after_so_many() {
    let listening = Listening::start(&["--count", "2", "--save", "bodies"]);
    assert_eq!(listening.post("/any/path", &[]).status, 200);
    assert_eq!(listening.post("/any/path", &[]).status, 200);
    let Listening { dir, program, .. } = listening;
    let ended = program.end().with_code(0);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ended:?}");
    for line in &lines[..2] {
        for wanted in ["/any/path", "Finished Journey", "538f4445-658f-49ea-8183-069f7d4c1e54", "KYC-1", "200"] {
            assert!(line.contains(wanted), "{wanted} in {line:?}");
        }
    }
    assert!(!lines[0].contains("duplicate") && lines[1].contains("duplicate"), "{ended:?}");
    assert_eq!(lines[2], "received 2, distinct 1, duplicates 1");
    let saved: Vec<_> = std::fs::read_dir(dir.path().join("bodies"))
        .expect("made")
        .map(|file| file.expect("readable").path())
        .collect();
    assert_eq!(saved.len(), 2);
    assert!(saved.iter().all(|file| std::fs::read(file).expect("readable") == EVENT), "each body to the byte");
}

#[test]
fn it_tells_programs_in_json_lines_without_credentials() {
    let listening = Listening::start(&["--output", "ndjson", "--count", "1"]);
    listening.post("/", &[("Authorization", "Bearer s3cret-token"), ("X-Env", "staging")]);
    let lines = listening.program.end().with_code(0).json_lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0]["body"].as_str().map(str::as_bytes), Some(EVENT));
    assert_eq!((&lines[0]["event_type"], &lines[0]["duplicate"]), (&"Finished Journey".into(), &false.into()));
    assert!(!format!("{lines:?}").contains("s3cret"), "{lines:?}");
    assert_eq!(lines[1]["summary"]["received"], 1);
}

#[test]
fn it_misbehaves_as_it_is_told() {
    let listening = Listening::start(&["--status", "503", "--retry-after", "3s"]);
    let refused = listening.post("/", &[]);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("3")));
    listening.end();

    let listening = Listening::start(&["--fail-first", "2"]);
    let statuses: Vec<u16> = (0..3).map(|_| listening.post("/", &[]).status).collect();
    assert_eq!(statuses, [500, 500, 200], "each event fails twice");
    listening.end();

    let listening = Listening::start(&["--auth", "basic:ana:s3cret"]);
    assert_eq!(listening.post("/", &[]).status, 401);
    let right = [("Authorization", "Basic YW5hOnMzY3JldA==")];
    assert_eq!(listening.post("/", &right).status, 200);
    let ended = listening.end();
    assert!(ended.stdout.contains("auth wrong") && ended.stdout.contains("auth ok"), "{ended:?}");
    assert!(!format!("{ended:?}").contains("s3cret") && !format!("{ended:?}").contains("YW5h"), "{ended:?}");
}

#[test]
fn ctrl_c_and_sigterm_are_its_usual_end() {
    for signal in ["INT", "TERM"] {
        let listening = Listening::start(&[]);
        listening.program.signal(signal);
        let ended = listening.program.end().with_code(0);
        assert_eq!(ended.stdout, "received 0, distinct 0, duplicates 0", "{signal}");
    }
}

#[test]
fn a_port_that_is_taken_is_said_with_a_way_out() {
    let first = Listening::start(&[]);
    let port = first.address.port().to_string();
    let ended = crate::support::program::run(first.dir.path(), &["listen", "--port", &port]).with_code(3);
    assert!(ended.stderr.contains(&port) && ended.stderr.contains("--port"), "{}", ended.stderr);
    first.end();
}
