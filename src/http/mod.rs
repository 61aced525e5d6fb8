//! What listens: the server loop and the built-in receiver.

pub mod serve;
mod watched;
