//! Stimuli: from a request to durable consequences.
//!
//! Stimuli to one journey are taken one after the other; of two that conflict one wins and the other is told what is
//! legal then. The outbox checks the version once more, for processes that share a store.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;

use crate::app::App;
use crate::app::scribe::Write;
use crate::clock::{Clock as _, Timestamp};
use crate::delivery::endpoints::Route;
use crate::ids::{EventId, JourneyId};
use crate::message::{Form, Message};
use crate::outbox::{Commit, DueDeadlineRow, NewDelivery, NewKey, NewMessage, Note, OutboxError};
use crate::provider::{
    self, Context, Deadline, DeadlineKind, Dialect, Environment, Event, Journey, Rejected, Rendered, StartError,
    Stimulus,
};
use crate::rng::Draw;

/// A journey to be started.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJourney {
    /// The flow's id.
    pub flow: String,
    /// The customer's id for the subject.
    pub reference_no: String,
    /// Where it belongs; the provider's default when absent.
    pub environment: Option<Environment>,
    /// What is done to it in the same breath; see [`provider::opening`].
    pub opening: Option<Stimulus>,
    /// When and as which it was planned; now, and as the next, when absent.
    pub planned: Option<Planned>,
}

/// A journey's place in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The instant.
    pub at: Timestamp,
    /// Its number in a store that holds this plan's journeys alone.
    pub number: u64,
}

/// Makes a call idempotent.
#[derive(Clone, Debug)]
pub struct Keyed {
    /// The caller's key, in the scope it is unique in.
    pub key: String,
    /// A digest of the request.
    pub request: [u8; 32],
    /// Renders the answer that a repetition gets.
    pub answer: fn(&Journey, &[Message]) -> Bytes,
}

/// An accepted stimulus and what followed, durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// When it arrived.
    pub at: Timestamp,
    /// The stimulus's word, and what it was done with: `submit_step 1`.
    pub stimulus: String,
    /// The journey as it is now.
    pub journey: Arc<Journey>,
    /// The events, in order.
    pub events: Vec<Message>,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was done now.
    Done(Box<Applied>),
    /// It was done before, under the same key: this was answered.
    Repeated(Bytes),
}

/// Why a call did nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// The journey's state does not allow it.
    #[error("{0}")]
    Rejected(Rejected),
    /// The provider would not start it.
    #[error("{0}")]
    Start(StartError),
    /// There is no such journey.
    #[error("there is no journey {0}")]
    NoJourney(String),
    /// There is no such flow.
    #[error("there is no flow {flow:?}; there {}", if known.is_empty() { "are none".to_owned() } else { format!("is {}", known.join(", ")) })]
    UnknownFlow {
        /// As it was asked for.
        flow: String,
        /// Those that exist.
        known: Vec<String>,
    },
    /// The deadline that fell due is not the journey's any more.
    #[error("the journey has gone on, and this deadline with it")]
    Overtaken,
    /// The outbox would not, or could not.
    #[error("{0}")]
    Outbox(OutboxError),
}

impl From<OutboxError> for AppError {
    fn from(error: OutboxError) -> Self {
        AppError::Outbox(error)
    }
}

/// What else there is to know of a stimulus.
#[derive(Debug, Default)]
pub struct Manner<'a> {
    /// Makes it idempotent.
    pub keyed: Option<Keyed>,
    /// Deadlines that a script speaks for itself: the flow's own are not set.
    pub scripted: &'a [DeadlineKind],
    /// The deadline whose falling due this is. One that the journey does not have any more does nothing.
    pub fired: Option<DueDeadlineRow>,
    /// A note that is kept with what follows.
    pub note: Option<Note>,
    /// The instant at which it was to happen, where that is not this one: what follows from it counts from there.
    pub at: Option<Timestamp>,
    /// The chance of it; by journey and version when absent.
    pub draw: Option<Draw>,
}

