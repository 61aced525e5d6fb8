//! The meter: measures every attempt where it ends, and keeps the run second by second.
//!
//! One mutex; a measurement is a few array increments under it. Everything is told in real time: on a scaled clock provider
//! spans are divided by its pace. A clock that leaps has no real pace: there the answer's own time is all there is.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::clock::{Stopwatch, Timestamp};
use crate::delivery::attempt::{Gauge, Trial};
use crate::message::{Endpoint, Verdict};
use crate::outbox::Ledger;
use crate::report::{Bucket, Figures, LoadReport, Part, Second, histogram, record};
use crate::scenario::require::Metrics;

/// Measures a run. Shared by everything that takes part in it.
#[derive(Debug)]
pub struct Meter {
    /// Provider seconds per real second; `None` on a clock that leaps.
    pace: Option<f64>,
    running: Stopwatch,
    /// What ends before is not measured.
    warm_up: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    latency: Spans,
    service: Spans,
    lag: Spans,
    late: Spans,
    types: BTreeMap<String, Measured>,
    webhooks: BTreeMap<String, Measured>,
    lanes: BTreeMap<String, LaneLoad>,
    under_way: u64,
    errors: BTreeMap<&'static str, u64>,
    statuses: BTreeMap<u16, u64>,
    attempts: u64,
    delivered: u64,
    started: u64,
    lines: u64,
    skipped: u64,
    /// No more journeys are asked for.
    all_arrived: bool,
    now: Current,
    series: Vec<Second>,
}

/// The second that is under way.
#[derive(Debug, Default)]
struct Current {
    at_s: u64,
    asked: f64,
    started: u64,
    attempts: u64,
    delivered: u64,
    failed: u64,
    latency: Spans,
}

/// How a webhook's slots are used.
#[derive(Clone, Copy, Debug, Default)]
struct LaneLoad {
    under_way: usize,
    /// When it last had no slot free.
    full_until: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Measured {
    attempts: u64,
    failed: u64,
    latency: Spans,
}

/// A histogram that takes memory once it has something to hold.
#[derive(Debug, Default)]
struct Spans(Option<Box<Histogram<u64>>>);

impl Spans {
    fn record(&mut self, span: Duration) {
        if self.0.is_none() {
            self.0 = histogram().map(Box::new);
        }
        if let Some(histogram) = &mut self.0 {
            record(histogram, span);
        }
    }

    fn reset(&mut self) {
        if let Some(histogram) = &mut self.0 {
            histogram.reset();
        }
    }

    fn figures(&self) -> Figures {
        self.0.as_deref().filter(|histogram| !histogram.is_empty()).map(Figures::from).unwrap_or_default()
    }
}

/// A run at an instant, for whoever watches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Real time since the start.
    pub elapsed: Duration,
    /// Journeys started.
    pub started: u64,
    /// Attempts that ended, and those that were accepted.
    pub attempts: u64,
    /// Attempts that were accepted.
    pub delivered: u64,
    /// Attempts under way.
    pub in_flight: u64,
    /// From the planned instant.
    pub latency: Figures,
    /// How late we were ourselves.
    pub late: Figures,
    /// Failed attempts by class.
    pub errors: BTreeMap<String, u64>,
    /// The last seconds, the newest last.
    pub series: Vec<Second>,
}

impl Meter {
    /// A meter that begins now.
    pub fn new(pace: Option<f64>, warm_up: Duration) -> Self {
        Meter { pace, running: Stopwatch::start(), warm_up, state: Mutex::default() }
    }

    /// Real time since the start.
    pub fn elapsed(&self) -> Duration {
        self.running.elapsed()
    }

    /// A journey started, so late after it was planned, where `asked` journeys per second were asked for.
    pub fn started(&self, planned: Timestamp, now: Timestamp, asked: f64) {
        let at = self.elapsed();
        let mut state = self.lock();
        state.turn(at);
        state.now.asked = asked;
        state.now.started += 1;
        state.started += 1;
        self.late(&mut state, planned, now, at);
    }

    /// The last journey has arrived: from the next second on none is asked for.
    pub fn all_arrived(&self) {
        self.lock().all_arrived = true;
    }

    /// A line was carried out, or left out.
    pub fn line(&self, planned: Timestamp, now: Timestamp, played: bool) {
        let at = self.elapsed();
        let mut state = self.lock();
        match played {
            true => state.lines += 1,
            false => state.skipped += 1,
        }
        self.late(&mut state, planned, now, at);
    }

