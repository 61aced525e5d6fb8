//! The thread in which the tree follows the archive, and with it what the disk does for that. While nobody waits for it, it
//! sees that the tree stays small.
//!
//! It lets changes gather for a while, for most rows come and go in less and a journey changes several times, and
//! then tells the tree all of them at once. What it has not told yet is in the archive: the next start finds it there.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Core;
use super::rebuild::Upkeep;
use super::tree::said;
use crate::outbox::OutboxError;
use crate::outbox::record::{self, Meta, keys};

/// Changes gather for so long.
const PAUSE: Duration = Duration::from_secs(1);
/// With so many bytes the tree is told at once.
const FULL: usize = 8 << 20;
/// With so many the writer waits until the tree was told of some.
const TOO_FAR: usize = 16 << 20;

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
    pub(super) fn start(core: Arc<Core>, mut upkeep: Upkeep) -> io::Result<Follower> {
        let shared = Arc::new(Shared::default());
        let (heard, told) = (shared.clone(), core);
        let follow = move || {
            while let Some(behind) = heard.next() {
                let moved = catch_unwind(AssertUnwindSafe(|| {
                    move_down(&told, &mut upkeep)?;
                    // A full load is just coming in: it would only be in the way.
                    if behind < FULL {
                        upkeep.keep_small(&told.table, &|| heard.is_wanted())?;
                    }
                    Ok(())
                }));
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
    /// Waits until there is something to tell: about so many bytes; `None` when all was told and no more will come.
    fn next(&self) -> Option<usize> {
        let mut bell = self.bell();
        while bell.behind == 0 && !bell.stop {
            bell = self.wait(bell);
        }
        let full = |bell: &mut Bell| bell.behind < FULL && !bell.stop && !bell.hurry;
        let waited = self.rung.wait_timeout_while(bell, PAUSE, full);
        let mut bell = waited.unwrap_or_else(PoisonError::into_inner).0;
        let behind = std::mem::take(&mut bell.behind);
        bell.moving = behind > 0;
        Some(behind).filter(|behind| *behind > 0)
    }

    /// Whether there is more to tell that should not wait.
    fn is_wanted(&self) -> bool {
        let bell = self.bell();
        bell.behind >= FULL || bell.stop || bell.hurry
    }

    fn moved(&self) {
        self.bell().moving = false;
        self.rung.notify_all();
    }
}

fn move_down(core: &Core, upkeep: &mut Upkeep) -> Result<(), OutboxError> {
    core.check()?;
    let moving = core.table.start_move();
    upkeep.told(core.table.move_down(&moving)?);
    core.table.flush()?;
    upkeep.sync()?;
    core.table.move_meta(&moving)?;
    core.table.flush()?;
    upkeep.sync()?;
    core.table.end_move();
    if let Some(value) = moving.get(keys::META).and_then(|meta| meta.value.as_ref()) {
        let meta: Meta = record::open("record of the tree's state", keys::META, value)?;
        // Not sooner: until now the tree would have been told of them at the next start.
        core.archive.drop_before(meta.first_segment)?;
    }
    Ok(())
}
