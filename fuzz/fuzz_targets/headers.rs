//! Feeds `tests/it/fuzzed/headers.rs`, which says what has to hold.

#![no_main]

#[path = "../../tests/it/fuzzed/headers.rs"]
mod headers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| headers::hold(data));
