//! The harness, judged without the product: sinks spoken to over raw sockets, a server played by a shell.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use super::http::request;
use super::server::{DEADLINE, Server};
use super::sink::{Answer, Sink};
use super::smtp::{Reply, SmtpSink, Stage};
use super::tools::{python, python_with, which};

/// A deadline for what must not happen: as short as a test may be held up.
const SHORTLY: Duration = Duration::from_millis(50);

#[test]
fn a_sink_records_bytes_in_order_and_answers_by_its_list() {
    let sink = Sink::statuses(&[500, 200]);
    let body = b"{\"a\": 1 }\r\n\xff";
    let statuses: Vec<u16> = ["/a?b=c", "/d", "/e"]
        .map(|path| request(sink.address(), "POST", path, &[("X-Case", "Kept ")], body).expect("an answer").status)
        .to_vec();
    assert_eq!(statuses, [500, 200, 200]);
    let seen = sink.requests();
    assert_eq!(
        seen.iter().map(|one| (one.order, one.path.as_str())).collect::<Vec<_>>(),
        [(0, "/a?b=c"), (1, "/d"), (2, "/e")]
    );
    assert_eq!((seen[0].method.as_str(), seen[0].body.as_slice()), ("POST", body.as_slice()));
    assert!(seen[0].headers.contains(&("X-Case".to_owned(), "Kept".to_owned())), "{:?}", seen[0].headers);
    assert_eq!(seen[0].header("x-case"), Some("Kept"));
    assert!(seen[0].at <= seen[1].at, "{seen:?}");
    assert_eq!(sink.url("/a"), format!("http://{}/a", sink.address()));
}

#[test]
fn a_sink_keeps_a_connection_and_reads_chunks() {
    let sink = Sink::start(|seen| match seen.order {
        0 => Answer::Full(429, BTreeMap::from([("Retry-After".to_owned(), "3".to_owned())]), b"busy".to_vec()),
        _ => Answer::Status(204),
    });
    let mut stream = TcpStream::connect(sink.address()).expect("a connection");
    let chunked = "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
    let plain = "GET /b HTTP/1.1\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{chunked}{plain}").as_bytes()).expect("written");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers up to the end");
    assert_eq!(answers, "HTTP/1.1 429 \r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nbusyHTTP/1.1 204 \r\n\r\n");
    assert_eq!(sink.requests()[0].body, b"abcde");
}

#[test]
fn a_sink_can_misbehave() {
    let sink = Sink::start(|seen| match seen.path.as_str() {
        "/raw" => Answer::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".to_vec()),
        "/hang" => Answer::Hang,
        _ => Answer::HangUp,
    });
    for path in ["/raw", "/gone"] {
        let cut = request(sink.address(), "GET", path, &[], b"").expect_err("no whole answer").kind();
        assert_eq!(cut, ErrorKind::UnexpectedEof, "{path}");
    }
    let mut held = TcpStream::connect(sink.address()).expect("a connection");
    held.write_all(b"GET /hang HTTP/1.1\r\n\r\n").expect("written");
    assert_eq!(sink.await_count(3, DEADLINE).map(|seen| seen.len()), Ok(3));
    drop(sink);
    let mut rest = Vec::new();
    // Dropping the sink ends what it held open.
    assert_eq!(held.read_to_end(&mut rest).expect("an end"), 0);
}

#[test]
fn waiting_ends_with_the_arrival_or_at_the_deadline() {
    let sink = Sink::statuses(&[200]);
    let to = sink.address();
    let sender = std::thread::spawn(move || request(to, "POST", "/", &[], b"x").expect("an answer"));
    assert_eq!(sink.await_count(1, DEADLINE).expect("one request").len(), 1);
    assert_eq!(sender.join().expect("sent").status, 200);
    assert_eq!(sink.await_count(2, SHORTLY).expect_err("no second request").len(), 1);
}

