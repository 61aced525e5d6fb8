//! What the application tells whoever listens: what followed from a stimulus, how the clock stands, what changed in the
//! configuration.
//!
//! Called where it is durable. Nothing is prepared while nobody listens; only the last change of the configuration is kept.

use std::sync::PoisonError;

use serde_json::{Map, Value};

use crate::app::App;
use crate::clock::{Clock as _, Timestamp};
use crate::delivery::news::{ChangedBy, ClockSeen, News, Newsroom, TakeOver};
use crate::ids::DeliveryId;
use crate::message::{Delivery, DeliveryState, Message};
use crate::outbox::{Commit, Committed, NewMessage};
use crate::portal::changes::{Change, How, KeyChange};
use crate::provider::Journey;
use crate::secret::BLANK;

/// What a commit will have to tell once it is durable.
pub(super) struct Announcement {
    /// For each event its deliveries, which get their numbers with the commit; `None` while nobody listens.
    owed: Option<Vec<Vec<Delivery>>>,
}

impl Announcement {
    pub(super) fn of(news: &Newsroom, commit: &Commit) -> Self {
        let owed = news.is_heard().then(|| commit.messages.iter().map(owed).collect());
        Announcement { owed }
    }

    /// Tells of the journey, then of each event with what is owed of it.
    pub(super) fn make(
        self,
        news: &Newsroom,
        committed: Committed,
        stimulus: &str,
        journey: &Journey,
        events: &[Message],
    ) {
        let Some(owed) = self.owed else { return };
        news.tell(|| News::Journey { stimulus: stimulus.to_owned(), journey: Box::new(journey.clone()) });
        let mut ids = committed.deliveries.into_iter();
        for (event, owed) in events.iter().zip(owed) {
            news.tell(|| News::Event(Box::new(event.clone())));
            for (delivery, id) in owed.into_iter().zip(ids.by_ref()) {
                news.tell(|| News::Delivery(Delivery { id, ..delivery }));
            }
        }
    }
}

/// The deliveries of an event, as they are when accepted, still without numbers.
fn owed(new: &NewMessage) -> Vec<Delivery> {
    let one = |to: &crate::outbox::NewDelivery| Delivery {
        id: DeliveryId(0),
        event_id: new.message.event_id,
        event_type: new.message.in_form(to.form).event_type,
        journey_id: new.message.journey_id,
        webhook: to.webhook.to_string(),
        state: DeliveryState::Waiting,
        attempts: 0,
        due_at: to.due_at,
        resend_of: None,
        form: to.form,
    };
    new.to.iter().map(one).collect()
}

impl App {
    /// How the clock stands at this instant.
    pub fn clock_seen(&self) -> ClockSeen {
        let next_due = self.next_due(self.own_deadlines());
        ClockSeen { now: self.clock.now(), mode: self.clock.mode(), next_due }
    }

    /// Tells whoever listens how the clock stands.
    pub(super) fn tell_clock(&self) {
        self.news.tell(|| News::Clock(self.clock_seen()));
    }
}

/// What holds when a server starts.
pub(super) fn at_start(at: Timestamp) -> TakeOver {
    TakeOver { at, source: ChangedBy::File, changes: Vec::new(), refused: None }
}

/// The keys of a webhook's definition that hold secrets.
const SECRET_KEYS: [&str; 2] = ["auth", "headers"];

impl App {
    /// How the configuration came to be what it is: the last change of the file, or why the file is refused since.
    pub fn taken_over(&self) -> TakeOver {
        self.taken_over.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes and tells that a changed file holds from now on. One that says the same is no news, unless the one before it
    /// was refused.
    pub fn took_over(&self, changes: Vec<Change>) {
        let mut held = self.taken_over.lock().unwrap_or_else(PoisonError::into_inner);
        for change in &changes {
            let (what, name, needs_restart) = (&change.what, &change.name, change.needs_restart);
            let line = change.line();
            tracing::info!(what, name, needs_restart, "configuration: {line}");
        }
        if changes.is_empty() && held.refused.is_none() {
            return;
        }
        match changes.is_empty() {
            true => held.refused = None,
            false => *held = TakeOver { changes, ..at_start(self.clock.now()) },
        }
        self.news.tell(|| News::Config(held.clone()));
    }

    /// Notes and tells that a changed file is wrong: what held before still holds.
    pub fn refused_file(&self, why: &str) {
        let mut held = self.taken_over.lock().unwrap_or_else(PoisonError::into_inner);
        held.refused = Some((self.clock.now(), self.blanked(why)));
        self.news.tell(|| News::Config(held.clone()));
    }

    /// Tells that a webhook was changed through the API.
    pub(super) fn tell_webhook(&self, name: &str, how: How, keys: Vec<KeyChange>) {
        self.news.tell(|| {
            let change = Change { what: "webhook".to_owned(), name: name.to_owned(), how, keys, needs_restart: false };
            let at = self.clock.now();
            News::Config(TakeOver { at, source: ChangedBy::Api, changes: vec![change], refused: None })
        });
    }

    /// What `changes` make of a webhook's definition, key by key.
    pub(super) fn key_changes(&self, definition: &Value, changes: &Map<String, Value>) -> Vec<KeyChange> {
        let said = |key: &str, value: &Value| match value {
            Value::Null => None,
            _ if SECRET_KEYS.contains(&key) => Some(BLANK.to_owned()),
            Value::String(text) => Some(self.blanked(text)),
            other => Some(self.blanked(&other.to_string())),
        };
        let differs = changes.iter().filter(|(key, value)| definition[key.as_str()] != **value);
        differs
            .map(|(key, value)| {
                let (from, to) = (said(key, &definition[key.as_str()]), said(key, value));
                let to = if from == to { to.map(|to| format!("{to} (changed)")) } else { to };
                KeyChange { key: key.clone(), from, to }
            })
            .collect()
    }
}
