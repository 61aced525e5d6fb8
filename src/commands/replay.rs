//! `replay`: play scenario files from start to end, print the timeline, judge every expectation.

mod printer;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anstyle::Style;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::printer::{Printer, verdict};
use super::{Context, Exit, Failure, settings};
use crate::app::run::{Firing, Store, Watchers};
use crate::cli::{Output, PlayClock, ReplayArgs, ReportKind};
use crate::clock::{ClockMode, Timestamp};
use crate::config::{Config, Engine};
use crate::http::dashboard::repertoire::Repertoire;
use crate::play::report::{Report, Strictness};
use crate::play::{Play, Time, play};
use crate::portal::webhook::Surroundings;
use crate::portal::{DeliverySettings, Webhook};
use crate::provider::{Dialect, Flow};
use crate::scenario::file::Pace;
use crate::scenario::{Scenario, draw, judge};
use crate::stage::{Stage, Staging};

/// Where time starts in a scenario that leaps and names no start: the same instant on every run, so that two runs give
/// the same bytes.
const START: &str = "2026-01-01T00:00:00Z";

/// So many happenings may wait to be printed before the play waits for the printer.
const WATCHED: usize = 1_024;

/// Carries it out.
///
/// # Errors
/// A file that is wrong, a target or a store that cannot be used.
pub(super) async fn run(cx: &Context, args: &ReplayArgs) -> Result<Exit, Failure> {
    let config = settings::load(cx, &settings::overrides(cx))?;
    if let Some(later) = args.reports.iter().find(|of| matches!(of.kind, ReportKind::Html | ReportKind::Har)) {
        let path = later.path.display();
        return Err(Failure::bad_usage(format!("the report to {path} is of a kind that is not available yet"))
            .help("kinds of replay are json, junit and md"));
    }
    let scenarios = read_all(cx, &config, &args.files)?;
    let stop = CancellationToken::new();
    let plays = async {
        let mut reports = Vec::with_capacity(scenarios.len());
        for scenario in scenarios.iter().take_while(|_| !stop.is_cancelled()) {
            reports.push(one(cx, args, &config, scenario, &stop).await?);
        }
        Ok::<_, Failure>(reports)
    };
    tokio::pin!(plays);
    let reports = loop {
        tokio::select! {
            reports = &mut plays => break reports?,
            _ = tokio::signal::ctrl_c() => stop.cancel(),
        }
    };
    finish(cx, args, reports)
}

/// Reads scenario files; everything that is wrong in any of them comes at once, before anything is played.
///
/// # Errors
/// All complaints, drawn.
pub(super) fn read_all(cx: &Context, config: &Config, files: &[PathBuf]) -> Result<Vec<Scenario>, Failure> {
    let vocabulary = settings::vocabulary(config);
    let (mut scenarios, mut wrong) = (Vec::new(), Vec::new());
    for file in files {
        let parsed = settings::read(file).and_then(|document| {
            Scenario::parse(&document.name, &document.text, &vocabulary)
                .map_err(|complaints| settings::complained(&cx.out, &complaints))
        });
        match parsed {
            Ok(scenario) => scenarios.push(scenario),
            Err(failure) => wrong.push(failure),
        }
    }
    if wrong.is_empty() { Ok(scenarios) } else { Err(Failure::all(wrong)) }
}

/// The configured flows, with those of scenarios in place of the ones of the same id.
pub(super) fn with_flows(config: &Config, more: impl Iterator<Item = Flow>) -> Vec<Flow> {
    let mut flows = config.flows.clone();
    for flow in more {
        flows.retain(|known| known.id() != flow.id());
        flows.push(flow);
    }
    flows
}

