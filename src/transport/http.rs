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
//! written cannot be told from an early answer: HTTP/1.1 has no mark for that); it is dropped after [`IDLE`], sooner than servers commonly close theirs, so
//! that an attempt rarely meets a connection that is being closed. Where that does happen and not a byte of the
//! request was written yet, the client takes another connection, unseen by the receiver; where a byte was, the
//! attempt has failed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use ::http::header::{HeaderMap, HeaderValue};
use rustls::RootCertStore;

use super::Transport;
use super::failure::{self, Stage};
use super::request;
use super::resolve::{Guard, Resolver, Rules, Unresolved};
use crate::clock::{BoxFuture, Stopwatch};
use crate::message::{Endpoint, ErrorClass, Message, Outcome, Phases, Reach, RequestSeen, ResponseSeen};
use crate::secret::Redactor;

/// How this program names itself to receivers.
pub const USER_AGENT: &str = concat!("understudy/", env!("CARGO_PKG_VERSION"));

/// An idle connection is closed after this long. Servers' own limits start at 5 s (Node.js).
pub const IDLE: Duration = Duration::from_secs(4);

/// Idle connections that are kept per host: above any sensible `max_in_flight`, and a bound on descriptors.
const IDLE_PER_HOST: usize = 1_024;

/// A connection that nobody waits for any more, because an idle one came free first, is given up after this long.
const CONNECT_AT_MOST: Duration = Duration::from_secs(60);

/// So many bytes of an answer's headers are kept.
const HEADERS_KEPT: usize = 16 * 1024;

/// Read beyond what is kept and cut off after secrets are blanked, so that no piece of a secret stands at the cut.
const SLACK: usize = 4 * 1024;

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
    /// The client cannot be set up.
    #[error("set up the http client")]
    Client(#[source] reqwest::Error),
    /// The user agent is no header value.
    #[error("use {0:?} as a user agent")]
    UserAgent(String),
}

/// Sends over HTTP/1.1, with or without TLS.
pub struct HttpTransport {
    open: reqwest::Client,
    guarded: reqwest::Client,
    rules: Rules,
    user_agent: HeaderValue,
    redactor: RwLock<Redactor>,
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
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = |guard| client(tls.clone(), Resolver::new(rules.clone(), guard), rules.source_ip);
        Ok(HttpTransport {
            open: client(Guard::Open)?,
            guarded: client(Guard::OwnApi)?,
            rules,
            user_agent,
            redactor: RwLock::new(settings.redactor),
        })
    }

    /// Blanks other secrets from now on: those of a configuration that was taken over, or of a new webhook.
    pub fn set_redactor(&self, redactor: Redactor) {
        *self.redactor.write().unwrap_or_else(PoisonError::into_inner) = redactor;
    }

    fn redactor(&self) -> Redactor {
        self.redactor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn attempt(&self, endpoint: &Endpoint, message: &Message) -> Outcome {
        let watch = Stopwatch::start();
        let redactor = self.redactor();
        let url = request::bare(&endpoint.url);
        let headers = match request::headers(endpoint, &message.body, &self.user_agent) {
            Ok(headers) => headers,
            Err(detail) => return Outcome::failed(ErrorClass::InvalidHttp, detail),
        };
        let seen = request::seen(&url, &headers, message.body.len(), &redactor);
        if let Err(why) = self.judge_literal(&url) {
            let (class, detail) = failure::classify(&why, Stage::Connecting { tls: false });
            return Outcome { request: seen, ..Outcome::failed(class, detail) };
        }
        let guarded = self.rules.is_guarded(url.port_or_known_default().unwrap_or(0), url.path());
        let client = if guarded { &self.guarded } else { &self.open };
        let tls = url.scheme() == "https";
        let mut request = reqwest::Request::new(reqwest::Method::POST, url);
        *request.headers_mut() = headers;
        *request.body_mut() = Some(message.body.clone().into());

        let mut answer = Answer::default();
        let exchange = exchange(client, request, endpoint.response_body_max, &watch, &mut answer);
        let end = match tokio::time::timeout(endpoint.timeout, exchange).await {
            Ok(Ok(())) => End::Whole,
            Ok(Err(error)) => {
                let stage = if error.is_connect() { Stage::Connecting { tls } } else { Stage::Exchanging };
                let (class, detail) = failure::classify(&error, stage);
                End::Broken(class, detail)
            }
            Err(_) => End::Late(endpoint.timeout),
        };
        outcome(answer, end, seen, endpoint.response_body_max, &watch, &redactor)
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

impl Transport for HttpTransport {
    fn send<'a>(&'a self, endpoint: &'a Endpoint, message: &'a Message) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(endpoint, message))
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The redactor knows every secret: it is left out.
        f.debug_struct("HttpTransport").field("rules", &self.rules).finish_non_exhaustive()
    }
}

