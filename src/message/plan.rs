//! What will be tried, and when, if nothing is ever answered well: the plan that a policy amounts to. Pure.
//!
//! ```text
//!   event        attempt 2               attempt 3                given up      mailed
//!     |  gap 1   [~~~~~~~]     gap 2     [~~~~~~~~~~~~~~~]          [~~~~]      [~~~~~~~]
//!     +----------+-------+---------------+---------------+----------+----+------+-------+--> provider time
//! ```
//!
//! Each window is open on both sides by jitter, and to the right by how long attempts last. Called by `explain`;
//! never looks at an outbox: a delivery that has to wait for a slot, its rate, its order or a server that is down
//! begins later, and all of its plan with it.

use std::time::Duration;

use serde::Serialize;

use crate::message::RetryPolicy;
use crate::rng;

/// A window of provider time, from the instant at which the first attempt starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Not before.
    pub earliest: Duration,
    /// Not after.
    pub latest: Duration,
}

/// One attempt of a delivery that fails every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedAttempt {
    /// From 1.
    pub n: u32,
    /// When it starts.
    pub starts: Window,
}

/// What becomes of a delivery that fails every time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Every attempt, the first at the very start.
    pub attempts: Vec<PlannedAttempt>,
    /// When the last attempt has failed.
    pub exhausted: Window,
    /// When the mail that names it is composed. It may join a digest that other deliveries opened before, so it is
    /// owed a whole digest's window at the latest, and nothing at the earliest.
    pub mailed: Window,
}

/// The plan of `retry` where an attempt lasts at most `longest_attempt` of provider time and a mail digest `digest`.
pub fn plan(retry: &RetryPolicy, longest_attempt: Duration, digest: Duration) -> Plan {
    let mut starts = Window::default();
    let mut attempts = vec![PlannedAttempt { n: 1, starts }];
    for (n, gap) in (2..).zip(&retry.gaps) {
        let (shortest, longest) = rng::jitter_bounds(*gap, retry.jitter);
        starts = starts.after(shortest, longest_attempt.saturating_add(longest));
        attempts.push(PlannedAttempt { n, starts });
    }
    let exhausted = starts.after(Duration::ZERO, longest_attempt);
    Plan { attempts, exhausted, mailed: exhausted.after(Duration::ZERO, digest) }
}

impl Window {
    /// What follows after `shortest` to `longest`, in the whole microseconds that provider time has.
    fn after(self, shortest: Duration, longest: Duration) -> Window {
        let whole = |span: Duration| Duration::from_micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
        Window {
            earliest: self.earliest.saturating_add(whole(shortest)),
            latest: self.latest.saturating_add(whole(longest)),
        }
    }
}

impl Serialize for Window {
    /// In milliseconds, as numbers.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut shape = serializer.serialize_struct("Window", 2)?;
        shape.serialize_field("earliest_ms", &(self.earliest.as_secs_f64() * 1e3))?;
        shape.serialize_field("latest_ms", &(self.latest.as_secs_f64() * 1e3))?;
        shape.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Timestamp;
    use crate::message::{ErrorClass, Outcome, Success, Verdict};
    use crate::rng::Seed;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn window(earliest: u64, latest: u64) -> Window {
        Window { earliest: secs(earliest), latest: secs(latest) }
    }

    #[test]
    fn the_documented_policy_has_four_windows() {
        let retry = RetryPolicy { gaps: vec![secs(300), secs(600), secs(900)], jitter: 0.0 };
        let found = plan(&retry, secs(10), secs(60));
        let starts: Vec<Window> = found.attempts.iter().map(|attempt| attempt.starts).collect();
        assert_eq!(starts, [window(0, 0), window(300, 310), window(900, 920), window(1_800, 1_830)]);
        assert_eq!((found.exhausted, found.mailed), (window(1_800, 1_840), window(1_800, 1_900)));
        let jittered = plan(&RetryPolicy { jitter: 0.1, ..retry }, Duration::ZERO, Duration::ZERO);
        assert_eq!(jittered.attempts[3].starts, window(1_620, 1_980));
    }

    #[test]
    fn without_gaps_there_is_one_attempt() {
        let found = plan(&RetryPolicy { gaps: vec![], jitter: 0.5 }, secs(10), secs(60));
        assert_eq!(found.attempts, [PlannedAttempt { n: 1, starts: window(0, 0) }]);
        assert_eq!((found.exhausted, found.mailed), (window(0, 10), window(0, 70)));
    }

    #[test]
    fn a_window_is_shown_in_milliseconds() {
        let shown = serde_json::to_string(&window(1, 2)).expect("JSON");
        assert_eq!(shown, r#"{"earliest_ms":1000.0,"latest_ms":2000.0}"#);
    }

    fn any_policy() -> impl Strategy<Value = RetryPolicy> {
        let gap = prop_oneof![0_u64..3_000, 0_u64..40_000_000_000_000];
        (prop::collection::vec(gap.prop_map(Duration::from_nanos), 0..20), 0.0..=1.0)
            .prop_map(|(gaps, jitter)| RetryPolicy { gaps, jitter })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever chance and receivers do, a delivery that always fails stays inside its plan.
        #[test]
        fn what_happens_is_what_was_planned(
            retry in any_policy(),
            longest in 0_u64..120_000_000,
            digest in 0_u64..120_000_000,
            share in prop::collection::vec(0.0..=1.0, 21),
            seed in any::<u64>(),
        ) {
            let longest = Duration::from_micros(longest);
            let found = plan(&retry, longest, Duration::from_micros(digest));
            prop_assert_eq!(found.attempts.len() as u32, retry.attempts());
            let mut draw = Seed(seed).draw(&[]);
            let origin = Timestamp::from_micros(0);
            let mut now = origin;
            let mut before = Window::default();
            for (attempt, share) in found.attempts.iter().zip(&share) {
                prop_assert!(attempt.starts.earliest >= before.earliest && attempt.starts.latest >= before.latest);
                prop_assert!(inside(attempt.starts, now.since(origin)), "{:?} {:?}", attempt, now);
                before = attempt.starts;
                now = now + longest.mul_f64(*share).min(longest);
                let outcome = Outcome::failed(ErrorClass::Timeout, "slow");
                match retry.verdict(attempt.n, &outcome, Success::Only200, now, || &mut draw) {
                    Verdict::RetryAt(at) => now = at,
                    Verdict::Exhausted => prop_assert_eq!(attempt.n, retry.attempts()),
                    Verdict::Delivered => prop_assert!(false, "no answer is no delivery"),
                }
            }
            prop_assert!(inside(found.exhausted, now.since(origin)), "{:?} {:?}", found.exhausted, now);
            for waited in [Duration::ZERO, Duration::from_micros(digest)] {
                prop_assert!(inside(found.mailed, (now + waited).since(origin)));
            }
        }
    }

    fn inside(window: Window, at: Duration) -> bool {
        window.earliest <= at && at <= window.latest
    }
}
