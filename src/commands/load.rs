//! `load`: drive a population of journeys at endpoints in the open model, and report what came of it.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::load_view::{Keys, View};
use super::replay;
use super::{Context, Exit, Failure, settings};
use crate::app::run::{Firing, Store, Watchers};
use crate::cli::{LoadArgs, OutboxKind, PlayClock};
use crate::clock::{ClockMode, real_sleep};
use crate::config::{Config, Engine};
use crate::http::dashboard::repertoire::Repertoire;
use crate::load::meter::Judging;
use crate::load::{Arrivals, Control, Drive, Driven, Meter, Pacing, Verdict, drive, judge, knee, recent, set_rates};
use crate::message::Reach;
use crate::portal::{Target, Webhook};
use crate::report::{Knee, LoadReport, write};
use crate::rng::Seed;
use crate::scenario::file::{Arrival, Pace, Population, Spacing};
use crate::scenario::require::StopWhen;
use crate::scenario::{Scenario, draw};
use crate::secret::ending;
use crate::stage::{Stage, Staging};
use crate::transport::reach;

/// Without a number of journeys: as many as arrive.
const ANY_NUMBER: u64 = 1_000_000_000;
/// Without a span: as long as the journeys last.
const ANY_SPAN: Duration = Duration::from_secs(10 * 365 * 86_400);
/// A step of the search for the knee.
const STEP: Duration = Duration::from_secs(6);
/// The rate that a search begins with when none is given.
const FIRST_RATE: f64 = 20.0;
/// The seconds that a `stop_when` looks back over.
const LOOK_BACK: usize = 3;

