//! What the memory outbox answers.

use std::sync::Arc;

use bytes::Bytes;

use super::{State, StoredDelivery};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, EventId, JourneyId, MailId};
use crate::message::{Attempt, Delivery, DeliveryState, Mail, MailState};
use crate::outbox::queue::NoMore;
use crate::outbox::{
    DeliveryCounts, DeliveryQuery, EventRecord, Horizon, JourneyQuery, LaneStatus, Lease, Ledger, MailCounts, NewKey,
    Page, rules,
};
use crate::provider::{self, DeadlineKind, Environment, Journey};

/// A page of what `items` gives as (number, item): the next one starts at the first that found no room.
fn page<T>(items: impl Iterator<Item = (u64, T)>, limit: usize) -> Page<T> {
    let mut page = Page { items: Vec::new(), next: None };
    for (number, item) in items {
        if page.items.len() == limit {
            page.next = Some(number);
            break;
        }
        page.items.push(item);
    }
    page
}

impl State {
    pub(in crate::outbox) fn next_journey_number(&mut self) -> u64 {
        self.given_numbers += 1;
        self.given_numbers
    }

    pub(in crate::outbox) fn last_instant(&self) -> Option<Timestamp> {
        self.last
    }

    pub(in crate::outbox) fn key(&self, key: &str) -> Option<NewKey> {
        self.keys.get(key).cloned()
    }

    pub(in crate::outbox) fn journey(&self, id: JourneyId) -> Option<Arc<Journey>> {
        self.journeys.get(self.journey_numbers.get(&id)?).cloned()
    }

    pub(in crate::outbox) fn journey_by_reference(
        &self,
        reference_no: &str,
        environment: Option<Environment>,
    ) -> Option<Arc<Journey>> {
        let of_it = |journey: &&Arc<Journey>| {
            journey.reference_no == reference_no && environment.is_none_or(|wanted| journey.environment == wanted)
        };
        self.journeys.values().rev().find(of_it).cloned()
    }

