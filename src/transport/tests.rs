//! The faults of an endpoint, each played by a scripted peer, and what is told of them.

use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;

use super::http::{HttpSettings, HttpTransport};
use super::peer::{Act, Peer, write};
use super::{Transport, http::USER_AGENT};
use crate::clock::Timestamp;
use crate::ids::EventId;
use crate::message::{Auth, Endpoint, ErrorClass, Message, Outcome, Reach, RetryPolicy, Success};
use crate::provider::Environment;
use crate::rng::Seed;
use crate::secret::{Redactor, Secret};

mod connections;
mod tls;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        name: "demo".into(),
        environment: Environment::Sandbox,
        dialect: crate::provider::Dialect::current(crate::provider::ProviderKind::Idwise),
        types: vec!["*".into()],
        url: url.parse().expect(url),
        error_emails: Vec::new(),
        auth: Auth::None,
        headers: Vec::new(),
        enabled: true,
        retry: RetryPolicy { gaps: Vec::new(), jitter: 0.0 },
        success: Success::Only200,
        timeout: Duration::from_millis(300),
        max_in_flight: 1,
        rate_limit: None,
        ordered: false,
        response_body_max: 64,
    }
}

/// Far more time than a healthy exchange on a busy machine takes.
fn patient(url: &str) -> Endpoint {
    Endpoint { timeout: Duration::from_secs(20), ..endpoint(url) }
}

