//! The fuzzer's corpora, replayed: each file of `fuzz/corpus/<target>` through the very code that the fuzzer runs.
//!
//! The targets lie here and `fuzz/fuzz_targets` borrows them, so that what was found once is asked for in every
//! `cargo test`. `fuzz/README.md` says how to look for more.

mod api;
mod complaints;
mod config;
mod headers;
mod mail;
mod records;
mod retry_after;
mod scenario;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// All corpora together stay small enough to be read on every run.
const FILES_MAX: usize = 300;
const BYTES_MAX: usize = 1_000_000;

fn replay(target: &str, hold: fn(&[u8])) {
    let inputs = corpus(target);
    assert!(!inputs.is_empty(), "fuzz/corpus/{target} is empty: nothing was replayed");
    let fails = |(_, input): &&(String, Vec<u8>)| catch_unwind(AssertUnwindSafe(|| hold(input))).is_err();
    let failed: Vec<&str> = inputs.iter().filter(fails).map(|(name, _)| name.as_str()).collect();
    assert!(failed.is_empty(), "of fuzz/corpus/{target}, these do not hold (each said above why): {failed:?}");
}

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("fuzz/corpus/{target}: {error}"));
    let mut inputs: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.expect("a directory that opens can be listed"))
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a corpus has files only"))
        })
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn config_texts_hold() {
    replay("config", config::hold);
}

#[test]
fn scenario_texts_hold() {
    replay("scenario", scenario::hold);
}

#[test]
fn api_bodies_hold() {
    replay("api", api::hold);
}

#[test]
fn stored_records_hold() {
    replay("records", records::hold);
}

#[test]
fn retry_after_holds() {
    replay("retry_after", retry_after::hold);
}

#[test]
fn headers_hold() {
    replay("headers", headers::hold);
}

#[test]
fn mails_hold() {
    replay("mail", mail::hold);
}

#[test]
fn corpora_stay_small() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let targets = fs::read_dir(dir).expect("fuzz/corpus").map(|entry| entry.expect("an entry").file_name());
    let all: Vec<_> = targets.flat_map(|target| corpus(&target.to_string_lossy())).collect();
    let bytes: usize = all.iter().map(|(_, input)| input.len()).sum();
    assert!(all.len() <= FILES_MAX && bytes <= BYTES_MAX, "{} files of {bytes} bytes: minimise them", all.len());
}
