//! `serve`: be the provider until told to stop.
//!
//! SIGTERM and Ctrl-C drain within `[server] grace` and end with 0; a second one aborts. SIGHUP, and a saved file, take
//! over the configuration: a valid one whole, an invalid one not at all.

mod perform;

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use super::signals::Signals;
use super::{Context, Exit, Failure, reload, replay, settings};
use crate::app::run::Fatal;
use crate::cli::ServeArgs;
use crate::config::{Config, Engine};
use crate::http::dashboard::repertoire::{Repertoire, Wanted};
use crate::reader::Overrides;
use crate::rng::Seed;
use crate::secret::ending;
use crate::stage::{Stage, StageError, Staging};

/// Carries it out.
///
/// # Errors
/// Why it could not start, or why it ended by itself.
pub(super) async fn run(cx: &Context, args: &ServeArgs) -> Result<Exit, Failure> {
    let overrides = overrides(cx, args);
    // Before the file is read: a save from here on is not missed.
    let mut watch = reload::watch(cx.config_path()).await;
    let config = settings::load(cx, &overrides)?;
    let scenarios = replay::read_all(cx, &config, &args.journeys)?;
    if let Some(other) = scenarios.iter().find(|scenario| scenario.dialect.provider() != config.provider) {
        let what = format!("{} plays {}, and this server {}", other.file, other.dialect.provider(), config.provider);
        return Err(Failure::bad_usage(what).help("replay it: understudy replay FILE"));
    }
    let seed = config.seed.unwrap_or_else(Seed::fresh);
    let mut signals = Signals::new()?;
    let flows = replay::with_flows(&config, scenarios.iter().flat_map(|scenario| scenario.flows.clone()));
    let repertoire = Repertoire::default();
    let mut wanted = repertoire.offer(perform::repertoire(&config, &scenarios));
    let staging = Staging { repertoire, blanks: cx.blanks.clone(), ..Staging::of(&config, seed) };
    let staged = Stage::set(&config, &config.webhooks, flows, staging).await;
    let mut stage = staged.map_err(|error| refused(&config, error))?;
    let url = stage.url().as_str().trim_end_matches('/').to_owned();
    cx.out.show(&json!({ "listening": url }), |_| format!("listening on {url}\n"))?;
    greet(cx, &config, seed);
    let mut players = JoinSet::new();
    for scenario in scenarios {
        let run = stage.dashboard.begin(&scenario);
        players.spawn(perform::perform(stage.running.app.clone(), Arc::new(scenario), seed, run));
    }
    let exit = loop {
        tokio::select! {
            _ = signals.terminate.recv() => break Exit::Terminated,
            _ = signals.interrupt.recv() => break Exit::Interrupted,
            _ = signals.hang_up.recv() => reload::take_over(cx, &overrides, &stage).await,
            () = watch.saved() => reload::take_over(cx, &overrides, &stage).await,
            Some(Wanted { scenario, run }) = wanted.recv() => {
                players.spawn(perform::perform(stage.running.app.clone(), scenario, seed, run));
            }
            Some(Err(error)) = players.join_next() => tracing::error!(reason = ending(&error), "a scenario died"),
            fatal = stage.running.died() => return Err(broke_off(&config, &fatal)),
        }
    };
    tracing::info!(grace = ?config.server.grace, "stopping: attempts under way may end; stop again to abort them");
    tokio::select! {
        ended = stage.strike(config.server.grace) => {
            ended.map_err(|fatal| broke_off(&config, &fatal))?;
            Ok(Exit::Yes)
        }
        _ = signals.terminate.recv() => Ok(exit),
        _ = signals.interrupt.recv() => Ok(exit),
    }
}

fn overrides(cx: &Context, args: &ServeArgs) -> Overrides {
    let mut overrides = settings::overrides(cx);
    // The variable that clients read as well, so that one export serves both.
    if let Some(token) = settings::env("UNDERSTUDY_TOKEN").filter(|token| !token.is_empty()) {
        overrides = overrides.with("UNDERSTUDY_TOKEN", "server.token", token);
    }
    if let Some(listen) = &args.listen {
        overrides = overrides.with("--listen", "server.listen", listen.clone());
    }
    if let Some(seed) = args.seed {
        overrides = overrides.with("--seed", "seed", seed.to_string());
    }
    overrides
}

/// A store that fails ends the server: what it could not keep it did not acknowledge.
fn broke_off(config: &Config, fatal: &Fatal) -> Failure {
    let failure = Failure::could_not_run(fatal.to_string());
    match fatal {
        Fatal::Outbox(_) => failure.help(format!(
            "what was acknowledged is kept in {}: see that its disk works and has room, and start again",
            config.outbox.path.display()
        )),
        Fatal::Task { .. } => failure,
    }
}

fn refused(config: &Config, error: StageError) -> Failure {
    let failure = Failure::could_not_run(error.to_string());
    match error {
        StageError::Listen { address, .. } => failure.help(format!(
            "stop what listens on port {}, or choose another: understudy serve --listen {}:0",
            address.port(),
            config.server.listen.ip()
        )),
        StageError::Boot(_) => failure,
    }
}

fn greet(cx: &Context, config: &Config, seed: Seed) {
    let store = match config.outbox.engine {
        Engine::Memory => "in memory".to_owned(),
        Engine::Sled => format!("in {}", config.outbox.path.display()),
    };
    let webhooks = config.webhooks.len();
    let plural = if webhooks == 1 { "" } else { "s" };
    let clock = config.clock.mode.name();
    cx.out.talk(&format!(
        "playing {}, {} environment; {webhooks} webhook{plural}; kept {store}; clock {clock}; seed {seed}",
        config.provider, config.environment
    ));
}
