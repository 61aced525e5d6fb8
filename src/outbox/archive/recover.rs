//! Opening an archive: it must hold all that its mark and the tree's meta record say. What it has beyond the tree's
//! last batch is told; a batch that is not whole was never acknowledged, and is cut off.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use rustc_hash::FxHashMap;

use super::mark::Mark;
use super::opened::Opened;
use super::segment::{self, HEADER, Index, Summary};
use super::{Appender, Archive, ArchiveError, Shelf};
use crate::outbox::record::{Frame, Meta, Place, keys::Key};

/// Segments count from here.
const FIRST: u32 = 1;

/// Hears of a batch that the tree does not have, in order: the state after it, and what it changes.
pub(in crate::outbox) type Tell<'a> = &'a mut dyn FnMut(Meta, Vec<(Key, Option<Bytes>)>);

/// The archive of a store whose tree says `meta`; `None` for a fresh store, of which [`is_untouched`] must hold.
pub(in crate::outbox) fn open(
    dir: &Path,
    meta: Option<&Meta>,
    limit: u32,
    tell: Tell<'_>,
) -> Result<(Arc<Archive>, Appender), ArchiveError> {
    match meta {
        Some(meta) => recover(dir, meta, limit, tell),
        None => {
            fs::create_dir_all(dir)?;
            let file = segment::create(dir, FIRST)?;
            let active = Active { number: FIRST, file, summary: Summary::empty(), latest: FxHashMap::default() };
            Ok(shelve(dir, BTreeMap::new(), active, Mark::create(dir)?, limit))
        }
    }
}

/// Whether nothing was ever written to the archive in `dir`, if there is one: a start that was cut short left no more than
/// an empty first segment and a mark that says so.
pub(in crate::outbox) fn is_untouched(dir: &Path) -> io::Result<bool> {
    if !dir.is_dir() {
        return Ok(true);
    }
    for number in numbers(dir)? {
        if number != FIRST || fs::metadata(segment::path(dir, number))?.len() > u64::from(HEADER) {
            return Ok(false);
        }
    }
    match Mark::open(dir) {
        Ok((_, marked)) => Ok(marked == 0),
        // None, or one that was not finished.
        Err(ArchiveError::Damaged(_)) => Ok(true),
        Err(ArchiveError::Io(error)) => Err(error),
    }
}

/// The segment that is written to.
struct Active {
    number: u32,
    file: File,
    summary: Summary,
    latest: FxHashMap<u64, u32>,
}

fn shelve(
    dir: &Path,
    sealed: BTreeMap<u32, Summary>,
    active: Active,
    mark: Mark,
    limit: u32,
) -> (Arc<Archive>, Appender) {
    let Active { number, file, summary, latest } = active;
    let file = Arc::new(file);
    let shelf = Shelf { sealed, active: number, file: file.clone(), summary, latest };
    let archive = Arc::new(Archive { dir: dir.to_owned(), shelf: RwLock::new(shelf), opened: Opened::default() });
    let appender = Appender {
        archive: archive.clone(),
        file,
        segment: number,
        length: summary.length,
        limit,
        mark,
        too_long: false,
        buffer: Vec::new(),
        pushed: Vec::new(),
        summary,
    };
    (archive, appender)
}

