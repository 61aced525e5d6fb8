//! File systems of a test's own, where the machine permits it: one in an image file, one of a few megabytes.

use std::path::Path;
use std::process::Command;

use crate::support::tools::{stand_down, which};

/// A mounted file system that is unmounted on every way out.
pub(super) struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    /// The file system in `image`.
    pub(super) fn image(image: &Path, at: &'a Path) -> Option<Self> {
        Self::mount(Command::new("mount").args(["-o", "loop"]).arg(image), at)
    }

    /// One in memory that takes so much.
    pub(super) fn of_size(size: &str, at: &'a Path) -> Option<Self> {
        Self::mount(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]), at)
    }

    /// One in memory that knows nothing but files: no size, no marks.
    pub(super) fn plain(at: &'a Path) -> Option<Self> {
        Self::mount(Command::new("mount").args(["-t", "ramfs", "ramfs"]), at)
    }

    fn mount(command: &mut Command, at: &'a Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a mount point");
        which("mount")?;
        let mounted = run(command.arg(at));
        if !mounted {
            stand_down("the right to mount a file system");
        }
        mounted.then_some(Mounted(at))
    }

    /// Mounts it again, with other options.
    pub(super) fn again(&self, options: &str) {
        let remounted = run(Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.0));
        assert!(remounted, "mounted again with {options}");
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // Lazily: a test that failed may still have a server on it.
        run(Command::new("umount").arg("-l").arg(self.0));
    }
}

/// Copies an image as it is at one instant: as a disk that loses power has it. The kernel goes on writing what a process that
/// stands still has left it, so that a copy is made until the image was the same before and after. It is a file of its own: one
/// that is being unmounted behind us still writes to its.
pub(super) fn copy_of_one_instant(image: &Path, copy: &Path) {
    for _ in 0..200 {
        let _ = std::fs::remove_file(copy);
        let copied = run(Command::new("cp").arg("--sparse=always").arg(image).arg(copy));
        assert!(copied, "the image is copied");
        if run(Command::new("cmp").arg("-s").arg(image).arg(copy)) {
            return;
        }
    }
    panic!("the image never stands still");
}

/// Whether it ends well.
pub(super) fn run(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
