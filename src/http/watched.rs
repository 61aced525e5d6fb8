//! A server's connection whose other side has to keep up: heads come whole in time, answers are taken in time.
//!
//! Wrapped around each accepted stream by [`super::serve`]. hyper's own header limit starts while a connection is
//! merely idle, and sets a timer for each request; here the clock of a head starts with its first byte, so that idle
//! connections may live longer than half-sent heads, and one bell is set for all heads and rests of a connection.
//!
//! ```text
//!   accepted --> head --(request handed over)--> busy --(answer over)--> idle
//!                  ^                                                       |
//!                  '-------------------- first byte -----------------------'
//! ```

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::clock::{Stopwatch, real_sleep};

const HEAD: u32 = 0;
const BUSY: u32 = 1;
const IDLE: u32 = 2;
/// What says how it stands; the rest counts how often that changed.
const STANDS: u32 = 3;

/// Where a connection stands; shared by its stream and its request handler.
#[derive(Clone, Debug)]
pub(super) struct Standing(Arc<AtomicU32>);

impl Standing {
    pub(super) fn new() -> Self {
        Standing(Arc::new(AtomicU32::new(HEAD)))
    }

    /// A head is waited for, or for what is missing of it.
    pub(super) fn begins(&self) {
        self.set(HEAD);
    }

    /// A whole head is there.
    pub(super) fn busy(&self) {
        self.set(BUSY);
    }

    /// The answer is over; what is read next is another head.
    pub(super) fn idle(&self) {
        self.set(IDLE);
    }

    /// A head has not come whole yet.
    pub(super) fn is_halfway(&self) -> bool {
        self.get() & STANDS == HEAD
    }

    /// Nothing is asked and nothing is being answered.
    pub(super) fn rests(&self) -> bool {
        self.get() & STANDS == IDLE
    }

    // Stream and handler are polled by one task, so no ordering beyond the atomic's own is needed; whoever else looks decides
    // nothing by it that the task does not look at again.
    fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, stands: u32) {
        self.0.store((self.get() | STANDS).wrapping_add(1) | stands, Ordering::Relaxed);
    }
}

/// The body of an answer: when it is gone the answer is over, however long it was.
#[derive(Debug)]
pub(super) struct Answering {
    body: Body,
    standing: Standing,
}

impl Answering {
    pub(super) fn new(body: Body, standing: Standing) -> Self {
        Answering { body, standing }
    }
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.standing.idle();
    }
}

/// For how long a connection may stand so.
#[derive(Debug)]
pub(super) struct Patience {
    standing: Standing,
    head: Duration,
    idle: Duration,
    since_start: Stopwatch,
    /// How it stood when that was looked at last, and from when on.
    stood: (u32, Duration),
    bell: Option<Bell>,
}

#[derive(Debug)]
struct Bell {
    at: Duration,
    rings: Pin<Box<Sleep>>,
}

impl Patience {
    /// `head` from a head's first byte, of the first head from now, to its last; `idle` without a byte between two requests.
    pub(super) fn new(standing: Standing, head: Duration, idle: Duration) -> Self {
        let stood = (standing.get(), Duration::ZERO);
        Patience { standing, head, idle, since_start: Stopwatch::start(), stood, bell: None }
    }

    /// Completes when it has stood so for too long. To be polled whenever the connection was: only then does it find that the
    /// connection stands otherwise.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stands = self.standing.get();
        if stands != self.stood.0 {
            self.stood = (stands, self.since_start.elapsed());
        }
        let span = match stands & STANDS {
            HEAD => self.head,
            IDLE => self.idle,
            _ => return Poll::Pending,
        };
        let until = self.stood.1.saturating_add(span);
        loop {
            let bell = match &mut self.bell {
                Some(bell) if bell.at <= until => bell,
                none_so_early => {
                    let left = until.saturating_sub(self.since_start.elapsed());
                    none_so_early.insert(Bell { at: until, rings: Box::pin(real_sleep(left)) })
                }
            };
            if bell.rings.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if bell.at == until {
                return Poll::Ready(());
            }
            // It was set for what was before.
            self.bell = None;
        }
    }
}

/// The stream.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    standing: Standing,
    stall_limit: Duration,
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    /// `stall_limit` without the other side taking a byte of an answer.
    pub(super) fn new(stream: S, standing: Standing, stall_limit: Duration) -> Self {
        Watched { stream, standing, stall_limit, stall: None }
    }

    /// Passes a write's result on; one that makes no progress for too long is an error.
    fn progress<T>(&mut self, result: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stall = None;
            return result;
        }
        let limit = self.stall_limit;
        match self.stall.get_or_insert_with(|| Box::pin(real_sleep(limit))).as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if self.standing.rests() && buf.filled().len() > before {
            self.standing.begins();
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.progress(result, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.progress(result, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A connection of ten seconds for a head and sixty for rest, watched for `span`: whether it was late within it.
    async fn watched(patience: &mut Patience, span: Duration) -> bool {
        tokio::time::timeout(span, poll_fn(|cx| patience.poll(cx))).await.is_ok()
    }

    fn begun() -> (Standing, Patience, Stopwatch) {
        let standing = Standing::new();
        (standing.clone(), Patience::new(standing, 10 * SECOND, 60 * SECOND), Stopwatch::start())
    }

    /// One that is answered at once.
    fn request(standing: &Standing) {
        standing.begins();
        standing.busy();
        standing.idle();
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_from_its_first_byte() {
        let (_standing, mut patience, watch) = begun();
        assert!(watched(&mut patience, 100 * SECOND).await);
        assert_eq!(watch.elapsed().as_secs(), 10, "the first from the start");
        let (standing, mut patience, watch) = begun();
        standing.busy();
        assert!(!watched(&mut patience, 500 * SECOND).await, "an answer may take long");
        standing.idle();
        assert!(!watched(&mut patience, 30 * SECOND).await);
        standing.begins();
        assert!(watched(&mut patience, 100 * SECOND).await);
        assert_eq!(watch.elapsed().as_secs(), 540);
    }

    #[tokio::test(start_paused = true)]
    async fn rest_ends_and_begins_again_with_each_request() {
        let (standing, mut patience, watch) = begun();
        for _ in 0..4 {
            assert!(!watched(&mut patience, 9 * SECOND).await);
            // Whole requests between two looks.
            request(&standing);
            assert!(!watched(&mut patience, 59 * SECOND).await);
            request(&standing);
        }
        assert!(watched(&mut patience, 500 * SECOND).await);
        assert_eq!(watch.elapsed().as_secs(), 4 * 68 + 60);
    }
}
