//! What we owe, to whom, and how a try ended: pure.
//!
//! A [`Message`] is an event made bytes once, under its event id. A [`Delivery`] owes it to one endpoint. Each try
//! is an [`Attempt`] with an [`Outcome`], which [`RetryPolicy`] turns into a [`Verdict`].

pub mod endpoint;
pub mod notice;
pub mod outcome;
pub mod plan;
pub mod retry;

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{DeliveryId, EventId, JourneyId, MailId};
use crate::provider::{DeadlineKind, Environment};

pub use endpoint::{Auth, Endpoint, RateLimit, Reach, SmtpSecurity, SmtpTarget, is_of_the_request};
pub use outcome::{ErrorClass, HeadersSeen, Outcome, Phases, RequestSeen, ResponseSeen};
pub use retry::{RetryPolicy, Success, Verdict};

/// A type of event as its provider spells it. The providers' own are ours to borrow: they are copied for each message,
/// delivery and claim.
pub type EventType = Cow<'static, str>;

/// An event made bytes, once: what every attempt sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The receiver's key for telling duplicates.
    pub event_id: EventId,
    /// The type as the provider spells it.
    pub event_type: EventType,
    /// The journey it belongs to; `None` for one sent by hand.
    pub journey_id: Option<JourneyId>,
    /// The journey's how-manieth event, from 1; 0 for one sent by hand.
    pub sequence: u64,
    /// Where it belongs.
    pub environment: Environment,
    /// When it came to be, in provider time.
    pub created_at: Timestamp,
    /// The exact body.
    pub body: Bytes,
    /// The same event in other dialects, for endpoints that asked for them.
    pub forms: Vec<Form>,
}

/// A message in another dialect than the server's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// The type as that dialect spells it.
    pub event_type: EventType,
    /// The exact body.
    pub body: Bytes,
}

impl Message {
    /// The message in form `form`: 0 is its own, n the n-th of `forms`. Knows no other forms any more. A form that
    /// does not exist is its own.
    #[must_use]
    pub fn in_form(&self, form: u8) -> Message {
        let (event_type, body) = match usize::from(form).checked_sub(1).and_then(|n| self.forms.get(n)) {
            Some(form) => (form.event_type.clone(), form.body.clone()),
            None => (self.event_type.clone(), self.body.clone()),
        };
        Message { event_type, body, forms: Vec::new(), ..*self }
    }
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Has a due time and waits for it, or for room.
    Waiting,
    /// An attempt is under way.
    InFlight,
    /// The receiver said yes. Never changes again.
    Delivered,
    /// All attempts failed. Never changes again.
    Exhausted,
    /// Called off through the API. Never changes again.
    Cancelled,
}

impl DeliveryState {
    /// All of them, in the order of a delivery's life.
    pub const ALL: [DeliveryState; 5] = [
        DeliveryState::Waiting,
        DeliveryState::InFlight,
        DeliveryState::Delivered,
        DeliveryState::Exhausted,
        DeliveryState::Cancelled,
    ];

    /// The state's word.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::InFlight => "in_flight",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Exhausted => "exhausted",
            DeliveryState::Cancelled => "cancelled",
        }
    }

    /// Whether it can never change again.
    pub fn is_terminal(self) -> bool {
        !matches!(self, DeliveryState::Waiting | DeliveryState::InFlight)
    }
}

/// A message owed to one endpoint, as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its number.
    pub id: DeliveryId,
    /// What is owed.
    pub event_id: EventId,
    /// The type of what is owed.
    pub event_type: EventType,
    /// The journey it is about.
    pub journey_id: Option<JourneyId>,
    /// To whom: the endpoint's name.
    pub webhook: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts that ended.
    pub attempts: u32,
    /// When the next attempt is due, or when the last one was.
    pub due_at: Timestamp,
    /// The delivery that this one repeats.
    pub resend_of: Option<DeliveryId>,
    /// The message's form that is sent; see [`Message::in_form`].
    pub form: u8,
}

/// One try, as it is kept: everything that came from outside has its secrets blanked already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub n: u32,
    /// In provider time.
    pub started_at: Timestamp,
    /// In provider time.
    pub finished_at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
}

/// Where a mail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// Waits for its next attempt.
    Waiting,
    /// Is being sent.
    InFlight,
    /// An SMTP server took it.
    Sent,
    /// No SMTP server would; never retried again, never begets a mail.
    Failed,
    /// No SMTP server is configured: kept to be looked at.
    Kept,
}

impl MailState {
    /// The state's word.
    pub fn as_str(self) -> &'static str {
        match self {
            MailState::Waiting => "waiting",
            MailState::InFlight => "in_flight",
            MailState::Sent => "sent",
            MailState::Failed => "failed",
            MailState::Kept => "kept",
        }
    }
}

/// An error mail to one contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// Its number.
    pub id: MailId,
    /// The endpoint it is about.
    pub webhook: String,
    /// The contact.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The exhausted deliveries that it names.
    pub deliveries: Vec<DeliveryId>,
    /// The same in every attempt, so that mail servers and people can tell a repetition.
    pub message_id: String,
    /// When it was composed.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: MailState,
    /// Attempts that ended.
    pub attempts: u32,
    /// The last error, without secrets.
    pub error: Option<String>,
}

/// A deadline of a journey that fell due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueDeadline {
    /// Whose.
    pub journey: JourneyId,
    /// What happens.
    pub kind: DeadlineKind,
}
