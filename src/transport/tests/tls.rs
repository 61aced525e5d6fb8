//! Certificates that do not hold, and servers that do not speak TLS.

use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
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
