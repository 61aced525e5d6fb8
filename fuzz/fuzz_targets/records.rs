//! Feeds `tests/it/fuzzed/records.rs`, which says what has to hold.

#![no_main]

#[path = "../../tests/it/fuzzed/records.rs"]
mod records;

libfuzzer_sys::fuzz_target!(|data: &[u8]| records::hold(data));
