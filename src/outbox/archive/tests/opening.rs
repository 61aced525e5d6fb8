//! An archive and the tree that it stands beside: what of both must agree at a start.

use super::*;

/// An archive of several segments, and where each batch ends.
fn several(dir: &Path) -> Vec<Place> {
    let (_, mut appender) = open(dir, None, LIMIT, &mut |_, _| {}).expect("a fresh archive");
    let ends = (1..=BATCHES).map(|batch| {
        append(&mut appender, batch);
        Place::new(appender.segment, appender.length)
    });
    let ends: Vec<Place> = ends.collect();
    assert!(appender.segment > 2);
    ends
}

/// Opens it beside a tree whose last batch was `batch`, of which it says that it ended at `end`: the batches that the tree
/// is told, each with where it ends.
fn beside(dir: &Path, batch: u64, end: Place, first: u32) -> Result<Vec<(u64, Place)>, ArchiveError> {
    let tree = Meta { batch, archive_end: end, first_segment: first, ..meta() };
    let mut told = Vec::new();
    open(dir, Some(&tree), LIMIT, &mut |meta, _| told.push((meta.batch, meta.archive_end)))?;
    Ok(told)
}

fn damage(opened: Result<Vec<(u64, Place)>, ArchiveError>) -> String {
    match opened {
        Err(ArchiveError::Damaged(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tree_is_told_what_it_does_not_have_and_where_each_batch_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let ends = several(dir.path());
    let all: Vec<(u64, Place)> = (1..).zip(ends.iter().copied()).collect();
    assert_eq!(beside(dir.path(), 0, Place::new(1, HEADER), 1).expect("it opens"), all);
    for has in 1..=all.len() {
        let told = beside(dir.path(), has as u64, ends[has - 1], 1).expect("it opens");
        assert_eq!(told, all[has..], "a tree that has {has}");
    }
}

#[test]
fn d9_a_tree_and_an_archive_of_different_stores_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let ends = several(dir.path());
    for (batch, end) in [(2, ends[2]), (4, ends[2]), (0, ends[0])] {
        let why = damage(beside(dir.path(), batch, end, 1));
        assert!(why.contains(&format!("does not have batch {batch} where the tree ends")), "{why}");
    }
    // It was longer once.
    let (last, end) = (BATCHES, ends[BATCHES as usize - 1]);
    let why = damage(beside(dir.path(), last, Place::new(end.segment(), end.offset() + 1), 1));
    assert!(why.contains("bytes that can be read"), "{why}");
    let why = damage(beside(dir.path(), last, Place::new(end.segment() + 1, HEADER + 9), 1));
    assert!(why.contains(&format!("archive segment {} is missing", end.segment() + 1)), "{why}");
}

#[test]
fn an_archive_without_a_tree_is_taken_for_new_only_while_it_is_empty() {
    let dir = tempfile::tempdir().expect("a directory");
    // A start that was ended before the tree had its first record.
    for _ in 0..2 {
        assert!(is_untouched(dir.path()).expect("readable"));
        let (_, appender) = open(dir.path(), None, LIMIT, &mut |_, _| {}).expect("a fresh archive");
        drop(appender);
    }
    let (_, mut appender) = open(dir.path(), None, LIMIT, &mut |_, _| {}).expect("a fresh archive");
    append(&mut appender, 1);
    drop(appender);
    assert!(!is_untouched(dir.path()).expect("readable"));
    assert_eq!(batches(dir.path()).expect("it was left alone").0, [1]);
}

#[test]
fn segments_that_are_of_no_use_are_cleared_away_and_no_others() {
    let dir = tempfile::tempdir().expect("a directory");
    let ends = several(dir.path());
    let last = ends[ends.len() - 1].segment();
    // Retention had said that the first is to go, and did not come to it; of the next but one nothing was acknowledged.
    let begun = segment::create(dir.path(), last + 1).expect("a segment");
    begun.write_all_at(b"torn", u64::from(HEADER)).expect("a disk");
    beside(dir.path(), BATCHES, ends[ends.len() - 1], 2).expect("it opens");
    for number in 1..=last + 1 {
        let kept = (2..=last).contains(&number);
        assert_eq!(segment::path(dir.path(), number).exists(), kept, "segment {number}");
        assert_eq!(segment::index_path(dir.path(), number).exists(), kept && number < last, "index {number}");
    }
    assert_eq!(beside(dir.path(), BATCHES, ends[ends.len() - 1], 2).expect("it opens again"), []);
}

/// Without its index a sealed segment is read whole; what does not hold then was acknowledged once.
#[test]
fn d9_a_sealed_segment_is_refused_when_it_is_shorter_longer_or_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let end = *several(dir.path()).last().expect("some");
    let (path, index) = (segment::path(dir.path(), 1), segment::index_path(dir.path(), 1));
    let opened = || beside(dir.path(), BATCHES, end, 1);
    let (whole, known) = (fs::read(&path).expect("a segment"), fs::read(&index).expect("an index"));
    let mut another = whole.clone();
    another[8] = 9;
    let longer = [&whole[..], &[0]].concat();
    for (name, bytes) in [("shorter", &whole[..whole.len() - 1]), ("longer", &longer), ("another", &another)] {
        fs::write(&path, bytes).expect("a segment");
        fs::write(&index, &known).expect("an index");
        // One of another number is only looked at where there is no index.
        assert_eq!(matches!(opened(), Err(ArchiveError::Damaged(_))), bytes.len() != whole.len(), "{name}");
        fs::remove_file(&index).expect("an index");
        assert!(matches!(opened(), Err(ArchiveError::Damaged(why)) if why.contains("cannot be read")), "{name}");
        assert!(!index.exists(), "nothing is written down of what does not hold");
    }
    fs::write(&path, &whole).expect("a segment");
    opened().expect("it is whole again");
    assert_eq!(fs::read(&index).expect("it was written anew"), known);
    // Another trouble of the disk is no reason to write over it.
    fs::remove_file(&index).and_then(|()| std::os::unix::fs::symlink(&index, &index)).expect("a link to itself");
    assert!(matches!(opened(), Err(ArchiveError::Io(_))));
    assert!(index.is_symlink());
}
