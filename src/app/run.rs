//! Composition, start and stop: names the adapters and owns every task.
//!
//! ```text
//!   Parts ── start ──> Running { App, tasks: delivery, deadlines, schedule, store watch, ... } ── shutdown ──> drained
//! ```
//!
//! A task that ends before it was told to ends the whole: there is no half-dead service.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use crate::app::news::at_start;
use crate::app::scribe::Scribe;
use crate::app::time::kept_position;
use crate::app::vault::Vault;
use crate::app::webhooks::{Registry, restore_pauses};
use crate::app::{App, Applied, JOURNEY_LOCKS, by_id};
use crate::clock::{Clock as _, ClockMode, ProviderClock, Timestamp, real_sleep};
use crate::delivery::attempt::{Bench, Gauge, Tried};
use crate::delivery::endpoints::Endpoints;
use crate::delivery::news::Newsroom;
use crate::delivery::shell::{INPUTS, Shell, StopTokens};
use crate::delivery::tally::Tally;
use crate::message::Endpoint;
use crate::outbox::{JourneyQuery, MemoryOutbox, OpenError, Outbox, OutboxError, SledOutbox, SledSettings};
use crate::provider::{Dialect, Environment, Flow, ProviderKind};
use crate::rng::Seed;
use crate::schedule::Job;
use crate::secret::{Redactor, ending};
use crate::transport::{HttpSettings, HttpTransport, MailSettings, MailTransport, Mailer, Transport};

/// Where journeys, messages and deliveries are kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Store {
    /// In memory: gone with the process.
    Memory {
        /// How long history is kept, in provider time.
        retention: Duration,
    },
    /// In a directory, durable.
    Sled {
        /// The directory; made if missing.
        path: PathBuf,
        /// How long history is kept, in provider time.
        retention: Duration,
    },
}

/// Who lets journeys' own deadlines fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Firing {
    /// A task, as they fall due.
    #[default]
    ByItself,
    /// The caller, with [`App::fire_due`] or as lines of its own: for scripts that keep a strict order, and plans.
    ByCaller,
}

/// Who sees what happens, losslessly. Bounded channels: a slow watcher slows the provider down.
#[derive(Debug, Default)]
pub struct Watchers {
    /// Every accepted stimulus with its events.
    pub applied: Option<mpsc::Sender<Applied>>,
    /// Every settled attempt.
    pub tried: Option<mpsc::Sender<Tried>>,
    /// Every attempt, measured where it ends.
    pub gauge: Option<Arc<dyn Gauge>>,
}

/// All that a provider is made of.
#[derive(Debug)]
pub struct Parts {
    /// Which provider it plays.
    pub provider: ProviderKind,
    /// The era of its documentation that it speaks, unless an endpoint asks for another.
    pub dialect: Dialect,
    /// Where journeys belong that name no environment.
    pub environment: Environment,
    /// The source of ids and chance.
    pub seed: Seed,
    /// How time runs.
    pub clock: ClockMode,
    /// Where time starts; at the wall clock's instant when absent. Never before the store's last instant.
    pub start: Option<Timestamp>,
    /// Where everything is kept.
    pub store: Store,
    /// What journeys go through.
    pub flows: Vec<Flow>,
    /// What happens by the clock. Only where deadlines fire by themselves.
    pub schedule: Vec<Job>,
    /// Who is told.
    pub endpoints: Vec<Endpoint>,
    /// How webhooks are sent.
    pub http: HttpSettings,
    /// How mails are sent.
    pub mail: MailSettings,
    /// How long exhausted deliveries gather before they are mailed, in provider time.
    pub digest: Duration,
    /// Who lets deadlines fire.
    pub firing: Firing,
    /// Who watches.
    pub watchers: Watchers,
}

/// All that a provider touches of the world besides its clock.
#[derive(Clone, Debug)]
pub struct World {
    /// Where everything is kept.
    pub outbox: Arc<dyn Outbox>,
    /// How webhooks are sent.
    pub transport: Arc<dyn Transport>,
    /// How mails are sent.
    pub mailer: Arc<dyn MailTransport>,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The store.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// The store, once it was open.
    #[error("{0}")]
    Read(OutboxError),
    /// The store is that of another provider, whose journeys are not these.
    #[error(
        "the journeys in {path} are of {found}, and this configuration plays {asked}; name another --data-dir, or write \
         provider = \"{found}\""
    )]
    OtherProvider {
        /// The store.
        path: String,
        /// Whose it is.
        found: ProviderKind,
        /// Who is to be played.
        asked: ProviderKind,
    },
    /// The secrets of webhooks that were made through the API.
    #[error("cannot read the secrets of webhooks: {0}; mend the file, or remove it and make its webhooks again")]
    Vault(std::io::Error),
    /// The transport.
    #[error("cannot set up deliveries: {0}")]
    Transport(String),
    /// The mailer.
    #[error("cannot set up mail: {0}")]
    Mail(String),
}

