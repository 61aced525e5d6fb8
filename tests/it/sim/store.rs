//! The outbox of a simulated process: a disk that is told to keep writes a while after they were asked for, in batches,
//! and answers a while after that. In between the process may die.
//!
//! ```text
//!   asked ──> queue (lost in a crash, or kept unknown to all) ──> kept and seen, batch by batch ──> answered
//! ```
//!
//! What is kept is kept by a real outbox behind this one, the memory outbox or the store on disk; reads and claims go
//! there directly, as they go past the writer of the real one.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake};
use std::thread::Thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;
use understudy::clock::{BoxFuture, Timestamp, real_sleep};
use understudy::ids::{DeliveryId, EventId, JourneyId, MailId};
use understudy::message::{Attempt, Delivery, Mail};
use understudy::outbox::{
    Claim, Commit, Committed, DeliveryQuery, DueDeadlineRow, DueDelivery, DueMail, EventRecord, Horizon, JourneyQuery,
    LaneStatus, Lease, Ledger, NewKey, Note, Outbox, OutboxError, Page, Settlement,
};
use understudy::provider::{DeadlineKind, Environment, Journey};

use super::fuse::Step;
use super::witness::Witness;

/// Tells whoever asked; with an error that came after.
type Reply = Box<dyn FnOnce(Option<&OutboxError>) + Send>;

/// Carries a write out.
type Keep = Box<dyn FnOnce(&dyn Outbox) -> Reply + Send>;

/// A write that was asked for.
pub(super) struct Write {
    pub(super) what: &'static str,
    /// Claims that end with it.
    leases: Vec<Lease>,
    keep: Keep,
}

impl Write {
    /// Keeps it, and tells nobody.
    pub(super) fn keep(self, outbox: &dyn Outbox) {
        drop((self.keep)(outbox));
    }
}

#[derive(Default)]
struct Desk {
    queue: VecDeque<Write>,
    /// Claims that stand.
    leases: BTreeSet<Lease>,
    /// Claims that ended with the life before this one.
    ended: BTreeSet<Lease>,
    broken: Option<String>,
    /// The process is gone: what its remains still do has no effect.
    gone: bool,
}

/// See the module. One for each life of the process.
pub(super) struct SimOutbox {
    kept: Arc<dyn Outbox>,
    witness: Arc<Witness>,
    desk: Mutex<Desk>,
    rung: Notify,
    changed: watch::Sender<u64>,
    disk: Mutex<JoinSet<()>>,
}

impl std::fmt::Debug for SimOutbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimOutbox").finish_non_exhaustive()
    }
}

impl SimOutbox {
    /// An outbox over what is kept; `ended` are the claims that the last crash ended. Needs the life's runtime.
    pub(super) fn start(kept: Arc<dyn Outbox>, witness: Arc<Witness>, ended: BTreeSet<Lease>) -> Arc<SimOutbox> {
        let desk = Mutex::new(Desk { ended, ..Desk::default() });
        let changed = watch::Sender::new(0);
        let outbox = SimOutbox { kept, witness, desk, rung: Notify::new(), changed, disk: Mutex::default() };
        let outbox = Arc::new(outbox);
        let disk = outbox.clone();
        outbox.disk.lock().expect("nobody panics with it").spawn(async move { disk.work().await });
        outbox
    }

    /// The process is gone: the writes that were not kept, in order, and the claims that stood.
    pub(super) fn die(&self) -> (Vec<Write>, BTreeSet<Lease>) {
        let mut desk = self.desk();
        desk.gone = true;
        (desk.queue.drain(..).collect(), std::mem::take(&mut desk.leases))
    }

    /// Writes that the disk was not told to keep.
    pub(super) fn unsynced(&self) -> usize {
        self.desk().queue.len()
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().expect("nobody panics with it")
    }

    fn tell(&self) {
        self.changed.send_modify(|n| *n += 1);
    }

