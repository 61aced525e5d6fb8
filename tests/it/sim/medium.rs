//! What outlives the process: the model of a disk, or a real one, and what a crash leaves on it.
//!
//! A crash keeps a prefix of the writes that were asked for and not answered, and may tear the next. On the real store
//! that is done to its bytes: its tree is taken back to where it was when the process began, as if it had never followed,
//! and its archive ends in the middle of the torn batch.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use understudy::outbox::{Lease, MemoryOutbox, Outbox, SledOutbox, SledSettings};
use understudy::rng::Draw;

use super::corners::Corners;
use super::plan::Keeping;
use super::store::Write;

/// What a process finds when it starts.
pub(super) enum Medium {
    Model(Arc<MemoryOutbox>),
    Disk(Box<Disk>),
}

pub(super) struct Disk {
    home: TempDir,
    generation: u32,
    outbox: Option<Arc<SledOutbox>>,
}

impl Medium {
    pub(super) fn new(keeping: Keeping) -> Medium {
        match keeping {
            Keeping::Model => Medium::Model(Arc::new(MemoryOutbox::new())),
            Keeping::Disk => Medium::Disk(Box::new(Disk { home: home(), generation: 0, outbox: None })),
        }
    }

    /// Opens it for a life.
    pub(super) fn open(&mut self) -> Arc<dyn Outbox> {
        match self {
            Medium::Model(outbox) => outbox.clone(),
            Medium::Disk(disk) => disk.open(),
        }
    }

    /// A crash: `unsynced` was asked for and not kept yet, `leases` stood.
    pub(super) fn crash(
        &mut self,
        unsynced: Vec<Write>,
        leases: &BTreeSet<Lease>,
        draw: &mut Draw,
        corners: &mut Corners,
    ) {
        let mut writes = unsynced.into_iter();
        let survivors = draw.below(writes.len() as u64 + 1);
        for write in writes.by_ref().take(survivors as usize) {
            corners.unacknowledged_write_survived += 1;
            write.keep(&*self.kept());
        }
        corners.unacknowledged_write_lost += writes.len() as u64;
        let torn = writes.next().filter(|_| draw.chance(0.7));
        corners.torn_record_met += u64::from(torn.is_some());
        match self {
            Medium::Model(outbox) => outbox.release(leases.iter().copied().collect()),
            Medium::Disk(disk) => disk.crash(torn, draw, corners),
        }
    }

    /// The process ended by itself, and closed it: what was queued is kept.
    pub(super) fn close(&mut self, queued: Vec<Write>) {
        let kept = self.kept();
        queued.into_iter().for_each(|write| write.keep(&*kept));
        drop(kept);
        if let Medium::Disk(disk) = self {
            disk.outbox = None;
        }
    }

    fn kept(&self) -> Arc<dyn Outbox> {
        match self {
            Medium::Model(outbox) => outbox.clone(),
            Medium::Disk(disk) => disk.outbox.clone().expect("the process had it open"),
        }
    }
}

impl Disk {
    fn dir(&self) -> PathBuf {
        self.home.path().join(format!("store-{}", self.generation))
    }

    /// The tree as it was when the process began.
    fn early_tree(&self) -> PathBuf {
        self.home.path().join(format!("tree-{}", self.generation))
    }

    fn open(&mut self) -> Arc<dyn Outbox> {
        let settings = SledSettings { retention: Duration::MAX, segment_bytes: 64 << 10, ..SledSettings::default() };
        let outbox = SledOutbox::open(&self.dir(), settings).unwrap_or_else(|error| panic!("D1, D9: {error}"));
        let outbox = Arc::new(outbox);
        let tree = self.early_tree();
        let _ = fs::remove_dir_all(&tree);
        copy(&self.dir(), &tree, &|name| name != "archive" && name != "lock");
        self.outbox = Some(outbox.clone());
        outbox
    }

    fn crash(&mut self, torn: Option<Write>, draw: &mut Draw, corners: &mut Corners) {
        let (before, tree) = (self.dir(), self.early_tree());
        self.generation += 1;
        let after = self.dir();
        copy(&tree, &after, &|_| true);
        copy(&before.join("archive"), &after.join("archive"), &|_| true);
        let outbox = self.outbox.take().expect("the process had it open");
        if let Some(write) = torn {
            write.keep(&*outbox);
            tear(&before.join("archive"), &after.join("archive"), draw);
        }
        corners.real_store_recovered_from_its_archive += 1;
        drop(outbox);
        let _ = fs::remove_dir_all(before);
        let _ = fs::remove_dir_all(tree);
    }
}

/// Adds a part of what a segment of `whole` has beyond that of `cut` to the latter.
fn tear(whole: &Path, cut: &Path, draw: &mut Draw) {
    for entry in fs::read_dir(cut).expect("an archive") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        if path.extension().is_none_or(|kind| kind != "seg") {
            continue;
        }
        let (had, has) = (fs::read(&path).expect("a segment"), fs::read(whole.join(name)).expect("a segment"));
        if has.len() > had.len() {
            let more = 1 + draw.below((has.len() - had.len() - 1).max(1) as u64) as usize;
            fs::write(&path, &has[..had.len() + more]).expect("a segment");
        }
    }
}

/// In memory where the machine has such a place: real disks would be told to keep every write.
fn home() -> TempDir {
    let in_memory = Path::new("/dev/shm");
    if in_memory.is_dir()
        && let Ok(home) = tempfile::tempdir_in(in_memory)
    {
        return home;
    }
    tempfile::tempdir().expect("a directory")
}

fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        if !wanted(name.to_str().unwrap_or_default()) {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(name), wanted);
        } else {
            // What the store replaces meanwhile may be gone.
            let _ = fs::copy(entry.path(), to.join(name));
        }
    }
}
