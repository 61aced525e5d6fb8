//! Feeds `tests/it/fuzzed/api.rs`, which says what has to hold.

#![no_main]

#[path = "../../tests/it/fuzzed/api.rs"]
mod api;

libfuzzer_sys::fuzz_target!(|data: &[u8]| api::hold(data));
