//! What came back for a request, and the outcome that is made of it.
//!
//! Filled by [`super::http1`]. The verdict falls at the status head: what goes wrong behind it is a note.

use std::time::Duration;

use httparse::Header;

use crate::clock::Stopwatch;
use crate::message::{ErrorClass, Outcome, Phases, RequestSeen, ResponseSeen};
use crate::secret::Redactor;

/// So many bytes of an answer's headers are kept.
const HEADERS_KEPT: usize = 16 * 1024;

/// Read beyond what is kept and cut off after secrets are blanked, so that no piece of a secret stands at the cut.
const SLACK: usize = 4 * 1024;

/// What came so far; it outlives the exchange when the deadline ends that.
pub(super) struct Answer<'a> {
    redactor: &'a Redactor,
    head: Option<Head>,
    body: Vec<u8>,
    body_max: usize,
    more: bool,
}

struct Head {
    status: u16,
    /// As they are kept: names in small letters, values without secrets.
    headers: Vec<(String, String)>,
    /// There were more of them.
    cut: bool,
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

impl<'a> Answer<'a> {
    /// Nothing yet; of a body `body_max` bytes will be kept, and none of the secrets that `redactor` knows.
    pub(super) fn new(body_max: usize, redactor: &'a Redactor) -> Self {
        Answer { redactor, head: None, body: Vec::new(), body_max, more: false }
    }

    /// Takes the final status head down; the body is read by the caller.
    pub(super) fn begin(&mut self, status: u16, headers: &[Header<'_>], watch: &Stopwatch) {
        let at_us = micros(watch);
        let mut size = 0;
        let kept = headers.iter().take_while(|header| {
            size += header.name.len() + header.value.len();
            size <= HEADERS_KEPT
        });
        let shown = |header: &Header<'_>| (header.name.to_ascii_lowercase(), self.redactor.lossy_text(header.value));
        let kept: Vec<_> = kept.map(shown).collect();
        self.head = Some(Head { status, cut: kept.len() < headers.len(), headers: kept, at_us });
    }

    /// Takes a piece of the body down. `false` means that more came than is of use: the rest need not be waited for.
    pub(super) fn take(&mut self, chunk: &[u8]) -> bool {
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
    pub(super) fn outcome(self, end: End, request: RequestSeen, watch: &Stopwatch) -> Outcome {
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
            response: Some(response_seen(head, self.body, self.more, self.body_max, self.redactor)),
            phases,
        }
    }
}

fn response_seen(head: Head, body: Vec<u8>, more: bool, body_max: usize, redactor: &Redactor) -> ResponseSeen {
    let truncated = more || body.len() > body_max || head.cut;
    let mut clean = redactor.clean(body);
    if more {
        clean.truncate(clean.len().saturating_sub(SLACK));
    }
    clean.truncate(body_max);
    ResponseSeen { status: head.status, headers: head.headers, body: clean, truncated }
}

fn micros(watch: &Stopwatch) -> u64 {
    u64::try_from(watch.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn span(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}
