//! HTTP deliveries: one POST, one deadline, one outcome.
//!
//! Called by the delivery shell through [`Transport`], and by commands that send by hand.
//!
//! ```text
//!   judge --> resolve+judge --> connect --> TLS --> POST --> status head --> body, so far as it is kept
//!   '--------------------------- one deadline: Endpoint::timeout ------------------------------------'
//!                                                            '- the verdict falls here; the rest is a note
//! ```
//!
//! What it never does: follow a redirect, ask a proxy, decompress, send a request a second time, share a connection
//! between a request to our own inbox and one to anything else of ours.
//!
//! HTTP/1.1 only: there one attempt has one connection for itself, and giving an attempt up closes it. So no late
//! answer can be taken for that of a later attempt. A connection is used again only after its answer was read to
//! its end and while nothing has come behind it (what arrives in the very instant in which the next request is
//! written cannot be told from an early answer: HTTP/1.1 has no mark for that); it is dropped after [`IDLE`], sooner
//! than servers commonly close theirs, so that an attempt rarely meets a connection that is being closed. Where that
//! does happen and not a byte of the request was written yet, another connection is taken, unseen by the receiver;
//! where a byte was, the attempt has failed.
//!
//! `http1` has the connections and what goes over them, `secure` the TLS below those of `https://`. What goes out and
//! what is told of it is the same with and without.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::http::header::HeaderValue;
use rustls::RootCertStore;

use super::Transport;
use super::answer::{Answer, End};
use super::http1::Http1;
use super::prepared::{Cache, Ready};
use super::request::Prepared;
use super::resolve::{Guard, Resolver, Rules};
use super::secure::Sessions;
use crate::clock::{BoxFuture, Stopwatch};
use crate::message::{Endpoint, ErrorClass, Message, Outcome, Reach};
use crate::secret::Redactor;

/// How this program names itself to receivers.
pub const USER_AGENT: &str = concat!("understudy/", env!("CARGO_PKG_VERSION"));

/// An idle connection is closed after this long. Servers' own limits start at 5 s (Node.js).
pub const IDLE: Duration = Duration::from_secs(4);

/// Idle connections that are kept per host: above any sensible `max_in_flight`, and a bound on descriptors.
pub(super) const IDLE_PER_HOST: usize = 1_024;

/// What the transport is told at the start.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The kinds of addresses that deliveries may go to.
    pub reach: Vec<Reach>,
    /// The local address that connections are made from.
    pub source_ip: Option<IpAddr>,
    /// The `user-agent` header, [`USER_AGENT`] as a rule.
    pub user_agent: String,
    /// Blanks secrets in what is kept of requests and answers.
    pub redactor: Redactor,
    /// Where this server itself listens, set once it does: only its inbox takes deliveries.
    pub own_api: Arc<OnceLock<SocketAddr>>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        HttpSettings {
            reach: vec![Reach::Loopback, Reach::Private, Reach::Public],
            source_ip: None,
            user_agent: USER_AGENT.to_owned(),
            redactor: Redactor::default(),
            own_api: Arc::default(),
        }
    }
}

/// Why there can be no HTTP transport.
#[derive(Debug, thiserror::Error)]
pub enum HttpSetupError {
    /// TLS cannot be set up.
    #[error("set up tls: {0}")]
    Tls(#[from] rustls::Error),
    /// The user agent is no header value.
    #[error("use {0:?} as a user agent")]
    UserAgent(String),
}

/// Sends over HTTP/1.1, with or without TLS.
pub struct HttpTransport {
    http1: Http1,
    rules: Rules,
    user_agent: HeaderValue,
    prepared: Cache,
}

impl HttpTransport {
    /// A transport that trusts the system's certificate authorities (or those of `SSL_CERT_FILE`) and Mozilla's.
    ///
    /// # Errors
    /// [`HttpSetupError`] where the user agent is no header value, or TLS cannot be set up.
    pub fn new(settings: HttpSettings) -> Result<Self, HttpSetupError> {
        HttpTransport::with_roots(settings, trusted_roots())
    }

    pub(super) fn with_roots(settings: HttpSettings, roots: RootCertStore) -> Result<Self, HttpSetupError> {
        let user_agent = HeaderValue::from_str(&settings.user_agent)
            .map_err(|_| HttpSetupError::UserAgent(settings.user_agent.clone()))?;
        let rules = Rules { reach: settings.reach.into(), source_ip: settings.source_ip, own_api: settings.own_api };
        let open = Resolver::new(rules.clone(), Guard::Open);
        let guarded = Resolver::new(rules.clone(), Guard::OwnApi);
        Ok(HttpTransport {
            http1: Http1::new(open, guarded, Sessions::new(roots)?),
            rules,
            user_agent,
            prepared: Cache::new(settings.redactor),
        })
    }

    /// Blanks other secrets from now on: those of a configuration that was taken over, or of a new webhook.
    pub fn set_redactor(&self, redactor: Redactor) {
        self.prepared.set_redactor(redactor);
    }

    async fn attempt(&self, endpoint: &Endpoint, message: &Message, ready: &Ready) -> Outcome {
        let watch = Stopwatch::start();
        let Ready { request: prepared, target } = ready;
        let (request, seen) = prepared.request(&message.body);
        let mut answer = Answer::new(endpoint.response_body_max, &prepared.redactor);
        let guard = self.guard(prepared);
        let exchange = self.http1.exchange(target, guard, &request, endpoint.timeout, &mut answer, &watch);
        let end = tokio::time::timeout(endpoint.timeout, exchange).await.unwrap_or(End::Late(endpoint.timeout));
        answer.outcome(end, seen, &watch)
    }

    /// Asked at each attempt: where this server listens is known only after the first endpoints are.
    fn guard(&self, prepared: &Prepared) -> Guard {
        self.rules.guard(prepared.url.port_or_known_default().unwrap_or(0), prepared.url.path())
    }
}

impl Transport for HttpTransport {
    fn send<'a>(&'a self, endpoint: &'a Endpoint, message: &'a Message) -> BoxFuture<'a, Outcome> {
        let ready = match self.prepared.get(endpoint, &self.http1, &self.user_agent) {
            Ok(ready) => ready,
            Err(detail) => return Box::pin(async { Outcome::failed(ErrorClass::InvalidHttp, detail) }),
        };
        Box::pin(async move { self.attempt(endpoint, message, &ready).await })
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is prepared knows every secret: it is left out.
        f.debug_struct("HttpTransport").field("rules", &self.rules).finish_non_exhaustive()
    }
}

fn trusted_roots() -> RootCertStore {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let native = rustls_native_certs::load_native_certs();
    let (added, ignored) = roots.add_parsable_certificates(native.certs);
    tracing::debug!(added, ignored, errors = native.errors.len(), "certificate authorities of this system loaded");
    roots
}
