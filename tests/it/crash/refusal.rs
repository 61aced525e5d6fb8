//! A server that would not start, or gave up: what its last words must hold.

use crate::support::program::Ended;

/// Judged words.
pub(super) struct Refusal {
    /// The message without its numbers.
    pub(super) kind: String,
    /// What is wrong with it.
    pub(super) wrong: Vec<String>,
}

/// What says what to do.
const WAYS_OUT: [&str; 4] = ["--data-dir", "start again", "move it away", "restore a copy"];

/// What is no word for people.
const RAW: [&str; 6] =
    ["panicked", "RUST_BACKTRACE", "Os {", "Custom {", "unwrap()", "the outbox failed: the outbox failed"];

/// Judges a server that ended by itself, with its store at `store`.
pub(super) fn judge(ended: &Ended, store: &str) -> Refusal {
    let said = &ended.stderr;
    let error = said.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or_default();
    let mut wrong = Vec::new();
    if ended.code != 3 {
        wrong.push(format!("it ended with {}, not 3", ended.code));
    }
    let last: String = said.lines().skip_while(|line| !line.starts_with("error: ")).collect::<Vec<_>>().join("\n");
    if !last.contains(store) {
        wrong.push("its last words do not name the store".to_owned());
    }
    if !WAYS_OUT.iter().any(|way| last.contains(way)) {
        wrong.push("its last words show no way out".to_owned());
    }
    wrong.extend(RAW.iter().filter(|raw| said.contains(**raw)).map(|raw| format!("it says `{raw}`")));
    if !wrong.is_empty() {
        let said: Vec<&str> = said.lines().filter(|line| !line.contains(" INFO ")).collect();
        wrong = vec![format!("{}\n--- stderr\n{}", wrong.join("; "), said.join("\n"))];
    }
    Refusal { kind: kind(error, store), wrong }
}

fn kind(error: &str, store: &str) -> String {
    let plain = error.replace(store, "...");
    let mut kind = String::new();
    for c in plain.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if c != '#' || !kind.ends_with('#') {
            kind.push(c);
        }
    }
    kind.split(';').next().unwrap_or_default().chars().take(120).collect()
}
