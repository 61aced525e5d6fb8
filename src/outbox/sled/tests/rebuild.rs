//! A tree that is written anew: the disk stays small over rounds of filling and draining, nobody sees a difference, and
//! whatever cuts it short leaves a store that is whole.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

use super::super::table;
use super::*;
use crate::clock::Stopwatch;
use crate::outbox::record::keys;

/// Deliveries of a backlog; large enough that a tree that had it is mostly empty without it.
const BACKLOG: usize = 5_000;

/// Every tree that is mostly empty is written anew, however small.
pub(super) fn settings() -> SledSettings {
    SledSettings {
        segment_bytes: 64 << 10,
        rebuild_bytes: 0,
        retention: Duration::from_secs(60),
        ..SledSettings::default()
    }
}

fn reopen(dir: &Path) -> Result<SledOutbox, OpenError> {
    SledOutbox::open(dir, settings())
}

/// The same without the threads: nothing is written but what the test writes.
fn parts(dir: &Path) -> recover::Opened {
    recover::open(dir, &settings()).expect("it opens")
}

/// One journey with one event that is owed so many times.
pub(super) async fn owe(outbox: &SledOutbox, number: u64, times: usize) {
    let mut commit = start(journey(number));
    emit(&mut commit, &vec![(HOOK, 0); times]);
    commit.now = at(number as i64);
    outbox.commit(commit).await.expect("a fresh journey");
}

/// Delivers all that is owed.
async fn drain(outbox: &SledOutbox, now: i64) {
    loop {
        let due = outbox.claim_deliveries(HOOK, at(now), 1_000).await.expect("a claim").rows;
        if due.is_empty() {
            return;
        }
        let attempt = Attempt { n: 1, started_at: at(now), finished_at: at(now), outcome: Outcome::default() };
        let settlement = |due: &DueDelivery| Settlement::Attempt {
            lease: due.lease,
            attempt: Box::new(attempt.clone()),
            verdict: Verdict::Delivered,
            notice: None,
        };
        outbox.settle(due.iter().map(settlement).collect()).await.expect("a settlement");
    }
}

/// A store that nobody has open, with all of `fill(1..=10)` and some notes, more than are copied at a time, whose tree had a
/// backlog and has it no more.
pub(super) async fn drained(dir: &Path) {
    let outbox = open(dir).expect("a fresh store");
    fill(&outbox, 1..=10).await;
    for n in 0..300 {
        let value = Some(vec![n as u8; 600].into());
        outbox.keep_note(Note { name: format!("{n:05}"), value }).await.expect("a note");
    }
    owe(&outbox, 11, BACKLOG).await;
    // The tree is told.
    outbox.close().await.expect("it closes");
    // A half of the ten is settled; so are the others now, and all the rest.
    drain(&outbox, 20).await;
    outbox.close().await.expect("it closes");
}

/// What the files below `dir` take of the disk.
fn taken(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { taken(&entry.path()) } else { blocks(&entry.path()) }).sum()
}

fn blocks(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |data| data.blocks() * 512)
}

/// The names below a store's directory.
pub(super) fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).expect("a directory").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

pub(super) fn whole(tree: &str) -> BTreeSet<String> {
    ["archive", "current", "lock", tree].map(str::to_owned).into()
}

/// All rows of a table but the tree's own record.
fn rows(table: &table::Table) -> Vec<table::Pair> {
    table
        .range(b"N"[..].into(), b"Z"[..].into())
        .chain(table.range(b"A"[..].into(), b"M"[..].into()))
        .flatten()
        .collect()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = Stopwatch::start();
    while !holds() {
        assert!(waiting.elapsed() < Duration::from_secs(30), "{what}");
        crate::clock::real_sleep(Duration::from_millis(10)).await;
    }
}

/// The story: ten rounds of a million deliveries each took the disk from 265 to 457 MiB, though nothing was left of them.
#[tokio::test]
async fn g13_rounds_of_filling_and_draining_leave_the_disk_as_the_first_did() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = SledSettings { rebuild_bytes: 1 << 20, segment_bytes: 1 << 20, ..settings() };
    let outbox = SledOutbox::open(dir.path(), settings).expect("a fresh store");
    let (mut first, mut filled) = (0, 0);
    for round in 1..=10 {
        owe(&outbox, round, BACKLOG).await;
        outbox.close().await.expect("the tree has it");
        filled = taken(dir.path());
        drain(&outbox, round as i64 * 1_000).await;
        // A store that works does this now and then.
        outbox.expire(at(round as i64 * 1_000 + 999)).await.expect("it expires");
        until("the tree is small again", || {
            let trees = names(dir.path()).iter().filter(|name| name.starts_with("tree-")).count();
            trees == 1 && taken(dir.path()) < 256 << 10
        })
        .await;
        let now = taken(dir.path());
        first = if round == 1 { now } else { first };
        // A journey is kept for ever; it has a page or two.
        assert!(now <= first * 12 / 10 + 32 * 1_024, "round {round}: {now} bytes, {first} after the first");
    }
    assert!(filled > first * 8, "{filled} bytes when filled, {first} when not: there was something to give back");
}

