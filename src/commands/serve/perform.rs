//! Scenarios on a running server: those it was started with, and those that somebody wants on its dashboard.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::commands::settings;
use crate::config::Config;
use crate::http::dashboard::repertoire::{Piece, Progress, Run};
use crate::play::{Play, Time, Watching};
use crate::rng::Seed;
use crate::scenario::Scenario;
use crate::scenario::examples::EXAMPLES;
use crate::scenario::judge::judge;

/// So much of a play waits to be noted; noting is quick.
const WATCHED: usize = 64;

/// What the dashboard offers: the files that were given, then those that are shipped.
pub(super) fn repertoire(config: &Config, given: &[Scenario]) -> Vec<Piece> {
    let own = given.iter().map(|scenario| Piece {
        file: scenario.file.clone(),
        about: scenario.name.clone(),
        text: None,
        scenario: Ok(Arc::new(scenario.clone())),
    });
    own.chain(EXAMPLES.iter().map(|(file, text)| shipped(config, file, text))).collect()
}

fn shipped(config: &Config, file: &str, text: &'static str) -> Piece {
    let parsed = Scenario::parse(file, text, &settings::vocabulary(config));
    let about = parsed.as_ref().map_or_else(|_| file.to_owned(), |scenario| scenario.name.clone());
    let scenario = match parsed {
        Ok(scenario) if scenario.dialect.provider() != config.provider => {
            Err(format!("plays {}, and this server {}", scenario.dialect.provider(), config.provider))
        }
        Ok(scenario) => Ok(Arc::new(scenario)),
        Err(complaints) => {
            let first = complaints.list().first().map(|complaint| complaint.message.clone());
            Err(format!("cannot be played with this configuration: {}", first.unwrap_or_default()))
        }
    };
    Piece { file: file.to_owned(), about, text: Some(text), scenario }
}

/// Plays a scenario on the running server, in the server's own time and to its own webhooks.
pub(super) async fn perform(app: Arc<App>, scenario: Arc<Scenario>, seed: Seed, run: Run) {
    let stem = scenario.file.rsplit(['/', '\\']).next().unwrap_or_default().trim_end_matches(".journey.toml");
    let flow = app.lend_flow(scenario.flow.clone(), stem);
    let scenario = Scenario { flow: scenario.flow.clone().called(&flow), ..(*scenario).clone() };
    let what = Play {
        scenario: &scenario,
        seed: scenario.seed.unwrap_or(seed),
        journeys: 1,
        time: Time::Runs,
        stop: CancellationToken::new(),
    };
    let (watching, watched) = mpsc::channel(WATCHED);
    let (played, ()) = tokio::join!(crate::play::play(&app, &what, Some(watching)), note(watched, &run));
    match played {
        Ok(played) => {
            for (place, why) in &played.refused {
                tracing::warn!(scenario = scenario.name, line = place, why, "a line was refused");
            }
            run.end(Progress::Over(judge(&scenario.expect, &played)));
            tracing::info!(scenario = scenario.name, "the scenario is over");
        }
        Err(error) => {
            run.end(Progress::Broken(error.to_string()));
            tracing::error!(scenario = scenario.name, %error, "the scenario broke off");
        }
    }
}

/// Notes what happens, until the play is over.
async fn note(mut watched: mpsc::Receiver<Watching>, run: &Run) {
    while let Some(what) = watched.recv().await {
        match what {
            Watching::Applied(applied) => {
                run.journey(applied.journey.id, &applied.journey.reference_no);
                let events: Vec<&str> = applied.events.iter().map(|event| event.event_type.as_ref()).collect();
                let followed = if events.is_empty() { String::new() } else { format!(": {}", events.join(", ")) };
                run.note(applied.at, format!("{}{followed}", applied.stimulus));
            }
            Watching::Skipped { at, place, reason, .. } => {
                run.note(at, format!("{} was left out: {reason}", place.name()))
            }
            Watching::Tried(_) | Watching::Over(_) => {}
        }
    }
}