/// Why it ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// The store failed: nothing more can be promised.
    #[error("{0}")]
    Outbox(OutboxError),
    /// A task died.
    #[error("the {task} task died: {reason}")]
    Task {
        /// Which.
        task: &'static str,
        /// That it panicked, or what it returned.
        reason: String,
    },
}

/// A provider that runs.
#[derive(Debug)]
pub struct Running {
    /// The provider.
    pub app: Arc<App>,
    /// Tells tasks to stop; children of it are made for what [`Running::own`] adds.
    pub stop: StopTokens,
    http: Option<Arc<HttpTransport>>,
    tasks: JoinSet<(&'static str, Result<(), Fatal>)>,
}

/// Opens the store, makes the adapters and starts the tasks. Needs a tokio runtime.
///
/// # Errors
/// [`BootError`] when the store cannot be opened, or transport or mailer cannot be made.
pub async fn start(parts: Parts) -> Result<Running, BootError> {
    let transport = HttpTransport::new(parts.http.clone()).map_err(|e| BootError::Transport(e.to_string()))?;
    let transport = Arc::new(transport);
    let running = start_with(parts, transport.clone()).await?;
    Ok(Running { http: Some(transport), ..running })
}

/// As [`start`], over a transport of the caller's: a scripted network, say.
///
/// # Errors
/// [`BootError`] when the store cannot be opened, or the mailer cannot be made.
pub async fn start_with(parts: Parts, transport: Arc<dyn Transport>) -> Result<Running, BootError> {
    let outbox = open(&parts.store).await?;
    let mailer = Mailer::new(parts.mail.clone()).map_err(|e| BootError::Mail(e.to_string()))?;
    start_in(parts, World { outbox, transport, mailer: Arc::new(mailer) }).await
}

/// As [`start`], in a world of the caller's: a simulated one, say. Of [`Parts::store`] only the directory counts then, and
/// of [`Parts::http`] and [`Parts::mail`] nothing.
///
/// # Errors
/// [`BootError`] when the outbox cannot be read.
pub async fn start_in(parts: Parts, world: World) -> Result<Running, BootError> {
    let World { outbox, transport, mailer } = world;
    belongs_to(parts.provider, &*outbox, &parts.store)?;
    let last = outbox.last_instant().max(kept_position(&*outbox).map_err(BootError::Read)?);
    let clock = Arc::new(clock(parts.clock, parts.start, last));
    let endpoints = Endpoints::default();
    restore_pauses(&endpoints, &*outbox).map_err(BootError::Read)?;
    endpoints.replace(parts.endpoints.clone());
    let dir = match &parts.store {
        Store::Sled { path, .. } => Some(path.as_path()),
        Store::Memory { .. } => None,
    };
    let vault = Vault::open(dir).map_err(BootError::Vault)?;
    let jobs = if parts.firing == Firing::ByItself { parts.schedule } else { Vec::new() };
    let agenda = super::jobs::agenda(jobs, &*outbox, clock.now()).map_err(BootError::Read)?;
    let (inputs, inbound) = mpsc::channel(INPUTS);
    let (news, tally) = (Newsroom::default(), Arc::new(Tally::default()));
    let scribe = Arc::new(Scribe {
        outbox: outbox.clone(),
        inputs,
        deadlines_changed: Notify::new(),
        renewals_changed: Notify::new(),
        watcher: parts.watchers.applied,
        news: news.clone(),
        tally: tally.clone(),
        lately: Arc::default(),
    });
    let app = Arc::new(App {
        provider: parts.provider,
        dialect: parts.dialect,
        environment: parts.environment,
        seed: parts.seed,
        clock: clock.clone(),
        outbox: outbox.clone(),
        endpoints: endpoints.clone(),
        webhooks: Arc::new(Registry::new(parts.endpoints, vault)),
        transport: transport.clone(),
        flows: RwLock::new(by_id(parts.flows)),
        lent: std::sync::Mutex::default(),
        news: scribe.news.clone(),
        tally: scribe.tally.clone(),
        lately: scribe.lately.clone(),
        scribe,
        taken_over: Mutex::new(at_start(clock.now())),
        agenda,
        firing: parts.firing,
        locks: (0..JOURNEY_LOCKS).map(|_| Arc::default()).collect(),
        writes: TaskTracker::new(),
    });
    let bench = Bench {
        outbox,
        clock,
        transport,
        mailer,
        seed: parts.seed,
        digest: parts.digest,
        watcher: parts.watchers.tried,
        gauge: parts.watchers.gauge,
        news,
        tally,
    };
    let mut running = Running { app: app.clone(), stop: StopTokens::default(), http: None, tasks: JoinSet::new() };
    let (shell, stop) = (Shell::new(bench, endpoints), running.stop.clone());
    running.own("delivery", async move { shell.run(inbound, stop).await.map_err(Fatal::Outbox) });
    if parts.firing != Firing::ByCaller {
        let (app, stop) = (app.clone(), running.stop.stop_claiming.clone());
        running.own("deadlines", async move { app.fire_deadlines(stop).await.map_err(Fatal::Outbox) });
        let (app, stop) = (running.app.clone(), running.stop.stop_claiming.clone());
        running.own("schedule", async move { app.keep_schedule(stop).await.map_err(Fatal::Outbox) });
    }
    let (keeper, stop) = (app.clone(), running.stop.stop_claiming.clone());
    running.own("retention", async move { keeper.expire_history(stop).await.map_err(Fatal::Outbox) });
    let stop = running.stop.stop_claiming.clone();
    running.own("store watch", async move {
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            reason = app.outbox.breaks() => Err(Fatal::Outbox(OutboxError::Broken(reason))),
        }
    });
    Ok(running)
}

