//! What is drawn once per run: how time runs, the store, the flow, the schedule, the endpoints and the number of lives.

use std::time::Duration;

use understudy::chance::{SpanDraw, Weights};
use understudy::clock::{ClockMode, Timestamp};
use understudy::message::{Auth, Endpoint, RateLimit, RetryPolicy, Success};
use understudy::provider::idwise::{
    Flow as IdwiseFlow, Renewal, RenewalCriteria, StepDefinition, StepKind, SystemDecision,
};
use understudy::provider::{Dialect, Environment, Flow, ProviderKind};
use understudy::rng::{Draw, Seed};
use understudy::schedule::{Job, Timetable, Work};

pub(super) const FLOW: &str = "onboarding";

/// Instants to start from: an ordinary day, and the eves of both changes of Zurich's clocks.
const STARTS: [&str; 3] = ["2026-11-20T08:00:00Z", "2026-03-27T20:00:00Z", "2026-10-23T22:00:00Z"];

/// Provider seconds per real second of a clock that hurries.
const FAST: f64 = 60.0;

/// Runs of later seeds are all kept on disk; of the others one in twenty is.
pub(super) const ON_DISK: u64 = 1_000_000;

/// On what the store is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    /// The memory outbox, as the model of a disk.
    Model,
    /// The real store: tree, archive, files.
    Disk,
}

/// How renewals begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewals {
    /// There are none.
    Never,
    /// Each at its due date.
    ByThemselves,
    /// By the daily job, at 02:30 in Zurich.
    Daily,
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) clock: ClockMode,
    pub(super) start: Timestamp,
    pub(super) keeping: Keeping,
    pub(super) processing: Duration,
    pub(super) renewals: Renewals,
    /// From passing to falling due.
    pub(super) renew_after: Duration,
    /// From falling due to the deadline.
    pub(super) grace: Duration,
    /// Whether monitoring goes round every six hours.
    pub(super) monitoring: bool,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) digest: Duration,
    /// Actions in each life; the last one ends in peace.
    pub(super) lives: Vec<u64>,
    /// Whether endpoints are taken away: nobody can be mailed about one that is gone.
    pub(super) takes_away: bool,
    /// The longest leap of the clock.
    pub(super) leap: Duration,
}

impl Plan {
    pub(super) fn draw(seed: Seed) -> Plan {
        let mut draw = seed.draw(&[b"plan"]);
        let hours = |n: u64| Duration::from_secs(3_600 * n);
        let clock = match draw.below(4) {
            0..=1 => ClockMode::Manual,
            2 => ClockMode::Scaled { rate: 1.0 },
            _ => ClockMode::Scaled { rate: FAST },
        };
        let renewals = pick(&mut draw, &[Renewals::Never, Renewals::ByThemselves, Renewals::Daily, Renewals::Daily]);
        // Not where a request that hangs takes ten minutes of the provider's: more would be found than can be sent, for ever.
        let monitoring = draw.chance(0.3) && clock != ClockMode::Scaled { rate: FAST };
        let lives = (0..=draw.below(5)).map(|_| 8 + draw.below(32)).collect();
        let on_disk = draw.chance(0.05) || seed.0 > ON_DISK;
        Plan {
            clock,
            start: pick(&mut draw, &STARTS).parse().expect("an instant"),
            keeping: if on_disk { Keeping::Disk } else { Keeping::Model },
            processing: Duration::from_secs(pick(&mut draw, &[1, 5, 90, 1_200])),
            renewals,
            renew_after: hours(pick(&mut draw, &[2, 20, 24 * 4, 24 * 60])),
            grace: hours(pick(&mut draw, &[1, 30, 24 * 9])),
            monitoring,
            endpoints: endpoints(&mut draw),
            digest: Duration::from_secs(pick(&mut draw, &[1, 60, 900])),
            lives,
            takes_away: draw.chance(0.25),
            leap: hours(if monitoring { 24 * 3 } else { 24 * 70 }),
        }
    }

