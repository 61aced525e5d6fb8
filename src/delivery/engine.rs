//! The engine: decides what to claim and what to start. Pure; the one owner of slots and of due times in memory.
//!
//! It never holds more rows than it can start, so that a backlog of any size costs it nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::lane::{Lane, LaneSettings, Paused, Wants};
use crate::delivery::waiting::Waiting;
use crate::outbox::{DueDelivery, DueMail};

/// A destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaneKey {
    /// An endpoint, by name.
    Webhook(Arc<str>),
    /// The SMTP server, and the digests that become mails.
    Mail,
}

/// A leased row.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// A message to an endpoint.
    Delivery(Box<DueDelivery>),
    /// A digest or a mail.
    Mail(Box<DueMail>),
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The lanes that there are now, all of them.
    Configured(Vec<(LaneKey, LaneSettings)>),
    /// Work was written and will be due.
    Work {
        /// For whom.
        lane: LaneKey,
        /// When.
        due: Timestamp,
    },
    /// A claim was answered.
    Claimed {
        /// Whose.
        lane: LaneKey,
        /// What was leased.
        rows: Vec<Work>,
        /// The earliest due time of what was left.
        next_due: Option<Timestamp>,
    },
    /// An attempt's settlement is durable, or its lease was given up.
    Ended {
        /// Whose.
        lane: LaneKey,
        /// When the row is due again, if it is.
        again: Option<Timestamp>,
    },
    /// A wake-up time came.
    Woke,
    /// Start nothing more.
    Stop,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Lease up to `limit` due rows, and answer with [`Input::Claimed`].
    Claim {
        /// For whom.
        lane: LaneKey,
        /// How many, 1 or more.
        limit: usize,
    },
    /// Start an attempt, and answer with [`Input::Ended`].
    Start {
        /// For whom.
        lane: LaneKey,
        /// What.
        work: Work,
    },
    /// Give a lease up, unstarted.
    Release {
        /// What.
        work: Work,
    },
}

/// When the engine wants to be woken if nothing happens before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wake {
    /// In provider time.
    pub at: Option<Timestamp>,
    /// In real time since the start of the process.
    pub real: Option<Duration>,
}

/// The engine. See the module.
#[derive(Debug)]
pub struct Engine {
    lanes: BTreeMap<LaneKey, Lane<Work>>,
    /// Lanes to which something happened since the last decision; some more than once.
    touched: Vec<LaneKey>,
    /// Leases to give up.
    given_up: Vec<Work>,
    /// A wake-up time came.
    woke: bool,
    /// Lanes that wait for an instant, of either time.
    waiting: Waiting<Timestamp>,
    waiting_real: Waiting<Duration>,
    /// Lanes that were held up by the whole house's bound, the longest first.
    held_up: VecDeque<LaneKey>,
    is_held_up: BTreeSet<LaneKey>,
    global_max: usize,
    in_flight: usize,
    stopped: bool,
}

impl Engine {
    /// An engine without lanes that starts at most `global_max` attempts at once, but for one of each lane.
    pub fn new(global_max: usize) -> Self {
        Engine {
            lanes: BTreeMap::new(),
            touched: Vec::new(),
            given_up: Vec::new(),
            woke: false,
            waiting: Waiting::default(),
            waiting_real: Waiting::default(),
            held_up: VecDeque::new(),
            is_held_up: BTreeSet::new(),
            global_max,
            in_flight: 0,
            stopped: false,
        }
    }

