//! Lanes that wait for an instant: the earliest is found without looking at the others. Pure; owned by the engine.

use std::collections::{BTreeMap, BTreeSet};

use crate::delivery::engine::LaneKey;

/// Lanes by the instant they wait for, and back.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    by_instant: BTreeSet<(T, LaneKey)>,
    instants: BTreeMap<LaneKey, T>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Waiting { by_instant: BTreeSet::new(), instants: BTreeMap::new() }
    }
}

impl<T: Ord + Copy> Waiting<T> {
    pub(super) fn insert(&mut self, key: &LaneKey, at: T) {
        self.by_instant.insert((at, key.clone()));
        self.instants.insert(key.clone(), at);
    }

    pub(super) fn remove(&mut self, key: &LaneKey) {
        if let Some((key, at)) = self.instants.remove_entry(key) {
            self.by_instant.remove(&(at, key));
        }
    }

    /// The earliest instant.
    pub(super) fn first(&self) -> Option<T> {
        self.by_instant.first().map(|(at, _)| *at)
    }

    /// Those whose instant has come.
    pub(super) fn until(&self, now: T) -> impl Iterator<Item = LaneKey> {
        self.by_instant.iter().take_while(move |(at, _)| *at <= now).map(|(_, key)| key.clone())
    }
}
