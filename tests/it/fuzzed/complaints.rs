//! What a refused document's complaints have to be like, for every target that reads a document.

use understudy::reader::complaint::{Complaints, Style};

/// A secret that stands in the environment only: whatever is shown, it is not.
pub(crate) const CANARY: &str = "canary-5d41402abc4b2a76";

/// Answers for the variables that `env:NAME` names; nothing overrides a key.
pub(crate) fn env(name: &str) -> Option<String> {
    (!name.starts_with("UNDERSTUDY_")).then(|| CANARY.to_owned())
}

/// Something is said, each thing at a place that the document has, and no secret with it.
pub(crate) fn hold(text: &str, complaints: &Complaints) {
    assert!(!complaints.list().is_empty(), "refused without a word");
    for complaint in complaints.list() {
        assert!(!complaint.message.is_empty() && complaint.help.as_deref() != Some(""), "{complaint:?}");
        assert_eq!(complaint.span.is_some(), complaints.place(complaint).is_some(), "{complaint:?}");
        let Some(span) = &complaint.span else { continue };
        assert!(span.start <= span.end && span.end <= text.len(), "{complaint:?} is about nothing");
        assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{complaint:?} cuts a character");
        let (line, column) = complaints.place(complaint).expect("a span has a place");
        let there = text.split('\n').nth(line - 1).unwrap_or_else(|| panic!("{complaint:?} at line {line}"));
        assert!((1..=there.chars().count() + 1).contains(&column), "{complaint:?} at {line}:{column} of {there:?}");
    }
    let lines = complaints.lines();
    assert!(lines.lines().count() >= complaints.list().len(), "each is on a line of its own: {lines}");
    let drawn = complaints.drawn(Style::Plain);
    assert!(!drawn.trim().is_empty(), "nothing was drawn of {lines}");
    if !text.contains(CANARY) {
        assert!(!lines.contains(CANARY) && !drawn.contains(CANARY), "X1: {lines}{drawn}");
    }
}

/// The same document as another writer of TOML would put it; `None` where it has no such form.
pub(crate) fn rewritten(text: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(text).ok()?;
    toml::to_string(&table).ok()
}
