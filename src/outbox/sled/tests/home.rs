//! Where a store keeps its tree: a pointer that is bent or gone is refused in words, and a start that was cut short leaves
//! nothing in the way.

use std::io;

use super::rebuild::{drained, names, owe, settings, whole};
use super::*;
use crate::outbox::record::FORMAT;

#[tokio::test]
async fn a_pointer_that_does_not_hold_is_refused_in_words() {
    let dir = tempfile::tempdir().expect("a directory");
    drained(dir.path()).await;
    let pointer = dir.path().join("current");
    let bytes = fs::read(&pointer).expect("a pointer");
    let refused = |bytes: &[u8]| {
        fs::write(&pointer, bytes).expect("a file");
        open(dir.path()).expect_err("it does not hold")
    };
    let words = "the file `current`, which says where its tree is, does not hold; restore a copy, or move it away";
    for bit in 0..bytes.len() * 8 {
        let mut bent = bytes.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        let error = refused(&bent).to_string();
        assert!(error.contains(words), "bit {bit}: {error}");
    }
    for length in 0..bytes.len() {
        let error = refused(&bytes[..length]).to_string();
        assert!(error.contains(words), "{length} bytes: {error}");
    }
    assert!(refused(&[&bytes[..], b"\0"].concat()).to_string().contains(words));
    // One that holds, of a tree that is not there, and of a format that is not ours.
    let another = |at: usize, word: u32| {
        let mut other = bytes.clone();
        other[at..at + 4].copy_from_slice(&word.to_le_bytes());
        let crc = crc32fast::hash(&other[..16]);
        other[16..].copy_from_slice(&crc.to_le_bytes());
        refused(&other)
    };
    assert!(another(12, 7).to_string().contains("there is no tree-7/db"));
    assert!(names(dir.path()).contains("tree-1"), "what may be all that is left is left alone");
    let other = another(8, FORMAT + 1);
    assert!(matches!(&other, OpenError::Format { found, .. } if *found == (FORMAT + 1).to_string()), "{other}");
    fs::write(&pointer, &bytes).expect("a file");
    check_holds(&open(dir.path()).expect("it opens"), 10);
    // A tree without rows in the place of one that had some.
    let empty = tempfile::tempdir().expect("a directory");
    remove(&dir.path().join("tree-1"));
    drop(sled::open(dir.path().join("tree-1")).expect("a tree"));
    let error = open(dir.path()).expect_err("it had rows").to_string();
    assert!(error.contains("the archive holds data, but the tree is empty"), "{error}");
    // A store of the formats that had no pointer.
    drop(sled::open(empty.path()).expect("a tree"));
    let older = open(empty.path()).expect_err("it is another format").to_string();
    assert!(older.contains("has format 6 or an older one, this version reads format 7"), "{older}");
}

/// Takes something from a store.
type Spoil<'a> = &'a dyn Fn(&Path) -> io::Result<()>;