fn message() -> Message {
    Message {
        event_id: EventId::by_hand(Seed(0), 1),
        event_type: "Finished Journey".into(),
        journey_id: None,
        sequence: 0,
        environment: Environment::Sandbox,
        created_at: Timestamp::default(),
        body: Bytes::from_static(br#"{"event":"Finished Journey","body":{}}"#),
        forms: Vec::new(),
    }
}

fn transport() -> HttpTransport {
    HttpTransport::new(HttpSettings::default()).expect("a transport")
}

fn told(outcome: &Outcome) -> String {
    let class = outcome.error.map_or("-", ErrorClass::as_str);
    let status = outcome.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    format!("{status} {class} {}", outcome.detail.as_deref().unwrap_or("-"))
}

async fn check(fault: &str, endpoint: fn(&str) -> Endpoint, script: Vec<Act>, expected: &str) {
    let peer = Peer::start(vec![script]).await;
    let outcome = transport().send(&endpoint(&peer.url("/hook?key=in-the-query")), &message()).await;
    assert_eq!(told(&outcome), expected, "{fault}");
    assert!(!told(&outcome).contains("in-the-query"), "{fault}: the query stands in the detail");
    assert_eq!(outcome.status.is_some(), outcome.response.is_some(), "{fault}");
    assert_eq!(outcome.status.is_some(), outcome.phases.head_us.is_some(), "{fault}");
}

/// Two requests to `url`: after the first the peer says something that the runtime cannot hear of, or closes, and tells when
/// it has. The second request needs another connection, on which it is refused.
async fn check_second(
    what: &str,
    (transport, url): (&HttpTransport, &str),
    (go, written): (SyncSender<()>, Receiver<()>),
    peer: JoinHandle<()>,
) {
    assert_eq!(transport.send(&patient(url), &message()).await.status, Some(200), "{what}");
    // This holds up the only thread that could tell the runtime.
    go.send(()).expect("the peer waits");
    written.recv().expect("the peer went on");
    let second = transport.send(&patient(url), &message()).await;
    assert_eq!(second.status, Some(500), "{what}: {}", told(&second));
    peer.join().expect("no panic");
}

#[tokio::test]
async fn a5_without_a_status_head_there_is_no_status() {
    let headers = |count: usize, length: usize| {
        let header = format!("x-filler: {}\r\n", "f".repeat(length));
        write(&format!("HTTP/1.1 200 OK\r\n{}\r\n", header.repeat(count)))
    };
    let late = "- timeout no status head within 300ms";
    check("hangs at once", endpoint, vec![Act::Hang], late).await;
    check("hangs after reading", endpoint, vec![Act::Read, Act::Hang], late).await;
    check("drips its head", endpoint, vec![Act::Read, Act::Drip(OK.into())], late).await;
    check("never ends its head", endpoint, vec![Act::Read, write("HTTP/1.1 200 OK\r\n"), Act::Hang], late).await;

    let garbage = "- invalid_http the answer is not valid http";
    check("talks garbage", patient, vec![Act::Read, write("\0\u{1}SSH-2.0-OpenSSH\r\n\r\n")], garbage).await;
    check("talks HTTP/0.9", patient, vec![Act::Read, write("<html>\r\n\r\n</html>")], garbage).await;
    check("has no status", patient, vec![Act::Read, write("HTTP/1.1 OK\r\n\r\n")], garbage).await;
    check(
        "has two lengths",
        patient,
        vec![Act::Read, write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok")],
        garbage,
    )
    .await;

    let large = "- body_too_large the answer's headers are larger than what is read";
    check("has too many headers", patient, vec![Act::Read, headers(200, 1)], large).await;
    check("has huge headers", patient, vec![Act::Read, headers(1, 1 << 20), Act::Hang], large).await;
    let interim = Act::Forever(b"HTTP/1.1 100 Continue\r\n\r\n".into());
    check("never ends with 1xx", patient, vec![Act::Read, interim], large).await;

    check("resets at once", patient, vec![Act::Reset], "- reset connection reset").await;
    check("resets before the head", patient, vec![Act::Read, Act::Reset], "- reset connection reset").await;
    check("closes before the head", patient, vec![Act::Read], "- reset connection closed before a whole answer").await;
    check(
        "closes within the head",
        patient,
        vec![Act::Read, write("HTTP/1.1 200 O")],
        "- reset connection closed before a whole answer",
    )
    .await;
}

#[tokio::test]
async fn the_verdict_falls_at_the_head_and_the_rest_is_a_note() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n";
    check("answers", patient, vec![Act::Read, write(OK)], "200 - -").await;
    check(
        "answers after 1xx",
        patient,
        vec![Act::Read, write("HTTP/1.1 103 Early Hints\r\n\r\n"), write(OK)],
        "200 - -",
    )
    .await;
    check("refuses", patient, vec![Act::Read, write("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")], "503 - -").await;
    check(
        "drips its body",
        endpoint,
        vec![Act::Read, write(head), Act::Drip(b"not in time, never!!".into())],
        "200 - the body was not whole within 300ms",
    )
    .await;
    check(
        "resets after the head",
        patient,
        vec![Act::Read, write(head), Act::Drip(b"some of it".into()), Act::Reset],
        "200 - the body broke off: connection reset",
    )
    .await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_note() {
    let cut = "200 - the body broke off: connection closed before a whole answer";
    check(
        "closes in its body",
        patient,
        vec![Act::Read, write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")],
        cut,
    )
    .await;
    check(
        "breaks its chunks",
        patient,
        vec![Act::Read, write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")],
        "200 - the body broke off: the answer is not valid http",
    )
    .await;
}

#[tokio::test]
async fn an_endless_body_is_read_no_further_than_it_is_kept() {
    let endless = vec![
        Act::Read,
        write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        Act::Forever(b"4\r\nmore\r\n".to_vec()),
    ];
    let peer = Peer::start(vec![endless]).await;
    let outcome = transport().send(&patient(&peer.url("/")), &message()).await;
    assert_eq!(told(&outcome), "200 - -");
    let response = outcome.response.expect("an answer");
    assert_eq!(response.body, b"more".repeat(16));
    assert!(response.truncated);
}

#[tokio::test]
async fn redirects_are_told_and_not_followed() {
    let peer = Peer::start(vec![vec![
        Act::Read,
        write("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"),
        Act::Hang,
    ]])
    .await;
    let outcome = transport().send(&patient(&peer.url("/hook")), &message()).await;
    assert_eq!(told(&outcome), "302 redirect redirects are not followed");
    assert_eq!(peer.seen().len(), 1);
    assert!(!String::from_utf8_lossy(&peer.seen()[0]).contains("elsewhere"));
}

#[tokio::test]
async fn a5_an_answer_too_many_is_never_that_of_the_next_request() {
    let two = format!("{OK}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond");
    let refusal = "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n";
    let peer = Peer::start(vec![vec![Act::Read, write(&two), Act::Hang], vec![Act::Read, write(refusal)]]).await;
    let transport = transport();
    let first = transport.send(&patient(&peer.url("/")), &message()).await;
    let second = transport.send(&patient(&peer.url("/")), &message()).await;
    assert_eq!(first.response.expect("an answer").body, b"ok");
    assert_eq!(second.status, Some(500), "the leftover 200 was taken for an answer");
    assert_eq!(peer.seen().len(), 2);
}

#[tokio::test]
async fn a7_a_request_that_was_written_is_never_written_again() {
    // The first answer leaves a connection behind. The second request goes out on it, and the peer breaks it.
    for breaks in [Act::Reset, Act::Read] {
        let scripts = vec![vec![Act::Read, write(OK), Act::Read, breaks], vec![Act::Read, write(OK)]];
        let last_is_read = matches!(scripts[0][3], Act::Read);
        let peer = Peer::start(scripts).await;
        let transport = transport();
        let endpoint = Endpoint { timeout: Duration::from_secs(1), ..endpoint(&peer.url("/")) };
        assert_eq!(transport.send(&endpoint, &message()).await.status, Some(200));
        let second = transport.send(&endpoint, &message()).await;
        let expected = if last_is_read { ErrorClass::Timeout } else { ErrorClass::Reset };
        assert_eq!((second.status, second.error), (None, Some(expected)));
        assert_eq!(peer.seen().len(), 1, "the request was sent again on another connection");
        assert_eq!(String::from_utf8_lossy(&peer.seen()[0]).matches("POST ").count(), 2);
    }
}

#[tokio::test]
async fn a_connection_that_the_peer_closed_while_idle_costs_no_attempt() {
    let peer = Peer::start(vec![vec![Act::Read, write(OK)]]).await;
    let transport = transport();
    for n in 0..20 {
        let outcome = transport.send(&patient(&peer.url("/")), &message()).await;
        assert_eq!(outcome.status, Some(200), "request {n}: {}", told(&outcome));
    }
    assert_eq!(peer.seen().len(), 20);
}

#[tokio::test]
async fn nobody_listening_and_no_such_name() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("bound")
    };
    let refused = transport().send(&patient(&format!("http://{gone}/")), &message()).await;
    assert_eq!(told(&refused), "- connect connection refused");
    let unknown = transport().send(&patient("http://no-such-host.invalid/"), &message()).await;
    assert_eq!(told(&unknown), "- dns name does not resolve");
}

#[tokio::test]
async fn what_may_not_be_reached_is_not_dialled() {
    for (url, of) in [
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("http://[::ffff:169.254.169.254]/", "169.254.169.254"),
        ("http://[64:ff9b::a9fe:a9fe]/", "169.254.169.254"),
        ("http://2852039166/", "169.254.169.254"),
        ("http://0xA9.0xFE.0xA9.0xFE/", "169.254.169.254"),
        ("http://[fd00:ec2::254]/", "fd00:ec2::254"),
        ("http://0/", "0.0.0.0"),
        ("http://[::]/", "::"),
        ("http://224.0.0.1/", "224.0.0.1"),
        ("http://203.0.113.1/", "203.0.113.1"),
        ("http://255.255.255.255/", "255.255.255.255"),
    ] {
        let outcome = transport().send(&patient(url), &message()).await;
        assert_eq!(outcome.error, Some(ErrorClass::Blocked), "{url}: {}", told(&outcome));
        assert!(outcome.detail.unwrap_or_default().contains(&format!("may not go to {of}:")), "{url}");
    }

    let public_only = HttpSettings { reach: vec![Reach::Public], ..HttpSettings::default() };
    let transport = HttpTransport::new(public_only).expect("a transport");
    let peer = Peer::start(vec![vec![Act::Read, write(OK)]]).await;
    let port = peer.addr.port();
    for host in ["127.0.0.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "localhost"] {
        let outcome = transport.send(&patient(&format!("http://{host}:{port}/")), &message()).await;
        assert_eq!(outcome.error, Some(ErrorClass::Blocked), "{host}: {}", told(&outcome));
    }
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn of_our_own_server_only_the_inbox_is_reached_whatever_the_spelling() {
    let keep_alive = vec![Act::Read, write(OK), Act::Read, write(OK), Act::Hang];
    let peer = Peer::start(vec![keep_alive]).await;
    let settings = HttpSettings { own_api: Arc::new(OnceLock::from(peer.addr)), ..HttpSettings::default() };
    let transport = HttpTransport::new(settings).expect("a transport");
    let port = peer.addr.port();
    for host in ["127.0.0.1", "localhost"] {
        let inbox = transport.send(&patient(&format!("http://{host}:{port}/inbox/demo")), &message()).await;
        assert_eq!(inbox.status, Some(200), "{}", told(&inbox));
        for path in ["/api/v1/journeys", "/inbox/../api/v1/clock", "/inbox/%2e%2e/api/v1/clock", "/inbox\\..\\api"] {
            let api = transport.send(&patient(&format!("http://{host}:{port}{path}")), &message()).await;
            assert_eq!(api.error, Some(ErrorClass::Blocked), "{host}{path}: {}", told(&api));
        }
    }
    let asked = peer.seen().concat();
    assert_eq!(String::from_utf8_lossy(&asked).matches("POST /inbox/demo ").count(), 2);
    assert!(!String::from_utf8_lossy(&asked).contains("api"));
}

#[tokio::test]
async fn the_wire_carries_exactly_what_is_promised_and_twice_the_same() {
    let peer = Peer::start(vec![vec![Act::Read, write(OK)]]).await;
    let url = format!("http://localhost:{}/hook?a=b", peer.addr.port());
    let secretive = Endpoint {
        auth: Auth::Basic { username: "idwise".into(), password: Secret::new("p4ss-w0rd") },
        headers: vec![
            ("x-api-key".parse().expect("name"), Secret::new("k3y-v4lue")),
            ("x-tenant".parse().expect("name"), Secret::new("t3nant")),
        ],
        ..patient(&url)
    };
    let transport = transport();
    let first = transport.send(&secretive, &message()).await;
    let second = transport.send(&secretive, &message()).await;
    assert_eq!((first.status, second.status), (Some(200), Some(200)));
    let seen = peer.seen();
    assert_eq!(seen[0], seen[1]);
    let wire = String::from_utf8(seen[0].clone()).expect("text").replace(&peer.addr.port().to_string(), "PORT");
    insta::assert_snapshot!(wire.replace("\r\n", "\n").replace(USER_AGENT, "understudy/VERSION"), @r#"
    POST /hook?a=b HTTP/1.1
    content-type: application/json
    user-agent: understudy/VERSION
    authorization: Basic aWR3aXNlOnA0c3MtdzByZA==
    x-api-key: k3y-v4lue
    x-tenant: t3nant
    accept: */*
    host: localhost:PORT
    content-length: 38

    {"event":"Finished Journey","body":{}}
    "#);

    let kept = &first.request;
    let order = |text: &str| text.lines().filter_map(|l| Some(l.split_once(": ")?.0.to_owned())).collect::<Vec<_>>();
    let head = wire.split("\r\n\r\n").next().expect("a head");
    assert_eq!(kept.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), order(head));
    let shown: Vec<String> = kept.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let shown =
        shown.join("\n").replace(&peer.addr.port().to_string(), "PORT").replace(USER_AGENT, "understudy/VERSION");
    insta::assert_snapshot!(shown, @r#"
    content-type: application/json
    user-agent: understudy/VERSION
    authorization: Basic ***
    x-api-key: ***
    x-tenant: ***
    accept: */*
    host: localhost:PORT
    content-length: 38
    "#);
    assert_eq!((&*kept.method, &*kept.url), ("POST", url.as_str()));
}

#[tokio::test]
async fn x1_what_a_receiver_echoes_is_kept_without_secrets() {
    const TOKEN: &str = "s3cr3t-t0ken-of-some-length";
    let body = format!("{}{TOKEN}{}", "a".repeat(50), "b".repeat(10_000));
    let echo = format!("HTTP/1.1 200 OK\r\nx-echo: Bearer {TOKEN}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let peer = Peer::start(vec![vec![Act::Read, write(&echo)]]).await;
    let redactor = Redactor::new([TOKEN]);
    let transport = HttpTransport::new(HttpSettings { redactor, ..HttpSettings::default() }).expect("a transport");
    let bearer = Endpoint {
        auth: Auth::Bearer { token: Secret::new(TOKEN) },
        ..patient(&peer.url(&format!("/{TOKEN}?token={TOKEN}")))
    };
    let outcome = transport.send(&bearer, &message()).await;
    assert!(String::from_utf8_lossy(&peer.seen()[0]).contains(&format!("authorization: Bearer {TOKEN}")));
    let kept = format!("{outcome:?}");
    assert!(!kept.contains("s3cr3t") && kept.contains("Bearer ***"), "{kept}");
    let response = outcome.response.expect("an answer");
    // The answer was cut where the secret might have been, too: less is kept than could be, never a part of it.
    let body = String::from_utf8_lossy(&response.body);
    assert!(body.len() <= 64 && body.starts_with("aaaa") && body.trim_matches(['a', '*', 'b']).is_empty(), "{body}");
    assert!(response.truncated);
    assert!(!format!("{transport:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn headers_that_would_cut_a_message_are_refused() {
    for (name, value, auth) in [
        ("content-length", "1", Auth::None),
        ("host", "elsewhere", Auth::None),
        ("proxy-authorization", "x", Auth::None),
        ("authorization", "x", Auth::Bearer { token: Secret::new("token") }),
        ("x-broken", "a\r\nx-injected: b", Auth::None),
    ] {
        let headers = vec![(name.parse().expect("name"), Secret::new(value))];
        let outcome = transport().send(&Endpoint { headers, auth, ..patient("http://127.0.0.1:1/") }, &message()).await;
        assert_eq!(outcome.error, Some(ErrorClass::InvalidHttp), "{name}: {}", told(&outcome));
        assert!(!told(&outcome).contains("injected"));
    }
}
