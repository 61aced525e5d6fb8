//! One segment file of the archive and its index file. Called by the archive only.
//!
//! ```text
//!   000001.seg   magic, number | length, crc32, frame | length, crc32, frame | ...
//!   000001.idx   magic, summary | hash, offset | hash, offset | ... | crc32   sorted; only of a sealed segment
//! ```

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::outbox::record::{self, Frame};

const MAGIC: &[u8; 8] = b"USARCH01";
/// The first form had no checksum over its entries: it is written anew.
const INDEX_MAGIC: &[u8; 8] = b"USINDX02";
/// The length of a segment without a frame.
pub(in crate::outbox) const HEADER: u32 = 16;
const FRAME_HEADER: usize = 8;
const ENTRY: usize = 12;
const CRC: u64 = 4;
/// No frame is so large: a length beyond it is damage, not a reason to ask for memory.
pub(in crate::outbox) const MAX_FRAME: usize = 64 * 1024 * 1024;

/// The least and the greatest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::outbox) struct Span {
    pub(in crate::outbox) least: u64,
    pub(in crate::outbox) greatest: u64,
}

impl Default for Span {
    fn default() -> Self {
        Span { least: u64::MAX, greatest: 0 }
    }
}

impl Span {
    fn add(&mut self, number: u64) {
        self.least = self.least.min(number);
        self.greatest = self.greatest.max(number);
    }

    pub(in crate::outbox) fn has(&self, number: u64) -> bool {
        (self.least..=self.greatest).contains(&number)
    }
}

/// What is known of a segment without looking into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::outbox) struct Summary {
    pub(in crate::outbox) length: u32,
    pub(in crate::outbox) newest: Timestamp,
    /// Deliveries that any frame is about.
    pub(in crate::outbox) deliveries: Span,
    /// Deliveries that came to be here.
    pub(in crate::outbox) created: Span,
    pub(in crate::outbox) events: Span,
    pub(in crate::outbox) mails: Span,
}

impl Summary {
    pub(in crate::outbox) fn empty() -> Self {
        let none = Span::default();
        Summary { length: HEADER, newest: Timestamp::MIN, deliveries: none, created: none, events: none, mails: none }
    }

    /// Takes one more frame into account.
    pub(in crate::outbox) fn note(&mut self, frame: &Frame) {
        match frame {
            Frame::Event { number, message, deliveries } => {
                self.events.add(*number);
                self.newest = self.newest.max(message.created_at);
                for (id, ..) in deliveries {
                    self.deliveries.add(id.0);
                    self.created.add(id.0);
                }
            }
            Frame::Attempt { delivery, attempt, .. } => {
                self.deliveries.add(delivery.0);
                self.newest = self.newest.max(attempt.finished_at);
            }
            Frame::Cancel { delivery, .. } => self.deliveries.add(delivery.id.0),
            Frame::Resend { delivery, .. } => {
                self.deliveries.add(delivery.id.0);
                self.created.add(delivery.id.0);
                self.newest = self.newest.max(delivery.due_at);
            }
            Frame::Mail(mail) => {
                self.mails.add(mail.id.0);
                self.newest = self.newest.max(mail.created_at);
            }
            Frame::Batch { .. } => {}
        }
    }
}

pub(in crate::outbox) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:06}.seg"))
}

pub(in crate::outbox) fn index_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:06}.idx"))
}

/// Tells the disk to keep a directory's entries.
pub(in crate::outbox) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A new segment without frames, durable.
pub(in crate::outbox) fn create(dir: &Path, number: u32) -> io::Result<File> {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path(dir, number))?;
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&number.to_le_bytes());
    header.resize(HEADER as usize, 0);
    file.write_all_at(&header, 0)?;
    file.sync_all()?;
    sync_dir(dir)?;
    Ok(file)
}

/// Appends a frame's stored form to `buffer`; its length.
pub(in crate::outbox) fn encode(frame: &Frame, buffer: &mut Vec<u8>) -> usize {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; FRAME_HEADER]);
    let bytes = postcard::to_extend(frame, std::mem::take(buffer));
    *buffer = bytes.expect("plain data in memory always has a postcard form");
    put_header(&mut buffer[start..])
}

