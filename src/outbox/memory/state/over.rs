//! What is over: events all of whose deliveries are terminal. They are kept for the retention and then forgotten with
//! their deliveries and attempts, those that ended first first; what they count for in the ledger stays. Journeys stay but
//! those that were let go, where there is no retention.

use std::collections::VecDeque;
use std::time::Duration;

use super::{State, StoredJourney, Wanted};
use crate::clock::Timestamp;
use crate::ids::JourneyId;

/// A write forgets no more than this: whoever waits behind it is not to wait for a year's events.
const AT_ONCE: usize = 64;

/// Events that are over, by when they came to be.
#[derive(Debug)]
pub(super) struct Over {
    retention: Duration,
    events: VecDeque<(Timestamp, u64)>,
}

impl Default for Over {
    fn default() -> Self {
        Over::kept_for(Duration::MAX)
    }
}

impl Over {
    /// `Duration::MAX` keeps everything.
    pub(super) fn kept_for(retention: Duration) -> Self {
        Over { retention, events: VecDeque::new() }
    }

    /// The next that is to be forgotten at `now`.
    fn next(&mut self, now: Timestamp) -> Option<u64> {
        let (at, event) = self.events.front()?;
        if *at > now.minus(self.retention) {
            return None;
        }
        let event = *event;
        self.events.pop_front();
        Some(event)
    }
}

impl State {
    /// One delivery of `event` less is open.
    pub(super) fn one_is_terminal(&mut self, event: u64, at: Timestamp) {
        let Some(stored) = self.events.get_mut(event) else { return };
        stored.open -= 1;
        if stored.open == 0 {
            self.is_over(event, at);
        }
    }

    /// `event` has no delivery that is open.
    pub(super) fn is_over(&mut self, event: u64, at: Timestamp) {
        if self.over.retention != Duration::MAX
            && let Some(stored) = self.events.get_mut(event)
        {
            stored.over += 1;
            self.over.events.push_back((at, event));
        }
    }

    /// Forgets a few of those whose time is up: whether there may be more.
    pub(in crate::outbox::memory) fn forget(&mut self, now: Timestamp) -> bool {
        for _ in 0..AT_ONCE {
            let Some(event) = self.over.next(now) else { return false };
            self.forget_event(event);
        }
        true
    }

    /// After a write: what that made over, and what time has.
    pub(super) fn forget_some(&mut self) {
        if let Some(now) = self.last {
            self.forget(now);
        }
    }

    fn forget_event(&mut self, event: u64) {
        let Some(stored) = self.events.get_mut(event) else { return };
        stored.over -= 1;
        // One that was sent again is open, or was over another time, later.
        if stored.open + stored.over > 0 {
            return;
        }
        let Some(gone) = self.events.take(event) else { return };
        for delivery in gone.deliveries {
            self.deliveries.take(delivery.0);
        }
        self.event_numbers.remove(&gone.message.event_id);
        let Some(id) = gone.message.journey_id else { return };
        if let Some(journey) = self.journeys.get_mut(&id) {
            if let Some(place) = journey.events.iter().position(|(_, number)| *number == event) {
                journey.events.remove(place);
            }
            self.forget_journey(id);
        }
    }

    /// Nobody asks for a journey any more.
    pub(in crate::outbox::memory) fn let_go(&mut self, id: JourneyId) {
        if self.over.retention == Duration::ZERO
            && let Some(journey) = self.journeys.get_mut(&id)
            && journey.wanted == Wanted::Maybe
        {
            journey.wanted = Wanted::No;
            self.forget_journey(id);
        }
    }

    /// A mail is going to name the journey of `event`.
    pub(super) fn is_named(&mut self, event: u64) {
        let journey = self.events.get(event).and_then(|stored| stored.message.journey_id);
        if let Some(journey) = journey.and_then(|id| self.journeys.get_mut(&id)) {
            journey.wanted = Wanted::ByMail;
        }
    }

    /// Forgets a journey that was let go, unless something of it is owed.
    fn forget_journey(&mut self, id: JourneyId) {
        let is_over = |journey: &StoredJourney| {
            journey.wanted == Wanted::No && journey.events.is_empty() && journey.journey.deadlines.is_empty()
        };
        if self.journeys.get(&id).is_some_and(is_over)
            && let Some(gone) = self.journeys.remove(&id)
        {
            self.journey_ids.remove(&gone.journey.number);
            self.journeys_gone += 1;
        }
    }
}
