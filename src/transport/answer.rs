//! What came back for a request, and the outcome that is made of it.
//!
//! Filled by [`super::plain`]. The verdict falls at the status head: what goes wrong behind it is a note.

use std::time::Duration;

use ::http::{HeaderMap, StatusCode};
use bytes::Bytes;

use crate::clock::Stopwatch;
use crate::message::{ErrorClass, Outcome, Phases, RequestSeen, ResponseSeen};
use crate::secret::Redactor;

/// So many bytes of an answer's headers are kept.
const HEADERS_KEPT: usize = 16 * 1024;

/// Read beyond what is kept and cut off after secrets are blanked, so that no piece of a secret stands at the cut.
const SLACK: usize = 4 * 1024;

/// What came so far; it outlives the exchange when the deadline ends that.
pub(super) struct Answer {
    head: Option<Head>,
    body: Vec<u8>,
    body_max: usize,
    more: bool,
}

struct Head {
    status: u16,
    headers: HeaderMap,
    at_us: u64,
}

/// How an exchange ended.
pub(super) enum End {
    /// The answer came to its end, or was more than is kept.
    Whole,
    /// It broke off, or never came.
    Broken(ErrorClass, String),
    /// The deadline ended it.
    Late(Duration),
}

impl Answer {
    /// Nothing yet; of a body `body_max` bytes will be kept.
    pub(super) fn new(body_max: usize) -> Self {
        Answer { head: None, body: Vec::new(), body_max, more: false }
    }

    /// Takes the final status head down; the body is read by the caller.
    pub(super) fn begin(&mut self, status: StatusCode, headers: HeaderMap, watch: &Stopwatch) {
        self.head = Some(Head { status: status.as_u16(), headers, at_us: micros(watch) });
    }

    /// Takes a piece of the body down. `false` means that more came than is of use: the rest need not be waited for.
    pub(super) fn take(&mut self, chunk: &Bytes) -> bool {
        let room = self.most_of_body() - self.body.len();
        self.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        self.more = chunk.len() > room;
        !self.more
    }

    /// Whether its final status head has come.
    pub(super) fn has_begun(&self) -> bool {
        self.head.is_some()
    }

    /// How many bytes of its body are taken down at most.
    pub(super) fn most_of_body(&self) -> usize {
        self.body_max.saturating_add(SLACK)
    }

    /// Whether the answer was taken down to its end.
    pub(super) fn is_all(&self) -> bool {
        self.head.is_some() && !self.more
    }

    /// What came of the attempt.
    pub(super) fn outcome(self, end: End, request: RequestSeen, watch: &Stopwatch, redactor: &Redactor) -> Outcome {
        let phases = Phases { head_us: self.head.as_ref().map(|head| head.at_us), total_us: micros(watch) };
        let Some(head) = self.head else {
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
            response: Some(response_seen(&head, self.body, self.more, self.body_max, redactor)),
            phases,
        }
    }
}

fn response_seen(head: &Head, body: Vec<u8>, more: bool, body_max: usize, redactor: &Redactor) -> ResponseSeen {
    let mut kept = 0;
    let mut headers = Vec::with_capacity(head.headers.len());
    for (name, value) in &head.headers {
        kept += name.as_str().len() + value.len();
        if kept > HEADERS_KEPT {
            break;
        }
        headers.push((name.as_str().to_owned(), redactor.lossy_text(value.as_bytes())));
    }
    let truncated = more || body.len() > body_max || headers.len() < head.headers.len();
    let mut clean = redactor.clean(body);
    if more {
        clean.truncate(clean.len().saturating_sub(SLACK));
    }
    clean.truncate(body_max);
    ResponseSeen { status: head.status, headers, body: clean, truncated }
}

fn micros(watch: &Stopwatch) -> u64 {
    u64::try_from(watch.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn span(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}
