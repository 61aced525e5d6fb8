//! Copies of a store, as what ends a process or a disk leaves them. The store's tests alone call this.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Copies a store as it is at one instant, as a kill would leave it: whoever has it open may be writing.
pub(super) fn copy(from: &Path, to: &Path) {
    let found = loop {
        let (first, second) = (contents(from, Path::new("")), contents(from, Path::new("")));
        if first == second {
            break first;
        }
    };
    fs::create_dir_all(to).expect("a directory");
    for (path, bytes) in found {
        match bytes {
            Some(bytes) => fs::write(to.join(path), bytes).expect("a file"),
            None => fs::create_dir_all(to.join(path)).expect("a directory"),
        }
    }
}

/// Files and directories below one, each before what it holds; a directory has no bytes of its own.
fn contents(root: &Path, below: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root.join(below)).expect("a directory") {
        let path = below.join(entry.expect("an entry").file_name());
        if root.join(&path).is_dir() {
            found.extend(contents(root, &path));
            found.insert(path, None);
        } else if let Ok(bytes) = fs::read(root.join(&path)) {
            // A snapshot that sled replaces meanwhile may be gone.
            found.insert(path, Some(bytes));
        }
    }
    found
}

/// Copies a store file by file while it is being written: no instant ever had all of it.
pub(super) fn copy_piece_by_piece(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_piece_by_piece(&entry.path(), &target);
        } else {
            // A snapshot that sled replaces meanwhile may be gone.
            let _ = fs::copy(entry.path(), target);
        }
    }
}

/// The files of the archive, but not its mark.
pub(super) fn copy_segments(from: &Path, to: &Path) {
    let mark = fs::read(to.join("archive/mark")).expect("a mark");
    copy(&from.join("archive"), &to.join("archive"));
    fs::write(to.join("archive/mark"), mark).expect("a mark");
}
