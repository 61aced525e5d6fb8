//! What a store keeps in memory of what it wrote, so that nobody reads it again, and how much that may be.

use super::*;
use crate::outbox::record::FrameKey;

fn forgotten(settings: &SledSettings, dir: &Path, outbox: SledOutbox) -> SledOutbox {
    drop(outbox);
    SledOutbox::open(dir, settings.clone()).expect("it opens again")
}

#[tokio::test]
async fn a_journey_that_was_just_written_is_not_read_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    let first = start(journey(1));
    let id = first.journey.id;
    outbox.commit(first.clone()).await.expect("a fresh journey");
    assert_eq!(outbox.core.recent(id).as_ref(), Some(&first.journey));
    let mut second = Commit { expected_version: Some(1), ..first.clone() };
    let changed = Arc::make_mut(&mut second.journey);
    (changed.version, changed.flow) = (2, "another".into());
    outbox.commit(second.clone()).await.expect("the right version");
    assert_eq!(outbox.core.recent(id).as_ref(), Some(&second.journey));
    outbox.commit(first).await.expect_err("it has moved on");
    assert_eq!(outbox.core.recent(id).as_ref(), Some(&second.journey), "what was refused is not remembered");
    let outbox = forgotten(&SledSettings::default(), dir.path(), outbox);
    assert_eq!(outbox.core.recent(id), None);
    assert_eq!(outbox.journey(id), Ok(Some(second.journey)));
    let another = crate::ids::JourneyId::mint(Seed(1), 1);
    assert_eq!(outbox.journey(another), Ok(None), "of that number, and another all the same");
}

/// Its frame names all of them: to read it for each would take as long as they are many, each time.
#[tokio::test]
async fn a_message_that_many_are_owed_is_read_for_the_first_of_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    let both = [(HOOK, 0), ("other", 0)];
    for number in 1..=9 {
        let mut commit = start(journey(number));
        emit(&mut commit, if number == 1 { &both[..1] } else { &both });
        outbox.commit(commit).await.expect("a fresh journey");
    }
    let outbox = forgotten(&SledSettings::default(), dir.path(), outbox);
    let remembered = |number: u64| {
        let key = FrameKey::Event(EventId::mint(Seed(0), journey(number).id, 1));
        let (place, _) = outbox.core.archive.find(key).expect("a read").expect("it is there");
        outbox.core.shared.lock().expect("no panic").get(&(place, 0)).is_some()
    };
    assert!(!(1..=9).any(remembered), "nobody asked yet");
    let due = outbox.claim_deliveries(HOOK, at(0), 9).await.expect("a claim").rows;
    assert_eq!(due.len(), 9);
    assert!((2..=9).all(remembered), "another is owed them");
    assert!(!remembered(1), "nobody else is");
    let other = outbox.claim_deliveries("other", at(0), 9).await.expect("a claim").rows;
    assert_eq!(other[0].message, due[1].message);
}

/// It has its message with it: the event's own frame may go before it does.
#[tokio::test]
async fn what_was_sent_again_has_its_message_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    fill(&outbox, 2..=2).await;
    let again = outbox.redeliver(DeliveryId(1), at(3)).await.expect("it is over");
    let outbox = forgotten(&SledSettings::default(), dir.path(), outbox);
    let due = outbox.claim_deliveries(HOOK, at(3), 9).await.expect("a claim").rows;
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [again]);
    assert_eq!(due[0].message.body.len(), 1_500);
    let event = outbox.event(due[0].message.event_id).expect("an answer").expect("it is there");
    assert_eq!((event.message, event.deliveries), (due[0].message.clone(), vec![DeliveryId(1), again]));
}

/// Rows bring their messages along from commit to claim, but only so many bytes of them.
#[tokio::test]
async fn messages_that_wait_in_memory_are_bounded_and_none_is_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    const SIZE: usize = 48 << 10;
    for number in 1..=5 {
        let mut commit = start(journey(number));
        for _ in 0..100 {
            emit(&mut commit, &[(HOOK, 0)]);
        }
        commit.messages.iter_mut().for_each(|message| message.message.body = vec![number as u8; SIZE].into());
        outbox.commit(commit).await.expect("a fresh journey");
    }
    let lane = outbox.core.live().lane(HOOK);
    let claimed = outbox.core.claim(lane.into_iter(), at(0), 1_000).expect("a claim").rows;
    assert_eq!(claimed.len(), 500);
    let along = claimed.iter().filter(|(_, hot)| hot.message.is_some()).count();
    assert!(along * SIZE <= 16 << 20, "{along} in memory");
    assert!(along > 300, "most of them, as far as they may: {along}");
    outbox.release(claimed.into_iter().map(|(lease, _)| lease).collect());
    let due = outbox.claim_deliveries(HOOK, at(0), 1_000).await.expect("a claim").rows;
    assert_eq!(due.len(), 500);
    for (at, due) in due.iter().enumerate() {
        assert!(due.message.body[..] == vec![(at / 100) as u8 + 1; SIZE], "{at}");
    }
}

/// Letters are of the keys of `record.rs`.
#[tokio::test]
async fn what_is_settled_leaves_nothing_in_the_tree_but_what_lists_need() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    let mut commit = start(journey(1));
    for _ in 0..3 {
        emit(&mut commit, &[("ordered", 0)]);
    }
    outbox.commit(commit).await.expect("a fresh journey");
    let rows = |letter: &[u8]| outbox.core.table.prefixed(letter).count();
    assert_eq!([rows(b"L"), rows(b"P"), rows(b"H"), rows(b"S")], [1, 2, 1, 1]);
    for n in 0..3 {
        let due = outbox.claim_deliveries("ordered", at(9), 9).await.expect("a claim").rows.remove(0);
        let attempt = Attempt { n: 1, started_at: at(n), finished_at: at(n), outcome: Outcome::default() };
        let (attempt, notice) = (Box::new(attempt), Some(Duration::from_secs(60)));
        let verdict = Verdict::Exhausted;
        outbox
            .settle(vec![Settlement::Attempt { lease: due.lease, attempt, verdict, notice }])
            .await
            .expect("it is over");
    }
    assert_eq!([rows(b"L"), rows(b"P"), rows(b"H"), rows(b"S"), rows(b"E"), rows(b"G")], [1, 0, 0, 0, 3, 3]);
    let digest = outbox.claim_mail(at(200), 9).await.expect("a claim").rows.remove(0);
    let crate::outbox::DueMail::Digest { lease, entries, .. } = digest else { panic!("{digest:?}") };
    assert_eq!(entries.len(), 3);
    outbox.settle(vec![Settlement::Digest { lease, mails: Vec::new(), now: at(200) }]).await.expect("it is composed");
    assert_eq!([rows(b"L"), rows(b"G"), rows(b"S"), rows(b"E")], [0, 0, 0, 3]);
}
