//! Opening a store: a fresh one is made, an old one must pass its continuity check (D9).
//!
//! The archive must hold all that was acknowledged; what it has beyond the tree's last batch the tree is told first.
//! Then the queue must hold as many rows as the counters say: sled can come back empty, or short of its last
//! records, without an error.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, OnceLock, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::follow::TreeFiles;
use super::known::Known;
use super::live::Live;
use super::recent::Recent;
use super::table::Table;
use super::tree::{Tree, plain, plain_io, said, system_error};
use super::{Core, SledSettings, shared};
use crate::clock::Stopwatch;
use crate::outbox::archive::{self, Appender, ArchiveError, segment};
use crate::outbox::record::{self, BadRecord, FORMAT, Meta, StoredLane, keys};
use crate::outbox::{OpenError, OutboxError, rules};

/// sled's threads give its lock back within milliseconds; a machine under load may take longer.
const STRAGGLERS: Duration = Duration::from_secs(5);

/// A program that this process is just starting has its files, and with them the lock of a store that was closed here
/// meanwhile, until it is on its own.
const FORKED: Duration = Duration::from_millis(300);

/// Everything that an open store consists of.
pub(super) struct Opened {
    pub(super) core: Core,
    pub(super) archive: Appender,
    pub(super) meta: Meta,
    pub(super) known: Known,
    pub(super) files: TreeFiles,
}

/// See [`super::SledOutbox::open`].
pub(super) fn open(dir: &Path, settings: &SledSettings) -> Result<Opened, OpenError> {
    let place = Place(dir);
    fs::create_dir_all(dir).map_err(|error| place.io(&error))?;
    let lock = lock(dir)?;
    let tree = open_tree(dir, settings)?;
    match catch_unwind(AssertUnwindSafe(|| assemble(dir, settings, tree, lock))) {
        Ok(opened) => opened,
        Err(panic) => Err(place.gave_up(&*panic)),
    }
}

/// Our own lock says whether somebody has the store. sled's alone would not do: its threads give it back a moment
/// after the store was dropped.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let place = Place(dir);
    let options = File::options().write(true).create(true).truncate(false).open(dir.join("lock"));
    let file = options.map_err(|error| place.io(&error))?;
    let waiting = Stopwatch::start();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if waiting.elapsed() < FORKED => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(TryLockError::WouldBlock) => return Err(place.locked()),
            Err(TryLockError::Error(error)) => return Err(place.io(&error)),
        }
    }
}

fn open_tree(dir: &Path, settings: &SledSettings) -> Result<Tree, OpenError> {
    let place = Place(dir);
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(settings.cache_bytes)
        .flush_every_ms(None)
        .mode(sled::Mode::HighThroughput);
    let waiting = Stopwatch::start();
    loop {
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(tree)) => return Ok(Tree::new(tree)),
            Ok(Err(sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
                // We hold our own lock, so this is what is left of a store of this process.
                if waiting.elapsed() > STRAGGLERS {
                    return Err(place.locked());
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            Ok(Err(sled::Error::Io(error))) => return Err(place.io(&plain_io(&error))),
            Ok(Err(error)) => return Err(place.damaged(plain(&error))),
            Err(panic) => return Err(place.gave_up(&*panic)),
        }
    }
}

fn assemble(dir: &Path, settings: &SledSettings, tree: Tree, lock: File) -> Result<Opened, OpenError> {
    let place = Place(dir);
    let stored = tree.get(keys::META).map_err(|error| place.failed(error.into()))?;
    let meta: Option<Meta> = match stored {
        Some(value) => Some(read_meta(&value).map_err(|detail| place.damaged(detail))?),
        None if tree.is_empty() => None,
        None => return Err(place.damaged("the tree has rows, but no record of its state".into())),
    };
    if let Some(meta) = &meta
        && meta.format != FORMAT
    {
        let (path, found, expected) = (dir.display().to_string(), meta.format.to_string(), FORMAT.to_string());
        return Err(OpenError::Format { path, found, expected });
    }
    let limit = settings.segment_bytes.clamp(64 << 10, 128 << 20);
    let mut files = TreeFiles::open(dir).map_err(|error| place.io(&error))?;
    let mut ahead = Ahead::default();
    let opened =
        archive::open(&dir.join("archive"), meta.as_ref(), limit, &mut |meta, changes| ahead.add(meta, changes));
    let (archive, appender) = opened.map_err(|error| match error {
        ArchiveError::Damaged(detail) => place.damaged(detail),
        ArchiveError::Io(error) => place.io(&error),
    })?;
    let meta = match meta {
        Some(meta) => ahead.tell(&tree, &mut files, meta),
        None => create(dir, &tree, &mut files, &appender),
    };
    let meta = meta.map_err(|failure| place.failed(failure))?;
    let live = count(&tree, &meta).map_err(|failure| place.failed(failure))?;
    check(&tree, &meta, &live).map_err(|detail| place.damaged(detail))?;
    let table = Table::new(tree);
    let known = Known::load(&table, live.lanes()).map_err(|error| place.failed(error.into()))?;
    let (needed, pending) = (known.needs(), meta.counts.pending() + meta.counts.pending_mails());
    if needed != pending {
        return Err(place.damaged(format!("{pending} deliveries and mails are pending, but {needed} need the archive")));
    }
    let core = Core {
        table,
        archive,
        live: Mutex::new(live),
        recent: RwLock::new(Recent::new(shared::RECENT)),
        shared: Mutex::new(Recent::new(shared::SHARED)),
        changed: watch::Sender::new(0),
        broken: OnceLock::new(),
        given: AtomicU64::new(meta.journey_numbers),
        // Whatever was reserved may have been given: the first batch reserves more.
        reserved: AtomicU64::new(meta.journey_numbers),
        _lock: lock,
    };
    Ok(Opened { core, archive: appender, meta, known, files })
}

/// What the archive has beyond the tree's last batch.
#[derive(Default)]
struct Ahead {
    changes: BTreeMap<Bytes, Option<Bytes>>,
    meta: Option<Meta>,
}

impl Ahead {
    fn add(&mut self, meta: Meta, changes: Vec<(Bytes, Option<Bytes>)>) {
        self.changes.extend(changes);
        self.meta = Some(meta);
    }

    /// Tells the tree, durable; how far it has come last.
    fn tell(self, tree: &sled::Db, files: &mut TreeFiles, known: Meta) -> Result<Meta, OpenFailure> {
        let Some(meta) = self.meta else { return Ok(known) };
        for (key, value) in &self.changes {
            match value {
                Some(value) => tree.insert(&key[..], &value[..])?,
                None => tree.remove(&key[..])?,
            };
        }
        tree.flush()?;
        files.sync()?;
        tree.insert(keys::META, record::seal(keys::META, &meta))?;
        tree.flush()?;
        files.sync()?;
        Ok(meta)
    }
}

/// Why a store could not be made ready: the disk, or what is on it.
enum OpenFailure {
    Io(std::io::Error),
    Damaged(String),
}

impl From<sled::Error> for OpenFailure {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => OpenFailure::Io(plain_io(&error)),
            other => OpenFailure::Damaged(plain(&other)),
        }
    }
}

