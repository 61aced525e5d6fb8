//! The durable outbox: a sled tree for what is owed, an archive beside it for what only grows.
//!
//! One writer thread owns all writes and commits them in groups. A batch is durable when the archive has it, with
//! what it changes in the tree; the tree follows in a thread of its own, many batches at once. Reads and claims go
//! to the table (the tree, and what it does not have yet), the archive and the memory of lanes directly, and never
//! see what is not durable.
//!
//! ```text
//!   commit, settle, redeliver, cancel --> queue --> writer: check each in order -> archive, sync
//!                                                           -> publish (table, lanes, counts) -> answer all
//!                                         follower: what the table is ahead -> tree, sync
//!                                                   a tree of next to nothing -> another tree, in its place
//!   claim, release, horizon, ledger ---> Live (one mutex) + the table
//!   journey, event, delivery, mail, lists ---> the table, the archive
//! ```

mod draft;
mod failure;
mod files;
mod follow;
mod gather;
mod gauge;
mod home;
mod known;
mod lists;
mod live;
mod read;
mod rebuild;
mod recent;
mod recover;
mod shared;
mod table;
#[cfg(test)]
mod tests;
mod tree;
mod view;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::{BoxFuture, Timestamp};
use crate::ids::{DeliveryId, EventId, JourneyId, MailId};
use crate::message::{Attempt, Delivery, Mail};
use crate::outbox::record::Row;
use crate::outbox::{
    Claim, Commit, Committed, DeliveryQuery, DueDeadlineRow, DueDelivery, DueMail, EventRecord, Horizon, JourneyQuery,
    LaneStatus, Lease, Ledger, NewKey, Note, OpenError, Outbox, OutboxError, Page, Settlement, rules,
};
use crate::provider::{DeadlineKind, Environment, Journey};
use follow::Follower;
use recover::Opened;
use shared::Core;
use writer::Item;

/// How a sled outbox is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SledSettings {
    /// What sled may cache, in bytes; its own bookkeeping comes on top.
    pub cache_bytes: u64,
    /// How long what is over is kept, in provider time.
    pub retention: Duration,
    /// An archive segment is closed when it has so many bytes; 64 KiB to 128 MiB.
    pub segment_bytes: u32,
    /// A tree whose files take so many bytes of the disk, and that holds next to nothing, is written anew.
    pub rebuild_bytes: u64,
}

impl Default for SledSettings {
    fn default() -> Self {
        SledSettings {
            cache_bytes: 4 << 20,
            retention: Duration::from_secs(30 * 86_400),
            segment_bytes: 32 << 20,
            rebuild_bytes: 4 << 20,
        }
    }
}

/// An outbox on disk. Dropping it writes what is queued, and closes the store.
#[derive(Debug)]
pub struct SledOutbox {
    core: Arc<Core>,
    /// `None` only while dropping.
    queue: Option<mpsc::Sender<Item>>,
    writer: Option<JoinHandle<()>>,
}

impl SledOutbox {
    /// Opens the store in `dir`, or makes a new one there. Takes about a second per million pending rows.
    ///
    /// # Errors
    /// [`OpenError::Locked`] while another process has it; [`OpenError::Damaged`] when it holds less than was
    /// acknowledged, or cannot be read; [`OpenError::Format`] when another version wrote it; [`OpenError::Io`].
    pub fn open(dir: &Path, settings: SledSettings) -> Result<SledOutbox, OpenError> {
        let Opened { core, archive, meta, known, upkeep } = recover::open(dir, &settings)?;
        let core = Arc::new(core);
        let (queue, items) = mpsc::channel(writer::QUEUE);
        let io = |error: std::io::Error| OpenError::Io { path: dir.display().to_string(), detail: error.to_string() };
        let follower = Follower::start(core.clone(), upkeep).map_err(io)?;
        let writer = writer::Writer::new(core.clone(), archive, meta, known, follower, settings.retention);
        let thread = std::thread::Builder::new().name("outbox".into()).spawn(move || writer.run(items));
        Ok(SledOutbox { core, queue: Some(queue), writer: Some(thread.map_err(io)?) })
    }

    /// Hands an item to the writer and waits for its answer.
    async fn ask<T>(
        &self,
        item: impl FnOnce(oneshot::Sender<Result<T, OutboxError>>) -> Item,
    ) -> Result<T, OutboxError> {
        self.core.check()?;
        let (answer, answered) = oneshot::channel();
        let sent = match &self.queue {
            Some(queue) => queue.send(item(answer)).await.is_ok(),
            None => false,
        };
        if sent && let Ok(answer) = answered.await {
            return answer;
        }
        self.core.check()?;
        Err(OutboxError::Broken("the writer has ended".into()))
    }
}

