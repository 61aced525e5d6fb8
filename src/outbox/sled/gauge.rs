//! When a tree is worth writing anew: what is known of how full it is, and how long it is left alone. Pure numbers, but for
//! the time that passes; it asks no disk.
//!
//! Called by `rebuild`, which does the looking and the copying.

use std::time::Duration;

use super::table::Told;
use super::tree::weight;
use crate::clock::Stopwatch;

/// A tree whose files take so many times what its rows weigh is mostly empty: one just written takes two to four times as
/// much.
const SPARSE: u64 = 6;
/// It rests so many times as long as it worked.
const SHARE: u32 = 10;
/// So much is copied at a time.
const CHUNK: u64 = 64 << 10;
/// After so much the disk is told to keep it: the last sync must not take long.
const SYNC_EVERY: u64 = 4 << 20;
/// So much must be left for others on the disk.
const MARGIN: u64 = 32 << 20;

/// How full a tree is, as far as that is known, and when it is worth a look. Numbers alone: it asks no disk.
#[derive(Debug)]
pub(super) struct Gauge {
    /// Smaller files are left alone.
    floor: u64,
    /// The weight of all rows, or less while it was not weighed.
    live: u64,
    weighed: bool,
    /// The weight of what came and went since the tree was written, or looked at in vain.
    changed: u64,
    /// So much must change before it is looked at again, or so long pass: all looking and copying costs no more than a share of
    /// what is changed, or of the time.
    owed: u64,
    rest: Duration,
    since: Stopwatch,
}

/// What there is to do about a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: it is small, or full enough, or it is too soon to look again.
    Leave,
    /// It may be mostly empty: that its rows must say.
    Weigh,
    /// It is mostly empty.
    Write,
}

/// How far a copy has come: the weights of the rows that were read, that the new tree has, and that the disk was told to keep.
#[derive(Debug, Default)]
pub(super) struct Progress {
    live: u64,
    copied: u64,
    synced: u64,
}

/// What a copy does once it has read a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It reads on.
    Gather,
    /// It copies what it has read.
    Copy,
    /// That, and it tells the disk to keep it.
    Sync,
}

impl Gauge {
    /// Of a tree that has so many rows, or more, and was not looked at yet. Files of less than `floor` are left alone.
    pub(super) fn new(floor: u64, rows: u64) -> Self {
        let live = rows * weight(b"", 0);
        let (rest, since) = (Duration::ZERO, Stopwatch::start());
        Gauge { floor, live, weighed: false, changed: 0, owed: 0, rest, since }
    }

    /// What there is to do now about files that take so much of the disk.
    pub(super) fn next(&self, size: u64) -> Next {
        let too_soon = self.changed < self.owed && self.since.elapsed() < self.rest;
        if size < self.floor || too_soon || self.live > most(size) {
            return Next::Leave;
        }
        if self.weighed { Next::Write } else { Next::Weigh }
    }

    /// The weight of all rows, or less while it was not weighed.
    pub(super) fn live(&self) -> u64 {
        self.live
    }

    /// The tree was told so much.
    pub(super) fn told(&mut self, told: Told) {
        self.changed = self.changed.saturating_add(told.put + told.gone);
        self.live = (self.live + told.put).saturating_sub(told.gone);
    }

    /// All rows weigh so much.
    pub(super) fn weighed(&mut self, live: u64) {
        (self.live, self.weighed) = (live, true);
    }

    /// So much was looked at in vain: not again before as much has changed.
    pub(super) fn looked(&mut self, looked: u64, took: Duration) {
        self.put_off(looked, took * SHARE);
    }

    /// Rows of that weight were copied, or would have been. Not again before a half has changed: what is drained is never all.
    pub(super) fn copied(&mut self, live: u64, took: Duration) {
        self.put_off(live / 2, took * SHARE);
    }

    /// Not again before so much has changed, or so long has passed.
    pub(super) fn put_off(&mut self, owed: u64, rest: Duration) {
        (self.changed, self.owed) = (0, owed);
        (self.rest, self.since) = (rest, Stopwatch::start());
    }
}

impl Progress {
    /// Another row was read, which weighs so much.
    pub(super) fn step(&mut self, weight: u64) -> Step {
        self.live += weight;
        if self.live - self.copied < CHUNK {
            return Step::Gather;
        }
        self.copied = self.live;
        if self.copied - self.synced < SYNC_EVERY {
            return Step::Copy;
        }
        self.synced = self.copied;
        Step::Sync
    }

    /// The weight of what was read.
    pub(super) fn live(&self) -> u64 {
        self.live
    }
}

/// What the rows of a tree whose files take so much may weigh at most, and it is mostly empty.
pub(super) fn most(size: u64) -> u64 {
    size / SPARSE
}

/// Whether a disk that has so much free has room for a copy of rows of that weight, and for others.
pub(super) fn has_room(free: u64, live: u64) -> bool {
    free >= live * SPARSE + MARGIN
}
