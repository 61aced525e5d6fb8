//! How the tree follows what is durable in the archive: by itself, all of it, and without being told of what passes.

use std::time::Duration;

use super::super::follow::Follower;
use super::super::table::Change;
use super::*;
use crate::clock::Stopwatch;
use crate::outbox::record::{self, Meta, keys, keys::Key};

/// Changes gather for so long.
const PAUSE: Duration = Duration::from_secs(1);
/// So many bytes are told at once.
const FULL: usize = 8 << 20;
/// The writer lets the tree be behind by so many.
const FAR: usize = 16 << 20;

/// A store without its writer, and how far its tree has come.
fn following(dir: &Path) -> (Arc<Core>, Follower, Meta) {
    let opened = recover::open(dir, &SledSettings::default()).expect("a store");
    let core = Arc::new(opened.core);
    let follower = Follower::start(core.clone(), opened.upkeep).expect("a thread");
    (core, follower, opened.meta)
}

fn put(key: Key, value: &[u8]) -> (Key, Change) {
    (key, Change { value: Some(Bytes::copy_from_slice(value)), born: true })
}

/// One row, as a batch.
fn publish(core: &Core, follower: &Follower, key: &str) {
    follower.published(core.table.publish([put(keys::note(key), b"kept")].into_iter()));
}

/// Whether what was published is the tree's by now, or on its way there.
fn is_told(core: &Core) -> bool {
    core.table.publish(std::iter::empty()) == 0
}

#[test]
fn whoever_waits_for_the_tree_finds_that_it_has_everything() {
    let dir = tempfile::tempdir().expect("a directory");
    let (core, follower, _) = following(dir.path());
    follower.catch_up();
    for key in ["a", "b", "c"] {
        publish(&core, &follower, key);
        follower.catch_up();
        assert!(core.table.start_move().is_empty(), "{key} was told");
    }
    publish(&core, &follower, "d");
    drop(follower);
    assert!(core.table.start_move().is_empty(), "what gathered is told at the end");
    drop(core);
    let table = recover::open(dir.path(), &SledSettings::default()).expect("a store").core.table;
    for key in ["a", "b", "c", "d"] {
        assert_eq!(table.get(&keys::note(key)).expect("a read").as_deref(), Some(&b"kept"[..]), "{key}");
    }
}

#[test]
fn a_failed_store_keeps_nobody_waiting() {
    let dir = tempfile::tempdir().expect("a directory");
    let (core, follower, _) = following(dir.path());
    core.fail(&OutboxError::Broken("the disk is gone".into()));
    publish(&core, &follower, "a");
    follower.catch_up();
    follower.published(2 * FAR);
    follower.keep_pace();
    drop(follower);
    assert!(!core.table.start_move().is_empty(), "nothing is told to a tree that may be broken");
}

#[test]
fn changes_gather_for_a_while_unless_there_are_many() {
    let dir = tempfile::tempdir().expect("a directory");
    let (core, follower, _) = following(dir.path());
    let until_told = |full: bool| {
        follower.catch_up();
        // It is back at rest, and nothing else will wake it.
        std::thread::sleep(Duration::from_millis(20));
        let watch = Stopwatch::start();
        publish(&core, &follower, "a");
        if full {
            // It has begun to let them gather.
            std::thread::sleep(Duration::from_millis(20));
            follower.published(FULL);
        }
        while !is_told(&core) {
            std::thread::sleep(Duration::from_millis(2));
        }
        watch.elapsed()
    };
    let took = until_told(false);
    assert!(took >= PAUSE, "told after {took:?}");
    // A machine under load may take as long for nothing, but not each time.
    assert!((0..5).any(|_| until_told(true) < PAUSE / 2), "many are told at once");
}

