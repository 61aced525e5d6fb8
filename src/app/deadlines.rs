//! The loop that lets journeys' own deadlines fire when they fall due. One task; the application owns it.
//!
//! A scenario that leaps fires them itself, so that their order among its lines is always the same.

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::{Clock as _, Timestamp};
use crate::outbox::OutboxError;

/// So many deadlines are leased at once.
const BATCH: usize = 256;

impl App {
    /// Fires every deadline that is due at this instant, in due order, and says when the next one is.
    ///
    /// # Errors
    /// Only when the outbox is broken.
    pub async fn fire_due(&self) -> Result<Option<Timestamp>, OutboxError> {
        self.fire_due_until(&CancellationToken::new()).await
    }

    /// As [`App::fire_due`], but no further deadline is fired once `stop` is cancelled: what is left is given back.
    async fn fire_due_until(&self, stop: &CancellationToken) -> Result<Option<Timestamp>, OutboxError> {
        loop {
            let claim = self.outbox.claim_deadlines(self.clock.now(), BATCH).await?;
            if claim.rows.is_empty() {
                return Ok(claim.next_due);
            }
            let mut rows = claim.rows.into_iter();
            while let Some(row) = rows.next() {
                if stop.is_cancelled() {
                    self.outbox.release([row].into_iter().chain(rows).map(|row| row.lease).collect());
                    return Ok(None);
                }
                self.fire(row).await?;
            }
        }
    }

    /// Fires deadlines as they fall due, until stopped.
    ///
    /// # Errors
    /// Only when the outbox is broken.
    pub async fn fire_deadlines(&self, stop: CancellationToken) -> Result<(), OutboxError> {
        loop {
            let changed = self.deadlines_changed.notified();
            let next = self.fire_due_until(&stop).await?;
            let sleep = async {
                match next {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = changed => {}
                () = sleep => {}
            }
        }
    }
}
