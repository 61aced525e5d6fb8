//! When a tree is written anew, and when it is left alone: each bound from both sides.

use std::cell::Cell;
use std::io;

use super::super::gauge::{Gauge, Next, Progress, Step, has_room};
use super::super::rebuild::{alone, is_full, remove, weigh};
use super::super::table::Told;
use super::super::tree::Tree;
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Of a tree whose rows weigh so much, however small its files are.
fn weighed(live: u64) -> Gauge {
    let mut gauge = Gauge::new(0, 0);
    gauge.weighed(live);
    gauge
}

#[test]
fn a_tree_whose_files_take_six_times_what_its_rows_weigh_is_mostly_empty() {
    for (floor, live, size, next) in [
        (0, 100, 0, Next::Leave),
        (0, 100, 599, Next::Leave),
        (0, 100, 600, Next::Write),
        (0, 100, 100_000, Next::Write),
        (599, 100, 600, Next::Write),
        (600, 100, 600, Next::Write),
        (601, 100, 600, Next::Leave),
        (0, 0, 0, Next::Write),
    ] {
        let mut gauge = Gauge::new(floor, 0);
        gauge.weighed(live);
        assert_eq!(gauge.next(size), next, "{size} bytes with {live}, from {floor} on");
    }
    // One that was not weighed has rows of 80 and more: it is weighed unless that is too much.
    let unknown = Gauge::new(0, 10);
    assert_eq!(unknown.next(4_799), Next::Leave);
    assert_eq!(unknown.next(4_800), Next::Weigh);
    assert_eq!(Gauge::new(4_801, 10).next(4_800), Next::Leave);
}

#[test]
fn what_comes_adds_to_what_rows_weigh_and_what_goes_takes_from_it() {
    let mut gauge = weighed(1_000);
    gauge.told(Told { put: 50, gone: 20 });
    assert_eq!((gauge.next(6_179), gauge.next(6_180)), (Next::Leave, Next::Write));
    assert_eq!(gauge.live(), 1_030);
    gauge.told(Told { put: 0, gone: 1_029 });
    assert_eq!((gauge.next(5), gauge.next(6)), (Next::Leave, Next::Write));
    // A tree that was not weighed may have had more.
    gauge.told(Told { put: 0, gone: 2 });
    assert_eq!(gauge.next(0), Next::Write);
}

#[tokio::test(start_paused = true)]
async fn a_tree_is_looked_at_again_once_enough_has_changed_or_time_has_passed() {
    let mut gauge = weighed(0);
    assert_eq!(gauge.next(1_000), Next::Write, "it never was");
    gauge.put_off(70, HOUR);
    assert_eq!(gauge.next(1_000), Next::Leave);
    gauge.told(Told { put: 40, gone: 29 });
    assert_eq!(gauge.next(1_000), Next::Leave);
    gauge.told(Told { put: 0, gone: 1 });
    assert_eq!(gauge.next(1_000), Next::Write);
    gauge.told(Told { put: 0, gone: 50 });
    assert_eq!(gauge.next(1_000), Next::Write);
    // What changed before counts no more.
    gauge.put_off(70, HOUR);
    assert_eq!(gauge.next(1_000), Next::Leave);
    tokio::time::advance(HOUR - SECOND).await;
    assert_eq!(gauge.next(1_000), Next::Leave);
    tokio::time::advance(SECOND).await;
    assert_eq!(gauge.next(1_000), Next::Write);
    tokio::time::advance(SECOND).await;
    assert_eq!(gauge.next(1_000), Next::Write);
}

#[tokio::test(start_paused = true)]
async fn looking_and_copying_rest_ten_times_as_long_as_they_took() {
    // In vain, as much must change; a copy waits for a half.
    for (rested, owed) in [(Gauge::looked as fn(&mut Gauge, u64, Duration), 101), (Gauge::copied, 50)] {
        let mut gauge = weighed(0);
        rested(&mut gauge, 101, SECOND);
        tokio::time::advance(SECOND * 9).await;
        assert_eq!(gauge.next(1_000), Next::Leave);
        tokio::time::advance(SECOND).await;
        assert_eq!(gauge.next(1_000), Next::Write);
        rested(&mut gauge, 101, SECOND);
        gauge.told(Told { put: 0, gone: owed - 1 });
        assert_eq!(gauge.next(1_000), Next::Leave, "{owed} are owed");
        gauge.told(Told { put: 0, gone: 1 });
        assert_eq!(gauge.next(1_000), Next::Write, "{owed} are owed");
    }
}