    /// The counts of the window since the last call, for a search: latency's figures and the share that failed.
    pub fn window(&self, since: usize) -> (Vec<Second>, usize) {
        let at = self.elapsed();
        let mut state = self.lock();
        state.turn(at);
        (state.series.get(since..).unwrap_or_default().to_vec(), state.series.len())
    }

    /// Forgets all distributions and counts of attempts: what comes now is measured alone.
    pub fn forget(&self) {
        let mut state = self.lock();
        let (under_way, lanes) = (state.under_way, std::mem::take(&mut state.lanes));
        let (series, now) = (std::mem::take(&mut state.series), std::mem::take(&mut state.now));
        *state = State { under_way, lanes, series, now, started: state.started, ..State::default() };
    }

    /// As it stands.
    pub fn snapshot(&self) -> Snapshot {
        let elapsed = self.elapsed();
        let mut state = self.lock();
        state.turn(elapsed);
        let from = state.series.len().saturating_sub(120);
        Snapshot {
            elapsed,
            started: state.started,
            attempts: state.attempts,
            delivered: state.delivered,
            in_flight: state.under_way,
            latency: state.latency.figures(),
            late: state.late.figures(),
            errors: state.errors.iter().map(|(class, count)| ((*class).to_owned(), *count)).collect(),
            series: state.series[from..].to_vec(),
        }
    }

    /// Writes what was measured into a report.
    pub fn report(&self, report: &mut LoadReport) {
        let elapsed = self.elapsed();
        let mut state = self.lock();
        state.turn(elapsed + Duration::from_secs(1));
        report.measured_s = elapsed.saturating_sub(self.warm_up).as_secs_f64();
        (report.journeys, report.lines, report.skipped) = (state.started, state.lines, state.skipped);
        (report.latency, report.service) = (state.latency.figures(), state.service.figures());
        (report.lag, report.late) = (state.lag.figures(), state.late.figures());
        report.errors = state.errors.iter().map(|(class, count)| ((*class).to_owned(), *count)).collect();
        report.statuses = state.statuses.iter().map(|(status, count)| (status.to_string(), *count)).collect();
        let parts = |of: &BTreeMap<String, Measured>| {
            let part = |m: &Measured| Part { attempts: m.attempts, failed: m.failed, latency: m.latency.figures() };
            of.iter().map(|(name, measured)| (name.clone(), part(measured))).collect()
        };
        (report.types, report.webhooks) = (parts(&state.types), parts(&state.webhooks));
        report.series = state.series.clone();
        if let Some(histogram) = &state.latency.0 {
            let buckets = histogram.iter_log(100, 1.15).filter(|bucket| bucket.count_since_last_iteration() > 0);
            report.histogram = buckets
                .map(|bucket| Bucket {
                    to_ms: bucket.value_iterated_to() as f64 / 1_000.0,
                    count: bucket.count_since_last_iteration(),
                })
                .collect();
        }
        report.rate.attempts = state.attempts as f64 / report.measured_s.max(1e-3);
    }

    fn late(&self, state: &mut State, planned: Timestamp, now: Timestamp, at: Duration) {
        if let Some(late) = self.real(now.since(planned)).filter(|_| at >= self.warm_up) {
            state.late.record(late);
        }
    }

