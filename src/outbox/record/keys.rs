//! The keys of the tree; `record.rs` has their table.

use std::borrow::Borrow;
use std::ops::Deref;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Timestamp;
use crate::ids::JourneyId;
use crate::outbox::Lease;
use crate::provider::Environment;

pub(in crate::outbox) const META: &[u8] = b"M";

/// A key: ordered byte by byte, as the tree orders them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::outbox) struct Key(Vec<u8>);

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Both are ordered byte by byte.
impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Key(bytes.to_vec())
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Key::from(&Bytes::deserialize(deserializer)?[..]))
    }
}

impl Key {
    /// The least one that is greater.
    pub(in crate::outbox) fn after(&self) -> Key {
        let mut after = self.clone();
        after.0.push(0);
        after
    }

    /// The least one that is greater than all that start with `prefix`, which has a byte below 255.
    pub(in crate::outbox) fn beyond(prefix: &[u8]) -> Key {
        let mut end = Key::from(prefix);
        while end.0.last() == Some(&u8::MAX) {
            end.0.pop();
        }
        if let Some(last) = end.0.last_mut() {
            *last += 1;
        }
        end
    }
}

fn key(kind: u8, parts: &[&[u8]]) -> Key {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(kind);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    Key(key)
}

fn ordered(at: Timestamp) -> [u8; 8] {
    (at.as_micros() ^ i64::MIN).to_be_bytes()
}

pub(in crate::outbox) fn row(row: Lease) -> Key {
    key(b'L', &[&row.lane.to_be_bytes(), &ordered(row.due), &row.serial.to_be_bytes()])
}

pub(in crate::outbox) fn lane_rows(lane: u32) -> Key {
    key(b'L', &[&lane.to_be_bytes()])
}

/// Reads the key of a row back; `None` where it is none, or one of an instant that there is not: it would be taken for
/// another row's.
pub(in crate::outbox) fn read_row(key: &[u8]) -> Option<Lease> {
    let (kind, rest) = key.split_first()?;
    let (lane, rest) = rest.split_first_chunk::<4>()?;
    let (due, rest) = rest.split_first_chunk::<8>()?;
    let serial: &[u8; 8] = rest.try_into().ok()?;
    let micros = i64::from_be_bytes(*due) ^ i64::MIN;
    let due = Timestamp::from_micros(micros);
    let holds = *kind == b'L' && due.as_micros() == micros;
    holds.then(|| Lease { lane: u32::from_be_bytes(*lane), due, serial: u64::from_be_bytes(*serial) })
}

pub(in crate::outbox) fn parked(lane: u32, journey: JourneyId, serial: u64) -> Key {
    key(b'P', &[&lane.to_be_bytes(), &journey.0, &serial.to_be_bytes()])
}

pub(in crate::outbox) fn parked_behind(lane: u32, journey: JourneyId) -> Key {
    key(b'P', &[&lane.to_be_bytes(), &journey.0])
}

/// The lane and serial of a parked row's key.
pub(in crate::outbox) fn read_parked(key: &[u8]) -> Option<(u32, u64)> {
    let (lane, _) = key.get(1..)?.split_first_chunk::<4>()?;
    let (_, serial) = key.split_last_chunk::<8>()?;
    Some((u32::from_be_bytes(*lane), u64::from_be_bytes(*serial)))
}

/// The lanes whose turns share a value with those of `lane`.
pub(in crate::outbox) fn neighbours(lane: u32) -> u32 {
    lane >> 4
}

pub(in crate::outbox) fn turns(journey: JourneyId, neighbours: u32) -> Key {
    key(b'H', &[&journey.0, &neighbours.to_be_bytes()])
}

pub(in crate::outbox) fn needed(segment: u32) -> Key {
    key(b'S', &[&segment.to_be_bytes()])
}

/// A delivery that ended otherwise than delivered.
pub(in crate::outbox) fn unhappy(serial: u64) -> Key {
    key(b'E', &[&serial.to_be_bytes()])
}

/// The segment in a key of [`needed`].
pub(in crate::outbox) fn read_needed(key: &[u8]) -> Option<u32> {
    key.strip_prefix(b"S").and_then(|number| number.try_into().ok()).map(u32::from_be_bytes)
}

pub(in crate::outbox) fn lane(lane: u32) -> Key {
    key(b'W', &[&lane.to_be_bytes()])
}

pub(in crate::outbox) fn digest_entry(digest: u64, index: u32) -> Key {
    key(b'G', &[&digest.to_be_bytes(), &index.to_be_bytes()])
}

pub(in crate::outbox) fn journey(number: u64) -> Key {
    key(b'J', &[&number.to_be_bytes()])
}

pub(in crate::outbox) fn references(reference: &str, environment: Environment) -> Key {
    let environment = match environment {
        Environment::Sandbox => 0,
        Environment::Live => 1,
    };
    // The length first: "A" is no prefix of "AB" then.
    let length = u32::try_from(reference.len()).unwrap_or(u32::MAX).to_be_bytes();
    key(b'R', &[&length, reference.as_bytes(), &[environment]])
}

pub(in crate::outbox) fn reference(reference: &str, environment: Environment, number: u64) -> Key {
    let mut key = references(reference, environment);
    key.0.extend_from_slice(&number.to_be_bytes());
    key
}

/// The number at the end of a key.
pub(in crate::outbox) fn number(key: &[u8]) -> Option<u64> {
    key.split_last_chunk::<8>().map(|(_, number)| u64::from_be_bytes(*number))
}

pub(in crate::outbox) fn note(name: &str) -> Key {
    key(b'N', &[name.as_bytes()])
}

/// The name in a note's key.
pub(in crate::outbox) fn read_note(key: &[u8]) -> Option<&str> {
    key.strip_prefix(b"N").and_then(|name| std::str::from_utf8(name).ok())
}

pub(in crate::outbox) fn idempotency(name: &str) -> Key {
    key(b'K', &[&blake3::hash(name.as_bytes()).as_bytes()[..16]])
}
