//! When journeys arrive: pure. Stages of a rate that holds or ramps, and gaps that are even or drawn.
//!
//! A stage's rate, summed over time, says how many have arrived by then. Each journey's gap is a number of arrivals, one
//! where they are even and drawn from the exponential distribution where they are not; where the sum reaches it the next
//! one arrives. So a ramp of a Poisson process is a Poisson process, and every instant follows from the seed.

use std::time::Duration;

use crate::rng::Seed;
use crate::scenario::file::{Arrival, Population, Spacing};

/// The instants of a population, one after the other.
#[derive(Clone, Debug)]
pub struct Arrivals {
    stages: Vec<Arrival>,
    spacing: Spacing,
    seed: Seed,
    journeys: u64,
    given: u64,
    /// How many arrivals the stages had come to at the last one.
    sum: f64,
}

impl Arrivals {
    /// Those of a population.
    pub fn new(population: &Population, seed: Seed) -> Self {
        let (stages, spacing) = (population.arrive.clone(), population.spacing);
        Arrivals { stages, spacing, seed, journeys: population.journeys, given: 0, sum: 0.0 }
    }

    /// The next journey's number, from 1, and when it arrives after the start. `faster` is the pace that somebody turned
    /// the rate to: 2 is twice as many.
    pub fn next(&mut self, faster: f64) -> Option<(u64, Duration)> {
        if self.given >= self.journeys {
            return None;
        }
        let number = self.given + 1;
        let gap = match self.spacing {
            Spacing::Even if number == 1 => 0.5,
            Spacing::Even => 1.0,
            Spacing::Poisson => -libm::log(1.0 - self.seed.draw(&[b"arrival", &number.to_le_bytes()]).unit()),
        };
        let sum = self.sum + gap / faster.max(f64::MIN_POSITIVE);
        let at = self.when(sum)?;
        (self.given, self.sum) = (number, sum);
        Some((number, at))
    }

    /// How long the stages last.
    pub fn span(&self) -> Duration {
        self.stages.iter().map(|stage| stage.span).sum()
    }

    /// Journeys per second that are asked for at an instant after the start, where nobody turned the rate.
    pub fn rate_at(&self, at: Duration) -> f64 {
        let mut from = Duration::ZERO;
        for stage in &self.stages {
            if at < from + stage.span {
                let share = (at - from).as_secs_f64() / stage.span.as_secs_f64();
                return stage.from + (stage.to - stage.from) * share;
            }
            from += stage.span;
        }
        0.0
    }

    /// How many the stages come to.
    pub fn expected(&self) -> f64 {
        self.stages.iter().map(area).sum::<f64>().min(self.journeys as f64)
    }

    /// When the stages have come to `sum` arrivals.
    fn when(&self, sum: f64) -> Option<Duration> {
        let (mut left, mut before) = (sum, Duration::ZERO);
        for stage in &self.stages {
            let area = area(stage);
            if left <= area && area > 0.0 {
                // from t + (to - from) / (2 span) t^2 = left, solved without cancellation.
                let slope = (stage.to - stage.from) / stage.span.as_secs_f64();
                let root = libm::sqrt((stage.from * stage.from + 2.0 * slope * left).max(0.0));
                let t = if stage.from + root > 0.0 { 2.0 * left / (stage.from + root) } else { 0.0 };
                return Some(before + Duration::try_from_secs_f64(t).unwrap_or(stage.span).min(stage.span));
            }
            left -= area;
            before += stage.span;
        }
        None
    }
}

fn area(stage: &Arrival) -> f64 {
    (stage.from + stage.to) / 2.0 * stage.span.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population(spacing: Spacing, stages: &[(u64, f64, f64)]) -> Population {
        let stage =
            |(span, from, to): &(u64, f64, f64)| Arrival { span: Duration::from_secs(*span), from: *from, to: *to };
        Population { journeys: 1_000_000, spacing, arrive: stages.iter().map(stage).collect() }
    }

    fn all(population: &Population, seed: u64) -> Vec<f64> {
        let mut arrivals = Arrivals::new(population, Seed(seed));
        std::iter::from_fn(|| arrivals.next(1.0)).map(|(_, at)| at.as_secs_f64()).collect()
    }

    #[test]
    fn even_arrivals_keep_their_distance_and_their_number() {
        let at = all(&population(Spacing::Even, &[(10, 50.0, 50.0)]), 1);
        assert_eq!(at.len(), 500);
        assert!(at.windows(2).all(|pair| (pair[1] - pair[0] - 0.02).abs() < 1e-6));
    }

    #[test]
    fn a_ramp_begins_and_ends_at_its_rates() {
        let at = all(&population(Spacing::Even, &[(100, 0.0, 20.0), (10, 20.0, 20.0)]), 1);
        assert_eq!(at.len(), 1_200);
        let within = |from: f64, to: f64| at.iter().filter(|t| (from..to).contains(*t)).count();
        // A rate of 5 at second 25, and of 15 at second 75.
        assert!((49..=51).contains(&within(20.0, 30.0)) && (149..=151).contains(&within(70.0, 80.0)));
        assert!(at.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn drawn_arrivals_are_a_poisson_process_and_repeat() {
        let of = population(Spacing::Poisson, &[(200, 50.0, 50.0)]);
        let (at, again) = (all(&of, 7), all(&of, 7));
        assert_eq!(at, again);
        assert_ne!(at, all(&of, 8));
        assert!((9_600..10_400).contains(&at.len()), "{}", at.len());
        // The counts of a second have the variance of their mean.
        let mut counts = vec![0.0_f64; 200];
        at.iter().for_each(|t| counts[*t as usize] += 1.0);
        let mean = counts.iter().sum::<f64>() / 200.0;
        let variance = counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 199.0;
        assert!((0.7..1.4).contains(&(variance / mean)), "{variance} {mean}");
    }

    #[test]
    fn a_turned_rate_counts_from_where_it_was_turned() {
        let of = population(Spacing::Even, &[(100, 10.0, 10.0)]);
        let mut arrivals = Arrivals::new(&of, Seed(1));
        let first: Vec<f64> = (0..100).filter_map(|_| arrivals.next(1.0)).map(|(_, at)| at.as_secs_f64()).collect();
        let then: Vec<f64> = (0..100).filter_map(|_| arrivals.next(4.0)).map(|(_, at)| at.as_secs_f64()).collect();
        assert!((first[99] - 9.95).abs() < 1e-6);
        assert!((then[99] - 9.95 - 2.5).abs() < 1e-6, "a hundred more in a quarter of the time: {}", then[99]);
    }

    #[test]
    fn it_ends_with_the_journeys_or_with_the_stages() {
        let few = Population { journeys: 3, ..population(Spacing::Even, &[(10, 50.0, 50.0)]) };
        assert_eq!(all(&few, 1).len(), 3);
        assert_eq!(all(&population(Spacing::Even, &[(10, 0.0, 0.0)]), 1), [0.0_f64; 0]);
        let arrivals = Arrivals::new(&population(Spacing::Even, &[(10, 0.0, 20.0), (5, 20.0, 20.0)]), Seed(1));
        assert_eq!((arrivals.rate_at(Duration::from_secs(5)), arrivals.rate_at(Duration::from_secs(12))), (10.0, 20.0));
        assert_eq!((arrivals.rate_at(Duration::from_secs(15)), arrivals.expected()), (0.0, 200.0));
    }
}
