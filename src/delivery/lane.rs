//! One destination's traffic: its slots, its due time and its rate. Pure; owned by the engine.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;

/// How a lane may be used.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneSettings {
    /// At most so many attempts at once, 1 or more.
    pub max_in_flight: usize,
    /// The least real time between two starts.
    pub spacing: Option<Duration>,
    /// Whether due work waits until the lane is resumed.
    pub paused: Paused,
}

/// Whether a lane stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paused {
    /// It runs.
    #[default]
    No,
    /// Nothing new is started; what is under way ends.
    Yes,
}

/// What a lane wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Nothing, until something happens to it.
    Nothing,
    /// To be looked at again at an instant of provider time.
    At(Timestamp),
    /// To be looked at again at a span of real time since the start of the process.
    AtReal(Duration),
    /// To lease up to so many due rows now.
    Claim(usize),
}

/// One destination's traffic.
#[derive(Debug)]
pub struct Lane<T> {
    settings: LaneSettings,
    /// Attempts that were started and whose settlement is not durable yet.
    in_flight: usize,
    /// Leased and waiting for the rate.
    queued: VecDeque<T>,
    /// The earliest due time that is known of.
    due: Option<Timestamp>,
    /// A claim is under way; what it will say of the next due time is older than what comes in meanwhile.
    claiming: bool,
    /// The earliest real instant of the next start.
    next_start: Duration,
}

impl<T> Lane<T> {
    /// An idle lane.
    pub fn new(settings: LaneSettings) -> Self {
        Lane { settings, in_flight: 0, queued: VecDeque::new(), due: None, claiming: false, next_start: Duration::ZERO }
    }

    /// Changes how the lane may be used; what is under way goes on.
    pub fn configure(&mut self, settings: LaneSettings) {
        // The last start stays where it was; the next is as far from it as the new rate says.
        let (before, after) = (self.settings.spacing.unwrap_or_default(), settings.spacing.unwrap_or_default());
        self.next_start = self.next_start.saturating_sub(before).saturating_add(after);
        self.settings = settings;
    }

    /// Starts nothing more until it is configured again.
    pub fn pause(&mut self) {
        self.settings.paused = Paused::Yes;
    }

    /// Attempts that hold a slot.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Work will be due at `due`.
    pub fn hear(&mut self, due: Timestamp) {
        self.due = Some(self.due.map_or(due, |known| known.min(due)));
    }

    /// A claim is being made: until it is answered, no other.
    pub fn claiming(&mut self) {
        self.claiming = true;
        // What is heard from here on may be newer than the claim's answer; the answer brings the rest.
        self.due = None;
    }

    /// The claim's answer.
    pub fn claimed(&mut self, rows: Vec<T>, next_due: Option<Timestamp>) {
        self.claiming = false;
        self.queued.extend(rows);
        if let Some(due) = next_due {
            self.hear(due);
        }
    }

