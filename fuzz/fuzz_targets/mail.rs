//! Feeds `tests/it/fuzzed/mail.rs`, which says what has to hold.

#![no_main]

#[path = "../../tests/it/fuzzed/mail.rs"]
mod mail;

libfuzzer_sys::fuzz_target!(|data: &[u8]| mail::hold(data));