    /// The disk: keeps what is queued, batch by batch.
    async fn work(self: Arc<Self>) {
        let mut batch = 0_u64;
        loop {
            while self.desk().queue.is_empty() {
                self.rung.notified().await;
            }
            batch += 1;
            let life = self.witness.seen().life() as u64;
            let mut draw = self.witness.seed.draw(&[b"disk", &life.to_le_bytes(), &batch.to_le_bytes()]);
            if draw.chance(0.5) {
                real_sleep(Duration::from_millis(draw.below(20))).await;
            }
            let waiting = self.desk().queue.len() as u64;
            let mut replies = Vec::new();
            for _ in 0..=draw.below(waiting) {
                let Some(write) = self.desk().queue.pop_front() else { break };
                self.witness.seen().note(|_| format!("kept: {} {:?}", write.what, write.leases));
                self.desk().leases.retain(|lease| !write.leases.contains(lease));
                replies.push((write.keep)(&*self.kept));
            }
            self.tell();
            let failed = self.witness.pass(Step::Synced).await.map(|_| self.fail());
            if draw.chance(0.2) {
                real_sleep(Duration::from_millis(draw.below(10))).await;
            }
            replies.into_iter().for_each(|reply| reply(failed.as_ref()));
            self.tell();
        }
    }

    /// From here on every write fails.
    fn fail(&self) -> OutboxError {
        let why = "the simulated disk failed".to_owned();
        self.desk().broken = Some(why.clone());
        self.tell();
        OutboxError::Broken(why)
    }

    fn check(&self) -> Result<(), OutboxError> {
        self.desk().broken.clone().map_or(Ok(()), |why| Err(OutboxError::Broken(why)))
    }

    /// Asks for a write and waits for its answer.
    fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        leases: Vec<Lease>,
        write: impl FnOnce(&dyn Outbox) -> Result<T, OutboxError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, OutboxError>> {
        Box::pin(async move {
            self.check()?;
            let (answer, answered) = oneshot::channel();
            let keep = move |outbox: &dyn Outbox| -> Reply {
                let result = write(outbox);
                Box::new(move |failed: Option<&OutboxError>| {
                    // A caller that went away is no error.
                    let _ = answer.send(failed.map_or(result, |error| Err(error.clone())));
                })
            };
            {
                let mut desk = self.desk();
                if desk.gone {
                    return Err(OutboxError::Broken("the process is gone".to_owned()));
                }
                desk.queue.push_back(Write { what, leases, keep: Box::new(keep) });
            }
            self.rung.notify_one();
            if self.witness.pass(Step::Queued).await.is_some() {
                return Err(self.fail());
            }
            answered.await.unwrap_or_else(|_| Err(OutboxError::Broken("the writer has ended".to_owned())))
        })
    }

    /// Leases rows, if the process lives to see it.
    async fn claim<T>(
        &self,
        claim: impl FnOnce() -> Result<Claim<T>, OutboxError>,
        lease: impl Fn(&T) -> Lease,
    ) -> Result<Claim<T>, OutboxError> {
        self.check()?;
        let claimed = claim()?;
        if claimed.rows.is_empty() {
            return Ok(claimed);
        }
        let again = {
            let mut desk = self.desk();
            let leases: Vec<Lease> = claimed.rows.iter().map(lease).collect();
            let again = leases.iter().filter(|lease| desk.ended.remove(lease)).count();
            self.witness.seen().note(|_| format!("claimed: {leases:?}"));
            desk.leases.extend(leases);
            again
        };
        self.witness.seen().corners.lease_ended_and_taken_again += again as u64;
        self.tell();
        self.witness.pass(Step::Claimed).await;
        Ok(claimed)
    }
}

/// Waits for a future without letting simulated time pass: what another thread does for it takes none.
pub(super) fn now<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
        std::thread::park();
    }
}

fn mail_lease(due: &DueMail) -> Lease {
    match due {
        DueMail::Digest { lease, .. } | DueMail::Send { lease, .. } => *lease,
    }
}