/// As [`encode`], of a frame that is bytes already.
pub(in crate::outbox) fn frame_bytes(body: &[u8]) -> Vec<u8> {
    let mut bytes = [&[0; FRAME_HEADER], body].concat();
    put_header(&mut bytes);
    bytes
}

/// Fills in the header that `frame` begins with; the length of what follows it.
fn put_header(frame: &mut [u8]) -> usize {
    let body = &frame[FRAME_HEADER..];
    let (length, crc) = (body.len() as u32, crc32fast::hash(body));
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..FRAME_HEADER].copy_from_slice(&crc.to_le_bytes());
    length as usize
}

/// How many bytes the frame at the start of `bytes` says that it takes, its header included.
pub(in crate::outbox) fn stored_length(bytes: &[u8]) -> Option<usize> {
    let (length, _) = frame_header(bytes.first_chunk::<FRAME_HEADER>()?);
    length.checked_add(FRAME_HEADER)
}

/// Reads the frame at the start of `bytes`.
pub(in crate::outbox) fn decode(bytes: &[u8]) -> Option<Frame> {
    let (header, body) = bytes.split_first_chunk::<FRAME_HEADER>()?;
    let (length, crc) = frame_header(header);
    let body = body.get(..length)?;
    (crc32fast::hash(body) == crc).then(|| record::whole(body).ok())?
}

fn frame_header(header: &[u8; FRAME_HEADER]) -> (usize, u32) {
    let [a, b, c, d, e, f, g, h] = *header;
    (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]))
}

/// Reads the frame at `offset`; `None` when none holds there.
pub(in crate::outbox) fn read_at(file: &File, offset: u32) -> io::Result<Option<Frame>> {
    let mut header = [0; FRAME_HEADER];
    file.read_exact_at(&mut header, u64::from(offset))?;
    let (length, _) = frame_header(&header);
    if length > MAX_FRAME {
        return Ok(None);
    }
    let mut bytes = vec![0; FRAME_HEADER + length];
    file.read_exact_at(&mut bytes, u64::from(offset))?;
    Ok(decode(&bytes))
}

/// Visits the frames from `from` on, up to `end`, with where they begin and end, as long as `visit` says so; and says
/// where the last whole one ended.
pub(in crate::outbox) fn scan(
    file: &File,
    from: u32,
    end: u32,
    mut visit: impl FnMut(u32, u32, Frame) -> bool,
) -> io::Result<u32> {
    let mut reader = io::BufReader::with_capacity(1 << 20, file);
    reader.seek(SeekFrom::Start(u64::from(from)))?;
    let mut offset = from;
    let mut bytes = Vec::new();
    loop {
        let mut header = [0; FRAME_HEADER];
        let left = end.saturating_sub(offset) as usize;
        if left < FRAME_HEADER || !filled(&mut reader, &mut header)? {
            return Ok(offset);
        }
        let (length, _) = frame_header(&header);
        if length > MAX_FRAME || length > left - FRAME_HEADER {
            return Ok(offset);
        }
        bytes.clear();
        bytes.extend_from_slice(&header);
        bytes.resize(FRAME_HEADER + length, 0);
        if !filled(&mut reader, &mut bytes[FRAME_HEADER..])? {
            return Ok(offset);
        }
        let Some(frame) = decode(&bytes) else { return Ok(offset) };
        let next = offset + bytes.len() as u32;
        let go_on = visit(offset, next, frame);
        offset = next;
        if !go_on {
            return Ok(offset);
        }
    }
}

