//! What is over is kept for the retention, and then forgotten: the outbox in memory. (Of that on disk, `sled/archive`
//! tells.)

use super::*;
use crate::message::DeliveryState;
use crate::outbox::{DeliveryQuery, DueMail, MemoryOutbox, OutboxError};

const RETENTION: Duration = Duration::from_secs(100);

fn keeping() -> MemoryOutbox {
    MemoryOutbox::keeping(RETENTION)
}

async fn expire(outbox: &dyn Outbox, s: i64) {
    outbox.expire(at(s)).await.expect("nothing can fail in memory");
    check_sums(outbox);
}

/// Claims the delivery that is due to `webhook` at 0, and settles it at second `s`.
async fn end(outbox: &dyn Outbox, webhook: &str, s: i64, verdict: Verdict) -> DeliveryId {
    let due = claim(outbox, webhook, 0).await.remove(0);
    settle(outbox, &due, s, verdict).await;
    due.id
}

fn knows(outbox: &dyn Outbox, event: EventId, deliveries: &[DeliveryId]) -> bool {
    let event = outbox.event(event).expect("an answer").is_some();
    for id in deliveries {
        assert_eq!(outbox.delivery(*id).expect("an answer").is_some(), event, "they go together");
    }
    event
}

#[tokio::test]
async fn an_event_goes_when_its_last_delivery_has_been_over_for_long_enough_and_the_ledger_counts_it_on() {
    let outbox = keeping();
    let (journey, event, ids) = given(&outbox, 1, &[(HOOK, 0), ("other", 0)]).await;
    end(&outbox, HOOK, 10, Verdict::Delivered).await;
    expire(&outbox, 1_000).await;
    assert!(knows(&outbox, event, &ids), "one of the two is owed");
    end(&outbox, "other", 1_000, Verdict::Exhausted).await;
    let before = outbox.ledger();
    expire(&outbox, 1_099).await;
    assert!(knows(&outbox, event, &ids));
    expire(&outbox, 1_100).await;
    assert!(!knows(&outbox, event, &ids));
    assert_eq!(outbox.ledger(), before);
    assert_eq!((before.events, before.deliveries.accepted, before.attempts), (1, 2, 2));
    let listed = outbox.events(Some(journey.id), None, 10).expect("a page");
    assert_eq!((listed.items, listed.next), (Vec::new(), None));
    assert_eq!(outbox.deliveries(&DeliveryQuery::default(), None, 10).expect("a page").items, Vec::new());
    assert_eq!(*outbox.journey(journey.id).expect("an answer").expect("it stays"), journey);
    assert!(matches!(outbox.redeliver(ids[0], at(1_101)).await, Err(OutboxError::NotPossible(_))));
    assert!(matches!(outbox.cancel(ids[0], at(1_101)).await, Err(OutboxError::NotPossible(_))));
}

#[tokio::test]
async fn a_write_forgets_what_time_has_made_over() {
    let outbox = keeping();
    let (_, old, ids) = given(&outbox, 1, &[(HOOK, 0)]).await;
    end(&outbox, HOOK, 10, Verdict::Delivered).await;
    let mut commit = start(journey(2));
    commit.now = at(110);
    let new = emit(&mut commit, &[(HOOK, 0)]);
    outbox.commit(commit).await.expect("a fresh journey");
    assert!(!knows(&outbox, old, &ids));
    assert!(knows(&outbox, new, &[DeliveryId(2)]), "numbers go on");
}

#[tokio::test]
async fn what_is_sent_again_is_kept_until_that_is_over_too() {
    let outbox = keeping();
    let (_, event, mut ids) = given(&outbox, 1, &[(HOOK, 0)]).await;
    end(&outbox, HOOK, 0, Verdict::Delivered).await;
    ids.push(outbox.redeliver(ids[0], at(90)).await.expect("it is known"));
    expire(&outbox, 150).await;
    assert!(knows(&outbox, event, &ids), "the second is owed");
    outbox.cancel(ids[1], at(160)).await.expect("it waits");
    // Once more, and over before the time after the second is up.
    ids.push(outbox.redeliver(ids[1], at(170)).await.expect("it is known"));
    let due = claim(&outbox, HOOK, 170).await.remove(0);
    settle(&outbox, &due, 180, Verdict::Delivered).await;
    expire(&outbox, 279).await;
    assert!(knows(&outbox, event, &ids));
    expire(&outbox, 280).await;
    assert!(!knows(&outbox, event, &ids));
    assert_eq!(outbox.ledger().deliveries.accepted, 3);
}

