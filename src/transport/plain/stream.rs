//! What a line reads and writes: a connection, with TLS or without.
//!
//! Made by [`super`] over a fresh [`Wire`], driven by [`super::line`]. It decides nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::line::Wire;

/// A connection that can carry requests.
pub(super) enum Stream {
    /// Without TLS.
    Clear(Wire),
    /// With it. Boxed, because a session is large.
    Tls(Box<TlsStream<Wire>>),
}

impl Stream {
    /// What is below.
    pub(super) fn wire(&self) -> &Wire {
        match self {
            Stream::Clear(wire) => wire,
            Stream::Tls(session) => session.get_ref().0,
        }
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

/// Where in a sequence of TLS records its reader is. Records are encrypted, their lengths are not.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Type, version, and length of the rest.
    head: [u8; 5],
    have: usize,
    left: usize,
}

impl Records {
    /// These bytes came.
    pub(super) fn took(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let here = self.left.min(bytes.len());
                self.left -= here;
                bytes = &bytes[here..];
                continue;
            }
            self.head[self.have] = first;
            self.have += 1;
            bytes = rest;
            if self.have == self.head.len() {
                self.left = u16::from_be_bytes([self.head[3], self.head[4]]).into();
                self.have = 0;
            }
        }
    }

    /// Whether the last record that began has come whole. Where it has not, the peer has begun to say something that
    /// nobody can have read yet.
    pub(super) fn are_whole(&self) -> bool {
        self.have == 0 && self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Records;

    #[test]
    fn records_are_whole_at_their_ends_and_nowhere_else() {
        let bytes = [&[0x16, 3, 3, 0, 3, 1, 2, 3][..], &[0x17, 3, 3, 0, 0], &[0x17, 3, 3, 1, 2], &[9; 0x102]].concat();
        let ends = [0, 8, 13, 13 + 5 + 0x102];
        for cut in 0..=bytes.len() {
            let mut records = Records::default();
            records.took(&bytes[..cut]);
            assert_eq!(records.are_whole(), ends.contains(&cut), "{cut} at once");
            let mut records = Records::default();
            bytes[..cut].chunks(1).for_each(|byte| records.took(byte));
            assert_eq!(records.are_whole(), ends.contains(&cut), "{cut} one by one");
        }
    }
}
