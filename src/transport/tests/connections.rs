//! Connections without TLS: which are used again, which never, and when they are closed.

use std::io::{Read as _, Write as _};
use std::sync::mpsc::sync_channel;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::provider::qoreid::signature;
use crate::transport::http::IDLE;

/// Far more time than anything here takes, [`IDLE`] included.
const LONG: Duration = Duration::from_secs(30);

/// `two` is written to the client while its runtime cannot hear of it; nothing stands for a close.
async fn check_unheard(what: &str, two: &'static str) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let (go, wait) = sync_channel::<()>(0);
    let (done, written) = sync_channel::<()>(0);
    let peer = std::thread::spawn(move || {
        let answer = |text: &str| {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).expect("a request") > 0);
            stream.write_all(text.as_bytes()).expect("written");
            stream
        };
        let mut first = answer(OK);
        wait.recv().expect("the test goes on");
        first.write_all(two.as_bytes()).expect("written");
        let kept = (!two.is_empty()).then_some(first);
        done.send(()).expect("the test waits");
        answer("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n");
        drop(kept);
    });
    check_second(what, (&transport(), &url), (go, written), peer).await;
}

#[tokio::test]
async fn a5_what_came_unheard_while_a_connection_rested_is_no_answer() {
    check_unheard("an answer too many", "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nleftover").await;
    check_unheard("a piece of one", "HTTP/1.1 200").await;
    check_unheard("a close", "").await;
}

/// Two requests, one after the other, to a peer that would take both on one connection.
async fn check_reuse(what: &str, answer: &str, connections: usize) {
    let both = vec![Act::Read, write(answer), Act::Read, write(OK), Act::Hang];
    let peer = Peer::start(vec![both, vec![Act::Read, write(OK), Act::Hang]]).await;
    let transport = transport();
    let endpoint = patient(&peer.url("/"));
    let first = transport.send(&endpoint, &message()).await;
    assert_eq!((first.status, first.detail), (Some(200), None), "{what}");
    let second = transport.send(&endpoint, &message()).await;
    assert_eq!(told(&second), "200 - -", "{what}");
    assert_eq!(peer.seen().len(), connections, "{what}");
    let sent = peer.seen().concat();
    assert_eq!(String::from_utf8_lossy(&sent).matches("POST / HTTP/1.1\r\n").count(), 2, "{what}");
}

#[tokio::test]
async fn a_connection_is_used_again_if_its_answer_ended_and_the_peer_keeps_it() {
    let whole = "content-length: 2\r\n\r\nok";
    let large = format!("HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n{}", "l".repeat(9000));
    let cut = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    check_reuse("keeps", OK, 1).await;
    check_reuse("has no body", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 1).await;
    check_reuse("is in chunks", cut, 1).await;
    check_reuse("closes", &format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{whole}"), 2).await;
    check_reuse("is of HTTP/1.0", &format!("HTTP/1.0 200 OK\r\n{whole}"), 2).await;
    check_reuse("is of HTTP/1.0 and keeps", &format!("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n{whole}"), 2).await;
    check_reuse("is more than is kept", &large, 2).await;
    check_reuse("has a byte behind it", &format!("{OK}!"), 2).await;
}

#[tokio::test]
async fn what_comes_around_a_body_has_an_end() {
    let chunked = write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let script = vec![Act::Read, chunked, Act::Forever(b"0".repeat(1_000))];
    let around = "200 - the body broke off: what came around it is larger than what is read";
    check("never ends a chunk's length", patient, script, around).await;
}

#[tokio::test]
async fn an_answer_before_the_whole_request_is_taken_and_its_connection_is_not_used_again() {
    let refusal = "HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
    let peer = Peer::start(vec![vec![write(refusal), Act::Hang], vec![Act::Read, write(OK)]]).await;
    let transport = transport();
    let endpoint = patient(&peer.url("/"));
    // More than the sockets between take from whoever writes.
    let large = Message { body: vec![b' '; 32 << 20].into(), ..message() };
    let first = transport.send(&endpoint, &large).await;
    assert_eq!(told(&first), "413 - -");
    assert_eq!(transport.send(&endpoint, &message()).await.status, Some(200));
    assert_eq!(peer.seen().len(), 2);
}

#[tokio::test]
async fn an_answer_is_taken_whose_peer_reads_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = patient(&format!("http://{}/", listener.local_addr().expect("bound")));
    let (transport, large) = (transport(), Message { body: vec![b' '; 32 << 20].into(), ..message() });
    let (outcome, ()) = tokio::join!(transport.send(&endpoint, &large), async {
        let mut stream = accept(&listener).await;
        stream.write_all(b"HTTP/1.1 401 No\r\ncontent-length: 400000\r\n\r\n").await.expect("written");
        // Half of the body, so that the answer is under way when the connection is reset below the request.
        stream.write_all(&[b'.'; 200_000]).await.expect("written");
    });
    assert_eq!(outcome.status, Some(401), "{}", told(&outcome));
}

#[tokio::test]
async fn a_large_answer_is_read_whole_and_its_connection_kept() {
    let chunk = format!("2710\r\n{}\r\n", "c".repeat(10_000));
    let large = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(50));
    let peer = Peer::start(vec![vec![Act::Read, write(&large), Act::Read, write(&large), Act::Hang]]).await;
    let transport = transport();
    let endpoint = Endpoint { response_body_max: 1 << 20, ..patient(&peer.url("/")) };
    for _ in 0..2 {
        let response = transport.send(&endpoint, &message()).await.response.expect("an answer");
        assert_eq!((response.body.len(), response.truncated), (500_000, false));
    }
    assert_eq!(peer.seen().len(), 1);
}

