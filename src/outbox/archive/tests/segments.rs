//! Files of the archive one by one: what is taken for a segment, an index or a mark, what is refused, and how much is read.

use std::io::ErrorKind;

use super::super::segment::{Index, MAX_FRAME};
use super::*;

/// A segment file with `frames`, and where each begins and ends.
fn written(dir: &Path, number: u32, frames: &[Frame]) -> (File, Vec<(u32, u32)>) {
    let file = segment::create(dir, number).expect("a segment");
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    for frame in frames {
        let start = bytes.len();
        assert_eq!(segment::encode(frame, &mut bytes) + 8, bytes.len() - start);
        places.push((HEADER + start as u32, HEADER + bytes.len() as u32));
    }
    file.write_all_at(&bytes, u64::from(HEADER)).expect("a disk");
    (file, places)
}

/// The places of the frames that a scan up to `end` visits, at most `limit`, and where it says that they end.
fn visited(file: &File, from: u32, end: u32, limit: usize) -> (Vec<(u32, u32)>, u32) {
    let mut seen = Vec::new();
    let good = segment::scan(file, from, end, |start, end, _| {
        seen.push((start, end));
        seen.len() < limit
    });
    (seen, good.expect("a read"))
}

#[test]
fn a_scan_visits_each_whole_frame_up_to_its_bound() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, places) = written(dir.path(), 1, &[mail(1), mail(20), mail(3)]);
    let end = places[2].1;
    assert_eq!(visited(&file, HEADER, u32::MAX, 9), (places.clone(), end));
    assert_eq!(visited(&file, HEADER, end, 9), (places.clone(), end), "a bound is no frame's loss");
    assert_eq!(visited(&file, HEADER, end - 1, 9), (places[..2].to_vec(), places[1].1), "one that crosses it");
    assert_eq!(visited(&file, HEADER, places[1].1 + 7, 9), (places[..2].to_vec(), places[1].1));
    assert_eq!(visited(&file, HEADER, HEADER, 9), (vec![], HEADER));
    assert_eq!(visited(&file, places[1].0, u32::MAX, 9), (places[1..].to_vec(), end), "from any frame on");
    assert_eq!(visited(&file, HEADER, u32::MAX, 2), (places[..2].to_vec(), places[1].1), "until it is told to stop");
}

/// Taken for an end, what was acknowledged would be cut off.
#[test]
fn d1_a_disk_that_cannot_be_read_is_no_end_of_a_segment() {
    let dir = tempfile::tempdir().expect("a directory");
    written(dir.path(), 1, &[mail(1)]);
    let unreadable = File::options().write(true).open(segment::path(dir.path(), 1)).expect("a segment");
    assert!(segment::scan(&unreadable, HEADER, u32::MAX, |_, _, _| true).is_err());
    assert!(segment::read_at(&unreadable, HEADER).is_err());
}

#[test]
fn a_frame_is_read_back_by_its_place_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let frames = [mail(1), mail(200), mail(3)];
    let (file, places) = written(dir.path(), 1, &frames);
    let mut bytes = Vec::new();
    for (frame, (start, end)) in frames.iter().zip(&places) {
        assert_eq!(segment::read_at(&file, *start).expect("a read").as_ref(), Some(frame));
        bytes.clear();
        segment::encode(frame, &mut bytes);
        assert_eq!(segment::stored_length(&bytes), Some((end - start) as usize));
        assert_eq!(segment::frame_bytes(&bytes[8..]), bytes);
    }
    assert_eq!(segment::stored_length(&bytes[..7]), None);
    // A length that no frame has is damage: nobody asks for so much memory, or for what lies behind the end.
    for length in [MAX_FRAME as u32 + 1, u32::MAX] {
        file.write_all_at(&length.to_le_bytes(), u64::from(places[1].0)).expect("a disk");
        assert_eq!(segment::read_at(&file, places[1].0).expect("it is no failure of the disk"), None);
        assert_eq!(visited(&file, HEADER, u32::MAX, 9), (places[..1].to_vec(), places[0].1));
    }
}

#[test]
fn a_segment_says_which_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, _) = written(dir.path(), 7, &[]);
    assert!(segment::has_header(&file, 7));
    assert!(!segment::has_header(&file, 8), "another's");
    let header = fs::read(segment::path(dir.path(), 7)).expect("a segment");
    for at in 0..12 {
        let mut bent = header.clone();
        bent[at] ^= 1;
        fs::write(segment::path(dir.path(), 7), bent).expect("a segment");
        assert!(!segment::has_header(&file, 7), "byte {at}");
    }
    fs::write(segment::path(dir.path(), 7), &header[..15]).expect("a segment");
    assert!(!segment::has_header(&file, 7), "a torn one");
}