/// The story: a start that was cut short while sled wrote its first files was called damaged by the next one.
#[tokio::test]
async fn a_first_start_that_was_cut_short_leaves_nothing_in_the_way() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(recover::open(dir.path(), &settings()).expect("a fresh store"));
    let made = names(dir.path());
    assert_eq!(made, whole("tree-1"));
    let cut = |spoil: Spoil<'_>| {
        let to = tempfile::tempdir().expect("a directory");
        copy(dir.path(), to.path());
        remove(&to.path().join("current"));
        spoil(to.path()).expect("it is spoilt");
        to
    };
    let without_tree = |to: &Path| fs::remove_dir_all(to.join("tree-1"));
    let spoils: [Spoil<'_>; 10] = [
        &|_| Ok(()),
        &|to| fs::write(to.join("current.new"), b"USTREE01"),
        &|to| fs::write(to.join("tree-1/db"), vec![0; 300]),
        &|to| fs::write(to.join("tree-1/conf"), b"vers"),
        // sled overlooks one of a few bytes, and refuses a half.
        &|to| {
            let conf = fs::read(to.join("tree-1/conf"))?;
            fs::write(to.join("tree-1/conf"), &conf[..conf.len() / 2])
        },
        &|to| fs::remove_file(to.join("tree-1/db")),
        &without_tree,
        &|to| without_tree(to).and_then(|()| fs::remove_file(to.join("archive/mark"))),
        &|to| without_tree(to).and_then(|()| fs::write(to.join("archive/mark"), b"USM")),
        &|to| {
            without_tree(to)?;
            fs::remove_file(to.join("archive/mark"))?;
            fs::write(to.join("archive/000001.seg"), b"USA")
        },
    ];
    for (n, spoil) in spoils.iter().enumerate() {
        let to = cut(*spoil);
        let outbox = open(to.path()).unwrap_or_else(|error| panic!("cut {n}: {error}"));
        assert_eq!(outbox.ledger(), Ledger::default(), "cut {n}");
        owe(&outbox, 1, 1).await;
        drop(outbox);
        assert_eq!(names(to.path()), whole("tree-1"), "cut {n}");
        assert_eq!(open(to.path()).expect("it opens").ledger().events, 1, "cut {n}");
    }
    // What only a store that was one can have is no such start.
    let lost: [Spoil<'_>; 4] = [
        &|to| fs::remove_dir_all(to.join("archive")),
        &|to| fs::rename(to.join("tree-1"), to.join("tree-2")),
        &|to| fs::rename(to.join("archive/000001.seg"), to.join("archive/000002.seg")),
        &|to| fs::write(to.join("archive/000001.seg"), [0; 17]),
    ];
    for (n, spoil) in lost.iter().enumerate() {
        let to = cut(*spoil);
        let before = names(to.path());
        let error = open(to.path()).expect_err("it is no fresh store").to_string();
        assert!(error.contains("the file `current`, which says where its tree is, is missing"), "{n}: {error}");
        assert_eq!(names(to.path()), before, "{n}: it is left alone");
    }
}

/// The story: a start that was cut short while sled wrote down what it had read left the store refused by every later one.
#[tokio::test]
async fn a_start_that_was_cut_short_is_no_damage_to_the_tree() {
    let dir = tempfile::tempdir().expect("a directory");
    drained(dir.path()).await;
    drop(open(dir.path()).expect("it opens"));
    let tree = dir.path().join("tree-1");
    let snapshot = names(&tree).into_iter().find(|name| name.starts_with("snap.")).expect("sled has one");
    let whole = fs::read(tree.join(snapshot)).expect("a snapshot");
    for length in [0, 5, whole.len() / 2, whole.len() - 1] {
        let draft = tree.join("snap.7FFFFFFFFFFFFFFF.generating");
        fs::write(&draft, &whole[..length]).expect("a file");
        check_holds(&open(dir.path()).unwrap_or_else(|error| panic!("{length} bytes: {error}")), 10);
        assert!(!draft.exists());
    }
}

/// A disk that does not answer is no damage, and no fresh store either: what is there is left alone.
#[tokio::test]
async fn a_pointer_that_cannot_be_read_is_told_as_what_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    drained(dir.path()).await;
    let (pointer, draft) = (dir.path().join("current"), dir.path().join("current.new"));
    let bytes = fs::read(&pointer).expect("a pointer");
    let refused = |what: &str| match open(dir.path()) {
        Err(OpenError::Io { detail, .. }) => detail,
        other => panic!("{what}: {other:?}"),
    };
    // Neither can it be opened, nor what was opened be read, nor a draft be removed.
    remove(&pointer);
    std::os::unix::fs::symlink("current", &pointer).expect("a link to itself");
    assert!(refused("a link to itself").contains("symbolic links"));
    fs::remove_file(&pointer).expect("a link");
    fs::create_dir(&pointer).expect("a directory");
    assert!(refused("a directory").contains("directory"));
    remove(&pointer);
    fs::write(&pointer, &bytes).expect("a file");
    fs::create_dir(&draft).expect("a directory");
    assert!(refused("a draft that cannot go").contains("directory"));
    remove(&draft);
    assert_eq!(names(dir.path()), whole("tree-1"));
    check_holds(&open(dir.path()).expect("it opens"), 10);
}
