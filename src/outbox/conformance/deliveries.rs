//! Claims, leases, verdicts, resends, lists of deliveries.

use super::*;
use crate::message::{DeliveryState, ResponseSeen};
use crate::outbox::{DeliveryQuery, OutboxError, rules};

pub(super) async fn are_claimed_in_due_order_per_endpoint(outbox: &dyn Outbox) {
    given(outbox, 1, &[(HOOK, 30), ("other", 1)]).await;
    given(outbox, 2, &[(HOOK, 10)]).await;
    given(outbox, 3, &[(HOOK, 20)]).await;
    given(outbox, 4, &[(HOOK, 10)]).await;
    let lane = &outbox.horizon().lanes[0];
    assert_eq!((&*lane.webhook, lane.waiting, lane.in_flight, lane.next_due), (HOOK, 4, 0, Some(at(10))));

    let claimed = outbox.claim_deliveries(HOOK, at(9), 9).await.expect("a claim");
    assert_eq!((claimed.rows.len(), claimed.next_due), (0, Some(at(10))), "not before it is due");
    let claimed = outbox.claim_deliveries(HOOK, at(20), 2).await.expect("a claim");
    let ids: Vec<_> = claimed.rows.iter().map(|row| row.id.0).collect();
    assert_eq!((ids, claimed.next_due), (vec![3, 5], Some(at(20))), "the limit was reached: the rest is due");
    let claimed = outbox.claim_deliveries(HOOK, at(20), 9).await.expect("a claim");
    let ids: Vec<_> = claimed.rows.iter().map(|row| row.id.0).collect();
    assert_eq!((ids, claimed.next_due), (vec![4], Some(at(30))));
    assert_eq!(claimed.rows[0].due_at, at(20));
    assert_eq!(outbox.claim_deliveries("nobody", at(20), 9).await.expect("a claim").next_due, None);
    check_sums(outbox);
}

pub(super) async fn leases_are_exclusive_until_released(outbox: &dyn Outbox) {
    let (_, _, ids) = given(outbox, 1, &[(HOOK, 0)]).await;
    let held = claim(outbox, HOOK, 0).await;
    assert_eq!(held.len(), 1);
    assert!(claim(outbox, HOOK, 100).await.is_empty());
    let (delivery, _) = outbox.delivery(ids[0]).expect("an answer").expect("it is there");
    assert_eq!(delivery.state, DeliveryState::InFlight);
    let lane = &outbox.horizon().lanes[0];
    assert_eq!((lane.waiting, lane.in_flight, lane.next_due), (0, 1, None));
    check_sums(outbox);

    outbox.release(vec![held[0].lease]);
    outbox.release(vec![held[0].lease]);
    check_sums(outbox);
    let again = claim(outbox, HOOK, 0).await;
    assert_eq!(again, held, "no attempt is counted");
}

pub(super) async fn a_retry_moves_the_due_time(outbox: &dyn Outbox) {
    let (_, event, ids) = given(outbox, 1, &[(HOOK, 0)]).await;
    let due = claim(outbox, HOOK, 0).await.remove(0);
    settle(outbox, &due, 1, Verdict::RetryAt(at(300))).await;
    let claimed = outbox.claim_deliveries(HOOK, at(299), 9).await.expect("a claim");
    assert_eq!((claimed.rows.len(), claimed.next_due), (0, Some(at(300))));
    let again = claim(outbox, HOOK, 300).await.remove(0);
    assert_eq!((again.attempts, again.due_at, again.message.event_id), (1, at(300), event));
    assert_eq!(again.message, due.message, "A2");
    // Due at the very same instant again: it is due, and nobody holds it.
    settle(outbox, &again, 300, Verdict::RetryAt(at(300))).await;
    let again = claim(outbox, HOOK, 300).await.remove(0);
    settle(outbox, &again, 301, Verdict::Delivered).await;
    let (delivery, tries) = outbox.delivery(ids[0]).expect("an answer").expect("it is there");
    assert_eq!((delivery.state, delivery.attempts, delivery.due_at), (DeliveryState::Delivered, 3, at(300)));
    assert_eq!(tries, [attempt(1, 1, 500), attempt(2, 300, 500), attempt(3, 301, 200)]);
    assert_eq!((outbox.ledger().attempts, outbox.last_instant()), (3, Some(at(301))));
}

/// A webhook may ask for any `response_body_max`; one answer of 65 MiB left a store that could not be opened again.
pub(super) async fn an_answer_is_kept_up_to_a_bound(outbox: &dyn Outbox) {
    let (_, _, ids) = given(outbox, 1, &[(HOOK, 0)]).await;
    let due = claim(outbox, HOOK, 0).await.remove(0);
    let body = vec![b'x'; rules::MAX_ANSWER + 1];
    let response = Some(ResponseSeen { status: 200, body, ..ResponseSeen::default() });
    let mut attempt = attempt(1, 1, 200);
    attempt.outcome.response = response;
    let attempt = Box::new(attempt);
    let settlement = Settlement::Attempt { lease: due.lease, attempt, verdict: Verdict::Delivered, notice: None };
    outbox.settle(vec![settlement]).await.expect("a settlement");
    let (_, tries) = outbox.delivery(ids[0]).expect("an answer").expect("it is there");
    let kept = tries[0].outcome.response.as_ref().expect("an answer came");
    assert_eq!((kept.body.len(), kept.truncated), (rules::MAX_ANSWER, true));
}

