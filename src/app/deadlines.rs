//! The loop that lets journeys' own deadlines fire when they fall due. One task; the application owns it.
//!
//! A scenario that leaps fires them itself, so that their order among its lines is always the same.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::apply::{AppError, Manner};
use crate::app::run::Firing;
use crate::clock::{Clock as _, Timestamp};
use crate::outbox::{Commit, DueDeadlineRow, OutboxError, Settlement};
use crate::provider::{self, Deadline, DeadlineKind};

/// A deadline whose journey's flow is not configured is looked at again so much later, in provider time.
const LOOK_FOR_FLOW_AFTER: Duration = Duration::from_secs(3_600);

/// So many deadlines are leased at once.
const BATCH: usize = 256;

/// And so many are worked on at once, so that they share the disk's writes.
const AT_ONCE: usize = 64;

impl App {
    /// Fires every deadline that is due at this instant, in due order, and says when the next one is.
    ///
    /// # Errors
    /// Only when the outbox is broken.
    pub async fn fire_due(&self) -> Result<Option<Timestamp>, OutboxError> {
        self.fire_until(&DeadlineKind::ALL, None, &CancellationToken::new()).await
    }

    /// Fires the deadlines of the given kinds that were due at `until`, or are at this instant. No further one is fired
    /// once `stop` is cancelled: what is left is given back.
    pub(super) async fn fire_until(
        &self,
        kinds: &[DeadlineKind],
        until: Option<Timestamp>,
        stop: &CancellationToken,
    ) -> Result<Option<Timestamp>, OutboxError> {
        loop {
            let until = until.unwrap_or_else(|| self.clock.now());
            let claim = self.outbox.claim_deadlines(kinds, until, BATCH).await?;
            if claim.rows.is_empty() {
                return Ok(claim.next_due);
            }
            if self.firing == Firing::ByCaller {
                // One after the other: a script's order is kept.
                self.fire_all(claim.rows, 1, stop).await?;
            } else {
                self.fire_all(claim.rows, AT_ONCE, stop).await?;
            }
            if stop.is_cancelled() {
                return Ok(None);
            }
        }
    }

    /// Fires these, so many at once; gives back what is left once `stop` is cancelled.
    async fn fire_all(
        &self,
        rows: Vec<DueDeadlineRow>,
        at_once: usize,
        stop: &CancellationToken,
    ) -> Result<(), OutboxError> {
        let fired = futures_util::stream::iter(rows).map(|row| async move {
            if stop.is_cancelled() {
                self.outbox.release(vec![row.lease]);
                return Ok(());
            }
            self.fire(row).await
        });
        fired.buffer_unordered(at_once).try_collect().await
    }

    /// Fires deadlines as they fall due, until stopped; those that are a job's to begin are left to it.
    ///
    /// # Errors
    /// Only when the outbox is broken.
    pub async fn fire_deadlines(&self, stop: CancellationToken) -> Result<(), OutboxError> {
        loop {
            let changed = self.scribe.deadlines_changed.notified();
            let next = self.fire_until(self.agenda.own_deadlines(), None, &stop).await?;
            let sleep = async {
                match next {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = changed => {}
                () = sleep => {}
            }
        }
    }

    /// A journey's deadline fell due: the stimulus it stands for is applied, or, where that means nothing any more,
    /// the row goes.
    ///
    /// # Errors
    /// Only when the outbox is broken.
    pub(super) async fn fire(&self, row: DueDeadlineRow) -> Result<(), OutboxError> {
        let drop_row = |reason: String| {
            tracing::debug!(journey = %row.deadline.journey, deadline = row.deadline.kind.as_str(), reason, "deadline dropped");
            self.outbox.settle(vec![Settlement::Deadline { lease: row.lease }])
        };
        let Some(journey) = self.outbox.journey(row.deadline.journey)? else {
            return drop_row("the journey is gone".to_owned()).await;
        };
        let stimulus = provider::deadline_stimulus(&journey, row.deadline.kind);
        let manner = Manner { fired: Some(row), ..Manner::default() };
        match self.apply(journey.id, &stimulus, manner).await {
            Ok(_) => Ok(()),
            // Somebody else changed the journey meanwhile: look again.
            Err(AppError::Outbox(OutboxError::Conflict)) => {
                self.outbox.release(vec![row.lease]);
                Ok(())
            }
            Err(AppError::Outbox(error @ OutboxError::Broken(_))) => Err(error),
            Err(error @ AppError::Overtaken) => drop_row(error.to_string()).await,
            Err(AppError::Rejected(rejected)) => drop_row(rejected.message).await,
            Err(error @ AppError::UnknownFlow { .. }) => {
                tracing::warn!(journey = %journey.id, deadline = row.deadline.kind.as_str(), %error, "a deadline waits for its flow");
                self.postpone(row).await
            }
            Err(error) => {
                let (journey, deadline) = (journey.id, row.deadline.kind.as_str());
                tracing::warn!(%journey, deadline, %error, "a journey's deadline came to nothing");
                drop_row(error.to_string()).await
            }
        }
    }

    /// Moves a deadline on: what it would do is not known while its flow is not configured, and may be again soon.
    async fn postpone(&self, row: DueDeadlineRow) -> Result<(), OutboxError> {
        let _turn = self.turn(row.deadline.journey).await;
        let gone = || self.outbox.settle(vec![Settlement::Deadline { lease: row.lease }]);
        let Some(mut known) = self.outbox.journey(row.deadline.journey)? else { return gone().await };
        let journey = Arc::make_mut(&mut known);
        let now = self.clock.now();
        let due = Deadline { kind: row.deadline.kind, due: row.due_at };
        let Some(deadline) = journey.deadlines.iter_mut().find(|deadline| **deadline == due) else {
            return gone().await;
        };
        deadline.due = now + LOOK_FOR_FLOW_AFTER;
        let expected_version = Some(journey.version);
        journey.version += 1;
        let fired = Some(row.lease);
        let commit =
            Commit { journey: known, expected_version, messages: Vec::new(), key: None, fired, note: None, now };
        match self.outbox.commit(commit).await {
            Ok(_) => Ok(()),
            Err(OutboxError::Conflict) => {
                self.outbox.release(vec![row.lease]);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
