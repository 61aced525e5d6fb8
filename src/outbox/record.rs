//! The disk format's one home: keys and values of the sled tree, frames of the archive.
//!
//! Every value is a version byte, the postcard form, and a crc32 over key and value, checked at each read. Numbers in
//! keys are big-endian with the sign flipped where there is one, so that bytes sort as the numbers do. A change
//! here is a change of format: `tests` pins the bytes.
//!
//! ```text
//!   M                                meta: batch, counters, the archive's length
//!   L lane due serial                the queue: deliveries, deadlines, digests, mails
//!   P lane journey serial            deliveries parked behind an earlier one of their journey
//!   H journey lanes                  the ordered deliveries of a journey that are at their turn at up to 16 endpoints
//!   W lane                           an endpoint's name and its open digest
//!   G digest index                   a digest's entries
//!   E serial                         a delivery that is exhausted or cancelled
//!   S segment                        how much that is pending has its bytes in that segment of the archive
//!   J number · I id · R reference    journeys
//!   K hash                           idempotency keys
//!   N name                           notes
//! ```

pub(in crate::outbox) mod keys;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{DeliveryId, EventId, JourneyId};
use crate::message::{Attempt, Delivery, DeliveryState, DueDeadline, Mail, Message};

/// The format of the whole store.
pub(in crate::outbox) const FORMAT: u32 = 7;
/// The version of each value.
const VERSION: u8 = 1;

/// A value's bytes do not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {what} does not hold: {detail}")]
pub(in crate::outbox) struct BadRecord {
    pub(in crate::outbox) what: &'static str,
    pub(in crate::outbox) detail: String,
}

/// The stored form of `value` under `key`.
pub(in crate::outbox) fn seal<T: Serialize>(key: &[u8], value: &T) -> Vec<u8> {
    seal_in(Vec::new(), key, value)
}

/// As [`seal`], in the room that `buffer` has.
pub(in crate::outbox) fn seal_in<T: Serialize>(mut buffer: Vec<u8>, key: &[u8], value: &T) -> Vec<u8> {
    buffer.clear();
    buffer.push(VERSION);
    let bytes = postcard::to_extend(value, buffer);
    close(key, bytes.expect("plain data in memory always has a postcard form"))
}

/// As [`seal`], of a value that is bytes already.
pub(in crate::outbox) fn seal_bytes(key: &[u8], body: &[u8]) -> Vec<u8> {
    close(key, [&[VERSION], body].concat())
}

fn close(key: &[u8], mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = checksum(key, &bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// Reads back what [`seal`] wrote under `key`.
pub(in crate::outbox) fn open<T: DeserializeOwned>(
    what: &'static str,
    key: &[u8],
    bytes: &[u8],
) -> Result<T, BadRecord> {
    let bad = |detail: &str| BadRecord { what, detail: detail.to_owned() };
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(|| bad("it is cut off"))?;
    if checksum(key, body) != u32::from_le_bytes(*crc) {
        return Err(bad("its checksum differs"));
    }
    match body.split_first() {
        Some((&VERSION, body)) => whole(body).map_err(|error| bad(&error)),
        _ => Err(bad("it is of an unknown version")),
    }
}

/// The value whose postcard form is all of `bytes`. One that is followed by more was written by a program that knew more
/// than this one, and would lose it here.
pub(in crate::outbox) fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err("it is followed by something".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn checksum(key: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(body);
    hasher.finalize()
}

/// A place in the archive: segment and offset in one number; 0 is nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(in crate::outbox) struct Place(u64);

impl Place {
    /// No place: segments count from 1.
    pub(in crate::outbox) const NOWHERE: Place = Place(0);

    pub(in crate::outbox) fn new(segment: u32, offset: u32) -> Self {
        Place(u64::from(segment) << 32 | u64::from(offset))
    }

    pub(in crate::outbox) fn segment(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(in crate::outbox) fn offset(self) -> u32 {
        self.0 as u32
    }
}

/// The one record that every batch writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::outbox) struct Meta {
    pub(in crate::outbox) format: u32,
    /// Rises by one with each batch, without gaps, here and in the archive.
    pub(in crate::outbox) batch: u64,
    /// Where the archive ended with that batch.
    pub(in crate::outbox) archive_end: Place,
    /// The oldest segment that retention has left.
    pub(in crate::outbox) first_segment: u32,
    pub(in crate::outbox) last_instant: Option<Timestamp>,
    /// Journey numbers up to this one may have been given.
    pub(in crate::outbox) journey_numbers: u64,
    pub(in crate::outbox) digests: u64,
    pub(in crate::outbox) lanes: u32,
    pub(in crate::outbox) counts: Counts,
}

/// What the ledger counts, less what only a lease tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::outbox) struct Counts {
    pub(in crate::outbox) journeys: u64,
    pub(in crate::outbox) events: u64,
    pub(in crate::outbox) deliveries: u64,
    pub(in crate::outbox) delivered: u64,
    pub(in crate::outbox) exhausted: u64,
    pub(in crate::outbox) cancelled: u64,
    pub(in crate::outbox) attempts: u64,
    pub(in crate::outbox) mails: u64,
    pub(in crate::outbox) sent: u64,
    pub(in crate::outbox) failed: u64,
    pub(in crate::outbox) kept: u64,
}

impl Counts {
    /// Deliveries that are not terminal.
    pub(in crate::outbox) fn pending(&self) -> u64 {
        self.deliveries.saturating_sub(self.delivered + self.exhausted + self.cancelled)
    }

    /// Mails that still have a row.
    pub(in crate::outbox) fn pending_mails(&self) -> u64 {
        self.mails.saturating_sub(self.sent + self.failed + self.kept)
    }
}

/// A row of the queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::outbox) enum Row {
    Delivery(DeliveryRow),
    Deadline(DueDeadline),
    Digest {
        lane: u32,
        entries: u32,
    },
    /// The mail itself is in the archive: it may be larger than a value.
    Mail(Place),
}

/// What is owed, and where the archive has it. Small: a backlog of millions is made of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::outbox) struct DeliveryRow {
    pub(in crate::outbox) attempts: u32,
    /// The journey whose order it keeps.
    pub(in crate::outbox) ordered: Option<JourneyId>,
    pub(in crate::outbox) resend_of: Option<DeliveryId>,
    pub(in crate::outbox) due_at: Timestamp,
    /// The delivery's last frame.
    pub(in crate::outbox) last: Place,
    /// The frame that holds the message.
    pub(in crate::outbox) event: Place,
    pub(in crate::outbox) form: u8,
}

