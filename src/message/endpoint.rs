//! An endpoint: where messages go, how they prove where they come from, and how patiently they are tried.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::HeaderName;

use crate::message::{RetryPolicy, Success};
use crate::provider::qoreid::signature;
use crate::provider::{Dialect, Environment};
use crate::secret::Secret;

/// How requests authenticate themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// `Authorization: Basic base64(username:password)`
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// `Authorization: Bearer <token>`
    Bearer {
        /// The token.
        token: Secret,
    },
    /// `x-verifyme-signature`: HMAC-SHA512 over the body; QoreID's way.
    Hmac {
        /// The webhook's secret key.
        secret: Secret,
    },
}

impl Auth {
    /// The header that it sets, and that an endpoint may not set beside it.
    pub fn header(&self) -> Option<&'static str> {
        match self {
            Auth::None => None,
            Auth::Basic { .. } | Auth::Bearer { .. } => Some("authorization"),
            Auth::Hmac { .. } => Some(signature::HEADER),
        }
    }
}

/// Headers that no endpoint may set: they decide where a message ends, who it is for, or what becomes of the connection.
pub fn is_of_the_request(name: &HeaderName) -> bool {
    const NAMES: [&str; 9] = [
        "host",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "connection",
        "keep-alive",
        "upgrade",
        "expect",
    ];
    NAMES.contains(&name.as_str()) || name.as_str().starts_with("proxy-")
}

/// A kind of address that deliveries may go to, as `[delivery] reach` names it. Metadata services live at link-local
/// addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// This machine.
    Loopback,
    /// Networks that are not routed in public: RFC 1918, unique local and shared (carrier-grade) addresses.
    Private,
    /// All that is routed in public.
    Public,
    /// `169.254.0.0/16`, `fe80::/10` and the metadata services' addresses.
    LinkLocal,
}

impl Reach {
    /// All of them.
    pub const ALL: [Reach; 4] = [Reach::Loopback, Reach::Private, Reach::Public, Reach::LinkLocal];

    /// The kind's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Reach::Loopback => "loopback",
            Reach::Private => "private",
            Reach::Public => "public",
            Reach::LinkLocal => "link-local",
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reach {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Reach::ALL.into_iter().find(|reach| reach.as_str() == text).ok_or_else(|| {
            format!("{text:?} is not a reach: use \"loopback\", \"private\", \"public\" or \"link-local\"")
        })
    }
}

/// How a connection to an SMTP server is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// `smtp://`: STARTTLS where it is offered; required unless the server is on this machine.
    Opportunistic,
    /// `smtps://`: TLS from the first byte.
    Tls,
}

/// The SMTP server that takes error mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpTarget {
    /// How the connection is secured.
    pub security: SmtpSecurity,
    /// The server's name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User name and password, where it asks for them.
    pub credentials: Option<(String, Secret)>,
}

/// How many sends may start in a span of real time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Sends per second of real time, above 0.
    pub per_second: f64,
}

/// A webhook of the provider's portal, with its delivery policy resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Unique in a configuration; what the outbox knows it by.
    pub name: String,
    /// Only this environment's events are sent to it.
    pub environment: Environment,
    /// The era of the provider's documentation that it is spoken to in.
    pub dialect: Dialect,
    /// Event types exactly as the dialect spells them, or `*`; what stands before a `/` is all of a family.
    pub types: Vec<String>,
    /// Absolute, http or https.
    pub url: url::Url,
    /// Who is mailed when a delivery is exhausted.
    pub error_emails: Vec<String>,
    /// How requests authenticate.
    pub auth: Auth,
    /// Added to every request.
    pub headers: Vec<(http::HeaderName, Secret)>,
    /// A disabled endpoint gets no new deliveries and its pending ones wait.
    pub enabled: bool,
    /// When to try again.
    pub retry: RetryPolicy,
    /// What counts as success.
    pub success: Success,
    /// One deadline: DNS, connect, TLS, send, headers and body. Real time.
    pub timeout: Duration,
    /// At most so many attempts at once.
    pub max_in_flight: usize,
    /// At most so many starts per second.
    pub rate_limit: Option<RateLimit>,
    /// Deliver one journey's events in order.
    pub ordered: bool,
    /// So many bytes of an answer's body are kept.
    pub response_body_max: usize,
}

impl Endpoint {
    /// Whether an event of this type and environment is owed to this endpoint.
    pub fn wants(&self, event_type: &str, environment: Environment) -> bool {
        let family = event_type.split_once('/').map(|(family, _)| family);
        let named = |t: &String| t == "*" || t == event_type || Some(t.as_str()) == family;
        self.enabled && self.environment == environment && self.types.iter().any(named)
    }
}