fn numbers(dir: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number: Option<u32> =
            name.to_str().and_then(|name| name.strip_suffix(".seg")).and_then(|name| name.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn recover(dir: &Path, meta: &Meta, limit: u32, tell: Tell<'_>) -> Result<(Arc<Archive>, Appender), ArchiveError> {
    let damaged = |detail: String| Err(ArchiveError::Damaged(detail));
    let found = if dir.is_dir() { numbers(dir)? } else { Vec::new() };
    for number in meta.first_segment..=meta.archive_end.segment() {
        if !found.contains(&number) {
            return damaged(format!("archive segment {number} is missing"));
        }
    }
    let (mark, marked) = Mark::open(dir)?;
    let mut last = meta.batch;
    let mut active = scan(dir, meta.archive_end.segment(), Some(meta), &mut last, tell)?;
    // What the tree has not heard of may go on in later segments: each starts with the batch after the last.
    while found.contains(&(active.number + 1)) {
        let before = last;
        let next = scan(dir, active.number + 1, None, &mut last, tell)?;
        if last == before {
            break;
        }
        active = next;
    }
    if last < marked {
        return damaged(format!("the archive ends with batch {last}, but batch {marked} was complete"));
    }
    // A segment is only begun after the one before it was whole: none that goes on can follow a torn one.
    for number in found.iter().filter(|number| **number > active.number) {
        if scan_any(dir, *number)? {
            return damaged(format!("archive segment {number} goes on, but batch {} is missing before it", last + 1));
        }
    }
    // What follows was never acknowledged.
    let end = active.summary.length;
    active.file.set_len(u64::from(end))?;
    active.file.sync_all()?;
    for number in found.iter().filter(|number| **number > active.number || **number < meta.first_segment) {
        fs::remove_file(segment::path(dir, *number))?;
        // A segment that was never sealed has no index.
        let _ = fs::remove_file(segment::index_path(dir, *number));
    }
    segment::sync_dir(dir)?;
    let mut sealed = BTreeMap::new();
    for number in meta.first_segment..active.number {
        sealed.insert(number, sealed_summary(dir, number)?);
    }
    Ok(shelve(dir, sealed, active, mark, limit))
}

/// Reads segment `number` to the end of its last whole batch, which must come after batch `last` without a gap. When
/// the tree ends in it, as `meta` says, it must hold at least that.
fn scan(dir: &Path, number: u32, meta: Option<&Meta>, last: &mut u64, tell: Tell<'_>) -> Result<Active, ArchiveError> {
    let file = File::options().read(true).write(true).open(segment::path(dir, number))?;
    let known = meta.map_or(HEADER, |meta| meta.archive_end.offset());
    let (mut summary, mut latest) = (Summary::empty(), FxHashMap::default());
    // With the batch that is being read, which may not be whole.
    let (mut draft, mut keys) = (summary, Vec::new());
    let mut known_batch = None;
    if segment::has_header(&file, number) {
        segment::scan(&file, HEADER, u32::MAX, |offset, end, frame| {
            draft.note(&frame);
            keys.extend(frame.keys().map(|key| (key.hash(), offset)));
            let Frame::Batch { meta: after, changes } = frame else { return true };
            if end == known {
                known_batch = Some(after.batch);
            } else if end > known {
                if after.batch != *last + 1 {
                    return false;
                }
                *last = after.batch;
                tell(Meta { archive_end: Place::new(number, end), ..after }, changes);
            }
            draft.length = end;
            summary = draft;
            latest.extend(keys.drain(..));
            true
        })?;
    }
    if summary.length < known {
        let good = summary.length;
        let detail = format!("archive segment {number} holds {good} bytes that can be read, not {known}");
        return Err(ArchiveError::Damaged(detail));
    }
    if let Some(meta) = meta
        && known > HEADER
        && known_batch != Some(meta.batch)
    {
        let detail = format!("archive segment {number} does not have batch {} where the tree ends", meta.batch);
        return Err(ArchiveError::Damaged(detail));
    }
    Ok(Active { number, file, summary, latest })
}

/// Whether a segment has any whole batch.
fn scan_any(dir: &Path, number: u32) -> Result<bool, ArchiveError> {
    let file = File::open(segment::path(dir, number))?;
    let mut any = false;
    segment::scan(&file, HEADER, u32::MAX, |_, _, frame| {
        any = matches!(frame, Frame::Batch { .. });
        !any
    })?;
    Ok(any)
}

/// A sealed segment's summary; its index is written anew when it is missing or does not hold.
fn sealed_summary(dir: &Path, number: u32) -> Result<Summary, ArchiveError> {
    let path = segment::path(dir, number);
    let length = fs::metadata(&path)?.len();
    let index = match Index::open(dir, number) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
        index => index?,
    };
    if let Some(index) = index {
        if u64::from(index.summary.length) == length {
            return Ok(index.summary);
        }
        let known = index.summary.length;
        return Err(ArchiveError::Damaged(format!("archive segment {number} has {length} bytes, not {known}")));
    }
    let file = File::open(&path)?;
    let mut summary = Summary::empty();
    let mut latest = FxHashMap::default();
    let end = u32::try_from(length).unwrap_or(u32::MAX);
    let good = segment::scan(&file, HEADER, end, |offset, _, frame| {
        summary.note(&frame);
        latest.extend(frame.keys().map(|key| (key.hash(), offset)));
        true
    })?;
    if !segment::has_header(&file, number) || u64::from(good) != length {
        return Err(ArchiveError::Damaged(format!("archive segment {number} cannot be read beyond byte {good}")));
    }
    summary.length = good;
    segment::write_index(dir, number, &summary, &mut latest.into_iter().collect::<Vec<_>>())?;
    Ok(summary)
}
