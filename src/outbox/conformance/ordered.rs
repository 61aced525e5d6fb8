//! Lanes that keep a journey's order.

use super::*;

/// Three events of one journey and one of another, at an endpoint that keeps the order.
async fn three(outbox: &dyn Outbox) -> Vec<DeliveryId> {
    let mut commit = start(journey(1));
    // The later ones are due earlier, and yet must wait.
    for due in [30, 20, 10] {
        emit(&mut commit, &[("ordered", due)]);
    }
    let ids = outbox.commit(commit).await.expect("a fresh journey").deliveries;
    given(outbox, 2, &[("ordered", 5)]).await;
    ids
}

async fn claimed(outbox: &dyn Outbox, s: i64) -> Vec<u64> {
    claim(outbox, "ordered", s).await.iter().map(|row| row.id.0).collect()
}

pub(super) async fn a_later_event_waits_for_the_earlier(outbox: &dyn Outbox) {
    let ids = three(outbox).await;
    let lane = &outbox.horizon().lanes[0];
    assert_eq!((lane.waiting, lane.next_due), (4, Some(at(5))));
    assert_eq!(claimed(outbox, 29).await, [4], "another journey is not held up");
    let first = claim(outbox, "ordered", 30).await.remove(0);
    assert_eq!(first.id, ids[0]);
    let lane = &outbox.horizon().lanes[0];
    assert_eq!((lane.waiting, lane.in_flight, lane.next_due), (2, 2, None), "parked ones are not due");
    check_sums(outbox);

    settle(outbox, &first, 31, Verdict::RetryAt(at(40))).await;
    assert!(claimed(outbox, 39).await.is_empty(), "J3: not terminal yet");
    let first = claim(outbox, "ordered", 40).await.remove(0);
    settle(outbox, &first, 41, Verdict::Exhausted).await;
    let second = claim(outbox, "ordered", 41).await;
    assert_eq!(second.iter().map(|row| (row.id, row.due_at)).collect::<Vec<_>>(), [(ids[1], at(20))]);
    settle(outbox, &second[0], 42, Verdict::Delivered).await;
    let third = claim(outbox, "ordered", 42).await;
    assert_eq!(third[0].id, ids[2]);
    settle(outbox, &third[0], 43, Verdict::Delivered).await;

    let stored = outbox.journey(journey(1).id).expect("an answer").expect("it is there");
    let mut commit = next(&stored);
    emit(&mut commit, &[("ordered", 44)]);
    outbox.commit(commit).await.expect("the right version");
    assert_eq!(claimed(outbox, 44).await, [5], "nothing is before it any more");
}

pub(super) async fn calling_off_lets_the_next_go(outbox: &dyn Outbox) {
    let ids = three(outbox).await;
    outbox.cancel(ids[1], at(1)).await.expect("a parked one waits");
    check_sums(outbox);
    assert_eq!(claimed(outbox, 29).await, [4]);
    outbox.cancel(ids[0], at(2)).await.expect("it waits");
    assert_eq!(claimed(outbox, 29).await, [ids[2].0]);
    check_sums(outbox);
}

pub(super) async fn each_endpoint_keeps_the_order_by_itself(outbox: &dyn Outbox) {
    let hooks = ["ordered", "ordered too", "ordered as well"];
    let mut commit = start(journey(1));
    for _ in 0..3 {
        emit(&mut commit, &hooks.map(|hook| (hook, 0)));
    }
    outbox.commit(commit).await.expect("a fresh journey");
    // One is a step ahead of the next, who is one ahead of the last.
    for steps in 1..=3 {
        for hook in &hooks[..steps] {
            let due = claim(outbox, hook, 9).await;
            assert_eq!(due.len(), 1, "{hook} in round {steps}");
            settle(outbox, &due[0], 9, Verdict::Delivered).await;
        }
    }
    let left = |outbox: &dyn Outbox| outbox.horizon().lanes.iter().map(|lane| lane.waiting).collect::<Vec<_>>();
    assert_eq!(left(outbox), [2, 1], "the first has had all");
    let stored = outbox.journey(journey(1).id).expect("an answer").expect("it is there");
    let mut commit = next(&stored);
    emit(&mut commit, &hooks.map(|hook| (hook, 0)));
    outbox.commit(commit).await.expect("the right version");
    let mut due = Vec::new();
    for hook in hooks {
        due.extend(claim(outbox, hook, 9).await.iter().map(|due| due.message.sequence));
    }
    assert_eq!(due, [4, 3, 2]);
    check_sums(outbox);
}

pub(super) async fn those_that_wait_are_counted_as_they_come_and_go(outbox: &dyn Outbox) {
    let mut commit = start(journey(1));
    for _ in 0..5 {
        emit(&mut commit, &[("ordered", 0)]);
    }
    let ids = outbox.commit(commit).await.expect("a fresh journey").deliveries;
    outbox.cancel(ids[2], at(1)).await.expect("it waits");
    outbox.cancel(ids[4], at(1)).await.expect("it waits");
    for id in [ids[0], ids[1], ids[3]] {
        let due = claim(outbox, "ordered", 9).await;
        assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [id]);
        settle(outbox, &due[0], 9, Verdict::Delivered).await;
    }
    assert!(outbox.horizon().lanes.is_empty());
    let stored = outbox.journey(journey(1).id).expect("an answer").expect("it is there");
    let mut commit = next(&stored);
    emit(&mut commit, &[("ordered", 0)]);
    emit(&mut commit, &[("ordered", 0)]);
    outbox.commit(commit).await.expect("the right version");
    let due = claim(outbox, "ordered", 9).await;
    assert_eq!(due.iter().map(|due| due.message.sequence).collect::<Vec<_>>(), [6], "and all over again");
    check_sums(outbox);
}
