//! What a start notices in a tree that was tampered with, and whom it waits for.

use std::fs::File;
use std::path::PathBuf;

use super::*;
use crate::outbox::record::{self, FORMAT, Meta, keys};

/// Where the tree of the store in `dir` is.
fn tree_of(dir: &Path) -> PathBuf {
    let below = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut homes = std::iter::once(dir.to_owned()).chain(below.filter(|path| path.is_dir()));
    homes.find(|home| home.join("db").is_file()).expect("a tree")
}

/// That tree; whoever had it open lets go of it a moment after it was closed.
pub(super) fn the_tree(dir: &Path) -> sled::Db {
    loop {
        match sled::open(tree_of(dir)) {
            Ok(tree) => return tree,
            Err(sled::Error::Io(_)) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A store of four journeys that was closed, with what `change` does to its tree.
async fn tampered(change: impl FnOnce(&sled::Db)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    fill(&outbox, 1..=4).await;
    drop(outbox);
    let tree = the_tree(dir.path());
    change(&tree);
    tree.flush().expect("it is written");
    dir
}

fn remove(tree: &sled::Db, letter: &[u8]) {
    let keys: Vec<_> = tree.scan_prefix(letter).keys().map(|key| key.expect("a key")).collect();
    assert!(!keys.is_empty());
    keys.iter().for_each(|key| drop(tree.remove(key).expect("it goes")));
}

#[tokio::test]
async fn d9_rows_that_a_tree_has_lost_are_noticed() {
    for (letter, said) in [
        (&b"L"[..], "2 deliveries are pending, but the queue has 0"),
        (b"W", "there were 1 endpoints, but 0 are found"),
        (b"J", "the journeys are missing"),
        (keys::META, "the tree has rows, but no record of its state"),
    ] {
        let dir = tampered(|tree| remove(tree, letter)).await;
        let error = open(dir.path()).expect_err("it is short").to_string();
        assert!(error.contains("is damaged") && error.contains(said), "{}: {error}", letter.escape_ascii());
    }
    let dir = tampered(|_| {}).await;
    check_holds(&open(dir.path()).expect("nothing was changed"), 4);
    assert!(open(tempfile::tempdir().expect("a directory").path()).is_ok(), "no journeys are missing in a new one");
}

#[tokio::test]
async fn a_store_of_another_format_is_refused_by_both_numbers() {
    let dir = tampered(|tree| {
        let stored = tree.get(keys::META).expect("a read").expect("it is there");
        let meta: Meta = record::open("meta", keys::META, &stored).expect("it holds");
        let later = Meta { format: FORMAT + 1, ..meta };
        tree.insert(keys::META, record::seal(keys::META, &later)).expect("it is written");
    });
    match open(dir.await.path()) {
        Err(OpenError::Format { found, expected, .. }) => {
            assert_eq!((found, expected), ((FORMAT + 1).to_string(), FORMAT.to_string()));
        }
        other => panic!("{other:?}"),
    }
}

/// A program that was just being started when the store was closed has its lock for a moment.
#[tokio::test]
async fn a_lock_that_is_given_back_soon_is_waited_for() {
    let dir = tampered(|_| {}).await;
    let opens = || {
        let file = File::options().write(true).open(dir.path().join("lock")).expect("a lock");
        file.lock().expect("nobody has it");
        let holder = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            drop(file);
        });
        let opened = open(dir.path());
        holder.join().expect("it ends");
        opened.is_ok()
    };
    // On a machine under load a moment may be too long, but not each time.
    assert!((0..5).any(|_| opens()));
    // The same of the tree's own, which its threads give back after the store was dropped.
    let opens = || {
        let tree = the_tree(dir.path());
        let holder = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(60));
            drop(tree);
        });
        let opened = open(dir.path());
        holder.join().expect("it ends");
        opened.is_ok()
    };
    assert!((0..5).any(|_| opens()));
}

/// Whoever is told that a store is in use looks for a process that has it.
#[tokio::test]
async fn a_disk_that_fails_is_not_taken_for_a_lock() {
    let dir = tampered(|_| {}).await;
    let tree = tree_of(dir.path()).join("conf");
    drop(the_tree(dir.path()));
    fs::remove_file(&tree).and_then(|()| fs::create_dir(&tree)).expect("a directory");
    let error = open(dir.path()).expect_err("it is no file");
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
}

#[tokio::test]
async fn a_segment_is_neither_tiny_nor_too_long_whatever_is_asked_for() {
    for segment_bytes in [0, u32::MAX] {
        let dir = tempfile::tempdir().expect("a directory");
        let settings = SledSettings { segment_bytes, ..SledSettings::default() };
        let outbox = SledOutbox::open(dir.path(), settings).expect("a fresh store");
        fill(&outbox, 1..=10).await;
        assert!(!dir.path().join("archive/000002.seg").exists(), "{segment_bytes}: 20 KiB are no full segment");
        let full = segment_bytes == 0;
        fill(&outbox, 11..=50).await;
        assert_eq!(dir.path().join("archive/000002.seg").exists(), full, "{segment_bytes}: 100 KiB are, at the least");
    }
}

/// What a journey's events wait for is known after a restart as before, at each endpoint by itself.
#[tokio::test]
async fn the_order_of_a_journey_outlives_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let both = [("ordered here", 0), ("ordered there", 0)];
    let mut journey = journey(1);
    for round in 0..3 {
        let outbox = open(dir.path()).expect("a store");
        let mut commit = start(journey.clone());
        if round > 0 {
            commit.expected_version = Some(journey.version);
            Arc::make_mut(&mut commit.journey).version += 1;
        }
        emit(&mut commit, &both);
        journey = Journey::clone(&commit.journey);
        outbox.commit(commit).await.expect("the right version");
    }
    for turn in 0..3 {
        for hook in ["ordered there", "ordered here"] {
            let outbox = open(dir.path()).expect("a store");
            let due = outbox.claim_deliveries(hook, at(9), 9).await.expect("a claim").rows;
            assert_eq!(due.iter().map(|due| due.message.sequence).collect::<Vec<_>>(), [turn + 1], "{hook}");
            let attempt = Attempt { n: 1, started_at: at(9), finished_at: at(9), outcome: Outcome::default() };
            let (lease, attempt, verdict) = (due[0].lease, Box::new(attempt), Verdict::Delivered);
            outbox
                .settle(vec![Settlement::Attempt { lease, attempt, verdict, notice: None }])
                .await
                .expect("it is over");
        }
    }
    assert_eq!(open(dir.path()).expect("a store").ledger().deliveries.delivered, 6);
}
