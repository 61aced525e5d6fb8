//! Feeds `tests/it/fuzzed/config.rs`, which says what has to hold.

#![no_main]

#[path = "../../tests/it/fuzzed/complaints.rs"]
mod complaints;
#[path = "../../tests/it/fuzzed/config.rs"]
mod config;

libfuzzer_sys::fuzz_target!(|data: &[u8]| config::hold(data));
