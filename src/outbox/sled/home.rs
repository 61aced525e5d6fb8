//! Where a store keeps its tree: a directory with a number, and a small file that says which number counts.
//!
//! A tree that is to be replaced is written anew beside the old one; the file's renaming is the one instant at which the
//! new one counts. What the file does not name counts for nothing, and goes. Before there is the file nothing was ever
//! acknowledged: what a first start left that was cut short is no store yet.
//!
//! ```text
//!   lock   archive/   current: 7   tree-7/   tree-8/, half made
//! ```
//!
//! Called by whoever opens a store or writes its tree anew. Never looks into a tree.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::files::LOG;
use crate::outbox::archive::{WRITERS_PATIENCE, patiently, segment};
use crate::outbox::record::FORMAT;

const POINTER: &str = "current";
const MAGIC: &[u8; 8] = b"USTREE01";
const LENGTH: usize = 20;
/// The first tree's number.
const FIRST: u32 = 1;
/// The last format whose tree was not in a directory of its own.
const UNNUMBERED: u32 = 6;

/// See the module.
#[derive(Debug)]
pub(super) struct Home {
    dir: PathBuf,
    /// The tree that counts.
    current: u32,
    /// None had this number since the store was opened: sled may still be at work in the place of one that is gone.
    next: u32,
}

impl Home {
    /// The home of the store in `dir`; `None` where there is none yet.
    pub(super) fn find(dir: &Path) -> Result<Option<Home>, Failure> {
        let current = match File::open(dir.join(POINTER)) {
            Ok(file) => read(&file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return vacant(dir).map(|()| None),
            Err(error) => return Err(error.into()),
        };
        let home = Home::at(dir, current);
        if !home.tree().join(LOG).is_file() {
            return Err(Failure::Damaged(format!("its tree is missing: there is no tree-{current}/{LOG}")));
        }
        Ok(Some(home))
    }

    /// A home that no tree counts in yet.
    pub(super) fn fresh(dir: &Path) -> Home {
        Home::at(dir, FIRST)
    }

    fn at(dir: &Path, current: u32) -> Home {
        Home { dir: dir.to_owned(), current, next: current.saturating_add(1) }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of the tree that counts.
    pub(super) fn tree(&self) -> PathBuf {
        tree(&self.dir, self.current)
    }

    /// The number of a tree that is to be made, and its directory.
    pub(super) fn plan(&mut self) -> (u32, PathBuf) {
        let number = self.next;
        self.next = number.saturating_add(1);
        (number, tree(&self.dir, number))
    }

    /// Writes that tree `number` counts, which is durable and whole; it does once [`Home::choose`] is done.
    pub(super) fn propose(&self, number: u32) -> io::Result<()> {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&number.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..16]);
        bytes[16..].copy_from_slice(&crc.to_le_bytes());
        let draft = File::options().write(true).create(true).truncate(true).open(self.draft())?;
        draft.write_all_at(&bytes, 0)?;
        draft.sync_all()?;
        // The tree's own name as well: the pointer must not be there before it.
        patiently(WRITERS_PATIENCE, || segment::sync_dir(&self.dir))
    }

    /// From here on tree `number` counts, which was proposed, durable.
    ///
    /// # Errors
    /// The disk's: whether it counts the next start will say.
    pub(super) fn choose(&mut self, number: u32) -> io::Result<()> {
        fs::rename(self.draft(), self.dir.join(POINTER))?;
        patiently(WRITERS_PATIENCE, || segment::sync_dir(&self.dir))?;
        self.current = number;
        Ok(())
    }

    fn draft(&self) -> PathBuf {
        self.dir.join("current.new")
    }

    /// From here on there is a store, durable, with the first tree.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.propose(FIRST)?;
        self.choose(FIRST)
    }

    /// Removes what counts for nothing.
    pub(super) fn tidy(&self) -> io::Result<()> {
        self.clear(|number| number != self.current)?;
        match fs::remove_file(self.draft()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what is left of a first start that was cut short.
    pub(super) fn vacate(&self) -> io::Result<()> {
        self.clear(|_| true)
    }

    fn clear(&self, goes: impl Fn(u32) -> bool) -> io::Result<()> {
        for number in numbers(&self.dir)?.into_iter().filter(|number| goes(*number)) {
            fs::remove_dir_all(tree(&self.dir, number))?;
        }
        Ok(())
    }
}

fn tree(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("tree-{number}"))
}

/// The numbers of all trees.
fn numbers(dir: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_prefix("tree-")).and_then(|n| n.parse::<u32>().ok()));
    }
    Ok(numbers)
}

/// What the pointer says.
fn read(file: &File) -> Result<u32, Failure> {
    let mut bytes = [0; LENGTH];
    let read = match file.read_exact_at(&mut bytes, 0) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
        read => read.is_ok() && file.metadata()?.len() == LENGTH as u64,
    };
    let word = |at: usize| bytes[at..].first_chunk().copied().map(u32::from_le_bytes).unwrap_or_default();
    if !read || bytes[..8] != *MAGIC || crc32fast::hash(&bytes[..16]) != word(16) {
        return Err(Failure::Damaged(format!("the file `{POINTER}`, which says where its tree is, does not hold")));
    }
    match word(8) {
        FORMAT => Ok(word(12)),
        other => Err(Failure::Format(other.to_string())),
    }
}

/// Whether a store can be made here: one that lost its pointer is no fresh one. The archive speaks for itself; it is made
/// before the first tree.
fn vacant(dir: &Path) -> Result<(), Failure> {
    if dir.join(LOG).exists() {
        return Err(Failure::Format(format!("{UNNUMBERED} or an older one")));
    }
    let trees = numbers(dir)?;
    let marked = dir.join("archive/mark").is_file();
    if trees.iter().any(|number| *number != FIRST || !marked) {
        return Err(Failure::Damaged(lost()));
    }
    Ok(())
}

/// What is said of a store without a pointer.
pub(super) fn lost() -> String {
    format!("the file `{POINTER}`, which says where its tree is, is missing")
}
