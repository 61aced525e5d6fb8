//! The integration tests, as one binary: it links once, and `cargo test --test it house` picks a part.
//!
//! Everything here is black-box: the real binary, port 0, scripted receivers. Nothing sleeps for a fixed time.

mod crash;
mod house;
mod qoreid;
mod qoreid_customer;
mod qoreid_signature;
mod support;
