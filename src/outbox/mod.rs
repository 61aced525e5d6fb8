//! The outbox: journeys, messages, deliveries, deadlines, mails and the ledger, behind one trait.
//!
//! # Crash contract
//! A write is *durable* when the operating system was told to put it on the disk and said yes. [`Outbox::commit`]
//! and [`Outbox::settle`] complete when durable, and each is all or nothing: after a crash at any point the store
//! holds the whole of it or none. Claims are leases; they are not durable and a crash ends them: what was claimed
//! and not settled is due again (one more send, bounded by the in-flight cap). The memory outbox keeps the same
//! contract less the disk.
//!
//! One suite (`outbox/conformance.rs`) runs on every backend.

mod archive;
#[cfg(test)]
mod conformance;
mod due;
mod error;
mod ledger;
mod memory;
mod query;
mod queue;
mod record;
pub mod reread;
mod rules;
mod sled;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use crate::clock::{BoxFuture, Timestamp};
use crate::ids::{DeliveryId, EventId, JourneyId, MailId};
use crate::message::{Attempt, Delivery, Mail};
use crate::provider::{DeadlineKind, Environment, Journey};

pub use due::{Claim, DIGEST_MAX, DigestEntry, DueDeadlineRow, DueDelivery, DueMail, Lease};
pub use error::{OpenError, OutboxError};
pub use ledger::{DeliveryCounts, Horizon, LaneStatus, Ledger, MailCounts};
pub use memory::MemoryOutbox;
pub use query::{DeliveryQuery, EventRecord, JourneyQuery, Page};
pub use sled::{SledOutbox, SledSettings};
pub use write::{Commit, Committed, MailVerdict, NewDelivery, NewKey, NewMail, NewMessage, Note, Settlement};

/// The outbox. See the module's crash contract.
pub trait Outbox: Send + Sync + std::fmt::Debug {
    /// Writes one stimulus's consequences as one, and completes when durable.
    ///
    /// # Errors
    /// [`OutboxError::Conflict`], [`OutboxError::KeyReused`], [`OutboxError::Repeated`] and
    /// [`OutboxError::TooLarge`] wrote nothing; [`OutboxError::Broken`] leaves all or nothing to be found at the
    /// next start. A process that dies before completion leaves all or nothing.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, OutboxError>>;

    /// Ends leases with what came of them, as one, and completes when durable. A process that dies before
    /// completion may lose all of them: their rows are due again.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Result<(), OutboxError>>;

    /// Leases up to `limit` deliveries to `webhook` that are due at `now`, in due order.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn claim_deliveries(
        &self,
        webhook: &str,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Claim<DueDelivery>, OutboxError>>;

    /// Leases up to `limit` deadlines of the given kinds that are due at `now`, in due order.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn claim_deadlines(
        &self,
        kinds: &[DeadlineKind],
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Claim<DueDeadlineRow>, OutboxError>>;

    /// Leases up to `limit` rows of the mail lane that are due at `now`, in due order.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn claim_mail(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Claim<DueMail>, OutboxError>>;

    /// Gives leases up without a result: the rows are due again, no attempt is counted.
    fn release(&self, leases: Vec<Lease>);

    /// A new delivery that sends the same event and bytes as `of` again, due at `now`; durable at completion.
    ///
    /// # Errors
    /// [`OutboxError::NotPossible`] when there is no such delivery, or it is not terminal yet.
    fn redeliver(&self, of: DeliveryId, now: Timestamp) -> BoxFuture<'_, Result<DeliveryId, OutboxError>>;

    /// Calls a waiting delivery off; durable at completion.
    ///
    /// # Errors
    /// [`OutboxError::NotPossible`] when there is no such delivery, it is in flight, or terminal already.
    fn cancel(&self, id: DeliveryId, now: Timestamp) -> BoxFuture<'_, Result<(), OutboxError>>;

    /// Keeps a note, in place of one of the same name, or takes it away; durable at completion.
    ///
    /// # Errors
    /// [`OutboxError::TooLarge`] kept what was there; [`OutboxError::Broken`].
    fn keep_note(&self, note: Note) -> BoxFuture<'_, Result<(), OutboxError>>;