    pub(super) fn flow(&self) -> Flow {
        let step = |id: &str, kind| StepDefinition { id: id.into(), kind, title: id.into() };
        let renewal = Renewal {
            steps: vec!["1".into()],
            criteria: RenewalCriteria::DocumentExpired,
            after: self.renew_after,
            grace: self.grace,
        };
        Flow::Idwise(IdwiseFlow {
            id: FLOW.into(),
            steps: vec![step("1", StepKind::Document), step("2", StepKind::Selfie)],
            processing: SpanDraw::Fixed(self.processing),
            decision: Weights::new(vec![(SystemDecision::Complete, 70.0), (SystemDecision::Refer, 30.0)])
                .expect("weights"),
            aml_monitoring: true,
            renewal: (self.renewals != Renewals::Never).then_some(renewal),
            finished_journey_on_review: false,
        })
    }

    pub(super) fn schedule(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        if self.renewals == Renewals::Daily {
            let timetable = Timetable::parse("0 30 2 * * *", "Europe/Zurich").expect("a timetable");
            jobs.push(Job { name: "renewals".into(), timetable, work: Work::Renewals });
        }
        if self.monitoring {
            let timetable = Timetable::parse("0 0 */6 * * *", "UTC").expect("a timetable");
            let work = Work::AmlMonitorUpdate { share: 0.7 };
            jobs.push(Job { name: "monitoring".into(), timetable, work });
        }
        jobs
    }

    pub(super) fn endpoint(&self, name: &str) -> &Endpoint {
        self.endpoints.iter().find(|endpoint| endpoint.name == name).expect("it is one of the run's")
    }
}

/// Five endpoints, as different as they can be.
fn endpoints(draw: &mut Draw) -> Vec<Endpoint> {
    let seconds: [u64; 3] = pick(draw, &[[300, 600, 900], [2, 5, 9], [60, 3_600, 20_000]]);
    let gaps = seconds.map(Duration::from_secs).to_vec();
    let timeout = Duration::from_secs(pick(draw, &[2, 10]));
    let plain = Endpoint {
        name: "wide".into(),
        environment: Environment::Sandbox,
        dialect: Dialect::current(ProviderKind::Idwise),
        types: vec!["*".into()],
        url: "http://127.0.0.1:9/hook".parse().expect("a url"),
        error_emails: vec!["ops@example.com".into(), "dev@example.com".into()],
        auth: Auth::None,
        headers: vec![],
        enabled: true,
        retry: RetryPolicy { gaps, jitter: 0.0 },
        success: Success::Only200,
        timeout,
        max_in_flight: 4,
        rate_limit: None,
        ordered: false,
        response_body_max: 1_024,
    };
    let one = vec!["ops@example.com".to_owned()];
    let jitter = RetryPolicy { jitter: 0.3, ..plain.retry.clone() };
    let once = RetryPolicy { gaps: vec![], jitter: 0.0 };
    let slow = Some(RateLimit { per_second: 5.0 });
    let steps = vec!["Finished Step".to_owned(), "Finished Journey".to_owned()];
    vec![
        plain.clone(),
        Endpoint { name: "narrow".into(), max_in_flight: 1, retry: jitter, error_emails: one.clone(), ..plain.clone() },
        Endpoint { name: "ordered".into(), ordered: true, error_emails: vec![], ..plain.clone() },
        Endpoint {
            name: "steps".into(),
            types: steps,
            ordered: true,
            error_emails: one.clone(),
            success: Success::Any2xx,
            max_in_flight: 2,
            ..plain.clone()
        },
        Endpoint { name: "paced".into(), retry: once, rate_limit: slow, error_emails: one, ..plain },
    ]
}

/// One of several.
pub(super) fn pick<T: Clone>(draw: &mut Draw, of: &[T]) -> T {
    of[draw.below(of.len() as u64) as usize].clone()
}
