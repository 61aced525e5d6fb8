//! What is owed to the future and due: rows that were leased to whoever works on them.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{DeliveryId, EventId, JourneyId};
use crate::message::{DueDeadline, EventType, Mail, Message};

/// A claim on a due row: whoever holds it, and nobody else, works on that row until it is settled or released.
/// Opaque: only the outbox that gave it can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    pub(in crate::outbox) lane: u32,
    pub(in crate::outbox) due: Timestamp,
    pub(in crate::outbox) serial: u64,
}

#[cfg(test)]
impl Lease {
    /// A lease that no outbox gave, for tests of the rooms that only carry leases about.
    pub(crate) fn for_tests(serial: u64) -> Self {
        Lease { lane: 0, due: Timestamp::from_micros(0), serial }
    }
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
    pub event_type: EventType,
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
