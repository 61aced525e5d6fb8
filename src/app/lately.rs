//! What was done to journeys lately: stimuli by their words, for people who look on.
//!
//! In memory and bounded, so a restart forgets it; what followed from a stimulus, its events, is kept in the outbox.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::ids::JourneyId;

/// So many stimuli are remembered, over all journeys: some hundred kilobytes.
const KEPT: usize = 4_096;

/// A stimulus that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// When.
    pub at: Timestamp,
    /// Its word, and what it was done with: `submit_step 1`.
    pub stimulus: String,
    /// How many events the journey had emitted before: those that followed from it come after.
    pub sequence: u64,
}

/// The last stimuli.
#[derive(Debug, Default)]
pub struct Lately(Mutex<VecDeque<(JourneyId, Done)>>);

impl Lately {
    /// Remembers an accepted stimulus.
    pub(super) fn note(&self, journey: JourneyId, done: Done) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((journey, done));
    }

    /// What was done to a journey, as far as it is remembered, oldest first.
    pub fn of(&self, journey: JourneyId) -> Vec<Done> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().filter(|(id, _)| *id == journey).map(|(_, done)| done.clone()).collect()
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
        let done = |stimulus: &str| Done { at: Timestamp::default(), stimulus: stimulus.to_owned(), sequence: 0 };
        lately.note(one, done("start"));
        (1..KEPT).for_each(|_| lately.note(other, done("cancel")));
        assert_eq!(lately.of(one), [done("start")]);
        lately.note(other, done("cancel"));
        assert_eq!(lately.of(one), []);
        assert_eq!(lately.of(other).len(), KEPT);
    }
}
