//! One attempt at a webhook, from start to settlement. Called by the shell, a task each; its mail is in `post`.
//!
//! Nothing here can lose a row: until the settlement is durable the lease stands, and whatever ends the task early,
//! an abort or a panic, gives the lease back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::{Clock, Stopwatch, Timestamp};
use crate::delivery::news::{AttemptEnded, News, Newsroom};
use crate::delivery::tally::Tally;
use crate::ids::{DeliveryId, EventId, JourneyId, MailId};
use crate::message::{Attempt, Endpoint, ErrorClass, EventType, Message, Outcome, Verdict};
use crate::outbox::{DueDelivery, Lease, MailVerdict, Outbox, OutboxError, Settlement};
use crate::rng::Seed;
use crate::transport::{MailTransport, Transport};

/// What an attempt works with.
#[derive(Debug)]
pub struct Bench {
    /// Where results go.
    pub outbox: Arc<dyn Outbox>,
    /// The provider's time.
    pub clock: Arc<dyn Clock>,
    /// How webhooks are sent.
    pub transport: Arc<dyn Transport>,
    /// How mails are sent.
    pub mailer: Arc<dyn MailTransport>,
    /// The source of jitter.
    pub seed: Seed,
    /// How long exhausted deliveries gather before they are mailed.
    pub digest: Duration,
    /// Who wants to see every attempt, told just before it is settled. Bounded: a slow watcher slows delivery down.
    pub watcher: Option<mpsc::Sender<Tried>>,
    /// Who measures every attempt.
    pub gauge: Option<Arc<dyn Gauge>>,
    /// Where what was settled is told to whoever listens.
    pub news: Newsroom,
    /// Where it is counted.
    pub tally: Arc<Tally>,
}

/// Measures attempts, where they begin and end. It must not wait.
pub trait Gauge: Send + Sync + std::fmt::Debug {
    /// An attempt begins that was due at `due_at`; says whether it may have waited for a slot.
    fn begin(&self, endpoint: &Endpoint, due_at: Timestamp) -> bool;

    /// It has ended.
    fn measure(&self, trial: &Trial<'_>);
}

/// An attempt that has ended, for a [`Gauge`].
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// To whom.
    pub endpoint: &'a Endpoint,
    /// Of what.
    pub message: &'a Message,
    /// When it was to start.
    pub due_at: Timestamp,
    /// What happened.
    pub attempt: &'a Attempt,
    /// What it meant.
    pub verdict: Verdict,
    /// It may have waited for a slot or its rate: that it began late says nothing about us.
    pub crowded: bool,
}

/// An attempt that has ended, for whoever watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Tried {
    /// At a webhook.
    Delivery {
        /// Which delivery.
        id: DeliveryId,
        /// To whom.
        webhook: Arc<str>,
        /// Of what.
        event_id: EventId,
        /// Its type.
        event_type: EventType,
        /// About whom.
        journey_id: Option<JourneyId>,
        /// The attempt.
        attempt: Box<Attempt>,
        /// What it meant.
        verdict: Verdict,
    },
    /// A digest became mails.
    Composed {
        /// About which endpoint.
        webhook: String,
        /// To whom.
        to: Vec<String>,
        /// How many deliveries they name.
        deliveries: usize,
        /// When.
        at: Timestamp,
    },
    /// At the SMTP server.
    Mail {
        /// Which mail.
        id: MailId,
        /// To whom.
        to: String,
        /// What it meant.
        verdict: MailVerdict,
        /// When.
        at: Timestamp,
    },
}

/// What a settled attempt leaves to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// When its lane has something due because of it: the retry, or the next one of an ordered journey.
    pub lane: Option<Timestamp>,
    /// When the mail lane has.
    pub mail: Option<Timestamp>,
}

/// A lease with what it is worked off with. Gives the lease back unless it was settled: made before the task that works it
/// off, for one that is aborted at once never begins.
pub(super) struct Held {
    pub(super) bench: Arc<Bench>,
    lease: Option<Lease>,
}

impl Held {
    pub(super) fn new(bench: Arc<Bench>, lease: Lease) -> Self {
        Held { bench, lease: Some(lease) }
    }

    /// Settles the lease; from here on the outbox has it.
    pub(super) async fn settle(&mut self, settlement: Settlement) -> Result<(), OutboxError> {
        let result = self.bench.outbox.settle(vec![settlement]).await;
        self.lease = None;
        result
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(lease) = self.lease {
            self.bench.outbox.release(vec![lease]);
        }
    }
}