impl Running {
    /// Adds a task to those that live and die together.
    pub fn own(&mut self, name: &'static str, task: impl Future<Output = Result<(), Fatal>> + Send + 'static) {
        self.tasks.spawn(async move { (name, task.await) });
    }

    /// Tells what is to be blanked from then on in what is kept of answers.
    pub fn redactor(&self) -> impl Fn(Redactor) + Send + Sync + 'static {
        let http = self.http.clone();
        move |redactor| {
            if let Some(http) = &http {
                http.set_redactor(redactor);
            }
        }
    }

    /// Waits until a task ends by itself, which none should: the reason. Never returns while all is well.
    pub async fn died(&mut self) -> Fatal {
        loop {
            match self.tasks.join_next().await {
                None => std::future::pending().await,
                Some(Ok((_, Err(fatal)))) => return fatal,
                Some(Ok((_, Ok(())))) if self.stop.stop_claiming.is_cancelled() => {}
                Some(Ok((task, Ok(())))) => return Fatal::Task { task, reason: "it ended by itself".to_owned() },
                Some(Err(error)) => return Fatal::Task { task: "background", reason: ending(&error).to_owned() },
            }
        }
    }

    /// Drains: starts nothing more, lets attempts end within `grace` of real time, gives the rest back, and returns
    /// when every task has ended and the store is closed.
    ///
    /// # Errors
    /// [`Fatal`] when a task failed on the way.
    pub async fn shutdown(mut self, grace: Duration) -> Result<(), Fatal> {
        self.stop.stop_claiming.cancel();
        let mut result = Ok(());
        let deadline = real_sleep(grace);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                () = &mut deadline, if !self.stop.abort.is_cancelled() => self.stop.abort.cancel(),
                ended = self.tasks.join_next() => match ended {
                    None => break,
                    Some(Ok((_, Ok(())))) => {}
                    Some(Ok((_, Err(fatal)))) => result = Err(fatal),
                    Some(Err(error)) => result = Err(Fatal::Task { task: "background", reason: ending(&error).to_owned() }),
                }
            }
        }
        self.app.writes.close();
        // Nobody asks for more; what is being written for callers that went away ends within a disk's moment.
        tokio::select! {
                biased;
            () = self.app.writes.wait() => {}
            () = &mut deadline, if !deadline.is_elapsed() => {}
        }
        // Also of a clock that runs as the machine's does: it may have been moved ahead of that.
        self.app.keep_position().await;
        let closed = self.app.outbox.close().await;
        result.and(closed.map_err(Fatal::Outbox))
    }
}

async fn open(store: &Store) -> Result<Arc<dyn Outbox>, OpenError> {
    match store {
        Store::Memory { retention } => Ok(Arc::new(MemoryOutbox::keeping(*retention))),
        Store::Sled { path, retention } => {
            let (path, settings) = (path.clone(), SledSettings { retention: *retention, ..SledSettings::default() });
            let opened = tokio::task::spawn_blocking(move || SledOutbox::open(&path, settings)).await;
            match opened {
                Ok(outbox) => Ok(Arc::new(outbox?)),
                Err(error) => Err(OpenError::Damaged { path: "the store".to_owned(), detail: error.to_string() }),
            }
        }
    }
}

/// A store is one provider's: its journeys mean nothing to another. One that has none is anybody's.
fn belongs_to(provider: ProviderKind, outbox: &dyn Outbox, store: &Store) -> Result<(), BootError> {
    let found = outbox.journeys(&JourneyQuery::default(), None, 1).map_err(BootError::Read)?;
    match found.items.first().map(|journey| ProviderKind::from(&journey.state)) {
        Some(found) if found != provider => {
            let path = match store {
                Store::Sled { path, .. } => path.display().to_string(),
                Store::Memory { .. } => "memory".to_owned(),
            };
            Err(BootError::OtherProvider { path, found, asked: provider })
        }
        _ => Ok(()),
    }
}

/// Time never goes back, not even over restarts: a store that has seen later instants sets the start.
fn clock(mode: ClockMode, start: Option<Timestamp>, last: Option<Timestamp>) -> ProviderClock {
    let clock = ProviderClock::new(mode, start);
    if let Some(last) = last
        && clock.set(last).is_ok()
        && mode == ClockMode::Real
    {
        tracing::warn!(%last, "the store has seen later instants than the wall clock shows; time goes on from there");
    }
    clock
}
