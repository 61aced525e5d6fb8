//! What the rounds of a command came to: the line that it prints, and what did not hold.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use understudy::clock::Stopwatch;

use super::audit::Found;
use super::refusal::Refusal;

/// Filled round by round, and said at the end.
pub(super) struct Sum {
    what: String,
    rounds: u64,
    found: Found,
    notes: BTreeMap<String, u64>,
    refusals: BTreeMap<String, u64>,
    slowest: Option<Duration>,
    wrong: Vec<String>,
    took: Stopwatch,
}

impl Sum {
    /// Of rounds that are called `what`.
    pub(super) fn of(what: &str) -> Sum {
        Sum {
            what: what.to_owned(),
            rounds: 0,
            found: Found::default(),
            notes: BTreeMap::new(),
            refusals: BTreeMap::new(),
            slowest: None,
            wrong: Vec::new(),
            took: Stopwatch::start(),
        }
    }

    /// One more round.
    pub(super) fn round(&mut self) {
        self.rounds += 1;
    }

    /// How many there were.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds
    }

    /// What an audit found in this round, which is called so.
    pub(super) fn add(&mut self, round: &str, mut found: Found) {
        found.wrong.drain(..).for_each(|wrong| self.wrong(round, wrong));
        self.found.add(&found);
    }

    /// As [`Sum::add`], of an audit that sees all that earlier ones saw: its figures take the place of theirs.
    pub(super) fn latest(&mut self, round: &str, found: Found) {
        self.found = Found::default();
        self.add(round, found);
    }

    /// A server that did not start, or ended, with this message.
    pub(super) fn refused(&mut self, round: &str, refusal: Refusal) {
        refusal.wrong.iter().for_each(|wrong| self.wrong(round, wrong));
        *self.refusals.entry(refusal.kind).or_default() += 1;
    }

    /// One more of something that is worth counting.
    pub(super) fn note(&mut self, what: &str) {
        *self.notes.entry(what.to_owned()).or_default() += 1;
    }

    /// A server ended so long after its store had failed.
    pub(super) fn ended_after(&mut self, span: Duration) {
        self.slowest = self.slowest.max(Some(span));
    }

    /// Something that must not be. Said at once: a long run need not be waited for.
    #[expect(clippy::print_stderr, reason = "what is wrong is for people")]
    pub(super) fn wrong(&mut self, round: &str, what: impl fmt::Display) {
        eprintln!("WRONG {round}: {what}");
        self.wrong.push(format!("{round}: {what}"));
    }

    /// Whether all held so far.
    pub(super) fn holds(&self) -> bool {
        self.wrong.is_empty()
    }

    /// Prints it, and panics where something did not hold.
    #[expect(clippy::print_stderr, reason = "figures are for people")]
    pub(super) fn say(self) {
        eprintln!("{self}");
        let wrong = self.wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n  ");
        assert!(self.wrong.is_empty(), "{self}\n{} things do not hold:\n  {wrong}", self.wrong.len());
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Found { acked, delivered, duplicates, lost, repeated, mails, .. } = self.found;
        write!(f, "{} {} in {:.1?}, seed {}: ", self.rounds, self.what, self.took.elapsed(), super::seed().0)?;
        write!(f, "{acked} events acked, {delivered} delivered, {duplicates} sent again, {mails} mails, ")?;
        write!(f, "{repeated} calls repeated by key, {lost} lost, {} silent losses", self.found.silent)?;
        for (what, count) in &self.notes {
            write!(f, ", {count} {what}")?;
        }
        if let Some(slowest) = self.slowest {
            write!(f, ", ended {slowest:.0?} after the failure at the latest")?;
        }
        write!(f, ", {} refusals", self.refusals.values().sum::<u64>())?;
        for (kind, count) in &self.refusals {
            write!(f, "\n    {count} x {kind}")?;
        }
        Ok(())
    }
}