    /// Attempts that hold a slot.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes what happened. What is to be done because of it [`Engine::decide`] says, so that much that happens at once
    /// is decided on once.
    pub fn hear(&mut self, input: Input) {
        match input {
            Input::Configured(lanes) => self.configure(lanes),
            Input::Work { lane, due } => self.with(lane, |l| l.hear(due)),
            Input::Claimed { lane, rows, next_due } => self.with(lane, |l| l.claimed(rows, next_due)),
            Input::Ended { lane, again } => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.with(lane, |l| {
                    l.ended();
                    if let Some(due) = again {
                        l.hear(due);
                    }
                });
            }
            Input::Woke => self.woke = true,
            Input::Stop => {
                self.stopped = true;
                for lane in self.lanes.values_mut() {
                    self.given_up.extend(lane.drain());
                }
                self.waiting = Waiting::default();
                self.waiting_real = Waiting::default();
            }
        }
    }

    /// Says what is to be done now.
    pub fn decide(&mut self, now: Timestamp, real: Duration) -> Vec<Effect> {
        let mut effects: Vec<Effect> = self.given_up.drain(..).map(|work| Effect::Release { work }).collect();
        if std::mem::take(&mut self.woke) {
            self.touched.extend(self.waiting.until(now));
            self.touched.extend(self.waiting_real.until(real));
        }
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for key in touched.drain(..) {
            self.look_at(&key, now, real, &mut effects);
        }
        self.touched = touched;
        // Whoever is looked at here and is held up again waits behind the others.
        for _ in 0..self.held_up.len() {
            if self.in_flight >= self.global_max {
                break;
            }
            if let Some(key) = self.held_up.pop_front() {
                self.is_held_up.remove(&key);
                self.look_at(&key, now, real, &mut effects);
            }
        }
        effects
    }

    /// When to call with [`Input::Woke`] if nothing happens before.
    pub fn wake(&self) -> Wake {
        Wake { at: self.waiting.first(), real: self.waiting_real.first() }
    }

    fn configure(&mut self, lanes: Vec<(LaneKey, LaneSettings)>) {
        let mut kept = BTreeMap::new();
        for (key, settings) in lanes {
            let lane = match self.lanes.remove(&key) {
                Some(mut lane) => {
                    let stands = settings.paused == Paused::Yes;
                    lane.configure(settings);
                    if stands {
                        for work in lane.drain() {
                            // It is due again, and the lane has to know when it is resumed.
                            lane.hear(Timestamp::MIN);
                            self.given_up.push(work);
                        }
                    }
                    lane
                }
                None => Lane::new(settings),
            };
            kept.insert(key, lane);
        }
        // A lane that is gone starts nothing more. What it has under way goes on holding its slots: the lane may come
        // back before that has ended, and must not have more than its number then.
        for (key, mut lane) in std::mem::replace(&mut self.lanes, kept) {
            self.given_up.extend(lane.drain());
            self.waiting.remove(&key);
            self.waiting_real.remove(&key);
            if lane.in_flight() > 0 {
                lane.pause();
                self.lanes.insert(key, lane);
            }
        }
        self.touch_all();
    }

    fn with(&mut self, key: LaneKey, change: impl FnOnce(&mut Lane<Work>)) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            change(lane);
            // Much that happens at once happens to one lane.
            if self.touched.last() != Some(&key) {
                self.touched.push(key);
            }
        }
    }

    fn touch_all(&mut self) {
        self.touched.extend(self.lanes.keys().cloned());
    }

    /// Starts what can be started in a lane, and notes or does what it wants then.
    fn look_at(&mut self, key: &LaneKey, now: Timestamp, real: Duration, effects: &mut Vec<Effect>) {
        if self.stopped {
            return;
        }
        let Some(lane) = self.lanes.get_mut(key) else { return };
        while let Some(work) = lane.start(self.global_max.saturating_sub(self.in_flight), real) {
            self.in_flight += 1;
            effects.push(Effect::Start { lane: key.clone(), work });
        }
        self.waiting.remove(key);
        self.waiting_real.remove(key);
        match lane.wants(now, real, self.global_max.saturating_sub(self.in_flight)) {
            Wants::Claim(limit) => {
                lane.claiming();
                effects.push(Effect::Claim { lane: key.clone(), limit });
            }
            Wants::At(at) => self.waiting.insert(key, at),
            Wants::AtReal(real) => self.waiting_real.insert(key, real),
            Wants::Nothing => {
                if lane.wants(now, real, usize::MAX) != Wants::Nothing && self.is_held_up.insert(key.clone()) {
                    self.held_up.push_back(key.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Lease;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn webhook(name: &str) -> LaneKey {
        LaneKey::Webhook(name.into())
    }

    fn settings(max_in_flight: usize) -> LaneSettings {
        LaneSettings { max_in_flight, spacing: None, paused: Paused::No }
    }

    fn work(serial: u64) -> Work {
        let lease = Lease::for_tests(serial);
        Work::Mail(Box::new(DueMail::Digest { lease, due_at: NOW, webhook: "w".into(), entries: vec![] }))
    }

    fn engine(lanes: &[(&str, usize)], global: usize) -> Engine {
        let mut engine = Engine::new(global);
        let lanes = lanes.iter().map(|(name, max)| (webhook(name), settings(*max))).collect();
        assert_eq!(on(&mut engine, Input::Configured(lanes)), vec![]);
        engine
    }

    fn on(engine: &mut Engine, input: Input) -> Vec<Effect> {
        engine.hear(input);
        engine.decide(NOW, Duration::ZERO)
    }

    fn claimed(lane: &str, rows: std::ops::Range<u64>) -> Input {
        Input::Claimed { lane: webhook(lane), rows: rows.map(work).collect(), next_due: None }
    }

    #[test]
    fn due_work_is_claimed_started_and_its_slot_used_again() {
        let mut engine = engine(&[("a", 2)], 10);
        let effects = on(&mut engine, Input::Work { lane: webhook("a"), due: NOW });
        assert_eq!(effects, vec![Effect::Claim { lane: webhook("a"), limit: 2 }]);
        let effects = on(&mut engine, claimed("a", 0..2));
        assert_eq!(effects.len(), 2);
        assert_eq!(engine.in_flight(), 2);
        assert_eq!(on(&mut engine, Input::Work { lane: webhook("a"), due: NOW }), vec![], "no slot, no claim");
        let again = Some(NOW + Duration::from_secs(300));
        let effects = on(&mut engine, Input::Ended { lane: webhook("a"), again });
        assert_eq!(effects, vec![Effect::Claim { lane: webhook("a"), limit: 1 }]);
        // The retry was in the outbox before the claim, so the claim's answer knows of it.
        on(&mut engine, Input::Claimed { lane: webhook("a"), rows: vec![], next_due: again });
        assert_eq!(engine.wake().at, again);
        engine.hear(Input::Woke);
        let effects = engine.decide(NOW + Duration::from_secs(300), Duration::ZERO);
        assert_eq!(effects, vec![Effect::Claim { lane: webhook("a"), limit: 1 }]);
    }

    #[test]
    fn a_hanging_lane_cannot_starve_another() {
        let mut engine = engine(&[("hangs", 4), ("well", 4)], 4);
        on(&mut engine, Input::Work { lane: webhook("hangs"), due: NOW });
        assert_eq!(on(&mut engine, claimed("hangs", 0..4)).len(), 4);
        let effects = on(&mut engine, Input::Work { lane: webhook("well"), due: NOW });
        assert_eq!(effects, vec![Effect::Claim { lane: webhook("well"), limit: 1 }]);
        assert_eq!(on(&mut engine, claimed("well", 9..10)).len(), 1);
    }

    #[test]
    fn a_lane_that_was_held_up_by_the_house_goes_on_when_there_is_room() {
        let mut engine = engine(&[("a", 4), ("b", 4)], 4);
        on(&mut engine, Input::Work { lane: webhook("a"), due: NOW });
        on(&mut engine, claimed("a", 0..4));
        on(&mut engine, Input::Work { lane: webhook("b"), due: NOW });
        let next_due = Some(NOW);
        on(&mut engine, Input::Claimed { lane: webhook("b"), rows: vec![work(7)], next_due });
        let effects = on(&mut engine, Input::Ended { lane: webhook("a"), again: None });
        assert_eq!(effects, vec![], "five of four are under way");
        let effects = on(&mut engine, Input::Ended { lane: webhook("a"), again: None });
        assert_eq!(effects, vec![Effect::Claim { lane: webhook("b"), limit: 1 }]);
    }

    #[test]
    fn stopping_gives_back_what_was_not_started() {
        let mut engine = Engine::new(10);
        let spacing = Some(Duration::from_millis(20));
        let slow = LaneSettings { max_in_flight: 9, spacing, paused: Paused::No };
        on(&mut engine, Input::Configured(vec![(webhook("slow"), slow)]));
        on(&mut engine, Input::Work { lane: webhook("slow"), due: NOW });
        let effects = on(&mut engine, claimed("slow", 0..2));
        assert_eq!(effects, vec![Effect::Start { lane: webhook("slow"), work: work(0) }]);
        assert_eq!(engine.wake().real, Some(Duration::from_millis(20)));
        assert_eq!(on(&mut engine, Input::Stop), vec![Effect::Release { work: work(1) }]);
        assert_eq!(on(&mut engine, Input::Work { lane: webhook("slow"), due: NOW }), vec![]);
    }

    #[test]
    fn a_lane_that_goes_and_comes_back_keeps_its_number() {
        let mut engine = engine(&[("a", 2)], 10);
        on(&mut engine, Input::Work { lane: webhook("a"), due: NOW });
        assert_eq!(on(&mut engine, claimed("a", 0..2)).len(), 2);
        on(&mut engine, Input::Configured(vec![]));
        on(&mut engine, Input::Configured(vec![(webhook("a"), settings(2))]));
        assert_eq!(on(&mut engine, Input::Work { lane: webhook("a"), due: NOW }), vec![], "A9: two are under way");
        let effects = on(&mut engine, Input::Ended { lane: webhook("a"), again: None });
        assert_eq!(effects, vec![Effect::Claim { lane: webhook("a"), limit: 1 }]);
    }

    #[test]
    fn what_ends_together_is_one_claim() {
        let mut engine = engine(&[("a", 4)], 10);
        on(&mut engine, Input::Work { lane: webhook("a"), due: NOW });
        on(&mut engine, claimed("a", 0..4));
        (0..3).for_each(|_| engine.hear(Input::Ended { lane: webhook("a"), again: Some(NOW) }));
        assert_eq!(engine.decide(NOW, Duration::ZERO), vec![Effect::Claim { lane: webhook("a"), limit: 3 }]);
        assert_eq!(engine.decide(NOW, Duration::ZERO), vec![], "said once");
    }

    #[test]
    fn a_resumed_lane_takes_up_what_came_meanwhile() {
        let mut engine = engine(&[], 10);
        let paused = LaneSettings { paused: Paused::Yes, ..settings(2) };
        on(&mut engine, Input::Configured(vec![(webhook("a"), paused)]));
        assert_eq!(on(&mut engine, Input::Work { lane: webhook("a"), due: NOW }), vec![]);
        let effects = on(&mut engine, Input::Configured(vec![(webhook("a"), settings(2))]));
        assert_eq!(effects, vec![Effect::Claim { lane: webhook("a"), limit: 2 }]);
    }

    #[test]
    fn a_lane_that_stands_gives_back_what_it_had_leased_and_another_setting_does_not() {
        let mut engine = engine(&[("a", 2)], 10);
        on(&mut engine, Input::Work { lane: webhook("a"), due: NOW });
        assert_eq!(on(&mut engine, claimed("a", 0..3)).len(), 2, "one is leased and not started");
        let configured = |paused| Input::Configured(vec![(webhook("a"), LaneSettings { paused, ..settings(2) })]);
        assert_eq!(on(&mut engine, configured(Paused::No)), vec![]);
        assert_eq!(on(&mut engine, configured(Paused::Yes)), vec![Effect::Release { work: work(2) }]);
        on(&mut engine, Input::Ended { lane: webhook("a"), again: None });
        let effects = on(&mut engine, configured(Paused::No));
        assert_eq!(effects, vec![Effect::Claim { lane: webhook("a"), limit: 1 }], "what was given back is due");
    }

    #[test]
    fn a_lane_that_is_gone_starts_nothing_and_is_forgotten_once_it_holds_no_slot() {
        let mut engine = engine(&[("a", 2), ("b", 2)], 10);
        on(&mut engine, Input::Work { lane: webhook("a"), due: NOW });
        assert_eq!(on(&mut engine, claimed("a", 0..1)).len(), 1);
        assert_eq!(on(&mut engine, Input::Configured(vec![])), vec![]);
        assert_eq!(engine.lanes.keys().collect::<Vec<_>>(), [&webhook("a")], "b held no slot");
        assert_eq!(on(&mut engine, Input::Work { lane: webhook("a"), due: NOW }), vec![], "it is gone");
        on(&mut engine, Input::Ended { lane: webhook("a"), again: None });
        assert_eq!(on(&mut engine, Input::Configured(vec![])), vec![]);
        assert!(engine.lanes.is_empty() && engine.in_flight() == 0);
    }

    #[test]
    fn only_who_wants_to_start_waits_for_room_and_only_once() {
        let mut engine = engine(&[("a", 2), ("b", 2)], 1);
        on(&mut engine, Input::Work { lane: webhook("a"), due: NOW });
        assert_eq!(on(&mut engine, claimed("a", 0..1)).len(), 1);
        assert!(engine.held_up.is_empty(), "nobody wants more");
        for _ in 0..2 {
            assert_eq!(on(&mut engine, Input::Work { lane: webhook("a"), due: NOW }), vec![], "the house is full");
            assert_eq!(engine.held_up, [webhook("a")]);
        }
        let later = NOW + Duration::from_secs(9);
        assert_eq!(on(&mut engine, Input::Work { lane: webhook("b"), due: later }), vec![]);
        assert_eq!(engine.held_up, [webhook("a")], "b has nothing to start yet");
        let effects = on(&mut engine, Input::Ended { lane: webhook("a"), again: None });
        assert_eq!(effects, vec![Effect::Claim { lane: webhook("a"), limit: 1 }]);
    }

    #[test]
    fn nobody_is_woken_for_what_was_taken_up_meanwhile() {
        let mut engine = engine(&[("a", 2)], 10);
        let later = NOW + Duration::from_secs(9);
        assert_eq!(on(&mut engine, Input::Work { lane: webhook("a"), due: later }), vec![]);
        assert_eq!(engine.wake(), Wake { at: Some(later), real: None });
        assert_eq!(on(&mut engine, Input::Work { lane: webhook("a"), due: NOW }).len(), 1, "it claims");
        assert_eq!(engine.wake(), Wake { at: None, real: None }, "the claim's answer says what is due next");
    }
}