/// Notes that come and go are nothing to a tree that hears of them once in a while.
#[tokio::test]
async fn what_comes_and_goes_soon_never_reaches_the_tree() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    let watch = Stopwatch::start();
    let mut draw = Seed(1).draw(&[b"notes"]);
    const SIZE: usize = 40 << 10;
    for _ in 0..200 {
        let mut bytes = vec![0; SIZE];
        draw.fill(&mut bytes);
        for value in [Some(bytes.into()), None] {
            outbox.keep_note(Note { name: "passing".into(), value }).await.expect("it is kept");
        }
    }
    outbox.close().await.expect("the tree has it all");
    let heard = watch.elapsed().as_secs() as usize + 2;
    let size = size_without(dir.path(), &dir.path().join("archive"));
    // What an empty tree takes on the disk comes on top.
    assert!(size < (2 << 20) + heard * 2 * SIZE, "{size} bytes for a note that was there for a moment");
}

fn size_without(dir: &Path, not: &Path) -> usize {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    let sizes = entries.filter(|path| path != not).map(|path| {
        if path.is_dir() { size_without(&path, not) } else { fs::metadata(&path).map_or(0, |file| file.len() as usize) }
    });
    sizes.sum()
}

/// A segment may only go once the tree has, on its disk, what the archive would have told it from there.
#[tokio::test]
async fn what_retention_drops_is_not_missed_after_a_kill() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    fill(&outbox, 1..=120).await;
    let due = outbox.claim_deliveries(HOOK, at(0), 200).await.expect("a claim").rows;
    let settlement = |due: DueDelivery| {
        let attempt = Attempt { n: 1, started_at: at(1), finished_at: at(1), outcome: Outcome::default() };
        let (lease, attempt) = (due.lease, Box::new(attempt));
        Settlement::Attempt { lease, attempt, verdict: Verdict::Delivered, notice: None }
    };
    outbox.settle(due.into_iter().map(settlement).collect()).await.expect("a settlement");
    outbox.expire(at(1_000_000_000)).await.expect("it expires");
    while dir.path().join("archive/000001.seg").exists() {
        crate::clock::real_sleep(Duration::from_millis(5)).await;
    }
    let killed = tempfile::tempdir().expect("a directory");
    copy(dir.path(), killed.path());
    let after = open(killed.path()).expect("a store that was killed opens");
    assert_eq!((after.ledger(), after.horizon()), (outbox.ledger(), outbox.horizon()));
    assert_eq!(after.ledger().deliveries.delivered, 120);
}

/// Tells the follower of so much that it is busy for a while, and says when it has begun. When it has ended, the first
/// segment of the archive is gone.
fn busy(dir: &Path) -> (Arc<Core>, Follower) {
    let (core, follower, meta) = following(dir);
    let meta = Meta { first_segment: 2, ..meta };
    let rows = (0..20_000).map(|number: u32| put(keys::note(&number.to_string()), &[b'x'; 200]));
    let meta = (keys::META.into(), Change { value: Some(record::seal(keys::META, &meta).into()), born: false });
    core.table.publish(rows.chain([meta]));
    follower.published(FULL);
    while !is_told(&core) {
        std::thread::yield_now();
    }
    (core, follower)
}

#[tokio::test]
async fn the_writer_waits_for_a_tree_that_is_far_behind_and_for_no_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    fill(&outbox, 1..=80).await;
    outbox.close().await.expect("all is written");
    let copied = || {
        let home = tempfile::tempdir().expect("a directory");
        copy(dir.path(), home.path());
        home
    };
    let first = |home: &tempfile::TempDir| home.path().join("archive/000001.seg");
    let home = copied();
    assert!(first(&home).exists());
    let (_core, follower) = busy(home.path());
    follower.published(FAR + 1);
    follower.keep_pace();
    assert!(!first(&home).exists(), "what was moving has moved");
    // It may have moved by itself meanwhile, but not each time.
    let waited = (0..5).all(|_| {
        let home = copied();
        let (_core, follower) = busy(home.path());
        follower.published(FAR);
        follower.keep_pace();
        !first(&home).exists()
    });
    assert!(!waited, "a tree that is not too far behind holds nobody up");
}
