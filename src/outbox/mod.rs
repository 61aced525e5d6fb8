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
mod memory;
mod record;
mod rules;
mod sled;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::clock::{BoxFuture, Timestamp};
use crate::ids::{DeliveryId, EventId, JourneyId, MailId};
use crate::message::{Attempt, Delivery, DeliveryState, DueDeadline, Mail, Message, Verdict};
use crate::provider::{Environment, Journey};

pub use memory::MemoryOutbox;
pub use sled::{SledOutbox, SledSettings};

/// A claim on a due row: whoever holds it, and nobody else, works on that row until it is settled or released.
/// Opaque: only the outbox that gave it can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    pub(in crate::outbox) lane: u32,
    pub(in crate::outbox) due: Timestamp,
    pub(in crate::outbox) serial: u64,
}

/// What one stimulus changes, written as one.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The journey as it is then. Its `deadlines` replace those that were stored: rows are added and removed to match.
    pub journey: Journey,
    /// The stored version that this was decided on; `None` for a new journey.
    pub expected_version: Option<u64>,
    /// What followed, in order.
    pub messages: Vec<NewMessage>,
    /// Makes the call idempotent.
    pub key: Option<NewKey>,
    /// The deadline whose falling due this is: its row goes in the same write.
    pub fired: Option<Lease>,
    /// The provider's instant of it.
    pub now: Timestamp,
}

/// A message and to whom it is owed.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The message.
    pub message: Message,
    /// One delivery each; empty when nobody subscribed.
    pub to: Vec<NewDelivery>,
}

/// A delivery to be made.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// The endpoint's name.
    pub webhook: Arc<str>,
    /// Not before.
    pub due_at: Timestamp,
    /// Not before the journey's earlier ones at this endpoint are terminal.
    pub ordered: bool,
}

/// A caller's idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// The key, with the scope it is unique in.
    pub key: String,
    /// A digest of the request: the same key with another request is refused.
    pub request: [u8; 32],
    /// What was answered, to answer the same again.
    pub answer: Bytes,
}

/// What a commit led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The new deliveries, in the order of `Commit::messages` and their `to`.
    pub deliveries: Vec<DeliveryId>,
}

/// Rows that were claimed, and when to ask again.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim<T> {
    /// Due rows in due order, leased to the caller.
    pub rows: Vec<T>,
    /// The due time of the earliest row that is left unclaimed; it lies in the past when `limit` was reached.
    pub next_due: Option<Timestamp>,
}

/// A delivery that is due and leased.
#[derive(Clone, Debug, PartialEq)]
pub struct DueDelivery {
    /// The claim.
    pub lease: Lease,
    /// Which delivery.
    pub id: DeliveryId,
    /// Since when.
    pub due_at: Timestamp,
    /// Attempts that ended before.
    pub attempts: u32,
    /// What to send.
    pub message: Message,
}

/// A journey's deadline that is due and leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueDeadlineRow {
    /// The claim.
    pub lease: Lease,
    /// Since when.
    pub due_at: Timestamp,
    /// Whose, and what.
    pub deadline: DueDeadline,
}

/// Work of the mail lane that is due and leased.
#[derive(Clone, Debug, PartialEq)]
pub enum DueMail {
    /// A digest's window is over: compose its mails.
    Digest {
        /// The claim.
        lease: Lease,
        /// Since when.
        due_at: Timestamp,
        /// The endpoint it is about.
        webhook: String,
        /// What was exhausted, in the order of exhaustion.
        entries: Vec<DigestEntry>,
    },
    /// A mail is to be sent.
    Send {
        /// The claim.
        lease: Lease,
        /// Since when.
        due_at: Timestamp,
        /// The mail.
        mail: Mail,
    },
}

/// A delivery's place in a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestEntry {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// What it owed.
    pub event_id: EventId,
    /// Its type.
    pub event_type: String,
    /// The journey it was about.
    pub journey_id: Option<JourneyId>,
    /// Attempts that were made.
    pub attempts: u32,
    /// The last attempt's outcome in a line.
    pub last_error: String,
    /// When it was exhausted.
    pub exhausted_at: Timestamp,
}

/// A digest takes at most so many deliveries; the next one opens another, so that no mail grows without bound.
pub const DIGEST_MAX: usize = 1_000;

/// A mail to be sent or kept.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMail {
    /// The contact.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The exhausted deliveries that it names.
    pub deliveries: Vec<DeliveryId>,
    /// The same in every attempt.
    pub message_id: String,
    /// `false`: no SMTP server is configured, the mail is kept to be looked at.
    pub send: bool,
}

/// What came of a mail's attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailVerdict {
    /// An SMTP server took it.
    Sent,
    /// Try again then.
    RetryAt(Timestamp, String),
    /// Given up.
    Failed(String),
}

/// How a claimed row ends, or goes on.
#[derive(Clone, Debug)]
pub enum Settlement {
    /// An attempt at a delivery ended.
    Attempt {
        /// The claim; it is given up.
        lease: Lease,
        /// What is kept of the attempt.
        attempt: Box<Attempt>,
        /// What it means.
        verdict: Verdict,
        /// When exhausted: the window of the digest that names it; `None` where nobody is to be told. The first
        /// exhaustion opens the digest, which is due a window later; later ones within it join.
        notice: Option<Duration>,
    },
    /// A digest was composed into mails.
    Digest {
        /// The claim; it is given up and the digest is gone.
        lease: Lease,
        /// One mail per contact.
        mails: Vec<NewMail>,
        /// The provider's instant of it: when the mails are first due.
        now: Timestamp,
    },
    /// An attempt at a mail ended.
    Mail {
        /// The claim; it is given up.
        lease: Lease,
        /// What came of it.
        verdict: MailVerdict,
    },
    /// A deadline that fell due no longer means anything: its row goes.
    Deadline {
        /// The claim; it is given up.
        lease: Lease,
    },
}

