//! What the archive answers of what it holds, over segments that are sealed, written to, or gone.

use super::super::segment::MAX_FRAME;
use super::*;
use crate::ids::{DeliveryId, EventId, JourneyId};
use crate::message::Message;
use crate::outbox::conformance::at;
use crate::provider::Environment;

/// Event `number`, of second `number`, owed to `to` as deliveries from `first` on.
fn event(number: u64, first: u64, to: u64, body: usize) -> Frame {
    let message = Message {
        event_id: EventId([number as u8; 16]),
        event_type: "Finished Step".into(),
        journey_id: Some(JourneyId([7; 12])),
        sequence: number,
        environment: Environment::Sandbox,
        created_at: at(number as i64),
        body: vec![b'x'; body].into(),
        forms: Vec::new(),
    };
    let deliveries = (first..first + to).map(|id| (DeliveryId(id), "demo".to_owned(), at(0), 0));
    Frame::Event { number, message, deliveries: deliveries.collect() }
}

/// Writes `frames` as a batch; where each is.
fn keep(appender: &mut Appender, batch: u64, frames: &[Frame]) -> Vec<Place> {
    let places = frames.iter().map(|frame| appender.push(frame)).collect();
    seal(appender, batch);
    places
}

/// Ends the batch that is being gathered.
fn seal(appender: &mut Appender, batch: u64) {
    appender.push(&Frame::Batch { meta: Meta { batch, ..meta() }, changes: vec![] });
    appender.sync(batch).expect("a disk");
    appender.publish();
}

/// An archive of four segments, an event in each, the last written to: event `n` is owed to three as 10n, 10n + 1, 10n + 2.
fn four(dir: &Path) -> (Arc<Archive>, Appender, Vec<Place>) {
    let (archive, mut appender) = open(dir, None, LIMIT, &mut |_, _| {}).expect("a fresh archive");
    let mut places = Vec::new();
    for number in 1..=4 {
        appender.rotate_when_full().expect("a segment");
        places.extend(keep(&mut appender, number, &[event(number, number * 10, 3, 300)]));
    }
    assert_eq!(places.iter().map(|place| place.segment()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    (archive, appender, places)
}

fn number(found: Option<(Place, Frame)>) -> Option<u64> {
    match found?.1 {
        Frame::Event { number, .. } => Some(number),
        _ => None,
    }
}

#[test]
fn lists_begin_at_what_there_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let (archive, _appender, _) = four(dir.path());
    assert_eq!(archive.floors(), (10, 1));
    for (first, floors) in [(2, (20, 2)), (4, (40, 4))] {
        archive.drop_before(first).expect("they go");
        assert_eq!(archive.floors(), floors);
        for segment in 1..=4 {
            let kept = segment >= first;
            assert_eq!(segment::path(dir.path(), segment).exists(), kept, "{segment} of {first} and later");
            assert_eq!(segment::index_path(dir.path(), segment).exists(), kept && segment < 4);
        }
    }
}

#[test]
fn what_retention_keeps_is_what_is_young_or_needed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (archive, _appender, _) = four(dir.path());
    for (horizon, needed, oldest) in [
        (at(0), None, 1),
        // To the instant: only what is older goes.
        (at(1), None, 1),
        (Timestamp::from_micros(at(1).as_micros() + 1), None, 2),
        (at(3), None, 3),
        (at(100), None, 4),
        (at(100), Some(2), 2),
        (at(2), Some(4), 2),
        (at(100), Some(9), 4),
    ] {
        assert_eq!(archive.oldest_to_keep(horizon, needed), oldest, "before {horizon:?}, {needed:?} needed");
    }
    for (first, least) in [(1, 10), (2, 20), (4, 40), (5, 40)] {
        assert_eq!(archive.first_delivery_from(first), least, "from segment {first} on");
    }
}

#[test]
fn deliveries_are_known_by_the_segments_that_they_came_to_be_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let (archive, mut appender, _) = four(dir.path());
    let spans = |segments: &[u32]| {
        let spans = archive.created_in(segments).into_iter();
        spans.map(|span| (span.least, span.greatest)).collect::<Vec<_>>()
    };
    assert_eq!(spans(&[4, 1, 3]), [(10, 12), (30, 32), (40, 42)], "oldest first");
    assert_eq!(spans(&[9]), []);
    keep(&mut appender, 5, &[event(5, 50, 1, 1)]);
    assert_eq!(spans(&[4]), [(40, 50)]);
    archive.drop_before(3).expect("they go");
    assert_eq!(spans(&[1, 2, 3]), [(30, 32)]);
}