#[tokio::test]
async fn whoever_reads_sees_the_same_before_during_and_after() {
    let dir = tempfile::tempdir().expect("a directory");
    drained(dir.path()).await;
    let opened = parts(dir.path());
    let (core, mut upkeep) = (opened.core, opened.upkeep);
    // What the tree does not have yet is no business of its.
    let note = |n: u32| (keys::note(&format!("{n:05}")), Bytes::from(vec![n as u8; 300]));
    let change = |(key, value)| (key, table::Change { value: Some(value), born: true });
    core.table.publish((500..510).map(note).map(change));
    let expected = rows(&core.table);
    let mut begun = core.table.range(b"A"[..].into(), b"Z"[..].into());
    let mut seen: Vec<_> = begun.by_ref().take(5).map(|found| found.expect("a row").0).collect();
    let held = core.table.tree();
    let before = held.iter().next().expect("a row").expect("a row");
    let looks = Cell::new(0);
    let during = || {
        looks.set(looks.get() + 1);
        assert_eq!(rows(&core.table), expected, "during");
        false
    };
    assert_eq!(names(dir.path()), whole("tree-1"));
    std::thread::scope(|scope| {
        // A reader who holds on to the old tree finds its files, and is waited for.
        let (core, old) = (&core, dir.path().join("tree-1"));
        scope.spawn(move || {
            while core.table.get(b"M").is_ok() && Arc::ptr_eq(&held, &core.table.tree()) {
                std::thread::yield_now();
            }
            assert!(old.join("db").exists());
            assert_eq!(held.get(&before.0).expect("an answer"), Some(before.1));
        });
        upkeep.keep_small(&core.table, &during).expect("it is written");
    });
    // Before it begins, and after each chunk; not after each row.
    assert!((3..20).contains(&looks.get()), "{} looks", looks.get());
    assert_eq!(names(dir.path()), whole("tree-2"));
    assert_eq!(rows(&core.table), expected, "after");
    seen.extend(begun.map(|found| found.expect("a row").0));
    let keys = core.table.range(b"A"[..].into(), b"Z"[..].into()).map(|found| found.expect("a row").0);
    assert_eq!(seen, keys.collect::<Vec<_>>(), "a scan that began before");
    // The new one is told what comes.
    core.table.move_down(&core.table.start_move()).expect("a move");
    core.table.end_move();
    assert_eq!(rows(&core.table), expected);
}

#[tokio::test]
async fn a_tree_is_left_alone_where_it_is_small_or_full_or_somebody_waits() {
    let dir = tempfile::tempdir().expect("a directory");
    drained(dir.path()).await;
    let size = taken(&dir.path().join("tree-1"));
    for (rebuild_bytes, waits) in [(size + (1 << 20), false), (0, true)] {
        let mut opened = recover::open(dir.path(), &SledSettings { rebuild_bytes, ..settings() }).expect("it opens");
        opened.upkeep.keep_small(&opened.core.table, &|| waits).expect("nothing is done");
        assert_eq!(names(dir.path()), whole("tree-1"), "{rebuild_bytes} {waits}");
    }
    // Somebody comes in the middle: what was begun goes, and is not begun again at once.
    let mut opened = parts(dir.path());
    let looks = Cell::new(0);
    for _ in 0..3 {
        let waits = || looks.replace(looks.get() + 1) > 0;
        opened.upkeep.keep_small(&opened.core.table, &waits).expect("it gives way");
        assert_eq!(names(dir.path()), whole("tree-1"));
    }
    drop(opened);
    // One with rows enough.
    let full = tempfile::tempdir().expect("a directory");
    let outbox = open(full.path()).expect("a fresh store");
    owe(&outbox, 1, BACKLOG).await;
    drop(outbox);
    let mut opened = parts(full.path());
    opened.upkeep.keep_small(&opened.core.table, &|| false).expect("nothing is done");
    assert_eq!(names(full.path()), whole("tree-1"));
}

