//! A batch that is being gathered: what commits change. What settlements change is in `draft/settle.rs`.
//!
//! Everything that can be refused is refused before the first change, so that a refused item leaves no trace in a
//! batch that others share. A store error ends the batch whole.

mod settle;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Core;
use super::known::Known;
use super::live::{Hot, Op};
use super::view::View;
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, JourneyId};
use crate::message::{Delivery, DueDeadline, Message};
use crate::outbox::archive::Appender;
use crate::outbox::record::{DeliveryRow, Frame, FrameKey, Meta, Place, Row, StoredLane, Turn, keys};
use crate::outbox::{Commit, Committed, Lease, NewDelivery, NewKey, Note, OutboxError, rules};
use crate::provider::Journey;

/// So many deliveries that did not arrive are forgotten in one go; what is left of them shows nowhere, and goes later.
const FORGOTTEN: usize = 10_000;

/// What a batch will have done once it is durable.
#[derive(Debug)]
pub(super) struct Draft<'a, 't> {
    pub(super) core: &'a Core,
    pub(super) view: View<'t>,
    pub(super) archive: &'a mut Appender,
    pub(super) known: &'a mut Known,
    pub(super) meta: Meta,
    pub(super) ops: Vec<Op>,
    /// The journeys that were written, as they are now.
    pub(super) journeys: BTreeMap<JourneyId, Arc<Journey>>,
    /// The journey that is being written, if it is a new one: nothing of it is in the table.
    pub(super) unseen: Option<JourneyId>,
    pub(super) new_lanes: Vec<(u32, Arc<str>)>,
}

impl Draft<'_, '_> {
    pub(super) fn commit(&mut self, commit: Commit) -> Result<Committed, OutboxError> {
        if let Some(key) = &commit.key {
            let known: Option<NewKey> = self.view.get("idempotency key", &keys::idempotency(&key.key))?;
            if let Some(known) = known.filter(|known| known.key == key.key) {
                return Err(if known.request == key.request {
                    OutboxError::Repeated { answer: known.answer }
                } else {
                    OutboxError::KeyReused { key: key.key.clone() }
                });
            }
        }
        // An id follows from its journey's number: one with a number beyond all others was never seen.
        let unseen = commit.journey.number > self.known.top;
        let stored = if unseen { None } else { self.stored(commit.journey.id)? };
        if stored.as_ref().map(|stored| stored.version) != commit.expected_version
            || (stored.is_none() && !unseen && self.view.has(&keys::journey(commit.journey.number))?)
        {
            return Err(OutboxError::Conflict);
        }
        self.put_journey(&commit.journey, stored.is_none());
        self.put_deadlines(&commit.journey, stored.as_deref(), commit.fired)?;
        self.unseen = unseen.then_some(commit.journey.id);
        self.journeys.insert(commit.journey.id, commit.journey);
        if let Some(key) = &commit.key {
            self.view.put(keys::idempotency(&key.key), key);
        }
        if let Some(note) = commit.note {
            self.note(note);
        }
        self.saw(commit.now);
        let mut committed = Committed::default();
        for message in commit.messages {
            self.accept(message.message, &message.to, &mut committed.deliveries)?;
        }
        Ok(committed)
    }

    /// The bytes that were gathered so far.
    pub(super) fn size(&self) -> usize {
        self.archive.gathered() + self.view.size()
    }

    pub(super) fn note(&mut self, note: Note) {
        let key = keys::note(&note.name);
        match note.value {
            Some(value) => self.view.put(key, &value),
            None => self.view.remove(key),
        }
    }

    /// Drops what is over and older than `horizon`. What is pending keeps its segments.
    pub(super) fn expire(&mut self, horizon: Timestamp) -> Result<(), OutboxError> {
        let first = self.core.archive.oldest_to_keep(horizon, self.known.oldest_needed());
        self.meta.first_segment = self.meta.first_segment.max(first);
        let gone = keys::unhappy(self.core.archive.first_delivery_from(self.meta.first_segment));
        for (key, _) in self.core.table.page(&keys::unhappy(0), &gone, FORGOTTEN)? {
            self.view.remove(key);
        }
        Ok(())
    }