#[tokio::test]
async fn without_a_retention_only_what_is_owed_is_kept_and_who_is_to_be_told_of_a_failure_still_is() {
    let outbox = MemoryOutbox::keeping(Duration::ZERO);
    let (_, event, ids) = given(&outbox, 1, &[(HOOK, 0)]).await;
    assert!(knows(&outbox, event, &ids));
    end(&outbox, HOOK, 10, Verdict::RetryAt(at(0))).await;
    assert!(knows(&outbox, event, &ids));
    let failed = end(&outbox, HOOK, 20, Verdict::Exhausted).await;
    assert!(!knows(&outbox, event, &ids));
    let mails = outbox.claim_mail(at(1_000), 10).await.expect("a claim").rows;
    let [DueMail::Digest { entries, .. }] = mails.as_slice() else { panic!("one digest: {mails:?}") };
    assert_eq!((entries[0].delivery, entries[0].attempts), (failed, 2));
    // One that was called off, and one that nobody is told of.
    let (_, event, ids) = given(&outbox, 2, &[(HOOK, 0)]).await;
    outbox.cancel(ids[0], at(30)).await.expect("it waits");
    assert!(!knows(&outbox, event, &ids));
    let (_, event, _) = given(&outbox, 3, &[]).await;
    assert!(!knows(&outbox, event, &[]));
    let ledger = outbox.ledger();
    assert_eq!((ledger.events, ledger.deliveries.cancelled, ledger.deliveries.exhausted), (3, 1, 1));
}

#[tokio::test]
async fn the_next_of_a_journey_goes_when_the_one_before_it_is_forgotten() {
    let outbox = MemoryOutbox::keeping(Duration::ZERO);
    let mut commit = start(journey(1));
    emit(&mut commit, &[("ordered", 0)]);
    emit(&mut commit, &[("ordered", 0)]);
    outbox.commit(commit).await.expect("a fresh journey");
    for number in [1, 2] {
        let due = claim(&outbox, "ordered", 0).await;
        assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [DeliveryId(number)]);
        settle(&outbox, &due[0], 10, Verdict::Delivered).await;
    }
    let query = DeliveryQuery { state: Some(DeliveryState::Delivered), ..DeliveryQuery::default() };
    assert_eq!(outbox.deliveries(&query, None, 10).expect("a page").items, Vec::new());
    assert_eq!(outbox.ledger().deliveries.delivered, 2);
}

#[tokio::test]
async fn many_are_forgotten_at_once_and_none_of_those_that_are_owed() {
    let outbox = keeping();
    let mut commit = start(journey(1));
    let events: Vec<_> = (0..1_000).map(|_| emit(&mut commit, &[(HOOK, 0)])).collect();
    outbox.commit(commit).await.expect("a fresh journey");
    let due = outbox.claim_deliveries(HOOK, at(0), 1_000).await.expect("a claim").rows;
    let (kept, over): (Vec<_>, Vec<_>) = due.iter().partition(|due| due.id.0 % 250 == 0);
    let all = over.iter().map(|due| tried(due.lease, attempt(1, 1, 200), Verdict::Delivered));
    outbox.settle(all.collect()).await.expect("a settlement");
    expire(&outbox, 101).await;
    for (event, number) in events.iter().zip(1..) {
        assert_eq!(knows(&outbox, *event, &[DeliveryId(number)]), number % 250 == 0, "{number}");
    }
    assert_eq!(kept.len(), 4);
    assert_eq!(outbox.events(None, None, 10).expect("a page").items.len(), 4);
    assert_eq!(outbox.ledger().deliveries.delivered, 996);
}

#[tokio::test]
async fn who_is_let_go_goes_with_the_last_of_what_is_owed_and_the_ledger_counts_it_on() {
    let outbox = MemoryOutbox::keeping(Duration::ZERO);
    let known = |journey: &Journey| outbox.journey(journey.id).expect("an answer").is_some();
    let (first, ..) = given(&outbox, 1, &[(HOOK, 0)]).await;
    end(&outbox, HOOK, 10, Verdict::Delivered).await;
    assert!(known(&first), "it is asked for");
    outbox.let_go(first.id);
    assert!(!known(&first));
    let (second, ..) = given(&outbox, 2, &[(HOOK, 0)]).await;
    outbox.let_go(second.id);
    assert!(known(&second), "a delivery is owed");
    end(&outbox, HOOK, 10, Verdict::Delivered).await;
    assert!(!known(&second));
    assert_eq!(outbox.ledger().journeys, 2);
    assert_eq!(outbox.next_journey_number(), 3);
    // Nothing is known of it, so it cannot be gone on with.
    assert_eq!(outbox.commit(next(&second)).await.expect_err("nobody's"), OutboxError::Conflict);
}

#[tokio::test]
async fn who_is_let_go_stays_where_a_deadline_waits_a_mail_will_name_it_or_there_is_a_retention() {
    let outbox = MemoryOutbox::keeping(Duration::ZERO);
    let mut due = journey(1);
    due.deadlines.push(Deadline { kind: DeadlineKind::RenewalDue, due: at(500) });
    outbox.commit(start(due.clone())).await.expect("a fresh journey");
    let (named, ..) = given(&outbox, 2, &[(HOOK, 0)]).await;
    end(&outbox, HOOK, 10, Verdict::Exhausted).await;
    let kept = keeping();
    let (old, ..) = given(&kept, 1, &[(HOOK, 0)]).await;
    end(&kept, HOOK, 10, Verdict::Delivered).await;
    for (outbox, journey) in [(&outbox, &due), (&outbox, &named), (&kept, &old)] {
        outbox.let_go(journey.id);
        expire(outbox, 1_000).await;
        assert!(outbox.journey(journey.id).expect("an answer").is_some(), "{}", journey.number);
    }
}
