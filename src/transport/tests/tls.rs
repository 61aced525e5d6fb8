//! Certificates that do not hold, servers that do not speak TLS, and the rules of connections, which hold over TLS as
//! they do without.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::sync_channel;

use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConnection};
use tokio_rustls::TlsAcceptor;

use super::*;

/// A certificate for `name` by an authority of its own, valid until `year`.
fn certificate(name: &str, year: i32) -> (TlsAcceptor, RootCertStore) {
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2001, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("no name");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let (root_key, key) = (rcgen::KeyPair::generate().expect("a key"), rcgen::KeyPair::generate().expect("a key"));
    let root = authority.self_signed(&root_key).expect("a root");
    let issuer = rcgen::Issuer::new(authority, root_key);
    let leaf = params.signed_by(&key, &issuer).expect("a certificate");

    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let server = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)
        .expect("a pair");
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).expect("a root");
    (TlsAcceptor::from(Arc::new(server)), roots)
}

#[tokio::test]
async fn a_certificate_has_to_hold() {
    for (name, year, trusted, expected) in [
        ("localhost", 2999, true, "200 - -"),
        ("localhost", 2002, true, "- tls certificate has expired"),
        ("elsewhere.example", 2999, true, "- tls certificate is for another name"),
        ("localhost", 2999, false, "- tls certificate is not signed by an authority that is trusted here"),
    ] {
        let (acceptor, roots) = certificate(name, year);
        let peer = Peer::start_tls(vec![vec![Act::Read, write(OK)]], acceptor).await;
        let roots = if trusted { roots } else { RootCertStore::empty() };
        let transport = HttpTransport::with_roots(HttpSettings::default(), roots).expect("a transport");
        let url = format!("https://localhost:{}/", peer.addr.port());
        let outcome = transport.send(&patient(&url), &message()).await;
        assert_eq!(told(&outcome), expected, "{name} until {year}");
    }
}

#[tokio::test]
async fn what_is_no_tls_server_is_told_so() {
    for (script, expected) in [
        (vec![write("HTTP/1.1 400 Bad Request\r\n\r\n"), Act::Hang], "- tls the server does not speak tls here"),
        (vec![Act::Reset], "- tls connection reset during the tls handshake"),
        (vec![], "- tls connection closed during the tls handshake"),
    ] {
        let peer = Peer::start(vec![script]).await;
        let url = format!("https://localhost:{}/", peer.addr.port());
        let outcome = transport().send(&patient(&url), &message()).await;
        assert_eq!(told(&outcome), expected);
    }
    let peer = Peer::start(vec![vec![Act::Hang]]).await;
    let outcome = transport().send(&endpoint(&format!("https://localhost:{}/", peer.addr.port())), &message()).await;
    assert_eq!(told(&outcome), "- timeout no status head within 300ms");
}

/// A peer behind TLS that plays `scripts`, and a transport that trusts it.
async fn trusted(scripts: Vec<Vec<Act>>) -> (Peer, HttpTransport) {
    let (acceptor, roots) = certificate("localhost", 2999);
    let peer = Peer::start_tls(scripts, acceptor).await;
    (peer, HttpTransport::with_roots(HttpSettings::default(), roots).expect("a transport"))
}

async fn check_over_tls(fault: &str, endpoint: fn(&str) -> Endpoint, script: Vec<Act>, expected: &str) {
    let (peer, transport) = trusted(vec![script]).await;
    let url = format!("https://localhost:{}/hook?key=in-the-query", peer.addr.port());
    let outcome = transport.send(&endpoint(&url), &message()).await;
    assert_eq!(told(&outcome), expected, "{fault}");
}

