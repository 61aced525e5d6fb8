//! Journeys, keys, deadlines, lists.

use super::*;
use crate::outbox::{JourneyQuery, OutboxError};

pub(super) async fn a_commit_is_checked_against_the_version(outbox: &dyn Outbox) {
    let (first, event, _) = given(outbox, 1, &[(HOOK, 5)]).await;
    assert_eq!(outbox.journey(first.id), Ok(Some(Arc::new(first.clone()))));
    let before = outbox.ledger();

    let again = start(journey(1));
    assert_eq!(outbox.commit(again).await, Err(OutboxError::Conflict), "exists already");
    let mut stale = next(&first);
    stale.expected_version = Some(7);
    emit(&mut stale, &[(HOOK, 9)]);
    assert_eq!(outbox.commit(stale).await, Err(OutboxError::Conflict), "changed in between");
    let mut unknown = next(&journey(2));
    emit(&mut unknown, &[(HOOK, 9)]);
    assert_eq!(outbox.commit(unknown).await, Err(OutboxError::Conflict), "never started");
    let mut taken = start(journey(2));
    Arc::make_mut(&mut taken.journey).number = 1;
    assert_eq!(outbox.commit(taken).await, Err(OutboxError::Conflict), "the number is another's");
    assert_eq!(outbox.ledger(), before, "nothing was written");

    let mut second = next(&first);
    let later = emit(&mut second, &[(HOOK, 6), ("other", 7)]);
    let then = second.journey.clone();
    let committed = outbox.commit(second).await.expect("the right version");
    assert_eq!(committed.deliveries, [DeliveryId(2), DeliveryId(3)]);
    assert_eq!(outbox.journey(first.id), Ok(Some(then)));
    let events = outbox.events(Some(first.id), None, 9).expect("a list").items;
    assert_eq!(events.iter().map(|event| event.message.event_id).collect::<Vec<_>>(), [event, later], "oldest first");
    assert_eq!(events[1].deliveries, committed.deliveries);
}

pub(super) async fn a_key_repeats_its_answer_or_refuses_another_request(outbox: &dyn Outbox) {
    let mut commit = start(journey(1));
    commit.key = Some(key("k", 1));
    emit(&mut commit, &[(HOOK, 0)]);
    outbox.commit(commit.clone()).await.expect("the first");
    let before = outbox.ledger();
    let answer = Bytes::from("answer of k");
    assert_eq!(outbox.commit(commit.clone()).await, Err(OutboxError::Repeated { answer }));
    commit.key = Some(key("k", 2));
    assert_eq!(outbox.commit(commit.clone()).await, Err(OutboxError::KeyReused { key: "k".into() }));
    assert_eq!(outbox.ledger(), before);
    assert_eq!(outbox.key("k"), Ok(Some(key("k", 1))));
    assert_eq!(outbox.key("l"), Ok(None));

    commit.key = Some(key("l", 2));
    assert_eq!(outbox.commit(commit).await, Err(OutboxError::Conflict));
    assert_eq!(outbox.key("l"), Ok(None), "a refused commit leaves no key");
}

pub(super) async fn deadlines_follow_the_stored_journey(outbox: &dyn Outbox) {
    let mut first = journey(1);
    first.deadlines = vec![deadline(DeadlineKind::Processing, 10), deadline(DeadlineKind::RenewalDue, 50)];
    outbox.commit(start(first.clone())).await.expect("a fresh journey");
    let mut other = journey(17);
    other.deadlines = vec![deadline(DeadlineKind::Processing, 5)];
    outbox.commit(start(other.clone())).await.expect("a fresh journey");
    let horizon = outbox.horizon();
    assert_eq!(horizon.deadlines, [(DeadlineKind::Processing, at(5)), (DeadlineKind::RenewalDue, at(50))]);

    let mut second = next(&first);
    Arc::make_mut(&mut second.journey).deadlines =
        vec![deadline(DeadlineKind::Processing, 4), deadline(DeadlineKind::RenewalDue, 50)];
    outbox.commit(second).await.expect("the right version");
    let claimed = outbox.claim_deadlines(&DeadlineKind::ALL, at(10), 9).await.expect("a claim");
    let whose: Vec<_> = claimed.rows.iter().map(|row| (row.deadline.journey, row.due_at)).collect();
    assert_eq!(whose, [(first.id, at(4)), (other.id, at(5))], "the one at 10 is gone");
    assert_eq!(claimed.next_due, Some(at(50)));
    assert_eq!(outbox.horizon().deadlines_in_flight, 2);

    outbox.settle(vec![Settlement::Deadline { lease: claimed.rows[0].lease }]).await.expect("a settlement");
    outbox.release(vec![claimed.rows[1].lease]);
    let claimed = outbox.claim_deadlines(&DeadlineKind::ALL, at(10), 9).await.expect("a claim");
    assert_eq!(claimed.rows.len(), 1, "the settled one is gone, the released one is due again");
    assert_eq!(claimed.rows[0].deadline.journey, other.id);
}

