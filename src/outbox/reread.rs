//! Stored bytes, read and written again: what they say, without a store around them.
//!
//! Called by the fuzzer and by its replay in `cargo test`, which throw bytes at every reader of the disk format. Opens no
//! file, and no outbox calls it. What it takes it takes through the very functions that the store reads with.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::archive::segment;
use super::record::{self, Frame, Meta, Row, StoredLane, Turn, keys};
use super::{DigestEntry, NewKey};
use crate::provider::Journey;

/// A kind of value in the tree; `record.rs` has the table of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Counters, and how far the archive goes.
    Meta,
    /// A delivery, a deadline, a digest or a mail that is owed; parked ones too.
    Row,
    /// Who is at their turn.
    Turns,
    /// An endpoint's name and open digest.
    Lane,
    /// One line of a digest.
    DigestEntry,
    /// A journey.
    Journey,
    /// A journey's number, or a count.
    Number,
    /// An idempotency key and its answer.
    Key,
    /// A note.
    Note,
    /// The mark of a delivery that is exhausted or cancelled: nothing but its key.
    Mark,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 10] = [
        Kind::Meta,
        Kind::Row,
        Kind::Turns,
        Kind::Lane,
        Kind::DigestEntry,
        Kind::Journey,
        Kind::Number,
        Kind::Key,
        Kind::Note,
        Kind::Mark,
    ];
}

/// The stored form of the value of that `kind` that `stored` holds under `key`.
///
/// # Errors
/// A sentence that says why the store would refuse it.
pub fn value(kind: Kind, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, String> {
    match kind {
        Kind::Meta => again::<Meta>(key, stored),
        Kind::Row => again::<Row>(key, stored),
        Kind::Turns => again::<Vec<Turn>>(key, stored),
        Kind::Lane => again::<StoredLane>(key, stored),
        Kind::DigestEntry => again::<DigestEntry>(key, stored),
        Kind::Journey => again::<Journey>(key, stored),
        Kind::Number => again::<u64>(key, stored),
        Kind::Key => again::<NewKey>(key, stored),
        Kind::Note => again::<bytes::Bytes>(key, stored),
        Kind::Mark => again::<()>(key, stored),
    }
}

/// Puts version and checksum around `body`, so that it is read under `key`: whoever bends a body by hand needs this to be
/// heard at all.
pub fn sealed(key: &[u8], body: &[u8]) -> Vec<u8> {
    record::seal_bytes(key, body)
}

/// The stored form of the frame that stands at the start of `stored` in the archive, and how many bytes of `stored` it
/// takes; `None` where none holds.
pub fn frame(stored: &[u8]) -> Option<(Vec<u8>, usize)> {
    let frame: Frame = segment::decode(stored)?;
    let mut written = Vec::new();
    segment::encode(&frame, &mut written);
    Some((written, segment::stored_length(stored)?))
}

/// Puts length and checksum before `body`, as [`sealed`] does for values.
pub fn framed(body: &[u8]) -> Vec<u8> {
    segment::frame_bytes(body)
}

/// The key that says what `stored` does, for the kinds of key that the store reads back: of the queue's rows, of counts and
/// of notes. `None` where it is none of these.
pub fn key(stored: &[u8]) -> Option<Vec<u8>> {
    let row = || keys::read_row(stored).map(keys::row);
    let needed = || keys::read_needed(stored).map(keys::needed);
    let note = || keys::read_note(stored).map(keys::note);
    row().or_else(needed).or_else(note).map(|key| key.to_vec())
}

fn again<T: Serialize + DeserializeOwned>(key: &[u8], stored: &[u8]) -> Result<Vec<u8>, String> {
    let value: T = record::open("value", key, stored).map_err(|error| error.to_string())?;
    Ok(record::seal(key, &value))
}
