//! Stores that were written once, and are copied for each round that spoils one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use understudy::clock::Stopwatch;

use super::workload::Load;
use super::world::{Past, World};
use crate::support::server::Server;

/// How long a store may take to be written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(120);

/// Between two looks at what was written.
const LOOK: Duration = Duration::from_millis(5);

/// A segment of the archive is closed when it has so many bytes.
const SEGMENT: u64 = 32 << 20;

/// A store that nobody has open, and how it came to be.
pub(super) struct Prepared {
    dir: TempDir,
    pub(super) past: Past,
    /// Its server was killed so many times.
    pub(super) crashes: u64,
}

/// How a store's last server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With SIGTERM: the tree has all that the archive has.
    Terminated,
    /// With SIGKILL: the archive is ahead.
    Killed,
}

impl Prepared {
    /// A store of some dozens of journeys.
    pub(super) fn small(end: End) -> Prepared {
        Prepared::written(&World::new(), end, |world, _| world.sink.requests().len() >= 120)
    }

    /// A store whose first segment will be full with the next few deliveries.
    pub(super) fn nearly_full() -> Prepared {
        let full = |_: &World, data: &Path| length(&data.join("archive/000001.seg")) > SEGMENT - (6 << 20);
        Prepared::written(&World::talkative(&Past::default()), End::Terminated, full)
    }

    /// A store with a full segment, and a second one that some was written to.
    pub(super) fn sealed() -> Prepared {
        let more = |_: &World, data: &Path| length(&data.join("archive/000002.seg")) > 1 << 20;
        Prepared::written(&World::talkative(&Past::default()), End::Terminated, more)
    }

    fn written(world: &World, end: End, enough: impl Fn(&World, &Path) -> bool) -> Prepared {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(dir.path(), &world.config(""));
        let load = Load::on(server.address(), &world.memory);
        let data = dir.path().join("data");
        let watch = Stopwatch::start();
        while !enough(world, &data) {
            // Often, and without a look at what arrived: a fast machine writes a segment in a second.
            std::thread::sleep(LOOK);
            assert!(watch.elapsed() < WRITTEN_WITHIN, "the load does not go on");
        }
        if end == End::Killed {
            server.kill();
            load.stop();
        } else {
            load.stop();
            assert_eq!(server.terminate().code(), Some(0));
        }
        Prepared { dir, past: world.past(), crashes: u64::from(end == End::Killed) }
    }

    /// Puts a copy of it below `home`.
    pub(super) fn copy_to(&self, home: &Path) {
        for file in files(&self.dir.path().join("data")) {
            let to = home.join(file.strip_prefix(self.dir.path()).expect("a file of the store"));
            fs::create_dir_all(to.parent().expect("a directory")).expect("made");
            fs::copy(&file, &to).expect("copied");
        }
    }
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |data| data.len())
}

/// All files below a directory, in order.
pub(super) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
