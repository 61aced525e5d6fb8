//! One connection, with TLS or without, and one exchange over it.
//!
//! Made and used by [`super`]. There is no task that drives a connection: whoever waits for the answer polls it, so
//! an answer wakes exactly the attempt that it is for, and dropping the attempt closes the connection. It never
//! decides where to connect, and never sends a request a second time: one of which no byte was written is handed
//! back.

use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use ::http::Version;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::stream::{Records, Stream};
use crate::clock::Stopwatch;
use crate::transport::answer::Answer;

/// So many bytes may come before the final status head is whole, interim answers (1xx) included. Reading those is work that
/// nothing else bounds: a peer that never stops sending them would keep a thread from all other attempts.
const BEFORE_HEAD: usize = 64 * 1024;

/// So many bytes may come for each one of a body that is kept. A chunk of one byte has six, and its TLS records up to 66
/// more; but a chunk's length may have zeros before it without end, and records may hold nothing at all.
const AROUND_BODY: usize = 128;

/// More came than any peer in its senses has to say at this stage.
#[derive(Debug, thiserror::Error)]
#[error("more came than is read")]
pub(in crate::transport) struct TooMuch;

/// What goes out.
pub(in crate::transport) type Request = ::http::Request<Full<Bytes>>;

/// A connection on which at most one request is under way.
pub(super) struct Line {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    connection: Option<http1::Connection<TokioIo<Stream>, Full<Bytes>>>,
    /// Whether the last answer was of HTTP/1.1. To a peer of HTTP/1.0 the next request would be put differently.
    current: bool,
    bell: Arc<Bell>,
    /// Rings the bell. The connection never sees another waker, so a parked one does not hold on to a task that has
    /// ended, and an attempt that takes it over has nothing to register anew.
    waker: Waker,
}

/// Why an exchange came to no end.
pub(super) enum Broken {
    /// The connection had ended before a byte of the request was written: here it is again.
    Unsent(Box<Request>, hyper::Error),
    /// The receiver may have seen the request.
    Sent(hyper::Error),
}

impl Line {
    /// A line over a fresh connection.
    pub(super) async fn open(stream: Stream) -> Result<Box<Line>, hyper::Error> {
        let bell = Arc::clone(&stream.wire().bell);
        let wire = TokioIo::new(stream);
        // Bodies are small: copying one beside the head is cheaper than a write of two pieces.
        let (sender, connection) = http1::Builder::new().writev(false).handshake(wire).await?;
        let waker = Waker::from(Arc::clone(&bell));
        Ok(Box::new(Line { sender, connection: Some(connection), current: true, bell, waker }))
    }