    /// The notes whose names start with `prefix`, by name.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn notes(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, OutboxError>;

    /// Drops what is over and older than the retention. What is pending, and journeys, stay. Cheap when there is
    /// nothing to drop; meant to be called once in a provider hour or so.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn expire(&self, now: Timestamp) -> BoxFuture<'_, Result<(), OutboxError>> {
        // Whoever keeps everything has nothing to do.
        let _ = now;
        Box::pin(async { Ok(()) })
    }

    /// Nobody is going to ask for this journey again, or do anything to it. A store that keeps nothing that is over forgets it
    /// once nothing of it is owed, and counts it on; every other keeps it.
    fn let_go(&self, _journey: JourneyId) {}

    /// A number for a new journey, never given twice, not even over restarts.
    fn next_journey_number(&self) -> u64;

    /// The latest provider instant that any write carried: a clock must not start before it.
    fn last_instant(&self) -> Option<Timestamp>;

    /// What was stored under an idempotency key, if anything.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn key(&self, key: &str) -> Result<Option<NewKey>, OutboxError>;

    /// A journey by its id.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn journey(&self, id: JourneyId) -> Result<Option<Arc<Journey>>, OutboxError>;

    /// The newest journey with a reference, in `environment` or in any.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn journey_by_reference(
        &self,
        reference_no: &str,
        environment: Option<Environment>,
    ) -> Result<Option<Arc<Journey>>, OutboxError>;

    /// Journeys, newest first, from `cursor` on.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn journeys(&self, query: &JourneyQuery, cursor: Option<u64>, limit: usize) -> Result<Page<Journey>, OutboxError>;

    /// An event by its id.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn event(&self, id: EventId) -> Result<Option<EventRecord>, OutboxError>;

    /// Events, newest first, from `cursor` on; those of one journey when it is named, which come oldest first.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn events(
        &self,
        journey: Option<JourneyId>,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<EventRecord>, OutboxError>;

    /// A delivery with its attempts.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn delivery(&self, id: DeliveryId) -> Result<Option<(Delivery, Vec<Attempt>)>, OutboxError>;

    /// Deliveries, newest first, from `cursor` on.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn deliveries(
        &self,
        query: &DeliveryQuery,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<Delivery>, OutboxError>;

    /// A mail by its id.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn mail(&self, id: MailId) -> Result<Option<Mail>, OutboxError>;

    /// Mails, newest first, from `cursor` on.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn mails(&self, cursor: Option<u64>, limit: usize) -> Result<Page<Mail>, OutboxError>;

    /// The counts at this instant; the sums hold in every answer.
    fn ledger(&self) -> Ledger;

    /// All that is owed to the future at this instant.
    fn horizon(&self) -> Horizon;

    /// The endpoints' part of [`Outbox::horizon`], which costs less.
    fn lanes(&self) -> Vec<LaneStatus>;

    /// Changes whenever a row is added, claimed, settled or released: await it, then look again.
    fn changed(&self) -> watch::Receiver<u64>;

    /// Completes when all that was asked is where the next start finds it soonest, so that dropping the store has nothing to
    /// do that could fail unheard. What is asked later is taken as ever.
    ///
    /// # Errors
    /// [`OutboxError::Broken`], when the store fails now or has failed before.
    fn close(&self) -> BoxFuture<'_, Result<(), OutboxError>> {
        let broken = self.broken();
        Box::pin(async move { broken.map_or(Ok(()), |why| Err(OutboxError::Broken(why))) })
    }

    /// The reason, once the store is broken.
    fn broken(&self) -> Option<String>;

    /// Completes with the reason once the store is broken, and never while all is well.
    fn breaks(&self) -> BoxFuture<'_, String> {
        Box::pin(async {
            let mut changed = self.changed();
            loop {
                changed.mark_unchanged();
                if let Some(reason) = self.broken() {
                    return reason;
                }
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        })
    }
}
