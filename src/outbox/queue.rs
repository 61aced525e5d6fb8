//! The rows that are owed to the future, lane by lane: how many there are, which are free, and who holds the others.
//!
//! A lane keeps its earliest free rows in memory and the rest, if there are many, *cold*: a loader brings them a page
//! at a time. So a row that is written and soon due is handed over without being read again, and a backlog of any
//! size costs its lane a page. A row that the writer is changing is held by it until the change is durable: it
//! cannot be claimed in between.
//!
//! ```text
//!   put ──> free (earliest rows) ──claim──> held ──remove──> gone
//!            ^  '─too many─> cold            │
//!            '──load a page──'    release ───┘
//! ```

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::clock::Timestamp;
use crate::outbox::{Claim, Lease, rules};

/// A lane keeps at most so many free rows in memory, while all lanes together keep fewer than [`MANY`].
const HOT: usize = 1_024;
/// With more rows than this in memory over all lanes each keeps only [`FEW`].
const MANY: usize = 65_536;
const FEW: usize = 16;
/// So many rows are loaded at a time.
const PAGE: usize = 256;

/// Rows in memory may bring so many bytes of messages along; beyond it they come without.
const HEAVIEST: usize = 16 << 20;

/// What a row brings along that can be read elsewhere.
pub(in crate::outbox) trait Baggage {
    /// Its bytes.
    fn weight(&self) -> usize;

    /// Leaves it behind.
    fn lighten(&mut self);
}

/// A row's place in its lane.
type Spot = (Timestamp, u64);

/// What a batch does to the queue, in order.
#[derive(Clone, Debug)]
pub(in crate::outbox) enum Op<R> {
    Put(Lease, R),
    Remove(Lease),
    /// The row stays, and says something else.
    Change(Lease, R),
    Park(u32),
    Unpark(u32),
}

/// For a queue that is the only place of its rows.
pub(in crate::outbox) struct NoMore;

impl<R> Loader<R> for NoMore {
    type Error = std::convert::Infallible;

    fn load(&mut self, _: Lease, _: usize) -> Result<Vec<(Lease, R)>, Self::Error> {
        Ok(Vec::new())
    }
}

/// Finds cold rows: the first so many of a lane from a spot on, held ones included.
pub(in crate::outbox) trait Loader<R> {
    type Error;

    fn load(&mut self, from: Lease, limit: usize) -> Result<Vec<(Lease, R)>, Self::Error>;
}

#[derive(Debug)]
struct Lane<R> {
    free: BTreeMap<Spot, R>,
    /// Rows from here on are not in `free` but where the loader finds them; `None`: there are no such rows.
    cold: Option<Spot>,
    rows: u64,
    parked: u64,
    leased: u64,
}