impl Drop for SledOutbox {
    fn drop(&mut self) {
        // Without a sender the writer writes what is left, closes the store and ends.
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Outbox for SledOutbox {
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, OutboxError>> {
        Box::pin(async move {
            rules::check_sizes(&commit)?;
            self.ask(|answer| Item::Commit(Box::new(commit), answer)).await
        })
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Result<(), OutboxError>> {
        Box::pin(self.ask(|answer| Item::Settle(settlements, answer)))
    }

    fn claim_deliveries(
        &self,
        webhook: &str,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Claim<DueDelivery>, OutboxError>> {
        let lane = self.core.live().lane(webhook);
        Box::pin(async move {
            let claimed = self.core.noted(self.core.claim(lane.into_iter(), now, limit))?;
            let mut rows = Vec::with_capacity(claimed.rows.len());
            for (lease, hot) in claimed.rows {
                rows.extend(self.core.noted(self.core.due_delivery(lease, hot))?);
            }
            Ok(Claim { rows, next_due: claimed.next_due })
        })
    }

    fn claim_deadlines(
        &self,
        kinds: &[DeadlineKind],
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Claim<DueDeadlineRow>, OutboxError>> {
        let lanes: Vec<u32> = kinds.iter().copied().flat_map(rules::deadline_lanes).collect();
        Box::pin(async move {
            let claimed = self.core.noted(self.core.claim(lanes.into_iter(), now, limit))?;
            let rows = claimed.rows.into_iter().filter_map(|(lease, hot)| match hot.row {
                Row::Deadline(deadline) => Some(DueDeadlineRow { lease, due_at: lease.due, deadline }),
                _ => None,
            });
            Ok(Claim { rows: rows.collect(), next_due: claimed.next_due })
        })
    }

    fn claim_mail(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Claim<DueMail>, OutboxError>> {
        Box::pin(async move {
            let claimed = self.core.noted(self.core.claim(std::iter::once(rules::MAIL_LANE), now, limit))?;
            let mut rows = Vec::new();
            for (lease, hot) in claimed.rows {
                rows.extend(self.core.noted(self.core.due_mail(lease, hot.row))?);
            }
            Ok(Claim { rows, next_due: claimed.next_due })
        })
    }

    fn release(&self, leases: Vec<Lease>) {
        self.core.live().release(&leases);
        self.core.tell();
    }

    fn redeliver(&self, of: DeliveryId, now: Timestamp) -> BoxFuture<'_, Result<DeliveryId, OutboxError>> {
        Box::pin(self.ask(move |answer| Item::Redeliver(of, now, answer)))
    }

    fn cancel(&self, id: DeliveryId, now: Timestamp) -> BoxFuture<'_, Result<(), OutboxError>> {
        Box::pin(self.ask(move |answer| Item::Cancel(id, now, answer)))
    }

    fn keep_note(&self, note: Note) -> BoxFuture<'_, Result<(), OutboxError>> {
        Box::pin(async move {
            rules::check_note(&note)?;
            self.ask(|answer| Item::Note(note, answer)).await
        })
    }

    fn notes(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, OutboxError> {
        self.core.noted(self.core.notes(prefix))
    }

    fn expire(&self, now: Timestamp) -> BoxFuture<'_, Result<(), OutboxError>> {
        Box::pin(self.ask(move |answer| Item::Expire(now, answer)))
    }

    fn next_journey_number(&self) -> u64 {
        let number = self.core.given.fetch_add(1, Ordering::Relaxed) + 1;
        while number > self.core.reserved.load(Ordering::Acquire) && self.core.broken.get().is_none() {
            // The writer reserves ahead with every batch, so this happens only to who draws thousands of numbers
            // and commits nothing.
            let (answer, answered) = std::sync::mpsc::sync_channel(1);
            let Some(queue) = &self.queue else { break };
            match queue.try_send(Item::Reserve(answer)) {
                Ok(()) => {
                    let _ = answered.recv();
                }
                Err(_) => std::thread::yield_now(),
            }
        }
        number
    }

    fn last_instant(&self) -> Option<Timestamp> {
        self.core.live().last_instant()
    }

    fn key(&self, key: &str) -> Result<Option<NewKey>, OutboxError> {
        self.core.noted(self.core.key(key))
    }

    fn journey(&self, id: JourneyId) -> Result<Option<Arc<Journey>>, OutboxError> {
        self.core.noted(self.core.journey(id))
    }

    fn journey_by_reference(
        &self,
        reference_no: &str,
        environment: Option<Environment>,
    ) -> Result<Option<Arc<Journey>>, OutboxError> {
        self.core.noted(self.core.journey_by_reference(reference_no, environment))
    }

    fn journeys(&self, query: &JourneyQuery, cursor: Option<u64>, limit: usize) -> Result<Page<Journey>, OutboxError> {
        self.core.noted(self.core.journeys(query, cursor, limit))
    }

    fn event(&self, id: EventId) -> Result<Option<EventRecord>, OutboxError> {
        self.core.noted(self.core.event(id))
    }

    fn events(
        &self,
        journey: Option<JourneyId>,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<EventRecord>, OutboxError> {
        self.core.noted(self.core.events(journey, cursor, limit))
    }

    fn delivery(&self, id: DeliveryId) -> Result<Option<(Delivery, Vec<Attempt>)>, OutboxError> {
        self.core.noted(self.core.delivery(id))
    }

    fn deliveries(
        &self,
        query: &DeliveryQuery,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<Delivery>, OutboxError> {
        self.core.noted(self.core.deliveries(query, cursor, limit))
    }

    fn mail(&self, id: MailId) -> Result<Option<Mail>, OutboxError> {
        self.core.noted(self.core.mail(id))
    }

    fn mails(&self, cursor: Option<u64>, limit: usize) -> Result<Page<Mail>, OutboxError> {
        self.core.noted(self.core.mails(cursor, limit))
    }

    fn ledger(&self) -> Ledger {
        self.core.live().ledger()
    }

    fn horizon(&self) -> Horizon {
        let horizon = self.core.live().horizon(&self.core.table);
        // The trait has no error here; a store that fails says so through `broken`.
        self.core.noted(horizon).unwrap_or_default()
    }

    fn lanes(&self) -> Vec<LaneStatus> {
        let lanes = self.core.live().lane_statuses(&self.core.table);
        self.core.noted(lanes).unwrap_or_default()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.core.changed.subscribe()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), OutboxError>> {
        Box::pin(self.ask(Item::Close))
    }

    fn broken(&self) -> Option<String> {
        self.core.broken.get().cloned()
    }

    fn breaks(&self) -> BoxFuture<'_, String> {
        Box::pin(async { self.core.broken.wait().await.clone() })
    }
}
