//! The application: one provider, composed. Everything that happens to a journey goes through [`App`].
//!
//! ```text
//!   API, scenario, deadline ──> App::apply ──> transition ──> commit (durable) ──> lanes are told
//! ```
//!
//! [`run`] starts and stops it; [`time`] moves its clock; [`deadlines`] lets journeys' own deadlines
//! fire, and `jobs` runs the schedule.

mod agenda;
pub mod apply;
pub mod deadlines;
mod jobs;
pub mod lately;
pub mod lines;
mod look;
mod news;
pub mod owed;
pub mod run;
mod scribe;
mod through;
pub mod time;
mod vault;
pub mod webhooks;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Mutex as AsyncMutex;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock as _, ProviderClock, Timestamp};
use crate::delivery::endpoints::Endpoints;
use crate::delivery::engine::{Input, LaneKey};
use crate::delivery::news::{Newsroom, TakeOver};
use crate::delivery::tally::Tally;
use crate::message::Endpoint;
use crate::outbox::Outbox;
use crate::provider::{Dialect, Environment, Flow, ProviderKind};
use crate::rng::Seed;
use crate::transport::Transport;
use webhooks::Registry;

use agenda::Agenda;
pub use apply::{AppError, Applied, Keyed, NewJourney};
use scribe::Scribe;

/// How many journeys can be worked on at once: stimuli to one journey wait for each other, others rarely do.
const JOURNEY_LOCKS: usize = 1_024;

/// One provider. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct App {
    /// Which provider it plays.
    pub provider: ProviderKind,
    /// The era of its documentation that it speaks, unless an endpoint asks for another.
    pub dialect: Dialect,
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
    /// Where endpoints come from: the configuration, and the API.
    webhooks: Arc<Registry>,
    /// What a webhook's test goes through.
    transport: Arc<dyn Transport>,
    /// The flows, by id.
    flows: RwLock<BTreeMap<String, Arc<Flow>>>,
    /// The ids of those that plays brought.
    lent: std::sync::Mutex<BTreeSet<String>>,
    /// Writes what stimuli come to.
    scribe: Arc<Scribe>,
    /// What happens, for whoever listens: never slower for it.
    pub news: Newsroom,
    /// What is counted while it happens.
    pub tally: Arc<Tally>,
    /// What was done to journeys lately.
    pub lately: Arc<lately::Lately>,
    /// How the configuration came to be what it is.
    taken_over: Mutex<TakeOver>,
    /// The jobs of the schedule, and how far they are.
    agenda: Agenda,
    /// Who lets deadlines fire: a clock that is moved waits for them only where they fire by themselves.
    firing: run::Firing,
    locks: Vec<Arc<AsyncMutex<()>>>,
    /// Writes under way, with what is to be told when they are durable.
    writes: TaskTracker,
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
    pub fn flow(&self, id: &str) -> Result<Arc<Flow>, AppError> {
        let flows = self.flows.read().unwrap_or_else(PoisonError::into_inner);
        flows
            .get(id)
            .cloned()
            .ok_or_else(|| AppError::UnknownFlow { flow: id.to_owned(), known: flows.keys().cloned().collect() })
    }

    /// The ids of the flows, in alphabetical order.
    pub fn flow_ids(&self) -> Vec<String> {
        self.flows.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Adds a flow for a play: under its own id where none has that, or the very same one; else under one that `stem` makes
    /// its own. Says which.
    pub fn lend_flow(&self, flow: Flow, stem: &str) -> String {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut flows = self.flows.write().unwrap_or_else(PoisonError::into_inner);
        let id = match flows.get(flow.id()) {
            Some(known) if **known != flow => format!("{}@{stem}", flow.id()),
            _ => flow.id().to_owned(),
        };
        flows.insert(id.clone(), Arc::new(flow.called(&id)));
        lent.insert(id.clone());
        id
    }

    /// Replaces the flows; journeys go on in the new flow of the same id. Those that were lent to plays stay, unless there
    /// is a new one of the same id.
    pub fn set_flows(&self, flows: Vec<Flow>) {
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = self.flows.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *known, by_id(flows));
        for (id, flow) in old.into_iter().filter(|(id, _)| lent.contains(id)) {
            known.entry(id).or_insert(flow);
        }
    }

    /// Replaces the endpoints; deliveries that are owed already go to the new one of the same name.
    pub async fn set_endpoints(&self, endpoints: Vec<Endpoint>) {
        self.endpoints.replace(endpoints);
        self.tell(self.endpoints.lanes()).await;
        self.wake_lanes().await;
    }

    /// Tells the delivery loop of all that is owed.
    async fn wake_lanes(&self) {
        let owed = self.outbox.horizon().lanes;
        for (lane, due) in owed.into_iter().filter_map(|lane| Some((lane.webhook, lane.next_due?))) {
            self.tell(Input::Work { lane: LaneKey::Webhook(lane), due }).await;
        }
    }

    /// Tells the delivery loop that a lane has work. During shutdown nobody listens any more: the outbox has it.
    pub(crate) async fn tell(&self, input: Input) {
        let _ = self.scribe.inputs.send(input).await;
    }
}

fn by_id(flows: Vec<Flow>) -> BTreeMap<String, Arc<Flow>> {
    flows.into_iter().map(|flow| (flow.id().to_owned(), Arc::new(flow))).collect()
}
