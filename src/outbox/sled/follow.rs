//! The thread in which the tree follows the archive, and with it what the disk does for that.
//!
//! It lets changes gather for a while, for most rows come and go in less and a journey changes several times, and
//! then tells the tree all of them at once. What it has not told yet is in the archive: the next start finds it there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Core;
use super::tree::said;
use crate::outbox::OutboxError;
use crate::outbox::archive::{WRITERS_PATIENCE, patiently, segment};
use crate::outbox::record::{self, Meta, keys};

/// Changes gather for so long.
const PAUSE: Duration = Duration::from_secs(1);
/// With so many bytes the tree is told at once.
const FULL: usize = 8 << 20;
/// With so many the writer waits until the tree was told of some.
const TOO_FAR: usize = 16 << 20;

/// sled's files, opened once more: its own flush is no durability point.
#[derive(Debug)]
pub(super) struct TreeFiles {
    db: File,
    /// A page that holds several large values goes to a file of its own here, which `db` only points to.
    blobs: PathBuf,
    synced: BTreeSet<OsString>,
}

impl TreeFiles {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let db = File::options().read(true).write(true).open(dir.join("db"))?;
        Ok(TreeFiles { db, blobs: dir.join("blobs"), synced: BTreeSet::new() })
    }

    /// Tells the disk to keep what sled has flushed.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        patiently(WRITERS_PATIENCE, || self.sync_blobs())?;
        self.db.sync_data()
    }

    fn sync_blobs(&mut self) -> io::Result<()> {
        let mut found = BTreeSet::new();
        let mut fresh = false;
        for entry in fs::read_dir(&self.blobs)? {
            let name = entry?.file_name();
            if !self.synced.contains(&name) {
                match File::open(self.blobs.join(&name)) {
                    Ok(blob) => blob.sync_all()?,
                    // sled has done with it.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
                fresh = true;
            }
            found.insert(name);
        }
        if fresh {
            segment::sync_dir(&self.blobs)?;
        }
        self.synced = found;
        Ok(())
    }
}

/// What the writer tells the follower.
#[derive(Debug, Default)]
struct Bell {
    /// How many bytes the tree is behind, as far as the writer knows.
    behind: usize,
    /// Changes are being moved.
    moving: bool,
    /// Nothing more gathers.
    hurry: bool,
    stop: bool,
    /// The thread has ended.
    over: bool,
}

#[derive(Debug, Default)]
struct Shared {
    bell: Mutex<Bell>,
    rung: Condvar,
}

impl Shared {
    fn bell(&self) -> MutexGuard<'_, Bell> {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, bell: MutexGuard<'a, Bell>) -> MutexGuard<'a, Bell> {
        self.rung.wait(bell).unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's end. Dropping it lets the tree follow to the end.
#[derive(Debug)]
pub(super) struct Follower {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// # Errors
    /// When there can be no thread.
    pub(super) fn start(core: Arc<Core>, mut files: TreeFiles) -> io::Result<Follower> {
        let shared = Arc::new(Shared::default());
        let (heard, told) = (shared.clone(), core);
        let follow = move || {
            while heard.next() {
                let moved = catch_unwind(AssertUnwindSafe(|| move_down(&told, &mut files)));
                let moved = moved.unwrap_or_else(|panic| Err(OutboxError::Broken(said(&*panic))));
                if let Err(error) = moved {
                    told.fail(&error);
                    heard.bell().over = true;
                    heard.moved();
                    return;
                }
                heard.moved();
            }
        };
        let thread = std::thread::Builder::new().name("outbox-tree".into()).spawn(follow)?;
        Ok(Follower { shared, thread: Some(thread) })
    }

    /// Says that the tree is `behind` by so many bytes.
    pub(super) fn published(&self, behind: usize) {
        let mut bell = self.shared.bell();
        let was = std::mem::replace(&mut bell.behind, behind);
        if was == 0 || (was < FULL && behind >= FULL) {
            self.shared.rung.notify_all();
        }
    }

    /// Waits until the tree has everything, or the store has failed.
    pub(super) fn catch_up(&self) {
        let mut bell = self.shared.bell();
        bell.hurry = true;
        self.shared.rung.notify_all();
        while (bell.behind > 0 || bell.moving) && !bell.over {
            bell = self.shared.wait(bell);
        }
        bell.hurry = false;
    }

    /// Waits where the tree is too far behind.
    pub(super) fn keep_pace(&self) {
        let mut bell = self.shared.bell();
        while bell.behind > TOO_FAR && bell.moving {
            bell = self.shared.wait(bell);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.bell().stop = true;
        self.shared.rung.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Waits until there is something to tell; `false` when all was told and no more will come.
    fn next(&self) -> bool {
        let mut bell = self.bell();
        while bell.behind == 0 && !bell.stop {
            bell = self.wait(bell);
        }
        let full = |bell: &mut Bell| bell.behind < FULL && !bell.stop && !bell.hurry;
        let waited = self.rung.wait_timeout_while(bell, PAUSE, full);
        let mut bell = waited.unwrap_or_else(PoisonError::into_inner).0;
        let any = bell.behind > 0;
        bell.moving = any;
        bell.behind = 0;
        any
    }

    fn moved(&self) {
        self.bell().moving = false;
        self.rung.notify_all();
    }
}

fn move_down(core: &Core, files: &mut TreeFiles) -> Result<(), OutboxError> {
    core.check()?;
    let moving = core.table.start_move();
    core.table.move_down(&moving)?;
    core.table.flush()?;
    files.sync()?;
    core.table.move_meta(&moving)?;
    core.table.flush()?;
    files.sync()?;
    core.table.end_move();
    if let Some(value) = moving.get(keys::META).and_then(|meta| meta.value.as_ref()) {
        let meta: Meta = record::open("record of the tree's state", keys::META, value)?;
        // Not sooner: until now the tree would have been told of them at the next start.
        core.archive.drop_before(meta.first_segment)?;
    }
    Ok(())
}
