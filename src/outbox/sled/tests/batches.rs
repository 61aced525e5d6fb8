//! How the writer gathers what is asked of it, and what it reserves, writes and gives back without being asked.

use std::sync::mpsc;

use tokio::task::JoinSet;

use super::*;
use crate::outbox::record::{self, Meta, keys};

fn meta(outbox: &SledOutbox) -> Meta {
    let stored = outbox.core.table.get(keys::META).expect("a read").expect("it is there");
    record::open("meta", keys::META, &stored).expect("it holds")
}

/// Commits and notes that reach the writer while it is busy with something else: into how many batches it puts them.
async fn gathered(outbox: &Arc<SledOutbox>, commits: Vec<Commit>, notes: Vec<Note>) -> u64 {
    let before = meta(outbox).batch;
    let (holds, held) = mpsc::sync_channel(1);
    let (let_go, may_go) = mpsc::sync_channel(1);
    let core = outbox.core.clone();
    let holder = std::thread::spawn(move || {
        // Without it the writer ends no batch.
        let _live = core.live();
        holds.send(()).expect("somebody waits");
        may_go.recv().expect("somebody says so");
    });
    held.recv().expect("it is held");
    let waiting = commits.len() + notes.len();
    let mut tasks = JoinSet::new();
    let first = outbox.clone();
    tasks.spawn(async move { first.keep_note(Note { name: "first".into(), value: None }).await });
    for commit in commits {
        let outbox = outbox.clone();
        tasks.spawn(async move { outbox.commit(commit).await.map(|_| ()) });
    }
    for note in notes {
        let outbox = outbox.clone();
        tasks.spawn(async move { outbox.keep_note(note).await });
    }
    for _ in 0..waiting + 9 {
        tokio::task::yield_now().await;
    }
    let_go.send(()).expect("it waits");
    holder.join().expect("it ends");
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    meta(outbox).batch - before
}

#[tokio::test]
async fn what_waits_is_written_together_up_to_a_bound() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = Arc::new(open(dir.path()).expect("a fresh store"));
    let notes = |count: usize, size: usize| {
        let note = |number| Note { name: format!("note {number}"), value: Some(vec![b'x'; size].into()) };
        (0..count).map(note).collect::<Vec<_>>()
    };
    // The first of them may go by itself, with a few that came just then.
    let batches = gathered(&outbox, vec![], notes(900, 1)).await;
    assert!((1..=2).contains(&batches), "900 small ones: {batches}");
    let batches = gathered(&outbox, vec![], notes(3_000, 1)).await;
    assert!((3..=4).contains(&batches), "3,000 small ones: {batches}");
    let batches = gathered(&outbox, vec![], notes(400, 47 << 10)).await;
    assert!((3..=4).contains(&batches), "18 MiB for the tree: {batches}");
    let large = |number: u64| {
        let mut commit = start(journey(number));
        emit(&mut commit, &[(HOOK, 0)]);
        commit.messages[0].message.body = vec![b'x'; 47 << 10].into();
        commit
    };
    let batches = gathered(&outbox, (1..=400).map(large).collect(), vec![]).await;
    assert!((3..=4).contains(&batches), "18 MiB for the archive: {batches}");
    assert_eq!(outbox.ledger().events, 400);
}

#[tokio::test]
async fn what_changes_nothing_is_not_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    fill(&outbox, 1..=2).await;
    let (batch, written) = (meta(&outbox).batch, length(dir.path()));
    let due = outbox.claim_deliveries(HOOK, at(0), 9).await.expect("a claim").rows.remove(0);
    outbox.release(vec![due.lease]);
    outbox.settle(vec![Settlement::Deadline { lease: due.lease }]).await.expect("it is claimed no more");
    outbox.cancel(DeliveryId(99), at(0)).await.expect_err("there is none");
    outbox.commit(start(journey(1))).await.expect_err("it is there");
    assert_eq!((meta(&outbox).batch, length(dir.path())), (batch, written));
    outbox.close().await.expect("it is closed");
    let (batch, written) = (meta(&outbox).batch, length(dir.path()));
    drop(outbox);
    assert_eq!(length(dir.path()), written, "what is closed is closed");
    let outbox = open(dir.path()).expect("it opens");
    assert_eq!(meta(&outbox).batch, batch);
    drop(outbox);
    assert!(length(dir.path()) > written, "one that was not closed gives its numbers back");
}

fn length(dir: &Path) -> u64 {
    fs::metadata(dir.join("archive/000001.seg")).expect("a segment").len()
}

#[tokio::test]
async fn numbers_that_were_given_and_never_used_are_not_given_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    // More than are reserved at once, and nothing is committed.
    for number in 1..=9_000 {
        assert_eq!(outbox.next_journey_number(), number);
    }
    let killed = tempfile::tempdir().expect("a directory");
    copy(dir.path(), killed.path());
    let next = open(killed.path()).expect("a store that was killed opens").next_journey_number();
    assert!((9_001..=9_001 + 2 * 4_096).contains(&next), "{next}");
    drop(outbox);
    let outbox = open(dir.path()).expect("it opens");
    assert_eq!(outbox.next_journey_number(), 9_001, "one that ended by itself leaves no gap");
    outbox.close().await.expect("it is closed");
    assert_eq!(outbox.next_journey_number(), 9_002);
    drop(outbox);
    assert_eq!(open(dir.path()).expect("it opens").next_journey_number(), 9_003);
}

/// Whoever commits now and then never waits for a number.
#[tokio::test]
async fn each_batch_leaves_numbers_to_give() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..12 {
        for _ in 0..1_000 {
            outbox.next_journey_number();
        }
        outbox.commit(start(journey(outbox.next_journey_number()))).await.expect("a fresh journey");
        let given = outbox.core.given.load(Ordering::Relaxed);
        let reserved = outbox.core.reserved.load(Ordering::Acquire);
        assert!((given + 2_048..=given + 4_096).contains(&reserved), "round {round}: {given} of {reserved}");
        seen.insert(reserved);
    }
    assert!(seen.len() <= 7, "some thousand at once: {seen:?}");
}

/// A journey is known by its number as well: another's is taken, and one below the highest is as good as any.
#[tokio::test]
async fn a_number_belongs_to_one_journey_whether_it_is_remembered_or_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut outbox = open(dir.path()).expect("a fresh store");
    for number in [5, 900, 7] {
        outbox.commit(start(journey(number))).await.expect("a fresh journey");
    }
    let mut another = journey(5);
    another.id = crate::ids::JourneyId::mint(Seed(1), 5);
    for _ in 0..2 {
        assert_eq!(outbox.commit(start(another.clone())).await, Err(OutboxError::Conflict));
        assert_eq!(outbox.commit(start(journey(7))).await, Err(OutboxError::Conflict));
        assert_eq!(outbox.commit(start(journey(900))).await, Err(OutboxError::Conflict));
        drop(outbox);
        outbox = open(dir.path()).expect("it opens");
    }
    outbox.commit(start(journey(6))).await.expect("nobody has it");
    assert_eq!(outbox.ledger().journeys, 4);
}
