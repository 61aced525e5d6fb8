//! What the memory outbox holds, and how writes and claims change it. Reads are in `state/read.rs`.

mod over;
mod read;
mod settle;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use self::over::Over;
use super::numbered::Numbered;
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, EventId, JourneyId, MailId};
use crate::message::{Attempt, DeliveryState, DueDeadline, Mail, Message};
use crate::outbox::queue::{Baggage, NoMore, Op, Queue};
use crate::outbox::{
    Claim, Commit, Committed, DigestEntry, DueDeadlineRow, DueDelivery, DueMail, Lease, NewDelivery, NewKey, Note,
    OutboxError, rules,
};
use crate::provider::{DeadlineKind, Journey};

/// What a row of the queue stands for.
#[derive(Clone, Copy, Debug)]
enum Row {
    Delivery(u64),
    Deadline(DueDeadline),
    Digest(u64),
    Mail(u64),
}

impl Baggage for Row {
    fn weight(&self) -> usize {
        0
    }

    fn lighten(&mut self) {}
}

#[derive(Debug)]
struct StoredJourney {
    journey: Arc<Journey>,
    /// Its events in their order: sequence and number.
    events: Vec<(u64, u64)>,
    wanted: Wanted,
}

/// Whether anybody is going to ask for a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Maybe,
    /// It was let go.
    No,
    /// A mail is going to name it.
    ByMail,
}

/// What is a delivery's own; the rest of it is its event's.
#[derive(Debug)]
struct StoredDelivery {
    event: u64,
    lane: u32,
    form: u8,
    ordered: bool,
    state: DeliveryState,
    due_at: Timestamp,
    resend_of: Option<DeliveryId>,
    tries: Vec<Attempt>,
}

#[derive(Debug)]
struct StoredEvent {
    message: Message,
    deliveries: Vec<DeliveryId>,
    /// So many of them are not terminal.
    open: u32,
    /// So many times it was over and is not forgotten for that yet: more than one where it was sent again.
    over: u32,
}

#[derive(Debug)]
struct Digest {
    webhook: String,
    lane: u32,
    entries: Vec<DigestEntry>,
}

/// Everything. What is told in an order lies in one: two runs that do the same answer the same.
#[derive(Debug, Default)]
pub(super) struct State {
    journeys: FxHashMap<JourneyId, StoredJourney>,
    /// So many were forgotten.
    journeys_gone: u64,
    journey_ids: BTreeMap<u64, JourneyId>,
    given_numbers: u64,
    events: Numbered<StoredEvent>,
    event_numbers: FxHashMap<EventId, u64>,
    deliveries: Numbered<StoredDelivery>,
    /// The ordered deliveries of a journey at an endpoint that are not terminal: the first has a row, the others
    /// are parked.
    queues: BTreeMap<(u32, JourneyId), VecDeque<u64>>,
    queue: Queue<Row>,
    mails_leased: BTreeSet<Lease>,
    lanes: Vec<Arc<str>>,
    lane_numbers: BTreeMap<Arc<str>, u32>,
    digests: BTreeMap<u64, Digest>,
    given_digests: u64,
    open_digests: BTreeMap<u32, Lease>,
    mails: BTreeMap<u64, (Mail, Timestamp)>,
    keys: BTreeMap<String, NewKey>,
    notes: BTreeMap<String, Bytes>,
    ended: [u64; 3],
    mails_ended: [u64; 3],
    attempts: u64,
    last: Option<Timestamp>,
    over: Over,
}

impl State {
    /// Nothing yet; what is over is going to be kept for `retention`.
    pub(super) fn new(retention: Duration) -> Self {
        State { over: Over::kept_for(retention), ..State::default() }
    }

    pub(super) fn commit(&mut self, commit: Commit) -> Result<Committed, OutboxError> {
        if let Some(key) = &commit.key
            && let Some(known) = self.keys.get(&key.key)
        {
            return Err(if known.request == key.request {
                OutboxError::Repeated { answer: known.answer.clone() }
            } else {
                OutboxError::KeyReused { key: key.key.clone() }
            });
        }
        let journey = commit.journey;
        let stored = self.journeys.get(&journey.id).map(|stored| &stored.journey);
        if stored.map(|stored| stored.version) != commit.expected_version
            || (stored.is_none() && self.journey_ids.contains_key(&journey.number))
        {
            return Err(OutboxError::Conflict);
        }
        let old = stored.map(|stored| rules::deadline_rows(stored)).unwrap_or_default();
        self.put_deadlines(&journey, &old, commit.fired);
        self.keep_journey(journey);
        if let Some(key) = commit.key {
            self.keys.insert(key.key.clone(), key);
        }
        if let Some(note) = commit.note {
            self.note(note);
        }
        self.saw(commit.now);
        let mut committed = Committed::default();
        for message in commit.messages {
            self.accept(message.message, &message.to, commit.now, &mut committed.deliveries);
        }
        self.forget_some();
        Ok(committed)
    }

