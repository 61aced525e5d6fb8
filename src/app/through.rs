//! Writes that are seen through.
//!
//! A caller may go away at any moment: a server drops the request of a client that closed its connection where it
//! stands. What was being written for it by then is owed all the same, so a write and what is told of it come to their end.
//! Used by whatever writes in this room.

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use tokio::runtime::Handle;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::app::App;

impl App {
    /// Carries a write out to its end, even if the caller does not wait for that. What is waited for holds nothing of it, and
    /// stays small where thousands wait.
    pub(super) fn see_through<W>(&self, write: W) -> SeenThrough<W>
    where
        W: Future<Output: Send> + Send + 'static,
    {
        SeenThrough { write: Some(Box::pin(write)), counted: self.writes.token() }
    }
}

/// A write. It goes on where it is waited for, which spares it a task of its own, until nobody waits any more: then it gets one.
#[derive(Debug)]
pub(super) struct SeenThrough<W: Future<Output: Send> + Send + 'static> {
    /// `None` once it has ended.
    write: Option<Pin<Box<W>>>,
    counted: TaskTrackerToken,
}

impl<W: Future<Output: Send> + Send + 'static> Future for SeenThrough<W> {
    type Output = W::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<W::Output> {
        // One that panics is gone: it must not be carried on.
        let Some(mut write) = self.write.take() else { return Poll::Pending };
        let polled = write.as_mut().poll(cx);
        if polled.is_pending() {
            self.write = Some(write);
        }
        polled
    }
}

impl<W: Future<Output: Send> + Send + 'static> Drop for SeenThrough<W> {
    fn drop(&mut self) {
        // Without a runtime nothing is carried out any more, whoever waits.
        if let (Some(write), Ok(runtime)) = (self.write.take(), Handle::try_current()) {
            self.counted.task_tracker().spawn_on(write, &runtime);
        }
    }
}
