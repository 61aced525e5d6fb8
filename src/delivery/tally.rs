//! What is counted while it happens, for whoever watches the process: attempts by what came of them, and spans.
//!
//! Written where attempts end and where stimuli are committed, with atomics; read by the metrics. Counts begin with the
//! process. What the store itself counts is in the ledger, not here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::message::{ErrorClass, Verdict};

/// So many webhooks are counted by name; what goes to others is counted together, so that the metrics stay small.
pub const NAMED: usize = 100;

/// What came of an attempt: `delivered`, or the class of its error.
const OUTCOMES: usize = 1 + ErrorClass::ALL.len();

/// How attempts ended, by what came of them.
#[derive(Debug, Default)]
pub struct Outcomes([AtomicU64; OUTCOMES]);

impl Outcomes {
    fn saw(&self, verdict: Verdict, error: Option<ErrorClass>) {
        let at = match (verdict, error) {
            (Verdict::Delivered, _) => 0,
            (_, error) => 1 + error.unwrap_or(ErrorClass::Status) as usize,
        };
        self.0[at].fetch_add(1, Relaxed);
    }

    /// Those that happened at all, each with its word and its count.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let words = std::iter::once("delivered").chain(ErrorClass::ALL.map(ErrorClass::as_str));
        words.zip(&self.0).map(|(word, count)| (word, count.load(Relaxed))).filter(|(_, count)| *count > 0)
    }
}

/// Spans by length, in buckets with fixed bounds.
#[derive(Debug)]
pub struct Spans {
    /// Seconds, upwards; one more bucket takes what is longer.
    bounds: &'static [f64],
    buckets: Box<[AtomicU64]>,
    micros: AtomicU64,
}

impl Spans {
    fn within(bounds: &'static [f64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Spans { bounds, buckets, micros: AtomicU64::new(0) }
    }

    /// Counts one.
    pub fn saw(&self, span: Duration) {
        let seconds = span.as_secs_f64();
        self.buckets[self.bounds.partition_point(|bound| *bound < seconds)].fetch_add(1, Relaxed);
        self.micros.fetch_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// The sum in seconds, and how many lie in each bucket, by its upper bound in seconds; the last has none.
    pub fn read(&self) -> (f64, Vec<(f64, u64)>) {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let buckets = bounds.zip(&self.buckets).map(|(bound, count)| (bound, count.load(Relaxed)));
        (self.micros.load(Relaxed) as f64 / 1e6, buckets.collect())
    }
}

/// All of it.
#[derive(Debug)]
pub struct Tally {
    by_webhook: RwLock<BTreeMap<Arc<str>, Arc<Outcomes>>>,
    others: Outcomes,
    /// From an event's creation to its acceptance by a webhook, in provider time: retries and resends included.
    pub lag: Spans,
    /// From an attempt's start to its end, in real time.
    pub attempt: Spans,
    /// Until a stimulus was durable, in real time.
    pub commit: Spans,
    /// Until what came of an attempt was durable, in real time.
    pub settle: Spans,
}

/// Retries take minutes to hours, and an event that waited for a webhook days.
const LAGS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0];

/// Up to the longest deadline that an attempt sensibly has.
const ATTEMPTS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// From memory to a disk that is busy.
const WRITES: &[f64] = &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0];

impl Default for Tally {
    fn default() -> Self {
        Tally {
            by_webhook: RwLock::default(),
            others: Outcomes::default(),
            lag: Spans::within(LAGS),
            attempt: Spans::within(ATTEMPTS),
            commit: Spans::within(WRITES),
            settle: Spans::within(WRITES),
        }
    }
}

impl Tally {
    /// Counts an attempt at a webhook.
    pub fn attempted(&self, webhook: &str, verdict: Verdict, error: Option<ErrorClass>) {
        let known = self.by_webhook.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcomes) = known.get(webhook) {
            return outcomes.saw(verdict, error);
        }
        let full = known.len() >= NAMED;
        drop(known);
        if full {
            return self.others.saw(verdict, error);
        }
        let mut known = self.by_webhook.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(webhook.into()).or_default().saw(verdict, error);
    }

    /// The attempts of each webhook that is counted by name.
    pub fn by_webhook(&self) -> Vec<(Arc<str>, Arc<Outcomes>)> {
        let known = self.by_webhook.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(name, outcomes)| (name.clone(), outcomes.clone())).collect()
    }

    /// The attempts of all others.
    pub fn others(&self) -> &Outcomes {
        &self.others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_fall_into_the_bucket_whose_bound_they_do_not_exceed() {
        let spans = Spans::within(&[0.001, 1.0]);
        for millis in [0, 1, 2, 1_000, 1_001] {
            spans.saw(Duration::from_millis(millis));
        }
        assert_eq!(spans.read(), (2.004, vec![(0.001, 2), (1.0, 2), (f64::INFINITY, 1)]));
    }

    #[test]
    fn webhooks_beyond_the_bound_are_counted_together() {
        let tally = Tally::default();
        for n in 0..NAMED + 3 {
            tally.attempted(&format!("w{n}"), Verdict::Delivered, None);
        }
        tally.attempted("w0", Verdict::Exhausted, Some(ErrorClass::Blocked));
        assert_eq!(tally.by_webhook().len(), NAMED);
        assert_eq!(tally.others().counts().collect::<Vec<_>>(), [("delivered", 3)]);
        let first = &tally.by_webhook()[0].1;
        assert_eq!(first.counts().collect::<Vec<_>>(), [("delivered", 1), ("blocked", 1)]);
    }

    #[test]
    fn every_class_of_error_has_a_place_of_its_own() {
        let outcomes = Outcomes::default();
        for class in ErrorClass::ALL {
            outcomes.saw(Verdict::Exhausted, Some(class));
        }
        let words: Vec<&str> = outcomes.counts().map(|(word, _)| word).collect();
        assert_eq!(words, ErrorClass::ALL.map(ErrorClass::as_str));
    }
}
