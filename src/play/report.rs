//! What a play comes to: expectations, ledger and figures, as text and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message::{Attempt, Delivery};
use crate::outbox::Ledger;
use crate::report::{Figures, judged};
use crate::rng::Seed;
use crate::scenario::judge::{Holds, Judged, Played};

/// A report; durations are milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The process's exit code.
    pub exit_code: u8,
    /// Why.
    pub exit_reason: String,
    /// What was run.
    pub command: String,
    /// The scenario's name, or how many there were.
    pub name: String,
    /// The seed that repeats it.
    pub seed: u64,
    /// Journeys played.
    pub journeys: u64,
    /// What the outbox counted.
    pub ledger: Ledger,
    /// What was expected and how it came.
    pub expectations: Vec<Judged>,
    /// From the planned instant of a send to the last byte of its answer, in real time.
    pub latency: Figures,
    /// From an event's due instant to its acceptance, in provider time, retries included.
    pub lag: Figures,
    /// How late we started what was due, in provider time.
    pub late: Figures,
    /// Failed attempts by error class.
    pub errors: BTreeMap<String, u64>,
    /// One report each, where several scenarios were played.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<Report>,
}

impl Report {
    /// Of one play.
    pub fn of(
        name: &str,
        seed: Seed,
        played: &Played,
        ledger: Ledger,
        expectations: Vec<Judged>,
        strict: Strictness,
    ) -> Self {
        let (exit_code, exit_reason) = exit(&expectations, strict);
        let attempts = || played.deliveries.iter().flat_map(|(_, attempts)| attempts);
        Report {
            exit_code,
            exit_reason,
            command: "replay".to_owned(),
            name: name.to_owned(),
            seed: seed.0,
            journeys: played.journeys.len() as u64,
            ledger,
            expectations,
            latency: Figures::of(attempts().map(|attempt| attempt.outcome.took())),
            lag: Figures::of(played.deliveries.iter().filter_map(|row| lag(row, played))),
            late: Figures::of(played.deliveries.iter().flat_map(|row| late(row, played))),
            errors: errors(attempts()),
            scenarios: Vec::new(),
        }
    }

    /// The same of a play that was stopped before its end: what did not come may have come yet, so that nothing is proven.
    pub fn interrupted(mut self, exit_code: u8) -> Self {
        for judged in &mut self.expectations {
            (judged.verdict, judged.detail) = (Holds::Unproven, "interrupted before its end".to_owned());
        }
        Report { exit_code, exit_reason: "interrupted before its end".to_owned(), ..self }
    }

    /// Several reports as one: sums, and the worst of the exit codes.
    pub fn all(reports: Vec<Report>) -> Option<Report> {
        let worst = reports.iter().max_by_key(|report| report.exit_code)?.clone();
        if reports.len() == 1 {
            return Some(worst);
        }
        let mut sum =
            Report { name: format!("{} scenarios", reports.len()), journeys: 0, ledger: Ledger::default(), ..worst };
        sum.expectations = Vec::new();
        sum.errors = BTreeMap::new();
        // Distributions do not add up; each scenario has its own.
        (sum.latency, sum.lag, sum.late) = (Figures::default(), Figures::default(), Figures::default());
        for report in &reports {
            sum.journeys += report.journeys;
            sum.ledger = sum.ledger.plus(&report.ledger);
            sum.expectations.extend(
                report
                    .expectations
                    .iter()
                    .map(|judged| Judged { name: format!("{}: {}", report.name, judged.name), ..judged.clone() }),
            );
            for (class, count) in &report.errors {
                *sum.errors.entry(class.clone()).or_default() += count;
            }
        }
        sum.scenarios = reports;
        Some(sum)
    }
}

impl Report {
    /// For a CI server: a suite for each scenario.
    ///
    /// # Errors
    /// When it cannot be written, which only memory can be to blame for.
    pub fn junit(&self) -> Result<String, String> {
        let suite = |report: &Report| {
            let outcome = (report.exit_code, report.exit_reason.as_str());
            judged::suite(&report.name, &report.expectations, outcome, Duration::ZERO)
        };
        judged::suites("understudy replay", self.each().iter().map(suite))
    }

    /// For a pull request: a section for each scenario.
    pub fn markdown(&self) -> String {
        let section = |report: &Report| {
            let d = &report.ledger.deliveries;
            format!(
                "# {}\n\n{}; {} journeys, {} events, {} of {} deliveries delivered in {} attempts, seed {}.\n{}",
                judged::cell(&report.name),
                judged::cell(&report.exit_reason),
                report.journeys,
                report.ledger.events,
                d.delivered,
                d.accepted,
                report.ledger.attempts,
                report.seed,
                judged::required(&report.expectations)
            )
        };
        self.each().iter().map(section).collect::<Vec<_>>().join("\n")
    }

    /// The scenarios that it is of.
    fn each(&self) -> &[Report] {
        if self.scenarios.is_empty() { std::slice::from_ref(self) } else { &self.scenarios }
    }
}

/// Whether what could not be judged counts as failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// It is listed.
    #[default]
    Lenient,
    /// It fails the run.
    Strict,
}

fn exit(expectations: &[Judged], strict: Strictness) -> (u8, String) {
    let failed: Vec<&str> = expectations
        .iter()
        .filter(|judged| {
            judged.verdict == Holds::Fail || (strict == Strictness::Strict && judged.verdict == Holds::Unproven)
        })
        .map(|judged| judged.name.as_str())
        .collect();
    if failed.is_empty() {
        (0, "every expectation holds".to_owned())
    } else {
        (1, format!("not as expected: {}", failed.join(", ")))
    }
}

fn planned(delivery: &Delivery, played: &Played) -> Option<crate::clock::Timestamp> {
    let events = played.journeys.iter().find(|(journey, _)| Some(journey.id) == delivery.journey_id)?;
    events.1.iter().find(|event| event.event_id == delivery.event_id).map(|event| event.created_at)
}

fn lag((delivery, attempts): &(Delivery, Vec<Attempt>), played: &Played) -> Option<Duration> {
    let last = attempts.last().filter(|_| delivery.state == crate::message::DeliveryState::Delivered)?;
    Some(last.finished_at - planned(delivery, played)?)
}

fn late((delivery, attempts): &(Delivery, Vec<Attempt>), played: &Played) -> Option<Duration> {
    Some(attempts.first()?.started_at - planned(delivery, played)?)
}

fn errors<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> BTreeMap<String, u64> {
    let mut errors = BTreeMap::new();
    for class in attempts.filter_map(|attempt| attempt.outcome.error) {
        *errors.entry(class.as_str().to_owned()).or_default() += 1;
    }
    errors
}
