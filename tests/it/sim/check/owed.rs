//! D2, D3, D4, D7, J3: who is owed what, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use understudy::clock::Timestamp;
use understudy::ids::{DeliveryId, EventId, JourneyId};
use understudy::message::{DeliveryState, Endpoint, Message};

use super::Lists;
use crate::sim::witness::Seen;

/// The endpoints that an event is owed to, told once more: by type, and switched on.
fn owed_to<'a>(endpoints: &'a [Endpoint], event: &'a Message) -> impl Iterator<Item = &'a Endpoint> {
    let wants = |e: &Endpoint| e.types.iter().any(|kind| kind == "*" || *kind == event.event_type);
    endpoints.iter().filter(move |endpoint| endpoint.enabled && wants(endpoint))
}

pub(super) fn check(seen: &mut Seen, lists: &Lists) {
    let mut made: BTreeMap<EventId, BTreeSet<&str>> = BTreeMap::new();
    let mut states: BTreeMap<DeliveryId, (DeliveryState, EventId, &str)> = BTreeMap::new();
    for (delivery, _) in &lists.deliveries {
        states.insert(delivery.id, (delivery.state, delivery.event_id, &delivery.webhook));
        if !delivery.state.is_terminal() {
            seen.wrong(
                "D3",
                format!("the faults are over, and {} to {} is {:?}", delivery.id, delivery.webhook, delivery.state),
            );
        }
        match delivery.resend_of {
            None => {
                if !made.entry(delivery.event_id).or_default().insert(&delivery.webhook) {
                    seen.wrong("D2", format!("{} is owed to {} twice", delivery.event_id, delivery.webhook));
                }
            }
            Some(of) => {
                let of = states.get(&of).map(|(state, event, webhook)| (state.is_terminal(), *event, *webhook));
                if of != Some((true, delivery.event_id, &delivery.webhook)) {
                    seen.wrong("D4", format!("{} repeats {of:?}", delivery.id));
                }
                let asked = seen.resends.contains_key(&(delivery.webhook.clone(), delivery.event_id));
                if !asked {
                    seen.wrong("D7", format!("nobody asked for {}", delivery.id));
                }
            }
        }
    }
    for (of, id) in seen.resent.clone() {
        let found = lists.deliveries.iter().find(|(delivery, _)| delivery.id == id);
        if found.is_none_or(|(delivery, _)| delivery.resend_of != Some(of)) {
            seen.wrong("D1", format!("{id}, the resend of {of}, is {found:?}"));
        }
    }
    for (id, shown) in seen.shown.clone() {
        let state = states.get(&id).map(|(state, ..)| *state);
        if shown.state.is_terminal() && state != Some(shown.state) {
            seen.wrong("D4", format!("{id} was {:?} and is {state:?}", shown.state));
        }
    }
    for (id, event) in &lists.events {
        let made = made.remove(id).unwrap_or_default();
        let names = |endpoints: &Vec<Endpoint>| -> BTreeSet<String> {
            owed_to(endpoints, event).map(|endpoint| endpoint.name.clone()).collect()
        };
        let wanted: Vec<BTreeSet<String>> = seen.in_force(event.created_at).map(names).collect();
        let is = |wanted: &BTreeSet<String>| wanted.iter().map(String::as_str).eq(made.iter().copied());
        if !wanted.iter().any(is) {
            seen.wrong(
                "D2",
                format!("{id}, {} of {}, is owed to {made:?}, not to {wanted:?}", event.event_type, event.created_at),
            );
        }
    }
    if let Some((event, to)) = made.first_key_value() {
        seen.wrong("D7", format!("{event} is no event, and owed to {to:?}"));
    }
    let owed: BTreeSet<(&str, EventId)> =
        lists.deliveries.iter().map(|(d, _)| (d.webhook.as_str(), d.event_id)).collect();
    let stray = seen.tried.keys().find(|(webhook, event)| !owed.contains(&(webhook.as_str(), *event)));
    if let Some(text) = stray.map(|stray| format!("{stray:?} was sent and never owed")) {
        seen.wrong("D7", text);
    }
    in_order(seen, lists);
}

/// J3: where an event was accepted in order, its first attempt comes after the end of the one before it.
fn in_order(seen: &mut Seen, lists: &Lists) {
    struct Before {
        id: DeliveryId,
        state: DeliveryState,
        over: Timestamp,
        /// The last request of it that left.
        place: usize,
    }
    let mut last: BTreeMap<(&str, JourneyId), Before> = BTreeMap::new();
    for (delivery, attempts) in lists.deliveries.iter().filter(|(delivery, _)| delivery.resend_of.is_none()) {
        let (Some(journey), Some(event)) = (delivery.journey_id, lists.events.get(&delivery.event_id)) else {
            continue;
        };
        let ordered =
            |endpoints: &Vec<Endpoint>| owed_to(endpoints, event).any(|e| e.name == delivery.webhook && e.ordered);
        let mut orders = seen.in_force(event.created_at).map(ordered).collect::<Vec<_>>();
        orders.dedup();
        if orders != [true] {
            continue;
        }
        let tried = seen.tried.get(&(delivery.webhook.clone(), delivery.event_id));
        let resent = seen.resends.contains_key(&(delivery.webhook.clone(), delivery.event_id));
        let (first, newest) =
            tried.map_or((None, 0), |places| (places.first().copied(), places.last().copied().unwrap_or(0)));
        let over = attempts.last().map_or(Timestamp::MIN, |attempt| attempt.finished_at);
        if let (Some(before), Some(attempt), Some(first)) =
            (last.get(&(&*delivery.webhook, journey)), attempts.first(), first)
        {
            if attempt.started_at < before.over || first < before.place {
                let text = format!(
                    "{} to {} started at {}, before {} was over at {}",
                    delivery.id, delivery.webhook, attempt.started_at, before.id, before.over
                );
                seen.wrong("J3", text);
            }
            let held = event.created_at < before.over;
            seen.corners.delivery_held_up_in_journey_order += u64::from(held);
            seen.corners.exhaustion_let_the_next_go += u64::from(held && before.state == DeliveryState::Exhausted);
            seen.corners.cancel_let_the_next_go += u64::from(held && before.state == DeliveryState::Cancelled);
        }
        let entry = last.entry((&delivery.webhook, journey)).or_insert(Before {
            id: delivery.id,
            state: delivery.state,
            over,
            place: 0,
        });
        // A resend comes when it is asked for, and keeps no order.
        let place = if resent { entry.place } else { entry.place.max(newest) };
        *entry = Before { id: delivery.id, state: delivery.state, over: entry.over.max(over), place };
    }
}