impl Settlement {
    /// The claim that it ends.
    pub fn lease(&self) -> Lease {
        match self {
            Settlement::Attempt { lease, .. }
            | Settlement::Digest { lease, .. }
            | Settlement::Mail { lease, .. }
            | Settlement::Deadline { lease } => *lease,
        }
    }
}

/// What an event's place in the outbox is.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// The message.
    pub message: Message,
    /// Its deliveries, resends included.
    pub deliveries: Vec<DeliveryId>,
}

/// Which journeys to list. Newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JourneyQuery {
    /// Only with this state's word.
    pub state: Option<String>,
    /// Only with this reference.
    pub reference_no: Option<String>,
}

/// Which deliveries to list. Newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only to this endpoint.
    pub webhook: Option<String>,
    /// Only of this event.
    pub event: Option<EventId>,
    /// Only about this journey.
    pub journey: Option<JourneyId>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<u64>,
}

/// Counts that always add up: `accepted` is the sum of the other five.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryCounts {
    /// All there ever were.
    pub accepted: u64,
    /// Due some time.
    pub waiting: u64,
    /// Leased.
    pub in_flight: u64,
    /// The receiver said yes.
    pub delivered: u64,
    /// All attempts failed.
    pub exhausted: u64,
    /// Called off.
    pub cancelled: u64,
}

/// Counts of mails that always add up, in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailCounts {
    /// All that were ever composed.
    pub accepted: u64,
    /// Due some time.
    pub waiting: u64,
    /// Leased.
    pub in_flight: u64,
    /// An SMTP server took them.
    pub sent: u64,
    /// Given up.
    pub failed: u64,
    /// Kept, without an SMTP server.
    pub kept: u64,
}

/// What the outbox has seen, to the unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Journeys started.
    pub journeys: u64,
    /// Messages accepted.
    pub events: u64,
    /// Deliveries by state.
    pub deliveries: DeliveryCounts,
    /// Attempts that ended.
    pub attempts: u64,
    /// Mails by state.
    pub mails: MailCounts,
}

/// One endpoint's pending work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// The endpoint's name.
    pub webhook: Arc<str>,
    /// Rows that are not leased, parked ones of an ordered lane included.
    pub waiting: u64,
    /// Rows that are leased.
    pub in_flight: u64,
    /// The earliest due time of an unleased row.
    pub next_due: Option<Timestamp>,
}

/// All that is owed to the future, in one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// Endpoints with pending work, by name.
    pub lanes: Vec<LaneStatus>,
    /// The earliest unleased deadline of each kind that exists, as (kind, due).
    pub deadlines: Vec<(crate::provider::DeadlineKind, Timestamp)>,
    /// Deadlines that are leased.
    pub deadlines_in_flight: u64,
    /// The earliest unleased row of the mail lane.
    pub mail: Option<Timestamp>,
    /// Rows of the mail lane that are leased.
    pub mail_in_flight: u64,
}

/// Why a write or a read came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// The journey was changed in between, or exists already. Nothing was written.
    #[error("the journey was changed by somebody else in between")]
    Conflict,
    /// The key was used for another request. Nothing was written.
    #[error("the key {key:?} was used for another request")]
    KeyReused {
        /// The key as it was given.
        key: String,
    },
    /// The key was used for the same request: this was answered. Nothing was written.
    #[error("the request was answered before")]
    Repeated {
        /// What was answered.
        answer: Bytes,
    },
    /// A value is larger than the store takes. Nothing was written.
    #[error("{what} has {size} bytes, more than the {max} that the outbox takes")]
    TooLarge {
        /// What it is.
        what: String,
        /// Its size in bytes.
        size: usize,
        /// The largest size in bytes.
        max: usize,
    },
    /// No such row, or it is in a state that does not allow it.
    #[error("{0}")]
    NotPossible(String),
    /// The store failed or is damaged: no more writes are taken; the process must end.
    #[error("the outbox failed: {0}")]
    Broken(String),
}

/// Why a store could not be opened. The message names the place and the way out.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the store at {path} is used by another process; stop it, or choose another place with --data-dir")]
    Locked {
        /// The store's directory.
        path: String,
    },
    /// It fails its continuity check, or cannot be read.
    #[error("the store at {path} is damaged: {detail}; restore a copy, or move it away to start empty")]
    Damaged {
        /// The store's directory.
        path: String,
        /// What does not hold.
        detail: String,
    },
    /// It was written by another version.
    #[error(
        "the store at {path} has format {found}, this version reads format {expected}; move it away to start empty"
    )]
    Format {
        /// The store's directory.
        path: String,
        /// What it says.
        found: String,
        /// What is read.
        expected: String,
    },
    /// The disk or its rights are in the way.
    #[error("the store at {path} cannot be opened: {detail}")]
    Io {
        /// The store's directory.
        path: String,
        /// The operating system's word.
        detail: String,
    },
}

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

    /// Leases up to `limit` deadlines that are due at `now`, in due order.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn claim_deadlines(
        &self,
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
    fn journey(&self, id: JourneyId) -> Result<Option<Journey>, OutboxError>;

    /// The newest journey with a reference, in `environment` or in any.
    ///
    /// # Errors
    /// [`OutboxError::Broken`].
    fn journey_by_reference(
        &self,
        reference_no: &str,
        environment: Option<Environment>,
    ) -> Result<Option<Journey>, OutboxError>;

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

    /// Changes whenever a row is added, claimed, settled or released: await it, then look again.
    fn changed(&self) -> watch::Receiver<u64>;

    /// The reason, once the store is broken.
    fn broken(&self) -> Option<String>;
}
