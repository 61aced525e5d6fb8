//! HTTP, as a server: the control API and health, the built-in receiver, and the loop that serves them.

pub mod api;
pub mod inbox;
pub mod misbehave;
pub mod problem;
pub mod qoreid;
pub mod serve;
mod watched;
