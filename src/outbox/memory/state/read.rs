//! What the memory outbox answers.

use std::sync::Arc;

use bytes::Bytes;

use super::{State, StoredDelivery, StoredEvent};
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

impl StoredEvent {
    fn record(&self) -> EventRecord {
        EventRecord { message: self.message.clone(), deliveries: self.deliveries.clone() }
    }
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
        Some(self.journeys.get(&id)?.journey.clone())
    }

    pub(in crate::outbox) fn journey_by_reference(
        &self,
        reference_no: &str,
        environment: Option<Environment>,
    ) -> Option<Arc<Journey>> {
        let of_it = |journey: &Arc<Journey>| {
            journey.reference_no == reference_no && environment.is_none_or(|wanted| journey.environment == wanted)
        };
        self.newest_journeys(u64::MAX).map(|(_, journey)| journey).find(|journey| of_it(journey)).cloned()
    }

    /// Those up to number `newest`, the last first.
    fn newest_journeys(&self, newest: u64) -> impl Iterator<Item = (u64, &Arc<Journey>)> {
        let ids = self.journey_ids.range(..=newest).rev();
        ids.filter_map(|(number, id)| Some((*number, &self.journeys.get(id)?.journey)))
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
        let from = self.newest_journeys(cursor.unwrap_or(u64::MAX));
        page(from.filter(|(_, journey)| wanted(journey)).map(|(number, journey)| (number, (**journey).clone())), limit)
    }

    pub(in crate::outbox) fn event(&self, id: EventId) -> Option<EventRecord> {
        Some(self.events.get(*self.event_numbers.get(&id)?)?.record())
    }

    pub(in crate::outbox) fn events(
        &self,
        journey: Option<JourneyId>,
        cursor: Option<u64>,
        limit: usize,
    ) -> Page<EventRecord> {
        match journey {
            Some(id) => {
                let of_it = self.journeys.get(&id).map_or(&[][..], |stored| &stored.events);
                let from = &of_it[of_it.partition_point(|(sequence, _)| *sequence < cursor.unwrap_or(0))..];
                page(from.iter().filter_map(|(sequence, n)| Some((*sequence, self.events.get(*n)?.record()))), limit)
            }
            None => {
                let newest = self.events.back_from(cursor.unwrap_or(u64::MAX));
                page(newest.map(|(number, event)| (number, event.record())), limit)
            }
        }
    }

    /// A delivery as it is shown.
    fn shown(&self, id: u64, stored: &StoredDelivery) -> Option<Delivery> {
        let row = Lease { lane: stored.lane, due: stored.due_at, serial: id };
        let leased = stored.state == DeliveryState::Waiting && self.queue.is_leased(row);
        let message = self.events.get(stored.event)?.message.in_form(stored.form);
        let webhook = &self.lanes[(stored.lane - rules::FIRST_WEBHOOK_LANE) as usize];
        Some(Delivery {
            state: if leased { DeliveryState::InFlight } else { stored.state },
            attempts: stored.tries.len() as u32,
            resend_of: stored.resend_of,
            ..rules::new_delivery(DeliveryId(id), &message, stored.form, webhook, stored.due_at)
        })
    }

    pub(in crate::outbox) fn delivery(&self, id: DeliveryId) -> Option<(Delivery, Vec<Attempt>)> {
        let stored = self.deliveries.get(id.0)?;
        Some((self.shown(id.0, stored)?, stored.tries.clone()))
    }

    pub(in crate::outbox) fn deliveries(
        &self,
        query: &DeliveryQuery,
        cursor: Option<u64>,
        limit: usize,
    ) -> Page<Delivery> {
        let from = self.deliveries.back_from(cursor.unwrap_or(u64::MAX));
        let shown = from.filter_map(|(id, stored)| Some((id, self.shown(id, stored)?)));
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
        let accepted = self.deliveries.given();
        let mails = self.mails.len() as u64;
        Ledger {
            journeys: self.journeys.len() as u64 + self.journeys_gone,
            events: self.events.given(),
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
