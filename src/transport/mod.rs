//! The outside world: HTTP deliveries, the rules where they may go, and error mails.
//!
//! The delivery shell sends through [`Transport`] and [`MailTransport`] and never learns what is behind them; the
//! simulator puts a scripted network there. Nothing in here knows of the outbox, decides about retries or reads the
//! provider's clock: spans and deadlines of the real world are real time.

mod answer;
pub mod failure;
pub mod http;
mod http1;
pub mod mail;
mod prepared;
pub mod reach;
pub mod request;
mod resolve;
mod secure;

#[cfg(test)]
mod peer;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use crate::clock::BoxFuture;
use crate::message::{Endpoint, Mail, Message, Outcome};

pub use http::{HttpSettings, HttpTransport};
pub use mail::{MailError, MailSettings, Mailer};

/// The seam through which an attempt leaves this process.
pub trait Transport: Send + Sync + Debug {
    /// Sends `message` to `endpoint` once and says what came of it: whatever happens is an [`Outcome`], never an
    /// error.
    ///
    /// At completion, which is at most [`Endpoint::timeout`] later in real time, a status in the outcome means that
    /// a final status head came for this very request; without one the receiver may or may not have seen it. The
    /// request goes out at most once: no attempt is repeated from inside.
    ///
    /// If the future is dropped before completion, or the process dies, the receiver may or may not have seen the
    /// request, in whole or in part. A connection that it was using is closed and not used again.
    fn send<'a>(&'a self, endpoint: &'a Endpoint, message: &'a Message) -> BoxFuture<'a, Outcome>;
}

/// The seam through which an error mail leaves this process.
pub trait MailTransport: Send + Sync + Debug {
    /// Whether there is a server to send to; without one, mails are to be kept.
    fn is_configured(&self) -> bool;

    /// The sender's domain: where Message-IDs say they come from.
    fn domain(&self) -> &str;

    /// Sends `mail` once. At completion with `Ok` the server has taken responsibility for it.
    ///
    /// # Errors
    /// [`MailError`]. After one that is temporary the server may still have taken the mail, where the connection
    /// broke behind the final dot: the next attempt carries the same Message-ID. The same holds when the future is
    /// dropped, or the process dies.
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>>;
}
