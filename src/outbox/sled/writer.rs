//! The writer thread: takes what is queued, writes it as one batch, and answers all of it when it is durable.
//!
//! While the disk works the next batch gathers. A store error, or a panic of the store, ends all writing: what was
//! asked from then on is answered with it.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Core;
use super::draft::Draft;
use super::live::Op;
use super::view::View;
use crate::clock::Timestamp;
use crate::ids::DeliveryId;
use crate::outbox::archive::{Appender, segment};
use crate::outbox::record::{Frame, Meta, keys};
use crate::outbox::{Commit, Committed, Note, OutboxError, Settlement, rules};

/// So many items wait for the writer; more would only add latency.
pub(super) const QUEUE: usize = 4_096;
/// The largest batch, in items. Beyond it a batch takes longer and gains nothing.
const BATCH: usize = 1_024;
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
}

/// An answer that waits until its batch is durable. A caller that went away is no error.
type Reply = Box<dyn FnOnce(Option<&OutboxError>) + Send>;

fn reply<T: Send + 'static>(answer: Answer<T>, result: Result<T, OutboxError>) -> Reply {
    Box::new(move |failed| {
        let _ = answer.send(failed.map_or(result, |error| Err(error.clone())));
    })
}

#[derive(Debug)]
pub(super) struct Writer {
    core: Arc<Core>,
    archive: Appender,
    meta: Meta,
    lanes: BTreeMap<Arc<str>, u32>,
    files: TreeFiles,
    retention: Duration,
}

/// sled's files, opened once more: its own flush is no durability point.
#[derive(Debug)]
pub(super) struct TreeFiles {
    db: File,
    /// A page that holds several large values goes to a file of its own here, which `db` only points to.
    blobs: PathBuf,
    synced: BTreeSet<OsString>,
}

impl TreeFiles {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let db = File::options().read(true).write(true).open(dir.join("db"))?;
        Ok(TreeFiles { db, blobs: dir.join("blobs"), synced: BTreeSet::new() })
    }

    /// Tells the disk to keep what sled has flushed.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        let mut found = BTreeSet::new();
        let mut fresh = false;
        for entry in fs::read_dir(&self.blobs)? {
            let name = entry?.file_name();
            if !self.synced.contains(&name) {
                match File::open(self.blobs.join(&name)) {
                    Ok(blob) => blob.sync_all()?,
                    // sled has done with it.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
                fresh = true;
            }
            found.insert(name);
        }
        if fresh {
            segment::sync_dir(&self.blobs)?;
        }
        self.synced = found;
        self.db.sync_data()
    }
}

impl Writer {
    pub(super) fn new(core: Arc<Core>, archive: Appender, meta: Meta, files: TreeFiles, retention: Duration) -> Self {
        let lanes = core.live().lanes();
        Writer { core, archive, meta, lanes, files, retention }
    }