    fn keep_journey(&mut self, journey: Arc<Journey>) {
        self.given_numbers = self.given_numbers.max(journey.number);
        match self.journeys.get_mut(&journey.id) {
            Some(stored) => stored.journey = journey,
            None => {
                self.journey_ids.insert(journey.number, journey.id);
                self.journeys.insert(journey.id, StoredJourney { journey, events: Vec::new(), wanted: Wanted::Maybe });
            }
        }
    }

    pub(super) fn note(&mut self, note: Note) {
        match note.value {
            Some(value) => self.notes.insert(note.name, value),
            None => self.notes.remove(&note.name),
        };
    }

    fn put_deadlines(&mut self, journey: &Journey, old: &[Lease], fired: Option<Lease>) {
        let new = rules::deadline_rows(journey);
        for row in old.iter().filter(|row| !new.contains(row)).chain(&fired) {
            self.remove_row(*row);
        }
        for (row, deadline) in new.iter().zip(&journey.deadlines) {
            // Two deadlines of one kind at one instant are one row.
            if (!old.contains(row) || fired == Some(*row)) && !self.queue.has(*row) {
                self.put_row(*row, Row::Deadline(DueDeadline { journey: journey.id, kind: deadline.kind }));
            }
        }
    }

    fn accept(&mut self, message: Message, to: &[NewDelivery], now: Timestamp, ids: &mut Vec<DeliveryId>) {
        let event = self.events.given() + 1;
        let journey = message.journey_id;
        self.event_numbers.insert(message.event_id, event);
        if let Some(stored) = journey.and_then(|journey| self.journeys.get_mut(&journey)) {
            stored.events.push((message.sequence, event));
        }
        let mut deliveries = Vec::with_capacity(to.len());
        for new in to {
            let delivery = StoredDelivery {
                event,
                lane: self.lane(&new.webhook),
                form: new.form,
                // Only a journey's deliveries have an order to keep.
                ordered: new.ordered && journey.is_some(),
                state: DeliveryState::Waiting,
                due_at: new.due_at,
                resend_of: None,
                tries: Vec::new(),
            };
            deliveries.push(self.add_delivery(delivery, journey));
        }
        ids.extend(&deliveries);
        let open = deliveries.len() as u32;
        self.events.push(StoredEvent { message, deliveries, open, over: 0 });
        if open == 0 {
            self.is_over(event, now);
        }
    }

    /// Adds a delivery about `journey`.
    fn add_delivery(&mut self, stored: StoredDelivery, journey: Option<JourneyId>) -> DeliveryId {
        let (lane, due, ordered) = (stored.lane, stored.due_at, stored.ordered);
        let id = self.deliveries.push(stored);
        let parked = match journey {
            Some(journey) if ordered => {
                let queue = self.queues.entry((lane, journey)).or_default();
                queue.push_back(id);
                queue.len() > 1
            }
            _ => false,
        };
        if parked {
            self.queue.apply(Op::Park(lane));
        } else {
            self.put_row(Lease { lane, due, serial: id }, Row::Delivery(id));
        }
        DeliveryId(id)
    }

    fn lane(&mut self, webhook: &Arc<str>) -> u32 {
        if let Some(lane) = self.lane_numbers.get(webhook) {
            return *lane;
        }
        let lane = rules::FIRST_WEBHOOK_LANE + self.lanes.len() as u32;
        self.lanes.push(webhook.clone());
        self.lane_numbers.insert(webhook.clone(), lane);
        lane
    }

    fn saw(&mut self, now: Timestamp) {
        self.last = self.last.max(Some(now));
    }

    fn put_row(&mut self, row: Lease, value: Row) {
        self.queue.apply(Op::Put(row, value));
    }

    /// Removes a row if it is there.
    fn remove_row(&mut self, row: Lease) {
        if self.queue.has(row) {
            self.queue.apply(Op::Remove(row));
            self.mails_leased.remove(&row);
        }
    }

