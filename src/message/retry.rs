//! When a failed delivery is tried again, and when it is given up.

use std::borrow::BorrowMut;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::message::Outcome;
use crate::rng::Draw;

/// Which status heads count as success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// Exactly 200, as IDWise documents it.
    Only200,
    /// Any 2xx.
    Any2xx,
}

impl Success {
    /// Whether `status` is success.
    pub fn holds(self, status: u16) -> bool {
        match self {
            Success::Only200 => status == 200,
            Success::Any2xx => (200..300).contains(&status),
        }
    }
}

/// The gaps after each failed attempt; one attempt more than gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// From the end of a failed attempt to the next one.
    pub gaps: Vec<Duration>,
    /// The share of a gap by which it may vary either way, 0 to 1.
    pub jitter: f64,
}

/// What an attempt means for its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver said yes.
    Delivered,
    /// Try again then.
    RetryAt(Timestamp),
    /// All attempts failed.
    Exhausted,
}

impl Verdict {
    /// Its word: `delivered`, `retry` or `exhausted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Delivered => "delivered",
            Verdict::RetryAt(_) => "retry",
            Verdict::Exhausted => "exhausted",
        }
    }
}

impl RetryPolicy {
    /// How many attempts there are in all.
    pub fn attempts(&self) -> u32 {
        u32::try_from(self.gaps.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// What attempt `n` (from 1), which ended at `now` with `outcome`, means. The status head decides; trouble
    /// after a good head is a note. The chance of its jitter is asked only where there is some.
    pub fn verdict<D: BorrowMut<Draw>>(
        &self,
        n: u32,
        outcome: &Outcome,
        success: Success,
        now: Timestamp,
        draw: impl FnOnce() -> D,
    ) -> Verdict {
        if outcome.status.is_some_and(|status| success.holds(status)) {
            return Verdict::Delivered;
        }
        match self.gaps.get(n.saturating_sub(1) as usize) {
            Some(gap) => Verdict::RetryAt(now + draw().borrow_mut().jitter(*gap, self.jitter)),
            None => Verdict::Exhausted,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chance::LONGEST_SPAN;
    use crate::message::ErrorClass;
    use crate::provider::{Dialect, ProviderKind};
    use crate::rng::Seed;

    fn answered(status: u16) -> Outcome {
        Outcome { status: Some(status), ..Outcome::default() }
    }

    #[test]
    fn the_documented_schedule_is_three_gaps_then_the_end() {
        let minutes = |m: u64| Duration::from_secs(60 * m);
        let policy = RetryPolicy { gaps: vec![minutes(5), minutes(10), minutes(15)], jitter: 0.0 };
        let now = Timestamp::from_micros(0);
        let mut draw = Seed(0).draw(&[]);
        let mut check = |n, outcome: &Outcome, verdict| {
            assert_eq!(policy.verdict(n, outcome, Success::Only200, now, || &mut draw), verdict, "attempt {n}");
        };
        assert_eq!(policy.attempts(), 4);
        check(1, &answered(500), Verdict::RetryAt(now + minutes(5)));
        check(2, &answered(204), Verdict::RetryAt(now + minutes(10)));
        check(3, &Outcome::failed(ErrorClass::Timeout, "slow"), Verdict::RetryAt(now + minutes(15)));
        check(4, &answered(302), Verdict::Exhausted);
        check(9, &answered(500), Verdict::Exhausted);
        check(1, &answered(200), Verdict::Delivered);
        let note =
            Outcome { detail: Some("the body broke off".into()), error: Some(ErrorClass::Reset), ..answered(200) };
        check(4, &note, Verdict::Delivered);
    }

    #[test]
    fn verdicts_have_their_words() {
        let verdicts = [Verdict::Delivered, Verdict::RetryAt(Timestamp::MAX), Verdict::Exhausted];
        assert_eq!(verdicts.map(Verdict::as_str), ["delivered", "retry", "exhausted"]);
    }

    #[test]
    fn success_rules_differ_where_the_providers_do() {
        for (status, only_200, any_2xx) in
            [(200, true, true), (204, false, true), (199, false, false), (302, false, false)]
        {
            assert_eq!(Success::Only200.holds(status), only_200, "{status}");
            assert_eq!(Success::Any2xx.holds(status), any_2xx, "{status}");
        }
    }

    fn any_policy() -> impl Strategy<Value = RetryPolicy> {
        let gap = prop_oneof![0..5_000_u64, 0..3_600_000_000_u64, 0..LONGEST_SPAN.as_micros() as u64];
        let gaps = prop::collection::vec(gap.prop_map(Duration::from_micros), 0..=20);
        (gaps, prop_oneof![Just(0.0), 0.0..=1.0]).prop_map(|(gaps, jitter)| RetryPolicy { gaps, jitter })
    }

    fn gap_after(policy: &RetryPolicy, n: u32, now: Timestamp, seed: u64) -> Option<Duration> {
        let mut draw = Seed(seed).draw(&[b"retry", &n.to_le_bytes()]);
        match policy.verdict(n, &answered(500), Success::Any2xx, now, || &mut draw) {
            Verdict::RetryAt(at) => {
                assert!(at >= now, "attempt {} is before the end of attempt {n}", n + 1);
                Some(at.since(now))
            }
            Verdict::Exhausted => None,
            Verdict::Delivered => panic!("500 is no success"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// One gap follows each attempt but the last: never negative, within its share, the same from the same seed.
        #[test]
        fn a3_every_gap_is_within_its_share(policy in any_policy(), seed: u64, micros in 0..4_000_000_000_000_000_i64) {
            let now = Timestamp::from_micros(micros);
            let mut total = Duration::ZERO;
            for n in 1..=policy.attempts() {
                let found = gap_after(&policy, n, now, seed);
                prop_assert_eq!(found, gap_after(&policy, n, now, seed), "the same seed, the same gap");
                prop_assert_eq!(found.is_none(), n == policy.attempts(), "attempt {} of {}", n, policy.attempts());
                let Some(found) = found else { continue };
                let gap = policy.gaps[n as usize - 1];
                // A microsecond is what provider time is made of; beyond the year 9999 there is none.
                let slack = Duration::from_micros(1) + gap.mul_f64(1e-12);
                let (low, high) = (gap.mul_f64(1.0 - policy.jitter), gap.mul_f64(1.0 + policy.jitter));
                let left = Timestamp::MAX.since(now);
                prop_assert!(found + slack >= low.min(left) && found <= (high + slack).min(left), "{:?} of {:?}", found, gap);
                if policy.jitter == 0.0 {
                    prop_assert_eq!(found, gap.min(left));
                }
                total += found;
            }
            let horizon: Duration = policy.gaps.iter().map(|gap| gap.mul_f64(1.0 + policy.jitter + 1e-9)).sum();
            prop_assert!(total <= horizon + Duration::from_micros(u64::from(policy.attempts())), "{:?}", total);
            prop_assert_eq!(gap_after(&policy, u32::MAX, now, seed), None, "what was given up stays so");
        }

        /// Gaps that grow by more than jitter can take back grow in what happens too.
        #[test]
        fn gaps_that_grow_are_met_growing(first in 1_000_u64..600_000_000, factor in 1.0..4.0_f64, jitter in 0.0..=0.5_f64, seed: u64) {
            let growth = factor * (1.0 + jitter) / (1.0 - jitter);
            let gaps = (0..6).map(|n| Duration::from_micros(first).mul_f64(growth.powi(n))).collect();
            let policy = RetryPolicy { gaps, jitter };
            let now = Timestamp::from_micros(0);
            let met: Vec<Duration> = (1..=6).filter_map(|n| gap_after(&policy, n, now, seed)).collect();
            prop_assert_eq!(met.len(), 6);
            prop_assert!(met.windows(2).all(|pair| pair[0] <= pair[1] + Duration::from_micros(1)), "{:?}", met);
        }
    }

    #[test]
    fn the_documented_gaps_never_shrink() {
        for provider in [ProviderKind::Idwise, ProviderKind::Qoreid] {
            for dialect in Dialect::all(provider) {
                let gaps = crate::provider::policy(dialect).retry;
                assert!(!gaps.is_empty() && gaps.windows(2).all(|pair| pair[0] <= pair[1]), "{dialect:?}: {gaps:?}");
            }
        }
    }
}
