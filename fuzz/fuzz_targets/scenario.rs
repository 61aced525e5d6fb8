//! Feeds `tests/it/fuzzed/scenario.rs`, which says what has to hold.

#![no_main]

#[path = "../../tests/it/fuzzed/complaints.rs"]
mod complaints;
#[path = "../../tests/it/fuzzed/scenario.rs"]
mod scenario;

libfuzzer_sys::fuzz_target!(|data: &[u8]| scenario::hold(data));