    pub(super) fn release(&mut self, leases: &[Lease]) {
        for row in self.queue.release(leases) {
            self.mails_leased.remove(&row);
        }
    }

    /// Leases what is due in `lanes`.
    fn claim(&mut self, lanes: impl Iterator<Item = u32>, now: Timestamp, limit: usize) -> Claim<(Lease, Row)> {
        let Ok(claimed) = self.queue.claim(lanes, now, limit, &mut NoMore);
        let mails = claimed.rows.iter().filter(|(_, row)| matches!(row, Row::Mail(_)));
        self.mails_leased.extend(mails.map(|(lease, _)| *lease));
        claimed
    }

    pub(super) fn claim_deliveries(&mut self, webhook: &str, now: Timestamp, limit: usize) -> Claim<DueDelivery> {
        let lane = self.lane_numbers.get(webhook).copied();
        let Claim { rows, next_due } = self.claim(lane.into_iter(), now, limit);
        let mut due = Vec::with_capacity(rows.len());
        due.extend(rows.into_iter().filter_map(|(lease, _)| {
            let stored = self.deliveries.get(lease.serial)?;
            Some(DueDelivery {
                lease,
                id: DeliveryId(lease.serial),
                due_at: lease.due,
                attempts: stored.tries.len() as u32,
                message: self.events.get(stored.event)?.message.in_form(stored.form),
            })
        }));
        Claim { rows: due, next_due }
    }

    pub(super) fn claim_deadlines(
        &mut self,
        kinds: &[DeadlineKind],
        now: Timestamp,
        limit: usize,
    ) -> Claim<DueDeadlineRow> {
        let lanes = kinds.iter().copied().flat_map(rules::deadline_lanes);
        let Claim { rows, next_due } = self.claim(lanes, now, limit);
        let rows = rows.into_iter().filter_map(|(lease, row)| match row {
            Row::Deadline(deadline) => Some(DueDeadlineRow { lease, due_at: lease.due, deadline }),
            _ => None,
        });
        Claim { rows: rows.collect(), next_due }
    }

    pub(super) fn claim_mail(&mut self, now: Timestamp, limit: usize) -> Claim<DueMail> {
        let Claim { rows, next_due } = self.claim(std::iter::once(rules::MAIL_LANE), now, limit);
        let rows = rows.into_iter().filter_map(|(lease, row)| match row {
            Row::Digest(id) => {
                let digest = self.digests.get(&id)?;
                let (webhook, entries) = (digest.webhook.clone(), digest.entries.clone());
                Some(DueMail::Digest { lease, due_at: lease.due, webhook, entries })
            }
            Row::Mail(id) => Some(DueMail::Send { lease, due_at: lease.due, mail: self.mail(MailId(id))? }),
            _ => None,
        });
        Claim { rows: rows.collect(), next_due }
    }

    pub(super) fn redeliver(&mut self, of: DeliveryId, now: Timestamp) -> Result<DeliveryId, OutboxError> {
        let (old, _) = self.delivery(of).ok_or_else(|| rules::unknown_delivery(of))?;
        if !old.state.is_terminal() {
            return Err(rules::not_terminal(of, old.state));
        }
        let (event, lane) = self
            .deliveries
            .get(of.0)
            .map(|stored| (stored.event, stored.lane))
            .ok_or_else(|| rules::unknown_delivery(of))?;
        let again = StoredDelivery {
            event,
            lane,
            form: old.form,
            ordered: false,
            state: DeliveryState::Waiting,
            due_at: now,
            resend_of: Some(of),
            tries: Vec::new(),
        };
        let id = self.add_delivery(again, old.journey_id);
        if let Some(event) = self.events.get_mut(event) {
            event.deliveries.push(id);
            event.open += 1;
        }
        self.saw(now);
        Ok(id)
    }

    pub(super) fn cancel(&mut self, id: DeliveryId, now: Timestamp) -> Result<(), OutboxError> {
        let (delivery, _) = self.delivery(id).ok_or_else(|| rules::unknown_delivery(id))?;
        if delivery.state != DeliveryState::Waiting {
            return Err(rules::not_waiting(id, delivery.state));
        }
        if let Some(stored) = self.deliveries.get(id.0) {
            // A parked one has no row; removing nothing is right then.
            self.remove_row(Lease { lane: stored.lane, due: stored.due_at, serial: id.0 });
        }
        self.saw(now);
        self.end_delivery(id.0, DeliveryState::Cancelled, now);
        self.forget_some();
        Ok(())
    }
}