async fn one(
    cx: &Context,
    args: &ReplayArgs,
    config: &Config,
    scenario: &Scenario,
    stop: &CancellationToken,
) -> Result<Report, Failure> {
    let seed = draw::seed(args.seed.map(crate::rng::Seed), scenario, config.seed);
    let (mode, time) = pace(args, scenario)?;
    let webhooks = webhooks(args, config, scenario, time)?;
    // Each play has a store of its own, so that a running server keeps its own and plays do not meet.
    let directory =
        tempfile::tempdir().map_err(|error| Failure::could_not_run(format!("cannot make a store: {error}")))?;
    let (applied_to, applied) = mpsc::channel(WATCHED);
    let (tried_to, tried) = mpsc::channel(WATCHED);
    let (line_to, lines) = mpsc::channel(WATCHED);
    let staging = Staging {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        store: match config.outbox.engine {
            Engine::Memory => Store::Memory { retention: Duration::MAX },
            Engine::Sled => Store::Sled { path: directory.path().join("store"), retention: Duration::MAX },
        },
        clock: mode,
        start: scenario.start.or(config.clock.start).or_else(|| (time == Time::Leaps).then(leap_start)),
        seed,
        firing: Firing::ByCaller,
        watchers: Watchers { applied: Some(applied_to), tried: Some(tried_to), gauge: None },
        repertoire: Repertoire::default(),
        blanks: cx.blanks.clone(),
    };
    let stage = staged(config, scenario, &webhooks, staging).await?;
    let what = Play { scenario, seed, journeys: args.journeys, time, stop: stop.clone() };
    if cx.out.format() == Output::Text {
        let title = format!("{} (seed {seed})", super::text::clean(&scenario.name));
        cx.out.line(&cx.out.paint().paint(Style::new().underline(), &title))?;
    }
    let mut printer = Printer::new(cx, args.journeys, scenario);
    let playing = async {
        let played = play(&stage.running.app, &what, Some(line_to)).await;
        let ledger = stage.running.app.outbox.ledger();
        // Who interrupts it does not wait for an answer that may never come.
        let grace = if stop.is_cancelled() { Duration::ZERO } else { config.server.grace };
        let struck = stage.strike(grace).await;
        (played, ledger, struck)
    };
    // Everything that watches ends when the stage is struck and its senders are gone.
    let ((played, ledger, struck), printed) = tokio::join!(playing, printer.print(applied, tried, lines));
    printed?;
    struck.map_err(|fatal| Failure::could_not_run(fatal.to_string()))?;
    let played = played.map_err(|error| Failure::could_not_run(error.to_string()))?;
    let strictness = if args.strict || scenario.strict { Strictness::Strict } else { Strictness::Lenient };
    let judged = judge::judge(&scenario.expect, &played);
    let report = Report::of(&scenario.name, seed, &played, ledger, judged, strictness);
    let report = if stop.is_cancelled() { report.interrupted(Exit::Interrupted.code()) } else { report };
    if cx.out.format() == Output::Text {
        for line in verdict(cx, &report) {
            cx.out.line(&line)?;
        }
    }
    Ok(report)
}

/// Where time starts that leaps, if nobody says.
pub(super) fn leap_start() -> Timestamp {
    START.parse().unwrap_or_default()
}

/// A provider staged for a scenario: what the scenario says stands in place of the configuration's.
///
/// # Errors
/// A port that is taken, a store that cannot be opened.
pub(super) async fn staged(
    config: &Config,
    scenario: &Scenario,
    webhooks: &[Webhook],
    staging: Staging,
) -> Result<Stage, Failure> {
    let config = &Config {
        provider: scenario.dialect.provider(),
        dialect: scenario.dialect,
        email: scenario.email.clone().unwrap_or_else(|| config.email.clone()),
        ..config.clone()
    };
    let flows = with_flows(config, scenario.flows.iter().cloned());
    Stage::set(config, webhooks, flows, staging).await.map_err(|error| Failure::could_not_run(error.to_string()))
}

fn pace(args: &ReplayArgs, scenario: &Scenario) -> Result<(ClockMode, Time), Failure> {
    let file_rate = match scenario.pace {
        Pace::Scaled(rate) => Some(rate),
        Pace::Leap | Pace::Real => None,
    };
    let scaled = |rate: Option<f64>| match rate {
        Some(rate) => Ok((ClockMode::Scaled { rate }, Time::Runs)),
        None => Err(Failure::bad_usage("a scaled clock needs a pace").help("write --clock scaled --rate 60")),
    };
    match (args.clock, scenario.pace) {
        (Some(PlayClock::Leap), _) | (None, Pace::Leap) => Ok((ClockMode::Manual, Time::Leaps)),
        (Some(PlayClock::Real), _) | (None, Pace::Real) => Ok((ClockMode::Real, Time::Runs)),
        (Some(PlayClock::Scaled), _) | (None, Pace::Scaled(_)) => scaled(args.rate.or(file_rate)),
    }
}

