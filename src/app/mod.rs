//! The application: one provider, composed. Everything that happens to a journey goes through [`App`].
//!
//! ```text
//!   API, scenario, deadline ──> App::apply ──> transition ──> commit (durable) ──> lanes are told
//! ```
//!
//! [`run`] starts and stops it; [`time`] moves its clock; [`deadlines`] lets journeys' own deadlines fire.

pub mod apply;
pub mod deadlines;
pub mod run;
pub mod time;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Mutex, Notify, mpsc};

use crate::clock::{Clock as _, ProviderClock, Timestamp};
use crate::delivery::engine::Input;
use crate::delivery::shell::Endpoints;
use crate::outbox::Outbox;
use crate::provider::{Environment, Flow, ProviderKind};
use crate::rng::Seed;

pub use apply::{AppError, Applied, Keyed, NewJourney};

/// How many journeys can be worked on at once: stimuli to one journey wait for each other, others rarely do.
const JOURNEY_LOCKS: usize = 1_024;

/// One provider. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct App {
    /// Which provider it plays.
    pub provider: ProviderKind,
    /// Where journeys belong that name no environment.
    pub environment: Environment,
    /// The source of ids and chance.
    pub seed: Seed,
    /// The provider's clock.
    pub clock: Arc<ProviderClock>,
    /// Journeys, messages, deliveries, mails.
    pub outbox: Arc<dyn Outbox>,
    /// Who is told.
    pub endpoints: Endpoints,
    /// The flows, by id.
    pub flows: BTreeMap<String, Flow>,
    /// Tells the delivery loop of new work.
    inputs: mpsc::Sender<Input>,
    /// Tells the deadline loop of a new deadline.
    deadlines_changed: Notify,
    /// Who wants to see every accepted stimulus with what followed. Bounded: a slow watcher slows journeys down.
    watcher: Option<mpsc::Sender<Applied>>,
    /// Who lets deadlines fire: a clock that is moved waits for them only where they fire by themselves.
    firing: run::Firing,
    locks: Vec<Mutex<()>>,
}

impl App {
    /// The present provider instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A flow by its id, or an error that names those that exist.
    ///
    /// # Errors
    /// [`AppError::UnknownFlow`].
    pub fn flow(&self, id: &str) -> Result<&Flow, AppError> {
        self.flows
            .get(id)
            .ok_or_else(|| AppError::UnknownFlow { flow: id.to_owned(), known: self.flows.keys().cloned().collect() })
    }

    /// Tells the delivery loop that a lane has work. During shutdown nobody listens any more: the outbox has it.
    pub(crate) async fn tell(&self, input: Input) {
        let _ = self.inputs.send(input).await;
    }
}