pub(super) async fn a_fired_deadline_goes_with_its_commit(outbox: &dyn Outbox) {
    let mut first = journey(1);
    first.deadlines = vec![deadline(DeadlineKind::Processing, 10)];
    outbox.commit(start(first.clone())).await.expect("a fresh journey");
    let fired = outbox.claim_deadlines(&DeadlineKind::ALL, at(10), 9).await.expect("a claim").rows[0];
    assert_eq!(fired.deadline.kind, DeadlineKind::Processing);

    let mut stale = next(&first);
    stale.expected_version = Some(9);
    stale.fired = Some(fired.lease);
    assert_eq!(outbox.commit(stale).await, Err(OutboxError::Conflict));
    assert_eq!(outbox.horizon().deadlines_in_flight, 1, "a refused commit ends no claim");

    let mut commit = next(&first);
    Arc::make_mut(&mut commit.journey).deadlines = vec![deadline(DeadlineKind::RenewalDue, 90)];
    commit.fired = Some(fired.lease);
    commit.now = at(10);
    outbox.commit(commit).await.expect("the right version");
    let horizon = outbox.horizon();
    assert_eq!((horizon.deadlines, horizon.deadlines_in_flight), (vec![(DeadlineKind::RenewalDue, at(90))], 0));
    outbox.release(vec![fired.lease]);
    let claimed = outbox.claim_deadlines(&DeadlineKind::ALL, at(80), 9).await.expect("a claim");
    assert_eq!((claimed.rows.len(), claimed.next_due), (0, Some(at(90))), "it fires once");
    assert_eq!(outbox.last_instant(), Some(at(10)));
}

pub(super) async fn a_deadline_that_fired_may_be_set_again_for_the_same_instant(outbox: &dyn Outbox) {
    let mut first = journey(1);
    first.deadlines = vec![deadline(DeadlineKind::Processing, 10)];
    outbox.commit(start(first.clone())).await.expect("a fresh journey");
    let fired = outbox.claim_deadlines(&DeadlineKind::ALL, at(10), 9).await.expect("a claim").rows[0].lease;
    let mut commit = next(&first);
    commit.fired = Some(fired);
    outbox.commit(commit).await.expect("the right version");
    assert_eq!(outbox.horizon().deadlines_in_flight, 0);
    let again = outbox.claim_deadlines(&DeadlineKind::ALL, at(10), 9).await.expect("a claim").rows;
    assert_eq!(again.iter().map(|row| row.lease).collect::<Vec<_>>(), [fired]);

    // A commit that fires nothing leaves those alone that it keeps, also while somebody has them.
    let mut kept = Commit { expected_version: Some(2), ..next(&first) };
    Arc::make_mut(&mut kept.journey).version = 3;
    outbox.commit(kept).await.expect("the next");
    assert_eq!(outbox.horizon().deadlines_in_flight, 1);
    let claimed = outbox.claim_deadlines(&DeadlineKind::ALL, at(10), 9).await.expect("a claim");
    assert_eq!((claimed.rows.len(), claimed.next_due), (0, None), "nobody else gets it meanwhile");
}

