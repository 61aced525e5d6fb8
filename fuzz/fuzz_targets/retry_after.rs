//! Feeds `tests/it/fuzzed/retry_after.rs`, which says what has to hold.

#![no_main]

#[path = "../../tests/it/fuzzed/retry_after.rs"]
mod retry_after;

libfuzzer_sys::fuzz_target!(|data: &[u8]| retry_after::hold(data));
