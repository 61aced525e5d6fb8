//! What the integration tests share: the real server as a child process, scripted receivers, a tiny HTTP client.
//!
//! ```text
//!   test ── request ──> Server (the real binary) ── attempts ──> Sink (HTTP)
//!                            └──────── notices ───────────────> SmtpSink
//! ```
//!
//! All of it is blocking and on threads of its own, so that a test needs no runtime and nothing here shares code with
//! what it judges. Every port is 0, every wait has a deadline and ends with the arrival it waits for.

pub(crate) mod arrivals;
pub(crate) mod browser;
pub(crate) mod http;
pub(crate) mod listener;
pub(crate) mod program;
pub(crate) mod server;
pub(crate) mod sink;
pub(crate) mod smtp;
pub(crate) mod starved;
pub(crate) mod steps;
pub(crate) mod stream;
pub(crate) mod terminal;
mod tests;
pub(crate) mod tools;
pub(crate) mod transcript;
