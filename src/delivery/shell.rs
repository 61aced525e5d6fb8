//! The loop that carries out what the engine decides. One task; the application owns it.
//!
//! ```text
//!   inputs (bounded) ─┐
//!   attempts ended ───┼──> engine ──> claims (awaited here: they are short) and attempts (a task each)
//!   wake-up times ────┘
//! ```
//!
//! Stopping has two stages: `stop_claiming` starts nothing more and lets attempts end; `abort` gives the rest back
//! unsettled and uncounted. A broken outbox ends the loop with an error, and with it the process.

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::clock::{Stopwatch, Timestamp, real_sleep};
use crate::delivery::attempt::{self, Bench, Held, Next};
use crate::delivery::endpoints::Endpoints;
use crate::delivery::engine::{Effect, Engine, Input, LaneKey, Work};
use crate::delivery::post;
use crate::outbox::{DueMail, Lease, OutboxError};
use crate::secret::ending;

/// How many inputs may wait for the loop. A commit that finds the queue full waits: that is the back-pressure.
pub const INPUTS: usize = 4_096;

/// At most so many attempts at once over all lanes, besides one of each lane.
pub const GLOBAL_IN_FLIGHT: usize = 1_024;

/// So much of what has happened is heard before it is decided on.
const AT_ONCE: usize = 256;

/// The two stages of stopping.
#[derive(Clone, Debug, Default)]
pub struct StopTokens {
    /// Start nothing more; let what is under way end.
    pub stop_claiming: CancellationToken,
    /// Give up what is under way.
    pub abort: CancellationToken,
}

/// The loop. See the module.
#[derive(Debug)]
pub struct Shell {
    /// Shared as one with each attempt: there are many.
    bench: Arc<Bench>,
    endpoints: Endpoints,
    engine: Engine,
    attempts: JoinSet<Result<Next, OutboxError>>,
    lanes_of: FxHashMap<Id, LaneKey>,
    real: Stopwatch,
}

impl Shell {
    /// A loop over `endpoints`, with all work that the outbox owes already.
    pub fn new(bench: Bench, endpoints: Endpoints) -> Self {
        Shell {
            bench: Arc::new(bench),
            endpoints,
            engine: Engine::new(GLOBAL_IN_FLIGHT),
            attempts: JoinSet::new(),
            lanes_of: FxHashMap::default(),
            real: Stopwatch::start(),
        }
    }

