//! TLS sessions for deliveries.
//!
//! Asked by [`super::http1`] for each new connection of an `https://` endpoint. Which connection that is, and what goes
//! over it, is decided there: the promises are those of a connection without TLS. A session trusts the authorities that
//! it is given, shows no certificate of its own, offers HTTP/1.1 and nothing else, and never sends a request before the
//! handshake is over.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Makes sessions, and lets a later one to the same server resume an earlier one.
pub(super) struct Sessions(TlsConnector);

impl Sessions {
    /// Sessions that trust `roots`.
    ///
    /// # Errors
    /// The cryptography has no TLS version in common with what is safe.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let mut tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Sessions(TlsConnector::from(Arc::new(tls))))
    }

    /// A session with the server that `name` is for, over `stream`. The caller holds the deadline.
    ///
    /// # Errors
    /// What [`super::failure::classify`] reads: the stream broke, or the server's certificate or its TLS will not do.
    pub(super) async fn open<S>(&self, name: &ServerName<'static>, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.0.connect(name.clone(), stream).await
    }
}

/// What the certificate of `host` has to be for.
///
/// # Errors
/// A sentence that says why there can be none.
pub(super) fn server_name(host: &url::Host<String>) -> Result<ServerName<'static>, String> {
    match host {
        url::Host::Domain(name) => ServerName::try_from(name.clone())
            .map_err(|_| "the url names a host that no certificate can be for".to_owned()),
        url::Host::Ipv4(ip) => Ok(ServerName::from(std::net::IpAddr::V4(*ip))),
        url::Host::Ipv6(ip) => Ok(ServerName::from(std::net::IpAddr::V6(*ip))),
    }
}
