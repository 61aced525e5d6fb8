//! What is written: one stimulus's consequences, and what came of leased rows.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Lease;
use crate::clock::Timestamp;
use crate::ids::DeliveryId;
use crate::message::{Attempt, Message, Verdict};
use crate::provider::Journey;

/// What one stimulus changes, written as one.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The journey as it is then. Its `deadlines` replace those that were stored: rows are added and removed to match.
    pub journey: Arc<Journey>,
    /// The stored version that this was decided on; `None` for a new journey.
    pub expected_version: Option<u64>,
    /// What followed, in order.
    pub messages: Vec<NewMessage>,
    /// Makes the call idempotent.
    pub key: Option<NewKey>,
    /// The deadline whose falling due this is: its row goes in the same write.
    pub fired: Option<Lease>,
    /// A note that is kept in the same write.
    pub note: Option<Note>,
    /// The provider's instant of it.
    pub now: Timestamp,
}

/// A message and to whom it is owed.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The message.
    pub message: Message,
    /// One delivery each; empty when nobody subscribed.
    pub to: Vec<NewDelivery>,
}

/// A delivery to be made.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// The endpoint's name.
    pub webhook: Arc<str>,
    /// Not before.
    pub due_at: Timestamp,
    /// Not before the journey's earlier ones at this endpoint are terminal.
    pub ordered: bool,
    /// The message's form that is sent; see [`Message::in_form`].
    pub form: u8,
}

/// A caller's idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// The key, with the scope it is unique in.
    pub key: String,
    /// A digest of the request: the same key with another request is refused.
    pub request: [u8; 32],
    /// What was answered, to answer the same again.
    pub answer: Bytes,
}

/// Something small that is kept by name: how far a job is, say. Neither journey nor delivery, and never history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its name; what belongs together shares a beginning that ends with a slash.
    pub name: String,
    /// What it says; `None` takes it away.
    pub value: Option<Bytes>,
}

/// What a commit led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The new deliveries, in the order of `Commit::messages` and their `to`.
    pub deliveries: Vec<DeliveryId>,
}

/// A mail to be sent or kept.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMail {
    /// The contact.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The exhausted deliveries that it names.
    pub deliveries: Vec<DeliveryId>,
    /// The same in every attempt.
    pub message_id: String,
    /// `false`: no SMTP server is configured, the mail is kept to be looked at.
    pub send: bool,
}

/// What came of a mail's attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailVerdict {
    /// An SMTP server took it.
    Sent,
    /// Try again then.
    RetryAt(Timestamp, String),
    /// Given up.
    Failed(String),
}

/// How a claimed row ends, or goes on.
#[derive(Clone, Debug)]
pub enum Settlement {
    /// An attempt at a delivery ended.
    Attempt {
        /// The claim; it is given up.
        lease: Lease,
        /// What is kept of the attempt.
        attempt: Box<Attempt>,
        /// What it means.
        verdict: Verdict,
        /// When exhausted: the window of the digest that names it; `None` where nobody is to be told. The first
        /// exhaustion opens the digest, which is due a window later; later ones within it join.
        notice: Option<Duration>,
    },
    /// A digest was composed into mails.
    Digest {
        /// The claim; it is given up and the digest is gone.
        lease: Lease,
        /// One mail per contact.
        mails: Vec<NewMail>,
        /// The provider's instant of it: when the mails are first due.
        now: Timestamp,
    },
    /// An attempt at a mail ended.
    Mail {
        /// The claim; it is given up.
        lease: Lease,
        /// What came of it.
        verdict: MailVerdict,
    },
    /// A deadline that fell due no longer means anything: its row goes.
    Deadline {
        /// The claim; it is given up.
        lease: Lease,
    },
}

impl Settlement {
    /// The claim that it ends.
    pub fn lease(&self) -> Lease {
        match self {
            Settlement::Attempt { lease, .. }
            | Settlement::Digest { lease, .. }
            | Settlement::Mail { lease, .. }
            | Settlement::Deadline { lease } => *lease,
        }
    }
}
