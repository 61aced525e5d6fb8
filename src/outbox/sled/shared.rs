//! What the writer shares with the callers: the tree, the archive, what is known in memory, and whether all is well.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;

use super::live::Live;
use crate::clock::Timestamp;
use crate::message::{Delivery, DeliveryState};
use crate::outbox::archive::{Archive, ArchiveError};
use crate::outbox::record::{self, BadRecord, Row, keys};
use crate::outbox::{Claim, Lease, OutboxError};

/// What the writer shares with the callers.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) tree: sled::Db,
    pub(super) archive: Arc<Archive>,
    pub(super) live: Mutex<Live>,
    pub(super) changed: watch::Sender<u64>,
    pub(super) broken: OnceLock<String>,
    /// The last journey number that was given.
    pub(super) given: AtomicU64,
    /// Numbers up to this one may be given: the store remembers them as given.
    pub(super) reserved: AtomicU64,
    /// Held as long as the store is open; given back after all else.
    pub(super) _lock: std::fs::File,
}

impl Core {
    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self) {
        self.changed.send_modify(|n| *n += 1);
    }

    /// Nothing is written from here on.
    pub(super) fn fail(&self, why: &str) {
        if self.broken.set(why.to_owned()).is_ok() {
            tracing::error!(error = why, "the outbox failed");
        }
        self.tell();
    }

    pub(super) fn check(&self) -> Result<(), OutboxError> {
        self.broken.get().map_or(Ok(()), |why| Err(OutboxError::Broken(why.clone())))
    }

    /// A failed read is a failed store: whatever else it holds cannot be trusted either.
    pub(super) fn noted<T>(&self, result: Result<T, OutboxError>) -> Result<T, OutboxError> {
        if let Err(OutboxError::Broken(why)) = &result {
            self.fail(why);
        }
        result
    }

    pub(super) fn used_journey_number(&self, number: u64) {
        self.given.fetch_max(number, Ordering::Relaxed);
    }

    /// A delivery as it is to be shown: its latest frame cannot know of a lease.
    pub(super) fn shown(&self, mut delivery: Delivery) -> Delivery {
        let live = self.live();
        if delivery.state == DeliveryState::Waiting
            && let Some(lane) = live.lane(&delivery.webhook)
            && live.is_leased(Lease { lane, due: delivery.due_at, serial: delivery.id.0 })
        {
            delivery.state = DeliveryState::InFlight;
        }
        delivery
    }

    pub(super) fn claim(
        &self,
        lanes: impl Iterator<Item = u32>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Claim<(Lease, Row)>, OutboxError> {
        self.check()?;
        let claimed = self.live().claim(&self.tree, lanes, now, limit)?;
        let mut rows = Vec::with_capacity(claimed.rows.len());
        for (lease, value) in claimed.rows {
            let key = keys::row(lease);
            rows.push((lease, record::open("row", &key, &value)?));
        }
        if !rows.is_empty() {
            self.tell();
        }
        Ok(Claim { rows, next_due: claimed.next_due })
    }
}

impl From<sled::Error> for OutboxError {
    fn from(error: sled::Error) -> Self {
        OutboxError::Broken(error.to_string())
    }
}

impl From<ArchiveError> for OutboxError {
    fn from(error: ArchiveError) -> Self {
        OutboxError::Broken(error.to_string())
    }
}

impl From<BadRecord> for OutboxError {
    fn from(error: BadRecord) -> Self {
        OutboxError::Broken(error.to_string())
    }
}

impl From<std::io::Error> for OutboxError {
    fn from(error: std::io::Error) -> Self {
        OutboxError::Broken(error.to_string())
    }
}
