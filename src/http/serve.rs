//! The server loop: HTTP/1 connections that cannot be held open for nothing.
//!
//! Called by the application with its router. Never detaches a task: connections live in one set, and are gone when
//! [`serve`] returns.
//!
//! ```text
//!   accept --(room)--> connection: head in time -> router (panics caught) -> idle ... --.
//!      |--(full)----> who has half a head, or rests, goes: room ----------------------- -|-> joined
//!      '--(all busy)> told 503, Retry-After ----------------------------------------- --'
//!   stop: accept no more; connections finish the request that they have; after the grace they are cut
//! ```

use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::timeout::DeadlineBody;

use super::watched::{Answering, Patience, Standing, Watched};
use crate::clock::real_sleep;

mod crowd;

use crowd::{Crowd, Guest};

/// What a connection may take. All spans are real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. One more takes the place of one that has sent half a head or rests; where all are being answered
    /// it is told 503.
    pub connections: usize,
    /// From a head's first byte (of the first head: from the accept) to its last.
    pub header: Duration,
    /// From the end of a request's head to the end of its body.
    pub body: Duration,
    /// Without a byte between two requests.
    pub idle: Duration,
    /// Without the other side taking a byte of an answer.
    pub stall: Duration,
    /// From the stop to the cutting of what is still open.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 512,
            header: Duration::from_secs(10),
            body: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            grace: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The defaults, with fewer connections where this process may open few files: half of what is left after the store's
    /// own is for deliveries, and a store that cannot open a file has failed.
    pub fn of_this_process() -> Self {
        Limits::within(rustix::process::getrlimit(rustix::process::Resource::Nofile).current)
    }

    fn within(descriptors: Option<u64>) -> Self {
        let limits = Limits::default();
        let left = descriptors.map_or(usize::MAX, |all| usize::try_from(all).unwrap_or(usize::MAX));
        let connections = (left.saturating_sub(RESERVED) / 2).clamp(FEWEST, limits.connections);
        Limits { connections, ..limits }
    }
}

/// Descriptors of the process that are neither connections nor deliveries: the store, the runtime, the terminal.
const RESERVED: usize = 64;

/// As few as a browser opens.
const FEWEST: usize = 8;

/// A head may have so many bytes.
const HEAD_MAX: usize = 64 * 1024;

/// For so many connections one may be waiting for room, or hearing that there is none; beyond these, one is closed without
/// a word.
const CONNECTIONS_PER_WAITING: usize = 4;

/// Room that somebody is asked to make is there at once, unless he has just begun to be answered.
const ROOM_WITHIN: Duration = Duration::from_secs(1);

/// How long one that is turned away may take to hear it.
const TURN_AWAY_WITHIN: Duration = Duration::from_secs(1);

/// Out of descriptors or memory: accepting again at once would only spin.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
retry-after: 1\r\nconnection: close\r\ncontent-length: 75\r\n\r\n\
{\"status\":503,\"code\":\"too_many_connections\",\"title\":\"too many connections\"}";

/// Serves `app` on `listener` until `stop` is cancelled, then lets open requests finish within the grace.
///
/// Handlers find a [`Caller`] among the request's extensions. A handler that panics is answered for with 500, and reported.
/// Streams that never end must watch [`Caller::stop`], or are cut when the grace is over.
pub async fn serve(listener: TcpListener, app: Router, limits: Limits, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let door = Arc::new(Semaphore::new(limits.connections.div_ceil(CONNECTIONS_PER_WAITING)));
    let (mut tasks, mut crowd) = (JoinSet::new(), Crowd::default());
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = tasks.join_next_with_id() => crowd.leaves(report(ended)),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let guest = Guest::new(&stop);
                    let new = Connection { stream, peer, app: app.clone(), limits, guest: guest.clone(), stop: stop.clone() };
                    let task = match (room.clone().try_acquire_owned(), door.clone().try_acquire_owned()) {
                        (Ok(permit), _) => tasks.spawn(new.serve(permit)),
                        (Err(_), Ok(waits)) if crowd.makes_room() => {
                            guest.standing.busy();
                            tasks.spawn(new.wait(in_line(&room).await, waits))
                        }
                        (Err(_), Ok(waits)) => {
                            tasks.spawn(turn_away(new.stream, waits));
                            continue;
                        }
                        (Err(_), Err(_)) => continue,
                    };
                    crowd.joins(task.id(), guest);
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections for now");
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = real_sleep(ACCEPT_AGAIN_AFTER) => {}
                    }
                }
            },
        }
    }
    // Closed before the wait, so that a new process may listen, and nobody queues in vain.
    drop(listener);
    let drained = async {
        while let Some(ended) = tasks.join_next_with_id().await {
            report(ended);
        }
    };
    if tokio::time::timeout(limits.grace, drained).await.is_err() {
        tracing::info!(connections = tasks.len(), "cut connections that were open when the grace was over");
        tasks.shutdown().await;
    }
}

