//! What listens: the server loop and the built-in receiver.

pub mod inbox;
pub mod misbehave;
pub mod serve;
mod watched;
