//! A provider that stands on a port: the application, its inbox and its API, served together.
//!
//! Used by `serve`, by `replay` and by programs that embed the library. The port is bound first, because webhooks whose
//! target is this server's own inbox need its address.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::app::App;
use crate::app::run::{self, BootError, Fatal, Firing, Parts, Running, Store, Watchers};
use crate::app::webhooks::Around;
use crate::clock::{ClockMode, Timestamp};
use crate::config::{self, Config, Engine};
use crate::http::access::Access;
use crate::http::dashboard::Dashboard;
use crate::http::dashboard::repertoire::Repertoire;
use crate::http::inbox::Inbox;
use crate::http::qoreid::{self, Keyless};
use crate::http::serve::{Limits, serve};
use crate::http::{api, idwise, openapi};
use crate::outbox::OutboxError;
use crate::portal::Webhook;
use crate::provider::{Flow, ProviderKind};
use crate::rng::Seed;
use crate::secret::{Blanks, Redactor, Secret};
use crate::transport::{HttpSettings, MailSettings};

/// How a configuration is staged, where it differs from what the file says.
#[derive(Debug)]
pub struct Staging {
    /// Where to listen; port 0 chooses one.
    pub listen: SocketAddr,
    /// Where everything is kept.
    pub store: Store,
    /// How time runs.
    pub clock: ClockMode,
    /// Where time starts.
    pub start: Option<Timestamp>,
    /// The source of ids and chance.
    pub seed: Seed,
    /// Who lets deadlines fire.
    pub firing: Firing,
    /// Who watches.
    pub watchers: Watchers,
    /// What the dashboard offers to play.
    pub repertoire: Repertoire,
    /// Who is told which secrets there are.
    pub blanks: Blanks,
}

/// Why nothing stands.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The port.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// As asked for.
        address: SocketAddr,
        /// The operating system's word.
        error: std::io::Error,
    },
    /// The provider.
    #[error("{0}")]
    Boot(#[from] BootError),
}

/// A provider on a port.
#[derive(Debug)]
pub struct Stage {
    /// The provider and its tasks.
    pub running: Running,
    /// Its built-in receiver.
    pub inbox: Inbox,
    /// Its dashboard.
    pub dashboard: Dashboard,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it plays now.
    config: Mutex<Config>,
    blanks: Blanks,
    http: CancellationToken,
}

impl Staging {
    /// As the configuration says.
    pub fn of(config: &Config, seed: Seed) -> Self {
        Staging {
            listen: config.server.listen,
            store: match config.outbox.engine {
                Engine::Memory => Store::Memory { retention: config.outbox.retention },
                Engine::Sled => Store::Sled { path: config.outbox.path.clone(), retention: config.outbox.retention },
            },
            clock: config.clock.mode,
            start: config.clock.start,
            seed,
            firing: Firing::ByItself,
            watchers: Watchers::default(),
            repertoire: Repertoire::default(),
            blanks: Blanks::default(),
        }
    }
}

impl Stage {
    /// Binds the port, opens the store and starts every task. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`StageError`] when the port is taken, the store cannot be opened, or an adapter cannot be made.
    pub async fn set(
        config: &Config,
        webhooks: &[Webhook],
        flows: Vec<Flow>,
        staging: Staging,
    ) -> Result<Stage, StageError> {
        let address = staging.listen;
        let listen = |error| StageError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let base = base_of(address);
        let own_api = Arc::new(OnceLock::new());
        let _ = own_api.set(address);
        let seed = staging.seed;
        let redactor = redactor(config, webhooks);
        let blanks = staging.blanks;
        blanks.set(redactor.clone());
        let parts = Parts {
            provider: config.provider,
            dialect: config.dialect,
            environment: config.environment,
            seed,
            clock: staging.clock,
            start: staging.start,
            store: staging.store,
            flows,
            schedule: config.schedule.clone(),
            endpoints: webhooks.iter().map(|webhook| webhook.endpoint(&base)).collect(),
            http: HttpSettings {
                reach: config.delivery.reach.clone(),
                source_ip: config.delivery.source_ip,
                redactor: redactor.clone(),
                own_api,
                ..HttpSettings::default()
            },
            mail: MailSettings {
                from: config.email.from.clone(),
                smtp: config.email.smtp.clone(),
                ..MailSettings::default()
            },
            digest: config.email.digest,
            firing: staging.firing,
            watchers: staging.watchers,
        };
        let mut running = run::start(parts).await?;
        let inbox = Inbox::new(running.app.clock.clone(), seed);
        set_webhooks(&running, &inbox, &blanks, base, config, webhooks).await.map_err(BootError::Read)?;
        let (provider, described) = provider_api(config, &running.app, address);
        let access = Arc::new(Access::new(config.server.token.clone()));
        let dashboard = Dashboard::new(running.app.clone(), inbox.clone(), access.clone(), staging.repertoire);
        let routes = api::router(running.app.clone(), access, inbox.api())
            .merge(inbox.router())
            .merge(dashboard.router())
            .merge(provider)
            .merge(openapi::router(&openapi::document(config.provider, described)));
        let (watching, stop) = (dashboard.clone(), running.stop.stop_claiming.clone());
        running.own("dashboard", async move {
            watching.feel_pulse(stop).await;
            Ok(())
        });
        let http = CancellationToken::new();
        let stop = http.clone();
        running.own("http", async move {
            // Attempts have ended by then; what is still being answered gets this long.
            let limits = Limits { grace: Duration::from_secs(1), ..Limits::of_this_process() };
            serve(listener, routes, limits, stop).await;
            Ok(())
        });
        Ok(Stage { running, inbox, dashboard, address, config: Mutex::new(config.clone()), blanks, http })
    }