#[test]
fn the_writer_finds_what_it_has_not_written_yet() {
    let dir = tempfile::tempdir().expect("a directory");
    let (archive, mut appender, places) = four(dir.path());
    let frames = [event(5, 50, 1, 10), event(6, 60, 2, 20), event(7, 70, 1, 5)];
    let end = appender.end();
    let pushed: Vec<Place> = frames.iter().map(|frame| appender.push(frame)).collect();
    assert_eq!(pushed[0], end, "one begins where the last ended");
    let gathered = appender.gathered();
    assert_eq!(appender.end(), Place::new(4, end.offset() + gathered as u32));
    for (frame, place) in frames.iter().zip(&pushed) {
        assert_eq!(appender.frame(*place).expect("a read").as_ref(), Some(frame));
        for key in frame.keys() {
            assert_eq!(appender.find(key).expect("a read"), Some((*place, frame.clone())), "{key:?}");
            assert_eq!(archive.find(key).expect("a read"), None, "others do not");
        }
    }
    assert_eq!(appender.frame(appender.end()).expect("a read"), None);
    // What was written before is found by it as by everybody, in its own segment and in those before.
    for (at, place) in places.iter().enumerate() {
        let (old, key) = (at as u64 + 1, FrameKey::Delivery(DeliveryId(at as u64 * 10 + 11)));
        assert_eq!(number(appender.find(key).expect("a read")), Some(old));
        let frame = appender.frame(*place).expect("a read");
        assert_eq!(frame, archive.frame(*place).expect("a read"));
        assert_eq!(number(frame.map(|frame| (*place, frame))), Some(old));
    }
    seal(&mut appender, 5);
    assert_eq!(appender.gathered(), 0);
    for (frame, place) in frames.iter().zip(&pushed) {
        assert_eq!(archive.find(frame.keys().next().expect("a key")).expect("a read"), Some((*place, frame.clone())));
    }
    // The latest of several counts.
    let again = [event(8, 60, 1, 1), event(9, 60, 1, 2)];
    let key = FrameKey::Delivery(DeliveryId(60));
    for frame in &again {
        appender.push(frame);
    }
    assert_eq!(number(appender.find(key).expect("a read")), Some(9));
    assert_eq!(number(archive.find(key).expect("a read")), Some(6));
    seal(&mut appender, 6);
    assert_eq!(number(archive.find(key).expect("a read")), Some(9));
}

#[test]
fn what_retention_drops_under_a_readers_hands_is_gone_and_no_damage() {
    let dir = tempfile::tempdir().expect("a directory");
    let (archive, _appender, places) = four(dir.path());
    let second = FrameKey::Delivery(DeliveryId(21));
    assert_eq!(number(archive.find(second).expect("a read")), Some(2));
    archive.drop_before(2).expect("it goes");
    assert_eq!(archive.frame(places[0]).expect("no failure"), None);
    assert_eq!(archive.find(FrameKey::Delivery(DeliveryId(11))).expect("no failure"), None);
    assert_eq!(number(archive.find(second).expect("a read")), Some(2), "the others stay");
    // The files are gone, and a reader has the shelf of before.
    fs::remove_file(segment::path(dir.path(), 3)).expect("a file");
    fs::remove_file(segment::index_path(dir.path(), 3)).expect("a file");
    assert_eq!(archive.find(FrameKey::Delivery(DeliveryId(31))).expect("no failure"), None);
    assert_eq!(archive.frame(places[2]).expect("no failure"), None);
    // A file that is there and short is another matter.
    File::options().write(true).open(segment::path(dir.path(), 4)).and_then(|file| file.set_len(40)).expect("a file");
    assert!(archive.frame(places[3]).is_err());
}

/// Neither is the memory of one large batch held for ever, nor is that of the usual ones asked for each time.
#[test]
fn a_large_batch_gives_its_memory_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_archive, mut appender) = open(dir.path(), None, u32::MAX, &mut |_, _| {}).expect("a fresh archive");
    keep(&mut appender, 1, &[event(1, 1, 1, 100 << 10)]);
    assert!(appender.buffer.capacity() >= 100 << 10);
    keep(&mut appender, 2, &[event(2, 2, 1, 12 << 20)]);
    assert!(appender.buffer.capacity() < 8 << 20);
}

/// A frame that nobody could read back would make the whole store unreadable at the next start.
#[test]
fn d9_the_longest_frame_is_read_back_and_a_longer_one_is_never_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let (archive, mut appender) = open(dir.path(), None, u32::MAX, &mut |_, _| {}).expect("a fresh archive");
    let around = segment::encode(&event(1, 1, 1, 1 << 24), &mut Vec::new()) - (1 << 24);
    let longest = event(1, 1, 1, MAX_FRAME - around);
    let place = keep(&mut appender, 1, std::slice::from_ref(&longest))[0];
    assert!(archive.frame(place).expect("a read") == Some(longest));
    drop((archive, appender));
    let (found, archive, mut appender) = found(dir.path()).expect("it opens");
    assert_eq!(found, [1]);
    assert_eq!(number(archive.find(FrameKey::EventNumber(1)).expect("a read")), Some(1));
    appender.push(&event(2, 2, 1, MAX_FRAME - around + 1));
    appender.push(&event(3, 3, 1, 1));
    assert!(appender.sync(2).is_err());
    assert!(appender.sync(2).is_err(), "nor the next time");
}

/// Opens an archive whose tree never heard of it: the batches that it has.
fn found(dir: &Path) -> Result<(Vec<u64>, Arc<Archive>, Appender), ArchiveError> {
    let mut found = Vec::new();
    let (archive, appender) = open(dir, Some(&meta()), u32::MAX, &mut |meta, _| found.push(meta.batch))?;
    Ok((found, archive, appender))
}
