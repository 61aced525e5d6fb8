//! Signals, heard from the moment this is made: a command makes it before it says that it is ready.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;

/// What a user or a supervisor can tell a running command.
#[derive(Debug)]
pub(super) struct Signals {
    pub(super) terminate: Signal,
    pub(super) interrupt: Signal,
    pub(super) hang_up: Signal,
}

impl Signals {
    /// From here on the process no longer ends by these signals itself.
    ///
    /// # Errors
    /// Where the system has none to give.
    pub(super) fn new() -> Result<Self, Failure> {
        let of =
            |kind| signal(kind).map_err(|error| Failure::could_not_run(format!("cannot wait for signals: {error}")));
        Ok(Signals {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hang_up: of(SignalKind::hangup())?,
        })
    }

    /// Completes at the next Ctrl-C or SIGTERM.
    pub(super) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
