//! The writer thread: takes what is queued, writes it as one batch, and answers all of it when it is durable.
//!
//! While the disk works the next batch gathers, and for a little longer where many write (`gather.rs`). A store error, or
//! a panic of the store, ends all writing: what was asked from then on is answered with it.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Core;
use super::draft::Draft;
use super::follow::Follower;
use super::gather::{SLICE, gather};
use super::known::Known;
use super::live::Op;
use super::table::Change;
use super::tree::said;
use super::view::View;
use crate::clock::Timestamp;
use crate::ids::DeliveryId;
use crate::outbox::archive::Appender;
use crate::outbox::record::{self, Frame, Meta, Place, keys};
use crate::outbox::{Commit, Committed, Note, OutboxError, Settlement};
use crate::provider::Journey;

/// So many items wait for the writer; more would only add latency.
pub(super) const QUEUE: usize = 4_096;
/// The largest batch, in items. Beyond it a batch takes longer and gains nothing.
const BATCH: usize = 1_024;
/// A batch that has so many bytes takes nothing more; the last item may bring as many again.
const BATCH_BYTES: usize = 8 << 20;
/// Journey numbers that are reserved ahead; a crash leaves a gap of at most so many.
const AHEAD: u64 = 4_096;

type Answer<T> = oneshot::Sender<Result<T, OutboxError>>;

/// What is asked of the writer.
#[derive(Debug)]
pub(super) enum Item {
    Commit(Box<Commit>, Answer<Committed>),
    Settle(Vec<Settlement>, Answer<()>),
    Redeliver(DeliveryId, Timestamp, Answer<DeliveryId>),
    Cancel(DeliveryId, Timestamp, Answer<()>),
    Expire(Timestamp, Answer<()>),
    Note(Note, Answer<()>),
    Reserve(SyncSender<()>),
    Close(Answer<()>),
}

/// An answer that waits until its batch is durable.
#[derive(Debug)]
enum Reply {
    Committed(Answer<Committed>, Result<Committed, OutboxError>),
    Numbered(Answer<DeliveryId>, Result<DeliveryId, OutboxError>),
    Done(Answer<()>, Result<(), OutboxError>),
    Reserved(SyncSender<()>),
}

impl Reply {
    /// Answers; with the failure, if the batch has come to one.
    fn give(self, failed: Option<&OutboxError>) {
        fn send<T>(answer: Answer<T>, result: Result<T, OutboxError>, failed: Option<&OutboxError>) {
            // A caller that went away is no error.
            let _ = answer.send(failed.map_or(result, |error| Err(error.clone())));
        }
        match self {
            Reply::Committed(answer, result) => send(answer, result, failed),
            Reply::Numbered(answer, result) => send(answer, result, failed),
            Reply::Done(answer, result) => send(answer, result, failed),
            Reply::Reserved(answer) => drop(answer),
        }
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    core: Arc<Core>,
    archive: Appender,
    meta: Meta,
    known: Known,
    follower: Follower,
    retention: Duration,
    /// Nothing was asked since all was written and the tree has it.
    closed: bool,
}

impl Writer {
    pub(super) fn new(
        core: Arc<Core>,
        archive: Appender,
        meta: Meta,
        known: Known,
        follower: Follower,
        retention: Duration,
    ) -> Self {
        Writer { core, archive, meta, known, follower, retention, closed: false }
    }

    pub(super) fn run(mut self, mut items: mpsc::Receiver<Item>) {
        let mut before = 0;
        while let Some(first) = items.blocking_recv() {
            gather(before, || items.len(), || std::thread::sleep(SLICE));
            let mut queued = VecDeque::from([first]);
            while queued.len() < BATCH
                && let Ok(item) = items.try_recv()
            {
                queued.push_back(item);
            }
            before = queued.len();
            while !queued.is_empty() {
                self.take(&mut queued);
                self.follower.keep_pace();
            }
        }
        if !self.closed
            && self.core.broken.get().is_none()
            && let Err(why) = guarded(|| self.close())
        {
            self.core.fail(&why);
        }
    }

    /// Writes what is queued, or as much of it as one batch may hold.
    fn take(&mut self, items: &mut VecDeque<Item>) {
        let mut replies = Vec::with_capacity(items.len());
        let failed = match self.core.check() {
            Err(error) => {
                items.drain(..).for_each(|item| replies.push(refuse(item)));
                Some(error)
            }
            Ok(()) => {
                let written = guarded(|| self.write(items, &mut replies));
                written.inspect_err(|error| self.core.fail(error)).err()
            }
        };
        // Whoever has its answer finds that the watchers were told.
        self.core.tell();
        for reply in replies {
            reply.give(failed.as_ref());
        }
    }