/// A peer's part in `count` exchanges on one connection.
fn answers(count: usize) -> Vec<Act> {
    (0..count).flat_map(|_| [Act::Read, write(OK)]).collect()
}

#[tokio::test]
async fn few_connections_stay_warm() {
    let peer = Peer::start(vec![answers(5)]).await;
    let transport = transport();
    let endpoint = patient(&peer.url("/"));
    let message = message();
    tokio::join!(transport.send(&endpoint, &message), transport.send(&endpoint, &message));
    for _ in 0..3 {
        assert_eq!(transport.send(&endpoint, &message).await.status, Some(200));
    }
    let mut requests: Vec<usize> =
        peer.seen().iter().map(|bytes| String::from_utf8_lossy(bytes).matches("POST ").count()).collect();
    requests.sort_unstable();
    assert_eq!(requests, [1, 4]);
}

async fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().await.expect("a connection").0
}

/// Until the other side closes or resets.
async fn closed(stream: &mut TcpStream) {
    let end = async { while stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {} };
    tokio::time::timeout(LONG, end).await.expect("the connection is closed");
}

#[tokio::test]
async fn giving_an_attempt_up_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = patient(&format!("http://{}/", listener.local_addr().expect("bound")));
    let (transport, message) = (transport(), message());
    for said in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let mut attempt = transport.send(&endpoint, &message);
        let mut stream = tokio::select! {
            _ = &mut attempt => panic!("nobody has answered"),
            stream = async {
                let mut stream = accept(&listener).await;
                assert!(stream.read(&mut [0; 4096]).await.expect("a request") > 0);
                stream.write_all(said.as_bytes()).await.expect("written");
                stream
            } => stream,
        };
        assert!(futures_util::poll!(&mut attempt).is_pending());
        drop(attempt);
        closed(&mut stream).await;
    }
}

#[tokio::test]
async fn a_connection_that_rests_for_long_is_closed_and_the_next_one_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = patient(&format!("http://{}/", listener.local_addr().expect("bound")));
    let (transport, message) = (transport(), message());
    for _ in 0..2 {
        let (outcome, mut stream) = tokio::join!(transport.send(&endpoint, &message), async {
            let mut stream = accept(&listener).await;
            assert!(stream.read(&mut [0; 4096]).await.expect("a request") > 0);
            stream.write_all(OK.as_bytes()).await.expect("written");
            stream
        });
        assert_eq!(outcome.status, Some(200));
        let rested = crate::clock::Stopwatch::start();
        closed(&mut stream).await;
        // A little less, because it began to rest before the watch was started.
        assert!(rested.elapsed() > IDLE / 2, "closed after {:?}", rested.elapsed());
    }
}

#[tokio::test]
async fn what_is_prepared_follows_the_endpoint_and_the_known_secrets() {
    let peer = Peer::start(vec![answers(9)]).await;
    let transport = transport();
    let tenant = |value: &str| vec![("x-tenant".parse().expect("name"), Secret::new(value))];
    let endpoint = patient(&peer.url("/first"));
    let moved = Endpoint { url: peer.url("/second").parse().expect("url"), headers: tenant("one"), ..endpoint.clone() };
    let renamed = Endpoint { headers: tenant("two"), ..moved.clone() };
    let bearer = Endpoint { auth: Auth::Bearer { token: Secret::new("t0ken") }, ..renamed.clone() };
    for endpoint in [&endpoint, &moved, &renamed, &bearer] {
        transport.send(endpoint, &message()).await;
    }
    let wire = String::from_utf8(peer.seen().concat()).expect("text");
    let requests: Vec<&str> = wire.split("POST ").skip(1).collect();
    for (request, parts) in requests.iter().zip([
        ["/first ", "content-type: application/json"],
        ["/second ", "x-tenant: one"],
        ["/second ", "x-tenant: two"],
        ["/second ", "authorization: Bearer t0ken"],
    ]) {
        assert!(parts.iter().all(|part| request.contains(part)), "{parts:?} in {request}");
    }
    assert_eq!(&*transport.send(&endpoint, &message()).await.request.url, peer.url("/first"));
    transport.set_redactor(Redactor::new(["first"]));
    assert_eq!(&*transport.send(&endpoint, &message()).await.request.url, peer.url("/***"));
}

#[tokio::test]
async fn each_body_has_its_own_signature_on_the_wire_and_in_what_is_shown() {
    let peer = Peer::start(vec![answers(2)]).await;
    let transport = transport();
    let signed = Endpoint { auth: Auth::Hmac { secret: Secret::new("s3cr3t") }, ..patient(&peer.url("/")) };
    for body in [r#"{"n":1}"#, r#"{"n":2}"#] {
        let message = Message { body: Bytes::from_static(body.as_bytes()), ..message() };
        let outcome = transport.send(&signed, &message).await;
        let expected = signature::sign("s3cr3t", body.as_bytes());
        let line = format!("{}: {expected}\r\naccept: */*\r\n", signature::HEADER);
        assert!(String::from_utf8_lossy(&peer.seen().concat()).contains(&line), "{line}");
        assert!(outcome.request.headers.iter().any(|(name, value)| name == signature::HEADER && *value == expected));
    }
}
