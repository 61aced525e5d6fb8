//! Writes the tree anew once it is mostly empty. sled uses room again, but gives next to none of it back: after a backlog
//! of a million its files stayed what they had grown to, and grew with the next.
//!
//! Called by the follower, whose thread alone changes the tree, when nobody waits for it. The archive goes on meanwhile, and
//! readers have the old tree until the new one is whole and durable. A crash leaves the one or the other.
//!
//! ```text
//!   rows --copy--> tree-8/, flush, sync --> current: 8, sync --> table: tree-8/ --> tree-7/ goes
//!             no room, or somebody waits: tree-8/ goes, tree-7/ stays
//! ```

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::SledSettings;
use super::failure::Failure;
use super::files::TreeFiles;
use super::gauge::{Gauge, Next, Progress, Step, has_room, most};
use super::home::Home;
use super::table::{Table, Told};
use super::tree::{Tree, weight};
use crate::clock::Stopwatch;
use crate::outbox::OutboxError;
use crate::outbox::archive::is_no_descriptor;

/// How long it rests where there was no room.
const WITHOUT_ROOM: Duration = Duration::from_secs(60);
/// So often whoever counts looks up.
const LOOKS: usize = 512;
/// How long readers may hold on to a tree that was replaced; each asks it for one value.
const READERS_PATIENCE: Duration = Duration::from_secs(10);

/// The tree's place and files, and what is known of how full it is.
#[derive(Debug)]
pub(super) struct Upkeep {
    home: Home,
    files: TreeFiles,
    cache_bytes: u64,
    gauge: Gauge,
}

/// A tree that was written anew.
struct Copied {
    tree: Tree,
    files: TreeFiles,
    live: u64,
}

impl Upkeep {
    /// Of a tree that has so many rows, or more.
    pub(super) fn new(home: Home, files: TreeFiles, settings: &SledSettings, rows: u64) -> Self {
        let SledSettings { cache_bytes, rebuild_bytes, .. } = *settings;
        Upkeep { home, files, cache_bytes, gauge: Gauge::new(rebuild_bytes, rows) }
    }

    /// Tells the disk to keep what sled has flushed.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.files.sync()
    }

    /// The tree was told so much.
    pub(super) fn told(&mut self, told: Told) {
        self.gauge.told(told);
    }

    /// Writes the tree anew if that is worth it, and nobody `waits`. Nothing may be moving.
    ///
    /// # Errors
    /// The store has failed. A disk that is full has not: the tree stays as it is.
    pub(super) fn keep_small(&mut self, table: &Table, waits: &dyn Fn() -> bool) -> Result<(), OutboxError> {
        let size = self.files.size()?;
        let took = Stopwatch::start();
        match self.gauge.next(size) {
            Next::Leave => return Ok(()),
            _ if waits() => return Ok(()),
            Next::Weigh => match weigh(&table.tree(), most(size), waits)? {
                Ok(live) => self.gauge.weighed(live),
                Err(looked) => {
                    self.gauge.looked(looked, took.elapsed());
                    return Ok(());
                }
            },
            Next::Write => {}
        }
        let live = self.gauge.live();
        let (number, dir) = self.home.plan();
        let written = || self.write(&table.tree(), number, &dir, live, waits);
        match catch_unwind(AssertUnwindSafe(written)).unwrap_or_else(|panic| Err(Failure::of_panic(&*panic))) {
            Ok(Some(copied)) => {
                self.gauge.copied(copied.live, took.elapsed());
                self.move_in(table, number, copied)
            }
            Ok(None) => {
                self.gauge.copied(live, took.elapsed());
                remove(&dir)
            }
            Err(Failure::Io(error)) if is_full(&error) => {
                tracing::warn!(error = error.to_string(), "no room to write the tree anew; it is tried again later");
                self.gauge.put_off(most(size), WITHOUT_ROOM);
                remove(&dir)
            }
            Err(failure) => Err(OutboxError::Broken(failure.to_string())),
        }
    }

    /// Writes all rows to a new tree, whole and durable; `None` where somebody waited. All but [`Home::choose`] is done then.
    fn write(
        &self,
        from: &Tree,
        number: u32,
        dir: &Path,
        live: u64,
        waits: &dyn Fn() -> bool,
    ) -> Result<Option<Copied>, Failure> {
        let disk = rustix::fs::statvfs(self.home.dir()).map_err(io::Error::from)?;
        if !has_room(disk.f_bavail.saturating_mul(disk.f_frsize), live) {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        let copied = copy(from, dir, self.cache_bytes, waits)?;
        if copied.is_some() {
            self.home.propose(number)?;
        }
        Ok(copied)
    }

    /// The tree that was copied is durable: it takes the old one's place, which goes.
    fn move_in(&mut self, table: &Table, number: u32, copied: Copied) -> Result<(), OutboxError> {
        let left = self.home.tree();
        self.home.choose(number)?;
        let old = table.replace(copied.tree);
        self.files = copied.files;
        self.gauge.weighed(copied.live);
        match alone(old, READERS_PATIENCE) {
            Some(tree) => {
                drop(tree);
                remove(&left)
            }
            // The next start removes it.
            None => Ok(()),
        }
    }
}

/// What is shared, once nobody else has it; `None` where somebody holds on to it for so long.
pub(super) fn alone<T>(mut shared: Arc<T>, patience: Duration) -> Option<T> {
    let waiting = Stopwatch::start();
    loop {
        shared = match Arc::try_unwrap(shared) {
            Ok(own) => return Some(own),
            Err(held) => held,
        };
        if waiting.elapsed() >= patience {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The weight of all rows; or of those that were looked at before it was more than `most`, or somebody waited.
pub(super) fn weigh(tree: &Tree, most: u64, waits: &dyn Fn() -> bool) -> Result<Result<u64, u64>, OutboxError> {
    let (mut live, mut looks) = (0, 0_usize);
    for found in tree.iter() {
        let (key, value) = found?;
        live += weight(&key, value.len());
        looks += 1;
        if live > most || (looks.is_multiple_of(LOOKS) && waits()) {
            return Ok(Err(live));
        }
    }
    Ok(Ok(live))
}

/// Copies all rows to a new tree in `dir`, whole and durable; `None` where somebody waited.
fn copy(from: &Tree, dir: &Path, cache_bytes: u64, waits: &dyn Fn() -> bool) -> Result<Option<Copied>, Failure> {
    let tree = Tree::open(dir, cache_bytes)?;
    let mut files = TreeFiles::open(dir)?;
    let mut batch = sled::Batch::default();
    let mut progress = Progress::default();
    for found in from.iter() {
        let (key, value) = found?;
        let step = progress.step(weight(&key, value.len()));
        batch.insert(key, value);
        if step == Step::Gather {
            continue;
        }
        tree.apply_batch(std::mem::take(&mut batch))?;
        if waits() {
            return Ok(None);
        }
        if step == Step::Sync {
            tree.flush()?;
            files.sync()?;
        }
    }
    tree.apply_batch(batch)?;
    tree.flush()?;
    files.sync_whole()?;
    Ok(Some(Copied { tree, files, live: progress.live() }))
}

/// Removes a tree that counts for nothing.
pub(super) fn remove(dir: &Path) -> Result<(), OutboxError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whether there is no room for more, of the disk or of the process: no reason to give up what is whole.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) || is_no_descriptor(error)
}
