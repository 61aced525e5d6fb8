//! The sled outbox's lists, newest first, page by page: how much of a store one page may look at.
//!
//! A filter may want what is rare. Where that is known beforehand, as of deliveries that are waiting, in flight or did not
//! arrive, only those are looked at; else a page ends after a while, maybe with nothing, and its cursor goes on from there.

use std::ops::Range;
use std::time::Duration;

use super::Core;
use super::read::delivery_of;
use crate::clock::Stopwatch;
use crate::ids::{DeliveryId, JourneyId, MailId};
use crate::message::{Delivery, DeliveryState, Mail};
use crate::outbox::record::{
    FrameKey,
    keys::{self, Key},
};
use crate::outbox::{DeliveryQuery, EventRecord, JourneyQuery, OutboxError, Page, rules};
use crate::provider::{self, Environment, Journey};

/// How long a page may look at what is not wanted.
const LOOK_FOR: Duration = Duration::from_millis(8);

/// So often it looks at the watch.
const LOOKS: usize = 32;

/// So many pending deliveries are gathered to be listed; more are looked for where there are some.
const FEW: u64 = 10_000;

/// So many keys are read at a time.
const CHUNK: usize = 256;

/// A page from `numbers`; `get` says what a number stands for, and `None` for what is not wanted.
fn page<T>(
    numbers: impl Iterator<Item = u64>,
    limit: usize,
    mut get: impl FnMut(u64) -> Result<Option<T>, OutboxError>,
) -> Result<Page<T>, OutboxError> {
    let mut page = Page { items: Vec::new(), next: None };
    let (watch, mut unwanted) = (Stopwatch::start(), 0);
    for number in numbers {
        if unwanted == LOOKS {
            if watch.elapsed() > LOOK_FOR {
                page.next = Some(number);
                break;
            }
            unwanted = 0;
        }
        let Some(item) = get(number)? else {
            unwanted += 1;
            continue;
        };
        if page.items.len() == limit {
            page.next = Some(number);
            break;
        }
        page.items.push(item);
    }
    Ok(page)
}