    pub(in crate::outbox) fn notes(&self, prefix: &str) -> Vec<(String, Bytes)> {
        let from = self.notes.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
        from.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub(in crate::outbox) fn journeys(&self, query: &JourneyQuery, cursor: Option<u64>, limit: usize) -> Page<Journey> {
        let wanted = |journey: &Journey| {
            query.reference_no.as_ref().is_none_or(|reference| *reference == journey.reference_no)
                && query.state.as_ref().is_none_or(|state| provider::view(journey).state == *state)
        };
        let from = self.journeys.range(..=cursor.unwrap_or(u64::MAX)).rev();
        page(from.filter(|(_, journey)| wanted(journey)).map(|(number, journey)| (*number, (**journey).clone())), limit)
    }

    pub(in crate::outbox) fn event(&self, id: EventId) -> Option<EventRecord> {
        self.event_numbers.get(&id).and_then(|number| self.event_record(*number))
    }

    fn event_record(&self, number: u64) -> Option<EventRecord> {
        let event = self.events.get(&number)?;
        Some(EventRecord { message: event.message.clone(), deliveries: event.deliveries.clone() })
    }

    pub(in crate::outbox) fn events(
        &self,
        journey: Option<JourneyId>,
        cursor: Option<u64>,
        limit: usize,
    ) -> Page<EventRecord> {
        let record = |number: &u64| self.event_record(*number);
        match journey {
            Some(id) => {
                let of_it = self.journey_events.range((id, cursor.unwrap_or(0))..=(id, u64::MAX));
                page(of_it.filter_map(|((_, sequence), number)| Some((*sequence, record(number)?))), limit)
            }
            None => {
                let newest = self.events.keys().rev().skip_while(|number| **number > cursor.unwrap_or(u64::MAX));
                page(newest.filter_map(|number| Some((*number, record(number)?))), limit)
            }
        }
    }

    fn shown(&self, stored: &StoredDelivery) -> Delivery {
        let mut delivery = stored.delivery.clone();
        let row = Lease { lane: stored.lane, due: delivery.due_at, serial: delivery.id.0 };
        if delivery.state == DeliveryState::Waiting && self.queue.is_leased(row) {
            delivery.state = DeliveryState::InFlight;
        }
        delivery
    }

    pub(in crate::outbox) fn delivery(&self, id: DeliveryId) -> Option<(Delivery, Vec<Attempt>)> {
        let stored = self.deliveries.get(&id.0)?;
        Some((self.shown(stored), stored.tries.clone()))
    }

    pub(in crate::outbox) fn deliveries(
        &self,
        query: &DeliveryQuery,
        cursor: Option<u64>,
        limit: usize,
    ) -> Page<Delivery> {
        let from = self.deliveries.range(..=cursor.unwrap_or(u64::MAX)).rev();
        let shown = from.map(|(id, stored)| (*id, self.shown(stored)));
        page(shown.filter(|(_, delivery)| rules::wanted(query, delivery)), limit)
    }

    pub(in crate::outbox) fn mail(&self, id: MailId) -> Option<Mail> {
        let (mail, due) = self.mails.get(&id.0)?;
        let mut mail = mail.clone();
        let row = Lease { lane: rules::MAIL_LANE, due: *due, serial: rules::mail_serial(id.0) };
        if mail.state == MailState::Waiting && self.queue.is_leased(row) {
            mail.state = MailState::InFlight;
        }
        Some(mail)
    }

    pub(in crate::outbox) fn mails(&self, cursor: Option<u64>, limit: usize) -> Page<Mail> {
        let from = self.mails.range(..=cursor.unwrap_or(u64::MAX)).rev();
        page(from.filter_map(|(id, _)| Some((*id, self.mail(MailId(*id))?))), limit)
    }

    pub(in crate::outbox) fn ledger(&self) -> Ledger {
        let (in_flight, _) = self.queue.totals();
        let mails_in_flight = self.mails_leased.len() as u64;
        let [delivered, exhausted, cancelled] = self.ended;
        let [sent, failed, kept] = self.mails_ended;
        let accepted = self.deliveries.len() as u64;
        let mails = self.mails.len() as u64;
        Ledger {
            journeys: self.journeys.len() as u64,
            events: self.events.len() as u64,
            deliveries: DeliveryCounts {
                accepted,
                waiting: accepted - delivered - exhausted - cancelled - in_flight,
                in_flight,
                delivered,
                exhausted,
                cancelled,
            },
            attempts: self.attempts,
            mails: MailCounts {
                accepted: mails,
                waiting: mails - sent - failed - kept - mails_in_flight,
                in_flight: mails_in_flight,
                sent,
                failed,
                kept,
            },
        }
    }

    pub(in crate::outbox) fn lane_statuses(&mut self) -> Vec<LaneStatus> {
        let mut lanes = Vec::new();
        for (webhook, lane) in &self.lane_numbers {
            let (pending, in_flight) = (self.queue.pending(*lane), self.queue.leased(*lane));
            if pending > 0 {
                let Ok(next_due) = self.queue.next_due(*lane, &mut NoMore);
                let waiting = pending - in_flight;
                lanes.push(LaneStatus { webhook: webhook.clone(), waiting, in_flight, next_due });
            }
        }
        lanes
    }

    pub(in crate::outbox) fn horizon(&mut self) -> Horizon {
        let lanes = self.lane_statuses();
        let mut earliest = |kind| rules::deadline_lanes(kind).filter_map(|lane| self.next_due(lane)).min();
        let deadlines = DeadlineKind::ALL.into_iter().filter_map(|kind| Some((kind, earliest(kind)?))).collect();
        let all_deadlines = DeadlineKind::ALL.into_iter().flat_map(rules::deadline_lanes);
        Horizon {
            lanes,
            deadlines,
            deadlines_in_flight: all_deadlines.map(|lane| self.queue.leased(lane)).sum(),
            mail: self.next_due(rules::MAIL_LANE),
            mail_in_flight: self.queue.leased(rules::MAIL_LANE),
        }
    }

    fn next_due(&mut self, lane: u32) -> Option<Timestamp> {
        let Ok(next) = self.queue.next_due(lane, &mut NoMore);
        next
    }
}
