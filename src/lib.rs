//! understudy: the stand-in that plays an identity-verification provider.
//!
//! # The life of one stimulus
//! 1. A stimulus arrives (API, scenario, a deadline) at the application.
//! 2. [`provider::transition`] decides: new state, events, deadlines, or a refusal.
//! 3. Each event is rendered once; one delivery is made per subscribed endpoint.
//! 4. [`outbox::Outbox::commit`] writes all of it as one. When it is durable, and not before, the caller is answered.
//! 5. The delivery engine leases what a lane has room for and sends it.
//! 6. The outcome is read by the endpoint's retry policy, and attempt and verdict are settled as one.

pub mod app;
pub mod chance;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod delivery;
mod embed;
pub mod http;
pub mod ids;
pub mod load;
pub mod message;
pub mod outbox;
pub mod play;
pub mod portal;
pub mod provider;
pub mod reader;
pub mod report;
pub mod rng;
pub mod scenario;
pub mod schedule;
pub mod secret;
pub mod stage;
pub mod transport;

pub use embed::{Builder, EmbedError, Understudy};
