//! The table: each fault of an endpoint, and what every try at it has to show.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::tls::{Authority, Certificate, Says, TlsSink};
use crate::support::sink::{Answer, Received, Sink};

/// What one try shows through the API.
pub(super) struct Try {
    pub(super) status: Option<u16>,
    pub(super) error: Option<&'static str>,
    /// What its note says; none where it is empty.
    pub(super) note: &'static str,
}

/// How a receiver misbehaves.
enum Kind {
    /// It answers each request so.
    Answers(Answer),
    /// It refuses an event the first time, and takes it the second.
    Flaps,
    /// Nobody listens.
    Refuses,
    /// It speaks TLS.
    Tls(Certificate, Says),
}

/// A receiver that misbehaves, and the tries that its webhook makes of a delivery: the last one decides.
pub(super) struct Animal {
    pub(super) name: String,
    kind: Kind,
    pub(super) tries: Vec<Try>,
}

/// An animal's receiver; it is gone when dropped.
pub(super) enum Cage {
    Plain(Sink),
    Tls(TlsSink),
    /// The URL of nobody.
    Empty(String),
}

impl Cage {
    /// Where its webhook points.
    pub(super) fn url(&self) -> String {
        match self {
            Cage::Plain(sink) => sink.url("/hook"),
            Cage::Tls(sink) => sink.url(),
            Cage::Empty(url) => url.clone(),
        }
    }

    /// Whether it was asked for anything else than its webhook's path, as by one who follows a redirect.
    pub(super) fn strayed(&self) -> bool {
        matches!(self, Cage::Plain(sink) if sink.requests().iter().any(|request| request.path != "/hook"))
    }
}

impl Animal {
    /// Opens its receiver.
    pub(super) fn cage(&self, authority: &Authority) -> Cage {
        match &self.kind {
            Kind::Answers(answer) => {
                let answer = answer.clone();
                Cage::Plain(Sink::start(move |_: &Received| answer.clone()))
            }
            Kind::Flaps => {
                let met = Mutex::new(BTreeSet::new());
                Cage::Plain(Sink::start(move |request: &Received| {
                    let new =
                        met.lock().expect("no thread panics while it holds this lock").insert(request.body.clone());
                    Answer::Status(if new { 500 } else { 200 })
                }))
            }
            Kind::Refuses => Cage::Empty(nobody()),
            Kind::Tls(certificate, says) => Cage::Tls(authority.receiver(*certificate, says.clone())),
        }
    }

    /// The state that its deliveries end in.
    pub(super) fn state(&self) -> &'static str {
        let last = self.tries.last().expect("at least one try");
        if last.status == Some(200) { "delivered" } else { "exhausted" }
    }
}

/// A URL at which nobody listens.
pub(super) fn nobody() -> String {
    // No port of the system's choice: one that was free a moment ago may be a neighbour test's now.
    "http://127.0.0.1:1/".to_owned()
}

/// Both attempts fail so, without a status.
fn fails(error: &'static str, note: &'static str) -> Vec<Try> {
    [(); 2].map(|()| Try { status: None, error: Some(error), note }).into()
}

/// Both attempts are refused with this status.
fn refused(status: u16, error: &'static str, note: &'static str) -> Vec<Try> {
    [(); 2].map(|()| Try { status: Some(status), error: Some(error), note }).into()
}

/// The first attempt is taken.
fn taken(note: &'static str) -> Vec<Try> {
    vec![Try { status: Some(200), error: None, note }]
}

