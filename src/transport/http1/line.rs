//! One connection, with TLS or without, and one exchange over it.
//!
//! Made and used by [`super`]. There is no task that drives a connection: whoever waits for the answer polls it, so
//! an answer wakes exactly the attempt that it is for, and dropping the attempt closes the connection. It never
//! decides where to connect, and never sends a request a second time: it says where no byte of it was written.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncWrite;

use super::TooMuch;
use super::body::{Framing, Goes};
use super::head::{self, Begins};
use super::inbox::Inbox;
use super::stream::Stream;
use crate::clock::Stopwatch;
use crate::transport::answer::Answer;

/// So many bytes may come before the final status head is whole, interim answers (1xx) included. Reading those is work that
/// nothing else bounds: a peer that never stops sending them would keep a thread from all other attempts.
const BEFORE_HEAD: usize = 64 * 1024;

/// So many bytes may come for each one of a body that is kept. A chunk of one byte has six, and its TLS records up to 66
/// more; but there may be many chunks, each with an extension, and records may hold nothing at all.
const AROUND_BODY: usize = 128;

/// A connection on which at most one request is under way.
pub(super) struct Line {
    stream: Stream,
    inbox: Inbox,
    /// It has rested since it was last used.
    rested: bool,
    /// The last exchange came to its end, and the peer takes another request.
    keeps: bool,
}

/// Why an exchange came to no end.
pub(super) enum Broken {
    /// The connection had ended before a byte of the request was written.
    Unsent(io::Error),
    /// The receiver may have seen the request.
    Sent(io::Error),
}

/// What is under way.
struct Exchange<'a> {
    /// What is left to write.
    request: &'a [u8],
    /// Some of it was written, or may have been.
    begun: bool,
    /// Nothing more can be written. An answer may come all the same: some peers say what they dislike, and close.
    failed: Option<io::Error>,
    /// Once its final head is there.
    body: Option<Framing>,
    /// What that says of the connection.
    keeps: bool,
    /// All of the head that came was looked at.
    looked: usize,
}

impl Line {
    /// A line over a fresh connection.
    pub(super) fn new(stream: Stream) -> Line {
        Line { stream, inbox: Inbox::default(), rested: false, keeps: false }
    }

    /// Sends `request` and takes the answer down, until its end or until it is more than is kept.
    ///
    /// If the future is dropped the line must be dropped, too.
    pub(super) async fn exchange(
        &mut self,
        request: &[u8],
        answer: &mut Answer<'_>,
        watch: &Stopwatch,
    ) -> Result<(), Broken> {
        let wire = self.stream.wire_mut();
        if std::mem::take(&mut self.rested) {
            // The runtime hears of what came with some delay, so the socket is asked.
            wire.still_silent().map_err(Broken::Unsent)?;
        }
        wire.allow(BEFORE_HEAD);
        self.keeps = false;
        let mut under_way = Exchange { request, begun: false, failed: None, body: None, keeps: false, looked: 0 };
        let ended = poll_fn(|cx| self.poll(cx, &mut under_way, answer, watch)).await;
        ended.map_err(|error| if under_way.begun { Broken::Sent(error) } else { Broken::Unsent(error) })
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        under_way: &mut Exchange<'_>,
        answer: &mut Answer<'_>,
        watch: &Stopwatch,
    ) -> Poll<io::Result<()>> {
        under_way.poll_write(&mut self.stream, cx);
        if let Some(error) = under_way.failed.take_if(|_| !under_way.begun) {
            return Poll::Ready(Err(error));
        }
        loop {
            if self.take(under_way, answer, watch)? {
                return Poll::Ready(Ok(()));
            }
            // The reads spend the task's budget, so a peer that never stops talking cannot hold this loop.
            let came = match self.inbox.poll_more(&mut self.stream, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(came) => came,
            };
            match came {
                Ok(0) if under_way.body.as_ref().is_some_and(Framing::may_end) => return Poll::Ready(Ok(())),
                Ok(0) => return Poll::Ready(Err(under_way.why(io::ErrorKind::UnexpectedEof.into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(under_way.why(error))),
            }
        }
    }

    /// Takes down what came. Says whether that was all, or enough.
    fn take(&mut self, under_way: &mut Exchange<'_>, answer: &mut Answer<'_>, watch: &Stopwatch) -> io::Result<bool> {
        loop {
            let waiting = self.inbox.waiting();
            if let Some(body) = &mut under_way.body {
                let (count, goes) = body.read(waiting, |data| answer.take(data))?;
                self.inbox.took(count);
                // What came behind it is nobody's answer.
                let alone = goes == Goes::Ended && self.inbox.waiting().is_empty();
                self.keeps = alone && under_way.keeps && under_way.is_written();
                return Ok(goes != Goes::On);
            }
            // A head ends with its line: nobody makes us look at it for each byte that comes.
            if under_way.looked > 0 && !waiting[under_way.looked..].contains(&b'\n') || waiting.is_empty() {
                under_way.looked = waiting.len();
                return Ok(false);
            }
            under_way.looked = 0;
            match head::read(waiting, |status, headers| answer.begin(status, headers, watch))? {
                Begins::Piece => {
                    under_way.looked = waiting.len();
                    return Ok(false);
                }
                Begins::Interim(length) => self.inbox.took(length),
                Begins::Final(length, head) => {
                    self.inbox.took(length);
                    under_way.keeps = head.keeps;
                    let around = answer.most_of_body().saturating_mul(AROUND_BODY);
                    self.stream.wire_mut().allow(around.saturating_add(BEFORE_HEAD));
                    under_way.body = Some(head.framing);
                }
            }
        }
    }

    /// Whether another request may go out on it: the answer came to its end, nothing came behind it, and the peer
    /// keeps the connection. From here on it wakes nobody, and before anything is written again the socket itself is
    /// asked whether the peer closed it or said something that nobody asked for.
    pub(super) fn rests(&mut self) -> bool {
        // What a session has opened and nobody has read, the socket does not know of.
        let silent = !self.stream.is_tls() || {
            let mut nobody = Context::from_waker(Waker::noop());
            self.inbox.poll_more(&mut self.stream, &mut nobody).is_pending()
        };
        self.inbox.shrink();
        self.rested = true;
        self.keeps && silent
    }
}

impl Exchange<'_> {
    /// Writes as much as the peer takes now.
    fn poll_write(&mut self, stream: &mut Stream, cx: &mut Context<'_>) {
        while !self.request.is_empty() && self.failed.is_none() {
            match Pin::new(&mut *stream).poll_write(cx, self.request) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => self.failed = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    self.begun = true;
                    self.request = &self.request[count..];
                }
                Poll::Ready(Err(error)) => {
                    // A session may have written before it failed.
                    self.begun |= stream.is_tls();
                    self.failed = Some(error);
                }
            }
        }
        if self.failed.is_none()
            && let Poll::Ready(Err(error)) = Pin::new(stream).poll_flush(cx)
        {
            self.failed = Some(error);
        }
    }

    /// Whether the peer was sent the whole of it.
    fn is_written(&self) -> bool {
        self.request.is_empty() && self.failed.is_none()
    }

    /// Why it came to no end: what broke first.
    fn why(&mut self, error: io::Error) -> io::Error {
        // That we have enough is our own word, and so is no sign of the peer's.
        let ours = error.get_ref().is_some_and(|inner| inner.is::<TooMuch>());
        if ours { error } else { self.failed.take().unwrap_or(error) }
    }
}
