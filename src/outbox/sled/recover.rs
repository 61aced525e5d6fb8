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
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{SetOnce, watch};

use super::failure::Failure;
use super::files::{self, TreeFiles};
use super::home::{self, Home};
use super::known::Known;
use super::live::Live;
use super::rebuild::Upkeep;
use super::recent::Recent;
use super::table::Table;
use super::tree::{Tree, plain};
use super::{Core, SledSettings, shared};
use crate::clock::Stopwatch;
use crate::outbox::archive::{self, Appender, Archive, segment};
use crate::outbox::record::{
    self, FORMAT, Meta, StoredLane,
    keys::{self, Key},
};
use crate::outbox::{OpenError, rules};

/// A program that this process is just starting has its files, and with them the lock of a store that was closed here
/// meanwhile, until it is on its own.
const FORKED: Duration = Duration::from_millis(300);

/// Everything that an open store consists of.
pub(super) struct Opened {
    pub(super) core: Core,
    pub(super) archive: Appender,
    pub(super) meta: Meta,
    pub(super) known: Known,
    pub(super) upkeep: Upkeep,
}

/// See [`super::SledOutbox::open`].
pub(super) fn open(dir: &Path, settings: &SledSettings) -> Result<Opened, OpenError> {
    let opened = || {
        fs::create_dir_all(dir)?;
        let lock = lock(dir)?;
        assemble(dir, settings, lock)
    };
    let opened = catch_unwind(AssertUnwindSafe(opened)).unwrap_or_else(|panic| Err(Failure::of_panic(&*panic)));
    opened.map_err(|failure| failure.at(dir))
}

/// Our own lock says whether somebody has the store. sled's alone would not do: its threads give it back a moment
/// after the store was dropped.
fn lock(dir: &Path) -> Result<File, Failure> {
    let file = File::options().write(true).create(true).truncate(false).open(dir.join("lock"))?;
    let waiting = Stopwatch::start();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if waiting.elapsed() < FORKED => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(TryLockError::WouldBlock) => return Err(Failure::Locked),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

/// The parts that lie on the disk.
struct Stored {
    home: Home,
    tree: Tree,
    files: TreeFiles,
    archive: Arc<Archive>,
    appender: Appender,
    meta: Meta,
}

fn assemble(dir: &Path, settings: &SledSettings, lock: File) -> Result<Opened, Failure> {
    let stored = match Home::find(dir)? {
        Some(home) => recover(home, settings)?,
        None => create(dir, settings)?,
    };
    let Stored { home, tree, files, archive, appender, meta } = stored;
    if !files::is_ordered(&home.tree()) {
        tracing::warn!(
            path = %dir.display(),
            "this file system knows no synchronous files (chattr +S), so a power cut may damage the store: keep it on \
             ext4, xfs or btrfs"
        );
    }
    let live = count(&tree, &meta)?;
    check(&tree, &meta, &live).map_err(Failure::Damaged)?;
    let table = Table::new(tree);
    let known = Known::load(&table, live.lanes())?;
    let (needed, pending) = (known.needs(), meta.counts.pending() + meta.counts.pending_mails());
    if needed != pending {
        let detail = format!("{pending} deliveries and mails are pending, but {needed} need the archive");
        return Err(Failure::Damaged(detail));
    }
    let core = Core {
        table,
        archive,
        live: Mutex::new(live),
        recent: RwLock::new(Recent::new(shared::RECENT)),
        shared: Mutex::new(Recent::new(shared::SHARED)),
        changed: watch::Sender::new(0),
        broken: SetOnce::new(),
        given: AtomicU64::new(meta.journey_numbers),
        // Whatever was reserved may have been given: the first batch reserves more.
        reserved: AtomicU64::new(meta.journey_numbers),
        _lock: lock,
    };
    // Each journey has a row, and one under its reference.
    let rows = meta.counts.pending() + 2 * meta.counts.journeys;
    Ok(Opened { core, archive: appender, known, upkeep: Upkeep::new(home, files, settings, rows), meta })
}

fn limit(settings: &SledSettings) -> u32 {
    settings.segment_bytes.clamp(64 << 10, 128 << 20)
}

/// A store that was there before.
fn recover(home: Home, settings: &SledSettings) -> Result<Stored, Failure> {
    home.tidy()?;
    let tree = Tree::open(&home.tree(), settings.cache_bytes)?;
    let meta: Meta = match tree.get(keys::META)? {
        Some(value) => record::open("record of the tree's state", keys::META, &value)?,
        None if tree.is_empty() => {
            return Err(Failure::Damaged("the archive holds data, but the tree is empty".into()));
        }
        None => return Err(Failure::Damaged("the tree has rows, but no record of its state".into())),
    };
    if meta.format != FORMAT {
        return Err(Failure::Format(meta.format.to_string()));
    }
    let mut files = TreeFiles::open(&home.tree())?;
    let mut ahead = Ahead::default();
    let (archive, appender) =
        archive::open(&home.dir().join("archive"), Some(&meta), limit(settings), &mut |meta, changes| {
            ahead.add(meta, changes);
        })?;
    let meta = ahead.tell(&tree, &mut files, meta)?;
    Ok(Stored { home, tree, files, archive, appender, meta })
}

/// A new store, or one whose first start was cut short. The pointer comes last: from here on there is a store, and whatever
/// is missing was lost.
fn create(dir: &Path, settings: &SledSettings) -> Result<Stored, Failure> {
    let mut home = Home::fresh(dir);
    if !archive::is_untouched(&dir.join("archive"))? {
        return Err(Failure::Damaged(home::lost()));
    }
    let (archive, appender) = archive::open(&dir.join("archive"), None, limit(settings), &mut |_, _| {})?;
    segment::sync_dir(dir)?;
    home.vacate()?;
    let tree = Tree::open(&home.tree(), settings.cache_bytes)?;
    let meta = Meta { format: FORMAT, first_segment: 1, archive_end: appender.end(), ..Meta::default() };
    tree.insert(keys::META, record::seal(keys::META, &meta))?;
    tree.flush()?;
    let mut files = TreeFiles::open(&home.tree())?;
    files.sync_whole()?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        segment::sync_dir(parent)?;
    }
    home.settle()?;
    Ok(Stored { home, tree, files, archive, appender, meta })
}

/// What the archive has beyond the tree's last batch.
#[derive(Default)]
struct Ahead {
    changes: BTreeMap<Key, Option<Bytes>>,
    meta: Option<Meta>,
}

impl Ahead {
    fn add(&mut self, meta: Meta, changes: Vec<(Key, Option<Bytes>)>) {
        self.changes.extend(changes);
        self.meta = Some(meta);
    }

    /// Tells the tree, durable; how far it has come last.
    fn tell(self, tree: &Tree, files: &mut TreeFiles, known: Meta) -> Result<Meta, Failure> {
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

/// Counts the queue once: afterwards the counts follow the writes.
fn count(tree: &sled::Db, meta: &Meta) -> Result<Live, Failure> {
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
