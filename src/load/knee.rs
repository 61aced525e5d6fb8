//! The search for a receiver's knee: the rate goes up step by step until its answers take twice as long, or it refuses. Pure.

use crate::report::{Knee, Second};

/// A rate rises by this much from step to step.
const STEP: f64 = 1.5;
/// A receiver is past its knee when its 99th percentile is so many times that of the first step.
const SLOWER: f64 = 2.0;
/// Or when more than this share is refused.
const REFUSED: f64 = 0.01;
/// Or when less than this share of what was asked for is started.
const KEPT: f64 = 0.95;
/// Arrivals are drawn: a step has fewer than were expected by so many standard deviations once in ten thousand times.
const DRAWN: f64 = 3.7;
/// What takes less than this is fast, however much faster it was before, in milliseconds.
const FAST_MS: f64 = 5.0;

/// The search so far.
#[derive(Clone, Debug, Default)]
pub struct Search {
    first_p99: Option<f64>,
    knee: Knee,
}

impl Search {
    /// What to multiply the rate with for the next step, after one that asked for `rate` journeys per second and went as
    /// `seconds` tell; `None` when the knee is found.
    pub fn step(&mut self, rate: f64, seconds: &[Second]) -> Option<f64> {
        // Its first second still has what was asked for before.
        let seconds = seconds.get(1..).unwrap_or_default();
        let attempts: u64 = seconds.iter().map(|second| second.attempts).sum();
        let delivered: u64 = seconds.iter().map(|second| second.delivered).sum();
        let started: u64 = seconds.iter().map(|second| second.started).sum();
        let length = seconds.len().max(1) as f64;
        let mut p99: Vec<f64> = seconds.iter().filter(|second| second.attempts > 0).map(|second| second.p99).collect();
        p99.sort_by(f64::total_cmp);
        let p99 = p99.get(p99.len() / 2).copied().unwrap_or_default();
        let refused = if attempts == 0 { 1.0 } else { (attempts - delivered) as f64 / attempts as f64 };
        self.knee.tried.push((rate, p99, refused));
        let first = *self.first_p99.get_or_insert(p99);
        let reason = if refused > REFUSED {
            format!("{:.1} % were refused at {rate:.0} journeys/s", refused * 100.0)
        } else if p99 > (first * SLOWER).max(FAST_MS) {
            format!("the 99th percentile went from {first:.1} ms to {p99:.1} ms at {rate:.0} journeys/s")
        } else if (started as f64) < at_least(rate * length) {
            format!("this machine started only {:.0} of {rate:.0} journeys/s", started as f64 / length)
        } else {
            self.knee.rate = rate;
            self.knee.delivered = delivered as f64 / length;
            return Some(STEP);
        };
        self.knee.reason = reason;
        None
    }

    /// What was found; `None` where the search ended before its first step was over.
    pub fn found(mut self) -> Option<Knee> {
        let (rate, ..) = *self.knee.tried.last()?;
        if self.knee.reason.is_empty() {
            self.knee.reason = format!("not reached: the search ended at {rate:.0} journeys/s");
        }
        Some(self.knee)
    }
}

/// How many of so many expected arrivals start where nothing holds them up.
fn at_least(expected: f64) -> f64 {
    KEPT * expected - DRAWN * expected.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(rate: u64, p99: f64, refused: u64) -> Vec<Second> {
        let attempts = rate * 4;
        vec![Second { started: rate, attempts, delivered: attempts - refused, p99, ..Second::default() }; 6]
    }

    #[test]
    fn the_rate_goes_up_until_answers_take_twice_as_long() {
        let mut search = Search::default();
        assert_eq!(search.step(100.0, &seconds(100, 8.0, 0)), Some(1.5));
        assert_eq!(search.step(150.0, &seconds(150, 15.0, 0)), Some(1.5));
        assert_eq!(search.step(225.0, &seconds(225, 17.0, 0)), None);
        let knee = search.found().expect("three steps");
        assert_eq!((knee.rate, knee.delivered, knee.tried.len()), (150.0, 600.0, 3));
        assert_eq!(knee.reason, "the 99th percentile went from 8.0 ms to 17.0 ms at 225 journeys/s");
    }

    #[test]
    fn refusals_silence_and_our_own_limit_end_it_too() {
        let ends = |seconds: Vec<Second>| {
            let mut search = Search::default();
            assert_eq!(search.step(100.0, &seconds), None);
            search.found().expect("a step").reason
        };
        assert_eq!(ends(seconds(100, 1.0, 5)), "1.2 % were refused at 100 journeys/s");
        assert!(ends(seconds(70, 1.0, 0)).starts_with("this machine started only 70"));
        assert!(ends(vec![Second::default(); 6]).starts_with("100.0 % were refused"));
    }

    #[test]
    fn a_search_that_ends_early_claims_no_knee() {
        assert_eq!(Search::default().found(), None);
        let mut search = Search::default();
        search.step(100.0, &seconds(100, 8.0, 0));
        let knee = search.found().expect("a step");
        assert_eq!((knee.rate, knee.reason.as_str()), (100.0, "not reached: the search ended at 100 journeys/s"));
    }

    #[test]
    fn that_fewer_were_drawn_is_not_this_machines_limit() {
        for (rate, started) in [(20.0, 17), (101.0, 93), (1_000.0, 930)] {
            let step = Search::default().step(rate, &seconds(started, 1.0, 0));
            assert_eq!(step, Some(1.5), "{started} of {rate}");
        }
        assert_eq!(Search::default().step(10_000.0, &seconds(9_300, 1.0, 0)), None);
    }

    #[test]
    fn what_is_fast_may_double() {
        let mut search = Search::default();
        search.step(100.0, &seconds(100, 0.5, 0));
        assert_eq!(search.step(150.0, &seconds(150, 1.5, 0)), Some(1.5));
    }
}