/// Carries it out.
///
/// # Errors
/// A file or an option that is wrong, a target that may not or cannot be driven at, a store that fails.
pub(super) async fn run(cx: &Context, args: &LoadArgs) -> Result<Exit, Failure> {
    let config = settings::load(cx, &settings::overrides(cx))?;
    let scenario = scenario(cx, args, &config)?;
    let seed = draw::seed(args.seed.map(Seed), &scenario, config.seed);
    let (mode, pacing) = pace(args, &scenario)?;
    let population = population(args, &scenario, pacing)?;
    let webhooks = webhooks(args, &config, &scenario)?;
    may_be_driven_at(&webhooks, &args.allow_hosts).await?;
    let directory =
        tempfile::tempdir().map_err(|error| Failure::could_not_run(format!("cannot make a store: {error}")))?;
    let meter = Arc::new(Meter::new(if let Pacing::Runs(pace) = pacing { Some(pace) } else { None }, args.warm_up));
    let engine = match args.outbox {
        Some(OutboxKind::Sled) => Engine::Sled,
        Some(OutboxKind::Memory) => Engine::Memory,
        None => config.outbox.engine,
    };
    let staging = Staging {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        store: match engine {
            // Nobody can ask for what is over: it is measured as it ends, and the ledger counts it on.
            Engine::Memory => Store::Memory { retention: Duration::ZERO },
            Engine::Sled => Store::Sled { path: directory.path().join("store"), retention: config.outbox.retention },
        },
        clock: mode,
        start: scenario.start.or(config.clock.start).or_else(|| (pacing == Pacing::Leaps).then(replay::leap_start)),
        seed,
        firing: Firing::ByCaller,
        watchers: Watchers { gauge: Some(meter.clone()), ..Watchers::default() },
        repertoire: Repertoire::default(),
        blanks: cx.blanks.clone(),
    };
    let stage = replay::staged(&config, &scenario, &webhooks, staging).await?;
    let began = crate::clock::ProviderClock::new(ClockMode::Real, None);
    let at = crate::clock::Clock::now(&began);
    let (control, turned) = watch::channel(Control::default());
    let stop = CancellationToken::new();
    let scenario = Arc::new(scenario);
    let arrivals = Arrivals::new(&population, seed);
    let mut driving = JoinSet::new();
    driving.spawn(drive(Drive {
        app: stage.running.app.clone(),
        scenario: scenario.clone(),
        seed,
        arrivals: arrivals.clone(),
        pacing,
        durable: engine == Engine::Sled,
        meter: meter.clone(),
        control: turned,
        drain: args.drain,
        stop: stop.clone(),
    }));
    let interrupts = Arc::new(Notify::new());
    let keys = Keys { control: control.clone(), stop: stop.clone(), interrupts: interrupts.clone() };
    let view = View::new(cx, &scenario.name, &arrivals, pacing, keys);
    let watching = Watching { meter: &meter, scenario: &scenario, stage: &stage, stop: &stop };
    let mut found = None;
    let mut stopped = None;
    let mut interrupted = false;
    let driven = {
        let beside = async {
            tokio::join!(view.show(&meter), async { stopped = watching.stop_when().await }, async {
                if args.find_knee {
                    found = find_knee(&meter, &control, arrivals.rate_at(Duration::ZERO), &stop).await;
                }
            });
            std::future::pending::<()>().await;
        };
        tokio::pin!(beside);
        loop {
            tokio::select! {
                driven = driving.join_next() => match driven {
                    Some(Ok(driven)) => break Some(driven),
                    Some(Err(error)) => return Err(Failure::could_not_run(format!("the driver died: {}", ending(&error)))),
                    None => break Some(Ok(Driven::default())),
                },
                () = &mut beside => {}
                () = interrupt(&interrupts) => {
                    if interrupted {
                        break None;
                    }
                    interrupted = true;
                    stop.cancel();
                    cx.out.talk("no more journeys arrive; what is under way comes to its end (once more: give it up)");
                }
            }
        }
    };
    view.clear();
    let ledger = stage.running.app.outbox.ledger();
    let Some(driven) = driven else {
        // The store goes with its directory: it must have ended before, and nobody may ask it for more.
        driving.shutdown().await;
        let _ = stage.strike(Duration::ZERO).await;
        return Ok(Exit::Interrupted);
    };
    stage.strike(config.server.grace).await.map_err(|fatal| Failure::could_not_run(fatal.to_string()))?;
    let driven = driven.map_err(|error| Failure::could_not_run(error.to_string()))?;
    let mut report = LoadReport {
        command: "load".to_owned(),
        name: scenario.name.clone(),
        seed: seed.0,
        at: at.to_rfc3339_seconds(),
        clock: match pacing {
            Pacing::Leaps => "leap".to_owned(),
            Pacing::Runs(1.0) => "real".to_owned(),
            Pacing::Runs(pace) => format!("scaled {pace}"),
        },
        ledger,
        knee: found,
        ..LoadReport::default()
    };
    meter.report(&mut report);
    set_rates(&mut report, &driven, &population, pacing);
    let (verdict, reason) = judge(&scenario, args.strict, &mut report, driven.refused.as_ref(), stopped);
    let exit = match verdict {
        _ if interrupted => Exit::Interrupted,
        Verdict::Yes => Exit::Yes,
        Verdict::No => Exit::No,
        Verdict::CouldNotRun => Exit::CouldNotRun,
        Verdict::NoVerdict => Exit::NoVerdict,
    };
    let reason = if interrupted { format!("interrupted before its end; until then: {reason}") } else { reason };
    (report.exit_code, report.exit_reason) = (exit.code(), reason);
    finish(cx, args, &report)?;
    Ok(exit)
}

/// Waits for SIGINT, or for its key where a view keeps that from being a signal.
async fn interrupt(key: &Notify) {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = key.notified() => {}
    }
}