#[test]
fn a_copy_goes_by_64_kib_and_the_disk_hears_of_it_every_4_mib() {
    let mut copy = Progress::default();
    let mut check = |weight: u64, step: Step| assert_eq!(copy.step(weight), step, "{weight} more");
    for _ in 0..2 {
        check((4 << 20) - (64 << 10), Step::Copy);
        check((64 << 10) - 1, Step::Gather);
        check(1, Step::Sync);
    }
    check((4 << 20) - 1, Step::Copy);
    check(1, Step::Gather);
    check(64 << 10, Step::Sync);
    check(64 << 10, Step::Copy);
    assert_eq!(copy.live(), (12 << 20) + (128 << 10), "all that was read");
}

#[test]
fn a_copy_leaves_32_mib_of_the_disk_to_others() {
    const MARGIN: u64 = 33_554_432;
    for (live, least) in [(0, MARGIN), (100, MARGIN + 600), (1 << 30, MARGIN + (6 << 30))] {
        assert!(has_room(least, live) && has_room(u64::MAX, live), "{live}");
        assert!(!has_room(least - 1, live) && !has_room(0, live), "{live}");
    }
}

#[test]
fn weighing_ends_where_it_is_too_much_or_somebody_waits() {
    let dir = tempfile::tempdir().expect("a directory");
    let tree = Tree::open(dir.path(), 1 << 20).expect("a tree");
    for n in 0..1_300_u32 {
        tree.insert(n.to_be_bytes(), &[0; 16]).expect("a row");
    }
    // Four bytes of key, sixteen of value, and what any row takes.
    let (row, all) = (100, 130_000);
    let looks = Cell::new(0);
    let weighed = |most: u64, patience: usize| {
        looks.set(0);
        let waits = || looks.replace(looks.get() + 1) == patience;
        (weigh(&tree, most, &waits).expect("a weight"), looks.get())
    };
    assert_eq!(weighed(u64::MAX, 9), (Ok(all), 2), "whoever waits is looked for now and then");
    assert_eq!(weighed(all, 9), (Ok(all), 2));
    assert_eq!(weighed(all - 1, 9), (Err(all), 2));
    assert_eq!(weighed(10 * row, 9), (Err(11 * row), 0));
    assert_eq!(weighed(0, 9), (Err(row), 0));
    assert_eq!(weighed(u64::MAX, 0), (Err(512 * row), 1));
    assert_eq!(weighed(u64::MAX, 1), (Err(1_024 * row), 2));
    tree.clear().expect("it is empty");
    assert_eq!(weighed(0, 0), (Ok(0), 0));
}

#[test]
fn a_tree_that_was_replaced_is_kept_as_long_as_somebody_reads_it_but_not_for_ever() {
    assert_eq!(alone(Arc::new(1), Duration::ZERO), Some(1), "nobody else has it");
    let held = Arc::new(2);
    assert_eq!(alone(held.clone(), SECOND / 50), None);
    assert_eq!(Arc::strong_count(&held), 1);
    let shared = held.clone();
    let reader = std::thread::spawn(move || {
        std::thread::sleep(SECOND / 20);
        drop(held);
    });
    assert_eq!(alone(shared, HOUR), Some(2), "it is waited for");
    reader.join().expect("a reader");
}

#[test]
fn what_is_gone_need_not_be_removed() {
    let dir = tempfile::tempdir().expect("a directory");
    let tree = dir.path().join("tree-2");
    fs::create_dir_all(tree.join("blobs")).expect("a directory");
    assert_eq!(remove(&tree), Ok(()));
    assert!(!tree.exists());
    assert_eq!(remove(&tree), Ok(()));
    fs::write(&tree, b"").expect("a file");
    assert!(matches!(remove(&tree), Err(OutboxError::Broken(_))), "what is no tree is no business of its");
    assert!(tree.exists());
}

#[test]
fn no_room_is_no_failure_and_all_else_is() {
    // No space left, disk quota exceeded, too many open files in the system, and in the process.
    for (code, full) in [(28, true), (122, true), (23, true), (24, true), (5, false), (13, false), (30, false)] {
        let error = io::Error::from_raw_os_error(code);
        assert_eq!(is_full(&error), full, "{error}");
    }
    assert!(is_full(&io::ErrorKind::StorageFull.into()));
    assert!(!is_full(&io::Error::other("another")));
}