impl<R> Default for Lane<R> {
    fn default() -> Self {
        Lane { free: BTreeMap::new(), cold: None, rows: 0, parked: 0, leased: 0 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// A caller works on it.
    Claimed,
    /// The writer is changing it; `leased` when a caller's claim ends with that.
    Writer { leased: bool },
}

/// See the module.
#[derive(Debug)]
pub(in crate::outbox) struct Queue<R> {
    lanes: BTreeMap<u32, Lane<R>>,
    held: FxHashMap<Lease, (Holder, Option<R>)>,
    /// Free rows in memory over all lanes, and what they bring along.
    free: usize,
    weight: usize,
    /// Over all lanes of endpoints: leased, and all that they have. There may be too many of them to count each time.
    leased: u64,
    pending: u64,
    /// Whether rows may be cold at all.
    bounded: bool,
}

/// A queue that is the only place of its rows.
impl<R> Default for Queue<R> {
    fn default() -> Self {
        Queue {
            lanes: BTreeMap::new(),
            held: FxHashMap::default(),
            free: 0,
            weight: 0,
            leased: 0,
            pending: 0,
            bounded: false,
        }
    }
}

impl<R: Clone + Baggage> Queue<R> {
    /// A queue whose rows can be loaded again: it holds no more of them than it must.
    pub(in crate::outbox) fn bounded() -> Self {
        Queue { bounded: true, ..Queue::default() }
    }

    /// A row that is there and that the loader finds; nothing is loaded yet. For the start.
    pub(in crate::outbox) fn found(&mut self, row: Lease) {
        self.pending += counted(row.lane);
        let lane = self.lanes.entry(row.lane).or_default();
        lane.rows += 1;
        let spot = (row.due, row.serial);
        lane.cold = Some(lane.cold.map_or(spot, |cold| cold.min(spot)));
    }

    pub(in crate::outbox) fn apply(&mut self, op: Op<R>) {
        match op {
            Op::Put(row, value) => {
                self.pending += counted(row.lane);
                self.lanes.entry(row.lane).or_default().rows += 1;
                self.held.remove(&row);
                self.set_free(row, value);
            }
            Op::Change(row, value) => {
                self.held.remove(&row);
                self.take_free(row);
                self.set_free(row, value);
            }
            Op::Remove(row) => {
                self.take_free(row);
                let held = self.held.remove(&row);
                let leased = u64::from(matches!(held, Some((Holder::Claimed | Holder::Writer { leased: true }, _))));
                self.pending -= counted(row.lane);
                self.leased -= leased * counted(row.lane);
                let lane = self.lanes.entry(row.lane).or_default();
                lane.rows -= 1;
                lane.leased -= leased;
            }
            Op::Park(lane) => {
                self.pending += counted(lane);
                self.lanes.entry(lane).or_default().parked += 1;
            }
            Op::Unpark(lane) => {
                self.pending -= counted(lane);
                self.lanes.entry(lane).or_default().parked -= 1;
            }
        }
    }

    fn set_free(&mut self, row: Lease, mut value: R) {
        let lane = self.lanes.entry(row.lane).or_default();
        let spot = (row.due, row.serial);
        if lane.cold.is_some_and(|cold| cold <= spot) {
            return;
        }
        if self.bounded && self.weight + value.weight() > HEAVIEST {
            value.lighten();
        }
        self.weight += value.weight();
        self.free += 1;
        if let Some(before) = lane.free.insert(spot, value) {
            self.weight -= before.weight();
            self.free -= 1;
        }
        let room = if self.free < MANY { HOT } else { FEW };
        if self.bounded && lane.free.len() > room {
            // Half of them, or each further row would send one away.
            while lane.free.len() > room / 2
                && let Some((spot, value)) = lane.free.pop_last()
            {
                lane.cold = Some(spot);
                self.free -= 1;
                self.weight -= value.weight();
            }
        }
    }

    fn take_free(&mut self, row: Lease) -> Option<R> {
        let value = self.lanes.get_mut(&row.lane)?.free.remove(&(row.due, row.serial))?;
        self.free -= 1;
        self.weight -= value.weight();
        Some(value)
    }

    /// Whether the row is there, as far as memory knows.
    pub(in crate::outbox) fn has(&self, row: Lease) -> bool {
        let free = |lane: &Lane<R>| lane.free.contains_key(&(row.due, row.serial));
        self.held.contains_key(&row) || self.lanes.get(&row.lane).is_some_and(free)
    }

    /// Whether a caller has claimed it, also while that claim is ending.
    pub(in crate::outbox) fn is_leased(&self, row: Lease) -> bool {
        matches!(self.held.get(&row), Some((Holder::Claimed | Holder::Writer { leased: true }, _)))
    }

    /// The writer takes a claimed row to end the claim. `None`: nobody had claimed it, or it was settled already.
    pub(in crate::outbox) fn take_claimed(&mut self, row: Lease) -> Option<R> {
        match self.held.get_mut(&row) {
            Some((holder @ Holder::Claimed, value)) => {
                *holder = Holder::Writer { leased: true };
                value.take()
            }
            _ => None,
        }
    }

    /// The writer takes a row unless a caller has claimed it.
    pub(in crate::outbox) fn take_unclaimed(&mut self, row: Lease) -> bool {
        if self.held.get(&row).is_some_and(|(holder, _)| *holder == Holder::Claimed) {
            return false;
        }
        self.take_free(row);
        self.held.entry(row).or_insert((Holder::Writer { leased: false }, None));
        true
    }

    /// The writer takes a row, whoever has it.
    pub(in crate::outbox) fn take(&mut self, row: Lease) {
        if self.take_claimed(row).is_none() {
            self.take_unclaimed(row);
        }
    }

    /// Gives claims up, and says which ended so. Those that the writer is ending, or that ended, are left alone.
    pub(in crate::outbox) fn release(&mut self, leases: &[Lease]) -> Vec<Lease> {
        let mut released = Vec::new();
        for row in leases {
            if self.held.get(row).is_some_and(|(holder, _)| *holder == Holder::Claimed)
                && let Some((_, value)) = self.held.remove(row)
            {
                self.leased -= counted(row.lane);
                self.lanes.entry(row.lane).or_default().leased -= 1;
                value.into_iter().for_each(|value| self.set_free(*row, value));
                released.push(*row);
            }
        }
        released
    }

    /// Leases what is due in `lanes`, over all of them in the order of due times; and the due time of the earliest
    /// row that is left.
    pub(in crate::outbox) fn claim<L: Loader<R>>(
        &mut self,
        lanes: impl Iterator<Item = u32>,
        now: Timestamp,
        limit: usize,
        loader: &mut L,
    ) -> Result<Claim<(Lease, R)>, L::Error> {
        let mut heads = Vec::new();
        for lane in lanes {
            heads.extend(self.first(lane, PAGE, loader)?);
        }
        let mut rows = Vec::new();
        while let Some((at, row)) =
            heads.iter().copied().enumerate().min_by_key(|(_, row)| (row.due, row.serial, row.lane))
        {
            if row.due > now || rows.len() == limit {
                return Ok(Claim { rows, next_due: Some(row.due) });
            }
            if let Some(value) = self.take_free(row) {
                self.held.insert(row, (Holder::Claimed, Some(value.clone())));
                self.leased += counted(row.lane);
                self.lanes.entry(row.lane).or_default().leased += 1;
                rows.push((row, value));
            }
            match self.first(row.lane, PAGE, loader)? {
                Some(next) => heads[at] = next,
                None => {
                    heads.swap_remove(at);
                }
            }
        }
        Ok(Claim { rows, next_due: None })
    }

    /// The earliest free row of a lane; where it is cold, a page of at most `limit` rows is loaded.
    fn first<L: Loader<R>>(&mut self, lane: u32, limit: usize, loader: &mut L) -> Result<Option<Lease>, L::Error> {
        loop {
            let Some(known) = self.lanes.get(&lane) else { return Ok(None) };
            if let Some(((due, serial), _)) = known.free.first_key_value() {
                return Ok(Some(Lease { lane, due: *due, serial: *serial }));
            }
            let Some((due, serial)) = known.cold else { return Ok(None) };
            let limit = if self.free < MANY { limit } else { FEW };
            let page = loader.load(Lease { lane, due, serial }, limit)?;
            let whole = page.len() < limit;
            let last = page.last().map(|(row, _)| (row.due, row.serial));
            let known = self.lanes.entry(lane).or_default();
            known.cold = last.filter(|_| !whole).map(|(due, serial)| (due, serial + 1));
            for (row, value) in page {
                if !self.held.contains_key(&row) {
                    self.weight += value.weight();
                    self.free += usize::from(known.free.insert((row.due, row.serial), value).is_none());
                }
            }
        }
    }

    /// The due time of the earliest free row of a lane.
    pub(in crate::outbox) fn next_due<L: Loader<R>>(
        &mut self,
        lane: u32,
        loader: &mut L,
    ) -> Result<Option<Timestamp>, L::Error> {
        Ok(self.first(lane, FEW, loader)?.map(|row| row.due))
    }

    /// Rows of a lane that are leased.
    pub(in crate::outbox) fn leased(&self, lane: u32) -> u64 {
        self.lanes.get(&lane).map_or(0, |lane| lane.leased)
    }

    /// The serials of what is leased in the lanes of endpoints, in no order.
    pub(in crate::outbox) fn leased_serials(&self) -> impl Iterator<Item = u64> {
        self.held.keys().filter(|row| counted(row.lane) > 0 && self.is_leased(**row)).map(|row| row.serial)
    }

    /// All that a lane has: rows, and what is parked behind them.
    pub(in crate::outbox) fn pending(&self, lane: u32) -> u64 {
        self.lanes.get(&lane).map_or(0, |lane| lane.rows + lane.parked)
    }

    /// The sums over the lanes of endpoints: leased, pending.
    pub(in crate::outbox) fn totals(&self) -> (u64, u64) {
        (self.leased, self.pending)
    }
}

/// 1 for the lane of an endpoint, 0 for one of deadlines or mails.
fn counted(lane: u32) -> u64 {
    u64::from(lane >= rules::FIRST_WEBHOOK_LANE)
}

#[cfg(test)]
mod tests;
