//! What happens, as it happens, for whoever listens: the source of the API's stream.
//!
//! ```text
//!   app, attempts ── tell (only while anybody listens) ──> ring of the last news ──> listeners, each at its own pace
//! ```
//!
//! Nobody here waits for a listener: one that falls behind by more than the ring holds is told how much it missed. While
//! nobody listens, telling costs one atomic read, and nothing is made to be told. News are told once what they say is
//! durable; they are no record, and whoever needs one asks the outbox.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::clock::{ClockMode, Timestamp};
use crate::ids::{DeliveryId, EventId, JourneyId};
use crate::message::{Delivery, DeliveryState, ErrorClass, EventType, Mail, Message, Verdict};
use crate::portal::changes::Change;
use crate::provider::Journey;

/// So many news are kept for listeners that are behind: a second of a busy server, and a few megabytes at most, as an
/// event is a few kilobytes.
pub const KEPT: usize = 1_024;

/// At most so many listen at once: a page has one, and each costs a connection.
pub const LISTENERS: usize = 64;

/// What a piece of news is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NewsKind {
    /// A journey was started, or something was done to it.
    Journey,
    /// A journey emitted an event.
    Event,
    /// A delivery was made, or called off. How its attempts end is told by those.
    Delivery,
    /// An attempt at a webhook ended.
    Attempt,
    /// An error mail was composed, or an attempt at it ended.
    Mail,
    /// The clock was moved, or runs otherwise.
    Clock,
    /// A configuration was taken over or refused, or a webhook was changed through the API.
    Config,
}

impl NewsKind {
    /// All of them.
    pub const ALL: [NewsKind; 7] = [
        NewsKind::Journey,
        NewsKind::Event,
        NewsKind::Delivery,
        NewsKind::Attempt,
        NewsKind::Mail,
        NewsKind::Clock,
        NewsKind::Config,
    ];

    /// The kind's word: `journey`.
    pub fn as_str(self) -> &'static str {
        match self {
            NewsKind::Journey => "journey",
            NewsKind::Event => "event",
            NewsKind::Delivery => "delivery",
            NewsKind::Attempt => "attempt",
            NewsKind::Mail => "mail",
            NewsKind::Clock => "clock",
            NewsKind::Config => "config",
        }
    }
}

/// A piece of news.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// See [`NewsKind::Journey`].
    Journey {
        /// What was done to it: `submit_step 1`.
        stimulus: String,
        /// As it is now.
        journey: Box<Journey>,
    },
    /// See [`NewsKind::Event`].
    Event(Box<Message>),
    /// See [`NewsKind::Delivery`].
    Delivery(Delivery),
    /// See [`NewsKind::Attempt`].
    Attempt(Box<AttemptEnded>),
    /// See [`NewsKind::Mail`].
    Mail(Box<Mail>),
    /// See [`NewsKind::Clock`].
    Clock(ClockSeen),
    /// See [`NewsKind::Config`].
    Config(TakeOver),
}

/// An attempt that ended, settled.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptEnded {
    /// Of which delivery.
    pub delivery_id: DeliveryId,
    /// Of what.
    pub event_id: EventId,
    /// Its type, as this endpoint is told it.
    pub event_type: EventType,
    /// About whom.
    pub journey_id: Option<JourneyId>,
    /// To whom.
    pub webhook: String,
    /// From 1.
    pub n: u32,
    /// The status that came, if one did.
    pub status: Option<u16>,
    /// Why it failed, where it did.
    pub error: Option<ErrorClass>,
    /// In a line, without secrets.
    pub detail: Option<String>,
    /// What it meant.
    pub verdict: Verdict,
    /// In provider time.
    pub started_at: Timestamp,
    /// In provider time.
    pub finished_at: Timestamp,
    /// How long it took, in real microseconds.
    pub took_us: u64,
}

impl AttemptEnded {
    /// Where the delivery stands after it.
    pub fn state(&self) -> DeliveryState {
        match self.verdict {
            Verdict::Delivered => DeliveryState::Delivered,
            Verdict::RetryAt(_) => DeliveryState::Waiting,
            Verdict::Exhausted => DeliveryState::Exhausted,
        }
    }
}

/// How the clock stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockSeen {
    /// The instant.
    pub now: Timestamp,
    /// How it runs.
    pub mode: ClockMode,
    /// When something is next due, if anything is.
    pub next_due: Option<Timestamp>,
}

/// What came of a change of the configuration, or of a webhook through the API.
#[derive(Clone, Debug, PartialEq)]
pub struct TakeOver {
    /// When what holds now was taken over, in provider time.
    pub at: Timestamp,
    /// Who changed it.
    pub source: ChangedBy,
    /// What it changed; nothing at the start.
    pub changes: Vec<Change>,
    /// When the file was refused since, and why: what was taken over before still holds.
    pub refused: Option<(Timestamp, String)>,
}

/// Who changed the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedBy {
    /// The file was saved, or SIGHUP came.
    File,
    /// A caller of the API.
    Api,
}

impl ChangedBy {
    /// Its word: `file` or `api`.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangedBy::File => "file",
            ChangedBy::Api => "api",
        }
    }
}

impl News {
    /// What it is about.
    pub fn kind(&self) -> NewsKind {
        match self {
            News::Journey { .. } => NewsKind::Journey,
            News::Event(_) => NewsKind::Event,
            News::Delivery(_) => NewsKind::Delivery,
            News::Attempt(_) => NewsKind::Attempt,
            News::Mail(_) => NewsKind::Mail,
            News::Clock(_) => NewsKind::Clock,
            News::Config(_) => NewsKind::Config,
        }
    }

