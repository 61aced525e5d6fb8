//! Deliveries over TLS, through the client library.
//!
//! Called by [`super::http`] for `https://`. The client has a task of its own for each connection; the promises are
//! those of the plain path.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ::http::header::HeaderMap;
use bytes::Bytes;
use rustls::RootCertStore;

use super::answer::{Answer, End};
use super::failure::{self, Stage};
use super::http::{HttpSetupError, IDLE, IDLE_PER_HOST};
use super::resolve::{Guard, Resolver, Rules, Unresolved};
use crate::clock::Stopwatch;

/// A connection that nobody waits for any more, because an idle one came free first, is given up after this long.
const CONNECT_AT_MOST: Duration = Duration::from_secs(60);

/// Clients for `https://`.
pub(super) struct Secure {
    open: reqwest::Client,
    guarded: reqwest::Client,
    rules: Rules,
}

impl Secure {
    /// Trusts `roots`; `open` and `guarded` say where connections may go.
    pub(super) fn new(roots: RootCertStore, open: Resolver, guarded: Resolver) -> Result<Self, HttpSetupError> {
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let rules = open.rules().clone();
        Ok(Secure { open: client(tls.clone(), open)?, guarded: client(tls, guarded)?, rules })
    }

    /// Sends one request and takes the answer down. The caller holds the deadline.
    pub(super) async fn exchange(
        &self,
        url: &url::Url,
        headers: HeaderMap,
        body: &Bytes,
        guard: Guard,
        answer: &mut Answer,
        watch: &Stopwatch,
    ) -> End {
        if let Err(why) = self.judge_literal(url) {
            let (class, detail) = failure::classify(&why, Stage::Connecting { tls: false });
            return End::Broken(class, detail);
        }
        let client = match guard {
            Guard::Open => &self.open,
            Guard::OwnApi => &self.guarded,
        };
        let mut request = reqwest::Request::new(reqwest::Method::POST, url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.clone().into());
        match take_down(client, request, answer, watch).await {
            Ok(()) => End::Whole,
            Err(error) => {
                let stage = if error.is_connect() { Stage::Connecting { tls: true } } else { Stage::Exchanging };
                let (class, detail) = failure::classify(&error, stage);
                End::Broken(class, detail)
            }
        }
    }

    /// The client asks its resolver for names only; an address that stands in the URL is judged here.
    fn judge_literal(&self, url: &url::Url) -> Result<(), Unresolved> {
        let ip = match url.host() {
            Some(url::Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(url::Host::Ipv6(ip)) => IpAddr::V6(ip),
            _ => return Ok(()),
        };
        self.rules.judge(SocketAddr::new(ip, url.port_or_known_default().unwrap_or(0)), url.path())
    }
}

async fn take_down(
    client: &reqwest::Client,
    request: reqwest::Request,
    answer: &mut Answer,
    watch: &Stopwatch,
) -> Result<(), reqwest::Error> {
    let mut response = client.execute(request).await?;
    answer.begin(response.status(), std::mem::take(response.headers_mut()), watch);
    while let Some(chunk) = response.chunk().await? {
        if !answer.take(&chunk) {
            // The rest is not waited for; dropping the answer closes its connection.
            return Ok(());
        }
    }
    Ok(())
}

fn client(tls: rustls::ClientConfig, resolver: Resolver) -> Result<reqwest::Client, HttpSetupError> {
    let source_ip = resolver.rules().source_ip;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(resolver)
        .local_address(source_ip)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .connect_timeout(CONNECT_AT_MOST)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .build()
        .map_err(HttpSetupError::Client)
}
