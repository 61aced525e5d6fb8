//! What the sled outbox knows in memory: lanes, leases, counts. Bounded by lanes and leases, not by rows.
//!
//! A row that the writer is changing is held by it until the change is durable: it cannot be claimed in between,
//! neither as it was nor as it will be. One mutex (in `Core`) guards all of this; the disk is only read under it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sled::{IVec, Tree};

use crate::clock::Timestamp;
use crate::outbox::record::{Counts, keys};
use crate::outbox::{Claim, DeliveryCounts, Horizon, LaneStatus, Lease, Ledger, MailCounts, OutboxError, rules};
use crate::provider::DeadlineKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// A caller works on it.
    Claimed,
    /// The writer is changing it; `leased` when a caller's claim ends with that.
    Writer { leased: bool },
}

/// The earliest due time of a lane's rows that nobody holds.
#[derive(Clone, Copy, Debug)]
enum Next {
    Known(Option<Timestamp>),
    /// To be looked up.
    Stale,
}

#[derive(Clone, Copy, Debug)]
struct Stats {
    rows: u64,
    parked: u64,
    leased: u64,
    next: Next,
    /// Every row before this one is held: a claim need not look there.
    free_from: Option<Lease>,
}

impl Default for Stats {
    fn default() -> Self {
        Stats { rows: 0, parked: 0, leased: 0, next: Next::Known(None), free_from: None }
    }
}

impl Stats {
    /// A row is free, or will be in this very step.
    fn offer(&mut self, row: Lease) {
        if let Next::Known(next) = &mut self.next {
            *next = Some(next.map_or(row.due, |next| next.min(row.due)));
        }
        self.free_from = self.free_from.map(|from| from.min(row));
    }
}

/// What a batch does to the queue, in order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Put(Lease),
    Remove(Lease),
    /// The row stays; it was only kept from being claimed.
    Touch(Lease),
    Park(u32),
    Unpark(u32),
}