/// Sends each line and collects the first line of each reply, the greeting first; an empty one is a closed connection.
fn dialogue(to: SocketAddr, lines: &[&str]) -> Vec<String> {
    let stream = TcpStream::connect(to).expect("a connection");
    let mut writer = stream.try_clone().expect("a descriptor");
    let mut reader = BufReader::new(stream);
    let mut reply = || {
        let mut line = String::new();
        while reader.read_line(&mut line).expect("a reply") > 0 && line[line.len() - 2..] == *"\r\n" {
            let last = line.trim_end().rsplit("\r\n").next().unwrap_or_default();
            if last.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
        line.lines().next().unwrap_or_default().to_owned()
    };
    let mut replies = vec![reply()];
    for line in lines {
        writer.write_all(format!("{line}\r\n").as_bytes()).expect("written");
        replies.push(reply());
    }
    replies
}

#[test]
fn an_smtp_sink_takes_a_mail() {
    let sink = SmtpSink::willing();
    let mail = "Subject: x\r\n\r\n..dot\r\nend\r\n.";
    let lines = ["EHLO me", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>", "DATA", mail, "AUTH x", "QUIT"];
    let codes: Vec<String> = dialogue(sink.address(), &lines).iter().map(|line| line[..3].to_owned()).collect();
    assert_eq!(codes, ["220", "250", "250", "250", "250", "354", "250", "502", "221"]);
    let mails = sink.await_count(1, DEADLINE).expect("a mail");
    assert_eq!((mails[0].order, mails[0].from.as_str(), mails[0].taken), (0, "a@b", true));
    assert_eq!(mails[0].to, ["c@d", "e@f"]);
    assert_eq!(mails[0].text(), "Subject: x\r\n\r\n.dot\r\nend\r\n");
    assert_eq!(sink.url(), format!("smtp://{}", sink.address()));
}

#[test]
fn an_smtp_sink_refuses_and_cuts_where_the_script_says() {
    let lines = ["EHLO me", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "x\r\n."];
    let rows: &[(Stage, Reply, &str, Option<bool>)] = &[
        (Stage::Greeting, Reply::Say("421 busy"), "421 busy", Some(true)),
        (Stage::Hello, Reply::Say("250 AUTH PLAIN"), "250 AUTH PLAIN", Some(true)),
        (Stage::MailFrom("a@b".to_owned()), Reply::Say("451 later"), "451 later", Some(true)),
        (Stage::Accepted, Reply::Say("554 no"), "554 no", Some(false)),
        (Stage::Accepted, Reply::Cut, "", Some(true)),
    ];
    for (stage, reply, line, taken) in rows {
        let (at, with) = (stage.clone(), reply.clone());
        let sink = SmtpSink::start(move |stage| if *stage == at { with.clone() } else { Reply::Usual });
        let replies = dialogue(sink.address(), &lines);
        assert!(replies.iter().any(|one| one == line), "{stage:?} {reply:?}: {replies:?}");
        assert_eq!(sink.mails().first().map(|mail| mail.taken), *taken, "{stage:?} {reply:?}");
    }
    // A refused recipient is not in the envelope; a mute server can be left.
    let sink = SmtpSink::start(|stage| match stage {
        Stage::Recipient(to) if to == "c@d" => Reply::Say("550 unknown"),
        Stage::Other(_) => Reply::Hang,
        _ => Reply::Usual,
    });
    dialogue(sink.address(), &lines);
    assert_eq!(sink.mails()[0].to, [""; 0]);
    let mut mute = TcpStream::connect(sink.address()).expect("a connection");
    mute.write_all(b"HELP\r\n").expect("written");
    mute.set_read_timeout(Some(DEADLINE)).expect("a connected socket takes options");
    let mut greeting = [0; "220 sink ESMTP\r\n".len()];
    mute.read_exact(&mut greeting).expect("a greeting");
    drop(sink);
    // Whether `HELP` was read by then decides between an end and a reset; a wait to the deadline is neither.
    let ended = mute.read(&mut [0]).map_err(|error| error.kind());
    assert!(matches!(ended, Ok(0) | Err(ErrorKind::ConnectionReset)), "{ended:?}");
}

/// A command that plays the server: `script` with the address of `sink` as its first argument.
fn played(script: &str, sink: &Sink) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", &sink.address().to_string()]);
    command
}

#[test]
fn a_server_is_waited_for_asked_and_ended() {
    let sink = Sink::start(|seen| match (seen.order, seen.path.as_str()) {
        (0..3, "/readyz") => Answer::Status(503),
        (_, "/json") => Answer::Full(201, BTreeMap::new(), b"{\"a\":[1]}".to_vec()),
        _ => Answer::Status(200),
    });
    let script = "echo talk >&2; echo listening on http://$1; exec sleep 600";
    let server = Server::ready(played(script, &sink)).expect("it comes up");
    assert_eq!(server.address(), sink.address());
    assert_eq!(sink.requests().len(), 4, "it was asked until it was ready");
    assert_eq!(server.get("/json").json(), serde_json::json!({ "a": [1] }));
    let answer = server.post("/post", &serde_json::json!({ "b": 2 }));
    assert_eq!((answer.status, answer.header("content-length"), answer.text().as_str()), (200, Some("0"), ""));
    assert_eq!(sink.requests()[5].body, b"{\"b\":2}");
    assert_eq!(server.stdout(), format!("listening on http://{}", sink.address()));
    assert_eq!(server.await_stderr("tal"), "talk");
    assert_eq!(server.stderr(), "talk");
    assert_eq!(server.kill().signal(), Some(9));

    let polite = "sleep 600 & trap 'kill $!; exit 7' TERM; echo listening on http://$1; wait";
    let server = Server::ready(played(polite, &sink)).expect("it comes up");
    assert_eq!(server.terminate().code(), Some(7));
}

#[test]
fn a_server_that_does_not_come_up_is_reported_with_its_output() {
    let sink = Sink::statuses(&[503]);
    for (script, words) in [
        ("echo broken config >&2; exit 2", "broken config"),
        ("echo listening on http://$1; echo port lost >&2", "ended before it was ready"),
    ] {
        let report = Server::ready(played(script, &sink)).err().expect("it does not come up");
        assert!(report.contains(words), "{report}");
    }
}

#[test]
fn the_real_binary_is_asked_to_serve_on_a_port_of_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let command = Server::command(dir.path(), "seed = 1\n");
    let arguments: Vec<String> = command.get_args().map(|one| one.to_string_lossy().into_owned()).collect();
    assert_eq!(arguments[4..], ["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(std::fs::read_to_string(&arguments[1]).expect("a file"), "seed = 1\n");
}

#[test]
fn a_missing_program_is_none() {
    assert_eq!(which("no-such-program-of-understudy"), None);
    assert!(which("sh").is_some_and(|path| path.is_absolute()));
    if python().is_some() {
        assert_eq!(python_with("no_such_module_of_understudy"), None);
        assert!(python_with("json").is_some());
    }
}
