//! What the sled outbox knows in memory: lanes, leases, counts. Bounded by lanes and leases, not by rows.
//!
//! One mutex (in `Core`) guards all of this; pages of a lane's rows are read under it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::table::Table;
use crate::clock::Timestamp;
use crate::message::Message;
use crate::outbox::queue::{self, Baggage, Loader, Queue};
use crate::outbox::record::{self, Counts, Row, keys};
use crate::outbox::{Claim, DeliveryCounts, Horizon, LaneStatus, Lease, Ledger, MailCounts, OutboxError, rules};
use crate::provider::DeadlineKind;

/// A row, and its message while that is still in memory.
#[derive(Clone, Debug)]
pub(super) struct Hot {
    pub(super) row: Row,
    pub(super) message: Option<Message>,
}

impl From<Row> for Hot {
    fn from(row: Row) -> Self {
        Hot { row, message: None }
    }
}

impl Baggage for Hot {
    fn weight(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.body.len())
    }

    fn lighten(&mut self) {
        self.message = None;
    }
}

pub(super) type Op = queue::Op<Hot>;

/// Reads the cold rows of a lane.
struct Rows<'a>(&'a Table);

impl Loader<Hot> for Rows<'_> {
    type Error = OutboxError;

    fn load(&mut self, from: Lease, limit: usize) -> Result<Vec<(Lease, Hot)>, OutboxError> {
        let page = self.0.page(&keys::row(from), &keys::lane_rows(from.lane + 1), limit)?;
        let rows = page.into_iter().map(|(key, value)| {
            let row = keys::read_row(&key);
            let row = row.ok_or_else(|| OutboxError::Broken("a key of the queue cannot be read".into()))?;
            Ok((row, Hot::from(record::open::<Row>("row", &key, &value)?)))
        });
        rows.collect()
    }
}

#[derive(Debug)]
pub(super) struct Live {
    names: BTreeMap<Arc<str>, u32>,
    webhooks: BTreeMap<u32, Arc<str>>,
    queue: Queue<Hot>,
    /// Serials of the leased mails: digests share their lane.
    mails_leased: BTreeSet<u64>,
    counts: Counts,
    last: Option<Timestamp>,
}

impl Default for Live {
    fn default() -> Self {
        Live {
            names: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            queue: Queue::bounded(),
            mails_leased: BTreeSet::new(),
            counts: Counts::default(),
            last: None,
        }
    }
}

impl Live {
    pub(super) fn add_lane(&mut self, lane: u32, webhook: Arc<str>) {
        self.names.insert(webhook.clone(), lane);
        self.webhooks.insert(lane, webhook);
    }

    pub(super) fn lane(&self, webhook: &str) -> Option<u32> {
        self.names.get(webhook).copied()
    }

    pub(super) fn webhook(&self, lane: u32) -> Option<Arc<str>> {
        self.webhooks.get(&lane).cloned()
    }

    pub(super) fn lanes(&self) -> BTreeMap<Arc<str>, u32> {
        self.names.clone()
    }

    /// A row that was found at the start.
    pub(super) fn found(&mut self, row: Lease) {
        self.queue.found(row);
    }

    pub(super) fn found_parked(&mut self, lane: u32) {
        self.queue.apply(Op::Park(lane));
    }