pub(super) async fn terminal_states_stay(outbox: &dyn Outbox) {
    given(outbox, 1, &[(HOOK, 0), ("other", 0)]).await;
    let good = claim(outbox, HOOK, 0).await.remove(0);
    settle(outbox, &good, 1, Verdict::Delivered).await;
    let bad = claim(outbox, "other", 0).await.remove(0);
    settle(outbox, &bad, 1, Verdict::Exhausted).await;
    for (due, state) in [(good, DeliveryState::Delivered), (bad, DeliveryState::Exhausted)] {
        settle(outbox, &due, 2, Verdict::RetryAt(at(3))).await;
        let (delivery, tries) = outbox.delivery(due.id).expect("an answer").expect("it is there");
        assert_eq!((delivery.state, tries.len()), (state, 1), "D4");
    }
    assert!(claim(outbox, HOOK, 9).await.is_empty());
    assert!(claim(outbox, "other", 9).await.is_empty());
    assert_eq!(outbox.horizon().lanes, []);
}

pub(super) async fn a_resend_is_a_delivery_of_its_own(outbox: &dyn Outbox) {
    let (_, event, ids) = given(outbox, 1, &[(HOOK, 0)]).await;
    let refused = outbox.redeliver(ids[0], at(1)).await;
    assert!(matches!(refused, Err(OutboxError::NotPossible(_))), "it is not over: {refused:?}");
    let refused = outbox.redeliver(DeliveryId(99), at(1)).await;
    assert!(matches!(refused, Err(OutboxError::NotPossible(_))), "there is none: {refused:?}");
    let first = claim(outbox, HOOK, 0).await.remove(0);
    settle(outbox, &first, 1, Verdict::Exhausted).await;

    let resent = outbox.redeliver(ids[0], at(5)).await.expect("it is over");
    let (delivery, tries) = outbox.delivery(resent).expect("an answer").expect("it is there");
    assert_eq!((delivery.resend_of, delivery.state, tries.len()), (Some(ids[0]), DeliveryState::Waiting, 0));
    let twice = claim(outbox, HOOK, 5).await.remove(0);
    assert_eq!((twice.id, twice.attempts, twice.due_at), (resent, 0, at(5)));
    assert_eq!(twice.message, first.message, "same id, same bytes");
    settle(outbox, &twice, 6, Verdict::Delivered).await;
    let (old, tries) = outbox.delivery(ids[0]).expect("an answer").expect("it is there");
    assert_eq!((old.state, tries.len()), (DeliveryState::Exhausted, 1), "D4");
    let third = outbox.redeliver(resent, at(7)).await.expect("it is over");
    let record = outbox.event(event).expect("an answer").expect("it is there");
    assert_eq!(record.deliveries, [ids[0], resent, third]);
    check_sums(outbox);
}

pub(super) async fn only_what_waits_can_be_called_off(outbox: &dyn Outbox) {
    let (_, _, ids) = given(outbox, 1, &[(HOOK, 0), ("other", 0)]).await;
    let held = claim(outbox, HOOK, 0).await.remove(0);
    let refused = outbox.cancel(ids[0], at(1)).await;
    assert!(matches!(refused, Err(OutboxError::NotPossible(_))), "in flight: {refused:?}");
    outbox.cancel(ids[1], at(1)).await.expect("it waits");
    for id in [ids[1], DeliveryId(99)] {
        let refused = outbox.cancel(id, at(1)).await;
        assert!(matches!(refused, Err(OutboxError::NotPossible(_))), "{id}: {refused:?}");
    }
    assert!(claim(outbox, "other", 9).await.is_empty());
    settle(outbox, &held, 2, Verdict::Delivered).await;
    let counts = outbox.ledger().deliveries;
    assert_eq!((counts.cancelled, counts.delivered, counts.waiting), (1, 1, 0));
    outbox.redeliver(ids[1], at(3)).await.expect("called off is over");
}

pub(super) async fn a_stale_claim_settles_nothing(outbox: &dyn Outbox) {
    given(outbox, 1, &[(HOOK, 0)]).await;
    let due = claim(outbox, HOOK, 0).await.remove(0);
    outbox.release(vec![due.lease]);
    settle(outbox, &due, 1, Verdict::Delivered).await;
    assert_eq!(outbox.ledger().deliveries.waiting, 1);
    let due = claim(outbox, HOOK, 0).await.remove(0);
    let twice = [200, 500].map(|status| tried(due.lease, attempt(1, 1, status), Verdict::Delivered));
    outbox.settle(twice.to_vec()).await.expect("a settlement");
    assert_eq!((outbox.ledger().deliveries.delivered, outbox.ledger().attempts), (1, 1));
    check_sums(outbox);
}

