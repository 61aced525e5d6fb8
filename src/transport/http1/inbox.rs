//! The bytes of a connection that came and were not taken yet.
//!
//! Filled and emptied by [`super::line`]. It grows while what it holds is not whole, and says nothing of what that is: how much
//! may come is bounded below it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The head of an answer and a short body.
const FIRST: usize = 2 * 1024;

/// A line that rests keeps no more than this: most answers are short, and lines are many.
const AT_REST: usize = 8 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// What came and was not taken.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The first `count` bytes were taken.
    pub(super) fn took(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Waits for more: how much came, 0 at the end.
    pub(super) fn poll_more<S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<usize>>
    where
        S: AsyncRead + Unpin,
    {
        if self.end == self.bytes.len() {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                self.bytes.resize((2 * self.bytes.len()).max(FIRST), 0);
            }
        }
        let mut room = ReadBuf::new(&mut self.bytes[self.end..]);
        ready!(Pin::new(stream).poll_read(cx, &mut room))?;
        let came = room.filled().len();
        self.end += came;
        Poll::Ready(Ok(came))
    }

    /// Gives back what a large answer needed, and what is left of it.
    pub(super) fn shrink(&mut self) {
        if self.bytes.len() > AT_REST {
            *self = Inbox::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes in pieces, into an inbox from which so many bytes are taken after each.
    async fn gather(pieces: &[&[u8]], taken: usize) -> (Vec<u8>, Inbox) {
        let mut inbox = Inbox::default();
        let mut all = Vec::new();
        for piece in pieces {
            let mut left = *piece;
            while !left.is_empty() {
                let came = std::future::poll_fn(|cx| inbox.poll_more(&mut left, cx)).await.expect("memory");
                assert!(came > 0);
            }
            let count = taken.min(inbox.waiting().len());
            all.extend_from_slice(&inbox.waiting()[..count]);
            inbox.took(count);
        }
        all.extend_from_slice(inbox.waiting());
        (all, inbox)
    }

    #[tokio::test]
    async fn what_came_is_there_in_its_order_whatever_was_taken_meanwhile() {
        let pieces: Vec<Vec<u8>> = (1..40_u8).map(|n| vec![n; 37 * usize::from(n)]).collect();
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        for taken in [0, 1, 700, usize::MAX] {
            assert_eq!(gather(&pieces, taken).await.0, pieces.concat(), "{taken}");
        }
    }

    #[tokio::test]
    async fn it_does_not_grow_where_what_came_is_taken_and_does_not_stay_large() {
        let piece = [7; 1_500];
        let (_, inbox) = gather(&[&piece[..]; 100], usize::MAX).await;
        assert_eq!(inbox.bytes.len(), FIRST);
        let (_, mut inbox) = gather(&[&piece[..]; 100], 0).await;
        assert!(inbox.bytes.len() >= 150_000);
        inbox.shrink();
        assert!(inbox.bytes.is_empty() && inbox.waiting().is_empty());
    }
}
