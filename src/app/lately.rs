//! What was done to journeys lately: stimuli by their words, for people who look on.
//!
//! In memory and bounded, so a restart forgets it; what followed from a stimulus, its events, is kept in the outbox.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::ids::JourneyId;

/// So many stimuli are remembered, over all journeys: some hundred kilobytes.
const KEPT: usize = 4_096;

/// The last stimuli.
#[derive(Debug, Default)]
pub struct Lately(Mutex<VecDeque<(JourneyId, Timestamp, String)>>);

impl Lately {
    /// Remembers an accepted stimulus, and what it was done with: `submit_step 1`.
    pub(super) fn note(&self, journey: JourneyId, at: Timestamp, stimulus: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((journey, at, stimulus.to_owned()));
    }

    /// What was done to a journey, as far as it is remembered, oldest first.
    pub fn of(&self, journey: JourneyId) -> Vec<(Timestamp, String)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = kept.iter().filter(|(id, ..)| *id == journey);
        own.map(|(_, at, stimulus)| (*at, stimulus.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn the_last_are_remembered_and_no_more() {
        let lately = Lately::default();
        let (one, other) = (JourneyId::mint(Seed(0), 1), JourneyId::mint(Seed(0), 2));
        let at = Timestamp::default();
        lately.note(one, at, "start");
        (1..KEPT).for_each(|_| lately.note(other, at, "cancel"));
        assert_eq!(lately.of(one), [(at, "start".to_owned())]);
        lately.note(other, at, "cancel");
        assert_eq!(lately.of(one), []);
        assert_eq!(lately.of(other).len(), KEPT);
    }
}