impl App {
    /// Starts a journey, and does its opening to it in the same write.
    ///
    /// # Errors
    /// [`AppError`]; nothing was created then.
    pub async fn start_journey(&self, new: NewJourney, keyed: Option<Keyed>) -> Result<Answer, AppError> {
        match self.answered(keyed.as_ref())? {
            Some(answer) => Ok(Answer::Repeated(answer)),
            None => self.open(new, keyed)?.await,
        }
    }

    /// The journey, under way to the disk.
    fn open(&self, new: NewJourney, keyed: Option<Keyed>) -> Result<impl Write + use<>, AppError> {
        let flow = self.flow(&new.flow)?;
        let now = new.planned.map_or_else(|| self.clock.now(), |planned| planned.at);
        let number = new.planned.map_or_else(|| self.outbox.next_journey_number(), |planned| planned.number);
        let environment = new.environment.unwrap_or(self.environment);
        let mut journey =
            provider::start(self.seed, number, &new.reference_no, environment, &flow, now).map_err(AppError::Start)?;
        let (mut stimulus, mut messages) = ("start".to_owned(), Vec::new());
        if let Some(opening) = new.opening {
            let mut draw = self.seed.draw(&[b"opening", &number.to_le_bytes()]);
            let mut cx = Context { now, flow: &flow, seed: self.seed, draw: &mut draw };
            let decided = provider::transition(&journey, &opening, &mut cx).map_err(AppError::Rejected)?;
            messages = self.messages(&decided.journey, 1, &decided.events, now);
            journey = Journey { version: 1, sequence: messages.len() as u64, ..decided.journey };
            stimulus = said(&opening);
        }
        let events: Vec<Message> = messages.iter().map(|new| new.message.clone()).collect();
        let journey = Arc::new(journey);
        let commit = Commit {
            key: keyed.map(|k| new_key(k, &journey, &events)),
            journey: journey.clone(),
            expected_version: None,
            messages,
            fired: None,
            note: None,
            now,
        };
        Ok(self.commit(None, stimulus, commit, journey, events))
    }

    /// Does something to a journey. When this returns `Ok`, all that follows from it is durable.
    ///
    /// # Errors
    /// [`AppError`]; nothing was changed then.
    pub async fn apply(&self, id: JourneyId, stimulus: &Stimulus, manner: Manner<'_>) -> Result<Answer, AppError> {
        let turn = self.turn(id).await;
        match self.answered(manner.keyed.as_ref())? {
            Some(answer) => Ok(Answer::Repeated(answer)),
            None => self.take(turn, id, stimulus, manner)?.await,
        }
    }

    /// What follows from a stimulus, under way to the disk.
    fn take(
        &self,
        turn: OwnedMutexGuard<()>,
        id: JourneyId,
        stimulus: &Stimulus,
        manner: Manner<'_>,
    ) -> Result<impl Write + use<>, AppError> {
        let journey = self.outbox.journey(id)?.ok_or_else(|| AppError::NoJourney(id.to_string()))?;
        if let Some(row) = manner.fired
            && !journey.deadlines.contains(&Deadline { kind: row.deadline.kind, due: row.due_at })
        {
            return Err(AppError::Overtaken);
        }
        let flow = self.flow(&journey.flow)?;
        let now = manner.at.unwrap_or_else(|| self.clock.now());
        let mut draw = manner.draw.unwrap_or_else(|| {
            self.seed.draw(&[b"stimulus", &journey.number.to_le_bytes(), &journey.version.to_le_bytes()])
        });
        let mut cx = Context { now, flow: &flow, seed: self.seed, draw: &mut draw };
        let mut decided = provider::transition(&journey, stimulus, &mut cx).map_err(AppError::Rejected)?;
        decided.journey.deadlines.retain(|deadline| !manner.scripted.contains(&deadline.kind));
        let messages = self.messages(&decided.journey, journey.sequence + 1, &decided.events, now);
        decided.journey.sequence = journey.sequence + messages.len() as u64;
        let events: Vec<Message> = messages.iter().map(|new| new.message.clone()).collect();
        let after = Arc::new(decided.journey);
        let commit = Commit {
            key: manner.keyed.map(|k| new_key(k, &after, &events)),
            journey: after.clone(),
            expected_version: Some(journey.version),
            messages,
            fired: manner.fired.map(|row| row.lease),
            note: manner.note,
            now,
        };
        Ok(self.commit(Some(turn), said(stimulus), commit, after, events))
    }

