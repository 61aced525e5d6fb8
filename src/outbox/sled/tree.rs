//! sled's tree as the rest may hold it: dropped without a panic, and its errors in words.
//!
//! Called by the sled outbox only. Decides nothing: whether the store goes on is up to who asked.

use std::any::Any;
use std::io;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use super::failure::Failure;
use super::files;
use crate::clock::Stopwatch;

/// sled's threads give its lock back within milliseconds; a machine under load may take longer.
const STRAGGLERS: Duration = Duration::from_secs(5);

/// A flush that takes longer is looked into.
const FLUSHED_WITHIN: Duration = Duration::from_millis(200);

/// An open tree.
#[derive(Debug)]
pub(super) struct Tree(Option<sled::Db>);

impl Tree {
    /// Opens the tree in `dir`, or makes one there. sled may cache so many bytes of it.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Tree, Failure> {
        files::discard_drafts(dir)?;
        files::prepare(dir)?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None)
            .mode(sled::Mode::HighThroughput);
        let waiting = Stopwatch::start();
        loop {
            match catch_unwind(AssertUnwindSafe(|| config.open())) {
                Ok(Ok(db)) => return Ok(Tree(Some(db))),
                Ok(Err(sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
                    // We hold our own lock, so this is what is left of a store of this process.
                    if waiting.elapsed() > STRAGGLERS {
                        return Err(Failure::Locked);
                    }
                    thread::sleep(Duration::from_millis(2));
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(panic) => return Err(Failure::of_panic(&*panic)),
            }
        }
    }

    /// Lets sled write what it has in memory. Not durable yet.
    ///
    /// sled's own waits for its threads, and one kind of them keeps a failure to itself: who waits is not woken. Whoever
    /// asks after the failure is told, and wakes the others. So it is asked again, less and less often.
    pub(super) fn flush(&self) -> sled::Result<()> {
        let waker = Waker::from(Arc::new(Waiting(thread::current())));
        let mut flushing = pin!(self.flush_async());
        let mut patience = FLUSHED_WITHIN;
        let waiting = Stopwatch::start();
        loop {
            if let Poll::Ready(flushed) = flushing.as_mut().poll(&mut Context::from_waker(&waker)) {
                return flushed.map(drop);
            }
            thread::park_timeout(patience.saturating_sub(waiting.elapsed()));
            if waiting.elapsed() >= patience {
                patience *= 2;
                // It goes on by itself.
                let _ = pin!(self.flush_async()).poll(&mut Context::from_waker(Waker::noop()));
            }
        }
    }
}

/// The thread that waits for a flush.
struct Waiting(Thread);

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Deref for Tree {
    type Target = sled::Db;

    fn deref(&self) -> &sled::Db {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // On its way out sled tells the disk to keep all, and panics when the disk will not. What must be kept is in the
        // archive by then, so there is nothing to tell. It flushes first, as it does: we do that in its stead.
        let _ = catch_unwind(AssertUnwindSafe(|| self.flush()));
        let db = self.0.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
    }
}

/// What a row weighs in a tree. Twice as much is what it takes of the disk, measured on rows of 50 to 500 bytes.
pub(super) fn weight(key: &[u8], value: usize) -> u64 {
    const ROW: usize = 80;
    (key.len() + value + ROW) as u64
}

/// What a panic said.
pub(super) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("without a word");
    match system_error(text) {
        Some(error) => error.to_string(),
        // What follows is the debug text of what it held: pages of rows, which nobody is shown.
        None => {
            format!("the store gave up: {}", text.split([':', '(', '[', '{']).next().unwrap_or_default().trim_end())
        }
    }
}

/// What sled's error says. It keeps an error of the system as the debug text of that, and damage as its own variables.
pub(super) fn plain(error: &sled::Error) -> String {
    match error {
        sled::Error::Io(error) => plain_io(error).to_string(),
        sled::Error::Corruption { .. } => "its tree holds what cannot be read".to_owned(),
        // Its advice on versions and exports is for whoever embeds sled.
        sled::Error::Unsupported(_) => "what its tree says of its own format does not hold".to_owned(),
        other => other.to_string(),
    }
}

/// The system's error in an error of sled's.
pub(super) fn plain_io(error: &io::Error) -> io::Error {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => system_error(&text).unwrap_or_else(|| io::Error::new(error.kind(), text)),
    }
}

/// The error of the system whose debug text is part of `text`.
pub(super) fn system_error(text: &str) -> Option<io::Error> {
    let (_, rest) = text.split_once("Os { code: ")?;
    rest.split_once(',')?.0.parse().ok().map(io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_told_in_its_words_however_often_sled_passed_them_on() {
        let full = io::Error::from_raw_os_error(28);
        let passed_on = sled::Error::Io(full).clone().clone();
        let words = io::Error::from_raw_os_error(28).to_string();
        assert_ne!(passed_on.to_string(), words);
        assert_eq!(plain(&passed_on), words);
        let unwrapped = io::Error::from_raw_os_error(28);
        let panic = format!("called `Result::unwrap()` on an `Err` value: {unwrapped:?}");
        assert_eq!(said(&panic), words);
        assert_eq!(said(&"no such page"), "the store gave up: no such page");
        assert_eq!(said(&"no Node: Node { rows: [1, 2] }"), "the store gave up: no Node");
        assert_eq!(plain_io(&io::Error::other("another")).to_string(), "another");
    }
}
