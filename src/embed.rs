//! A provider inside a program: for tests of a webhook handler that want no second process.
//!
//! ```no_run
//! # async fn test() -> Result<(), understudy::EmbedError> {
//! let provider = understudy::Understudy::builder().webhook("http://127.0.0.1:8080/kyc").start().await?;
//! let journey = provider.start_journey("KYC-1").await?;
//! provider.does(&journey, serde_json::json!({ "do": "submit_step", "step": "1" })).await?;
//! provider.advance(std::time::Duration::from_secs(86_400)).await?;
//! assert_eq!(provider.ledger().deliveries.delivered, 1);
//! # Ok(()) }
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::app::AppError;
use crate::app::apply::{Answer, Manner, NewJourney};
use crate::app::run::{Fatal, Store};
use crate::clock::{ClockMode, ClockWentBack, Timestamp};
use crate::config::Config;
use crate::http::inbox::Received;
use crate::ids::JourneyId;
use crate::message::Message;
use crate::outbox::Ledger;
use crate::provider::{self, Journey};
use crate::reader::{Overrides, Source};
use crate::rng::Seed;
use crate::stage::{Stage, StageError, Staging};

/// The flow that journeys go through where no configuration is given: two steps, decided after five seconds.
const FLOW: &str = r#"
[[flow]]
id = "onboarding"
steps = [{ id = "1", type = "Document", title = "Photo ID" }, { id = "2", type = "Selfie", title = "Selfie" }]
processing = "5s"
decision = "Complete"
aml_monitoring = true
"#;

/// Where an embedded provider's time starts when nobody says where: the same instant on every run.
const START: &str = "2026-01-01T00:00:00Z";

/// How to start an embedded provider.
#[derive(Clone, Debug)]
pub struct Builder {
    config: Option<String>,
    webhooks: Vec<(String, Vec<String>)>,
    seed: Seed,
    clock: ClockMode,
    start: Option<Timestamp>,
    store: Option<PathBuf>,
}

/// A provider that runs inside this program. It stops when it is dropped; [`Understudy::stop`] drains first.
#[derive(Debug)]
pub struct Understudy {
    stage: Stage,
    flow: String,
}

/// Why an embedded provider did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The configuration: every complaint, a line each.
    #[error("{0}")]
    Config(String),
    /// It could not start.
    #[error("{0}")]
    Stage(#[from] StageError),
    /// The stimulus is none.
    #[error("{0}")]
    Stimulus(String),
    /// The provider refused.
    #[error("{0}")]
    Refused(AppError),
    /// The clock cannot go back.
    #[error("{0}")]
    Clock(#[from] ClockWentBack),
    /// It failed on the way.
    #[error("{0}")]
    Fatal(#[from] Fatal),
}

impl Builder {
    /// Takes a whole `webhooks.toml`, as text, in place of the one flow that is there by default.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config = Some(toml.to_owned());
        self
    }

    /// Sends every event to `url`.
    #[must_use]
    pub fn webhook(self, url: &str) -> Self {
        self.webhook_for(url, &["*"])
    }

    /// Sends events of these types to `url`.
    #[must_use]
    pub fn webhook_for(mut self, url: &str, types: &[&str]) -> Self {
        self.webhooks.push((url.to_owned(), types.iter().map(|t| (*t).to_owned()).collect()));
        self
    }

    /// The source of every id and draw; 0 by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Seed(seed);
        self
    }

    /// How time runs; by default it stands still until it is moved.
    #[must_use]
    pub fn clock(mut self, mode: ClockMode) -> Self {
        self.clock = mode;
        self
    }

    /// Where time starts; 2026-01-01 by default.
    #[must_use]
    pub fn start_at(mut self, at: Timestamp) -> Self {
        self.start = Some(at);
        self
    }

    /// Keeps everything in a directory; by default it is kept in memory.
    #[must_use]
    pub fn store(mut self, directory: impl Into<PathBuf>) -> Self {
        self.store = Some(directory.into());
        self
    }

    /// Starts it on a free port of this machine. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`EmbedError::Config`] with every complaint, or [`EmbedError::Stage`].
    pub async fn start(self) -> Result<Understudy, EmbedError> {
        let mut text = self.config.unwrap_or_else(|| FLOW.to_owned());
        for (n, (url, types)) in self.webhooks.iter().enumerate() {
            // A JSON text or list of texts is a TOML one as well.
            let (url, types) = (Value::from(url.as_str()), Value::from(types.clone()));
            text.push_str(&format!("\n[[webhook]]\nname = \"webhook-{}\"\nurl = {url}\ntypes = {types}\n", n + 1));
        }
        let config = Config::load(Source { name: "embedded", text: &text }, &Overrides::default(), &|name| {
            std::env::var(name).ok()
        })
        .map_err(|complaints| EmbedError::Config(complaints.to_string()))?;
        let staging = Staging {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            store: match self.store {
                // A test is short, and may look back over years of virtual time.
                None => Store::Memory { retention: Duration::MAX },
                Some(path) => Store::Sled { path, retention: config.outbox.retention },
            },
            clock: self.clock,
            start: self.start.or_else(|| START.parse().ok()),
            ..Staging::of(&config, self.seed)
        };
        let flow = config.flows.first().map(|flow| flow.id().to_owned()).unwrap_or_default();
        let stage = Stage::set(&config, &config.webhooks, config.flows.clone(), staging).await?;
        Ok(Understudy { stage, flow })
    }
}

