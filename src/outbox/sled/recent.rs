//! Journeys that were written lately, as they are: whoever plays one asks for it before each of its steps.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ids::JourneyId;
use crate::provider::Journey;

/// So many journeys are kept for sure, and at most twice as many.
const KEPT: usize = 4_096;

/// Two generations: when the young one is full, the old one is forgotten.
#[derive(Debug, Default)]
pub(super) struct Recent {
    young: HashMap<JourneyId, Arc<Journey>>,
    old: HashMap<JourneyId, Arc<Journey>>,
}

impl Recent {
    pub(super) fn get(&self, id: JourneyId) -> Option<&Arc<Journey>> {
        self.young.get(&id).or_else(|| self.old.get(&id))
    }

    pub(super) fn put(&mut self, journey: Arc<Journey>) {
        if self.young.len() >= KEPT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(journey.id, journey);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::conformance::journey;

    #[test]
    fn the_latest_state_of_the_latest_journeys_is_kept() {
        let mut recent = Recent::default();
        for number in 1..=3 * KEPT as u64 {
            recent.put(Arc::new(journey(number)));
            recent.put(Arc::new(Journey { version: 9, ..journey(number) }));
            for kept in [number, number.saturating_sub(KEPT as u64 - 1).max(1)] {
                let found = recent.get(journey(kept).id).map(|journey| journey.version);
                assert_eq!(found, Some(9), "{kept} after {number}");
            }
        }
        assert!(recent.young.len() + recent.old.len() <= 2 * KEPT);
        assert!(recent.get(journey(1).id).is_none());
    }
}
