//! Moving the clock, so that a year passes in a second and nothing in it is skipped.
//!
//! The clock goes from one due instant to the next, and stays at each until all that fell due there has been done: what
//! a retry leads to depends on how the attempt before it ended.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::run::Firing;
use crate::clock::{Clock as _, ClockMode, ClockWentBack, Stopwatch, Timestamp, real_sleep};
use crate::outbox::{Horizon, Note, Outbox, OutboxError};
use crate::provider::DeadlineKind;

/// How often history is looked over, in provider time.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

/// And in real time at most so often: each look goes over all that is pending, and an hour of a scaled clock may be shorter
/// than that takes.
const EXPIRE_PAUSE: Duration = Duration::from_secs(10);

/// A clock on a long way is told of so often, in real time: a year may have a million stops.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// The note that says where the clock stood.
const POSITION: &str = "clock";

/// Where the clock stood when it was last moved, or when its provider stopped.
///
/// # Errors
/// Only when the outbox is broken.
pub(super) fn kept_position(outbox: &dyn Outbox) -> Result<Option<Timestamp>, OutboxError> {
    let notes = outbox.notes(POSITION)?;
    Ok(notes.first().and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok()))
}

impl App {
    /// Moves the clock forward to `to`, through everything that falls due on the way. Answers when all that fell due
    /// by then has been started, in order; what is started at the very end may still be under way.
    ///
    /// # Errors
    /// [`ClockWentBack`] when `to` lies in the past; nothing has moved then.
    pub async fn advance(&self, to: Timestamp) -> Result<(), ClockWentBack> {
        let now = self.clock.now();
        if to < now {
            return Err(ClockWentBack { now, asked: to });
        }
        let mut told = Stopwatch::start();
        loop {
            // A clock that runs may pass `to` by itself while there is no end of work: what falls due later is not waited for.
            let passed = || self.clock.now() >= to && !self.owes_by(&self.outbox.horizon(), to);
            self.until(|| passed() || self.is_quiet()).await;
            if self.outbox.broken().is_some() {
                // What is due stays due: there is nothing to wait for, and the process ends.
                return Ok(());
            }
            // Deadlines that only a script fires are its to wait for.
            let kinds = if self.firing == Firing::ByCaller { &[] } else { self.own_deadlines() };
            match self.next_due(kinds) {
                Some(due) if due < to && self.clock.now() < to => self.forward(due),
                _ => break,
            }
            if told.elapsed() > TELL_EVERY {
                told = Stopwatch::start();
                self.tell_clock();
            }
        }
        self.forward(to);
        // All that is due by then has been started.
        self.until(|| !self.owes_by(&self.outbox.horizon(), to)).await;
        self.keep_position().await;
        self.tell_clock();
        Ok(())
    }

    /// Lets the clock run otherwise from this instant on.
    pub fn set_clock_mode(&self, mode: ClockMode) {
        self.clock.set_mode(mode);
        self.tell_clock();
    }

    /// Notes where the clock stands, so that a restart goes on from there and not from the last thing that happened.
    pub(super) async fn keep_position(&self) {
        let now = self.clock.now();
        let note = Note { name: POSITION.to_owned(), value: Some(Bytes::from(now.to_rfc3339())) };
        // A store that has failed is told of elsewhere.
        if let Err(error) = self.outbox.keep_note(note).await
            && self.outbox.broken().is_none()
        {
            tracing::warn!(%error, "where the clock stands could not be kept");
        }
    }

