//! The socket below a connection, and below its TLS if it has that: all bounds and looks are on what really comes.
//!
//! Made by [`super`] over a fresh connection. It never says what it read or wrote, and never waits by itself.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::TooMuch;

/// See the module.
pub(super) struct Wire {
    stream: TcpStream,
    /// How many bytes may still come at this stage of the exchange.
    room: usize,
    /// Where it carries TLS.
    records: Option<Records>,
}

impl Wire {
    /// Over a fresh connection that carries requests as they are.
    pub(super) fn clear(stream: TcpStream) -> Wire {
        Wire { stream, room: 0, records: None }
    }

    /// Over a fresh connection that carries TLS.
    pub(super) fn with_records(stream: TcpStream) -> Wire {
        // A handshake is bounded by whoever makes it: it has few messages, of 64 KiB at most.
        Wire { stream, room: usize::MAX, records: Some(Records::default()) }
    }

    /// So many bytes may come from here on.
    pub(super) fn allow(&mut self, bytes: usize) {
        self.room = bytes;
    }

    /// Asks the socket whether a connection that rested is open, and nothing came on it.
    ///
    /// Over TLS whatever came counts as said, and so does a record that has not come whole: what it holds is not known.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn still_silent(&self) -> io::Result<()> {
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
        if wire.room == 0 {
            return Poll::Ready(Err(io::Error::other(TooMuch)));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut wire.stream).poll_read(cx, buf);
        let came = &buf.filled()[before..];
        wire.room = wire.room.saturating_sub(came.len());
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

/// Where in a sequence of TLS records its reader is. Records are encrypted, their lengths are not.
#[derive(Debug, Default)]
struct Records {
    /// Type, version, and length of the rest.
    head: [u8; 5],
    have: usize,
    left: usize,
}

impl Records {
    /// These bytes came.
    fn took(&mut self, mut bytes: &[u8]) {
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
    fn are_whole(&self) -> bool {
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