/// The scenario of the file, or one that submits every step of the first flow at once.
fn scenario(cx: &Context, args: &LoadArgs, config: &Config) -> Result<Scenario, Failure> {
    if let Some(file) = &args.file {
        let read = replay::read_all(cx, config, std::slice::from_ref(file))?;
        return read.into_iter().next().ok_or_else(|| Failure::bad_usage("there is nothing to play"));
    }
    if args.rate.is_none() && !args.find_knee {
        return Err(Failure::bad_usage("there is neither a FILE nor a --rate")
            .help("write understudy load --rate 50 --for 1m, or name a *.journey.toml"));
    }
    let Some(flow) = config.flows.first() else {
        return Err(Failure::bad_usage("no flow is configured").help("add a [[flow]] to the configuration"));
    };
    let lines: Vec<String> = match flow {
        crate::provider::Flow::Idwise(flow) => {
            flow.steps.iter().map(|step| format!("{{ do = \"submit_step\", step = {:?} }}", step.id)).collect()
        }
        crate::provider::Flow::Qoreid(_) => vec!["{ do = \"submit\" }".to_owned()],
    };
    let text = format!(
        "format = 1\nname = \"load on {}\"\nclock = {{ mode = \"real\" }}\n[journey]\nflow = {:?}\nsteps = [{{ do = \"start\" }}, {}]\n",
        flow.id(),
        flow.id(),
        lines.join(", ")
    );
    Scenario::parse("load", &text, &settings::vocabulary(config))
        .map_err(|complaints| settings::complained(&cx.out, &complaints))
}

fn pace(args: &LoadArgs, scenario: &Scenario) -> Result<(ClockMode, Pacing), Failure> {
    let scaled = |rate| (ClockMode::Scaled { rate }, Pacing::Runs(rate));
    let real = (ClockMode::Real, Pacing::Runs(1.0));
    Ok(match (args.clock, scenario.pace, args.pace) {
        (Some(PlayClock::Scaled) | None, _, Some(pace)) => scaled(pace),
        (Some(PlayClock::Scaled), Pace::Scaled(rate), None) | (None, Pace::Scaled(rate), None) => scaled(rate),
        (Some(PlayClock::Scaled), ..) => {
            return Err(Failure::bad_usage("a scaled clock needs a pace").help("write --clock scaled --pace 60"));
        }
        (Some(PlayClock::Real), ..) | (None, Pace::Real, None) => real,
        (Some(PlayClock::Leap), ..) | (None, Pace::Leap, None) => (ClockMode::Manual, Pacing::Leaps),
    })
}

fn population(args: &LoadArgs, scenario: &Scenario, pacing: Pacing) -> Result<Population, Failure> {
    let by_hand = args.rate.is_some() || args.lasting.is_some();
    let mut population = match (&scenario.population, by_hand || args.find_knee) {
        (Some(population), false) => population.clone(),
        _ => {
            let rate = args.rate.or(args.find_knee.then_some(FIRST_RATE)).or_else(|| {
                // A file's own rate, for another span.
                scenario.population.as_ref().and_then(|population| population.arrive.first()).map(|stage| stage.from)
            });
            let Some(rate) = rate else {
                return Err(Failure::bad_usage("nothing says how many journeys arrive")
                    .help("add [population] to the file, or write --rate 50 --for 1m"));
            };
            if args.lasting.is_none() && args.journeys.is_none() && !args.find_knee {
                return Err(Failure::bad_usage("nothing says when it is over").help("add --for 1m or --journeys 2000"));
            }
            let span = args.lasting.unwrap_or(ANY_SPAN);
            let spacing = scenario.population.as_ref().map_or(Spacing::Poisson, |population| population.spacing);
            Population { journeys: ANY_NUMBER, spacing, arrive: vec![Arrival { span, from: rate, to: rate }] }
        }
    };
    if let Some(journeys) = args.journeys {
        population.journeys = journeys;
    }
    if args.find_knee && pacing != Pacing::Runs(1.0) {
        return Err(Failure::bad_usage("a knee is found in real time").help("write --clock real"));
    }
    Ok(population)
}