    /// Where it is reached, `http://127.0.0.1:4740/`.
    pub fn url(&self) -> Url {
        base_of(self.address)
    }

    /// Takes over webhooks, flows, schedule and the delivery's defaults of another configuration, and tells what is
    /// different; what is under way goes on.
    pub async fn reconfigure(&self, config: &Config) {
        let app = &self.running.app;
        app.set_flows(config.flows.clone());
        if let Err(error) = app.set_schedule(config.schedule.clone()).await {
            tracing::error!(%error, "the schedule could not be taken over");
        }
        if let Err(error) =
            set_webhooks(&self.running, &self.inbox, &self.blanks, self.url(), config, &config.webhooks).await
        {
            tracing::error!(%error, "the webhooks could not be taken over");
        }
        let before =
            std::mem::replace(&mut *self.config.lock().unwrap_or_else(PoisonError::into_inner), config.clone());
        app.took_over(config::changes(&before, config));
    }

    /// Drains within `grace` of real time and closes the store.
    ///
    /// # Errors
    /// [`Fatal`] when a task failed on the way.
    pub async fn strike(self, grace: Duration) -> Result<(), Fatal> {
        // Attempts that are under way may be to the own inbox: it answers until they have ended.
        self.running.stop.stop_claiming.cancel();
        let http = self.http.clone();
        let abort = self.running.stop.abort.clone();
        let app = self.running.app.clone();
        let mut running = self.running;
        running.own("drain", async move {
            tokio::select! {
                () = app.drained() => {}
                () = abort.cancelled() => {}
            }
            http.cancel();
            Ok(())
        });
        running.shutdown(grace).await
    }
}

/// The API of the provider that is played, which has credentials of its own.
fn provider_api(config: &Config, app: &Arc<App>, address: SocketAddr) -> (Router, utoipa::openapi::OpenApi) {
    match config.provider {
        ProviderKind::Idwise => {
            let access = idwise::Access::of(&config.idwise.keys, address.ip(), config.environment);
            idwise::router(app.clone(), access, config.idwise.summary_interval)
        }
        ProviderKind::Qoreid => {
            let keyless = if address.ip().is_loopback() { Keyless::Admitted } else { Keyless::Refused };
            qoreid::router(app.clone(), config.qoreid.keys.clone(), keyless)
        }
    }
}

/// Takes over webhooks, and keeps whoever blanks secrets informed of theirs.
async fn set_webhooks(
    running: &Running,
    inbox: &Inbox,
    blanks: &Blanks,
    base: Url,
    config: &Config,
    webhooks: &[Webhook],
) -> Result<(), OutboxError> {
    let endpoints = webhooks.iter().map(|webhook| webhook.endpoint(&base)).collect();
    let known: Vec<Secret> =
        config.secrets().into_iter().chain(webhooks.iter().flat_map(Webhook::secrets).cloned()).collect();
    let (inbox, http, blanks) = (inbox.clone(), running.redactor(), blanks.clone());
    let on_secrets = Box::new(move |made: &[Secret]| {
        let redactor = Redactor::new(known.iter().chain(made).map(Secret::expose));
        inbox.set_redactor(redactor.clone());
        blanks.set(redactor.clone());
        http(redactor.clone());
        redactor
    });
    let (environment, dialect, delivery) = (config.environment, config.dialect, config.delivery.clone());
    let around = Around { environment, delivery, dialect, base };
    running.app.set_webhooks(endpoints, around, Some(on_secrets)).await
}

/// Knows every secret there is, those of `webhooks` included: what must not be shown when a receiver echoes it.
fn redactor(config: &Config, webhooks: &[Webhook]) -> Redactor {
    let secrets = config.secrets();
    let of_webhooks = webhooks.iter().flat_map(Webhook::secrets);
    Redactor::new(secrets.iter().chain(of_webhooks).map(Secret::expose))
}

/// A server that listens on every address is reached on loopback.
fn base_of(address: SocketAddr) -> Url {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    let mut url = Url::parse("http://localhost/").expect("a literal URL");
    let _ = url.set_ip_host(ip);
    let _ = url.set_port(Some(address.port()));
    url
}
