//! The format is pinned, and what is bent is noticed.

use super::*;
use crate::outbox::Lease;
use crate::outbox::archive::segment;
use crate::provider::Environment;

#[test]
fn the_bytes_are_pinned() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let row = Lease { lane: 64, due: Timestamp::from_micros(-1), serial: 7 };
    let meta = Meta { format: FORMAT, batch: 300, archive_end: Place::new(1, 16), ..Meta::default() };
    let message = Message {
        event_id: EventId([7; 16]),
        event_type: "T".into(),
        journey_id: Some(JourneyId([8; 12])),
        sequence: 3,
        environment: Environment::Live,
        created_at: Timestamp::from_micros(5),
        body: bytes::Bytes::from_static(b"{}"),
        forms: vec![],
    };
    let attempt = Attempt {
        n: 1,
        started_at: Timestamp::from_micros(6),
        finished_at: Timestamp::from_micros(7),
        outcome: Default::default(),
    };
    let last = Place::new(2, 9);
    let pending = DeliveryRow {
        attempts: 1,
        ordered: Some(JourneyId([8; 12])),
        resend_of: Some(DeliveryId(2)),
        due_at: Timestamp::from_micros(6),
        last,
        event: last,
        form: 0,
    };
    let tried_frame = Frame::Attempt {
        delivery: DeliveryId(4),
        origin: last,
        state: DeliveryState::Delivered,
        attempts: 1,
        due_at: Timestamp::from_micros(6),
        attempt,
        previous: last,
    };
    let (mut event, mut tried, mut batch) = (Vec::new(), Vec::new(), Vec::new());
    let changes = vec![(b"A"[..].into(), Some(Bytes::from_static(b"B"))), (b"C"[..].into(), None)];
    segment::encode(&Frame::Batch { meta: meta.clone(), changes }, &mut batch);
    let deliveries = vec![(DeliveryId(4), "demo".to_owned(), Timestamp::from_micros(6), 0)];
    segment::encode(&Frame::Event { number: 2, message, deliveries }, &mut event);
    segment::encode(&tried_frame, &mut tried);
    let seen = [
        keys::row(row).to_vec(),
        keys::reference("A", Environment::Live, 3).to_vec(),
        seal(b"M", &meta),
        seal(b"L", &Row::Mail(last)),
        seal(b"L", &Row::Delivery(pending)),
        seal(b"H", &vec![Turn { lane: 64, serial: 3, behind: 1 }]),
        event,
        tried,
        batch,
    ];
    let seen: Vec<_> = seen.iter().map(|bytes| hex(bytes)).collect();
    insta::assert_debug_snapshot!(seen, @r#"
    [
        "4c000000407fffffffffffffff0000000000000007",
        "520000000141010000000000000003",
        "0107ac029080808010000000000000000000000000000000009f1e4c71",
        "010389808080200ab6848b",
        "0100010108080808080808080808080801020c89808080208980808020005738fc6e",
        "0101400301e289a5fb",
        "310000000160d9b200020707070707070707070707070707070701540108080808080808080808080803010a027b7d0001040464656d6f0c00",
        "1b000000c00695980104898080802002010c010c0e0000000000000000008980808020",
        "2200000071bc0f770507ac02908080801000000000000000000000000000000000020141010142014300",
    ]
    "#);
}

