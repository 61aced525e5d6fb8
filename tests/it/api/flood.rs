//! Connections that are held open for nothing: the API goes on answering while there are more of them than descriptors.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use understudy::clock::Stopwatch;

use crate::support::program::with_descriptors;
use crate::support::server::{DEADLINE, Server};
use crate::support::sink::Sink;
use crate::support::steps::{does, manual, start, webhook};

/// Half of a head: whoever sent it has all the time there is for the rest.
const HALF: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n";

/// What an answer may take while the flood goes on, on a machine that runs other tests as well.
const ANSWERED: Duration = Duration::from_secs(3);

/// The limit of a running server, as the system has it.
#[cfg(target_os = "linux")]
#[test]
fn a_server_takes_as_many_descriptors_as_it_may() {
    let dir = tempfile::tempdir().expect("a directory");
    let command = Server::command(dir.path(), &manual(""));
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -Sn 100 && ulimit -Hn 900 && exec \"$0\" \"$@\""]);
    shell.arg(command.get_program()).args(command.get_args());
    let server = Server::ready(shell).unwrap_or_else(|report| panic!("{report}"));
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("\nprocess_max_fds 900"), "{metrics}");
}

#[test]
fn q1_six_hundred_half_open_connections_at_256_descriptors_leave_the_api_answering() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let command = Server::command(dir.path(), &manual(&webhook("sink", &sink.url("/"), "")));
    let server = Server::ready(with_descriptors(256, &command)).unwrap_or_else(|report| panic!("{report}"));
    let mut held: Vec<TcpStream> = Vec::new();
    let mut longest = Duration::ZERO;
    let mut answers = 0;
    let mut ask = |path: &str| {
        let asking = Stopwatch::start();
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path} after {:?}: {}", asking.elapsed(), answer.text());
        (longest, answers) = (longest.max(asking.elapsed()), answers + 1);
        assert!(longest < ANSWERED, "{path} took {longest:?} while connections were held open");
    };
    for n in 0..600 {
        let mut stream = TcpStream::connect(server.address()).expect("the queue takes it");
        // One that was let go already has made room, which is the point.
        let _sent = stream.write_all(HALF);
        held.push(stream);
        if n % 20 == 0 {
            ask("/healthz");
            ask("/api/v1/ledger");
        }
    }
    // All are held open now. For longer than a head may take: those that give up make room for those that still queue.
    let holding = Stopwatch::start();
    while holding.elapsed() < Duration::from_secs(3) {
        ask("/healthz");
        ask("/api/v1/ledger");
    }
    let journey = start(&server, "FLOOD-1");
    does(&server, &journey, &json!({ "do": "submit_step", "step": "1" }));
    assert!(sink.await_count(1, DEADLINE).is_ok(), "and deliveries go out: {}", server.stderr());
    assert!(answers > 100, "{answers} answers, the longest in {longest:?}");
    assert_eq!(held.len(), 600);
    assert!(server.terminate().success());
}
