//! When a failed delivery is tried again, and when it is given up.

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
    /// after a good head is a note.
    pub fn verdict(&self, n: u32, outcome: &Outcome, success: Success, now: Timestamp, draw: &mut Draw) -> Verdict {
        if outcome.status.is_some_and(|status| success.holds(status)) {
            return Verdict::Delivered;
        }
        match self.gaps.get(n.saturating_sub(1) as usize) {
            Some(gap) => Verdict::RetryAt(now + draw.jitter(*gap, self.jitter)),
            None => Verdict::Exhausted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ErrorClass;
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
            assert_eq!(policy.verdict(n, outcome, Success::Only200, now, &mut draw), verdict, "attempt {n}");
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
    fn success_rules_differ_where_the_providers_do() {
        for (status, only_200, any_2xx) in
            [(200, true, true), (204, false, true), (199, false, false), (302, false, false)]
        {
            assert_eq!(Success::Only200.holds(status), only_200, "{status}");
            assert_eq!(Success::Any2xx.holds(status), any_2xx, "{status}");
        }
    }
}