pub(super) async fn lists_are_filtered_and_paged(outbox: &dyn Outbox) {
    let (first, event, _) = given(outbox, 1, &[(HOOK, 0), ("other", 0)]).await;
    given(outbox, 2, &[(HOOK, 0), ("other", 0)]).await;
    let held = claim(outbox, HOOK, 0).await;
    settle(outbox, &held[0], 1, Verdict::Delivered).await;
    let resent = outbox.redeliver(held[0].id, at(2)).await.expect("it is over");
    given(outbox, 3, &[("third", 0), ("third", 0)]).await;
    let failed = claim(outbox, "third", 0).await;
    settle(outbox, &failed[0], 2, Verdict::Exhausted).await;
    outbox.release(vec![failed[1].lease]);
    outbox.cancel(failed[1].id, at(2)).await.expect("it waits");
    let all = DeliveryQuery::default();
    let check = |query: DeliveryQuery, expected: &[u64]| {
        let page = outbox.deliveries(&query, None, 100).expect("a list");
        let ids: Vec<_> = page.items.iter().map(|delivery| delivery.id.0).collect();
        assert_eq!((&ids[..], page.next), (expected, None), "{query:?}");
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let page = outbox.deliveries(&query, cursor, 1).expect("a list");
            ids.extend(page.items.iter().map(|delivery| delivery.id.0));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(ids, expected, "{query:?} one by one");
    };
    check(all.clone(), &[7, 6, 5, 4, 3, 2, 1]);
    check(DeliveryQuery { webhook: Some(HOOK.into()), ..all.clone() }, &[5, 3, 1]);
    check(DeliveryQuery { state: Some(DeliveryState::InFlight), ..all.clone() }, &[3]);
    check(DeliveryQuery { state: Some(DeliveryState::Waiting), ..all.clone() }, &[5, 4, 2]);
    check(DeliveryQuery { state: Some(DeliveryState::Exhausted), ..all.clone() }, &[6]);
    check(DeliveryQuery { state: Some(DeliveryState::Cancelled), ..all.clone() }, &[7]);
    check(DeliveryQuery { state: Some(DeliveryState::Delivered), ..all.clone() }, &[1]);
    let elsewhere = Some(HOOK.to_owned());
    check(DeliveryQuery { state: Some(DeliveryState::Exhausted), webhook: elsewhere, ..all.clone() }, &[]);
    check(DeliveryQuery { event: Some(event), ..all.clone() }, &[5, 2, 1]);
    check(DeliveryQuery { journey: Some(first.id), ..all.clone() }, &[5, 2, 1]);
    check(DeliveryQuery { journey: Some(first.id), webhook: Some("other".into()), ..all.clone() }, &[2]);
    check(DeliveryQuery { journey: Some(JourneyId::ZERO), ..all }, &[]);
    assert_eq!(resent, DeliveryId(5));
}

pub(super) async fn the_ledger_counts_each_end_once(outbox: &dyn Outbox) {
    let (_, _, ids) = given(outbox, 1, &[(HOOK, 0); 6]).await;
    let due = claim(outbox, HOOK, 0).await;
    settle(outbox, &due[0], 1, Verdict::RetryAt(at(2))).await;
    for due in &due[1..3] {
        settle(outbox, due, 1, Verdict::Delivered).await;
    }
    settle(outbox, &due[3], 1, Verdict::Exhausted).await;
    settle(outbox, &due[3], 1, Verdict::Exhausted).await;
    outbox.release(vec![due[4].lease]);
    outbox.cancel(ids[4], at(1)).await.expect("it waits");
    let again = claim(outbox, HOOK, 2).await;
    settle(outbox, &again[0], 2, Verdict::Delivered).await;
    outbox.redeliver(ids[3], at(3)).await.expect("it is over");
    let ledger = outbox.ledger();
    let d = ledger.deliveries;
    assert_eq!((ledger.journeys, ledger.events, ledger.attempts, d.accepted), (1, 1, 5, 7));
    assert_eq!((d.waiting, d.in_flight, d.delivered, d.exhausted, d.cancelled), (1, 1, 3, 1, 1));
    check_sums(outbox);
}

pub(super) async fn watchers_hear_of_every_change(outbox: &dyn Outbox) {
    let mut changed = outbox.changed();
    changed.mark_unchanged();
    let mut heard = |what: &str| {
        assert!(changed.has_changed().expect("the outbox lives"), "{what}");
        changed.mark_unchanged();
    };
    given(outbox, 1, &[(HOOK, 0), ("other", 0)]).await;
    heard("added");
    let due = claim(outbox, HOOK, 0).await.remove(0);
    heard("claimed");
    outbox.release(vec![due.lease]);
    heard("released");
    let due = claim(outbox, HOOK, 0).await.remove(0);
    settle(outbox, &due, 1, Verdict::Delivered).await;
    heard("settled");
    outbox.redeliver(due.id, at(2)).await.expect("it is over");
    heard("sent again");
    outbox.cancel(DeliveryId(2), at(2)).await.expect("it waits");
    heard("called off");
    assert!(claim(outbox, "other", 9).await.is_empty());
    assert!(!changed.has_changed().expect("the outbox lives"), "an empty claim is no news");
}