/// Sends a delivery once and settles what came of it.
///
/// # Errors
/// Only when the outbox is broken.
pub(super) async fn deliver(mut held: Held, endpoint: &Endpoint, due: DueDelivery) -> Result<Next, OutboxError> {
    let bench = &*held.bench;
    let n = due.attempts.saturating_add(1);
    let due_at = due.due_at;
    let crowded =
        bench.gauge.as_ref().is_some_and(|gauge| gauge.begin(endpoint, due_at)) || endpoint.rate_limit.is_some();
    let started_at = bench.clock.now();
    let outcome = read(bench.transport.send(endpoint, &due.message).await, endpoint);
    let finished_at = bench.clock.now();
    let draw = || bench.seed.draw(&[b"jitter", &due.message.event_id.0, endpoint.name.as_bytes(), &n.to_le_bytes()]);
    let verdict = endpoint.retry.verdict(n, &outcome, endpoint.success, finished_at, draw);
    log(endpoint, &due, n, &outcome, verdict);
    count(&bench.tally, endpoint, &due, &outcome, verdict, finished_at);
    let notice = (verdict == Verdict::Exhausted && !endpoint.error_emails.is_empty()).then_some(bench.digest);
    let attempt = Box::new(Attempt { n, started_at, finished_at, outcome });
    if let Some(gauge) = &bench.gauge {
        let message = &due.message;
        gauge.measure(&Trial { endpoint, message, due_at, attempt: &attempt, verdict, crowded });
    }
    let ended = bench.news.is_heard().then(|| Box::new(ended(&due, endpoint, &attempt, verdict)));
    if let Some(watcher) = &bench.watcher {
        let tried = Tried::Delivery {
            id: due.id,
            webhook: endpoint.name.as_str().into(),
            event_id: due.message.event_id,
            event_type: due.message.event_type,
            journey_id: due.message.journey_id,
            attempt: attempt.clone(),
            verdict,
        };
        // Before the lease ends: whoever sees nothing under way any more has been told of everything. A watcher that
        // went away is no reason to stop delivering.
        let _ = watcher.send(tried).await;
    }
    let writing = Stopwatch::start();
    held.settle(Settlement::Attempt { lease: due.lease, attempt, verdict, notice }).await?;
    let bench = &*held.bench;
    bench.tally.settle.saw(writing.elapsed());
    if let Some(ended) = ended {
        bench.news.tell(|| News::Attempt(ended));
    }
    Ok(Next {
        lane: match verdict {
            Verdict::RetryAt(at) => Some(at),
            // The outbox may have let the journey's next one in: whether it did follows from how the row was accepted,
            // not from how the endpoint is configured now.
            Verdict::Delivered | Verdict::Exhausted => Some(finished_at),
        },
        mail: notice.map(|window| finished_at + window),
    })
}

fn count(tally: &Tally, endpoint: &Endpoint, due: &DueDelivery, outcome: &Outcome, verdict: Verdict, at: Timestamp) {
    tally.attempted(&endpoint.name, verdict, outcome.error);
    tally.attempt.saw(outcome.took());
    if verdict == Verdict::Delivered {
        tally.lag.saw(at.since(due.message.created_at));
    }
}

/// An attempt as it is told to whoever listens.
fn ended(due: &DueDelivery, endpoint: &Endpoint, attempt: &Attempt, verdict: Verdict) -> AttemptEnded {
    let outcome = &attempt.outcome;
    AttemptEnded {
        delivery_id: due.id,
        event_id: due.message.event_id,
        event_type: due.message.event_type.clone(),
        journey_id: due.message.journey_id,
        webhook: endpoint.name.clone(),
        n: attempt.n,
        status: outcome.status,
        error: outcome.error,
        detail: outcome.detail.clone(),
        verdict,
        started_at: attempt.started_at,
        finished_at: attempt.finished_at,
        took_us: outcome.phases.total_us,
    }
}

/// Marks a status head that is not success as the error it is for this endpoint.
fn read(mut outcome: Outcome, endpoint: &Endpoint) -> Outcome {
    if let (Some(status), None) = (outcome.status, outcome.error)
        && !endpoint.success.holds(status)
    {
        outcome.error = Some(ErrorClass::Status);
    }
    outcome
}

fn log(endpoint: &Endpoint, due: &DueDelivery, n: u32, outcome: &Outcome, verdict: Verdict) {
    let (delivery, event, webhook) = (due.id, due.message.event_id, &endpoint.name);
    let (took, kind) = (outcome.took().as_micros() as u64, due.message.event_type.as_ref());
    match verdict {
        Verdict::Delivered => {
            tracing::info!(%delivery, %event, webhook, kind, attempt = n, took_us = took, "delivered")
        }
        Verdict::RetryAt(at) => {
            tracing::info!(%delivery, %event, webhook, kind, attempt = n, outcome = outcome.summary(), again = %at, "will retry");
        }
        Verdict::Exhausted => {
            tracing::warn!(%delivery, %event, webhook, kind, attempts = n, outcome = outcome.summary(), "exhausted");
        }
    }
}
