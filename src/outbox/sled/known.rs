//! What only the writer knows: it alone changes these, so that what it remembers of them is what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::recent::Recent;
use super::table::Table;
use crate::ids::JourneyId;
use crate::outbox::OutboxError;
use crate::outbox::record::{self, Place, Turn, keys};

/// Journeys whose turns are remembered, at so many lots of neighbouring lanes.
const TURNS: usize = 4_096;

/// See the module. Drafts change it at once: a batch that fails ends all writing.
#[derive(Debug)]
pub(super) struct Known {
    /// The endpoints' lanes.
    pub(super) lanes: BTreeMap<Arc<str>, u32>,
    /// The highest number of a journey.
    pub(super) top: u64,
    /// Turns that were looked at lately, by journey and neighbouring lanes; empty where nobody has one.
    pub(super) turns: Recent<(JourneyId, u32), Vec<Turn>>,
    needed: BTreeMap<u32, u64>,
    touched: BTreeSet<u32>,
}

impl Known {
    /// As the table has it.
    pub(super) fn load(table: &Table, lanes: BTreeMap<Arc<str>, u32>) -> Result<Known, OutboxError> {
        let last = table.page_back(&keys::journey(0), &keys::journey(u64::MAX), 1)?.pop();
        let top = last.and_then(|(key, _)| keys::number(&key)).unwrap_or_default();
        let mut needed = BTreeMap::new();
        for found in table.prefixed(b"S") {
            let (key, value) = found?;
            let count: u64 = record::open("count of a segment", &key, &value)?;
            needed.extend(keys::read_needed(&key).map(|segment| (segment, count)));
        }
        Ok(Known { lanes, top, turns: Recent::new(TURNS), needed, touched: BTreeSet::new() })
    }

    /// Something that is pending has its bytes at `place`, from here on.
    pub(super) fn need(&mut self, place: Place) {
        *self.needed.entry(place.segment()).or_default() += 1;
        self.touched.insert(place.segment());
    }

    /// It is pending no more.
    ///
    /// # Errors
    /// When nothing there was said to be pending: what retention goes by would be wrong.
    pub(super) fn done_with(&mut self, place: Place) -> Result<(), OutboxError> {
        let count = self.needed.get_mut(&place.segment()).filter(|count| **count > 0);
        let count = count.ok_or_else(|| OutboxError::Broken("more is over than was pending in a segment".into()))?;
        *count -= 1;
        self.touched.insert(place.segment());
        Ok(())
    }

    /// Everything that is pending, over all segments.
    pub(super) fn needs(&self) -> u64 {
        self.needed.values().sum()
    }

    /// The oldest segment that anything pending needs.
    pub(super) fn oldest_needed(&self) -> Option<u32> {
        self.needed.first_key_value().map(|(segment, _)| *segment)
    }

    /// The segments whose counts have changed since the last call, and those counts; `None` for one that nobody needs.
    pub(super) fn counted(&mut self) -> Vec<(u32, Option<u64>)> {
        self.needed.retain(|_, count| *count > 0);
        let touched = std::mem::take(&mut self.touched);
        touched.into_iter().map(|segment| (segment, self.needed.get(&segment).copied())).collect()
    }
}