    /// An attempt's settlement is durable, and its slot free.
    pub fn ended(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// The next row to start now, if slot and rate allow; it takes a slot.
    pub fn start(&mut self, room: usize, real: Duration) -> Option<T> {
        if self.settings.paused == Paused::Yes || self.free(room) == 0 || real < self.next_start {
            return None;
        }
        let row = self.queued.pop_front()?;
        self.in_flight += 1;
        if let Some(spacing) = self.settings.spacing {
            // From now, not from the planned instant: a lane that was idle may not catch up in a burst.
            self.next_start = real + spacing;
        }
        Some(row)
    }

    /// Rows that were leased and not started, given back.
    pub fn drain(&mut self) -> Vec<T> {
        self.queued.drain(..).collect()
    }

    /// What the lane wants next. `room` is how many more attempts the whole engine may start.
    pub fn wants(&self, now: Timestamp, real: Duration, room: usize) -> Wants {
        let free = self.free(room);
        if self.settings.paused == Paused::Yes || free == 0 {
            return Wants::Nothing;
        }
        if !self.queued.is_empty() {
            return Wants::AtReal(self.next_start.max(real));
        }
        match self.due {
            Some(due) if self.claiming || due > now => {
                if self.claiming {
                    Wants::Nothing
                } else {
                    Wants::At(due)
                }
            }
            Some(_) if self.settings.spacing.is_some() => Wants::Claim(1),
            Some(_) => Wants::Claim(free),
            None => Wants::Nothing,
        }
    }

    /// Slots that can be filled. One is always the lane's own, whatever the others use: no neighbour can starve it.
    fn free(&self, room: usize) -> usize {
        let own = self.settings.max_in_flight.saturating_sub(self.in_flight + self.queued.len());
        let own = if self.queued.is_empty() {
            own
        } else {
            own.max(usize::from(self.in_flight < self.settings.max_in_flight))
        };
        if self.in_flight == 0 { own.min(room.max(1)) } else { own.min(room) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn lane(max_in_flight: usize, spacing: Option<u64>) -> Lane<u32> {
        let spacing = spacing.map(Duration::from_millis);
        Lane::new(LaneSettings { max_in_flight, spacing, paused: Paused::No })
    }

    fn wants(lane: &Lane<u32>) -> Wants {
        lane.wants(NOW, Duration::ZERO, 100)
    }

    #[test]
    fn a_lane_claims_no_more_than_it_can_start() {
        let mut lane = lane(3, None);
        assert_eq!(wants(&lane), Wants::Nothing);
        lane.hear(NOW + Duration::from_secs(5));
        assert_eq!(wants(&lane), Wants::At(NOW + Duration::from_secs(5)));
        lane.hear(NOW);
        assert_eq!(wants(&lane), Wants::Claim(3));
        lane.claiming();
        assert_eq!(wants(&lane), Wants::Nothing);
        lane.claimed(vec![1, 2, 3], Some(NOW));
        for row in [1, 2, 3] {
            assert_eq!(lane.start(100, Duration::ZERO), Some(row));
        }
        assert_eq!((lane.start(100, Duration::ZERO), wants(&lane)), (None, Wants::Nothing));
        lane.ended();
        assert_eq!(wants(&lane), Wants::Claim(1));
    }

    #[test]
    fn work_that_is_heard_of_during_a_claim_is_not_lost() {
        let mut lane = lane(3, None);
        lane.hear(NOW);
        lane.claiming();
        lane.hear(NOW);
        lane.claimed(vec![], None);
        assert_eq!(wants(&lane), Wants::Claim(3));
    }

    #[test]
    fn starts_keep_their_spacing_and_never_burst() {
        let mut lane = lane(10, Some(20));
        lane.hear(NOW);
        assert_eq!(wants(&lane), Wants::Claim(1), "a slow lane leases one at a time");
        lane.claiming();
        lane.claimed(vec![1], Some(NOW));
        assert_eq!(lane.start(100, Duration::from_secs(9)), Some(1));
        lane.claiming();
        lane.claimed(vec![2], None);
        assert_eq!(lane.start(100, Duration::from_secs(9)), None);
        assert_eq!(lane.wants(NOW, Duration::from_secs(9), 100), Wants::AtReal(Duration::from_millis(9_020)));
        assert_eq!(lane.start(100, Duration::from_millis(9_020)), Some(2));
    }

    #[test]
    fn a_full_house_leaves_each_idle_lane_one_slot() {
        let mut lane = lane(3, None);
        lane.hear(NOW);
        assert_eq!(lane.wants(NOW, Duration::ZERO, 0), Wants::Claim(1));
        lane.claiming();
        lane.claimed(vec![1], Some(NOW));
        assert_eq!(lane.start(0, Duration::ZERO), Some(1));
        assert_eq!(lane.wants(NOW, Duration::ZERO, 0), Wants::Nothing);
    }

    #[test]
    fn a_paused_lane_starts_nothing() {
        let mut lane = lane(3, None);
        lane.configure(LaneSettings { max_in_flight: 3, spacing: None, paused: Paused::Yes });
        lane.hear(NOW);
        assert_eq!(wants(&lane), Wants::Nothing);
    }

    #[test]
    fn a_paused_lane_starts_nothing_and_a_full_one_no_more() {
        let mut lane = lane(2, None);
        lane.claiming();
        lane.claimed(vec![1, 2, 3, 4], Some(NOW));
        assert_eq!(lane.start(100, Duration::ZERO), Some(1));
        lane.pause();
        assert_eq!((lane.start(100, Duration::ZERO), wants(&lane)), (None, Wants::Nothing));
        lane.configure(LaneSettings { max_in_flight: 2, spacing: None, paused: Paused::No });
        assert_eq!(lane.start(100, Duration::ZERO), Some(2));
        assert_eq!((lane.start(100, Duration::ZERO), lane.in_flight()), (None, 2), "more was leased than has room");
    }
}