/// Who is told in this play. A play that leaps sends to each webhook one after the other, unless a number is set: so its
/// events arrive in one order on every run.
fn webhooks(args: &ReplayArgs, config: &Config, scenario: &Scenario, time: Time) -> Result<Vec<Webhook>, Failure> {
    let mut webhooks = targets(args.to.as_ref(), config, scenario)?;
    let unset = crate::portal::DeliveryPolicy::default().max_in_flight;
    if time == Time::Leaps {
        for webhook in webhooks.iter_mut().filter(|webhook| webhook.policy.max_in_flight == unset) {
            webhook.policy.max_in_flight = 1;
        }
    }
    Ok(webhooks)
}

/// The webhooks of a play: one at a URL that was named, or the scenario's own, or the configured ones.
///
/// # Errors
/// A URL that cannot be used.
pub(super) fn targets(named: Option<&url::Url>, config: &Config, scenario: &Scenario) -> Result<Vec<Webhook>, Failure> {
    let delivery = &scenario.delivery;
    Ok(match named {
        Some(url) => vec![to(config, scenario.dialect, delivery, url)?],
        None if scenario.webhooks.is_empty() => config
            .webhooks
            .iter()
            .map(|webhook| {
                // A webhook that speaks for another provider is spoken to in the dialect of the scenario.
                let fits = webhook.dialect.provider() == scenario.dialect.provider();
                let dialect = if fits { webhook.dialect } else { scenario.dialect };
                Webhook { dialect, ..webhook.clone() }.under(delivery)
            })
            .collect(),
        None => scenario.webhooks.clone(),
    })
}

/// One webhook for everything, at `url`.
fn to(config: &Config, dialect: Dialect, delivery: &DeliverySettings, url: &url::Url) -> Result<Webhook, Failure> {
    let around = Surroundings { environment: config.environment, delivery, dialect };
    let json = json!({ "name": "to", "types": ["*"], "url": url.as_str() });
    Webhook::from_json(&json, around, &settings::env).map_err(|complaints| {
        // They speak of a webhook that we made up: its places are nobody's.
        let wrong: Vec<&str> = complaints.list().iter().map(|complaint| complaint.message.as_str()).collect();
        let help = complaints.list().iter().find_map(|complaint| complaint.help.clone());
        Failure { help, ..Failure::bad_usage(format!("--to cannot be used: {}", wrong.join("; "))) }
    })
}

fn finish(cx: &Context, args: &ReplayArgs, reports: Vec<Report>) -> Result<Exit, Failure> {
    let several = reports.len() > 1;
    let Some(report) = Report::all(reports) else { return Ok(Exit::Yes) };
    let json = serde_json::to_value(&report)
        .map_err(|error| Failure::could_not_run(format!("cannot write the report: {error}")))?;
    for target in &args.reports {
        let text = match target.kind {
            ReportKind::Junit => report.junit().map_err(Failure::could_not_run)?,
            ReportKind::Md => report.markdown(),
            ReportKind::Json | ReportKind::Html | ReportKind::Har => format!("{json:#}\n"),
        };
        std::fs::write(&target.path, text)
            .map_err(|error| Failure::could_not_run(format!("cannot write {}: {error}", target.path.display())))?;
    }
    match cx.out.format() {
        Output::Json | Output::Ndjson => cx.out.json(&json)?,
        Output::Text if several => {
            let failed = report.scenarios.iter().filter(|scenario| scenario.exit_code != 0).count();
            cx.out.line(&format!("{} scenarios, {failed} failed", report.scenarios.len()))?;
        }
        Output::Text => {}
    }
    Ok(match report.exit_code {
        0 => Exit::Yes,
        code if code == Exit::Interrupted.code() => {
            cx.out.talk("interrupted before its end");
            Exit::Interrupted
        }
        _ => Exit::No,
    })
}