    /// A span of provider time in real time.
    fn real(&self, span: Duration) -> Option<Duration> {
        self.pace.map(|pace| if pace == 1.0 { span } else { span.div_f64(pace) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Closes every second that is over at `at`.
    fn turn(&mut self, at: Duration) {
        while self.now.at_s < at.as_secs() {
            let figures = self.now.latency.figures();
            self.series.push(Second {
                at_s: self.now.at_s,
                asked: self.now.asked,
                started: self.now.started,
                attempts: self.now.attempts,
                delivered: self.now.delivered,
                in_flight: self.under_way,
                p50: figures.p50,
                p90: figures.p90,
                p99: figures.p99,
                max: figures.max,
            });
            self.now.latency.reset();
            let latency = std::mem::take(&mut self.now.latency);
            let asked = if self.all_arrived { 0.0 } else { self.now.asked };
            self.now = Current { at_s: self.now.at_s + 1, asked, latency, ..Current::default() };
        }
    }
}

impl Gauge for Meter {
    fn begin(&self, endpoint: &Endpoint, due_at: Timestamp) -> bool {
        let at = self.elapsed();
        let mut state = self.lock();
        // Seconds in which nothing happened had as many under way as there were until now.
        state.turn(at);
        state.under_way += 1;
        if !state.lanes.contains_key(&endpoint.name) {
            state.lanes.insert(endpoint.name.clone(), LaneLoad::default());
        }
        let Some(lane) = state.lanes.get_mut(&endpoint.name) else { return false };
        lane.under_way += 1;
        lane.under_way >= endpoint.max_in_flight || lane.full_until.is_some_and(|until| due_at <= until)
    }

    fn measure(&self, trial: &Trial<'_>) {
        let at = self.elapsed();
        let (outcome, finished) = (&trial.attempt.outcome, trial.attempt.finished_at);
        let service = outcome.took();
        let latency = self.real(finished.since(trial.due_at)).unwrap_or(service);
        let failed = trial.verdict != Verdict::Delivered;
        let mut guard = self.lock();
        let state = &mut *guard;
        state.turn(at);
        state.under_way = state.under_way.saturating_sub(1);
        if let Some(lane) = state.lanes.get_mut(&trial.endpoint.name) {
            if lane.under_way >= trial.endpoint.max_in_flight {
                lane.full_until = lane.full_until.max(Some(finished));
            }
            lane.under_way = lane.under_way.saturating_sub(1);
        }
        state.now.attempts += 1;
        state.now.delivered += u64::from(!failed);
        state.now.failed += u64::from(failed);
        state.now.latency.record(latency);
        if at < self.warm_up {
            return;
        }
        state.attempts += 1;
        state.delivered += u64::from(!failed);
        state.latency.record(latency);
        state.service.record(service);
        if !failed {
            // A clock that leaps does so while attempts are under way: they last as long as they did in real time.
            let leapt = || trial.due_at.since(trial.message.created_at) + service;
            state.lag.record(self.real(finished.since(trial.message.created_at)).unwrap_or_else(leapt));
        }
        if !trial.crowded {
            self.late(state, trial.due_at, trial.attempt.started_at, at);
        }
        if let Some(class) = outcome.error {
            *state.errors.entry(class.as_str()).or_default() += 1;
        }
        if let Some(status) = outcome.status {
            *state.statuses.entry(status).or_default() += 1;
        }
        for (of, name) in
            [(&mut state.types, trial.message.event_type.as_ref()), (&mut state.webhooks, trial.endpoint.name.as_str())]
        {
            if !of.contains_key(name) {
                of.insert(name.to_owned(), Measured::default());
            }
            if let Some(measured) = of.get_mut(name) {
                measured.attempts += 1;
                measured.failed += u64::from(failed);
                measured.latency.record(latency);
            }
        }
    }
}

/// A run and its ledger, as `[require]` asks of them.
#[derive(Clone, Copy, Debug)]
pub struct Judging<'a> {
    /// What was measured; of the last ten seconds where it is watched while it runs.
    pub report: &'a LoadReport,
    /// What the outbox counts.
    pub ledger: &'a Ledger,
}

impl Metrics for Judging<'_> {
    fn metric(&self, name: &str) -> Option<f64> {
        let deliveries = &self.ledger.deliveries;
        let ended = deliveries.delivered + deliveries.exhausted + deliveries.cancelled;
        let owed = deliveries.waiting + deliveries.in_flight;
        let report = self.report;
        let attempts: u64 = report.webhooks.values().map(|part| part.attempts).sum();
        let share = |count: u64| (attempts > 0).then(|| count as f64 / attempts as f64);
        Some(match name {
            "lost" => deliveries.accepted.saturating_sub(ended + owed) as f64,
            "undelivered" => (deliveries.exhausted + owed) as f64,
            "exhausted" => deliveries.exhausted as f64,
            "delivered" => deliveries.delivered as f64,
            "attempts" => self.ledger.attempts as f64,
            "mails" => self.ledger.mails.accepted as f64,
            "journeys" => report.journeys as f64,
            "refused" => share(report.webhooks.values().map(|part| part.failed).sum())?,
            "errors" => share(report.errors.iter().filter(|(class, _)| *class != "status").map(|(_, n)| *n).sum())?,
            "kept" => report.rate.kept,
            "delivered.rate" => report.rate.delivered,
            "started.rate" => report.rate.started,
            _ => {
                let (of, quantile) = name.split_once('.')?;
                let figures = match of {
                    "latency" => &report.latency,
                    "service" => &report.service,
                    "lag" => &report.lag,
                    "late" => &report.late,
                    _ => return None,
                };
                if figures.count == 0 {
                    return None;
                }
                let ms = match quantile {
                    "p50" => figures.p50,
                    "p90" => figures.p90,
                    "p99" => figures.p99,
                    "p999" => figures.p999,
                    "max" => figures.max,
                    "mean" => figures.mean,
                    _ => return None,
                };
                ms / 1e3
            }
        })
    }
}