/// The story: it was put off in the middle of a drain until as much again would change; what was left to drain was a little less,
/// and a store of a few megabytes kept 385.
#[tokio::test]
async fn a_drain_that_it_gave_way_to_is_followed_by_another_try() {
    let dir = tempfile::tempdir().expect("a directory");
    drained(dir.path()).await;
    let opened = parts(dir.path());
    let (core, mut upkeep) = (opened.core, opened.upkeep);
    let looks = Cell::new(0);
    upkeep.keep_small(&core.table, &|| looks.replace(looks.get() + 1) > 1).expect("it gives way");
    assert!(looks.get() > 1 && names(dir.path()) == whole("tree-1"), "{} looks", looks.get());
    let gone = |n: u32| (keys::note(&format!("{n:05}")), table::Change { value: None, born: false });
    core.table.publish((0..250).map(gone));
    upkeep.told(core.table.move_down(&core.table.start_move()).expect("a move"));
    core.table.end_move();
    upkeep.keep_small(&core.table, &|| false).expect("it is written");
    assert!(!names(dir.path()).contains("tree-1"), "{:?}", names(dir.path()));
}

/// Opens what a cut left: all is there, nothing else is, and it goes on.
async fn check_cut(what: &str, store: &Path, tree: &str, ledger: Ledger) {
    let after = open(store).unwrap_or_else(|error| panic!("{what}: {error}"));
    check_holds(&after, 10);
    assert_eq!(after.ledger(), ledger, "{what}");
    assert_eq!(names(store), whole(tree), "{what}");
    owe(&after, 12, 1).await;
    drop(after);
    assert_eq!(open(store).expect("it opens again").ledger().events, ledger.events + 1, "{what}");
}

#[tokio::test]
async fn a_cut_at_every_step_leaves_a_store_that_is_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    drained(dir.path()).await;
    let ledger = open(dir.path()).expect("it opens").ledger();
    let cuts = tempfile::tempdir().expect("a directory");
    let cut = |n: usize| cuts.path().join(n.to_string());
    let opened = parts(dir.path());
    let (core, mut upkeep) = (opened.core, opened.upkeep);
    let count = Cell::new(0);
    let waits = || {
        copy(dir.path(), &cut(count.replace(count.get() + 1)));
        false
    };
    upkeep.keep_small(&core.table, &waits).expect("it is written");
    drop((core, upkeep, opened.archive));
    let count = count.get();
    // The first is from before it began.
    assert!(count > 2 && !names(&cut(0)).contains("tree-2") && names(&cut(count - 1)).contains("tree-2"), "{count}");
    let half = |name: &str| {
        let to = cuts.path().join(name);
        copy(&cut(count - 1), &to);
        to
    };
    let new = |to: &Path| {
        remove(&to.join("tree-2"));
        copy(&dir.path().join("tree-2"), &to.join("tree-2"));
    };
    let pointer = fs::read(dir.path().join("current")).expect("a pointer");
    let unsynced = half("files that were never synced");
    fs::write(unsynced.join("tree-2/db"), b"").expect("a file");
    check_cut("files that were never synced", &unsynced, "tree-1", ledger).await;
    for length in [0, 7, pointer.len()] {
        let what = format!("a draft of {length} bytes");
        let to = half(&what);
        new(&to);
        fs::write(to.join("current.new"), &pointer[..length]).expect("a file");
        check_cut(&what, &to, "tree-1", ledger).await;
    }
    for gone in ["", "tree-1/conf", "tree-1/db", "tree-1/blobs"] {
        let what = format!("chosen, without {gone:?}");
        let to = half(&what);
        new(&to);
        fs::write(to.join("current"), &pointer).expect("a file");
        if !gone.is_empty() {
            remove(&to.join(gone));
        }
        check_cut(&what, &to, "tree-2", ledger).await;
    }
    for n in 0..count {
        check_cut(&format!("copying, {n}"), &cut(n), "tree-1", ledger).await;
    }
    check_cut("done", dir.path(), "tree-2", ledger).await;
}

