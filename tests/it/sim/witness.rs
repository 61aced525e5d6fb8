//! What the world outside saw: requests, mails, answers to calls, and which configuration was in force when.
//!
//! The checkers trust this and the product's own lists, and nothing that happens inside. Everything that goes wrong on the
//! way is noted here, because a panic in a task of the provider's would be taken for the provider's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tokio::sync::Notify;
use understudy::clock::{Clock as _, ProviderClock, Timestamp};
use understudy::ids::{DeliveryId, EventId, JourneyId};
use understudy::message::{DeliveryState, Endpoint, Message};
use understudy::outbox::Outbox;
use understudy::rng::Seed;

use super::corners::Corners;
use super::fuse::Fuse;
use super::network::Weather;
use super::plan::Plan;

/// A request as it left the provider.
#[derive(Clone, Debug)]
pub(super) struct Try {
    pub(super) life: usize,
    pub(super) webhook: String,
    pub(super) event: EventId,
    pub(super) at: Timestamp,
    /// When the provider had its answer, and whether that was the success status.
    pub(super) answer: Option<(Timestamp, bool)>,
}

/// How an SMTP server took a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Yes,
    /// It took it, and the reply never came.
    ReplyLost,
    NotNow,
    Never,
}

/// A mail as an SMTP server saw it.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) life: usize,
    pub(super) message_id: String,
    pub(super) to: String,
    pub(super) text: String,
    /// The deliveries that the text names.
    pub(super) names: BTreeSet<DeliveryId>,
    pub(super) taken: Taken,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answered {
    /// The caller went away, or the process died: all of it happened, or nothing.
    Unknown,
    /// 2xx.
    Yes,
    /// Anything else: nothing happened.
    No,
}

/// A stimulus that a caller sent.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) journey: JourneyId,
    pub(super) stimulus: &'static str,
    pub(super) life: usize,
    pub(super) at: Timestamp,
    pub(super) answered: Answered,
}

/// A caller's idempotency key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) key: String,
    pub(super) journey: JourneyId,
    pub(super) json: String,
    pub(super) answer: Option<Bytes>,
    pub(super) life: usize,
}

/// One life of the process.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// The configurations in force, each from its instant on.
    pub(super) configurations: Vec<(Timestamp, Vec<Endpoint>)>,
}

/// A delivery as the lists last showed it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) state: DeliveryState,
    pub(super) attempts: u32,
    pub(super) resend_of: Option<DeliveryId>,
    /// Tries of its event at its endpoint by then.
    pub(super) tries: usize,
    /// Resends of it, asked for by then.
    pub(super) resends: usize,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) lives: Vec<Life>,
    pub(super) weather: Weather,
    pub(super) fuse: Option<Fuse>,
    pub(super) tries: Vec<Try>,
    /// Tries by endpoint and event, as places in `tries`.
    pub(super) tried: BTreeMap<(String, EventId), Vec<usize>>,
    pub(super) open: BTreeMap<String, usize>,
    pub(super) bodies: BTreeMap<EventId, Message>,
    pub(super) posted: Vec<Posted>,
    /// Journeys by reference; `None` while nobody knows whether it was started.
    pub(super) starts: BTreeMap<String, Option<JourneyId>>,
    pub(super) journeys: Vec<JourneyId>,
    pub(super) calls: Vec<Call>,
    pub(super) keys: Vec<Key>,
    /// Events that an answer named.
    pub(super) acked: BTreeMap<EventId, Message>,
    /// Events of each journey that the lists have shown.
    pub(super) listed: BTreeMap<JourneyId, Vec<Message>>,
    pub(super) shown: BTreeMap<DeliveryId, Shown>,
    /// Resends that were asked for, by endpoint and event.
    pub(super) resends: BTreeMap<(String, EventId), usize>,
    pub(super) resent: Vec<(DeliveryId, DeliveryId)>,
    pub(super) removed: BTreeMap<String, Vec<(usize, Timestamp)>>,
    pub(super) corners: Corners,
    pub(super) wrong: Vec<String>,
    pub(super) trace: Option<Vec<String>>,
    clock: Option<Arc<ProviderClock>>,
    outbox: Option<Arc<dyn Outbox>>,
}

