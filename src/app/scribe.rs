//! What an accepted stimulus came to, written; and whoever has to know, told once it is durable.
//!
//! Called by `apply.rs` alone, which has decided everything by then.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Notify, OwnedMutexGuard, mpsc};

use crate::app::App;
use crate::app::apply::{Answer, AppError, Applied};
use crate::app::lately::{Done, Lately};
use crate::app::news::Announcement;
use crate::clock::Stopwatch;
use crate::delivery::engine::{Input, LaneKey};
use crate::delivery::news::Newsroom;
use crate::delivery::tally::Tally;
use crate::message::Message;
use crate::outbox::{Commit, Outbox, OutboxError};
use crate::provider::{DeadlineKind, Journey};

/// All that a write needs which goes on when its caller has gone: shared as one, for there is one for each stimulus.
#[derive(Debug)]
pub(super) struct Scribe {
    pub(super) outbox: Arc<dyn Outbox>,
    /// Tells the delivery loop of new work.
    pub(super) inputs: mpsc::Sender<Input>,
    /// Tells the deadline loop of a new deadline.
    pub(super) deadlines_changed: Notify,
    /// Tells the schedule of a renewal that falls due some day.
    pub(super) renewals_changed: Notify,
    /// Who wants to see every accepted stimulus with what followed. Bounded: a slow watcher slows journeys down.
    pub(super) watcher: Option<mpsc::Sender<Applied>>,
    pub(super) news: Newsroom,
    pub(super) tally: Arc<Tally>,
    /// What was done to journeys lately.
    pub(super) lately: Arc<Lately>,
}

/// A write that is under way, and goes on if nobody waits for it.
pub(super) trait Write: Future<Output = Result<Answer, AppError>> + Send {}

impl<W: Future<Output = Result<Answer, AppError>> + Send> Write for W {}

impl App {
    /// Writes, and tells whoever has to know. `turn` is held until it is durable, so that the next stimulus to the
    /// journey finds all of this one.
    pub(super) fn commit(
        &self,
        turn: Option<OwnedMutexGuard<()>>,
        stimulus: String,
        commit: Commit,
        journey: Arc<Journey>,
        events: Vec<Message>,
    ) -> impl Write + use<> {
        let (scribe, news) = (self.scribe.clone(), Announcement::of(&self.news, &commit));
        self.see_through(async move {
            let _turn = turn;
            let due = commit.now;
            let mut lanes: Vec<Arc<str>> =
                commit.messages.iter().flat_map(|new| new.to.iter().map(|to| to.webhook.clone())).collect();
            lanes.sort_unstable();
            lanes.dedup();
            let writing = Stopwatch::start();
            let committed = scribe.outbox.commit(commit).await;
            scribe.tally.commit.saw(writing.elapsed());
            match committed {
                Ok(committed) => {
                    let sequence = journey.sequence - events.len() as u64;
                    scribe.lately.note(journey.id, Done { at: due, stimulus: stimulus.clone(), sequence });
                    news.make(&scribe.news, committed, &stimulus, &journey, &events);
                }
                Err(OutboxError::Repeated { answer }) => return Ok(Answer::Repeated(answer)),
                Err(error) => return Err(error.into()),
            }
            tracing::debug!(journey = %journey.id, stimulus, events = events.len(), "stimulus accepted");
            for lane in lanes {
                // During shutdown nobody listens any more: the outbox has it.
                let _ = scribe.inputs.send(Input::Work { lane: LaneKey::Webhook(lane), due }).await;
            }
            if !journey.deadlines.is_empty() {
                scribe.deadlines_changed.notify_one();
            }
            if journey.deadlines.iter().any(|deadline| deadline.kind == DeadlineKind::RenewalDue) {
                scribe.renewals_changed.notify_one();
            }
            let applied = Applied { at: due, stimulus, journey, events };
            if let Some(watcher) = &scribe.watcher {
                // A watcher that went away is no reason to stop.
                let _ = watcher.send(applied.clone()).await;
            }
            Ok(Answer::Done(Box::new(applied)))
        })
    }
}