    /// Writes a batch. On an error items that have no reply yet find their answers dropped, which says the same.
    fn write(&mut self, items: &mut VecDeque<Item>, replies: &mut Vec<Reply>) -> Result<(), OutboxError> {
        let core = self.core.clone();
        self.archive.rotate_when_full()?;
        let expires = items.iter().find_map(|item| if let Item::Expire(now, _) = item { Some(*now) } else { None });
        if let Some(now) = expires.filter(|_| self.known.oldest_needed().is_none()) {
            self.archive.rotate_when_over(now.minus(self.retention))?;
        }
        let mut draft = Draft {
            core: &core,
            view: View::new(&core.table),
            archive: &mut self.archive,
            known: &mut self.known,
            meta: self.meta.clone(),
            ops: Vec::new(),
            journeys: BTreeMap::new(),
            unseen: None,
            new_lanes: Vec::new(),
        };
        let (mut expired, mut reserve, mut close) = (None, false, false);
        while draft.size() < BATCH_BYTES
            && let Some(item) = items.pop_front()
        {
            match item {
                Item::Commit(commit, answer) => replies.push(Reply::Committed(answer, fatal(draft.commit(*commit))?)),
                Item::Settle(settlements, answer) => {
                    settlements.into_iter().try_for_each(|settlement| draft.settle(settlement))?;
                    replies.push(Reply::Done(answer, Ok(())));
                }
                Item::Redeliver(of, now, answer) => {
                    replies.push(Reply::Numbered(answer, fatal(draft.redeliver(of, now))?))
                }
                Item::Cancel(id, now, answer) => replies.push(Reply::Done(answer, fatal(draft.cancel(id, now))?)),
                Item::Expire(now, answer) => {
                    expired = Some(now);
                    replies.push(Reply::Done(answer, Ok(())));
                }
                Item::Note(note, answer) => {
                    draft.note(note);
                    replies.push(Reply::Done(answer, Ok(())));
                }
                Item::Reserve(answer) => {
                    reserve = true;
                    replies.push(Reply::Reserved(answer));
                }
                Item::Close(answer) => {
                    close = true;
                    replies.push(Reply::Done(answer, Ok(())));
                }
            }
        }
        if let Some(now) = expired {
            draft.expire(now.minus(self.retention))?;
        }
        let Draft { view, meta, ops, journeys, new_lanes, .. } = draft;
        if view.is_unchanged() && expired.is_none() && !reserve && !close {
            return Ok(());
        }
        self.meta = meta;
        self.closed = close;
        let given = self.core.given.load(Ordering::Relaxed);
        if close {
            self.meta.journey_numbers = given;
        } else if given + AHEAD / 2 > self.meta.journey_numbers {
            self.meta.journey_numbers = given + AHEAD;
        }
        self.keep(view, ops, new_lanes, journeys.into_values().collect())?;
        if close {
            self.follower.catch_up();
            self.core.check()?;
        }
        Ok(())
    }

    /// Makes a batch durable, and lets everybody see it.
    fn keep(
        &mut self,
        mut view: View<'_>,
        ops: Vec<Op>,
        new_lanes: Vec<(u32, Arc<str>)>,
        journeys: Vec<Arc<Journey>>,
    ) -> Result<(), OutboxError> {
        self.meta.batch += 1;
        self.meta.archive_end = Place::NOWHERE;
        for (segment, count) in self.known.counted() {
            let key = keys::needed(segment);
            match count {
                Some(count) => view.put(key, &count),
                None => view.remove(key),
            }
        }
        let (mut changes, mut born) = (Vec::new(), Vec::new());
        for (key, change) in view.into_changes() {
            changes.push((key, change.value));
            born.push(change.born);
        }
        let frame = Frame::Batch { meta: self.meta.clone(), changes };
        self.archive.push(&frame);
        self.meta.archive_end = self.archive.end();
        self.archive.sync(self.meta.batch)?;
        let Frame::Batch { mut changes, .. } = frame else { return Ok(()) };
        changes.push((keys::META.into(), Some(record::seal(keys::META, &self.meta).into())));
        born.push(false);
        self.archive.publish();
        let changes = changes.into_iter().zip(born).map(|((key, value), born)| (key, Change { value, born }));
        let core = &self.core;
        core.remember(journeys);
        let behind = {
            let mut live = core.live();
            new_lanes.into_iter().for_each(|(lane, webhook)| live.add_lane(lane, webhook));
            live.set_counts(self.meta.counts, self.meta.last_instant);
            // Together, as a lane's pages are read from the one and belong to the other.
            let behind = core.table.publish(changes);
            live.publish(ops);
            behind
        };
        core.reserved.store(self.meta.journey_numbers, Ordering::Release);
        self.follower.published(behind);
        Ok(())
    }

    /// Gives reserved journey numbers back.
    fn close(&mut self) -> Result<(), OutboxError> {
        let core = self.core.clone();
        self.meta.journey_numbers = core.given.load(Ordering::Relaxed);
        self.keep(View::new(&core.table), Vec::new(), Vec::new(), Vec::new())
    }
}

/// Tells refusals, which are answers, from what breaks the store.
fn fatal<T>(result: Result<T, OutboxError>) -> Result<Result<T, OutboxError>, OutboxError> {
    match result {
        Err(error @ OutboxError::Broken(_)) => Err(error),
        other => Ok(other),
    }
}

fn refuse(item: Item) -> Reply {
    let broken = || OutboxError::Broken(String::new());
    match item {
        Item::Commit(_, answer) => Reply::Committed(answer, Err(broken())),
        Item::Settle(_, answer) | Item::Note(_, answer) => Reply::Done(answer, Err(broken())),
        Item::Cancel(_, _, answer) | Item::Expire(_, answer) => Reply::Done(answer, Err(broken())),
        Item::Close(answer) => Reply::Done(answer, Err(broken())),
        Item::Redeliver(_, _, answer) => Reply::Numbered(answer, Err(broken())),
        Item::Reserve(answer) => Reply::Reserved(answer),
    }
}

/// sled may panic where others return an error.
fn guarded(write: impl FnOnce() -> Result<(), OutboxError>) -> Result<(), OutboxError> {
    catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|panic| Err(OutboxError::Broken(said(&*panic))))
}