    fn stored(&self, id: JourneyId) -> Result<Option<Arc<Journey>>, OutboxError> {
        if let Some(journey) = self.journeys.get(&id).cloned().or_else(|| self.core.recent(id)) {
            return Ok(Some(journey));
        }
        let journey: Option<Journey> = self.view.get("journey", &keys::journey(id.number()))?;
        Ok(journey.filter(|journey| journey.id == id).map(Arc::new))
    }

    fn put_journey(&mut self, journey: &Journey, is_new: bool) {
        if is_new {
            let reference = keys::reference(&journey.reference_no, journey.environment, journey.number);
            self.view.put_new(reference, &());
            self.view.put_new(keys::journey(journey.number), journey);
            self.meta.counts.journeys += 1;
            self.known.top = self.known.top.max(journey.number);
            self.core.used_journey_number(journey.number);
        } else {
            self.view.put(keys::journey(journey.number), journey);
        }
    }

    fn put_deadlines(
        &mut self,
        journey: &Journey,
        stored: Option<&Journey>,
        fired: Option<Lease>,
    ) -> Result<(), OutboxError> {
        let old = stored.map(rules::deadline_rows).unwrap_or_default();
        let new = rules::deadline_rows(journey);
        for row in old.iter().filter(|row| !new.contains(row)).chain(&fired) {
            if self.view.has(&keys::row(*row))? {
                self.core.live().take(*row);
                self.remove_row(*row);
            }
        }
        for (at, (row, deadline)) in new.iter().zip(&journey.deadlines).enumerate() {
            // Two deadlines of one kind at one instant are one row.
            let again = new[..at].contains(row);
            if !again && (!old.contains(row) || fired == Some(*row)) {
                let deadline = DueDeadline { journey: journey.id, kind: deadline.kind };
                self.put_row(*row, Row::Deadline(deadline).into());
            }
        }
        Ok(())
    }

    fn accept(&mut self, message: Message, to: &[NewDelivery], ids: &mut Vec<DeliveryId>) -> Result<(), OutboxError> {
        self.meta.counts.events += 1;
        let first = self.meta.counts.deliveries + 1;
        self.meta.counts.deliveries += to.len() as u64;
        let new = (first..).zip(to).map(|(id, new)| (DeliveryId(id), new.webhook.to_string(), new.due_at, new.form));
        let new: Vec<_> = new.collect();
        ids.extend(new.iter().map(|(id, ..)| id));
        let frame = Frame::Event { number: self.meta.counts.events, message, deliveries: new };
        let place = self.archive.push(&frame);
        let Frame::Event { message, .. } = frame else { return Ok(()) };
        for (id, new) in (first..).zip(to) {
            let lane = self.lane(&new.webhook);
            let row = DeliveryRow {
                attempts: 0,
                // Only a journey's deliveries have an order to keep.
                ordered: message.journey_id.filter(|_| new.ordered),
                resend_of: None,
                due_at: new.due_at,
                last: place,
                event: place,
                form: new.form,
            };
            self.enqueue(lane, id, row, || message.in_form(new.form))?;
        }
        Ok(())
    }

    fn turn(&self, lane: u32, journey: JourneyId) -> Result<Option<Turn>, OutboxError> {
        let turns = self.turns(journey, keys::neighbours(lane))?;
        Ok(turns.into_iter().find(|turn| turn.lane == lane))
    }

    /// The turns of a journey at neighbouring lanes.
    fn turns(&self, journey: JourneyId, neighbours: u32) -> Result<Vec<Turn>, OutboxError> {
        let key = || keys::turns(journey, neighbours);
        let stored = match self.known.turns.get(&(journey, neighbours)) {
            Some(turns) => return Ok(turns.clone()),
            None if self.unseen == Some(journey) => self.view.get_changed("turns", &key())?,
            None => self.view.get("turns", &key())?,
        };
        Ok(stored.unwrap_or_default())
    }

