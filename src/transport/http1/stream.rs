//! What a line reads and writes: a connection, with TLS or without.
//!
//! Made by [`super`] over a fresh connection, driven by [`super::line`]. It decides nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::wire::Wire;

/// A connection that can carry requests.
pub(super) enum Stream {
    /// Without TLS.
    Clear(Wire),
    /// With it. Boxed, because a session is large.
    Tls(Box<TlsStream<Wire>>),
}

impl Stream {
    /// What is below.
    pub(super) fn wire_mut(&mut self) -> &mut Wire {
        match self {
            Stream::Clear(wire) => wire,
            Stream::Tls(session) => session.get_mut().0,
        }
    }

    /// Whether what goes over it is put into records of a session.
    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Clear(wire) => Pin::new(wire).poll_read(cx, buf),
            Stream::Tls(session) => Pin::new(session).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Clear(wire) => Pin::new(wire).poll_write(cx, buf),
            Stream::Tls(session) => Pin::new(session).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Clear(wire) => Pin::new(wire).poll_flush(cx),
            Stream::Tls(session) => Pin::new(session).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Clear(wire) => Pin::new(wire).poll_shutdown(cx),
            Stream::Tls(session) => Pin::new(session).poll_shutdown(cx),
        }
    }
}
