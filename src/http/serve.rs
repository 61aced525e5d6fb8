//! The server loop: HTTP/1 connections that cannot be held open for nothing.
//!
//! Called by the application with its router. Never detaches a task: connections live in one set, and are gone when
//! [`serve`] returns.
//!
//! ```text
//!   accept --(room)--> connection: head in time -> router (panics caught) -> idle ... --.
//!      |                                                                                |-> joined
//!      '--(full)----> told 503, Retry-After ----------------------------------------- --'
//!   stop: accept no more; connections finish the request that they have; after the grace they are cut
//! ```

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::DeadlineBody;

use super::watched::{Standing, Watched};
use crate::clock::real_sleep;

/// What a connection may take. All spans are real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; more are told 503.
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

/// A head may have so many bytes.
const HEAD_MAX: usize = 64 * 1024;

/// Connections that are being turned away at once; beyond these, one is closed without a word.
const TURNED_AWAY: usize = 64;

/// How long one that is turned away may take to hear it.
const TURN_AWAY_WITHIN: Duration = Duration::from_secs(1);

/// Out of descriptors or memory: accepting again at once would only spin.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
retry-after: 1\r\nconnection: close\r\ncontent-length: 75\r\n\r\n\
{\"status\":503,\"code\":\"too_many_connections\",\"title\":\"too many connections\"}";

/// Serves `app` on `listener` until `stop` is cancelled, then lets open requests finish within the grace.
///
/// Handlers find the other side's address as [`ConnectInfo`]`<SocketAddr>`. A handler that panics is answered for
/// with 500, and reported. Streams that never end must watch `stop`, which handlers find as an extension
/// ([`CancellationToken`]), or are cut when the grace is over.
pub async fn serve(listener: TcpListener, app: Router, limits: Limits, stop: CancellationToken) {
    let app = app.layer(CatchPanicLayer::custom(report_panic));
    let room = Arc::new(Semaphore::new(limits.connections));
    let door = Arc::new(Semaphore::new(TURNED_AWAY));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = tasks.join_next() => report(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match (room.clone().try_acquire_owned(), door.clone().try_acquire_owned()) {
                    (Ok(permit), _) => {
                        let stop = stop.clone();
                        tasks.spawn(connection(stream, peer, app.clone(), limits, permit, stop));
                    }
                    (Err(_), Ok(permit)) => {
                        tasks.spawn(turn_away(stream, permit));
                    }
                    (Err(_), Err(_)) => drop(stream),
                },
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
        while let Some(ended) = tasks.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(limits.grace, drained).await.is_err() {
        tracing::info!(connections = tasks.len(), "cut connections that were open when the grace was over");
        tasks.shutdown().await;
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    limits: Limits,
    _permit: OwnedSemaphorePermit,
    stop: CancellationToken,
) {
    // Small answers go out at once; where that cannot be had they are merely later.
    let _ = stream.set_nodelay(true);
    let (standing, stopping) = (Standing::new(), stop.clone());
    let io = TokioIo::new(Watched::new(stream, standing.clone(), limits.header, limits.stall));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        standing.busy();
        let standing = standing.clone();
        let mut request = request.map(|body| Body::new(DeadlineBody::new(limits.body, body)));
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(stopping.clone());
        let answer = app.clone().oneshot(request);
        async move {
            let answer = answer.await;
            standing.idle();
            Ok::<Response, Infallible>(answer.into_response())
        }
    });
    let mut serving = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_buf_size(HEAD_MAX)
            .serve_connection(io, service)
    );
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
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

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection's task panicked");
    }
}

/// The panic's own text went to the panic hook; it is not repeated to strangers.
fn report_panic(_panic: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request handler panicked");
    let problem = r#"{"status":500,"code":"internal","title":"internal error"}"#;
    let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    (status, [(axum::http::header::CONTENT_TYPE, "application/problem+json")], problem).into_response()
}

#[cfg(test)]
mod tests;