/// The ordered delivery of a journey that is at its turn at an endpoint. Those of 16 neighbouring lanes share a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::outbox) struct Turn {
    pub(in crate::outbox) lane: u32,
    pub(in crate::outbox) serial: u64,
    /// How many are parked behind it.
    pub(in crate::outbox) behind: u32,
}

/// An endpoint's lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::outbox) struct StoredLane {
    pub(in crate::outbox) webhook: String,
    /// Due time and serial of the digest that takes more entries.
    pub(in crate::outbox) open_digest: Option<(Timestamp, u64)>,
}

/// What the archive keeps, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::outbox) enum Frame {
    /// A message, and to whom it was owed at once, when, and in which form.
    Event { number: u64, message: Message, deliveries: Vec<(DeliveryId, String, Timestamp, u8)> },
    /// An attempt ended; how the delivery, which came to be in the frame at `origin`, stands then.
    Attempt {
        delivery: DeliveryId,
        origin: Place,
        state: DeliveryState,
        attempts: u32,
        due_at: Timestamp,
        attempt: Attempt,
        previous: Place,
    },
    /// A delivery was called off.
    Cancel { delivery: Delivery, previous: Place },
    /// A delivery of an older event, with the message in its form once more: the event's own frame may go before this
    /// one does. `previous` is the event's resend before this one.
    Resend { delivery: Delivery, message: Message, previous: Place },
    /// A mail as it is now.
    Mail(Mail),
    /// All of a batch is before this; what it changes in the tree, by key; without a value: the key goes. `meta` does
    /// not know where this frame ends.
    Batch { meta: Meta, changes: Vec<(keys::Key, Option<Bytes>)> },
}

/// What a frame can be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::outbox) enum FrameKey {
    Event(EventId),
    EventNumber(u64),
    JourneyEvent(JourneyId, u64),
    Delivery(DeliveryId),
    Resends(EventId),
    Mail(u64),
}

impl FrameKey {
    /// A 64-bit hash that indexes are kept by; whoever finds a frame by it checks the frame.
    pub(in crate::outbox) fn hash(self) -> u64 {
        let mix = |hash: u64, word: u64| {
            let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (mixed >> 32)
        };
        // Scrambled first, or kind 2 of 4 would be kind 4 of 2.
        let kind = |kind| mix(0, kind);
        let half = |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        match self {
            FrameKey::Event(id) => mix(mix(kind(1), half(&id.0[..8])), half(&id.0[8..])),
            FrameKey::EventNumber(number) => mix(kind(2), number),
            FrameKey::JourneyEvent(id, sequence) => {
                mix(mix(mix(kind(3), half(&id.0[..8])), half(&id.0[8..])), sequence)
            }
            FrameKey::Delivery(id) => mix(kind(4), id.0),
            FrameKey::Resends(id) => mix(mix(kind(5), half(&id.0[..8])), half(&id.0[8..])),
            FrameKey::Mail(id) => mix(kind(6), id),
        }
    }
}

impl Frame {
    /// What this frame is found by.
    pub(in crate::outbox) fn keys(&self) -> impl Iterator<Item = FrameKey> {
        type Deliveries = [(DeliveryId, String, Timestamp, u8)];
        let owed: (_, &Deliveries) = match self {
            Frame::Event { number, message, deliveries } => {
                let of_journey = message.journey_id.map(|id| FrameKey::JourneyEvent(id, message.sequence));
                let keys = [Some(FrameKey::Event(message.event_id)), Some(FrameKey::EventNumber(*number)), of_journey];
                (keys, deliveries)
            }
            Frame::Attempt { delivery, .. } => ([Some(FrameKey::Delivery(*delivery)), None, None], &[]),
            Frame::Cancel { delivery, .. } => ([Some(FrameKey::Delivery(delivery.id)), None, None], &[]),
            Frame::Resend { delivery, .. } => {
                ([Some(FrameKey::Delivery(delivery.id)), Some(FrameKey::Resends(delivery.event_id)), None], &[])
            }
            Frame::Mail(mail) => ([Some(FrameKey::Mail(mail.id.0)), None, None], &[]),
            Frame::Batch { .. } => ([None; 3], &[]),
        };
        let (own, deliveries) = owed;
        own.into_iter().flatten().chain(deliveries.iter().map(|(id, ..)| FrameKey::Delivery(*id)))
    }

    /// Whether this frame is found by `key` rightly, and not by a hash that happens to be the same.
    pub(in crate::outbox) fn has_key(&self, key: FrameKey) -> bool {
        self.keys().any(|own| own == key)
    }
}