/// See the module. One for a whole run, over all lives.
#[derive(Debug)]
pub(super) struct Witness {
    pub(super) seed: Seed,
    pub(super) plan: Plan,
    /// Rung when a fuse blows.
    pub(super) blown: Notify,
    seen: Mutex<Seen>,
}

impl Witness {
    pub(super) fn new(seed: Seed, plan: Plan, traced: bool) -> Arc<Witness> {
        let seen = Seen { trace: traced.then(Vec::new), ..Seen::default() };
        Arc::new(Witness { seed, plan, blown: Notify::new(), seen: Mutex::new(seen) })
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panics with it")
    }

    /// A life begins: from here on `clock` says what time it is.
    pub(super) fn begin(&self, clock: Arc<ProviderClock>, outbox: Arc<dyn Outbox>, endpoints: Vec<Endpoint>) {
        let from = clock.now();
        let mut seen = self.seen();
        seen.lives.push(Life { from, to: Timestamp::MAX, configurations: vec![(from, endpoints)] });
        (seen.clock, seen.outbox) = (Some(clock), Some(outbox));
        seen.open.clear();
        let life = seen.life();
        seen.note(|_| format!("life {life} begins"));
    }

    /// It is over; what time it was.
    pub(super) fn end(&self, how: &str) -> Timestamp {
        let mut seen = self.seen();
        let now = seen.now();
        seen.note(|_| format!("it ends: {how}"));
        if let Some(life) = seen.lives.last_mut() {
            life.to = now;
        }
        (seen.clock, seen.outbox) = (None, None);
        now
    }
}

impl Seen {
    /// The present life, from 0.
    pub(super) fn life(&self) -> usize {
        self.lives.len().saturating_sub(1)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.as_ref().map_or(Timestamp::MIN, |clock| clock.now())
    }

    pub(super) fn outbox(&self) -> Option<Arc<dyn Outbox>> {
        self.outbox.clone()
    }

    /// Something does not hold. `promise` is its id.
    pub(super) fn wrong(&mut self, promise: &str, what: String) {
        let text = format!("{promise}: {what}");
        self.note(|_| format!("WRONG {text}"));
        self.wrong.push(text);
    }

    pub(super) fn note(&mut self, line: impl FnOnce(&Seen) -> String) {
        if self.trace.is_some() {
            let line = format!("{} {}", self.now(), line(self));
            self.trace.iter_mut().for_each(|trace| trace.push(line.clone()));
        }
    }

    /// The endpoints as they are configured now.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        let last = self.lives.last().and_then(|life| life.configurations.last());
        last.map(|(_, endpoints)| endpoints.clone()).unwrap_or_default()
    }

    /// The configurations that may have been in force at an instant: more than one where a life's clock stood behind an
    /// earlier one's.
    pub(super) fn in_force(&self, at: Timestamp) -> impl Iterator<Item = &Vec<Endpoint>> {
        let lives = self.lives.iter().filter(move |life| life.from <= at && at <= life.to);
        lives.flat_map(move |life| {
            let until = life.configurations.iter().rposition(|(from, _)| *from <= at).unwrap_or_default();
            // At the very instant of a change both were.
            let from = life.configurations.iter().position(|(from, _)| *from == at).unwrap_or(until + 1);
            life.configurations[from.saturating_sub(1).min(until)..=until].iter().map(|(_, endpoints)| endpoints)
        })
    }
}

/// The deliveries that a mail's text offers to send again, in its order.
pub(super) fn named(text: &str) -> Vec<DeliveryId> {
    let offers = text.lines().filter_map(|line| line.trim().strip_prefix("understudy deliveries resend "));
    offers.filter_map(|id| id.parse().ok()).collect()
}
