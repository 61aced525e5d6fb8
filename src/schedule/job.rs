//! What a job does: to whom, and which stimulus. Pure: chance comes from the seed, the job's name and the tick.

use super::Timetable;
use crate::chance::Weights;
use crate::clock::Timestamp;
use crate::provider::idwise::{AmlChange, Stimulus, SystemDecision};
use crate::provider::{self, words::Word as _};
use crate::rng::{Draw, Seed};

/// A job of the schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its name, unique in a configuration.
    pub name: String,
    /// When it is due.
    pub timetable: Timetable,
    /// What it does.
    pub work: Work,
}

/// What a job does.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Lets the renewals that have fallen due since begin (docs.idwise.com/docs/kyc-renewal: a daily job).
    Renewals,
    /// AML monitoring finds something about some journeys.
    AmlMonitorUpdate {
        /// About which share of them, above 0 to 1.
        share: f64,
    },
    /// Some users do a selfie spot check.
    SpotCheck {
        /// Which share of them, above 0 to 1.
        share: f64,
        /// What the system decides in it.
        decision: Weights<SystemDecision>,
    },
}

impl Work {
    /// The word of the configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Work::Renewals => "renewals",
            Work::AmlMonitorUpdate { .. } => "aml_monitor_update",
            Work::SpotCheck { .. } => "spot_check",
        }
    }

    /// The share of journeys; `None` for a job that goes to those that are due.
    fn share(&self) -> Option<f64> {
        match self {
            Work::Renewals => None,
            Work::AmlMonitorUpdate { share } | Work::SpotCheck { share, .. } => Some(*share),
        }
    }
}

impl Job {
    /// The journeys of `1..=newest` that the tick goes to, in order, by number. Each is chosen with the job's share,
    /// whatever the others are, and the choice is the same however many journeys there are.
    pub fn chosen(&self, seed: Seed, tick: Timestamp, newest: u64) -> Chosen {
        let draw = seed.draw(&[b"schedule", self.name.as_bytes(), &tick.as_micros().to_le_bytes()]);
        Chosen { draw, share: self.work.share().unwrap_or(0.0), last: 0, newest }
    }

    /// What is done to journey `number` at the tick; `None` when this job does nothing by itself.
    pub fn stimulus(&self, seed: Seed, tick: Timestamp, number: u64) -> Option<provider::Stimulus> {
        let stimulus = match &self.work {
            Work::Renewals => return None,
            Work::AmlMonitorUpdate { .. } => {
                let place =
                    [b"aml change", self.name.as_bytes(), &tick.as_micros().to_le_bytes(), &number.to_le_bytes()];
                let index = seed.draw(&place).below(AmlChange::ALL.len() as u64) as usize;
                Stimulus::AmlMonitorUpdate { change: AmlChange::ALL[index], decision: None }
            }
            Work::SpotCheck { decision, .. } => Stimulus::FinishSpotCheck { decision: decision.clone() },
        };
        Some(provider::Stimulus::Idwise(stimulus))
    }
}

/// The numbers of the chosen journeys, rising. Jumps from one to the next, so that a small share of many costs little.
#[derive(Debug)]
pub struct Chosen {
    draw: Draw,
    share: f64,
    last: u64,
    newest: u64,
}

impl Iterator for Chosen {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let gap = if self.share >= 1.0 {
            0.0
        } else if self.share > 0.0 {
            // How many in a row are passed over is geometrically distributed.
            (libm::log(1.0 - self.draw.unit()) / libm::log(1.0 - self.share)).floor()
        } else {
            return None;
        };
        if gap >= (self.newest.saturating_sub(self.last)) as f64 {
            self.last = self.newest;
            return None;
        }
        self.last += 1 + gap as u64;
        Some(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(share: f64) -> Job {
        let timetable = Timetable::parse("0 */10 * * * *", "UTC").expect("a timetable");
        Job { name: "aml-noise".into(), timetable, work: Work::AmlMonitorUpdate { share } }
    }

    fn chosen(share: f64, tick: i64, newest: u64) -> Vec<u64> {
        job(share).chosen(Seed(7), Timestamp::from_micros(tick), newest).collect()
    }

    #[test]
    fn everybody_nobody_or_a_share() {
        assert_eq!(chosen(1.0, 0, 4), [1, 2, 3, 4]);
        assert_eq!(chosen(1.0, 0, 0), [0_u64; 0]);
        let some = chosen(0.01, 0, 100_000);
        assert!((900..1_100).contains(&some.len()), "{} of 100,000", some.len());
        assert!(some.windows(2).all(|pair| pair[0] < pair[1]) && some.iter().all(|n| (1..=100_000).contains(n)));
        // Each part of the numbers has its share.
        let late = some.iter().filter(|n| **n > 50_000).count();
        assert!((400..600).contains(&late), "{late} of {}", some.len());
    }

    #[test]
    fn more_journeys_change_nothing_about_the_earlier_ones() {
        let many = chosen(0.2, 5, 1_000);
        for newest in [0, 1, 10, 999] {
            let few: Vec<u64> = many.iter().copied().filter(|n| *n <= newest).collect();
            assert_eq!(chosen(0.2, 5, newest), few);
        }
        assert_ne!(chosen(0.2, 6, 1_000), many, "another tick is another choice");
    }

    #[test]
    fn what_monitoring_finds_varies_and_repeats() {
        let found = |number| job(1.0).stimulus(Seed(7), Timestamp::default(), number);
        let all: Vec<_> = (1..50).map(found).collect();
        assert_eq!(all, (1..50).map(found).collect::<Vec<_>>());
        for change in AmlChange::ALL {
            let stimulus = Stimulus::AmlMonitorUpdate { change: *change, decision: None };
            assert!(all.contains(&Some(provider::Stimulus::Idwise(stimulus))), "{change:?}");
        }
    }
}
