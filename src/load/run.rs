//! What a run is told, what is turned while it goes on, and what it came to. Carried out by `driver.rs`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::load::arrivals::Arrivals;
use crate::load::meter::Meter;
use crate::rng::Seed;
use crate::scenario::file::Scenario;

/// How time passes in a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pacing {
    /// At the clock's pace, in provider seconds per real second.
    Runs(f64),
    /// As fast as everything is done.
    Leaps,
}

/// What is turned while a run goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Control {
    /// The rate of arrivals, of the planned one.
    pub faster: f64,
}

impl Default for Control {
    fn default() -> Self {
        Control { faster: 1.0 }
    }
}

/// A run.
#[derive(Debug)]
pub struct Drive {
    /// What is driven. It plays this run alone, in a fresh store, and leaves deadlines to its caller.
    pub app: Arc<App>,
    /// What each journey goes through.
    pub scenario: Arc<Scenario>,
    /// The seed of the run.
    pub seed: Seed,
    /// When journeys arrive.
    pub arrivals: Arrivals,
    /// How time passes.
    pub pacing: Pacing,
    /// Whether its writes wait for a disk.
    pub durable: bool,
    /// Who measures.
    pub meter: Arc<Meter>,
    /// What is turned meanwhile.
    pub control: watch::Receiver<Control>,
    /// How long, in real time, what is owed may take once all lines are played.
    pub drain: Duration,
    /// Ends arrivals; what is under way is drained.
    pub stop: CancellationToken,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Driven {
    /// How much of the planned pace was kept: the plan's real time at the last arrival, of the time it had taken by then.
    pub kept: f64,
    /// Journeys that started.
    pub started: u64,
    /// Real time from the first arrival's plan to the end of arrivals.
    pub arriving: Duration,
    /// Real time of all, draining included.
    pub took: Duration,
    /// Why the first line failed that was none of the scenario's business, if one did.
    pub refused: Option<String>,
}
