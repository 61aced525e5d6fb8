//! What came back from one try, and what was seen on the wire.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a try failed, by where it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The name did not resolve.
    Dns,
    /// No connection.
    Connect,
    /// No TLS session, or a certificate that does not hold.
    Tls,
    /// The deadline passed.
    Timeout,
    /// The connection broke.
    Reset,
    /// An answer with a status that is not success.
    Status,
    /// Headers or body beyond what is read.
    BodyTooLarge,
    /// An answer that is not HTTP.
    InvalidHttp,
    /// A redirect: never followed.
    Redirect,
    /// Deliveries may not go to that address.
    Blocked,
}

impl ErrorClass {
    /// The class's word.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorClass::Dns => "dns",
            ErrorClass::Connect => "connect",
            ErrorClass::Tls => "tls",
            ErrorClass::Timeout => "timeout",
            ErrorClass::Reset => "reset",
            ErrorClass::Status => "status",
            ErrorClass::BodyTooLarge => "body_too_large",
            ErrorClass::InvalidHttp => "invalid_http",
            ErrorClass::Redirect => "redirect",
            ErrorClass::Blocked => "blocked",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Spans of real time within a try, in microseconds from its start; `None` where it never got so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Until the status head was there.
    pub head_us: Option<u64>,
    /// Until the body was read.
    pub total_us: u64,
}

/// What was sent, secrets blanked. The body is the message's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSeen {
    /// Always `POST`.
    pub method: String,
    /// Without user info; secrets blanked.
    pub url: String,
    /// In order.
    pub headers: Vec<(String, String)>,
}

/// What came back, secrets blanked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseSeen {
    /// The status.
    pub status: u16,
    /// In order.
    pub headers: Vec<(String, String)>,
    /// At most `response_body_max` bytes.
    pub body: Vec<u8>,
    /// Whether more came than was kept.
    pub truncated: bool,
}

/// What came of one try: data, never an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The status head, if one came.
    pub status: Option<u16>,
    /// Why there is none, or what is wrong with it; `Status` and `Redirect` are set by whoever reads the outcome
    /// with the endpoint's success rule.
    pub error: Option<ErrorClass>,
    /// For people: what happened, or a note beside a good head ("the body was cut off"). Without secrets.
    pub detail: Option<String>,
    /// What was sent.
    pub request: RequestSeen,
    /// What came back.
    pub response: Option<ResponseSeen>,
    /// How long it took.
    pub phases: Phases,
}

impl Outcome {
    /// A try that got no answer.
    pub fn failed(error: ErrorClass, detail: impl Into<String>) -> Self {
        Outcome { error: Some(error), detail: Some(detail.into()), ..Outcome::default() }
    }

    /// How long the try took, in real time.
    pub fn took(&self) -> Duration {
        Duration::from_micros(self.phases.total_us)
    }

    /// One line for lists and mails: `answered 500`, `timeout: no status head within 10s`.
    pub fn summary(&self) -> String {
        match (self.status, self.error) {
            (Some(status), _) => format!("answered {status}"),
            (None, Some(error)) => match &self.detail {
                Some(detail) => format!("{error}: {detail}"),
                None => error.to_string(),
            },
            (None, None) => "no answer".to_owned(),
        }
    }
}
