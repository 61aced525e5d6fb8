//! The table against a plain map: what a reader sees does not depend on how much of it the tree has been told, and the tree
//! is told no more than it must.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::super::table::{Change, Table};
use super::*;
use crate::outbox::record::keys::Key;

/// Keys under which the store keeps nothing by itself.
const ROOM: u8 = b'N';

fn table(dir: &Path) -> Table {
    recover::open(dir, &SledSettings::default()).expect("a fresh store").core.table
}

/// Keys that differ in their last byte, that are longer than another, and that lie at the end of what a prefix covers.
fn key(number: u8) -> Key {
    let tail: &[u8] = match number % 4 {
        0 => &[],
        1 => &[0],
        2 => &[0, 0],
        _ => &[255, 255],
    };
    Key::from(&[&[ROOM, number / 4 * 85], tail].concat()[..])
}

const KEYS: u8 = 16;

#[derive(Clone, Debug)]
enum Step {
    /// What becomes of some keys, as one batch.
    Publish(Vec<(u8, Option<u8>)>),
    /// The tree is to be told.
    Start,
    /// It was told, and nobody knows yet.
    Tell,
    End,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => vec((0..KEYS, of(any::<u8>())), 1..6).prop_map(Step::Publish),
        1 => Just(Step::Start),
        1 => Just(Step::Tell),
        1 => Just(Step::End),
    ]
}

/// Both answer every question about the keys alike.
fn compare(table: &Table, map: &BTreeMap<Key, Bytes>) {
    for key in (0..KEYS).map(key) {
        assert_eq!(table.get(&key).expect("a read"), map.get(&key).cloned());
        assert_eq!(table.has(&key).expect("a read"), map.contains_key(&key));
        let below: Vec<_> = map.range(key.clone()..).filter(|(other, _)| other.starts_with(&key)).collect();
        let found: Vec<_> = table.prefixed(&key).map(|found| found.expect("a read")).collect();
        assert_eq!(found.iter().map(|(key, value)| (key, value)).collect::<Vec<_>>(), below, "all below {key:?}");
    }
    for (from, end) in [(&[ROOM][..], &[ROOM + 1][..]), (&[ROOM, 85], &[ROOM, 170, 0]), (&[ROOM, 9], &[ROOM, 9])] {
        let rows =
            || map.iter().map(|(key, value)| (key.clone(), value.clone())).filter(|(key, _)| within(key, from, end));
        for limit in [0, 1, 3, 100] {
            assert_eq!(table.page(from, end, limit).expect("a page"), rows().take(limit).collect::<Vec<_>>());
            assert_eq!(
                table.page_back(from, end, limit).expect("a page"),
                rows().rev().take(limit).collect::<Vec<_>>()
            );
        }
        let all: Vec<_> = table.range(from.into(), end.into()).map(|found| found.expect("a read")).collect();
        assert_eq!(all, rows().collect::<Vec<_>>());
    }
    assert_eq!(table.page(&[ROOM + 1], &[ROOM], 9).expect("a page"), [], "a range that ends before it begins is empty");
}

fn within(key: &[u8], from: &[u8], end: &[u8]) -> bool {
    from <= key && key < end
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn readers_see_one_table_wherever_its_rows_are(steps in vec(step(), 1..40)) {
        let dir = tempfile::tempdir().expect("a directory");
        let table = table(dir.path());
        let mut map = BTreeMap::new();
        let (mut moving, mut told) = (None, BTreeSet::new());
        for step in steps {
            match step {
                Step::Publish(batch) => {
                    let mut changes = BTreeMap::new();
                    for (number, value) in batch {
                        let key = key(number);
                        let born = !map.contains_key(&key);
                        // Only what is there can go.
                        if value.is_none() && born {
                            continue;
                        }
                        let value = value.map(|value| Bytes::from(vec![value]));
                        changes.entry(key).or_insert(Change { value: None, born }).value = value;
                    }
                    for (key, change) in &changes {
                        match &change.value {
                            Some(value) => map.insert(key.clone(), value.clone()),
                            None => map.remove(key),
                        };
                    }
                    table.publish(changes.into_iter());
                }
                Step::Start if moving.is_none() => {
                    let changes = table.start_move();
                    for (key, change) in changes.iter() {
                        let known = told.contains(key);
                        assert!(change.value.is_some() || known, "the tree is not told that {key:?} goes, which it never had");
                        told.insert(key.clone());
                    }
                    moving = Some(changes);
                }
                Step::Tell => {
                    if let Some(changes) = &moving {
                        table.move_down(changes).expect("it is told");
                    }
                }
                Step::End => {
                    if let Some(changes) = moving.take() {
                        table.move_down(&changes).expect("it is told");
                        table.move_meta(&changes).expect("it is told");
                        table.flush().expect("it is written");
                        table.end_move();
                    }
                }
                Step::Start => {}
            }
            compare(&table, &map);
        }
    }
}