pub(super) async fn a_deadline_that_was_settled_does_not_come_back(outbox: &dyn Outbox) {
    let mut first = journey(1);
    first.deadlines = vec![deadline(DeadlineKind::Processing, 10)];
    outbox.commit(start(first.clone())).await.expect("a fresh journey");
    let lease = outbox.claim_deadlines(&DeadlineKind::ALL, at(10), 9).await.expect("a claim").rows[0].lease;
    outbox.settle(vec![Settlement::Deadline { lease }]).await.expect("a settlement");
    // The journey still has it: nobody took it away.
    outbox.commit(next(&first)).await.expect("the right version");
    assert_eq!(outbox.horizon().deadlines, []);
    let claimed = outbox.claim_deadlines(&DeadlineKind::ALL, at(99), 9).await.expect("a claim");
    assert_eq!((claimed.rows.len(), claimed.next_due), (0, None));
}

pub(super) async fn deadlines_of_one_kind_at_one_instant_are_one(outbox: &dyn Outbox) {
    let mut first = journey(1);
    first.deadlines = vec![deadline(DeadlineKind::Processing, 10); 2];
    first.deadlines.push(deadline(DeadlineKind::Processing, 11));
    outbox.commit(start(first.clone())).await.expect("a fresh journey");
    let claimed = outbox.claim_deadlines(&DeadlineKind::ALL, at(10), 9).await.expect("a claim");
    assert_eq!((claimed.rows.len(), claimed.next_due), (1, Some(at(11))));
    outbox.release(vec![claimed.rows[0].lease]);
    let mut commit = next(&first);
    Arc::make_mut(&mut commit.journey).deadlines.clear();
    outbox.commit(commit).await.expect("the right version");
    assert_eq!(outbox.horizon().deadlines, []);
    let claimed = outbox.claim_deadlines(&DeadlineKind::ALL, at(99), 9).await.expect("a claim");
    assert_eq!((claimed.rows.len(), claimed.next_due), (0, None), "neither is left");
}

pub(super) async fn numbers_are_never_given_twice(outbox: &dyn Outbox) {
    assert_eq!(outbox.next_journey_number(), 1);
    assert_eq!(outbox.next_journey_number(), 2);
    given(outbox, 9, &[]).await;
    assert!(outbox.next_journey_number() > 9, "one that was used is not given either");
}

pub(super) async fn references_find_the_newest(outbox: &dyn Outbox) {
    for (number, reference, environment) in [
        (1, "A", Environment::Sandbox),
        (2, "A", Environment::Sandbox),
        (3, "A", Environment::Live),
        (4, "AB", Environment::Sandbox),
    ] {
        let journey = Journey { reference_no: reference.into(), environment, ..journey(number) };
        outbox.commit(start(journey)).await.expect("a fresh journey");
    }
    let found = |reference, environment| {
        let journey = outbox.journey_by_reference(reference, environment).expect("an answer");
        journey.map(|journey| journey.number)
    };
    assert_eq!(found("A", Some(Environment::Sandbox)), Some(2));
    assert_eq!(found("A", Some(Environment::Live)), Some(3));
    assert_eq!(found("A", None), Some(3));
    assert_eq!(found("AB", None), Some(4));
    assert_eq!(found("AB", Some(Environment::Live)), None);
    assert_eq!(found("", None), None);
    let query = JourneyQuery { state: None, reference_no: Some("A".into()) };
    let page = outbox.journeys(&query, None, 2).expect("a list");
    assert_eq!(page.items.iter().map(|journey| journey.number).collect::<Vec<_>>(), [3, 2]);
    let page = outbox.journeys(&query, page.next, 2).expect("a list");
    assert_eq!(page.items.iter().map(|journey| journey.number).collect::<Vec<_>>(), [1]);
    assert_eq!(page.next, None);
}

pub(super) async fn journeys_are_listed_by_their_state(outbox: &dyn Outbox) {
    for number in 1..=4 {
        let mut journey = journey(number);
        if let (0, State::Idwise(state)) = (number % 2, &mut journey.state) {
            state.phase = idwise::Phase::Deleted;
        }
        outbox.commit(start(journey)).await.expect("a fresh journey");
    }
    let word = |number: u64| {
        let stored = outbox.journey(journey(number).id).expect("an answer").expect("it is there");
        crate::provider::view(&stored).state.to_string()
    };
    assert_ne!(word(1), word(2));
    let listed = |state: Option<String>, cursor| {
        let page = outbox.journeys(&JourneyQuery { state, reference_no: None }, cursor, 9).expect("a list");
        page.items.iter().map(|journey| journey.number).collect::<Vec<_>>()
    };
    assert_eq!(listed(Some(word(1)), None), [3, 1]);
    assert_eq!(listed(Some(word(2)), None), [4, 2]);
    assert_eq!(listed(Some(word(2)), Some(3)), [2]);
    assert_eq!(listed(None, None), [4, 3, 2, 1]);
    assert!(listed(Some("Nowhere".into()), None).is_empty());
}

