//! sled's files, opened once more: its own flush is no durability point.
//!
//! Between two of ours sled uses room of its log again, once it takes for stable what came in that room's stead. Stable
//! is what it wrote and pushed out (`sync_file_range`), which a file system may still forget when the power goes: the old
//! row is overwritten, the new one lies where the file does not reach yet. So its files are marked, and the kernel makes
//! each write durable before it returns.
//!
//! Called by whoever opens a tree, or tells it something that must last. Never changes a byte of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::outbox::archive::{WRITERS_PATIENCE, patiently, segment};

/// The file of a tree's log, without which there is none.
pub(super) const LOG: &str = "db";
/// Where it has values that are too large for that.
const BLOBS: &str = "blobs";

/// See the module.
#[derive(Debug)]
pub(super) struct TreeFiles {
    dir: PathBuf,
    log: File,
    /// A page that holds several large values goes to a file of its own, which the log only points to: those that the disk
    /// was told to keep, and what they take of it.
    blobs: BTreeMap<OsString, u64>,
}

impl TreeFiles {
    /// Those of the tree in `dir`, which is open.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let log = File::options().read(true).write(true).open(dir.join(LOG))?;
        Ok(TreeFiles { dir: dir.to_owned(), log, blobs: BTreeMap::new() })
    }

    /// Tells the disk to keep what sled has flushed.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        patiently(WRITERS_PATIENCE, || self.sync_blobs())?;
        self.log.sync_data()
    }

    fn sync_blobs(&mut self) -> io::Result<()> {
        let dir = self.dir.join(BLOBS);
        let mut found = BTreeMap::new();
        let mut fresh = false;
        for entry in fs::read_dir(&dir)? {
            let name = entry?.file_name();
            let known = self.blobs.get(&name).copied();
            let taken = match known {
                Some(taken) => taken,
                None => match File::open(dir.join(&name)) {
                    Ok(blob) => {
                        blob.sync_all()?;
                        taken(&blob)?
                    }
                    // sled has done with it.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                },
            };
            fresh |= known.is_none();
            found.insert(name, taken);
        }
        if fresh {
            segment::sync_dir(&dir)?;
        }
        self.blobs = found;
        Ok(())
    }

    /// Tells the disk to keep a new tree: besides what it was told, all that makes it one.
    pub(super) fn sync_whole(&mut self) -> io::Result<()> {
        self.sync()?;
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            File::open(path)?.sync_all()?;
        }
        segment::sync_dir(&self.dir)
    }

    /// What they take of the disk, in bytes, as far as they were synced.
    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(taken(&self.log)? + self.blobs.values().sum::<u64>())
    }
}

/// Removes what sled had not finished writing when it was cut short: it would take a part of a snapshot for a whole one, and
/// refuse its tree. It only counts once it is renamed.
pub(super) fn discard_drafts(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        // There is no tree yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating")) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes what there is not yet of the tree in `dir`, and marks it before sled writes a byte of it: what is written to it is
/// durable, in order, once the call returns. Most file systems mark what is made in such a directory later as well.
pub(super) fn prepare(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir.join(BLOBS))?;
    File::options().write(true).create(true).truncate(false).open(dir.join(LOG))?;
    for path in [dir.to_owned(), dir.join(BLOBS), dir.join(LOG)] {
        if let Err(error) = mark(&path) {
            tracing::debug!(path = %path.display(), error = error.to_string(), "not marked as synchronous");
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn mark(path: &Path) -> io::Result<()> {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    let file = File::open(path)?;
    let flags = ioctl_getflags(&file)?;
    if !flags.contains(IFlags::SYNC) {
        ioctl_setflags(&file, flags | IFlags::SYNC)?;
    }
    Ok(())
}

/// Elsewhere sled itself syncs each write.
#[cfg(not(target_os = "linux"))]
fn mark(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether the tree in `dir`, which was marked, survives the end of its power; or lies where nothing does.
pub(super) fn is_ordered(dir: &Path) -> bool {
    mark(&dir.join(LOG)).is_ok() || is_in_memory(dir)
}

/// Whether it is a tmpfs.
#[cfg(target_os = "linux")]
fn is_in_memory(dir: &Path) -> bool {
    // The type of the number is another one on each machine.
    rustix::fs::statfs(dir).is_ok_and(|system| system.f_type == 0x0102_1994)
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &Path) -> bool {
    false
}

/// What a file takes of the disk.
fn taken(file: &File) -> io::Result<u64> {
    const BLOCK: u64 = 512;
    Ok(file.metadata()?.blocks() * BLOCK)
}