impl Outbox for SimOutbox {
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, OutboxError>> {
        self.ask("commit", commit.fired.into_iter().collect(), move |kept| now(kept.commit(commit)))
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Result<(), OutboxError>> {
        let leases = settlements.iter().map(Settlement::lease).collect();
        self.ask("settle", leases, move |kept| now(kept.settle(settlements)))
    }

    fn claim_deliveries(
        &self,
        webhook: &str,
        at: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Claim<DueDelivery>, OutboxError>> {
        let webhook = webhook.to_owned();
        Box::pin(
            async move { self.claim(|| now(self.kept.claim_deliveries(&webhook, at, limit)), |due| due.lease).await },
        )
    }

    fn claim_deadlines(
        &self,
        kinds: &[DeadlineKind],
        at: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Claim<DueDeadlineRow>, OutboxError>> {
        let kinds = kinds.to_vec();
        Box::pin(async move { self.claim(|| now(self.kept.claim_deadlines(&kinds, at, limit)), |due| due.lease).await })
    }

    fn claim_mail(&self, at: Timestamp, limit: usize) -> BoxFuture<'_, Result<Claim<DueMail>, OutboxError>> {
        Box::pin(async move { self.claim(|| now(self.kept.claim_mail(at, limit)), mail_lease).await })
    }

    fn release(&self, leases: Vec<Lease>) {
        {
            let mut desk = self.desk();
            if desk.gone {
                return;
            }
            desk.leases.retain(|lease| !leases.contains(lease));
        }
        self.witness.seen().note(|_| format!("released: {leases:?}"));
        self.kept.release(leases);
        self.tell();
    }

    fn redeliver(&self, of: DeliveryId, at: Timestamp) -> BoxFuture<'_, Result<DeliveryId, OutboxError>> {
        self.ask("resend", Vec::new(), move |kept| now(kept.redeliver(of, at)))
    }

    fn cancel(&self, id: DeliveryId, at: Timestamp) -> BoxFuture<'_, Result<(), OutboxError>> {
        self.ask("cancel", Vec::new(), move |kept| now(kept.cancel(id, at)))
    }

    fn keep_note(&self, note: Note) -> BoxFuture<'_, Result<(), OutboxError>> {
        self.ask("note", Vec::new(), move |kept| now(kept.keep_note(note)))
    }

    fn notes(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, OutboxError> {
        self.kept.notes(prefix)
    }

    fn expire(&self, at: Timestamp) -> BoxFuture<'_, Result<(), OutboxError>> {
        self.ask("expire", Vec::new(), move |kept| now(kept.expire(at)))
    }

    fn next_journey_number(&self) -> u64 {
        self.kept.next_journey_number()
    }

    fn last_instant(&self) -> Option<Timestamp> {
        self.kept.last_instant()
    }

    fn key(&self, key: &str) -> Result<Option<NewKey>, OutboxError> {
        self.kept.key(key)
    }

    fn journey(&self, id: JourneyId) -> Result<Option<Arc<Journey>>, OutboxError> {
        self.kept.journey(id)
    }

    fn journey_by_reference(
        &self,
        reference_no: &str,
        environment: Option<Environment>,
    ) -> Result<Option<Arc<Journey>>, OutboxError> {
        self.kept.journey_by_reference(reference_no, environment)
    }

    fn journeys(&self, query: &JourneyQuery, cursor: Option<u64>, limit: usize) -> Result<Page<Journey>, OutboxError> {
        self.kept.journeys(query, cursor, limit)
    }

    fn event(&self, id: EventId) -> Result<Option<EventRecord>, OutboxError> {
        self.kept.event(id)
    }

    fn events(
        &self,
        journey: Option<JourneyId>,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<EventRecord>, OutboxError> {
        self.kept.events(journey, cursor, limit)
    }

    fn delivery(&self, id: DeliveryId) -> Result<Option<(Delivery, Vec<Attempt>)>, OutboxError> {
        self.kept.delivery(id)
    }

    fn deliveries(
        &self,
        query: &DeliveryQuery,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<Delivery>, OutboxError> {
        self.kept.deliveries(query, cursor, limit)
    }

    fn mail(&self, id: MailId) -> Result<Option<Mail>, OutboxError> {
        self.kept.mail(id)
    }

    fn mails(&self, cursor: Option<u64>, limit: usize) -> Result<Page<Mail>, OutboxError> {
        self.kept.mails(cursor, limit)
    }

    fn ledger(&self) -> Ledger {
        self.kept.ledger()
    }

    fn horizon(&self) -> Horizon {
        self.kept.horizon()
    }

    fn lanes(&self) -> Vec<LaneStatus> {
        self.kept.lanes()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn broken(&self) -> Option<String> {
        self.desk().broken.clone()
    }
}
