//! A server's connection whose other side has to keep up: heads come whole in time, answers are taken in time.
//!
//! Wrapped around each accepted stream by [`super::serve`]. hyper's own header limit starts while a connection is
//! merely idle; here the clock of a head starts with its first byte, so that idle connections may live longer than
//! half-sent heads.
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
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::clock::real_sleep;

const HEAD: u8 = 0;
const BUSY: u8 = 1;
const IDLE: u8 = 2;

/// Where a connection stands; shared by its stream and its request handler.
#[derive(Clone, Debug)]
pub(super) struct Standing(Arc<AtomicU8>);

impl Standing {
    pub(super) fn new() -> Self {
        Standing(Arc::new(AtomicU8::new(HEAD)))
    }

    /// The first head is waited for.
    pub(super) fn begins(&self) {
        self.0.store(HEAD, Ordering::Relaxed);
    }

    /// A whole head is there.
    pub(super) fn busy(&self) {
        self.0.store(BUSY, Ordering::Relaxed);
    }

    /// The answer is over; what is read next is another head.
    pub(super) fn idle(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }

    /// A head has not come whole yet.
    pub(super) fn is_halfway(&self) -> bool {
        self.get() == HEAD
    }

    /// Nothing is asked and nothing is being answered.
    pub(super) fn rests(&self) -> bool {
        self.get() == IDLE
    }

    // Stream and handler are polled by one task, so no ordering beyond the atomic's own is needed; whoever else looks decides
    // nothing by it that the task does not look at again.
    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
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

/// The stream.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    standing: Standing,
    head_limit: Duration,
    stall_limit: Duration,
    head: Option<Pin<Box<Sleep>>>,
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, standing: Standing, head_limit: Duration, stall_limit: Duration) -> Self {
        Watched { stream, standing, head_limit, stall_limit, head: None, stall: None }
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
        let this = &mut *self;
        let before = buf.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(cx, buf);
        if this.standing.get() == IDLE && buf.filled().len() > before {
            this.standing.0.store(HEAD, Ordering::Relaxed);
        }
        if this.standing.get() != HEAD {
            this.head = None;
            return result;
        }
        let limit = this.head_limit;
        match this.head.get_or_insert_with(|| Box::pin(real_sleep(limit))).as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => result,
        }
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