    fn set_turn(&mut self, journey: JourneyId, turn: Turn) -> Result<(), OutboxError> {
        let neighbours = keys::neighbours(turn.lane);
        let mut turns = self.turns(journey, neighbours)?;
        let key = keys::turns(journey, neighbours);
        let first = turns.is_empty();
        turns.retain(|other| other.lane != turn.lane);
        turns.push(turn);
        if first {
            self.view.put_new(key, &turns)
        } else {
            self.view.put(key, &turns)
        }
        self.known.turns.put((journey, neighbours), turns, 1);
        Ok(())
    }

    fn end_turn(&mut self, journey: JourneyId, lane: u32) -> Result<(), OutboxError> {
        let neighbours = keys::neighbours(lane);
        let mut turns = self.turns(journey, neighbours)?;
        let key = keys::turns(journey, neighbours);
        turns.retain(|turn| turn.lane != lane);
        if turns.is_empty() {
            self.view.remove(key)
        } else {
            self.view.put(key, &turns)
        }
        self.known.turns.put((journey, neighbours), turns, 1);
        Ok(())
    }

    /// Gives a new delivery its row, or parks it behind an earlier one of its journey.
    fn enqueue(
        &mut self,
        lane: u32,
        id: u64,
        row: DeliveryRow,
        message: impl FnOnce() -> Message,
    ) -> Result<(), OutboxError> {
        self.known.need(row.event);
        if let Some(journey) = row.ordered {
            let turn = self.turn(lane, journey)?;
            let behind = turn.map_or(0, |turn| turn.behind + 1);
            self.set_turn(journey, Turn { lane, serial: turn.map_or(id, |turn| turn.serial), behind })?;
            if turn.is_some() {
                self.view.put_new(keys::parked(lane, journey, id), &row);
                self.ops.push(Op::Park(lane));
                return Ok(());
            }
        }
        let lease = Lease { lane, due: row.due_at, serial: id };
        self.put_row(lease, Hot { row: Row::Delivery(row), message: Some(message()) });
        Ok(())
    }

    fn lane(&mut self, webhook: &Arc<str>) -> u32 {
        if let Some(lane) = self.known.lanes.get(webhook) {
            return *lane;
        }
        let lane = rules::FIRST_WEBHOOK_LANE + self.meta.lanes;
        self.meta.lanes += 1;
        self.known.lanes.insert(webhook.clone(), lane);
        self.new_lanes.push((lane, webhook.clone()));
        self.view.put(keys::lane(lane), &StoredLane { webhook: webhook.to_string(), open_digest: None });
        lane
    }

    /// Adds a row that is not there.
    fn put_row(&mut self, row: Lease, hot: Hot) {
        self.view.put_new(keys::row(row), &hot.row);
        self.ops.push(Op::Put(row, hot));
    }

    /// Removes a row that is there and that the writer holds.
    fn remove_row(&mut self, row: Lease) {
        self.view.remove(keys::row(row));
        self.ops.push(Op::Remove(row));
    }

    fn saw(&mut self, now: Timestamp) {
        self.meta.last_instant = self.meta.last_instant.max(Some(now));
    }

    pub(super) fn redeliver(&mut self, of: DeliveryId, now: Timestamp) -> Result<DeliveryId, OutboxError> {
        let (_, old) = self.latest(of)?;
        if !old.state.is_terminal() {
            return Err(rules::not_terminal(of, self.core.shown(old).state));
        }
        let Some((_, Frame::Event { message, .. })) = self.archive.find(FrameKey::Event(old.event_id))? else {
            return Err(OutboxError::NotPossible(format!("the event of delivery {of} is no longer kept")));
        };
        let Some(lane) = self.known.lanes.get(old.webhook.as_str()).copied() else {
            return Err(OutboxError::Broken(format!("the lane of delivery {of} is missing")));
        };
        let previous = self.archive.find(FrameKey::Resends(old.event_id))?.map(|(place, _)| place);
        self.meta.counts.deliveries += 1;
        let id = DeliveryId(self.meta.counts.deliveries);
        let delivery = rules::resend(id, &old, now);
        let message = message.in_form(old.form);
        let previous = previous.unwrap_or(Place::NOWHERE);
        let place = self.archive.push(&Frame::Resend { delivery, message: message.clone(), previous });
        let row = DeliveryRow {
            attempts: 0,
            ordered: None,
            resend_of: Some(of),
            due_at: now,
            last: place,
            event: place,
            form: old.form,
        };
        self.enqueue(lane, id.0, row, || message)?;
        self.saw(now);
        Ok(id)
    }

