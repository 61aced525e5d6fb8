//! The judges: each reads what was seen from outside and what the lists say at the end, and knows nothing of how the
//! provider works. Each complaint names the promise that it is about.

mod attempts;
mod history;
mod mails;
mod owed;

use std::collections::BTreeMap;

use understudy::clock::Timestamp;
use understudy::ids::{EventId, JourneyId};
use understudy::message::{Attempt, Delivery, Mail, Message};
use understudy::outbox::{DeliveryQuery, Outbox};
use understudy::provider;

use super::plan::Plan;
use super::witness::Seen;

/// Everything that the lists show at the end.
pub(super) struct Lists {
    /// Each journey's events, in order, and its state's word.
    pub(super) journeys: BTreeMap<JourneyId, (Vec<Message>, &'static str)>,
    pub(super) events: BTreeMap<EventId, Message>,
    /// Oldest first.
    pub(super) deliveries: Vec<(Delivery, Vec<Attempt>)>,
    pub(super) mails: Vec<Mail>,
}

impl Lists {
    fn read(seen: &mut Seen, outbox: &dyn Outbox) -> Lists {
        let mut lists = Lists {
            journeys: BTreeMap::new(),
            events: BTreeMap::new(),
            deliveries: Vec::new(),
            mails: outbox.mails(None, 100_000).expect("a page").items,
        };
        for id in seen.journeys.clone() {
            let Some(journey) = outbox.journey(id).expect("a read") else {
                seen.wrong("D1", format!("journey {id} is gone"));
                continue;
            };
            let page = outbox.events(Some(id), None, 100_000).expect("a page").items;
            let events: Vec<Message> = page.into_iter().map(|record| record.message).collect();
            for (n, event) in events.iter().enumerate() {
                if event.sequence != n as u64 + 1 {
                    seen.wrong("J1", format!("event {} of {id} has number {}", n + 1, event.sequence));
                }
                if lists.events.insert(event.event_id, event.clone()).is_some() {
                    seen.wrong("A1", format!("{} is the id of two events", event.event_id));
                }
            }
            if journey.sequence != events.len() as u64 {
                seen.wrong("D5", format!("{id} counts {} events and has {}", journey.sequence, events.len()));
            }
            lists.journeys.insert(id, (events, provider::view(&journey).state));
        }
        let page = outbox.deliveries(&DeliveryQuery::default(), None, 100_000).expect("a page").items;
        let all = page.iter().rev().filter_map(|delivery| outbox.delivery(delivery.id).expect("a read"));
        lists.deliveries = all.collect();
        if page.len() != lists.deliveries.len() {
            seen.wrong("D1", "a delivery of the list cannot be read".to_owned());
        }
        let ledger = outbox.ledger();
        let counted = (ledger.deliveries.accepted, ledger.events, ledger.journeys, ledger.mails.accepted);
        let lens = (lists.deliveries.len(), lists.events.len(), lists.journeys.len(), lists.mails.len());
        if counted != (lens.0 as u64, lens.1 as u64, lens.2 as u64, lens.3 as u64) {
            seen.wrong("D3", format!("the ledger counts {ledger:?}, the lists have {lens:?}"));
        }
        lists
    }
}

/// Judges a run that came to its end at `end`.
pub(super) fn all(seen: &mut Seen, plan: &Plan, outbox: &dyn Outbox, end: Timestamp) {
    let lists = Lists::read(seen, outbox);
    durable(seen, &lists);
    owed::check(seen, &lists);
    attempts::check(seen, plan, &lists);
    history::check(seen, plan, &lists, end);
    mails::check(seen, plan, &lists);
}

/// D1: what an answer named, and what a list once showed, is there as it was.
fn durable(seen: &mut Seen, lists: &Lists) {
    let listed = seen.listed.values().flatten();
    let gone: Vec<EventId> = seen
        .acked
        .values()
        .chain(listed)
        .filter(|event| lists.events.get(&event.event_id) != Some(*event))
        .map(|event| event.event_id)
        .collect();
    for id in gone {
        let found = lists.events.get(&id);
        seen.wrong("D1", format!("{id} was acknowledged or shown, and is now {found:?}"));
    }
    let started: Vec<_> = seen.starts.iter().filter_map(|(reference, id)| Some((reference.clone(), (*id)?))).collect();
    for (reference, id) in started {
        if !lists.journeys.contains_key(&id) {
            seen.wrong("D1", format!("{reference}, journey {id}, is gone"));
        }
    }
    for call in seen.calls.iter().filter(|call| call.answered == super::witness::Answered::Unknown) {
        seen.corners.call_died_with_the_process += u64::from(call.life < seen.lives.len());
    }
}