impl From<std::io::Error> for OpenFailure {
    fn from(error: std::io::Error) -> Self {
        OpenFailure::Io(error)
    }
}

impl From<BadRecord> for OpenFailure {
    fn from(error: BadRecord) -> Self {
        OpenFailure::Damaged(error.to_string())
    }
}

impl From<OutboxError> for OpenFailure {
    fn from(error: OutboxError) -> Self {
        OpenFailure::Damaged(error.to_string())
    }
}

fn read_meta(value: &[u8]) -> Result<Meta, String> {
    record::open("record of the tree's state", keys::META, value).map_err(|error| error.to_string())
}

/// The first write: from here on a tree without it has lost it.
fn create(dir: &Path, tree: &sled::Db, files: &mut TreeFiles, archive: &Appender) -> Result<Meta, OpenFailure> {
    let meta = Meta { format: FORMAT, first_segment: 1, archive_end: archive.end(), ..Meta::default() };
    tree.insert(keys::META, record::seal(keys::META, &meta))?;
    tree.flush()?;
    files.sync()?;
    File::open(dir.join("conf"))?.sync_all()?;
    segment::sync_dir(dir)?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        segment::sync_dir(parent)?;
    }
    Ok(meta)
}

/// Counts the queue once: afterwards the counts follow the writes.
fn count(tree: &sled::Db, meta: &Meta) -> Result<Live, OpenFailure> {
    let mut live = Live::default();
    for found in tree.scan_prefix(b"W") {
        let (key, value) = found?;
        let lane: StoredLane = record::open("lane", &key, &value)?;
        let number = key.get(1..).and_then(|number| number.try_into().ok()).map(u32::from_be_bytes);
        live.add_lane(number.unwrap_or(rules::MAIL_LANE), lane.webhook.into());
    }
    for key in tree.scan_prefix(b"L").keys() {
        if let Some(row) = keys::read_row(&key?) {
            live.found(row);
        }
    }
    for key in tree.scan_prefix(b"P").keys() {
        if let Some((lane, _)) = keys::read_parked(&key?) {
            live.found_parked(lane);
        }
    }
    live.set_counts(meta.counts, meta.last_instant);
    Ok(live)
}

fn check(tree: &sled::Db, meta: &Meta, live: &Live) -> Result<(), String> {
    let (rows, pending) = (live.pending(), meta.counts.pending());
    if rows != pending {
        return Err(format!("{pending} deliveries are pending, but the queue has {rows}"));
    }
    let lanes = live.lanes().len();
    if lanes != meta.lanes as usize {
        return Err(format!("there were {} endpoints, but {lanes} are found", meta.lanes));
    }
    let any = tree.scan_prefix(b"J").keys().next_back().transpose().map_err(|error| plain(&error))?;
    match any {
        None if meta.counts.journeys > 0 => Err("the journeys are missing".into()),
        _ => Ok(()),
    }
}

/// Words a store's errors.
struct Place<'a>(&'a Path);

impl Place<'_> {
    fn locked(&self) -> OpenError {
        OpenError::Locked { path: self.0.display().to_string() }
    }

    fn failed(&self, failure: OpenFailure) -> OpenError {
        match failure {
            OpenFailure::Io(error) => self.io(&error),
            OpenFailure::Damaged(detail) => self.damaged(detail),
        }
    }

    fn damaged(&self, detail: String) -> OpenError {
        OpenError::Damaged { path: self.0.display().to_string(), detail }
    }

    /// sled panics where others return an error; a disk that fails is no damage.
    fn gave_up(&self, panic: &(dyn std::any::Any + Send)) -> OpenError {
        match panic.downcast_ref::<String>().and_then(|text| system_error(text)) {
            Some(error) => self.io(&error),
            None => self.damaged(said(panic)),
        }
    }

    fn io(&self, error: &std::io::Error) -> OpenError {
        OpenError::Io { path: self.0.display().to_string(), detail: error.to_string() }
    }
}
