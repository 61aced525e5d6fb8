//! Opening an archive: it must hold all that the tree's meta record says, and show nothing that the tree has lost.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Arc, RwLock};

use super::segment::{self, HEADER, Index, Summary};
use super::{Appender, Archive, ArchiveError, Shelf};
use crate::outbox::record::{Frame, Meta};

/// The archive of a store whose tree says `meta`; `None` for a fresh store.
pub(in crate::outbox) fn open(
    dir: &Path,
    meta: Option<&Meta>,
    limit: u32,
) -> Result<(Arc<Archive>, Appender), ArchiveError> {
    match meta {
        Some(meta) => recover(dir, meta, limit),
        None => {
            fs::create_dir_all(dir)?;
            for number in numbers(dir)? {
                if fs::metadata(segment::path(dir, number))?.len() > u64::from(HEADER) {
                    return Err(ArchiveError::Damaged("the archive holds data, but the tree is empty".into()));
                }
            }
            let file = segment::create(dir, 1)?;
            Ok(shelve(dir, BTreeMap::new(), 1, file, Summary::empty(), HashMap::new(), limit))
        }
    }
}

fn shelve(
    dir: &Path,
    sealed: BTreeMap<u32, Summary>,
    active: u32,
    file: File,
    summary: Summary,
    latest: HashMap<u64, u32>,
    limit: u32,
) -> (Arc<Archive>, Appender) {
    let file = Arc::new(file);
    let shelf = Shelf { sealed, active, file: file.clone(), summary, latest };
    let archive = Arc::new(Archive { dir: dir.to_owned(), shelf: RwLock::new(shelf) });
    let appender = Appender {
        archive: archive.clone(),
        file,
        segment: active,
        length: summary.length,
        limit,
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

fn recover(dir: &Path, meta: &Meta, limit: u32) -> Result<(Arc<Archive>, Appender), ArchiveError> {
    let damaged = |detail: String| Err(ArchiveError::Damaged(detail));
    let end = meta.archive_end;
    let active = end.segment();
    let found = if dir.is_dir() { numbers(dir)? } else { Vec::new() };
    for number in meta.first_segment..=active {
        if !found.contains(&number) {
            return damaged(format!("archive segment {number} is missing"));
        }
    }
    let file = File::options().read(true).write(true).open(segment::path(dir, active))?;
    check_tail(dir, meta, &file, &found)?;

    let mut latest = HashMap::new();
    let mut summary = Summary::empty();
    let mut last = None;
    let good = segment::scan(&file, HEADER, end.offset(), |offset, frame| {
        summary.note(&frame);
        latest.extend(frame.keys().into_iter().map(|key| (key.hash(), offset)));
        last = Some(frame);
    })?;
    if !segment::has_header(&file, active) || good != end.offset() {
        return damaged(format!("archive segment {active} holds {good} bytes that can be read, not {}", end.offset()));
    }
    if meta.batch > 0 && last != Some(Frame::Batch { number: meta.batch }) {
        return damaged(format!("archive segment {active} does not end with batch {}", meta.batch));
    }
    // What follows was never acknowledged.
    file.set_len(u64::from(end.offset()))?;
    file.sync_all()?;
    for number in found.iter().filter(|number| **number > active || **number < meta.first_segment) {
        fs::remove_file(segment::path(dir, *number))?;
        // A segment that was never sealed has no index.
        let _ = fs::remove_file(segment::index_path(dir, *number));
    }
    segment::sync_dir(dir)?;
    summary.length = end.offset();
    let mut sealed = BTreeMap::new();
    for number in meta.first_segment..active {
        sealed.insert(number, sealed_summary(dir, number)?);
    }
    Ok(shelve(dir, sealed, active, file, summary, latest, limit))
}

/// Whether what lies behind the tree's end can be one batch that was never acknowledged: more than that means
/// that the tree has lost something.
fn check_tail(dir: &Path, meta: &Meta, file: &File, found: &[u32]) -> Result<(), ArchiveError> {
    let mut newest = 0;
    let mut note = |_, frame| match frame {
        // A batch may be there before the tree has it; its mark may not.
        Frame::Batch { number } => newest = newest.max(number.saturating_sub(1)),
        Frame::Mark { number } => newest = newest.max(number),
        _ => {}
    };
    segment::scan(file, meta.archive_end.offset(), u32::MAX, &mut note)?;
    for number in found.iter().filter(|number| **number > meta.archive_end.segment()) {
        segment::scan(&File::open(segment::path(dir, *number))?, HEADER, u32::MAX, &mut note)?;
    }
    if newest > meta.batch {
        let batch = meta.batch;
        return Err(ArchiveError::Damaged(format!(
            "the archive shows that batch {newest} was complete, but the tree ends with batch {batch}"
        )));
    }
    Ok(())
}

/// A sealed segment's summary; its index is written anew when it is missing or does not hold.
fn sealed_summary(dir: &Path, number: u32) -> Result<Summary, ArchiveError> {
    let path = segment::path(dir, number);
    let length = fs::metadata(&path)?.len();
    if let Some(index) = Index::open(dir, number) {
        if u64::from(index.summary.length) == length {
            return Ok(index.summary);
        }
        let known = index.summary.length;
        return Err(ArchiveError::Damaged(format!("archive segment {number} has {length} bytes, not {known}")));
    }
    let file = File::open(&path)?;
    let mut summary = Summary::empty();
    let mut latest = HashMap::new();
    let end = u32::try_from(length).unwrap_or(u32::MAX);
    let good = segment::scan(&file, HEADER, end, |offset, frame| {
        summary.note(&frame);
        latest.extend(frame.keys().into_iter().map(|key| (key.hash(), offset)));
    })?;
    if !segment::has_header(&file, number) || u64::from(good) != length {
        return Err(ArchiveError::Damaged(format!("archive segment {number} cannot be read beyond byte {good}")));
    }
    summary.length = good;
    segment::write_index(dir, number, &summary, &mut latest.into_iter().collect::<Vec<_>>())?;
    Ok(summary)
}
