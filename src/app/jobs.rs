//! The loop that runs the jobs of the schedule when their ticks are due. One task; the application owns it.
//!
//! Ticks that were missed, while nothing ran or because the clock leapt, are caught up as one. A clock that is advanced
//! stops at every tick.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::agenda::{Due, MARKS, Mark};
use crate::app::apply::{AppError, Manner};
use crate::app::run::Firing;
use crate::app::{App, agenda::Agenda};
use crate::clock::{Clock as _, ClockMode, Stopwatch, Timestamp};
use crate::outbox::{JourneyQuery, Note, OutboxError};
use crate::provider::{DeadlineKind, Journey};
use crate::schedule::{Driver, Job};

/// When the alarm stays silent for so long after a tick, the clock itself says that it is due.
const WATCHDOG: Duration = Duration::from_secs(1);

/// Marks of ticks that changed nothing are written at most so often, in real time: on a fast clock thousands pass.
const KEEP_EVERY: Duration = Duration::from_secs(1);

impl App {
    /// Replaces the jobs; one of the same name goes on where it was. Nothing where a caller lets deadlines fire: what
    /// happens when is that caller's to say.
    ///
    /// # Errors
    /// Only when the outbox is broken.
    pub async fn set_schedule(&self, jobs: Vec<Job>) -> Result<(), OutboxError> {
        if self.firing != Firing::ByItself {
            return Ok(());
        }
        self.agenda.replace(jobs, &self.outbox.notes(MARKS)?, self.clock.now());
        self.scribe.deadlines_changed.notify_one();
        self.keep_marks().await
    }

    /// Runs jobs as their ticks fall due, until stopped.
    ///
    /// # Errors
    /// Only when the outbox is broken.
    pub async fn keep_schedule(&self, stop: CancellationToken) -> Result<(), OutboxError> {
        let mut waiting = Waiting::default();
        let (mut agenda, mut clock) = (self.agenda.changed(), self.clock.changed());
        let mut kept = Stopwatch::start();
        self.keep_marks().await?;
        while !stop.is_cancelled() {
            agenda.mark_unchanged();
            clock.mark_unchanged();
            let renewals = self.scribe.renewals_changed.notified();
            if let Some(due) = self.agenda.due(&self.outbox.horizon(), self.clock.now()) {
                self.run(due, &stop).await?;
                if kept.elapsed() >= KEEP_EVERY {
                    self.keep_marks().await?;
                    kept = Stopwatch::start();
                }
                continue;
            }
            let next = self.agenda.next(&self.outbox.horizon());
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                _ = agenda.changed() => {}
                () = renewals => {}
                _ = clock.changed() => {}
                () = waiting.until(next, self) => {}
            }
        }
        waiting.end().await;
        self.keep_marks().await
    }

    async fn run(&self, due: Due, stop: &CancellationToken) -> Result<(), OutboxError> {
        match due {
            Due::Renewals(tick) => {
                self.fire_until(&[DeadlineKind::RenewalDue], Some(tick), stop).await?;
            }
            Due::Share { job, tick, through } => {
                let taken_up = self.clock.now();
                if let Some(applied) = self.go_round(&job, tick, through, stop).await? {
                    let mark = Mark { tick: taken_up, through: None };
                    if applied > 0 {
                        tracing::info!(job = job.name, %tick, journeys = applied, "a job of the schedule ran");
                        self.outbox.keep_note(mark.note(&job.name)).await?;
                    }
                    self.agenda.reached(&job.name, mark);
                }
            }
        }
        Ok(())
    }

    /// Goes to the job's share of the journeys that there were at the tick. `None` when it was stopped on the way.
    async fn go_round(
        &self,
        job: &Job,
        tick: Timestamp,
        through: u64,
        stop: &CancellationToken,
    ) -> Result<Option<u64>, OutboxError> {
        let newest = self.outbox.journeys(&JourneyQuery::default(), None, 1)?.items.first().map_or(0, |j| j.number);
        let mut applied = 0;
        for number in job.chosen(self.seed, tick, newest).skip_while(|number| *number <= through) {
            if stop.is_cancelled() {
                return Ok(None);
            }
            let Some(journey) = self.numbered(number)?.filter(|journey| journey.created_at <= tick) else { continue };
            let Some(stimulus) = job.stimulus(self.seed, tick, number) else { continue };
            let mark = Mark { tick, through: Some(number) };
            let manner = Manner { note: Some(mark.note(&job.name)), ..Manner::default() };
            match self.apply(journey.id, &stimulus, manner).await {
                Ok(_) => {
                    applied += 1;
                    self.agenda.reached(&job.name, mark);
                }
                Err(AppError::Outbox(error @ OutboxError::Broken(_))) => return Err(error),
                // Whoever is not where this happens is passed over: a journey under way, a deleted one.
                Err(error) => tracing::debug!(job = job.name, journey = %journey.id, %error, "passed over"),
            }
        }
        Ok(Some(applied))
    }

    fn numbered(&self, number: u64) -> Result<Option<Journey>, OutboxError> {
        let page = self.outbox.journeys(&JourneyQuery::default(), Some(number), 1)?;
        Ok(page.items.into_iter().next().filter(|journey| journey.number == number))
    }

    /// Writes the marks that differ from what is kept, and drops those of jobs that are no more.
    async fn keep_marks(&self) -> Result<(), OutboxError> {
        let kept = self.outbox.notes(MARKS)?;
        let marks = self.agenda.marks();
        let gone = kept.iter().filter(|(name, _)| !marks.iter().any(|mark| mark.name == *name));
        let gone = gone.map(|(name, _)| Note { name: name.clone(), value: None });
        let differs = |mark: &&Note| !kept.iter().any(|(name, v)| *name == mark.name && Some(v) == mark.value.as_ref());
        let changed: Vec<Note> = marks.iter().filter(differs).cloned().chain(gone).collect();
        for note in changed {
            self.outbox.keep_note(note).await?;
        }
        Ok(())
    }
}

/// Waits for a tick: in real time for the alarm, else for the clock.
#[derive(Debug, Default)]
struct Waiting {
    driver: Option<Driver>,
}

impl Waiting {
    async fn until(&mut self, next: Option<Timestamp>, app: &App) {
        let Some(next) = next else { return std::future::pending().await };
        if app.clock.mode() != ClockMode::Real {
            return app.clock.sleep_until(next).await;
        }
        tokio::select! {
            () = app.clock.sleep_until(next + WATCHDOG) => {}
            rang = self.ring_in(next.since(app.clock.now())) => if let Err(error) = rang {
                tracing::warn!(%error, "the alarm of the schedule failed; it goes by the clock");
                app.clock.sleep_until(next).await;
            }
        }
    }

    async fn ring_in(&mut self, span: Duration) -> Result<(), tokio_cron_scheduler::JobSchedulerError> {
        if self.driver.is_none() {
            self.driver = Some(Driver::start().await?);
        }
        match &mut self.driver {
            Some(driver) => driver.ring_in(span).await,
            None => Ok(()),
        }
    }

    async fn end(self) {
        if let Some(driver) = self.driver {
            driver.stop().await;
        }
    }
}

/// The agenda of a provider that starts now.
///
/// # Errors
/// Only when the outbox is broken.
pub(super) fn agenda(
    jobs: Vec<Job>,
    outbox: &dyn crate::outbox::Outbox,
    now: Timestamp,
) -> Result<Agenda, OutboxError> {
    Ok(Agenda::new(jobs, &outbox.notes(MARKS)?, now))
}