fn client(
    tls: rustls::ClientConfig,
    resolver: Resolver,
    source_ip: Option<IpAddr>,
) -> Result<reqwest::Client, HttpSetupError> {
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

fn trusted_roots() -> RootCertStore {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let native = rustls_native_certs::load_native_certs();
    let (added, ignored) = roots.add_parsable_certificates(native.certs);
    tracing::debug!(added, ignored, errors = native.errors.len(), "certificate authorities of this system loaded");
    roots
}

/// What came so far; it outlives the exchange when the deadline ends that.
#[derive(Default)]
struct Answer {
    head: Option<Head>,
    body: Vec<u8>,
    more: bool,
}

struct Head {
    status: u16,
    headers: HeaderMap,
    at_us: u64,
}

/// How an exchange ended.
enum End {
    Whole,
    Broken(ErrorClass, String),
    Late(Duration),
}

async fn exchange(
    client: &reqwest::Client,
    request: reqwest::Request,
    body_max: usize,
    watch: &Stopwatch,
    answer: &mut Answer,
) -> Result<(), reqwest::Error> {
    let mut response = client.execute(request).await?;
    answer.head = Some(Head {
        status: response.status().as_u16(),
        headers: std::mem::take(response.headers_mut()),
        at_us: micros(watch),
    });
    let read_max = body_max.saturating_add(SLACK);
    while let Some(chunk) = response.chunk().await? {
        let room = read_max - answer.body.len();
        answer.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            // The rest is not waited for; dropping the answer closes its connection.
            answer.more = true;
            return Ok(());
        }
    }
    Ok(())
}

fn outcome(
    answer: Answer,
    end: End,
    request: RequestSeen,
    body_max: usize,
    watch: &Stopwatch,
    redactor: &Redactor,
) -> Outcome {
    let phases = Phases { head_us: answer.head.as_ref().map(|head| head.at_us), total_us: micros(watch) };
    let Some(head) = answer.head else {
        let (class, detail) = match end {
            End::Broken(class, detail) => (class, detail),
            End::Late(timeout) => (ErrorClass::Timeout, format!("no status head within {}", span(timeout))),
            End::Whole => (ErrorClass::InvalidHttp, "no status head".to_owned()),
        };
        return Outcome { request, phases, ..Outcome::failed(class, detail) };
    };
    let redirect = (300..400).contains(&head.status);
    let detail = match end {
        End::Broken(_, detail) => Some(format!("the body broke off: {detail}")),
        End::Late(timeout) => Some(format!("the body was not whole within {}", span(timeout))),
        End::Whole if redirect => Some("redirects are not followed".to_owned()),
        End::Whole => None,
    };
    Outcome {
        status: Some(head.status),
        error: redirect.then_some(ErrorClass::Redirect),
        detail,
        request,
        response: Some(response_seen(&head, &answer.body, answer.more, body_max, redactor)),
        phases,
    }
}

fn response_seen(head: &Head, body: &[u8], more: bool, body_max: usize, redactor: &Redactor) -> ResponseSeen {
    let mut kept = 0;
    let mut headers = Vec::with_capacity(head.headers.len());
    for (name, value) in &head.headers {
        kept += name.as_str().len() + value.len();
        if kept > HEADERS_KEPT {
            break;
        }
        let value = redactor.bytes(value.as_bytes());
        headers.push((name.as_str().to_owned(), String::from_utf8_lossy(&value).into_owned()));
    }
    let mut clean = redactor.bytes(body);
    if more {
        clean.truncate(clean.len().saturating_sub(SLACK));
    }
    clean.truncate(body_max);
    let truncated = more || body.len() > body_max || headers.len() < head.headers.len();
    ResponseSeen { status: head.status, headers, body: clean, truncated }
}

fn micros(watch: &Stopwatch) -> u64 {
    u64::try_from(watch.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn span(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}
