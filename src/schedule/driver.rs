//! What wakes the schedule in real time: tokio-cron-scheduler, one alarm at a time.
//!
//! Its own cron jobs fix a zone's offset when they are made, and would be an hour off after the next change of clocks.
//! So the timetable says when, and the scheduler is given one alarm, for the next tick. It looks at the wall clock twice
//! in a second, and follows it when that is set or the machine slept.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use uuid::Uuid;

/// An alarm clock. One waiter.
pub struct Driver {
    scheduler: JobScheduler,
    rang: Arc<Notify>,
    alarm: Option<Uuid>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("alarm", &self.alarm).finish_non_exhaustive()
    }
}

impl Driver {
    /// Starts the scheduler.
    ///
    /// # Errors
    /// The scheduler's own.
    pub async fn start() -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        scheduler.start().await?;
        Ok(Driver { scheduler, rang: Arc::default(), alarm: None })
    }

    /// Completes when the scheduler says that `span` of real time is over. It counts whole seconds and looks twice in each, so
    /// that it may be most of a second early or late: whoever waits looks at the clock then, and waits again. An alarm that
    /// nobody waits for any more is taken back by the next.
    ///
    /// # Errors
    /// The scheduler's own.
    pub async fn ring_in(&mut self, span: Duration) -> Result<(), JobSchedulerError> {
        if let Some(alarm) = self.alarm.take() {
            // It may have rung, and gone, already.
            let _ = self.scheduler.remove(&alarm).await;
        }
        // A fresh one each time: an old alarm's ring is not heard.
        self.rang = Arc::default();
        let rang = self.rang.clone();
        let alarm = Job::new_one_shot(span, move |_, _| rang.notify_one())?;
        self.alarm = Some(self.scheduler.add(alarm).await?);
        self.rang.notified().await;
        Ok(())
    }

    /// Stops the scheduler.
    pub async fn stop(mut self) {
        // It can only fail to tell somebody who does not listen.
        let _ = self.scheduler.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stopwatch;

    #[tokio::test]
    async fn it_rings_when_it_should_and_not_for_an_alarm_that_was_given_up() {
        let mut driver = Driver::start().await.expect("a scheduler");
        let waited = Stopwatch::start();
        let given_up = tokio::time::timeout(Duration::from_millis(50), driver.ring_in(Duration::from_secs(1))).await;
        given_up.expect_err("nobody waits that long");
        driver.ring_in(Duration::from_secs(3)).await.expect("a ring");
        // It was not the first alarm, which was due two seconds before this one.
        assert!(waited.elapsed() >= Duration::from_millis(1_900), "it rang after {:?}", waited.elapsed());
        driver.stop().await;
    }
}