#[tokio::test]
async fn a5_an_answer_over_tls_is_read_as_one_without() {
    let late = "- timeout no status head within 300ms";
    check_over_tls("hangs", endpoint, vec![Act::Read, Act::Hang], late).await;
    check_over_tls("drips its head", endpoint, vec![Act::Read, Act::Drip(OK.into())], late).await;
    let large = "- body_too_large the answer's headers are larger than what is read";
    let interim = Act::Forever(b"HTTP/1.1 100 Continue\r\n\r\n".into());
    check_over_tls("never ends with 1xx", patient, vec![Act::Read, interim], large).await;
    let interim = vec![Act::Read, write("HTTP/1.1 103 Early Hints\r\n\r\n"), write(OK)];
    check_over_tls("answers after 1xx", patient, interim, "200 - -").await;
    let garbage = "- invalid_http the answer is not valid http";
    check_over_tls("talks garbage", patient, vec![Act::Read, write("\0\u{1}SSH-2.0-OpenSSH\r\n\r\n")], garbage).await;
    check_over_tls("resets", patient, vec![Act::Read, Act::Reset], "- reset connection reset").await;
    let closed = "connection closed before a whole answer";
    check_over_tls("closes", patient, vec![Act::Read], &format!("- reset {closed}")).await;
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
    let cut = format!("200 - the body broke off: {closed}");
    check_over_tls("closes in its body", patient, vec![Act::Read, write(half)], &cut).await;
    let chunked = write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let script = vec![Act::Read, chunked, Act::Forever(b"0".repeat(1_000))];
    let around = "200 - the body broke off: what came around it is larger than what is read";
    check_over_tls("never ends a chunk's length", patient, script, around).await;
}

/// Two requests, one after the other, to a peer that would take both on one connection.
async fn check_reuse_over_tls(what: &str, answer: &str, connections: usize) {
    let both = vec![Act::Read, write(answer), Act::Read, write(OK), Act::Hang];
    let (peer, transport) = trusted(vec![both, vec![Act::Read, write(OK), Act::Hang]]).await;
    let endpoint = patient(&format!("https://localhost:{}/", peer.addr.port()));
    for _ in 0..2 {
        assert_eq!(told(&transport.send(&endpoint, &message()).await), "200 - -", "{what}");
    }
    assert_eq!(peer.seen().len(), connections, "{what}");
}

#[tokio::test]
async fn a_connection_over_tls_is_used_again_if_its_answer_ended_and_the_peer_keeps_it() {
    check_reuse_over_tls("keeps", OK, 1).await;
    check_reuse_over_tls("closes", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", 2).await;
    check_reuse_over_tls("has a byte behind it", &format!("{OK}!"), 2).await;
}

#[tokio::test]
async fn a_connection_without_tls_is_never_one_with_it() {
    let clear = write("HTTP/1.1 400 Bad Request\r\n\r\n");
    let peer = Peer::start(vec![vec![Act::Read, write(OK), Act::Read, write(OK), Act::Hang], vec![clear]]).await;
    let transport = transport();
    let to = |scheme: &str| patient(&format!("{scheme}://localhost:{}/", peer.addr.port()));
    assert_eq!(told(&transport.send(&to("http"), &message()).await), "200 - -");
    let over_tls = transport.send(&to("https"), &message()).await;
    assert_eq!(told(&over_tls), "- tls the server does not speak tls here");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up() {
    // The head of a message of the largest kind, and the rest of it in pieces of a byte.
    let start = Act::Write(vec![0x16, 3, 3, 0, 4, 2, 0, 0xff, 0xff]);
    let peer = Peer::start(vec![vec![start, Act::Forever([0x16, 3, 3, 0, 1, 0].repeat(1_000))]]).await;
    let outcome = transport().send(&patient(&format!("https://localhost:{}/", peer.addr.port())), &message()).await;
    assert_eq!(told(&outcome), "- tls no tls session");
}

/// A peer's end of one connection, whose records are made and sent by hand.
struct ByHand {
    stream: TcpStream,
    tls: ServerConnection,
}

impl ByHand {
    fn accept(listener: &TcpListener, acceptor: &TlsAcceptor) -> ByHand {
        let (mut stream, _) = listener.accept().expect("a connection");
        // What is sent is there at once, and does not wait for the other side to acknowledge what was sent before.
        stream.set_nodelay(true).expect("a socket");
        let mut tls = ServerConnection::new(Arc::clone(acceptor.config())).expect("a session");
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).expect("a handshake");
        }
        ByHand { stream, tls }
    }

    /// Reads a request, or what there is of it; `None` where the other side has gone.
    fn read(&mut self) -> Option<()> {
        loop {
            if let Ok(count) = self.tls.reader().read(&mut [0; 4096]) {
                return (count > 0).then_some(());
            }
            self.tls.read_tls(&mut self.stream).ok().filter(|count| *count > 0)?;
            self.tls.process_new_packets().ok()?;
        }
    }

    /// One record, not sent yet.
    fn record(&mut self, text: &str) -> Vec<u8> {
        let mut record = Vec::new();
        self.tls.writer().write_all(text.as_bytes()).expect("room");
        while self.tls.wants_write() {
            self.tls.write_tls(&mut record).expect("room");
        }
        record
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the client is there");
    }
}

