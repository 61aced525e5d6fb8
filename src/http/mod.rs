//! HTTP, as a server: the control API and health, the dashboard, the provider's own API, the built-in receiver, and the loop that serves them.

pub mod access;
pub mod api;
pub mod dashboard;
pub mod idwise;
pub mod inbox;
pub mod misbehave;
pub mod openapi;
pub mod problem;
pub mod qoreid;
pub mod serve;
mod watched;