/// The other side of a connection, among the extensions of each of its requests: one thing, as there is one for each.
#[derive(Clone, Debug)]
pub struct Caller(Arc<(SocketAddr, CancellationToken)>);

impl Caller {
    /// Its address.
    pub fn peer(&self) -> SocketAddr {
        self.0.0
    }

    /// Cancelled when the server stops.
    pub fn stop(&self) -> CancellationToken {
        self.0.1.clone()
    }
}

/// Room for a connection, once there is some.
type Room = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// A place in the line for room, taken now: whoever comes later does not get what was made for this one.
async fn in_line(room: &Arc<Semaphore>) -> Room {
    let mut place: Room = Box::pin(room.clone().acquire_owned());
    let mut came = None;
    poll_fn(|cx| {
        came = match place.as_mut().poll(cx) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        };
        Poll::Ready(())
    })
    .await;
    match came {
        Some(permit) => Box::pin(ready(permit)),
        None => place,
    }
}

/// A connection that was accepted.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    limits: Limits,
    guest: Guest,
    stop: CancellationToken,
}

impl Connection {
    /// Serves it once there is room, which somebody was asked to make. Until then it has none that it could make itself.
    async fn wait(self, room: Room, waits: OwnedSemaphorePermit) {
        match tokio::time::timeout(ROOM_WITHIN, room).await {
            Ok(Ok(permit)) => {
                drop(waits);
                self.guest.standing.begins();
                self.serve(permit).await;
            }
            _ => turn_away(self.stream, waits).await,
        }
    }

    async fn serve(self, _permit: OwnedSemaphorePermit) {
        let Connection { stream, peer, app, limits, guest: Guest { standing, go }, stop } = self;
        let mut patience = Patience::new(standing.clone(), limits.header, limits.idle);
        // Small answers go out at once; where that cannot be had they are merely later.
        let _ = stream.set_nodelay(true);
        let caller = Caller(Arc::new((peer, stop.clone())));
        let io = TokioIo::new(Watched::new(stream, standing.clone(), limits.stall));
        let stands = standing.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            standing.busy();
            let standing = standing.clone();
            let mut request = request.map(|body| Body::new(DeadlineBody::new(limits.body, body)));
            request.extensions_mut().insert(caller.clone());
            // Here, and in no layer: a router copies what lies in a layer for each request, and for each route that it holds.
            let answer = AssertUnwindSafe(app.clone().oneshot(request)).catch_unwind();
            async move {
                let answer = answer.await.map_or_else(|_| report_panic(), IntoResponse::into_response);
                Ok::<_, Infallible>(answer.map(|body| Answering::new(body, standing)))
            }
        });
        let mut serving = pin!(
            hyper::server::conn::http1::Builder::new()
                .header_read_timeout(None)
                .max_buf_size(HEAD_MAX)
                .serve_connection(io, service)
        );
        let ended = tokio::select! {
            biased;
            ended = serving.as_mut() => ended,
            () = poll_fn(|cx| patience.poll(cx)) => return,
            () = goes(&go, &stands, &stop) => {
                if !stop.is_cancelled() {
                    return;
                }
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "connection ended early");
        }
    }
}

/// Completes when a connection is to go, unless its other side has begun to ask meanwhile: that one is answered, until the
/// server stops.
async fn goes(go: &CancellationToken, standing: &Standing, stop: &CancellationToken) {
    go.cancelled().await;
    if !standing.is_halfway() && !standing.rests() {
        stop.cancelled().await;
    }
}

/// Reads what the other side has to say first: closing a socket with unread bytes resets it, and the answer would
/// be lost.
async fn turn_away(mut stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let tell = async {
        let mut said = [0; 4096];
        let _any = stream.read(&mut said).await?;
        stream.write_all(FULL).await?;
        stream.shutdown().await?;
        while stream.read(&mut said).await? > 0 {}
        io::Result::Ok(())
    };
    // Whether the other side listened or not, it is gone now.
    let _ = tokio::time::timeout(TURN_AWAY_WITHIN, tell).await;
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Says of which task it is the end.
fn report(ended: Result<(Id, ()), JoinError>) -> Id {
    match ended {
        Ok((id, ())) => id,
        Err(error) => {
            if error.is_panic() {
                tracing::error!("a connection's task panicked");
            }
            error.id()
        }
    }
}

/// The panic's own text went to the panic hook; it is not repeated to strangers.
fn report_panic() -> Response {
    tracing::error!("a request handler panicked");
    let problem = r#"{"status":500,"code":"internal","title":"internal error"}"#;
    let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    (status, [(axum::http::header::CONTENT_TYPE, "application/problem+json")], problem).into_response()
}

#[cfg(test)]
mod tests;
