//! What a tree's files take of the disk, and which of them are drafts.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};

use super::super::files::{TreeFiles, discard_drafts, is_ordered};
use super::super::tree::Tree;
use super::rebuild::{drained, names, settings, whole};
use super::*;

/// What the disk gives a file.
fn taken(file: &Path) -> u64 {
    fs::metadata(file).expect("a file").blocks() * 512
}

/// What it gives the log of a tree, and its blobs.
fn parts(tree: &Path) -> (u64, u64) {
    let blobs = fs::read_dir(tree.join("blobs")).expect("a directory").map(|blob| taken(&blob.expect("a blob").path()));
    (taken(&tree.join("db")), blobs.sum())
}

/// A row that sled puts in a file of its own.
fn put_blob(tree: &sled::Db, key: &str) {
    tree.insert(key, vec![7; 200 << 10]).expect("a row");
    tree.flush().expect("it is written");
}

#[test]
fn blobs_count_once_they_were_synced_and_until_sled_has_done_with_them() {
    for sync in [TreeFiles::sync, TreeFiles::sync_whole] {
        let dir = tempfile::tempdir().expect("a directory");
        let tree = Tree::open(dir.path(), 1 << 20).expect("a tree");
        put_blob(&tree, "a");
        put_blob(&tree, "b");
        let mut files = TreeFiles::open(dir.path()).expect("its files");
        assert_eq!(files.size().expect("a size"), parts(dir.path()).0);
        sync(&mut files).expect("it is synced");
        let (log, blobs) = parts(dir.path());
        assert!(log > 0 && blobs > 0, "{log} and {blobs} bytes");
        assert_eq!(files.size().expect("a size"), log + blobs);
        put_blob(&tree, "c");
        let first = fs::read_dir(dir.path().join("blobs")).expect("a directory").next();
        fs::remove_file(first.expect("a blob").expect("a blob").path()).expect("it goes");
        sync(&mut files).expect("it is synced");
        let (log, blobs) = parts(dir.path());
        assert_eq!(files.size().expect("a size"), log + blobs);
    }
}

#[test]
fn a_blob_that_is_gone_by_now_is_no_failure_and_one_that_cannot_be_opened_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let tree = Tree::open(dir.path(), 1 << 20).expect("a tree");
    put_blob(&tree, "a");
    let mut files = TreeFiles::open(dir.path()).expect("its files");
    let blob = dir.path().join("blobs/99");
    symlink("nowhere", &blob).expect("a link");
    files.sync().expect("sled has done with it");
    assert!(files.size().expect("a size") > taken(&dir.path().join("db")), "the other one is there");
    fs::remove_file(&blob).expect("a link");
    symlink("99", &blob).expect("a link to itself");
    assert!(files.sync().is_err());
}

#[tokio::test]
async fn blobs_make_a_tree_large_enough_to_be_written_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    drained(dir.path()).await;
    let settings = SledSettings { rebuild_bytes: taken(&dir.path().join("tree-1/db")) + (4 << 20), ..settings() };
    let opened = recover::open(dir.path(), &settings).expect("it opens");
    let (core, mut upkeep) = (opened.core, opened.upkeep);
    // sled would keep one for rows that are over until it needs its place.
    let mut noise = vec![0; 8 << 20];
    Seed(1).draw(&[b"blob"]).fill(&mut noise);
    fs::write(dir.path().join("tree-1/blobs/99"), noise).expect("a blob");
    upkeep.keep_small(&core.table, &|| false).expect("nothing is done");
    assert_eq!(names(dir.path()), whole("tree-1"), "its log alone is small");
    upkeep.sync().expect("it is synced");
    upkeep.keep_small(&core.table, &|| false).expect("it is written");
    assert_eq!(names(dir.path()), whole("tree-2"));
}

/// Whether what is written to it is durable at once; `None` where the file system has no such mark.
#[cfg(target_os = "linux")]
fn is_marked(path: &Path) -> Option<bool> {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    let probe = tempfile::NamedTempFile::new_in(path.parent().expect("a directory")).expect("a file");
    ioctl_setflags(&probe, IFlags::SYNC).ok()?;
    let file = File::open(path).expect("it is there");
    Some(ioctl_getflags(&file).expect("its marks").contains(IFlags::SYNC))
}

/// sled would use room again whose former rows are not anywhere else yet.
#[cfg(target_os = "linux")]
#[test]
fn all_that_sled_writes_is_marked_in_a_fresh_tree_and_in_one_that_was_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let [fresh, copied] = ["fresh", "copied"].map(|name| dir.path().join(name));
    drop(Tree::open(&fresh, 1 << 20).expect("a tree"));
    fs::create_dir_all(copied.join("blobs")).expect("a directory");
    for file in ["db", "conf"] {
        fs::copy(fresh.join(file), copied.join(file)).expect("a copy");
    }
    drop(Tree::open(&copied, 1 << 20).expect("a tree"));
    for tree in [fresh, copied] {
        for path in [tree.clone(), tree.join("db"), tree.join("blobs")] {
            assert_ne!(is_marked(&path), Some(false), "{}", path.display());
        }
        assert!(is_ordered(&tree) || is_marked(&tree.join("db")).is_none(), "{}", tree.display());
    }
    assert!(!is_ordered(&dir.path().join("none")), "there is nothing");
}

#[test]
fn what_sled_had_not_finished_goes_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    discard_drafts(&dir.path().join("tree-1")).expect("there is no tree yet");
    for name in ["db", "conf", "snap.0A", "snap.0A.generating", "conf.generating", "snapgenerating"] {
        fs::write(dir.path().join(name), b"").expect("a file");
    }
    discard_drafts(dir.path()).expect("it goes");
    assert_eq!(
        names(dir.path()),
        ["db", "conf", "snap.0A", "conf.generating", "snapgenerating"].map(Into::into).into()
    );
    let file = discard_drafts(&dir.path().join("db")).expect_err("it is no directory");
    assert_eq!(file.kind(), io::ErrorKind::NotADirectory);
}