#[tokio::test]
async fn a_disk_without_room_for_another_tree_is_no_failure() {
    let dir = tempfile::tempdir().expect("a directory");
    drained(dir.path()).await;
    // The next tree's file lies on a device that is always full.
    let next = dir.path().join("tree-2");
    let full = || {
        fs::create_dir(&next).expect("a directory");
        std::os::unix::fs::symlink("/dev/full", next.join("db")).expect("a link");
    };
    let opened = parts(dir.path());
    let (core, mut upkeep) = (opened.core, opened.upkeep);
    full();
    upkeep.keep_small(&core.table, &|| false).expect("there is no room, and that is all");
    assert_eq!(names(dir.path()), whole("tree-1"), "what was begun is gone");
    upkeep.keep_small(&core.table, &|| false).expect("not so soon again");
    assert_eq!(names(dir.path()), whole("tree-1"));
    // As many writes later it is tried again, and there is room.
    upkeep.told(table::Told { put: 1 << 20, gone: 1 << 20 });
    let before = rows(&core.table);
    upkeep.keep_small(&core.table, &|| false).expect("it is written");
    assert_eq!(names(dir.path()), whole("tree-3"));
    assert_eq!(rows(&core.table), before);
    drop((core, upkeep, opened.archive));
    // The same beside a server's work.
    let dir = tempfile::tempdir().expect("a directory");
    drained(dir.path()).await;
    let outbox = reopen(dir.path()).expect("it opens");
    let next = dir.path().join("tree-2");
    fs::create_dir(&next).expect("a directory");
    std::os::unix::fs::symlink("/dev/full", next.join("db")).expect("a link");
    owe(&outbox, 12, 1).await;
    until("what was begun is gone", || !next.exists()).await;
    assert_eq!(outbox.broken(), None);
    drain(&outbox, 30).await;
    outbox.close().await.expect("it closes");
    drop(outbox);
    check_holds(&open(dir.path()).expect("it opens"), 10);
}

#[tokio::test]
async fn a_disk_that_fails_for_another_tree_fails_the_store() {
    let dir = tempfile::tempdir().expect("a directory");
    drained(dir.path()).await;
    let mut opened = parts(dir.path());
    // A file lies where the tree is to be.
    fs::write(dir.path().join("tree-2"), b"").expect("a file");
    let failed = opened.upkeep.keep_small(&opened.core.table, &|| false).expect_err("it cannot be written");
    assert!(matches!(&failed, OutboxError::Broken(why) if why.contains("irectory")), "{failed}");
    drop(opened);
    remove(&dir.path().join("tree-2"));
    // It has a directory, but its file cannot be opened: that is no want of room.
    let mut opened = parts(dir.path());
    fs::create_dir(dir.path().join("tree-2")).expect("a directory");
    std::os::unix::fs::symlink("db", dir.path().join("tree-2/db")).expect("a link to itself");
    let failed = opened.upkeep.keep_small(&opened.core.table, &|| false).expect_err("it cannot be written");
    assert!(matches!(&failed, OutboxError::Broken(why) if why.contains("symbolic links")), "{failed}");
    drop(opened);
    check_holds(&open(dir.path()).expect("it opens"), 10);
}

#[tokio::test]
async fn a_segment_in_which_all_is_over_goes_unless_it_is_small_or_something_is_pending() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = SledOutbox::open(dir.path(), SledSettings { segment_bytes: 1 << 20, ..settings() }).expect("a store");
    let archive = || taken(&dir.path().join("archive"));
    let active =
        || names(&dir.path().join("archive")).iter().filter_map(|name| name.strip_suffix(".seg")?.parse().ok()).max();
    owe(&outbox, 1, 1).await;
    outbox.expire(at(10_000)).await.expect("it expires");
    assert_eq!(active(), Some(1), "it is pending");
    drain(&outbox, 100).await;
    outbox.expire(at(10_000)).await.expect("it expires");
    assert_eq!(active(), Some(1), "it is small");
    owe(&outbox, 2, 2_000).await;
    outbox.expire(at(10_000)).await.expect("it expires");
    assert_eq!(active(), Some(1), "it is pending");
    drain(&outbox, 200).await;
    outbox.expire(at(100)).await.expect("it expires");
    assert_eq!(active(), Some(1), "it is young");
    let before = archive();
    outbox.expire(at(10_000)).await.expect("it expires");
    until("all is gone", || archive() < before / 8).await;
    assert_eq!(active(), Some(2));
    for _ in 0..20 {
        outbox.expire(at(10_000)).await.expect("it expires");
    }
    assert_eq!(active(), Some(2), "there is nothing more to gain");
    drop(outbox);
    let again = open(dir.path()).expect("it opens");
    assert_eq!((again.ledger().events, again.ledger().deliveries.delivered), (2, 2_001));
}
