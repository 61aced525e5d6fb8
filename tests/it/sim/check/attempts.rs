//! A1 to A9: each delivery's attempts, as the lists have them and as they were seen at the other end.

use std::collections::BTreeMap;
use std::time::Duration;

use understudy::ids::EventId;
use understudy::message::{Attempt, Delivery, DeliveryState, Endpoint};

use super::Lists;
use crate::sim::network::good;
use crate::sim::plan::Plan;
use crate::sim::witness::Seen;

/// A delivery and its attempts.
type Tried = (Delivery, Vec<Attempt>);

pub(super) fn check(seen: &mut Seen, plan: &Plan, lists: &Lists) {
    let mut by_pair: BTreeMap<(String, EventId), Vec<&Tried>> = BTreeMap::new();
    for entry in &lists.deliveries {
        one(seen, plan.endpoint(&entry.0.webhook), lists, entry);
        by_pair.entry((entry.0.webhook.clone(), entry.0.event_id)).or_default().push(entry);
    }
    let ends = seen.lives.len() as u64 - 1;
    let mut extra: BTreeMap<String, u64> = BTreeMap::new();
    for (pair, deliveries) in &by_pair {
        let kept: usize = deliveries.iter().map(|(_, attempts)| attempts.len()).sum();
        let places = seen.tried.get(pair).cloned().unwrap_or_default();
        let repeated = places.len().checked_sub(kept).map(|n| n as u64);
        let Some(repeated) = repeated.filter(|n| *n <= ends * deliveries.len() as u64) else {
            let text =
                format!("{pair:?} was sent {} times in {} lives, and {kept} attempts are kept", places.len(), ends + 1);
            seen.wrong("A7", text);
            continue;
        };
        *extra.entry(pair.0.clone()).or_default() += repeated;
        let successes = places.iter().filter(|place| seen.tries[**place].answer.is_some_and(|(_, good)| good)).count();
        let delivered = deliveries.iter().filter(|(d, _)| d.state == DeliveryState::Delivered).count();
        if delivered > successes {
            seen.wrong("A5", format!("{pair:?} is delivered {delivered} times, and {successes} answers said so"));
        }
        if deliveries.len() == 1 && !seen.resends.contains_key(pair) {
            in_one_life(seen, plan.endpoint(&pair.0), &places);
        }
        let lives: Vec<usize> = places.iter().map(|place| seen.tries[*place].life).collect();
        seen.corners.delivery_retried += u64::from(kept > deliveries.len());
        seen.corners.retried_over_a_restart += u64::from(repeated == 0 && lives.windows(2).any(|two| two[0] != two[1]));
    }
    for (webhook, repeated) in extra {
        let most = ends * plan.endpoint(&webhook).max_in_flight as u64;
        if repeated > most {
            seen.wrong(
                "A7",
                format!("{repeated} sends to {webhook} were repeated, over {ends} ends of at most {most} requests"),
            );
        }
    }
}

/// A delivery by itself.
fn one(seen: &mut Seen, endpoint: &Endpoint, lists: &Lists, (delivery, attempts): &Tried) {
    let (id, policy) = (delivery.id, &endpoint.retry);
    let success = |attempt: &Attempt| attempt.outcome.status.is_some_and(|status| good(endpoint, status));
    if attempts.len() as u32 != delivery.attempts {
        seen.wrong("A6", format!("{id} counts {} attempts and has {}", delivery.attempts, attempts.len()));
    }
    let before = &attempts[..attempts.len().saturating_sub(1)];
    if before.iter().any(success) {
        seen.wrong("A8", format!("{id} went on after a success"));
    }
    let last = attempts.last().is_some_and(success);
    match delivery.state {
        DeliveryState::Delivered if !last => seen.wrong("A5", format!("{id} is delivered without a success")),
        DeliveryState::Exhausted if last || attempts.len() != policy.gaps.len() + 1 => {
            seen.wrong(
                "A6",
                format!("{id} is exhausted after {} attempts of {}", attempts.len(), policy.gaps.len() + 1),
            );
        }
        DeliveryState::Cancelled if last => seen.wrong("A5", format!("{id} is cancelled, and had a success")),
        _ => {}
    }
    seen.corners.delivery_exhausted += u64::from(delivery.state == DeliveryState::Exhausted);
    let created = lists.events.get(&delivery.event_id).map(|event| event.created_at);
    if let (Some(first), Some(created)) = (attempts.first(), created)
        && first.started_at < created
    {
        seen.wrong("A3", format!("{id} started at {}, before its event at {created}", first.started_at));
    }
    for (n, two) in attempts.windows(2).enumerate() {
        if (two[0].n as usize, two[1].n as usize) != (n + 1, n + 2) {
            seen.wrong("A7", format!("{id} has attempts {} and {} in a row", two[0].n, two[1].n));
        }
        let least = policy.gaps.get(n).copied().unwrap_or_default().mul_f64(1.0 - policy.jitter);
        let gap = two[1].started_at - two[0].finished_at;
        if gap + Duration::from_micros(1) < least {
            seen.wrong("A3", format!("{id}: {gap:?} after attempt {} of a gap of {least:?}", n + 1));
        }
    }
    // Of one that was called off it is when the next would have been.
    if delivery.state != DeliveryState::Cancelled
        && let ([.., before, _], Some(gap)) = (&attempts[..], policy.gaps.get(attempts.len().wrapping_sub(2)))
    {
        let (least, most) = (gap.mul_f64(1.0 - policy.jitter), gap.mul_f64(1.0 + policy.jitter));
        let due = delivery.due_at - before.finished_at;
        if due + Duration::from_micros(1) < least || due > most + Duration::from_micros(1) {
            seen.wrong("A3", format!("{id} was due {due:?} after its last but one attempt, not {gap:?}"));
        }
    }
}

/// A3, A8 by what the other end saw of a delivery without resends: within one life nothing follows a success, and what
/// follows a failure keeps the distance.
fn in_one_life(seen: &mut Seen, endpoint: &Endpoint, places: &[usize]) {
    let least = endpoint.retry.gaps.iter().min().copied().unwrap_or_default().mul_f64(1.0 - endpoint.retry.jitter);
    for two in places.windows(2) {
        let (before, after) = (&seen.tries[two[0]], &seen.tries[two[1]]);
        if before.life != after.life {
            continue;
        }
        let text = match before.answer {
            None => Some(("A7", "while another was open".to_owned())),
            Some((_, true)) => Some(("A8", "after a success".to_owned())),
            Some((at, false)) if after.at - at + Duration::from_micros(1) < least => {
                Some(("A3", format!("{:?} after a failure", after.at - at)))
            }
            Some(_) => None,
        };
        if let Some((promise, when)) = text {
            let text = format!("{} was sent to {} again {when}", after.event, after.webhook);
            seen.wrong(promise, text);
        }
    }
}
