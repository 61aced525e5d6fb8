//! The ordered list of what a receiver saw, and waiting for it to grow.
//!
//! Filled by the threads of [`super::sink`] and [`super::smtp`], read by tests. Never drops and never reorders.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

const UNPOISONED: &str = "no thread panics while it holds this lock";

/// Arrivals in the order in which they were complete.
pub(crate) struct Arrivals<T> {
    seen: Mutex<Vec<T>>,
    grew: Condvar,
}

impl<T: Clone> Arrivals<T> {
    /// Nothing has arrived.
    pub(crate) fn new() -> Self {
        Arrivals { seen: Mutex::new(Vec::new()), grew: Condvar::new() }
    }

    /// Adds what `make` builds from the arrival's number, counted from 0, and returns it.
    pub(crate) fn push(&self, make: impl FnOnce(usize) -> T) -> T {
        let mut seen = self.lock();
        let arrival = make(seen.len());
        seen.push(arrival.clone());
        self.grew.notify_all();
        arrival
    }

    /// Everything so far.
    pub(crate) fn all(&self) -> Vec<T> {
        self.lock().clone()
    }

    /// Waits until at least `count` have arrived and returns everything so far; `Err` holds what there was at the
    /// deadline.
    pub(crate) fn await_count(&self, count: usize, deadline: Duration) -> Result<Vec<T>, Vec<T>> {
        let waited = self.grew.wait_timeout_while(self.lock(), deadline, |seen| seen.len() < count);
        let (seen, late) = waited.expect(UNPOISONED);
        if late.timed_out() { Err(seen.clone()) } else { Ok(seen.clone()) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.seen.lock().expect(UNPOISONED)
    }
}