#[test]
fn an_index_of_any_length_finds_what_it_has_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    // The last is larger than what is read of it at once.
    for count in [0, 1, 2, 3, 7, 64, 12_000_u64] {
        let summary = Summary { length: 77, ..Summary::empty() };
        let mut entries: Vec<_> = (0..count).rev().map(|number| (number * 3 + 1, number as u32)).collect();
        segment::write_index(dir.path(), 1, &summary, &mut entries).expect("an index");
        let index = Index::open(dir.path(), 1).expect("a read").expect("it is there");
        assert_eq!(index.summary, summary);
        for number in (0..count).filter(|number| count < 99 || number % 97 == 0 || number + 2 > count) {
            assert_eq!(index.find(number * 3 + 1).expect("a read"), Some(number as u32), "{number} of {count}");
            assert_eq!(index.find(number * 3).expect("a read"), None, "before {number} of {count}");
        }
        assert_eq!(index.find(count * 3 + 1).expect("a read"), None);
        assert_eq!(index.find(u64::MAX).expect("a read"), None);
    }
    let path = segment::index_path(dir.path(), 1);
    let whole = fs::read(&path).expect("an index");
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("an index");
        matches!(Index::open(dir.path(), 1), Err(error) if error.kind() == ErrorKind::InvalidData)
    };
    assert!(!refused(&whole));
    for at in [100, 70_000, whole.len() - 5, whole.len() - 1] {
        let mut bent = whole.clone();
        bent[at] ^= 1;
        assert!(refused(&bent), "byte {at}");
    }
    assert!(refused(&[&whole[..], &[0]].concat()), "it is followed by something");
    assert!(refused(&whole[..whole.len() - 12]), "an entry is missing");
    assert!(refused(&[b"USINDX01", &whole[8..]].concat()), "the first form");
    assert!(refused(&[&whole[..16], &5_000_u64.to_le_bytes(), &whole[24..]].concat()));
    fs::remove_file(&path).expect("a file");
    assert!(Index::open(dir.path(), 1).expect("no failure").is_none());
    std::os::unix::fs::symlink(&path, &path).expect("a link to itself");
    assert!(Index::open(dir.path(), 1).is_err(), "one that cannot be opened is not missing");
}

/// Of several frames with one key the last counts: how a delivery stands is what its latest frame says.
#[test]
fn a_summary_spans_what_its_frames_are_about() {
    let mut summary = Summary::empty();
    for number in [0, 1, u64::MAX] {
        assert!(!summary.mails.has(number) && !summary.events.has(number), "there is none yet");
    }
    for number in [9, 7, 8] {
        summary.note(&mail(number));
    }
    assert_eq!([6, 7, 8, 9, 10].map(|number| summary.mails.has(number)), [false, true, true, true, false]);
    assert_eq!(summary.newest, Timestamp::from_micros(9));
    assert!(!summary.deliveries.has(8) && !summary.events.has(8), "of mails only");
}

#[test]
fn d9_a_mark_that_does_not_hold_is_refused_and_one_that_cannot_be_read_is_no_damage() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mark, path) = (Mark::create(dir.path()).expect("a mark"), dir.path().join("mark"));
    let said = || Mark::open(dir.path()).map(|(_, number)| number);
    assert_eq!(said().expect("it is new"), 0);
    mark.set(u64::MAX - 1).expect("a disk");
    assert_eq!(said().expect("it was set"), u64::MAX - 1);
    let whole = fs::read(&path).expect("a mark");
    for at in 0..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 1;
        fs::write(&path, bent).expect("a mark");
        assert!(matches!(said(), Err(ArchiveError::Damaged(why)) if why.contains("does not hold")), "byte {at}");
    }
    // Another file of ours with a sum that holds.
    let other = [b"USMARK02", &whole[8..16]].concat();
    fs::write(&path, [&other[..], &crc32fast::hash(&other).to_le_bytes()].concat()).expect("a mark");
    assert!(matches!(said(), Err(ArchiveError::Damaged(why)) if why.contains("does not hold")));
    fs::remove_file(&path).expect("a file");
    assert!(matches!(said(), Err(ArchiveError::Damaged(why)) if why.contains("is missing")));
    fs::create_dir(&path).expect("a directory");
    assert!(matches!(said(), Err(ArchiveError::Io(_))), "the disk has another trouble");
}