pub(super) async fn lists_page_from_end_to_end(outbox: &dyn Outbox) {
    for number in 1..=7 {
        given(outbox, number, &[(HOOK, 0)]).await;
    }
    for limit in [1, 2, 3, 7, 8] {
        let (mut journeys, mut events, mut deliveries) = (Vec::new(), Vec::new(), Vec::new());
        let mut cursor = None;
        loop {
            let page = outbox.journeys(&JourneyQuery::default(), cursor, limit).expect("a list");
            assert!(page.items.len() <= limit);
            journeys.extend(page.items.iter().map(|journey| journey.number));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        loop {
            let page = outbox.events(None, cursor, limit).expect("a list");
            events.extend(page.items.iter().map(|event| event.deliveries[0].0));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        loop {
            let page = outbox.deliveries(&Default::default(), cursor, limit).expect("a list");
            deliveries.extend(page.items.iter().map(|delivery| delivery.id.0));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let all = [7, 6, 5, 4, 3, 2, 1];
        assert_eq!((&journeys[..], &events[..], &deliveries[..]), (&all[..], &all[..], &all[..]), "by {limit}");
    }
    let nowhere = outbox.events(Some(JourneyId::ZERO), None, 5).expect("a list");
    assert_eq!((nowhere.items, nowhere.next), (Vec::new(), None));
}

pub(super) async fn large_values_are_refused_whole(outbox: &dyn Outbox) {
    let mut commit = start(journey(1));
    emit(&mut commit, &[(HOOK, 0)]);
    commit.messages[0].message.body = Bytes::from(vec![b'x'; 48 * 1024 + 1]);
    let refused = outbox.commit(commit.clone()).await;
    assert!(matches!(refused, Err(OutboxError::TooLarge { size: 49_153, max: 49_152, .. })), "{refused:?}");
    assert_eq!(outbox.ledger(), Default::default());
    assert_eq!(outbox.journey(commit.journey.id), Ok(None));
    commit.messages[0].message.body = Bytes::from(vec![b'x'; 48 * 1024]);
    outbox.commit(commit.clone()).await.expect("the largest that is taken");
    assert_eq!(claim(outbox, HOOK, 0).await[0].message, commit.messages[0].message);
}

pub(super) async fn notes_are_kept_with_a_commit_or_alone(outbox: &dyn Outbox) {
    let note = |name: &str, value: Option<&'static str>| Note { name: name.into(), value: value.map(Bytes::from) };
    let said = |outbox: &dyn Outbox| {
        let notes = outbox.notes("job/").expect("the notes");
        notes.into_iter().map(|(name, value)| format!("{name}={}", value.escape_ascii())).collect::<Vec<_>>()
    };
    let first = Commit { note: Some(note("job/a", Some("1"))), ..start(journey(1)) };
    let again = first.clone();
    outbox.commit(first).await.expect("a fresh journey");
    outbox.keep_note(note("job/b", Some("2"))).await.expect("a note");
    outbox.keep_note(note("jobs", Some("3"))).await.expect("a note");
    assert_eq!(said(outbox), ["job/a=1", "job/b=2"]);

    outbox.keep_note(note("job/a", Some("4"))).await.expect("a note");
    outbox.commit(again).await.expect_err("it is there already");
    assert_eq!(said(outbox), ["job/a=4", "job/b=2"], "a refused commit keeps no note");

    outbox.keep_note(note("job/b", None)).await.expect("none");
    let large = Note { name: "job/a".into(), value: Some(vec![0; 60_000].into()) };
    outbox.keep_note(large).await.expect_err("too large");
    assert_eq!(said(outbox), ["job/a=4"]);
}
