//! What came back from one try, and what was seen on the wire.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    /// All of them, in the order of their declaration.
    pub const ALL: [ErrorClass; 10] = [
        ErrorClass::Dns,
        ErrorClass::Connect,
        ErrorClass::Tls,
        ErrorClass::Timeout,
        ErrorClass::Reset,
        ErrorClass::Status,
        ErrorClass::BodyTooLarge,
        ErrorClass::InvalidHttp,
        ErrorClass::Redirect,
        ErrorClass::Blocked,
    ];

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

/// What was sent, secrets blanked. The body is the message's. Cheap to clone, as there is one with every attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSeen {
    /// Always `POST`.
    pub method: Cow<'static, str>,
    /// Without user info; secrets blanked.
    pub url: Arc<str>,
    /// In order.
    pub headers: HeadersSeen,
}

/// Headers in their order. Those that all requests to an endpoint begin with are kept once for all of them; written
/// down they are one list.
#[derive(Clone, Default)]
pub struct HeadersSeen {
    common: Arc<[(String, String)]>,
    own: Vec<(String, String)>,
}

impl HeadersSeen {
    /// Begins with `common` and ends with `own`.
    pub fn new(common: Arc<[(String, String)]>, own: Vec<(String, String)>) -> Self {
        HeadersSeen { common, own }
    }

    /// Each name and value.
    pub fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.common.iter().chain(&self.own)
    }
}

impl From<Vec<(String, String)>> for HeadersSeen {
    fn from(own: Vec<(String, String)>) -> Self {
        HeadersSeen { common: Arc::default(), own }
    }
}

impl PartialEq for HeadersSeen {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for HeadersSeen {}

impl fmt::Debug for HeadersSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for HeadersSeen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.common.len() + self.own.len()))?;
        for header in self.iter() {
            list.serialize_element(header)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for HeadersSeen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(HeadersSeen::from)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_the_words_that_the_api_documents() {
        let words = "dns connect tls timeout reset status body_too_large invalid_http redirect blocked";
        let shown = |class: &ErrorClass| format!("{class}");
        assert_eq!(ErrorClass::ALL.iter().map(shown).collect::<Vec<_>>().join(" "), words);
        let stored = |class: ErrorClass| serde_json::to_value(class).expect("json");
        assert!(ErrorClass::ALL.into_iter().all(|class| stored(class) == class.as_str()));
    }

    #[test]
    fn an_outcome_is_told_in_a_line() {
        let late = Outcome::failed(ErrorClass::Timeout, "no status head within 10s");
        let bare = Outcome { detail: None, ..late.clone() };
        let answered = Outcome { status: Some(503), ..late.clone() };
        for (outcome, line) in [
            (&late, "timeout: no status head within 10s"),
            (&bare, "timeout"),
            (&answered, "answered 503"),
            (&Outcome::default(), "no answer"),
        ] {
            assert_eq!(outcome.summary(), line);
        }
        let phases = Phases { head_us: None, total_us: 1_500 };
        assert_eq!(Outcome { phases, ..late }.took(), Duration::from_micros(1_500));
    }

    #[test]
    fn headers_are_written_down_as_one_list_however_they_are_kept() {
        let header = |name: &str| (name.to_owned(), "value".to_owned());
        let split = HeadersSeen::new([header("a"), header("b")].into(), vec![header("c")]);
        let list = vec![header("a"), header("b"), header("c")];
        let whole = HeadersSeen::from(list.clone());
        assert_eq!(split, whole);
        assert_ne!(split, HeadersSeen::from(list[..2].to_vec()));
        assert_eq!(format!("{split:?}"), format!("{list:?}"));
        assert_eq!(serde_json::to_string(&split).expect("json"), serde_json::to_string(&list).expect("json"));
        let stored = postcard::to_stdvec(&split).expect("bytes");
        assert_eq!(stored, postcard::to_stdvec(&list).expect("bytes"));
        assert_eq!(postcard::from_bytes::<HeadersSeen>(&stored).expect("headers"), split);
    }
}