/// Reads all of `bytes`; `false` where the file ends before. A disk that fails is no end.
fn filled(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the file starts as segment `number` does.
pub(in crate::outbox) fn has_header(file: &File, number: u32) -> bool {
    let mut header = [0; HEADER as usize];
    file.read_exact_at(&mut header, 0).is_ok() && header.starts_with(MAGIC) && header[8..12] == number.to_le_bytes()
}

/// Writes a sealed segment's index, durable.
pub(in crate::outbox) fn write_index(
    dir: &Path,
    number: u32,
    summary: &Summary,
    entries: &mut [(u64, u32)],
) -> io::Result<()> {
    entries.sort_unstable();
    let sealed = record::seal(INDEX_MAGIC, summary);
    let mut bytes = Vec::with_capacity(24 + sealed.len() + entries.len() * ENTRY + CRC as usize);
    bytes.extend_from_slice(INDEX_MAGIC);
    bytes.extend_from_slice(&(entries.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&(sealed.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&sealed);
    let start = bytes.len();
    for (hash, offset) in entries {
        let mut entry = [0; ENTRY];
        entry[..8].copy_from_slice(&hash.to_le_bytes());
        entry[8..].copy_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&entry);
    }
    let crc = crc32fast::hash(&bytes[start..]);
    bytes.extend_from_slice(&crc.to_le_bytes());
    // Under another name first: a torn index is never taken for a whole one.
    let draft = dir.join(format!("{number:06}.idx.new"));
    let file = File::options().write(true).create(true).truncate(true).open(&draft)?;
    file.write_all_at(&bytes, 0)?;
    file.sync_all()?;
    std::fs::rename(&draft, index_path(dir, number))?;
    sync_dir(dir)
}

/// Whether the bytes from `start` to `end` are those that the checksum behind them was made of.
fn crc_holds(file: &File, start: u64, end: u64) -> io::Result<bool> {
    let (mut hasher, mut bytes, mut at) = (crc32fast::Hasher::new(), vec![0; 64 << 10], start);
    while at < end {
        let length = bytes.len().min((end - at) as usize);
        file.read_exact_at(&mut bytes[..length], at)?;
        hasher.update(&bytes[..length]);
        at += length as u64;
    }
    let mut crc = [0; CRC as usize];
    file.read_exact_at(&mut crc, end)?;
    Ok(hasher.finalize() == u32::from_le_bytes(crc))
}

/// An index file, opened to be searched.
#[derive(Debug)]
pub(in crate::outbox) struct Index {
    file: File,
    entries: u64,
    start: u64,
    pub(in crate::outbox) summary: Summary,
}

impl Index {
    /// Opens the index of segment `number`; `None` when it is missing.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it does not hold: what it does not find would pass for something that never was.
    pub(in crate::outbox) fn open(dir: &Path, number: u32) -> io::Result<Option<Index>> {
        let bent = || {
            io::Error::new(io::ErrorKind::InvalidData, format!("the index of archive segment {number} does not hold"))
        };
        match File::open(index_path(dir, number)) {
            Ok(file) => Index::read(file).ok_or_else(bent).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(file: File) -> Option<Index> {
        let mut header = [0; 24];
        file.read_exact_at(&mut header, 0).ok()?;
        let (magic, rest) = header.split_first_chunk::<8>()?;
        let (entries, rest) = rest.split_first_chunk::<8>()?;
        let sealed: &[u8; 8] = rest.try_into().ok()?;
        let (entries, sealed) = (u64::from_le_bytes(*entries), u64::from_le_bytes(*sealed));
        if magic != INDEX_MAGIC || sealed > 4096 {
            return None;
        }
        let mut bytes = vec![0; sealed as usize];
        file.read_exact_at(&mut bytes, 24).ok()?;
        let summary = record::open("index", INDEX_MAGIC, &bytes).ok()?;
        let start = 24 + sealed;
        let end = entries.checked_mul(ENTRY as u64)?.checked_add(start)?;
        let whole = file.metadata().ok()?.len() == end.checked_add(CRC)? && crc_holds(&file, start, end).ok()?;
        whole.then_some(Index { file, entries, start, summary })
    }

    /// The offset of the last frame with this hash.
    pub(in crate::outbox) fn find(&self, hash: u64) -> io::Result<Option<u32>> {
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut entry = [0; ENTRY];
            self.file.read_exact_at(&mut entry, self.start + middle * ENTRY as u64)?;
            let [a, b, c, d, e, f, g, h, i, j, k, l] = entry;
            let seen = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
            match seen.cmp(&hash) {
                std::cmp::Ordering::Equal => return Ok(Some(u32::from_le_bytes([i, j, k, l]))),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}