    /// The journey it is about, if it is about one.
    pub fn journey(&self) -> Option<JourneyId> {
        match self {
            News::Journey { journey, .. } => Some(journey.id),
            News::Event(message) => message.journey_id,
            News::Delivery(delivery) => delivery.journey_id,
            News::Attempt(attempt) => attempt.journey_id,
            News::Mail(_) | News::Clock(_) | News::Config(_) => None,
        }
    }

    /// The webhook it is about, if it is about one.
    pub fn webhook(&self) -> Option<&str> {
        match self {
            News::Delivery(delivery) => Some(&delivery.webhook),
            News::Attempt(attempt) => Some(&attempt.webhook),
            News::Mail(mail) => Some(&mail.webhook),
            News::Journey { .. } | News::Event(_) | News::Clock(_) | News::Config(_) => None,
        }
    }
}

/// A piece of news with its number, and with its text once a listener has rendered it for all.
#[derive(Debug)]
pub struct Told {
    /// Counts what was told, from 1; what happened while nobody listened has no number.
    pub number: u64,
    /// What it says.
    pub news: News,
    text: OnceLock<Bytes>,
}

impl Told {
    /// Its text as `render` makes it; made once, whoever asks.
    pub fn text(&self, render: impl FnOnce(&News) -> Bytes) -> &Bytes {
        self.text.get_or_init(|| render(&self.news))
    }
}

/// Where news are told and heard. See the module.
#[derive(Clone, Debug)]
pub struct Newsroom(Arc<Room>);

#[derive(Debug)]
struct Room {
    listeners: AtomicUsize,
    /// The number of the last one. Held while it is told, so that numbers come in order.
    last: Mutex<u64>,
    ring: broadcast::Sender<Arc<Told>>,
}

impl Default for Newsroom {
    fn default() -> Self {
        let ring = broadcast::Sender::new(KEPT);
        Newsroom(Arc::new(Room { listeners: AtomicUsize::new(0), last: Mutex::new(0), ring }))
    }
}

impl Newsroom {
    /// Whether anybody listens. One atomic read.
    pub fn is_heard(&self) -> bool {
        self.0.listeners.load(Ordering::Relaxed) > 0
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.0.listeners.load(Ordering::Relaxed)
    }

    /// Tells `news` to whoever listens; it is not even made while nobody does. Never waits for a listener.
    pub fn tell(&self, news: impl FnOnce() -> News) {
        if !self.is_heard() {
            return;
        }
        let news = news();
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        // Whoever listened may be gone by now.
        let _ = self.0.ring.send(Arc::new(Told { number: *last, news, text: OnceLock::new() }));
    }

    /// Listens from now on; `None` when [`LISTENERS`] do already.
    pub fn listen(&self) -> Option<Listener> {
        let room = |count: usize| (count < LISTENERS).then_some(count + 1);
        self.0.listeners.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        Some(Listener { room: self.0.clone(), heard: self.0.ring.subscribe() })
    }
}

/// Hears what is told from its making on.
#[derive(Debug)]
pub struct Listener {
    room: Arc<Room>,
    heard: broadcast::Receiver<Arc<Told>>,
}

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The next piece of news.
    Told(Arc<Told>),
    /// It was too slow: so many news are gone.
    Missed(u64),
}

impl Listener {
    /// Waits for the next piece of news. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Heard {
        match self.heard.recv().await {
            Ok(told) => Heard::Told(told),
            Err(RecvError::Lagged(count)) => Heard::Missed(count),
            // INVARIANT: the listener holds the room, and with it the sender.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.room.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(micros: i64) -> News {
        News::Clock(ClockSeen { now: Timestamp::from_micros(micros), mode: ClockMode::Manual, next_due: None })
    }

    #[tokio::test]
    async fn nothing_is_made_while_nobody_listens_and_all_hear_the_same() {
        let room = Newsroom::default();
        room.tell(|| panic!("made for nobody"));
        let (mut one, mut other) = (room.listen().expect("room"), room.listen().expect("room"));
        room.tell(|| clock(1));
        room.tell(|| clock(2));
        for listener in [&mut one, &mut other] {
            for n in [1, 2] {
                let Heard::Told(told) = listener.next().await else { panic!("nothing was missed") };
                assert_eq!((told.number, &told.news), (n, &clock(n as i64)));
            }
        }
        drop((one, other));
        room.tell(|| panic!("they have gone"));
    }

    #[tokio::test]
    async fn whoever_falls_behind_is_told_how_far_and_holds_up_nobody() {
        let room = Newsroom::default();
        let mut slow = room.listen().expect("room");
        for n in 0..KEPT as i64 + 10 {
            room.tell(|| clock(n));
        }
        let Heard::Missed(missed) = slow.next().await else { panic!("it was behind") };
        let Heard::Told(next) = slow.next().await else { panic!("the rest is there") };
        assert_eq!((missed, next.number), (10, 11));
    }

    #[tokio::test]
    async fn a_text_is_made_once() {
        let room = Newsroom::default();
        let (mut one, mut other) = (room.listen().expect("room"), room.listen().expect("room"));
        room.tell(|| clock(1));
        let (Heard::Told(one), Heard::Told(other)) = (one.next().await, other.next().await) else { panic!("told") };
        assert_eq!(one.text(|_| Bytes::from_static(b"first")), "first");
        assert_eq!(other.text(|_| panic!("it has been made")), "first");
    }

    #[test]
    fn there_is_room_for_so_many_and_room_is_given_back() {
        let room = Newsroom::default();
        let mut all: Vec<Listener> = (0..LISTENERS).map(|_| room.listen().expect("room")).collect();
        assert!(room.listen().is_none());
        all.pop();
        assert!(room.listen().is_some());
    }
}
