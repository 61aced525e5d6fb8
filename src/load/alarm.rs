//! An alarm that is punctual to some tens of microseconds: a thread that sleeps in the kernel.
//!
//! The runtime's own timers go by whole milliseconds. In a measurement that would be our lateness, in every figure.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Stopwatch;

/// The alarm. One waiter.
#[derive(Debug)]
pub(super) struct Alarm {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    running: Stopwatch,
    state: Mutex<State>,
    changed: Condvar,
    rang: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Real time since the start.
    at: Option<Duration>,
    over: bool,
}

impl Alarm {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start() -> std::io::Result<Alarm> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { running: Stopwatch::start(), state, changed, rang: Notify::new() });
        let sleeper = shared.clone();
        let thread = std::thread::Builder::new().name("alarm".into()).spawn(move || sleeper.sleep())?;
        Ok(Alarm { shared, thread: Some(thread) })
    }

    /// Completes when `span` of real time is over, in place of what was asked for before.
    pub(super) async fn ring_in(&self, span: Duration) {
        let at = self.shared.running.elapsed().saturating_add(span);
        self.shared.lock().at = Some(at);
        self.shared.changed.notify_one();
        loop {
            self.shared.rang.notified().await;
            // The ring may be that of an earlier wish.
            if self.shared.running.elapsed() >= at {
                return;
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep(&self) {
        let mut state = self.lock();
        while !state.over {
            state = match state.at {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let left = at.saturating_sub(self.running.elapsed());
                    if left.is_zero() {
                        state.at = None;
                        self.rang.notify_one();
                        continue;
                    }
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_rings_when_it_should_and_not_for_a_wish_that_was_given_up() {
        let alarm = Alarm::start().expect("a thread");
        let waited = Stopwatch::start();
        let given_up = tokio::time::timeout(Duration::from_millis(5), alarm.ring_in(Duration::from_millis(20))).await;
        given_up.expect_err("nobody waits that long");
        alarm.ring_in(Duration::from_millis(60)).await;
        assert!(waited.elapsed() >= Duration::from_millis(65), "{:?}", waited.elapsed());
        alarm.ring_in(Duration::ZERO).await;
    }
}
