//! What a crash may leave of an archive: every prefix of it, with every kind of end. What was acknowledged is found, and
//! nothing else is.

mod opening;
mod segments;
mod shelf;

use std::fs;
use std::path::Path;

use super::recover::open;
use super::*;
use crate::ids::MailId;
use crate::message::{Mail, MailState};
use crate::outbox::record::{FORMAT, Meta};
use crate::rng::Seed;

/// So small that a few batches fill one.
const LIMIT: u32 = 200;
const BATCHES: u64 = 6;

fn meta() -> Meta {
    Meta { format: FORMAT, first_segment: 1, archive_end: Place::new(1, HEADER), ..Meta::default() }
}

fn mail(id: u64) -> Frame {
    Frame::Mail(Mail {
        id: MailId(id),
        webhook: "demo".into(),
        to: "ops@example.com".into(),
        subject: "gone".into(),
        text: "x".repeat(id as usize),
        deliveries: vec![],
        message_id: format!("{id}@example.com"),
        created_at: Timestamp::from_micros(id as i64),
        state: MailState::Kept,
        attempts: 0,
        error: None,
    })
}

/// One batch: a mail, and a row of the tree that says which.
fn append(appender: &mut Appender, batch: u64) {
    appender.rotate_when_full().expect("a segment");
    appender.push(&mail(batch));
    let meta = Meta { batch, archive_end: Place::NOWHERE, ..meta() };
    let changes = vec![(batch.to_be_bytes()[..].into(), Some(b"row".to_vec().into()))];
    appender.push(&Frame::Batch { meta, changes });
    appender.sync(batch).expect("a disk");
    appender.publish();
}

/// Opens an archive whose tree never heard of it: the batches that it has.
fn batches(dir: &Path) -> Result<(Vec<u64>, Arc<Archive>, Appender), ArchiveError> {
    let mut found = Vec::new();
    let (archive, appender) = open(dir, Some(&meta()), LIMIT, &mut |meta, changes| {
        assert_eq!(*changes[0].0, meta.batch.to_be_bytes(), "a batch tells of its own rows");
        found.push(meta.batch);
    })?;
    Ok((found, archive, appender))
}

/// The first `segments` as they are, the last of them as `tail` says; the mark says `marked`.
fn image(from: &Path, to: &Path, last: u32, tail: &[u8], marked: u64) {
    fs::create_dir_all(to).expect("a directory");
    for number in 1..last {
        for path in [segment::path(from, number), segment::index_path(from, number)] {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
    fs::write(segment::path(to, last), tail).expect("a segment");
    Mark::create(to).and_then(|mark| mark.set(marked)).expect("a mark");
}

#[test]
fn every_prefix_of_an_archive_and_every_torn_end_gives_what_was_acknowledged() {
    let home = tempfile::tempdir().expect("a directory");
    let whole = home.path().join("whole");
    let (_, mut appender) = open(&whole, None, LIMIT, &mut |_, _| {}).expect("a fresh archive");
    let mut ends = Vec::new();
    for batch in 1..=BATCHES {
        append(&mut appender, batch);
        ends.push((appender.segment, appender.length));
    }
    assert!(appender.segment > 2, "it goes over several segments");
    let mut draw = Seed(1).draw(&[b"torn"]);
    let mut images = 0;
    for last in 1..=appender.segment {
        let bytes = fs::read(segment::path(&whole, last)).expect("a segment");
        // The first segment's header is durable before there is a store; a later one's may be torn.
        for cut in if last == 1 { HEADER as usize } else { 0 }..=bytes.len() {
            let there: Vec<u64> =
                (1..=BATCHES).filter(|batch| ends[*batch as usize - 1] <= (last, cut as u32)).collect();
            let acked = there.len() as u64;
            // A disk that was cut off in the middle of a write may hold the rest of a page as it never was.
            let mut torn = bytes[..cut].to_vec();
            match images % 3 {
                0 => {}
                1 => torn.resize(cut + 1 + draw.below(40) as usize, 0),
                _ => {
                    let mut noise = vec![0; 1 + draw.below(40) as usize];
                    draw.fill(&mut noise);
                    torn.extend(noise);
                }
            }
            images += 1;
            let dir = home.path().join(format!("{images}"));
            // The mark follows the batch: a crash in between leaves it one behind.
            image(&whole, &dir, last, &torn, acked - u64::from(images % 2 == 0 && acked > 0));
            let found = batches(&dir).unwrap_or_else(|error| panic!("D1: segment {last} at {cut}: {error}"));
            assert_eq!(found.0, there, "D1: segment {last} at {cut}");
            drop(found);
            // A crash in the middle of that: the next start finds the same, and what it adds is found by the one after.
            let (again, archive, mut appender) = batches(&dir).expect("it opens again");
            assert_eq!(again, there, "D1: segment {last} at {cut}, a second time");
            for batch in &there {
                assert!(archive.find(FrameKey::Mail(*batch)).expect("a read").is_some(), "D1: batch {batch}");
            }
            assert!(archive.find(FrameKey::Mail(acked + 1)).expect("a read").is_none(), "D5: half of a batch");
            drop(archive);
            if images % 4 > 0 {
                continue;
            }
            append(&mut appender, acked + 1);
            drop(appender);
            let more = batches(&dir).expect("it opens with more").0;
            assert_eq!(more, (1..=acked + 1).collect::<Vec<_>>(), "segment {last} at {cut}, with one more");
            // Where more was acknowledged than there is, it is no crash that did this.
            let dir = home.path().join("short");
            image(&whole, &dir, last, &torn, acked + 1);
            assert!(matches!(batches(&dir), Err(ArchiveError::Damaged(_))), "D9: segment {last} at {cut}");
            fs::remove_dir_all(&dir).expect("a directory");
        }
    }
}

#[test]
fn d9_a_bent_index_is_written_anew_or_refused_and_never_believed() {
    let home = tempfile::tempdir().expect("a directory");
    let (_, mut appender) = open(home.path(), None, LIMIT, &mut |_, _| {}).expect("a fresh archive");
    (1..=BATCHES).for_each(|batch| append(&mut appender, batch));
    drop(appender);
    let path = segment::index_path(home.path(), 1);
    let whole = fs::read(&path).expect("an index");
    for (at, bit) in (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut bent = whole.clone();
        bent[at] ^= 1 << bit;
        // While nobody looked into it yet: whoever does hears of it.
        let (_, archive, appender) = batches(home.path()).expect("it opens");
        fs::write(&path, &bent).expect("a file");
        assert!(!matches!(archive.find(FrameKey::Mail(1)), Ok(None)), "D1: bit {bit} of byte {at} hides a mail");
        drop((archive, appender));
        let (_, archive, _appender) = batches(home.path()).expect("it opens with a bent index");
        for batch in 1..=BATCHES {
            let found = archive.find(FrameKey::Mail(batch)).expect("a read");
            assert!(found.is_some(), "D1: bit {bit} of byte {at} hides batch {batch}");
        }
    }
}