    /// Runs until stopped.
    ///
    /// # Errors
    /// When the outbox is broken: nothing more can be promised, and the process must end.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>, stop: StopTokens) -> Result<(), OutboxError> {
        self.engine.hear(self.endpoints.lanes());
        for input in self.owed() {
            self.engine.hear(input);
        }
        loop {
            self.carry_out().await?;
            let wake = self.engine.wake();
            let clock = self.bench.clock.clone();
            let real_left = wake.real.map(|at| at.saturating_sub(self.real.elapsed()));
            if wake.at.is_some_and(|at| at <= clock.now()) || real_left.is_some_and(|left| left.is_zero()) {
                self.engine.hear(Input::Woke);
                self.carry_out().await?;
            }
            // In one order, so that a simulation repeats.
            tokio::select! {
                biased;
                () = stop.stop_claiming.cancelled() => break,
                Some(ended) = self.attempts.join_next_with_id() => self.ended(ended)?,
                Some(input) = inputs.recv() => self.engine.hear(input),
                () = async { clock.sleep_until(wake.at.unwrap_or(Timestamp::MAX)).await }, if wake.at.is_some() => self.engine.hear(Input::Woke),
                () = real_sleep(real_left.unwrap_or_default()), if real_left.is_some() => self.engine.hear(Input::Woke),
            }
            // Whatever else has happened by now is decided on at once: a claim for all slots that are free costs as much
            // as one for one.
            for _ in 0..AT_ONCE {
                let ended = self.attempts.try_join_next_with_id();
                let input = inputs.try_recv().ok();
                if ended.is_none() && input.is_none() {
                    break;
                }
                ended.map_or(Ok(()), |ended| self.ended(ended))?;
                input.into_iter().for_each(|input| self.engine.hear(input));
            }
        }
        self.engine.hear(Input::Stop);
        self.carry_out().await?;
        self.drain(&stop.abort).await
    }

    async fn drain(&mut self, abort: &CancellationToken) -> Result<(), OutboxError> {
        while !self.attempts.is_empty() {
            tokio::select! {
                biased;
                () = abort.cancelled() => {
                    self.attempts.abort_all();
                    while self.attempts.join_next().await.is_some() {}
                }
                Some(ended) = self.attempts.join_next_with_id() => self.ended(ended)?,
            }
        }
        Ok(())
    }

    /// What the outbox owed before this loop began.
    fn owed(&self) -> Vec<Input> {
        let horizon = self.bench.outbox.horizon();
        let mut inputs = Vec::new();
        for lane in &horizon.lanes {
            if self.endpoints.get(&lane.webhook).is_none() && lane.waiting > 0 {
                tracing::warn!(webhook = %lane.webhook, waiting = lane.waiting, "deliveries wait for a webhook that is not configured");
            }
            inputs.extend(lane.next_due.map(|due| Input::Work { lane: LaneKey::Webhook(lane.webhook.clone()), due }));
        }
        inputs.extend(horizon.mail.map(|due| Input::Work { lane: LaneKey::Mail, due }));
        inputs
    }

    fn ended(&mut self, ended: Result<(Id, Result<Next, OutboxError>), JoinError>) -> Result<(), OutboxError> {
        let (id, next) = match ended {
            Ok((id, next)) => (id, next?),
            Err(error) => {
                tracing::error!(reason = ending(&error), "an attempt ended without a result; its row is due again");
                // At once would be a tight loop around the same bug.
                let lane = Some(self.bench.clock.now() + Duration::from_secs(1));
                (error.id(), Next { lane, mail: None })
            }
        };
        let Some(lane) = self.lanes_of.remove(&id) else { return Ok(()) };
        self.engine.hear(Input::Ended { lane, again: next.lane });
        if let Some(due) = next.mail {
            self.engine.hear(Input::Work { lane: LaneKey::Mail, due });
        }
        Ok(())
    }

    /// Does what the engine decides, until it wants nothing more for now.
    async fn carry_out(&mut self) -> Result<(), OutboxError> {
        loop {
            let todo = self.engine.decide(self.bench.clock.now(), self.real.elapsed());
            if todo.is_empty() {
                return Ok(());
            }
            for effect in todo {
                match effect {
                    Effect::Claim { lane, limit } => {
                        let claimed = self.claim(lane, limit).await?;
                        self.engine.hear(claimed);
                    }
                    Effect::Start { lane, work } => self.start(lane, work),
                    Effect::Release { work } => self.bench.outbox.release(vec![lease_of(&work)]),
                }
            }
        }
    }

    async fn claim(&self, lane: LaneKey, limit: usize) -> Result<Input, OutboxError> {
        let now = self.bench.clock.now();
        let (rows, next_due) = match &lane {
            LaneKey::Webhook(name) => {
                let claim = self.bench.outbox.claim_deliveries(name, now, limit).await?;
                (claim.rows.into_iter().map(|row| Work::Delivery(Box::new(row))).collect(), claim.next_due)
            }
            LaneKey::Mail => {
                let claim = self.bench.outbox.claim_mail(now, limit).await?;
                (claim.rows.into_iter().map(|row| Work::Mail(Box::new(row))).collect(), claim.next_due)
            }
        };
        Ok(Input::Claimed { lane, rows, next_due })
    }

    fn start(&mut self, lane: LaneKey, work: Work) {
        let held = Held::new(self.bench.clone(), lease_of(&work));
        let handle = match work {
            Work::Delivery(due) => {
                let endpoint = match &lane {
                    LaneKey::Webhook(name) => self.endpoints.get(name),
                    LaneKey::Mail => None,
                };
                // Boxed, as it is large, and tokio would move it from place to place.
                self.attempts.spawn(Box::pin(async move {
                    match endpoint {
                        Some(endpoint) => attempt::deliver(held, &endpoint, *due).await,
                        // It was taken out of the configuration in this very moment. It may be back before the engine
                        // heard of either.
                        None => {
                            drop(held);
                            Ok(Next { lane: Some(due.due_at), mail: None })
                        }
                    }
                }))
            }
            Work::Mail(due) => {
                let endpoint = match &*due {
                    DueMail::Digest { webhook, .. } => self.endpoints.get(webhook),
                    DueMail::Send { .. } => None,
                };
                self.attempts.spawn(async move { post::post(held, endpoint.as_deref(), *due).await })
            }
        };
        self.lanes_of.insert(handle.id(), lane);
    }
}

fn lease_of(work: &Work) -> Lease {
    match work {
        Work::Delivery(due) => due.lease,
        Work::Mail(due) => match &**due {
            DueMail::Digest { lease, .. } | DueMail::Send { lease, .. } => *lease,
        },
    }
}