#[test]
fn hashes_are_pinned_and_tell_kinds_apart() {
    let id = |n| FrameKey::Delivery(DeliveryId(n));
    let hashes = [id(1).hash(), FrameKey::Event(EventId([7; 16])).hash()];
    insta::assert_debug_snapshot!(hashes, @"
    [
        5457968141108189900,
        13770679708062485118,
    ]
    ");
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..2_000 {
        let event = FrameKey::JourneyEvent(JourneyId([1; 12]), n);
        for key in [id(n), FrameKey::EventNumber(n), FrameKey::Mail(n), event] {
            assert!(seen.insert(key.hash()), "{key:?}");
        }
    }
}

#[test]
fn a_frame_has_its_own_keys_and_no_other_whatever_hashes_alike() {
    let attempt = Attempt {
        n: 1,
        started_at: Timestamp::from_micros(6),
        finished_at: Timestamp::from_micros(7),
        outcome: Default::default(),
    };
    let frame = Frame::Attempt {
        delivery: DeliveryId(4),
        origin: Place::new(2, 9),
        state: DeliveryState::Delivered,
        attempts: 1,
        due_at: Timestamp::from_micros(6),
        attempt,
        previous: Place::new(2, 9),
    };
    assert!(frame.has_key(FrameKey::Delivery(DeliveryId(4))));
    for other in [FrameKey::Delivery(DeliveryId(5)), FrameKey::EventNumber(4), FrameKey::Mail(4)] {
        assert!(!frame.has_key(other), "{other:?}");
    }
}

#[test]
fn keys_sort_as_their_numbers_do_and_read_back() {
    let row = |lane, due, serial| Lease { lane, due: Timestamp::from_micros(due), serial };
    let rows = [row(1, -5, 9), row(1, -4, 0), row(1, 0, 3), row(1, 256, 1), row(1, 256, 256), row(2, -9, 0)];
    for pair in rows.windows(2) {
        assert!(keys::row(pair[0]) < keys::row(pair[1]), "{pair:?}");
    }
    for row in rows {
        assert_eq!(keys::read_row(&keys::row(row)), Some(row));
        assert!(keys::row(row).starts_with(&keys::lane_rows(row.lane)));
    }
    let journey = JourneyId([7; 12]);
    assert_eq!(keys::read_parked(&keys::parked(5, journey, 6)), Some((5, 6)));
}

/// Bytes behind a value, and instants that no clock shows, were passed over in silence.
#[test]
fn what_says_more_than_is_understood_is_refused() {
    let more = seal_bytes(b"key", &[postcard::to_stdvec(&7_u64).expect("bytes"), vec![0]].concat());
    let refused = open::<u64>("count", b"key", &more).expect_err("a byte more");
    assert_eq!(refused.to_string(), "the count does not hold: it is followed by something");
    assert_eq!(open::<u64>("count", b"key", &seal_bytes(b"key", &[7])), Ok(7));

    let mut frame = Vec::new();
    let meta = Meta { format: FORMAT, ..Meta::default() };
    segment::encode(&Frame::Batch { meta, changes: vec![] }, &mut frame);
    assert!(segment::decode(&frame).is_some());
    assert_eq!(segment::decode(&segment::frame_bytes(&[&frame[8..], &[0]].concat())), None);

    for (due, there) in [(Timestamp::MIN.as_micros(), true), (Timestamp::MAX.as_micros(), true), (i64::MIN, false)] {
        let mut key = keys::row(Lease { lane: 1, due: Timestamp::MIN, serial: 2 }).to_vec();
        key[5..13].copy_from_slice(&(due ^ i64::MIN).to_be_bytes());
        assert_eq!(keys::read_row(&key).is_some(), there, "{due}");
    }
}

#[test]
fn a_flipped_bit_or_a_lost_byte_is_noticed() {
    let sealed = seal(b"key", &"a value");
    assert_eq!(open::<String>("value", b"key", &sealed), Ok("a value".to_owned()));
    assert!(open::<String>("value", b"other", &sealed).is_err(), "it belongs to its key");
    for at in 0..sealed.len() {
        let mut bent = sealed.clone();
        bent[at] ^= 4;
        assert!(open::<String>("value", b"key", &bent).is_err(), "byte {at}");
        assert!(open::<String>("value", b"key", &sealed[..at]).is_err(), "cut at {at}");
    }
}

/// The table at the top of `record.rs`, to the byte: two keys that were one would be one row.
#[test]
fn every_key_has_its_letter_and_its_numbers() {
    let journey = JourneyId([7; 12]);
    let seven = [7_u8; 12];
    let row = Lease { lane: 2, due: Timestamp::from_micros(-1), serial: 3 };
    for (key, letter, parts) in [
        (keys::lane_rows(2), b'L', &[&[0, 0, 0, 2][..]][..]),
        (keys::row(row), b'L', &[&[0, 0, 0, 2], &[0x7f, 255, 255, 255, 255, 255, 255, 255], &[0, 0, 0, 0, 0, 0, 0, 3]]),
        (keys::parked(2, journey, 3), b'P', &[&[0, 0, 0, 2], &seven, &[0, 0, 0, 0, 0, 0, 0, 3]]),
        (keys::parked_behind(2, journey), b'P', &[&[0, 0, 0, 2], &seven]),
        (keys::turns(journey, keys::neighbours(35)), b'H', &[&seven, &[0, 0, 0, 2]]),
        (keys::lane(2), b'W', &[&[0, 0, 0, 2]]),
        (keys::digest_entry(2, 3), b'G', &[&[0, 0, 0, 0, 0, 0, 0, 2], &[0, 0, 0, 3]]),
        (keys::unhappy(2), b'E', &[&[0, 0, 0, 0, 0, 0, 0, 2]]),
        (keys::needed(2), b'S', &[&[0, 0, 0, 2]]),
        (keys::journey(2), b'J', &[&[0, 0, 0, 0, 0, 0, 0, 2]]),
        (keys::references("AB", Environment::Sandbox), b'R', &[&[0, 0, 0, 2], b"AB", &[0]]),
        (keys::reference("AB", Environment::Live, 3), b'R', &[&[0, 0, 0, 2], b"AB", &[1], &[0, 0, 0, 0, 0, 0, 0, 3]]),
        (keys::note("a/b"), b'N', &[b"a/b"]),
        (keys::idempotency("k"), b'K', &[&blake3::hash(b"k").as_bytes()[..16]]),
    ] {
        assert_eq!(key[..], [&[letter], &parts.concat()[..]].concat());
    }
    assert_eq!(keys::number(&keys::journey(9)), Some(9));
    assert_eq!(keys::number(&keys::reference("AB", Environment::Live, 9)), Some(9));
    assert_eq!(keys::number(b"1234567"), None);
    assert_eq!((keys::read_needed(&keys::needed(9)), keys::read_needed(&keys::lane(9))), (Some(9), None));
    assert_eq!((keys::read_note(&keys::note("a/b")), keys::read_note(b"Xa/b")), (Some("a/b"), None));
    assert_eq!(keys::read_parked(b"P123"), None);
}

#[test]
fn places_and_counts_are_what_they_say() {
    let place = Place::new(3, 9);
    assert_eq!((place.segment(), place.offset()), (3, 9));
    assert_eq!((Place::NOWHERE.segment(), Place::NOWHERE.offset()), (0, 0));
    assert_eq!(Place::new(u32::MAX, u32::MAX).offset(), u32::MAX);
    assert!(Place::new(1, u32::MAX) < Place::new(2, 0), "later segments come later");
    let counts = Counts {
        deliveries: 100,
        delivered: 50,
        exhausted: 20,
        cancelled: 7,
        mails: 60,
        sent: 30,
        failed: 9,
        kept: 4,
        ..Counts::default()
    };
    assert_eq!((counts.pending(), counts.pending_mails()), (23, 17));
}