const REFUSAL: &str = "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n";

/// A listener, its URL, its TLS, and a transport that trusts it.
fn by_hand() -> (TcpListener, String, TlsAcceptor, HttpTransport) {
    let (acceptor, roots) = certificate("localhost", 2999);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://localhost:{}/", listener.local_addr().expect("bound").port());
    let transport = HttpTransport::with_roots(HttpSettings::default(), roots).expect("a transport");
    (listener, url, acceptor, transport)
}

/// `two` is written to the client while its runtime cannot hear of it; nothing stands for a close.
async fn check_unheard_over_tls(what: &str, two: &'static str) {
    let (listener, url, acceptor, transport) = by_hand();
    let (go, wait) = sync_channel::<()>(0);
    let (done, written) = sync_channel::<()>(0);
    let peer = std::thread::spawn(move || {
        let mut first = ByHand::accept(&listener, &acceptor);
        first.read().expect("a request");
        let answer = first.record(OK);
        first.send(&answer);
        wait.recv().expect("the test goes on");
        let kept = if two.is_empty() {
            drop(first);
            None
        } else {
            let leftover = first.record(two);
            first.send(&leftover);
            Some(first)
        };
        done.send(()).expect("the test waits");
        let mut second = ByHand::accept(&listener, &acceptor);
        second.read().expect("a request");
        let answer = second.record(REFUSAL);
        second.send(&answer);
        drop(kept);
    });
    check_second(what, (&transport, &url), (go, written), peer).await;
}

#[tokio::test]
async fn a5_what_came_unheard_while_a_connection_over_tls_rested_is_no_answer() {
    check_unheard_over_tls("an answer too many", "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nleftover").await;
    check_unheard_over_tls("a piece of one", "HTTP/1.1 200").await;
    check_unheard_over_tls("a close", "").await;
}

#[tokio::test]
async fn a5_a_record_that_began_before_the_request_is_no_answer() {
    let (listener, url, acceptor, transport) = by_hand();
    let peer = std::thread::spawn(move || {
        let mut first = ByHand::accept(&listener, &acceptor);
        first.read().expect("a request");
        let (answer, leftover) = (first.record(OK), first.record(OK));
        let (begun, rest) = leftover.split_at(leftover.len() - 4);
        first.send(&[&answer, begun].concat());
        // Whoever takes the connection for one at rest gets the rest of the old record as soon as he has asked.
        let late = rest.to_vec();
        let waiting = std::thread::spawn(move || first.read().map(|()| first.send(&late)));
        let mut second = ByHand::accept(&listener, &acceptor);
        second.read().expect("a request");
        let answer = second.record(REFUSAL);
        second.send(&answer);
        assert!(waiting.join().expect("no panic").is_none(), "nothing more is asked on the first connection");
    });
    assert_eq!(transport.send(&patient(&url), &message()).await.status, Some(200));
    let second = transport.send(&Endpoint { timeout: Duration::from_secs(5), ..patient(&url) }, &message()).await;
    assert_eq!(second.status, Some(500), "{}", told(&second));
    peer.join().expect("no panic");
}
