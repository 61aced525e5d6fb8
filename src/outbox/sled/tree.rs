//! sled's tree as the rest may hold it: dropped without a panic, and its errors in words.
//!
//! Called by the sled outbox only. Decides nothing: whether the store goes on is up to who asked.

use std::any::Any;
use std::io;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An open tree.
#[derive(Debug)]
pub(super) struct Tree(Option<sled::Db>);

impl Tree {
    pub(super) fn new(db: sled::Db) -> Self {
        Tree(Some(db))
    }
}

impl Deref for Tree {
    type Target = sled::Db;

    fn deref(&self) -> &sled::Db {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // On its way out sled tells the disk to keep all, and panics when the disk will not. What must be kept is in the
        // archive by then, so there is nothing to tell.
        let db = self.0.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
    }
}

/// What a panic said.
pub(super) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("without a word");
    match system_error(text) {
        Some(error) => error.to_string(),
        // What follows is the debug text of what it held: pages of rows, which nobody is shown.
        None => {
            format!("the store gave up: {}", text.split([':', '(', '[', '{']).next().unwrap_or_default().trim_end())
        }
    }
}

/// What sled's error says. It keeps an error of the system as the debug text of that, and damage as its own variables.
pub(super) fn plain(error: &sled::Error) -> String {
    match error {
        sled::Error::Io(error) => plain_io(error).to_string(),
        sled::Error::Corruption { .. } => "its tree holds what cannot be read".to_owned(),
        // Its advice on versions and exports is for whoever embeds sled.
        sled::Error::Unsupported(_) => "what its tree says of its own format does not hold".to_owned(),
        other => other.to_string(),
    }
}

/// The system's error in an error of sled's.
pub(super) fn plain_io(error: &io::Error) -> io::Error {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => system_error(&text).unwrap_or_else(|| io::Error::new(error.kind(), text)),
    }
}

/// The error of the system whose debug text is part of `text`.
pub(super) fn system_error(text: &str) -> Option<io::Error> {
    let (_, rest) = text.split_once("Os { code: ")?;
    rest.split_once(',')?.0.parse().ok().map(io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_told_in_its_words_however_often_sled_passed_them_on() {
        let full = io::Error::from_raw_os_error(28);
        let passed_on = sled::Error::Io(full).clone().clone();
        let words = io::Error::from_raw_os_error(28).to_string();
        assert_ne!(passed_on.to_string(), words);
        assert_eq!(plain(&passed_on), words);
        let unwrapped = io::Error::from_raw_os_error(28);
        let panic = format!("called `Result::unwrap()` on an `Err` value: {unwrapped:?}");
        assert_eq!(said(&panic), words);
        assert_eq!(said(&"no such page"), "the store gave up: no such page");
        assert_eq!(said(&"no Node: Node { rows: [1, 2] }"), "the store gave up: no Node");
        assert_eq!(plain_io(&io::Error::other("another")).to_string(), "another");
    }
}