impl Core {
    pub(super) fn journeys(
        &self,
        query: &JourneyQuery,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<Journey>, OutboxError> {
        let cursor = cursor.unwrap_or(u64::MAX);
        let wanted = |number| {
            let journey = self.numbered(number)?;
            let has_state =
                |journey: &Journey| query.state.as_ref().is_none_or(|state| provider::view(journey).state == *state);
            Ok(journey.filter(has_state))
        };
        if let Some(reference) = &query.reference_no {
            let mut numbers = Vec::new();
            for environment in [Environment::Sandbox, Environment::Live] {
                for found in self.table.prefixed(&keys::references(reference, environment)) {
                    numbers.extend(keys::number(&found?.0).filter(|number| *number <= cursor));
                }
            }
            return page(newest_first(numbers), limit, wanted);
        }
        // By what there is, not number by number: each crash leaves a gap of thousands.
        let mut failed = None;
        let numbers = self.downwards(keys::journey, 0..cursor.saturating_add(1), limit.saturating_add(1), &mut failed);
        let page = page(numbers, limit, wanted)?;
        failed.map_or(Ok(page), Err)
    }

    pub(super) fn events(
        &self,
        journey: Option<JourneyId>,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<EventRecord>, OutboxError> {
        let Some(id) = journey else {
            let newest = self.live().counts().events.min(cursor.unwrap_or(u64::MAX));
            let (_, floor) = self.archive.floors();
            let numbers = (floor.max(1)..=newest).rev();
            return page(numbers, limit, |number| self.event_record(FrameKey::EventNumber(number)));
        };
        let last = self.journey(id)?.map_or(0, |journey| journey.sequence);
        let numbers = cursor.unwrap_or(0)..=last;
        page(numbers, limit, |sequence| self.event_record(FrameKey::JourneyEvent(id, sequence)))
    }

    pub(super) fn deliveries(
        &self,
        query: &DeliveryQuery,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<Delivery>, OutboxError> {
        let cursor = cursor.unwrap_or(u64::MAX);
        let wanted = |id| {
            let id = DeliveryId(id);
            let Some((_, frame)) = self.archive.find(FrameKey::Delivery(id))? else { return Ok(None) };
            let delivery = delivery_of(&frame, id, |place| self.archive.frame(place))?;
            let delivery = delivery.map(|delivery| self.shown(delivery));
            Ok(delivery.filter(|delivery| rules::wanted(query, delivery)))
        };
        let events = match (query.event, query.journey) {
            (Some(event), _) => self.event(event)?.into_iter().collect(),
            (None, Some(journey)) => self.events(Some(journey), None, usize::MAX)?.items,
            (None, None) => return self.deliveries_in(query.state, cursor, limit, wanted),
        };
        let ids = events.into_iter().flat_map(|event| event.deliveries).map(|id| id.0).filter(|id| *id <= cursor);
        page(newest_first(ids.collect()), limit, wanted)
    }

    /// Of all deliveries up to `cursor`; those in a state that is rare are not looked for among the others.
    fn deliveries_in(
        &self,
        state: Option<DeliveryState>,
        cursor: u64,
        limit: usize,
        wanted: impl FnMut(u64) -> Result<Option<Delivery>, OutboxError>,
    ) -> Result<Page<Delivery>, OutboxError> {
        let known = match state {
            Some(DeliveryState::Exhausted | DeliveryState::Cancelled) => {
                return self.unhappy(cursor, limit, wanted);
            }
            Some(DeliveryState::InFlight) => Some(self.live().deliveries_leased()),
            Some(DeliveryState::Waiting) if self.live().counts().pending() <= FEW => Some(self.pending()?),
            Some(DeliveryState::Waiting) => {
                let spans = self.archive.created_in(&self.needed()?);
                let ids = spans.into_iter().rev().flat_map(|span| (span.least..=span.greatest).rev());
                return page(ids.filter(|id| *id <= cursor), limit, wanted);
            }
            _ => None,
        };
        if let Some(mut ids) = known {
            ids.retain(|id| *id <= cursor);
            return page(newest_first(ids), limit, wanted);
        }
        let newest = self.live().counts().deliveries.min(cursor);
        let (floor, _) = self.archive.floors();
        page((floor.max(1)..=newest).rev(), limit, wanted)
    }

    /// Of those that are exhausted or cancelled.
    fn unhappy(
        &self,
        cursor: u64,
        limit: usize,
        wanted: impl FnMut(u64) -> Result<Option<Delivery>, OutboxError>,
    ) -> Result<Page<Delivery>, OutboxError> {
        let (floor, _) = self.archive.floors();
        let mut failed = None;
        let page =
            page(self.downwards(keys::unhappy, floor..cursor.saturating_add(1), CHUNK, &mut failed), limit, wanted)?;
        failed.map_or(Ok(page), Err)
    }

    /// The numbers within `range` that have a row under `key`, the last first, read some at a time. Ends where reading
    /// fails, and leaves the reason.
    fn downwards(
        &self,
        key: fn(u64) -> Key,
        range: Range<u64>,
        some: usize,
        failed: &mut Option<OutboxError>,
    ) -> impl Iterator<Item = u64> {
        let mut end = range.end;
        let chunks = std::iter::from_fn(move || {
            let rows = match self.table.page_back(&key(range.start), &key(end), some.min(CHUNK)) {
                Ok(rows) => rows,
                Err(error) => {
                    *failed = Some(error);
                    return None;
                }
            };
            let numbers: Vec<u64> = rows.iter().filter_map(|(key, _)| keys::number(key)).collect();
            end = numbers.iter().copied().min()?;
            Some(newest_first(numbers))
        });
        chunks.flatten()
    }

    /// The segments of the archive in which something pending came to be.
    fn needed(&self) -> Result<Vec<u32>, OutboxError> {
        let mut segments = Vec::new();
        for found in self.table.prefixed(b"S") {
            segments.extend(keys::read_needed(&found?.0));
        }
        Ok(segments)
    }

    /// The numbers of the deliveries that have a row, or are parked.
    fn pending(&self) -> Result<Vec<u64>, OutboxError> {
        let mut ids = Vec::new();
        for found in self.table.range(keys::lane_rows(rules::FIRST_WEBHOOK_LANE), Key::beyond(b"L")) {
            ids.extend(keys::read_row(&found?.0).map(|row| row.serial));
        }
        for found in self.table.prefixed(b"P") {
            ids.extend(keys::read_parked(&found?.0).map(|(_, serial)| serial));
        }
        Ok(ids)
    }

    pub(super) fn mails(&self, cursor: Option<u64>, limit: usize) -> Result<Page<Mail>, OutboxError> {
        let newest = self.live().counts().mails.min(cursor.unwrap_or(u64::MAX));
        page((1..=newest).rev(), limit, |id| self.mail(MailId(id)))
    }
}

fn newest_first(mut numbers: Vec<u64>) -> impl Iterator<Item = u64> {
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.into_iter()
}
