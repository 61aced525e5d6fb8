//! webhooks.toml: the configuration, complete and typed, or every complaint about it.
//!
//! [`Config::load`] reads a document under the layers flag > environment > file > default. Called by `app` and the
//! commands; it opens no file, so that a reload is the same call with the new text. Secrets are [`Secret`]s, and
//! nothing that is shown holds them.

mod build;
mod changes;
mod schedule;
mod spec;
mod text;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::{ClockMode, Timestamp};
use crate::portal::{DeliverySettings, EmailSettings, Webhook};
use crate::provider::{Environment, Flow, qoreid};
use crate::reader::{Complaints, Overrides, Reading, Shown, Source};
use crate::rng::Seed;
use crate::schedule::Job;
use crate::secret::Secret;

pub use crate::provider::{Dialect, ProviderKind};
pub use changes::changes;
pub use text::{SHIPPED, check, schema, show, show_json};

/// Where everything is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// On disk.
    Sled,
    /// Forgotten at the end.
    Memory,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The address of API, dashboard, inbox and metrics; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The bearer token of the API; always there when `listen` is not loopback.
    pub token: Option<Secret>,
    /// How long a stop waits for attempts that are under way.
    pub grace: Duration,
}

/// `[outbox]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxSettings {
    /// Which store.
    pub engine: Engine,
    /// The directory of the sled store.
    pub path: PathBuf,
    /// How long finished deliveries are kept.
    pub retention: Duration,
}

/// `[clock]`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockSettings {
    /// How it runs.
    pub mode: ClockMode,
    /// The first instant; the present when absent.
    pub start: Option<Timestamp>,
}

/// What the customer's backend sends as HTTP Basic to the provider's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The user name.
    pub key: String,
    /// The password.
    pub secret: Secret,
}

/// `[idwise]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdwiseSettings {
    /// Also send `Finished Journey` on a plain manual decision. Every flow carries it already.
    pub finished_journey_on_review: bool,
    /// The least time between two summaries of a journey; earlier ones are refused. Absent: any number.
    pub summary_interval: Option<Duration>,
    /// The keys of the provider's API by environment; without one it is open on loopback.
    pub keys: BTreeMap<Environment, ApiKey>,
}

/// `[qoreid]`
#[derive(Clone, Debug, PartialEq)]
pub struct QoreidSettings {
    /// What every product and workflow takes after.
    pub like: qoreid::Flow,
    /// The key pairs of the provider's API by environment; without any, every pair is taken.
    pub keys: BTreeMap<Environment, ApiKey>,
}

/// The whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The provider that is played.
    pub provider: ProviderKind,
    /// The era of its documentation.
    pub dialect: Dialect,
    /// The environment that is played by default.
    pub environment: Environment,
    /// What every id, draw and jitter follows from; drawn at start when absent.
    pub seed: Option<Seed>,
    /// Where this server listens.
    pub server: ServerSettings,
    /// Where everything is kept.
    pub outbox: OutboxSettings,
    /// The provider's clock.
    pub clock: ClockSettings,
    /// How webhooks are delivered.
    pub delivery: DeliverySettings,
    /// The error mails.
    pub email: EmailSettings,
    /// What is particular to IDWise.
    pub idwise: IdwiseSettings,
    /// What is particular to QoreID.
    pub qoreid: QoreidSettings,
    /// What journeys go through; ids are unique.
    pub flows: Vec<Flow>,
    /// What happens by the provider's clock; names are unique.
    pub schedule: Vec<Job>,
    /// Where events are delivered to; names are unique.
    pub webhooks: Vec<Webhook>,
    /// Every resolved value with its origin, secrets blanked.
    pub resolved: Vec<Shown>,
}

impl Config {
    /// Reads `source` under `overrides` and the environment.
    ///
    /// `env` is asked for `UNDERSTUDY_<TABLE>_<KEY>` of every key, and for the variables that `env:NAME` names.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(
        source: Source<'_>,
        overrides: &Overrides,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config, Complaints> {
        let mut reading = Reading::new(source, env).layered(overrides);
        let built = reading.document(&spec::ROOT).and_then(|root| build::config(&mut reading, &root));
        reading.finish(built)
    }

    /// Every secret of the configuration, for the redactor.
    pub fn secrets(&self) -> Vec<Secret> {
        let of_server = self.server.token.iter();
        let of_smtp = self.email.smtp.iter().filter_map(|smtp| smtp.credentials.as_ref().map(|(_, secret)| secret));
        let of_api = self.idwise.keys.values().chain(self.qoreid.keys.values()).map(|key| &key.secret);
        let of_webhooks = self.webhooks.iter().flat_map(Webhook::secrets);
        of_server.chain(of_smtp).chain(of_api).chain(of_webhooks).cloned().collect()
    }
}

#[cfg(test)]
mod broken;
#[cfg(test)]
mod tests;