    /// The deadlines of journeys that fire by themselves when they are due; renewals may be a job's to begin.
    pub fn own_deadlines(&self) -> &'static [DeadlineKind] {
        self.agenda.own_deadlines()
    }

    /// Drops history that is older than the retention, once in a provider hour and not more often than every few real
    /// seconds, until stopped.
    ///
    /// # Errors
    /// Only when the outbox is broken.
    pub async fn expire_history(&self, stop: CancellationToken) -> Result<(), OutboxError> {
        loop {
            let now = self.clock.now();
            self.outbox.expire(now).await?;
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                _ = async { tokio::join!(self.clock.sleep_until(now + EXPIRE_EVERY), real_sleep(EXPIRE_PAUSE)) } => {}
            }
        }
    }

    /// Waits until nothing is due and nothing is under way: the clock can move without skipping anything.
    pub async fn quiet(&self) {
        self.until(|| self.is_quiet()).await;
    }

    fn is_quiet(&self) -> bool {
        let still = |horizon: &Horizon| !self.owes_by(horizon, self.clock.now()) && !under_way(horizon);
        !self.is_busy() && still(&self.outbox.horizon())
    }

    /// Waits until `due`, or until anything in the outbox changes.
    pub async fn sleep_until_or_change(&self, due: Timestamp) {
        let mut changed = self.outbox.changed();
        changed.mark_unchanged();
        if self.at_rest() && due == Timestamp::MAX {
            return;
        }
        tokio::select! {
                biased;
            () = self.clock.sleep_until(due) => {}
            _ = changed.changed() => {}
        }
    }

    /// Waits until no attempt is under way.
    pub async fn drained(&self) {
        self.until(|| !self.is_busy() && !under_way(&self.outbox.horizon())).await;
    }

    async fn until(&self, holds: impl Fn() -> bool) {
        let mut changed: watch::Receiver<u64> = self.outbox.changed();
        let mut endpoints = self.endpoints.changed();
        let mut agenda = self.agenda.changed();
        loop {
            changed.mark_unchanged();
            endpoints.mark_unchanged();
            agenda.mark_unchanged();
            if holds() || self.outbox.broken().is_some() {
                return;
            }
            let told = tokio::select! {
                biased;
                told = changed.changed() => told,
                told = endpoints.changed() => told,
                told = agenda.changed() => told,
            };
            if told.is_err() {
                return;
            }
        }
    }

    /// The earliest instant at which something falls due that will be done by itself; of the journeys' deadlines only
    /// those of the given kinds. Endpoints that stand do not count.
    pub fn next_due(&self, kinds: &[DeadlineKind]) -> Option<Timestamp> {
        let horizon = self.outbox.horizon();
        let lanes =
            horizon.lanes.iter().filter(|lane| self.endpoints.runs(&lane.webhook)).filter_map(|lane| lane.next_due);
        let deadlines = horizon.deadlines.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, due)| *due);
        lanes.chain(deadlines).chain(horizon.mail).chain(self.agenda.next(&horizon)).min()
    }

    /// The earliest deadline of a journey, of the given kinds.
    pub fn next_deadline(&self, kinds: &[DeadlineKind]) -> Option<Timestamp> {
        let horizon = self.outbox.horizon();
        horizon.deadlines.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, due)| *due).min()
    }

    /// Whether nothing is under way and neither a delivery nor a mail is owed any more.
    pub fn at_rest(&self) -> bool {
        if self.is_busy() {
            return false;
        }
        let horizon = self.outbox.horizon();
        let owed = horizon.lanes.iter().any(|lane| lane.next_due.is_some() && self.endpoints.runs(&lane.webhook));
        !owed && horizon.mail.is_none() && !under_way(&horizon)
    }

    /// Whether attempts are under way. It costs little, and the horizon need not be looked over while it is so.
    fn is_busy(&self) -> bool {
        let ledger = self.outbox.ledger();
        ledger.deliveries.in_flight + ledger.mails.in_flight > 0
    }

    /// Moves the clock without looking: for callers that know that nothing falls due before `to`.
    pub(crate) fn forward(&self, to: Timestamp) {
        // A clock that runs may have passed it by itself.
        let _ = self.clock.set(to);
    }

    fn owes_by(&self, horizon: &Horizon, at: Timestamp) -> bool {
        let due = |next: Option<Timestamp>| next.is_some_and(|due| due <= at);
        let own = self.own_deadlines();
        horizon.lanes.iter().any(|lane| due(lane.next_due) && self.endpoints.runs(&lane.webhook))
            || (self.firing != Firing::ByCaller
                && horizon.deadlines.iter().any(|(kind, d)| own.contains(kind) && *d <= at))
            || due(horizon.mail)
            || due(self.agenda.next(horizon))
    }
}

fn under_way(horizon: &Horizon) -> bool {
    horizon.lanes.iter().any(|lane| lane.in_flight > 0) || horizon.deadlines_in_flight > 0 || horizon.mail_in_flight > 0
}
