//! The archive: append-only segment files with everything that only grows, beside the sled tree.
//!
//! Keys that only grow would leave sled's emptied pages behind for good, so messages, attempts and mails go here.
//! The writer appends a batch, ending with what it changes in the tree: synced, it is durable, whether or not the
//! tree has it yet. A mark beside the segments says how far it went, so that a tail that is missing later is missed.
//! Segments are dropped whole once all in them is older than the retention. Called by the sled outbox only; it never
//! changes a byte that was acknowledged.
//!
//! ```text
//!   push, push, push -> sync -> mark -> publish -> rotate when full
//!                                       from here on readers find it
//! ```

mod mark;
mod opened;
mod recover;
pub(in crate::outbox) mod segment;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustc_hash::FxHashMap;

use crate::clock::Timestamp;
use crate::outbox::record::{Frame, FrameKey, Place};
use mark::Mark;
use opened::Opened;
pub(in crate::outbox) use opened::{WRITERS_PATIENCE, is_no_descriptor, patiently};
pub(in crate::outbox) use recover::{is_untouched, open};
use segment::{HEADER, Span, Summary};

/// This share of a segment is worth a file of its own.
const WORTH: u32 = 32;

/// Why the archive could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub(in crate::outbox) enum ArchiveError {
    #[error("{0}")]
    Damaged(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What readers share with the writer.
#[derive(Debug)]
pub(in crate::outbox) struct Archive {
    dir: PathBuf,
    shelf: RwLock<Shelf>,
    opened: Opened,
}

#[derive(Debug)]
struct Shelf {
    sealed: BTreeMap<u32, Summary>,
    active: u32,
    file: Arc<File>,
    summary: Summary,
    /// Of the active segment only: sealed ones are searched on disk.
    latest: FxHashMap<u64, u32>,
}

/// The writer's end.
#[derive(Debug)]
pub(in crate::outbox) struct Appender {
    archive: Arc<Archive>,
    file: Arc<File>,
    segment: u32,
    length: u32,
    limit: u32,
    mark: Mark,
    /// A frame was pushed that could not be read back.
    too_long: bool,
    buffer: Vec<u8>,
    pushed: Vec<(u64, u32)>,
    summary: Summary,
}

impl Archive {
    fn read(&self) -> RwLockReadGuard<'_, Shelf> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shelf> {
        self.shelf.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest frame with `key`, newest segment first.
    pub(in crate::outbox) fn find(&self, key: FrameKey) -> Result<Option<(Place, Frame)>, ArchiveError> {
        let hash = key.hash();
        let (active, offset, sealed) = {
            let shelf = self.read();
            let may_have = |summary: &Summary| match key {
                FrameKey::Delivery(id) => summary.deliveries.has(id.0),
                FrameKey::EventNumber(number) => summary.events.has(number),
                FrameKey::Mail(id) => summary.mails.has(id),
                FrameKey::Event(_) | FrameKey::JourneyEvent(..) | FrameKey::Resends(_) => true,
            };
            let sealed = shelf.sealed.iter().rev().filter(|(_, summary)| may_have(summary));
            let offset = shelf.latest.get(&hash).copied();
            (shelf.active, offset, sealed.map(|(number, _)| *number).collect::<Vec<_>>())
        };
        if let Some(offset) = offset {
            return self.checked(Place::new(active, offset), key);
        }
        for number in sealed {
            // One that retention dropped in between is gone.
            let Some(sealed) = self.opened.get(&self.dir, number)? else { continue };
            let Some(index) = &sealed.index else { continue };
            if let Some(offset) = index.find(hash)? {
                return self.checked(Place::new(number, offset), key);
            }
        }
        Ok(None)
    }

    fn checked(&self, place: Place, key: FrameKey) -> Result<Option<(Place, Frame)>, ArchiveError> {
        let frame = self.frame(place)?;
        Ok(frame.filter(|frame| frame.has_key(key)).map(|frame| (place, frame)))
    }

    /// The frame at `place`; `None` where retention dropped it.
    pub(in crate::outbox) fn frame(&self, place: Place) -> Result<Option<Frame>, ArchiveError> {
        let active = {
            let shelf = self.read();
            (shelf.active == place.segment()).then(|| shelf.file.clone())
        };
        let frame = match active {
            Some(file) => segment::read_at(&file, place.offset())?,
            None => match self.opened.get(&self.dir, place.segment())? {
                Some(sealed) => segment::read_at(&sealed.file, place.offset())?,
                None => return Ok(None),
            },
        };
        match frame {
            Some(frame) => Ok(Some(frame)),
            None => Err(ArchiveError::Damaged(format!(
                "the frame at {} of archive segment {} does not hold",
                place.offset(),
                place.segment()
            ))),
        }
    }

    /// The least number of a delivery that came to be in segment `first` or later.
    pub(in crate::outbox) fn first_delivery_from(&self, first: u32) -> u64 {
        let shelf = self.read();
        let kept = shelf.sealed.range(first..).map(|(_, summary)| summary).chain([&shelf.summary]);
        kept.map(|summary| summary.created.least).min().unwrap_or(u64::MAX)
    }

    /// The deliveries that came to be in these segments, oldest first; a segment's own lie within its span.
    pub(in crate::outbox) fn created_in(&self, segments: &[u32]) -> Vec<Span> {
        let shelf = self.read();
        let of = |number: &u32| shelf.sealed.get(number).or((*number == shelf.active).then_some(&shelf.summary));
        let mut spans: Vec<Span> = segments.iter().filter_map(of).map(|summary| summary.created).collect();
        spans.sort_unstable_by_key(|span| span.least);
        spans
    }

    /// The least numbers of deliveries and events that lists go down to.
    pub(in crate::outbox) fn floors(&self) -> (u64, u64) {
        let shelf = self.read();
        let all = || shelf.sealed.values().chain([&shelf.summary]);
        let deliveries = all().map(|summary| summary.created.least).min();
        let events = all().map(|summary| summary.events.least).min();
        (deliveries.unwrap_or(u64::MAX), events.unwrap_or(u64::MAX))
    }

    /// The oldest segment to keep, when all before `horizon` is to go but what is `needed` is not.
    pub(in crate::outbox) fn oldest_to_keep(&self, horizon: Timestamp, needed: Option<u32>) -> u32 {
        let shelf = self.read();
        let over = |summary: &Summary| summary.newest < horizon;
        let young = shelf.sealed.iter().find(|(_, summary)| !over(summary)).map_or(shelf.active, |(number, _)| *number);
        needed.map_or(young, |needed| needed.min(young))
    }

    /// Forgets and deletes the segments before `first`.
    pub(in crate::outbox) fn drop_before(&self, first: u32) -> io::Result<()> {
        let dropped = {
            let mut shelf = self.write();
            let kept = shelf.sealed.split_off(&first);
            std::mem::replace(&mut shelf.sealed, kept)
        };
        self.opened.forget_before(first);
        for number in dropped.keys() {
            fs::remove_file(segment::index_path(&self.dir, *number))?;
            fs::remove_file(segment::path(&self.dir, *number))?;
        }
        Ok(())
    }
}

impl Appender {
    /// Adds a frame to the batch that is being gathered; where it will be.
    pub(in crate::outbox) fn push(&mut self, frame: &Frame) -> Place {
        let offset = self.length + self.buffer.len() as u32;
        self.too_long |= segment::encode(frame, &mut self.buffer) > segment::MAX_FRAME;
        self.summary.note(frame);
        self.pushed.extend(frame.keys().map(|key| (key.hash(), offset)));
        Place::new(self.segment, offset)
    }

    /// Where the batch that is being gathered ends so far.
    pub(in crate::outbox) fn end(&self) -> Place {
        Place::new(self.segment, self.length + self.buffer.len() as u32)
    }

    /// The latest frame with `key`, the batch that is being gathered included.
    pub(in crate::outbox) fn find(&self, key: FrameKey) -> Result<Option<(Place, Frame)>, ArchiveError> {
        let hash = key.hash();
        match self.pushed.iter().rev().find(|(pushed, _)| *pushed == hash) {
            Some((_, offset)) => {
                let place = Place::new(self.segment, *offset);
                Ok(self.frame(place)?.map(|frame| (place, frame)))
            }
            None => self.archive.find(key),
        }
    }

    /// The frame at `place`, the batch that is being gathered included.
    pub(in crate::outbox) fn frame(&self, place: Place) -> Result<Option<Frame>, ArchiveError> {
        if place.segment() == self.segment && place.offset() >= self.length {
            return Ok(self.buffer.get((place.offset() - self.length) as usize..).and_then(segment::decode));
        }
        self.archive.frame(place)
    }

    /// Writes what was pushed, the whole of batch `number`, durable. Readers do not find it yet.
    pub(in crate::outbox) fn sync(&mut self, number: u64) -> io::Result<()> {
        if self.too_long {
            return Err(io::Error::other("a frame is longer than what can be read back"));
        }
        let written = self.file.write_all_at(&self.buffer, u64::from(self.length));
        let synced = written.and_then(|()| self.file.sync_data());
        if let Err(error) = synced.and_then(|()| self.mark.set(number)) {
            // Whoever asked is told that it failed: the next start must not find it, and nothing may say that it was there.
            let _ = self.file.set_len(u64::from(self.length)).and_then(|()| self.file.sync_data());
            let _ = self.mark.set(number.saturating_sub(1));
            return Err(error);
        }
        Ok(())
    }

    /// Lets readers find what was synced.
    pub(in crate::outbox) fn publish(&mut self) {
        self.length += self.buffer.len() as u32;
        self.buffer.clear();
        // One large batch must not hold its memory for ever.
        self.buffer.shrink_to(4 << 20);
        self.summary.length = self.length;
        {
            let mut shelf = self.archive.write();
            shelf.latest.extend(self.pushed.drain(..));
            shelf.summary = self.summary;
        }
    }

    /// Starts another segment when this one is full; nothing may be gathered yet.
    pub(in crate::outbox) fn rotate_when_full(&mut self) -> io::Result<()> {
        if self.length >= self.limit { self.rotate() } else { Ok(()) }
    }

    /// Starts another segment when nothing in this one or before is younger than `horizon`, so that all of it can go. Not
    /// sooner than a share of a segment is written: many small ones would come of it. Nothing may be gathered yet.
    pub(in crate::outbox) fn rotate_when_over(&mut self, horizon: Timestamp) -> io::Result<()> {
        let over = self.summary.newest < horizon && self.archive.oldest_to_keep(horizon, None) == self.segment;
        if over && self.length >= self.limit / WORTH { self.rotate() } else { Ok(()) }
    }

    /// The bytes that were pushed and not written yet.
    pub(in crate::outbox) fn gathered(&self) -> usize {
        self.buffer.len()
    }

    fn rotate(&mut self) -> io::Result<()> {
        let mut entries: Vec<_> = self.archive.read().latest.iter().map(|(hash, offset)| (*hash, *offset)).collect();
        let (dir, number, summary) = (&self.archive.dir, self.segment, &self.summary);
        patiently(WRITERS_PATIENCE, || segment::write_index(dir, number, summary, &mut entries))?;
        let file = Arc::new(patiently(WRITERS_PATIENCE, || segment::create(dir, number + 1))?);
        let mut shelf = self.archive.write();
        shelf.sealed.insert(self.segment, self.summary);
        shelf.active = self.segment + 1;
        shelf.file = file.clone();
        shelf.summary = Summary::empty();
        shelf.latest = FxHashMap::default();
        self.segment = shelf.active;
        self.file = file;
        self.length = HEADER;
        self.summary = Summary::empty();
        Ok(())
    }

    /// From here on every write fails, as on a full or broken disk.
    #[cfg(test)]
    pub(in crate::outbox) fn break_disk(&mut self) {
        let path = segment::path(&self.archive.dir, self.segment);
        self.file = Arc::new(File::open(path).expect("the segment is there"));
    }
}