#[derive(Debug, Default)]
pub(super) struct Live {
    names: BTreeMap<Arc<str>, u32>,
    webhooks: BTreeMap<u32, Arc<str>>,
    stats: BTreeMap<u32, Stats>,
    held: HashMap<Lease, Holder>,
    /// Serials of the leased mails: digests share their lane.
    mails_leased: BTreeSet<u64>,
    counts: Counts,
    last: Option<Timestamp>,
    /// Idempotency keys that are written but not durable: their answers must not be given yet.
    unsettled_keys: HashSet<Vec<u8>>,
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
        self.apply(Op::Put(row));
    }

    pub(super) fn found_parked(&mut self, lane: u32) {
        self.apply(Op::Park(lane));
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
        matches!(self.held.get(&row), Some(Holder::Claimed | Holder::Writer { leased: true }))
    }

    pub(super) fn is_mail_leased(&self, serial: u64) -> bool {
        self.mails_leased.contains(&serial)
    }

    pub(super) fn is_unsettled(&self, key: &[u8]) -> bool {
        self.unsettled_keys.contains(key)
    }

    pub(super) fn keep_key(&mut self, key: Vec<u8>) {
        self.unsettled_keys.insert(key);
    }

    /// The writer takes a claimed row to end the claim. `false`: nobody had claimed it, or it was settled already.
    pub(super) fn take_claimed(&mut self, row: Lease) -> bool {
        match self.held.get_mut(&row) {
            Some(holder @ Holder::Claimed) => {
                *holder = Holder::Writer { leased: true };
                true
            }
            _ => false,
        }
    }

    /// The writer takes a row unless a caller has claimed it.
    pub(super) fn take_unclaimed(&mut self, row: Lease) -> bool {
        *self.held.entry(row).or_insert(Holder::Writer { leased: false }) != Holder::Claimed
    }

    /// The writer takes a row, whoever has it.
    pub(super) fn take(&mut self, row: Lease) {
        if !self.take_claimed(row) {
            self.take_unclaimed(row);
        }
    }

    /// A batch is durable: what it did holds for everybody, and the writer lets go.
    pub(super) fn publish(&mut self, ops: &[Op]) {
        ops.iter().for_each(|op| self.apply(*op));
        for op in ops {
            if let Op::Put(row) | Op::Remove(row) | Op::Touch(row) = op {
                self.held.remove(row);
            }
        }
        self.unsettled_keys.clear();
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Put(row) => {
                let stats = self.stats.entry(row.lane).or_default();
                stats.rows += 1;
                stats.offer(row);
            }
            Op::Touch(row) => self.stats.entry(row.lane).or_default().offer(row),
            Op::Remove(row) => {
                let stats = self.stats.entry(row.lane).or_default();
                stats.rows -= 1;
                match self.held.get_mut(&row) {
                    Some(Holder::Writer { leased }) if *leased => {
                        *leased = false;
                        stats.leased -= 1;
                        if row.lane == rules::MAIL_LANE {
                            self.mails_leased.remove(&row.serial);
                        }
                    }
                    _ => stats.next = Next::Stale,
                }
            }
            Op::Park(lane) => self.stats.entry(lane).or_default().parked += 1,
            Op::Unpark(lane) => self.stats.entry(lane).or_default().parked -= 1,
        }
    }

    /// Gives claims up. Those that the writer is ending, or that ended, are left alone.
    pub(super) fn release(&mut self, leases: &[Lease]) {
        for row in leases {
            if self.held.get(row) == Some(&Holder::Claimed) {
                self.held.remove(row);
                let stats = self.stats.entry(row.lane).or_default();
                stats.leased -= 1;
                stats.offer(*row);
                if row.lane == rules::MAIL_LANE {
                    self.mails_leased.remove(&row.serial);
                }
            }
        }
    }

    /// Leases what is due in `lanes`.
    pub(super) fn claim(
        &mut self,
        tree: &Tree,
        lanes: impl Iterator<Item = u32>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Claim<(Lease, IVec)>, OutboxError> {
        let mut values = BTreeMap::new();
        let mut later = None;
        let mut looked_at = Vec::new();
        for lane in lanes {
            let next = self.stats.get(&lane).map_or(Next::Known(None), |stats| stats.next);
            if let Next::Known(next) = next
                && next.is_none_or(|next| next > now)
            {
                later = earlier(later, next);
                continue;
            }
            looked_at.push(lane);
            for found in self.unheld(tree, lane).take(limit.saturating_add(1)) {
                let (row, value) = found?;
                values.insert(row, value);
            }
        }
        let (rows, next) = rules::pick(values.keys().copied().collect(), now, limit);
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            self.held.insert(row, Holder::Claimed);
            self.stats.entry(row.lane).or_default().leased += 1;
            if is_mail(row) {
                self.mails_leased.insert(row.serial);
            }
            claimed.extend(values.remove(&row).map(|value| (row, value)));
        }
        for lane in looked_at {
            let left = values.keys().find(|row| row.lane == lane).copied();
            let stats = self.stats.entry(lane).or_default();
            stats.next = Next::Known(left.map(|row| row.due));
            // Nothing is left: every row that there is now is held.
            stats.free_from = Some(left.unwrap_or(Lease { lane, due: Timestamp::MAX, serial: u64::MAX }));
        }
        Ok(Claim { rows: claimed, next_due: earlier(later, next) })
    }

    fn unheld(&self, tree: &Tree, lane: u32) -> impl Iterator<Item = Result<(Lease, IVec), OutboxError>> {
        let from = self.stats.get(&lane).and_then(|stats| stats.free_from);
        let from = from.map_or_else(|| keys::lane_rows(lane), keys::row);
        let end = keys::lane_rows(lane + 1);
        tree.range(from..end).filter_map(|found| match found {
            Err(error) => Some(Err(error.into())),
            Ok((key, value)) => match keys::read_row(&key) {
                Some(row) if self.held.contains_key(&row) => None,
                Some(row) => Some(Ok((row, value))),
                None => Some(Err(OutboxError::Broken("a key of the queue cannot be read".into()))),
            },
        })
    }

    fn next_due(&mut self, tree: &Tree, lane: u32) -> Result<Option<Timestamp>, OutboxError> {
        match self.stats.get(&lane).map(|stats| stats.next) {
            None => Ok(None),
            Some(Next::Known(next)) => Ok(next),
            Some(Next::Stale) => {
                let next = self.unheld(tree, lane).next().transpose()?.map(|(row, _)| row.due);
                self.stats.entry(lane).or_default().next = Next::Known(next);
                Ok(next)
            }
        }
    }

    pub(super) fn ledger(&self) -> Ledger {
        let counts = &self.counts;
        let webhooks = self.stats.range(rules::FIRST_WEBHOOK_LANE..);
        let in_flight: u64 = webhooks.map(|(_, stats)| stats.leased).sum();
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

    pub(super) fn horizon(&mut self, tree: &Tree) -> Result<Horizon, OutboxError> {
        let mut horizon = Horizon::default();
        for (webhook, lane) in self.names.clone() {
            let stats = self.stats.get(&lane).copied().unwrap_or_default();
            if stats.rows + stats.parked > 0 {
                horizon.lanes.push(LaneStatus {
                    webhook,
                    waiting: stats.rows + stats.parked - stats.leased,
                    in_flight: stats.leased,
                    next_due: self.next_due(tree, lane)?,
                });
            }
        }
        for kind in DeadlineKind::ALL {
            let mut next = None;
            for lane in rules::deadline_lanes(kind) {
                next = earlier(next, self.next_due(tree, lane)?);
                horizon.deadlines_in_flight += self.stats.get(&lane).map_or(0, |stats| stats.leased);
            }
            horizon.deadlines.extend(next.map(|next| (kind, next)));
        }
        horizon.mail = self.next_due(tree, rules::MAIL_LANE)?;
        horizon.mail_in_flight = self.stats.get(&rules::MAIL_LANE).map_or(0, |stats| stats.leased);
        Ok(horizon)
    }

    /// Deliveries and mails that have a row or are parked.
    pub(super) fn pending(&self) -> u64 {
        self.stats.range(rules::FIRST_WEBHOOK_LANE..).map(|(_, stats)| stats.rows + stats.parked).sum()
    }
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}

/// Whether it is the row of a mail: digests share the mails' lane.
fn is_mail(row: Lease) -> bool {
    row.lane == rules::MAIL_LANE && row.serial & 1 == 1
}
