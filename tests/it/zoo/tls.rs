//! Receivers behind TLS whose certificates hold, or do not.

use std::io::{self, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::http::{read_body, read_head};
use crate::support::listener::Listener;

/// An authority of our own, that a server can be told to trust.
pub(super) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
}

/// What a receiver shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certificate {
    /// One that holds.
    Good,
    /// One that held long ago.
    Expired,
    /// One of another host.
    WrongName,
    /// One that nobody vouches for.
    SelfSigned,
}

/// What a receiver says to whoever comes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// Yes, to each request.
    Yes,
    /// These bytes, again and again, until the client goes away.
    Forever(Vec<u8>),
}

/// A receiver behind TLS.
pub(super) struct TlsSink(Listener);

impl Authority {
    pub(super) fn new() -> Authority {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no name is needed");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        // A name of its own: who signs himself must not look like signed by it.
        params.distinguished_name.push(rcgen::DnType::CommonName, "authority of the zoo");
        let key = rcgen::KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a root").pem();
        Authority { issuer: rcgen::Issuer::new(params, key), pem }
    }

    /// A file with the authority's own certificate, as `SSL_CERT_FILE` wants it.
    pub(super) fn file(&self, dir: &Path) -> PathBuf {
        let file = dir.join("authority.pem");
        std::fs::write(&file, &self.pem).expect("the test's directory is writable");
        file
    }

    /// A receiver that shows `certificate` and, if that is taken, says what `says` says.
    pub(super) fn receiver(&self, certificate: Certificate, says: Says) -> TlsSink {
        let tls = Arc::new(self.tls(certificate));
        // A client that goes away is what most of these are for.
        TlsSink(Listener::start(move |stream| drop(serve(stream, Arc::clone(&tls), &says))))
    }

    fn tls(&self, certificate: Certificate) -> ServerConfig {
        let name = if certificate == Certificate::WrongName { "elsewhere.example" } else { "localhost" };
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(if certificate == Certificate::Expired { 2002 } else { 2999 }, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let shown = match certificate {
            Certificate::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        };
        let shown = shown.expect("a certificate").der().clone();
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![shown], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .expect("a pair")
    }
}

impl TlsSink {
    /// By the name that the good certificate is for.
    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}/", self.0.address().port())
    }
}

fn serve(stream: TcpStream, tls: Arc<ServerConfig>, says: &Says) -> io::Result<()> {
    let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    while let Some((_, headers)) = read_head(&mut reader)? {
        read_body(&mut reader, &headers)?;
        match says {
            Says::Yes => reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?,
            Says::Forever(bytes) => loop {
                reader.get_mut().write_all(bytes)?;
            },
        }
        reader.get_mut().flush()?;
    }
    Ok(())
}