    /// Waits until nobody else works on the journey.
    pub(super) async fn turn(&self, id: JourneyId) -> OwnedMutexGuard<()> {
        let lock = &self.locks[usize::from(id.0[0]) | usize::from(id.0[1] & 3) << 8];
        lock.clone().lock_owned().await
    }

    /// The same key and the same request: the same answer. The same key and another request: refused.
    fn answered(&self, keyed: Option<&Keyed>) -> Result<Option<Bytes>, AppError> {
        let Some(keyed) = keyed else { return Ok(None) };
        match self.outbox.key(&keyed.key)? {
            None => Ok(None),
            Some(known) if known.request == keyed.request => Ok(Some(known.answer)),
            Some(_) => Err(AppError::Outbox(OutboxError::KeyReused { key: keyed.key.clone() })),
        }
    }

    /// Renders each event once per dialect that is spoken, and addresses it to the endpoints that want it. An event that
    /// no dialect spoken here knows is none: it gets no number.
    fn messages(&self, journey: &Journey, first: u64, events: &[Event], now: Timestamp) -> Vec<NewMessage> {
        let mut messages = Vec::with_capacity(events.len());
        for event in events {
            messages.extend(self.message(journey, event, first + messages.len() as u64, now));
        }
        messages
    }

    fn message(&self, journey: &Journey, event: &Event, sequence: u64, now: Timestamp) -> Option<NewMessage> {
        let spoken_here = self.endpoints.spoken();
        let others = spoken_here.iter().copied().filter(|dialect| *dialect != self.dialect);
        let mut dialects =
            std::iter::once(self.dialect).chain(others).filter(|d| provider::may_tell(event, *d)).peekable();
        // Before there is an id for it: there are many of these.
        dialects.peek()?;
        let event_id = EventId::mint(self.seed, journey.id, sequence);
        let spoken: Vec<(Dialect, Rendered)> =
            dialects.filter_map(|d| Some((d, provider::render(event, event_id, journey, d)?))).collect();
        let mut to = Vec::new();
        for (form, (dialect, rendered)) in spoken.iter().enumerate() {
            let routes = self.endpoints.wanting(*dialect, journey.environment, rendered.event_type);
            let owed = |Route { webhook, ordered }: &Route| NewDelivery {
                webhook: webhook.clone(),
                due_at: now,
                ordered: *ordered,
                form: form as u8,
            };
            to.extend(routes.iter().map(owed));
        }
        // By name, whatever dialect they speak.
        to.sort_by(|a, b| a.webhook.cmp(&b.webhook));
        let mut forms = spoken
            .into_iter()
            .map(|(_, rendered)| Form { event_type: rendered.event_type.into(), body: rendered.body.into() });
        let own = forms.next()?;
        let message = Message {
            event_id,
            event_type: own.event_type,
            journey_id: Some(journey.id),
            sequence,
            environment: journey.environment,
            created_at: now,
            body: own.body,
            forms: forms.collect(),
        };
        Some(NewMessage { message, to })
    }
}

fn new_key(keyed: Keyed, journey: &Journey, events: &[Message]) -> NewKey {
    NewKey { answer: (keyed.answer)(journey, events), key: keyed.key, request: keyed.request }
}

/// A stimulus as people say it: `submit_step 1`.
fn said(stimulus: &Stimulus) -> String {
    match stimulus.object() {
        Some(object) => [stimulus.name(), " ", &object].concat(),
        None => stimulus.name().to_owned(),
    }
}
