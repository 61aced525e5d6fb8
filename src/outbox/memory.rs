//! The outbox in memory: the model that the others are compared with, and the engine of tests and quick runs.
//!
//! One mutex, no disk: a process that ends loses all of it. Nothing is dropped while it runs but what is over, once its
//! retention is, and without one the journeys that were let go. The state and its rules are in `memory/state.rs`; here is
//! only the trait.

mod numbered;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use crate::clock::{BoxFuture, Timestamp};
use crate::ids::{DeliveryId, EventId, JourneyId, MailId};
use crate::message::{Attempt, Delivery, Mail};
use crate::outbox::{
    Claim, Commit, Committed, DeliveryQuery, DueDeadlineRow, DueDelivery, DueMail, EventRecord, Horizon, JourneyQuery,
    LaneStatus, Lease, Ledger, NewKey, Note, Outbox, OutboxError, Page, Settlement, rules,
};
use crate::provider::{DeadlineKind, Environment, Journey};
use state::State;

/// An outbox that lives as long as its process.
#[derive(Debug)]
pub struct MemoryOutbox {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl Default for MemoryOutbox {
    fn default() -> Self {
        MemoryOutbox::new()
    }
}

impl MemoryOutbox {
    /// An empty outbox that keeps everything.
    pub fn new() -> Self {
        MemoryOutbox::keeping(Duration::MAX)
    }

    /// An empty outbox that keeps an event, its deliveries and their attempts for `retention` after the last of them
    /// ended, in provider time; the ledger counts them on. With none, only what is owed is kept.
    pub fn keeping(retention: Duration) -> Self {
        MemoryOutbox { state: Mutex::new(State::new(retention)), changed: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        // Whoever begins to listen now has yet to look, and finds what was done before this: both happen under the same lock.
        if self.changed.receiver_count() > 0 {
            self.changed.send_modify(|n| *n += 1);
        }
    }

    /// Claims and tells of it, if there was anything to claim.
    fn claim<T>(&self, claim: impl FnOnce(&mut State) -> Claim<T>) -> Claim<T> {
        let claimed = claim(&mut self.lock());
        if !claimed.rows.is_empty() {
            self.tell();
        }
        claimed
    }
}

impl Outbox for MemoryOutbox {
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, OutboxError>> {
        Box::pin(async move {
            rules::check_sizes(&commit)?;
            let committed = self.lock().commit(commit)?;
            self.tell();
            Ok(committed)
        })
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Result<(), OutboxError>> {
        Box::pin(async move {
            let mut state = self.lock();
            for settlement in settlements {
                state.settle(settlement);
            }
            drop(state);
            self.tell();
            Ok(())
        })
    }

    fn claim_deliveries(
        &self,
        webhook: &str,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Claim<DueDelivery>, OutboxError>> {
        let claimed = self.claim(|state| state.claim_deliveries(webhook, now, limit));
        Box::pin(async move { Ok(claimed) })
    }

    fn claim_deadlines(
        &self,
        kinds: &[DeadlineKind],
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Claim<DueDeadlineRow>, OutboxError>> {
        let claimed = self.claim(|state| state.claim_deadlines(kinds, now, limit));
        Box::pin(async move { Ok(claimed) })
    }

    fn claim_mail(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Claim<DueMail>, OutboxError>> {
        Box::pin(async move { Ok(self.claim(|state| state.claim_mail(now, limit))) })
    }

    fn release(&self, leases: Vec<Lease>) {
        self.lock().release(&leases);
        self.tell();
    }

    fn redeliver(&self, of: DeliveryId, now: Timestamp) -> BoxFuture<'_, Result<DeliveryId, OutboxError>> {
        Box::pin(async move {
            let id = self.lock().redeliver(of, now)?;
            self.tell();
            Ok(id)
        })
    }

    fn cancel(&self, id: DeliveryId, now: Timestamp) -> BoxFuture<'_, Result<(), OutboxError>> {
        Box::pin(async move {
            self.lock().cancel(id, now)?;
            self.tell();
            Ok(())
        })
    }

    fn keep_note(&self, note: Note) -> BoxFuture<'_, Result<(), OutboxError>> {
        Box::pin(async move {
            rules::check_note(&note)?;
            self.lock().note(note);
            self.tell();
            Ok(())
        })
    }

    fn notes(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, OutboxError> {
        Ok(self.lock().notes(prefix))
    }

    fn expire(&self, now: Timestamp) -> BoxFuture<'_, Result<(), OutboxError>> {
        Box::pin(async move {
            // In turns: whoever waits for the lock has it between two.
            while self.lock().forget(now) {
                tokio::task::yield_now().await;
            }
            Ok(())
        })
    }

    fn let_go(&self, journey: JourneyId) {
        self.lock().let_go(journey);
    }

    fn next_journey_number(&self) -> u64 {
        self.lock().next_journey_number()
    }

    fn last_instant(&self) -> Option<Timestamp> {
        self.lock().last_instant()
    }

    fn key(&self, key: &str) -> Result<Option<NewKey>, OutboxError> {
        Ok(self.lock().key(key))
    }

    fn journey(&self, id: JourneyId) -> Result<Option<Arc<Journey>>, OutboxError> {
        Ok(self.lock().journey(id))
    }

    fn journey_by_reference(
        &self,
        reference_no: &str,
        environment: Option<Environment>,
    ) -> Result<Option<Arc<Journey>>, OutboxError> {
        Ok(self.lock().journey_by_reference(reference_no, environment))
    }

    fn journeys(&self, query: &JourneyQuery, cursor: Option<u64>, limit: usize) -> Result<Page<Journey>, OutboxError> {
        Ok(self.lock().journeys(query, cursor, limit))
    }

    fn event(&self, id: EventId) -> Result<Option<EventRecord>, OutboxError> {
        Ok(self.lock().event(id))
    }

    fn events(
        &self,
        journey: Option<JourneyId>,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<EventRecord>, OutboxError> {
        Ok(self.lock().events(journey, cursor, limit))
    }

    fn delivery(&self, id: DeliveryId) -> Result<Option<(Delivery, Vec<Attempt>)>, OutboxError> {
        Ok(self.lock().delivery(id))
    }

    fn deliveries(
        &self,
        query: &DeliveryQuery,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<Delivery>, OutboxError> {
        Ok(self.lock().deliveries(query, cursor, limit))
    }

    fn mail(&self, id: MailId) -> Result<Option<Mail>, OutboxError> {
        Ok(self.lock().mail(id))
    }

    fn mails(&self, cursor: Option<u64>, limit: usize) -> Result<Page<Mail>, OutboxError> {
        Ok(self.lock().mails(cursor, limit))
    }

    fn ledger(&self) -> Ledger {
        self.lock().ledger()
    }

    fn horizon(&self) -> Horizon {
        self.lock().horizon()
    }

    fn lanes(&self) -> Vec<LaneStatus> {
        self.lock().lane_statuses()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn broken(&self) -> Option<String> {
        None
    }

    fn breaks(&self) -> BoxFuture<'_, String> {
        Box::pin(std::future::pending())
    }
}