/// Who is driven at.
fn webhooks(args: &LoadArgs, config: &Config, scenario: &Scenario) -> Result<Vec<Webhook>, Failure> {
    let mut webhooks = replay::targets(args.to.as_ref(), config, scenario)?;
    for webhook in &mut webhooks {
        webhook.policy.max_in_flight = match args.connections {
            Some(connections) => usize::try_from(connections).unwrap_or(usize::MAX),
            None => webhook.policy.max_in_flight,
        };
    }
    match webhooks.iter().any(|webhook| webhook.enabled) {
        true => Ok(webhooks),
        false => Err(Failure::bad_usage("there is nobody to drive at").help("add a [[webhook]], or write --to URL")),
    }
}

/// Load is for one's own machines: a public host must be named.
async fn may_be_driven_at(webhooks: &[Webhook], allowed: &[String]) -> Result<(), Failure> {
    for webhook in webhooks {
        let Target::Url(url) = &webhook.target else { continue };
        let host = url.host_str().unwrap_or_default().to_owned();
        if allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(&host)) {
            continue;
        }
        let (name, port) = (host.trim_matches(['[', ']']).to_owned(), url.port_or_known_default().unwrap_or(80));
        let found = tokio::task::spawn_blocking(move || (name.as_str(), port).to_socket_addrs()).await;
        let addresses: Vec<SocketAddr> = found.ok().and_then(Result::ok).map(Iterator::collect).unwrap_or_default();
        // A name that nobody knows is told by the attempts themselves.
        let own = [Reach::Loopback, Reach::Private];
        if addresses.iter().any(|address| reach::judge(*address, &own, None, "/").is_err()) {
            return Err(Failure::bad_usage(format!("{host} is a public host, and load is for machines of your own"))
                .help(format!("if it is yours, add --allow-host {host}")));
        }
    }
    Ok(())
}

/// Turns the rate up step by step until the search is over, and ends the arrivals.
async fn find_knee(
    meter: &Meter,
    control: &watch::Sender<Control>,
    rate: f64,
    stop: &CancellationToken,
) -> Option<Knee> {
    let mut search = knee::Search::default();
    let (mut from, mut faster) = (0, 1.0);
    loop {
        tokio::select! {
            () = real_sleep(STEP) => {}
            () = stop.cancelled() => return search.found(),
        }
        let (seconds, next) = meter.window(from);
        from = next;
        match search.step(rate * faster, &seconds) {
            Some(more) => {
                faster *= more;
                control.send_replace(Control { faster });
            }
            None => {
                stop.cancel();
                return search.found();
            }
        }
    }
}

/// Looks at a run while it goes on.
struct Watching<'a> {
    meter: &'a Meter,
    scenario: &'a Scenario,
    stage: &'a Stage,
    stop: &'a CancellationToken,
}

impl Watching<'_> {
    /// Ends the arrivals when one of `stop_when` has held for long enough: which, and what was seen.
    async fn stop_when(&self) -> Option<String> {
        let mut since: Vec<Option<Duration>> = vec![None; self.scenario.require.stop_when.len()];
        while !since.is_empty() {
            real_sleep(Duration::from_millis(500)).await;
            let snapshot = self.meter.snapshot();
            let seconds = &snapshot.series[snapshot.series.len().saturating_sub(LOOK_BACK)..];
            let report = recent(seconds);
            let ledger = self.stage.running.app.outbox.ledger();
            let judging = Judging { report: &report, ledger: &ledger };
            for (StopWhen { check, lasting }, since) in self.scenario.require.stop_when.iter().zip(&mut since) {
                match check.holds(&judging) {
                    Some((true, seen)) => {
                        let began = *since.get_or_insert(snapshot.elapsed);
                        if snapshot.elapsed.saturating_sub(began) >= *lasting {
                            self.stop.cancel();
                            return Some(format!("{check}: {seen}"));
                        }
                    }
                    _ => *since = None,
                }
            }
        }
        None
    }
}

fn finish(cx: &Context, args: &LoadArgs, report: &LoadReport) -> Result<(), Failure> {
    super::report::save(&args.reports, report)?;
    let json = serde_json::to_value(report)
        .map_err(|error| Failure::could_not_run(format!("cannot write the report: {error}")))?;
    cx.out.show(&json, |_| write::text(report))
}