fn put(key: impl AsRef<[u8]>, value: Vec<u8>, born: bool) -> (Key, Change) {
    (key.as_ref().into(), Change { value: Some(value.into()), born })
}

fn gone(key: impl AsRef<[u8]>) -> (Key, Change) {
    (key.as_ref().into(), Change { value: None, born: false })
}

/// A range is read some rows at a time.
#[test]
fn a_range_of_any_length_is_read_whole_and_each_row_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = table(dir.path());
    let mut keys = BTreeSet::new();
    for number in 0..1_300_u16 {
        // One is the beginning of the next, here and there where a chunk may end.
        let key = [&[ROOM][..], &(number / 2).to_be_bytes(), &[0][..usize::from(number % 2)]].concat();
        table.publish([put(key.clone(), vec![1], true)].into_iter());
        keys.insert(Key::from(&key[..]));
        if [511, 512, 513, 1_023, 1_024, 1_025, 1_299].contains(&number) {
            let found: Vec<_> = table.prefixed(&[ROOM]).map(|found| found.expect("a read").0).collect();
            assert!(found.iter().eq(&keys), "{} of {}", found.len(), keys.len());
        }
    }
}

#[test]
fn what_lies_beyond_a_prefix_is_the_next_that_does_not_start_with_it() {
    for (prefix, end) in [
        (&b"A"[..], &b"B"[..]),
        (b"AB", b"AC"),
        (&[7, 255], &[8]),
        (&[7, 255, 255], &[8]),
        (&[7, 255, 3], &[7, 255, 4]),
        (&[7, 0], &[7, 1]),
    ] {
        assert_eq!(Key::beyond(prefix)[..], *end, "{prefix:?}");
    }
}

/// The writer goes by this when it waits for the tree: memory is bounded by it.
#[test]
fn what_the_tree_is_behind_is_counted_as_it_comes_and_goes() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = table(dir.path());
    let behind = || table.publish(std::iter::empty());
    assert_eq!(behind(), 0);
    let key = |number: u8| Bytes::from([vec![ROOM; 100], vec![number]].concat());
    for number in 0..50 {
        table.publish([put(key(number), vec![number; 1_000], true)].into_iter());
    }
    let fifty = behind();
    assert!((50 * 1_101..50 * 2_000).contains(&fifty), "{fifty} for fifty rows of 1,101 bytes");
    // Written over, they take their place.
    for _ in 0..3 {
        assert_eq!(table.publish((0..50).map(|number| put(key(number), vec![7; 1_000], false))), fifty);
    }
    let longer = table.publish((0..50).map(|number| put(key(number), vec![7; 1_500], false)));
    assert_eq!(longer, fifty + 50 * 500);
    assert_eq!(table.publish((0..25).map(|number| gone(key(number)))), longer / 2, "they came and went");
    assert_eq!(table.publish((25..50).map(|number| gone(key(number)))), 0);
    // Small ones cost what their keys and their place cost.
    let small = table.publish((0..50).map(|number| put(key(number), Vec::new(), true)));
    assert!((50 * 101..50 * 1_000).contains(&small), "{small} for fifty keys");
    assert_eq!(table.start_move().len(), 50);
    assert_eq!(behind(), 0, "what moves is the tree's");
    // The tree is to hear that these go: that takes room as well.
    let removed = table.publish((0..50).map(|number| gone(key(number))));
    assert!((50 * 101..=small).contains(&removed), "{removed} for fifty keys that go");
    let moving = table.start_move();
    assert_eq!(moving.len(), 50);
    table.end_move();
    assert_eq!(Arc::strong_count(&moving), 1, "what has moved is let go");
}
