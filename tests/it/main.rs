//! The integration tests, as one binary: it links once, and `cargo test --test it house` picks a part.
//!
//! Everything here is black-box: the real binary, port 0, scripted receivers; and the simulator, which embeds the library
//! in a world of its own. Nothing sleeps for a fixed time.

mod api;
mod browser;
mod cli;
mod conformance;
mod crash;
mod customer;
mod dashboard;
mod explain;
mod fuzzed;
mod house;
mod idwise_api;
mod idwise_dialects;
mod load;
mod openapi;
mod qoreid;
mod qoreid_signature;
mod readme;
mod receivers;
mod replay;
mod retry;
mod schedule;
mod secrets;
mod sim;
mod support;
mod zoo;