impl Understudy {
    /// How to start one.
    pub fn builder() -> Builder {
        Builder {
            config: None,
            webhooks: Vec::new(),
            seed: Seed(0),
            clock: ClockMode::Manual,
            start: None,
            store: None,
        }
    }

    /// Where its API listens.
    pub fn url(&self) -> Url {
        self.stage.url()
    }

    /// Starts a journey of the first flow.
    ///
    /// # Errors
    /// [`EmbedError::Refused`].
    pub async fn start_journey(&self, reference_no: &str) -> Result<JourneyId, EmbedError> {
        let new = NewJourney {
            flow: self.flow.clone(),
            reference_no: reference_no.to_owned(),
            environment: None,
            opening: None,
            planned: None,
        };
        match self.stage.running.app.start_journey(new, None).await.map_err(EmbedError::Refused)? {
            Answer::Done(applied) => Ok(applied.journey.id),
            Answer::Repeated(_) => Err(EmbedError::Stimulus("a call without a key cannot be a repetition".to_owned())),
        }
    }

    /// Does something to a journey, in the vocabulary of scenario lines: `{ "do": "submit_step", "step": "1" }`. The
    /// events that follow are durable when this returns, and on their way.
    ///
    /// # Errors
    /// [`EmbedError::Stimulus`] for what is no stimulus, [`EmbedError::Refused`] for one that is not legal now.
    pub async fn does(&self, journey: &JourneyId, stimulus: Value) -> Result<Vec<Message>, EmbedError> {
        let Value::Object(members) = stimulus else {
            return Err(EmbedError::Stimulus("a stimulus is an object such as { \"do\": \"cancel\" }".to_owned()));
        };
        let app = &self.stage.running.app;
        let stimulus = provider::parse_stimulus(app.provider, &members).map_err(EmbedError::Stimulus)?;
        match app.apply(*journey, &stimulus, Manner::default()).await.map_err(EmbedError::Refused)? {
            Answer::Done(applied) => Ok(applied.events),
            Answer::Repeated(_) => Ok(Vec::new()),
        }
    }

    /// Lets time pass, through everything that falls due on the way: retries, decisions, deadlines. When this returns,
    /// all of it has been delivered or has failed.
    ///
    /// # Errors
    /// Never for a span; the clock only goes forward.
    pub async fn advance(&self, span: Duration) -> Result<(), EmbedError> {
        let app = &self.stage.running.app;
        app.advance(app.now() + span).await?;
        app.quiet().await;
        Ok(())
    }

    /// Waits until nothing is due and nothing is under way.
    pub async fn quiet(&self) {
        self.stage.running.app.quiet().await;
    }

    /// A journey as it is now.
    ///
    /// # Errors
    /// [`EmbedError::Refused`] when the store fails.
    pub fn journey(&self, id: &JourneyId) -> Result<Option<Journey>, EmbedError> {
        let found = self.stage.running.app.outbox.journey(*id).map_err(|error| EmbedError::Refused(error.into()))?;
        Ok(found.map(Arc::unwrap_or_clone))
    }

    /// What was received at `/inbox/{name}`.
    pub fn inbox(&self, name: &str) -> Vec<Arc<Received>> {
        self.stage.inbox.received(name)
    }

    /// What was counted.
    pub fn ledger(&self) -> Ledger {
        self.stage.running.app.outbox.ledger()
    }

    /// Drains within `grace` of real time.
    ///
    /// # Errors
    /// [`EmbedError::Fatal`] when something failed on the way.
    pub async fn stop(self, grace: Duration) -> Result<(), EmbedError> {
        Ok(self.stage.strike(grace).await?)
    }
}