    /// Sends `request` and takes the answer down, until its end or until it is more than is kept.
    ///
    /// If the future is dropped the line must be dropped, too.
    pub(super) async fn exchange(
        &mut self,
        request: Request,
        answer: &mut Answer,
        watch: &Stopwatch,
    ) -> Result<(), Broken> {
        let mut response = pin!(self.sender.try_send_request(request));
        let mut body: Option<Incoming> = None;
        let Line { connection, current, bell, waker, .. } = self;
        bell.room.store(BEFORE_HEAD, Ordering::Relaxed);
        std::future::poll_fn(|cx| {
            bell.task.register(cx.waker());
            let mut ringing = Context::from_waker(waker);
            // What the connection hands over is looked at right after it was polled, so it need not ring for that.
            let mut quiet = Context::from_waker(Waker::noop());
            loop {
                // An ended connection is dropped at once: that ends the answer for whoever waits for more of it.
                if connection.as_mut().is_some_and(|open| Pin::new(open).poll(&mut ringing).is_ready()) {
                    *connection = None;
                }
                let mut moved = false;
                if body.is_none() {
                    match response.as_mut().poll(&mut quiet) {
                        Poll::Ready(Ok(response)) => {
                            let (head, incoming) = response.into_parts();
                            let around = answer.most_of_body().saturating_mul(AROUND_BODY);
                            bell.room.store(around.saturating_add(BEFORE_HEAD), Ordering::Relaxed);
                            *current = head.version == Version::HTTP_11;
                            answer.begin(head.status, head.headers, watch);
                            body = Some(incoming);
                            moved = true;
                        }
                        Poll::Ready(Err(mut error)) => {
                            return Poll::Ready(Err(match error.take_message() {
                                Some(request) => Broken::Unsent(Box::new(request), error.into_error()),
                                None => Broken::Sent(error.into_error()),
                            }));
                        }
                        Poll::Pending => {}
                    }
                }
                while let Some(open) = &mut body {
                    if open.is_end_stream() {
                        return Poll::Ready(Ok(()));
                    }
                    match Pin::new(open).poll_frame(&mut quiet) {
                        Poll::Ready(Some(Ok(frame))) => {
                            moved = true;
                            if frame.data_ref().is_some_and(|chunk| !answer.take(chunk)) {
                                return Poll::Ready(Ok(()));
                            }
                        }
                        Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Broken::Sent(error))),
                        Poll::Ready(None) => return Poll::Ready(Ok(())),
                        Poll::Pending => break,
                    }
                }
                // What was taken may have made room for more. The connection's reads spend the task's budget, so a
                // peer that never stops talking cannot hold this loop.
                if !moved {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Whether another request may go out on it: the answer came to its end, nothing came behind it, and the peer
    /// keeps the connection. From here on it wakes nobody, and before anything is written again the socket itself is
    /// asked whether the peer closed it or said something that nobody asked for.
    pub(super) fn rests(&mut self) -> bool {
        self.bell.task.take();
        let mut ringing = Context::from_waker(&self.waker);
        if !self.sender.is_ready() {
            let Some(open) = &mut self.connection else { return false };
            if Pin::new(open).poll(&mut ringing).is_ready() {
                self.connection = None;
            }
        }
        self.bell.rested.store(true, Ordering::Relaxed);
        self.current && self.connection.is_some() && self.sender.is_ready()
    }
}

/// Wakes the attempt that uses a line, if one does.
#[derive(Default)]
struct Bell {
    task: AtomicWaker,
    /// Whether the line has rested since it was last read.
    rested: AtomicBool,
    /// How many bytes may still come at this stage of the exchange.
    room: AtomicUsize,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.task.wake();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.task.wake();
    }
}

/// The socket below a connection, and below its TLS if it has that: all bounds and looks are on what really comes.
pub(super) struct Wire {
    stream: TcpStream,
    bell: Arc<Bell>,
    /// Where it carries TLS.
    records: Option<Records>,
}

impl Wire {
    /// Over a fresh connection that carries requests as they are.
    pub(super) fn clear(stream: TcpStream) -> Wire {
        Wire { stream, bell: Arc::default(), records: None }
    }

    /// Over a fresh connection that carries TLS.
    pub(super) fn with_records(stream: TcpStream) -> Wire {
        // A handshake is bounded by whoever makes it: it has few messages, of 64 KiB at most.
        let bell = Bell { room: AtomicUsize::new(usize::MAX), ..Bell::default() };
        Wire { stream, bell: Arc::new(bell), records: Some(Records::default()) }
    }

    /// The runtime hears of what came with some delay, and tells of nothing until then; so the socket is asked. A
    /// connection reads before it takes a request over, and an error at that point hands the request back.
    ///
    /// Over TLS whatever came counts as said, and so does a record that has not come whole: what it holds is not known.
    fn still_silent(&self) -> io::Result<()> {
        if self.records.as_ref().is_some_and(|records| !records.are_whole()) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.bell.rested.load(Ordering::Relaxed) {
            wire.bell.rested.store(false, Ordering::Relaxed);
            wire.still_silent()?;
        }
        let left = wire.bell.room.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Err(io::Error::other(TooMuch)));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut wire.stream).poll_read(cx, buf);
        let came = &buf.filled()[before..];
        wire.bell.room.store(left.saturating_sub(came.len()), Ordering::Relaxed);
        if let Some(records) = &mut wire.records {
            records.took(came);
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