    pub(super) fn set_counts(&mut self, counts: Counts, last: Option<Timestamp>) {
        self.counts = counts;
        self.last = last;
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn last_instant(&self) -> Option<Timestamp> {
        self.last
    }

    pub(super) fn is_leased(&self, row: Lease) -> bool {
        self.queue.is_leased(row)
    }

    pub(super) fn is_mail_leased(&self, serial: u64) -> bool {
        self.mails_leased.contains(&serial)
    }

    /// See [`Queue::take_claimed`].
    pub(super) fn take_claimed(&mut self, row: Lease) -> Option<Hot> {
        self.queue.take_claimed(row)
    }

    /// See [`Queue::take_unclaimed`].
    pub(super) fn take_unclaimed(&mut self, row: Lease) -> bool {
        self.queue.take_unclaimed(row)
    }

    /// See [`Queue::take`].
    pub(super) fn take(&mut self, row: Lease) {
        self.queue.take(row);
    }

    /// A batch is durable: what it did holds for everybody, and the writer lets go.
    pub(super) fn publish(&mut self, ops: Vec<Op>) {
        for op in ops {
            if let Op::Remove(row) = &op
                && row.lane == rules::MAIL_LANE
            {
                self.mails_leased.remove(&row.serial);
            }
            self.queue.apply(op);
        }
    }

    /// Gives claims up. Those that the writer is ending, or that ended, are left alone.
    pub(super) fn release(&mut self, leases: &[Lease]) {
        for row in self.queue.release(leases) {
            if row.lane == rules::MAIL_LANE {
                self.mails_leased.remove(&row.serial);
            }
        }
    }

    /// Leases what is due in `lanes`.
    pub(super) fn claim(
        &mut self,
        table: &Table,
        lanes: impl Iterator<Item = u32>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Claim<(Lease, Hot)>, OutboxError> {
        let claimed = self.queue.claim(lanes, now, limit, &mut Rows(table))?;
        self.mails_leased.extend(claimed.rows.iter().map(|(row, _)| *row).filter(is_mail).map(|row| row.serial));
        Ok(claimed)
    }

    pub(super) fn ledger(&self) -> Ledger {
        let counts = &self.counts;
        let (in_flight, _) = self.queue.totals();
        let mails_in_flight = self.mails_leased.len() as u64;
        Ledger {
            journeys: counts.journeys,
            events: counts.events,
            deliveries: DeliveryCounts {
                accepted: counts.deliveries,
                waiting: counts.pending() - in_flight,
                in_flight,
                delivered: counts.delivered,
                exhausted: counts.exhausted,
                cancelled: counts.cancelled,
            },
            attempts: counts.attempts,
            mails: MailCounts {
                accepted: counts.mails,
                waiting: counts.pending_mails() - mails_in_flight,
                in_flight: mails_in_flight,
                sent: counts.sent,
                failed: counts.failed,
                kept: counts.kept,
            },
        }
    }

    pub(super) fn lane_statuses(&mut self, table: &Table) -> Result<Vec<LaneStatus>, OutboxError> {
        let mut lanes = Vec::new();
        for (webhook, lane) in &self.names {
            let (pending, in_flight) = (self.queue.pending(*lane), self.queue.leased(*lane));
            if pending > 0 {
                let next_due = self.queue.next_due(*lane, &mut Rows(table))?;
                let waiting = pending - in_flight;
                lanes.push(LaneStatus { webhook: webhook.clone(), waiting, in_flight, next_due });
            }
        }
        Ok(lanes)
    }

    pub(super) fn horizon(&mut self, table: &Table) -> Result<Horizon, OutboxError> {
        let mut horizon = Horizon { lanes: self.lane_statuses(table)?, ..Horizon::default() };
        let mut rows = Rows(table);
        for kind in DeadlineKind::ALL {
            let mut next = None;
            for lane in rules::deadline_lanes(kind) {
                next = next.into_iter().chain(self.queue.next_due(lane, &mut rows)?).min();
                horizon.deadlines_in_flight += self.queue.leased(lane);
            }
            horizon.deadlines.extend(next.map(|next| (kind, next)));
        }
        horizon.mail = self.queue.next_due(rules::MAIL_LANE, &mut rows)?;
        horizon.mail_in_flight = self.queue.leased(rules::MAIL_LANE);
        Ok(horizon)
    }

    /// The numbers of the deliveries that are leased.
    pub(super) fn deliveries_leased(&self) -> Vec<u64> {
        self.queue.leased_serials().collect()
    }

    /// Deliveries that have a row or are parked.
    pub(super) fn pending(&self) -> u64 {
        self.queue.totals().1
    }
}

/// Whether it is the row of a mail: digests share the mails' lane.
fn is_mail(row: &Lease) -> bool {
    row.lane == rules::MAIL_LANE && row.serial & 1 == 1
}
