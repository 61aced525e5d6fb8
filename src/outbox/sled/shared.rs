//! What the writer shares with the callers: the table, the archive, what is known in memory, and whether all is well.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::{SetOnce, watch};

use super::live::{Hot, Live};
use super::recent::Recent;
use super::table::Table;
use super::tree::plain;
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, JourneyId};
use crate::message::{Delivery, DeliveryState, Message};
use crate::outbox::archive::{Archive, ArchiveError};
use crate::outbox::record::{BadRecord, DeliveryRow, Frame, Place, Row};
use crate::outbox::{Claim, DueDelivery, Lease, OutboxError};
use crate::provider::Journey;

/// Journeys that are remembered.
pub(super) const RECENT: usize = 4_096;

/// Bytes of messages that are remembered.
pub(super) const SHARED: usize = 4 << 20;

/// What the writer shares with the callers.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) table: Table,
    pub(super) archive: Arc<Archive>,
    pub(super) live: Mutex<Live>,
    pub(super) recent: RwLock<Recent<JourneyId, Arc<Journey>>>,
    /// Messages that were read for one endpoint and that others are owed as well, in a form of theirs.
    pub(super) shared: Mutex<Recent<(Place, u8), Message>>,
    pub(super) changed: watch::Sender<u64>,
    pub(super) broken: SetOnce<String>,
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

    pub(super) fn recent(&self, id: JourneyId) -> Option<Arc<Journey>> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(super) fn remember(&self, journeys: Vec<Arc<Journey>>) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        journeys.into_iter().for_each(|journey| recent.put(journey.id, journey, 1));
    }

    pub(super) fn tell(&self) {
        // Whoever begins to listen now has yet to look, and finds what was done before this: both happen under the same lock.
        if self.changed.receiver_count() > 0 {
            self.changed.send_modify(|n| *n += 1);
        }
    }

    /// Nothing is written from here on.
    pub(super) fn fail(&self, error: &OutboxError) {
        // Whoever shows it says that the outbox failed: the reason alone is kept.
        let why = match error {
            OutboxError::Broken(why) => why.clone(),
            other => other.to_string(),
        };
        if self.broken.set(why.clone()).is_ok() {
            tracing::error!(error = why, "nothing more is written");
        }
        // To all, and whoever begins to listen at this moment: this is looked at without the lock under which the rest changes.
        self.changed.send_modify(|n| *n += 1);
    }

    pub(super) fn check(&self) -> Result<(), OutboxError> {
        self.broken.get().map_or(Ok(()), |why| Err(OutboxError::Broken(why.clone())))
    }

    /// A failed read is a failed store: whatever else it holds cannot be trusted either.
    pub(super) fn noted<T>(&self, result: Result<T, OutboxError>) -> Result<T, OutboxError> {
        if let Err(error @ OutboxError::Broken(_)) = &result {
            self.fail(error);
        }
        result
    }

    pub(super) fn used_journey_number(&self, number: u64) {
        self.given.fetch_max(number, Ordering::Relaxed);
    }

    /// A delivery as it is to be shown: its latest frame cannot know of a lease.
    pub(super) fn shown(&self, mut delivery: Delivery) -> Delivery {
        if delivery.state != DeliveryState::Waiting {
            // Most of a list: whoever delivers must not wait for who looks.
            return delivery;
        }
        let live = self.live();
        if let Some(lane) = live.lane(&delivery.webhook)
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
    ) -> Result<Claim<(Lease, Hot)>, OutboxError> {
        self.check()?;
        let claimed = self.live().claim(&self.table, lanes, now, limit)?;
        if !claimed.rows.is_empty() {
            self.tell();
        }
        Ok(claimed)
    }

    /// A claimed delivery with its message: handed over from the commit, or read where it is kept.
    pub(super) fn due_delivery(&self, lease: Lease, hot: Hot) -> Result<Option<DueDelivery>, OutboxError> {
        let Row::Delivery(row) = hot.row else { return Ok(None) };
        let message = match hot.message {
            Some(message) => message,
            None => self.kept_message(&row)?,
        };
        let id = DeliveryId(lease.serial);
        Ok(Some(DueDelivery { lease, id, due_at: lease.due, attempts: row.attempts, message }))
    }

    /// A message from the archive. Where it goes to many endpoints its frame names them all, so it is not read for each.
    fn kept_message(&self, row: &DeliveryRow) -> Result<Message, OutboxError> {
        let shared = || self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (row.event, row.form);
        if let Some(message) = shared().get(&at) {
            return Ok(message.clone());
        }
        match self.archive.frame(row.event)? {
            Some(Frame::Event { message, deliveries, .. }) => {
                let message = message.in_form(row.form);
                if deliveries.len() > 1 {
                    shared().put(at, message.clone(), message.body.len());
                }
                Ok(message)
            }
            Some(Frame::Resend { message, .. }) => Ok(message.in_form(row.form)),
            _ => Err(OutboxError::Broken("a pending event is missing in the archive".into())),
        }
    }
}

impl From<sled::Error> for OutboxError {
    fn from(error: sled::Error) -> Self {
        OutboxError::Broken(plain(&error))
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