/// All of them.
pub(super) fn animals() -> Vec<Animal> {
    let late = || fails("timeout", "no status head within 1s");
    let answers =
        |name: &str, answer: Answer, tries| Animal { name: name.to_owned(), kind: Kind::Answers(answer), tries };
    let raw = |text: &str| Answer::Raw(text.into());
    let other = |name: &str, kind, tries| Animal { name: name.to_owned(), kind, tries };
    let filler = "x-filler: never, ever, in time\r\n".repeat(1_000);
    let huge = format!("HTTP/1.1 200 OK\r\nx-huge: {}\r\n\r\n", "h".repeat(1 << 20));
    let long = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let (yes, no) = ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    let interim = b"HTTP/1.1 102 Processing\r\n\r\n".repeat(40);
    let around = BTreeMap::from([("Location".to_owned(), "/hook/around".to_owned())]);

    let mut animals = vec![
        other("refuse", Kind::Refuses, fails("connect", "connection refused")),
        answers("hang", Answer::Hang, late()),
        answers("drip-head", Answer::Drip(b"HTTP/1.1 200 OK\r\n".into(), filler.into()), late()),
        answers("drip-body", Answer::Drip(long.clone(), vec![b'.'; 496]), taken("the body was not whole within 1s")),
        answers(
            "endless-body",
            Answer::Forever(chunked, b"400\r\n".iter().copied().chain([b'm'; 1024]).chain(*b"\r\n").collect()),
            taken(""),
        ),
        answers(
            "huge-headers",
            raw(&huge),
            fails("body_too_large", "the answer's headers are larger than what is read"),
        ),
        answers(
            "garbage",
            raw("220 mail.example.com ESMTP\r\n\r\n"),
            fails("invalid_http", "the answer is not valid http"),
        ),
        answers("reset-before-head", Answer::Reset(Vec::new()), fails("reset", "connection reset")),
        answers("reset-after-head", Answer::Reset(long), taken("the body broke off: connection reset")),
        answers("hang-up", Answer::HangUp, fails("reset", "connection closed before a whole answer")),
        answers(
            "cut-body",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"),
            taken("the body broke off: connection closed before a whole answer"),
        ),
        answers(
            "redirect-loop",
            Answer::Full(302, around, Vec::new()),
            refused(302, "redirect", "redirects are not followed"),
        ),
        answers(
            "endless-1xx",
            Answer::Forever(Vec::new(), interim.clone()),
            fails("body_too_large", "the answer's headers are larger than what is read"),
        ),
        other(
            "tls-endless-1xx",
            Kind::Tls(Certificate::Good, Says::Forever(interim)),
            fails("body_too_large", "the answer's headers are larger than what is read"),
        ),
        answers("two-answers-no-yes", raw(&format!("{no}{yes}")), refused(500, "status", "")),
        answers("two-answers-yes-no", raw(&format!("{yes}{no}")), taken("")),
        other("flapping", Kind::Flaps, refused(500, "status", "").into_iter().take(1).chain(taken("")).collect()),
        other("tls-good", Kind::Tls(Certificate::Good, Says::Yes), taken("")),
        other("tls-expired", Kind::Tls(Certificate::Expired, Says::Yes), fails("tls", "certificate has expired")),
        other(
            "tls-wrong-name",
            Kind::Tls(Certificate::WrongName, Says::Yes),
            fails("tls", "certificate is for another name"),
        ),
        other(
            "tls-self-signed",
            Kind::Tls(Certificate::SelfSigned, Says::Yes),
            fails("tls", "certificate is not signed by an authority that is trusted here"),
        ),
    ];
    // The provider documents its gaps and no other rule: no Retry-After moves them, neither way.
    for (name, after) in [
        ("none", None),
        ("zero", Some("0")),
        ("seconds", Some("3600")),
        ("negative", Some("-1")),
        ("fraction", Some("0.5")),
        ("enormous", Some("99999999999999999999999")),
        ("date-past", Some("Wed, 21 Oct 2015 07:28:00 GMT")),
        ("date-future", Some("Fri, 31 Dec 9999 23:59:59 GMT")),
        ("garbage", Some("soon; \"really\" = \u{1F98A}")),
        ("empty", Some("")),
        ("two", Some("1\r\nRetry-After: 7200")),
    ] {
        let header = after.map(|after| format!("Retry-After: {after}\r\n")).unwrap_or_default();
        let answer = format!("HTTP/1.1 429 Slow Down\r\n{header}Content-Length: 0\r\n\r\n");
        animals.push(answers(&format!("retry-after-{name}"), raw(&answer), refused(429, "status", "")));
    }
    animals
}