    pub(super) fn cancel(&mut self, id: DeliveryId, now: Timestamp) -> Result<(), OutboxError> {
        let (previous, mut delivery) = self.latest(id)?;
        let Some(lane) = self.known.lanes.get(delivery.webhook.as_str()).copied() else {
            return Err(OutboxError::Broken(format!("the lane of delivery {id} is missing")));
        };
        let row = Lease { lane, due: delivery.due_at, serial: id.0 };
        if delivery.state.is_terminal() {
            return Err(rules::not_waiting(id, delivery.state));
        }
        let stored: Option<Row> = self.view.get("row", &keys::row(row))?;
        match stored {
            Some(Row::Delivery(stored)) => {
                if !self.core.live().take_unclaimed(row) {
                    return Err(rules::not_waiting(id, crate::message::DeliveryState::InFlight));
                }
                self.remove_row(row);
                self.known.done_with(stored.event)?;
                self.give_turn(lane, &stored)?;
            }
            _ => {
                // No row and not terminal: it is parked.
                let journey = delivery.journey_id.unwrap_or(JourneyId::ZERO);
                let key = keys::parked(lane, journey, id.0);
                if let Some(parked) = self.view.get::<DeliveryRow>("parked row", &key)? {
                    self.known.done_with(parked.event)?;
                }
                self.view.remove(key);
                self.ops.push(Op::Unpark(lane));
                if let Some(turn) = self.turn(lane, journey)? {
                    let behind = turn.behind.saturating_sub(1);
                    self.set_turn(journey, Turn { behind, ..turn })?;
                }
            }
        }
        delivery.state = crate::message::DeliveryState::Cancelled;
        self.archive.push(&Frame::Cancel { delivery, previous });
        self.meta.counts.cancelled += 1;
        self.view.put_new(keys::unhappy(id.0), &());
        self.saw(now);
        Ok(())
    }

    /// A delivery as its latest frame has it: waiting, or terminal.
    fn latest(&self, id: DeliveryId) -> Result<(Place, Delivery), OutboxError> {
        let found = match self.archive.find(FrameKey::Delivery(id))? {
            Some((place, frame)) => {
                let delivery = super::read::delivery_of(&frame, id, |place| self.archive.frame(place))?;
                delivery.map(|delivery| (place, delivery))
            }
            None => None,
        };
        found.ok_or_else(|| rules::unknown_delivery(id))
    }

    /// An ordered delivery is over: the next of its journey takes its turn.
    fn give_turn(&mut self, lane: u32, over: &DeliveryRow) -> Result<(), OutboxError> {
        let Some(journey) = over.ordered else { return Ok(()) };
        let behind = self.turn(lane, journey)?.map_or(0, |turn| turn.behind);
        if behind == 0 {
            return self.end_turn(journey, lane);
        }
        let key = self.view.first(&keys::parked_behind(lane, journey))?;
        let key = key.ok_or_else(|| OutboxError::Broken("a parked row is missing".into()))?;
        let next: Option<DeliveryRow> = self.view.get("parked row", &key)?;
        let (Some(next), Some((_, serial))) = (next, keys::read_parked(&key)) else {
            return Err(OutboxError::Broken("a parked row cannot be read".into()));
        };
        self.view.remove(key);
        self.ops.push(Op::Unpark(lane));
        self.set_turn(journey, Turn { lane, serial, behind: behind - 1 })?;
        self.put_row(Lease { lane, due: next.due_at, serial }, Row::Delivery(next).into());
        Ok(())
    }
}