    pub(super) fn run(mut self, mut items: mpsc::Receiver<Item>) {
        while let Some(first) = items.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(item) = items.try_recv()
            {
                batch.push(item);
            }
            self.take(batch);
        }
        if self.core.broken.get().is_none()
            && let Err(why) = guarded(|| self.close())
        {
            self.core.fail(&why.to_string());
        }
    }

    fn take(&mut self, items: Vec<Item>) {
        let mut replies = Vec::with_capacity(items.len());
        let failed = match self.core.check() {
            Err(error) => {
                items.into_iter().for_each(|item| replies.push(refuse(item)));
                Some(error)
            }
            Ok(()) => {
                let written = guarded(|| self.write(items, &mut replies));
                written.inspect_err(|error| self.core.fail(&inner(error))).err()
            }
        };
        // Whoever has its answer finds that the watchers were told.
        self.core.tell();
        for reply in replies {
            reply(failed.as_ref());
        }
    }

    /// Writes a batch. On an error items that have no reply yet find their answers dropped, which says the same.
    fn write(&mut self, items: Vec<Item>, replies: &mut Vec<Reply>) -> Result<(), OutboxError> {
        let core = self.core.clone();
        let mut draft = Draft {
            core: &core,
            view: View::new(&core.tree),
            archive: &mut self.archive,
            lanes: &mut self.lanes,
            meta: self.meta.clone(),
            ops: Vec::new(),
            new_lanes: Vec::new(),
        };
        let (mut expired, mut reserve) = (None, false);
        for item in items {
            match item {
                Item::Commit(commit, answer) => replies.push(reply(answer, fatal(draft.commit(*commit))?)),
                Item::Settle(settlements, answer) => {
                    settlements.into_iter().try_for_each(|settlement| draft.settle(settlement))?;
                    replies.push(reply(answer, Ok(())));
                }
                Item::Redeliver(of, now, answer) => replies.push(reply(answer, fatal(draft.redeliver(of, now))?)),
                Item::Cancel(id, now, answer) => replies.push(reply(answer, fatal(draft.cancel(id, now))?)),
                Item::Expire(now, answer) => {
                    expired = Some(now);
                    replies.push(reply(answer, Ok(())));
                }
                Item::Note(note, answer) => {
                    draft.note(note);
                    replies.push(reply(answer, Ok(())));
                }
                Item::Reserve(answer) => {
                    reserve = true;
                    replies.push(Box::new(move |_| drop(answer)));
                }
            }
        }
        let Draft { view, meta, ops, new_lanes, .. } = draft;
        if view.is_unchanged() && expired.is_none() && !reserve {
            return Ok(());
        }
        self.meta = meta;
        if let Some(now) = expired {
            self.expire(now)?;
        }
        let given = self.core.given.load(Ordering::Relaxed);
        if given + AHEAD / 2 > self.meta.journey_numbers {
            self.meta.journey_numbers = given + AHEAD;
        }
        self.keep(view, &ops)?;
        let mut live = self.core.live();
        new_lanes.into_iter().for_each(|(lane, webhook)| live.add_lane(lane, webhook));
        live.set_counts(self.meta.counts, self.meta.last_instant);
        live.publish(&ops);
        drop(live);
        self.core.reserved.store(self.meta.journey_numbers, Ordering::Release);
        if expired.is_some() {
            self.core.archive.drop_before(self.meta.first_segment)?;
        }
        Ok(())
    }

    /// Makes a batch durable: the archive first, then the tree, whose meta record says how far the archive goes.
    fn keep(&mut self, mut view: View<'_>, ops: &[Op]) -> Result<(), OutboxError> {
        self.meta.batch += 1;
        self.archive.push(&Frame::Batch { number: self.meta.batch });
        self.meta.archive_end = self.archive.end();
        view.put(keys::META.to_vec(), &self.meta);
        {
            // New rows are visible in the tree before they are durable: until then they are the writer's.
            let mut live = self.core.live();
            for op in ops {
                if let Op::Put(row) = op {
                    live.take_unclaimed(*row);
                }
            }
        }
        self.archive.sync()?;
        self.core.tree.apply_batch(view.into_batch())?;
        self.core.tree.flush()?;
        self.files.sync()?;
        self.archive.publish()?;
        self.archive.mark(self.meta.batch)?;
        Ok(())
    }

    /// Finds the oldest segment that is to be kept. Pending deliveries and mails keep theirs.
    fn expire(&mut self, now: Timestamp) -> Result<(), OutboxError> {
        let mut delivery = u64::MAX;
        let mut mail = u64::MAX;
        for found in self.core.tree.scan_prefix(b"L").keys() {
            if let Some(row) = keys::read_row(&found?) {
                if row.lane >= rules::FIRST_WEBHOOK_LANE {
                    delivery = delivery.min(row.serial);
                } else if row.lane == rules::MAIL_LANE && row.serial & 1 == 1 {
                    mail = mail.min(row.serial >> 1);
                }
            }
        }
        for found in self.core.tree.scan_prefix(b"P").keys() {
            if let Some((_, serial)) = keys::read_parked(&found?) {
                delivery = delivery.min(serial);
            }
        }
        let first = self.core.archive.oldest_to_keep(now.minus(self.retention), delivery, mail);
        self.meta.first_segment = self.meta.first_segment.max(first);
        Ok(())
    }

    /// Gives reserved journey numbers back, and lets the disk keep the archive's mark.
    fn close(&mut self) -> Result<(), OutboxError> {
        let core = self.core.clone();
        self.meta.journey_numbers = core.given.load(Ordering::Relaxed);
        self.keep(View::new(&core.tree), &[])?;
        self.archive.close()?;
        Ok(())
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
        Item::Commit(_, answer) => reply(answer, Err(broken())),
        Item::Settle(_, answer) | Item::Note(_, answer) => reply(answer, Err(broken())),
        Item::Cancel(_, _, answer) | Item::Expire(_, answer) => reply(answer, Err(broken())),
        Item::Redeliver(_, _, answer) => reply(answer, Err(broken())),
        Item::Reserve(answer) => Box::new(move |_| drop(answer)),
    }
}

fn inner(error: &OutboxError) -> String {
    match error {
        OutboxError::Broken(why) => why.clone(),
        other => other.to_string(),
    }
}

/// sled may panic where others return an error.
fn guarded(write: impl FnOnce() -> Result<(), OutboxError>) -> Result<(), OutboxError> {
    catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|panic| Err(OutboxError::Broken(said(&*panic))))
}

/// What a panic said.
pub(super) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the store panicked: {}", text.unwrap_or("without a word"))
}
