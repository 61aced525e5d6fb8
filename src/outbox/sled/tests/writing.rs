//! Between what the writer decides and what is durable: nobody gets hold of what a batch is about to end, and what it needs
//! stays counted.

use super::super::draft::Draft;
use super::super::known::Known;
use super::super::recover::Opened;
use super::super::view::View;
use super::*;
use crate::outbox::record::Place;
use crate::provider::Deadline;

#[tokio::test]
async fn what_a_batch_is_about_to_end_is_nobodys_meanwhile() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    let mut commit = start(journey(1));
    Arc::make_mut(&mut commit.journey).deadlines = vec![Deadline { kind: DeadlineKind::Processing, due: at(5) }];
    emit(&mut commit, &[(HOOK, 0), ("other", 0)]);
    let first = commit.journey.clone();
    let ids = outbox.commit(commit).await.expect("a fresh journey").deliveries;
    drop(outbox);
    let opened = recover::open(dir.path(), &SledSettings::default()).expect("a store");
    let Opened { core, mut archive, meta, mut known, .. } = opened;
    // What a batch is gathered in, and never written.
    let mut draft = Draft {
        core: &core,
        view: View::new(&core.table),
        archive: &mut archive,
        known: &mut known,
        meta,
        ops: Vec::new(),
        journeys: Default::default(),
        unseen: None,
        new_lanes: Vec::new(),
    };
    let lane = |hook: &str| core.live().lane(hook);
    let claim = |lane: Option<u32>| core.claim(lane.into_iter(), at(9), 9).expect("a claim").rows;
    let deadlines = || rules::deadline_lanes(DeadlineKind::Processing).flat_map(|lane| claim(Some(lane))).count();

    draft.cancel(ids[0], at(6)).expect("it waits");
    assert!(claim(lane(HOOK)).is_empty(), "it is being called off");
    let mut next = start(Journey { version: 2, deadlines: Vec::new(), ..Journey::clone(&first) });
    next.expected_version = Some(1);
    draft.commit(next).expect("the right version");
    assert_eq!(deadlines(), 0, "it is no longer set");

    let held = claim(lane("other")).remove(0).0;
    assert!(draft.cancel(ids[1], at(6)).is_err(), "somebody works on it");
    let attempt = Attempt { n: 1, started_at: at(6), finished_at: at(6), outcome: Outcome::default() };
    let (attempt, notice) = (Box::new(attempt), Some(Duration::from_secs(60)));
    let settlement = Settlement::Attempt { lease: held, attempt, verdict: Verdict::Exhausted, notice };
    draft.settle(settlement.clone()).expect("it was claimed");
    let (attempts, exhausted) = (draft.meta.counts.attempts, draft.meta.counts.exhausted);
    draft.settle(settlement).expect("it is ended already");
    assert_eq!((draft.meta.counts.attempts, draft.meta.counts.exhausted), (attempts, exhausted));
    core.live().release(&[held]);
    assert!(claim(lane("other")).is_empty(), "nor does its holder give it back");
}

#[test]
fn what_is_pending_is_counted_by_segment_to_the_last() {
    let dir = tempfile::tempdir().expect("a directory");
    let core = recover::open(dir.path(), &SledSettings::default()).expect("a fresh store").core;
    let mut known = Known::load(&core.table, Default::default()).expect("there is nothing");
    assert_eq!((known.top, known.needs(), known.oldest_needed(), known.counted()), (0, 0, None, vec![]));
    for (segment, offset) in [(7, 16), (3, 16), (7, 99)] {
        known.need(Place::new(segment, offset));
    }
    assert_eq!((known.needs(), known.oldest_needed()), (3, Some(3)));
    assert_eq!(known.counted(), [(3, Some(1)), (7, Some(2))]);
    assert_eq!(known.counted(), [], "only what has changed");
    known.done_with(Place::new(3, 16)).expect("it was pending");
    assert_eq!(known.needs(), 2);
    known.done_with(Place::new(3, 16)).expect_err("nothing there is");
    known.done_with(Place::new(4, 16)).expect_err("nor was there ever");
    assert_eq!(known.counted(), [(3, None)]);
    assert_eq!(known.oldest_needed(), Some(7));
    known.done_with(Place::new(3, 16)).expect_err("nothing there is");
    known.done_with(Place::new(7, 16)).expect("it was pending");
    assert_eq!(known.counted(), [(7, Some(1))]);
}
