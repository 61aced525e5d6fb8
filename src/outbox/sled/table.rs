//! The tree, and before it what is durable in the archive and not in the tree yet.
//!
//! A batch is durable once the archive has it; the tree follows, many batches at once. Most rows of the queue come
//! and go in between, so that the tree never hears of them. Readers see both as one.
//!
//! ```text
//!   writer --publish--> fresh --start_move--> moving --end_move--> (gone: the tree has it)
//!   reader: fresh, else moving, else tree
//! ```

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use super::tree::{Tree, weight};
use crate::outbox::OutboxError;
use crate::outbox::record::keys::{self, Key};

/// A scan reads so many rows at a time: the writer waits no longer than that.
const CHUNK: usize = 512;

/// What becomes of a key.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// `None`: it goes.
    pub(super) value: Option<Bytes>,
    /// The key was not there before: if it goes before the tree has heard of it, nothing is left to tell.
    pub(super) born: bool,
}

impl Change {
    /// What it costs to remember, roughly.
    fn size(&self, key: &Key) -> usize {
        const ENTRY: usize = 160;
        ENTRY + key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

pub(super) type Changes = BTreeMap<Key, Change>;

/// A key and its value.
pub(super) type Pair = (Key, Bytes);

/// See the module.
#[derive(Debug)]
pub(super) struct Table(RwLock<Layers>);

/// The tree, and what it does not have yet.
#[derive(Debug)]
struct Layers {
    fresh: Changes,
    moving: Arc<Changes>,
    /// Of `fresh`, roughly.
    bytes: usize,
    /// Another one with the same rows may take its place at any time.
    tree: Arc<Tree>,
}

/// What a tree was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The weight of the rows that came.
    pub(super) put: u64,
    /// The weight of the rows that went, or gave way to others.
    pub(super) gone: u64,
}

impl Layers {
    fn get(&self, key: &[u8]) -> Option<&Change> {
        self.fresh.get(key).or_else(|| self.moving.get(key))
    }
}

impl Table {
    pub(super) fn new(tree: Tree) -> Self {
        let (fresh, moving) = (Changes::new(), Arc::default());
        Table(RwLock::new(Layers { fresh, moving, bytes: 0, tree: Arc::new(tree) }))
    }

    fn read(&self) -> RwLockReadGuard<'_, Layers> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Layers> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tree. It may give its place to another while somebody holds it; its files are there until nobody does.
    pub(super) fn tree(&self) -> Arc<Tree> {
        self.read().tree.clone()
    }

    /// What has become of a key that the tree has not heard of yet; else the tree, to be asked without the lock.
    fn ahead(&self, key: &[u8]) -> Result<Option<Bytes>, Arc<Tree>> {
        let layers = self.read();
        layers.get(key).map(|change| change.value.clone()).ok_or_else(|| layers.tree.clone())
    }

    pub(super) fn has(&self, key: &[u8]) -> Result<bool, OutboxError> {
        match self.ahead(key) {
            Ok(value) => Ok(value.is_some()),
            Err(tree) => Ok(tree.contains_key(key)?),
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, OutboxError> {
        match self.ahead(key) {
            Ok(value) => Ok(value),
            // What has left `moving` by now is in the tree.
            Err(tree) => Ok(tree.get(key)?.map(|value| Bytes::copy_from_slice(&value))),
        }
    }

    /// The first `limit` rows from `from` on and before `end`.
    pub(super) fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Pair>, OutboxError> {
        self.walk(from, end, limit, false)
    }

    /// The last `limit` rows from `from` on and before `end`, last first.
    pub(super) fn page_back(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Pair>, OutboxError> {
        self.walk(from, end, limit, true)
    }

    fn walk(&self, from: &[u8], end: &[u8], limit: usize, back: bool) -> Result<Vec<Pair>, OutboxError> {
        if from >= end {
            return Ok(Vec::new());
        }
        let bounds = (Bound::Included(from), Bound::Excluded(end));
        let ahead = self.read();
        let fresh = directed(ahead.fresh.range::<[u8], _>(bounds), back);
        let moving = directed(ahead.moving.range::<[u8], _>(bounds), back);
        let tree = directed(ahead.tree.range::<&[u8], _>((Bound::Included(from), Bound::Excluded(end))), back);
        let (mut fresh, mut moving, mut tree) = (fresh.peekable(), moving.peekable(), tree.peekable());
        let mut rows = Vec::new();
        while rows.len() < limit {
            if let Some(Err(error)) = tree.peek() {
                return Err(error.clone().into());
            }
            let stored = tree.peek().and_then(|found| found.as_ref().ok()).map(|(key, _)| &key[..]);
            let heads = [fresh.peek().map(|(key, _)| &key[..]), moving.peek().map(|(key, _)| &key[..]), stored];
            let heads = heads.into_iter().flatten();
            let Some(key) = (if back { heads.max() } else { heads.min() }).map(Key::from) else { break };
            let newer = fresh.next_if(|(other, _)| **other == key);
            let older = moving.next_if(|(other, _)| **other == key);
            let stored = tree.next_if(|found| found.as_ref().map_or(true, |(other, _)| other[..] == key[..]));
            let stored = stored.transpose()?;
            let value = match newer.or(older) {
                Some((_, change)) => change.value.clone(),
                None => stored.map(|(_, value)| Bytes::copy_from_slice(&value)),
            };
            rows.extend(value.map(|value| (key, value)));
        }
        Ok(rows)
    }

    /// All rows from `from` on and before `end`, a chunk at a time: what changes meanwhile may be seen or not.
    pub(super) fn range(&self, from: Key, end: Key) -> impl Iterator<Item = Result<Pair, OutboxError>> {
        let mut from = Some(from);
        let chunks = std::iter::from_fn(move || {
            let start = from.take()?;
            let rows = match self.page(&start, &end, CHUNK) {
                Ok(rows) => rows,
                Err(error) => return Some(vec![Err(error)]),
            };
            if rows.len() == CHUNK {
                from = rows.last().map(|(key, _)| key.after());
            }
            Some(rows.into_iter().map(Ok).collect())
        });
        chunks.flatten()
    }

    /// All rows whose keys start with `prefix`.
    pub(super) fn prefixed(&self, prefix: &[u8]) -> impl Iterator<Item = Result<Pair, OutboxError>> + use<'_> {
        self.range(prefix.into(), Key::beyond(prefix))
    }

    /// Lets readers see a batch that is durable. Says how many bytes the tree is behind now.
    pub(super) fn publish(&self, changes: impl Iterator<Item = (Key, Change)>) -> usize {
        let mut guard = self.write();
        let ahead = &mut *guard;
        for (key, mut change) in changes {
            change.born &= !ahead.moving.contains_key(&key);
            match ahead.fresh.entry(key) {
                Entry::Vacant(vacant) => {
                    ahead.bytes += change.size(vacant.key());
                    vacant.insert(change);
                }
                Entry::Occupied(mut occupied) => {
                    ahead.bytes = ahead.bytes.saturating_sub(occupied.get().size(occupied.key()));
                    // The tree has never heard of it, and never will.
                    if change.value.is_none() && occupied.get().born {
                        occupied.remove();
                    } else {
                        occupied.get_mut().value = change.value;
                        ahead.bytes += occupied.get().size(occupied.key());
                    }
                }
            }
        }
        ahead.bytes
    }

    /// What the tree is to be told next; nothing may be moving.
    pub(super) fn start_move(&self) -> Arc<Changes> {
        let mut ahead = self.write();
        ahead.moving = Arc::new(std::mem::take(&mut ahead.fresh));
        ahead.bytes = 0;
        ahead.moving.clone()
    }

    /// The tree has what was moving, durable.
    pub(super) fn end_move(&self) {
        let moved = std::mem::take(&mut self.write().moving);
        // Not under the lock: there may be many.
        drop(moved);
    }

    /// Tells the tree, key by key: one large batch would keep every page that it replaced in memory until its end. The
    /// meta record stays as it is, so that whoever opens the tree in between tells it all of this once more.
    pub(super) fn move_down(&self, changes: &Changes) -> Result<Told, OutboxError> {
        let (tree, mut told) = (self.tree(), Told::default());
        for (key, change) in changes.iter().filter(|(key, _)| ***key != *keys::META) {
            let old = match &change.value {
                Some(value) => tree.insert(&key[..], &value[..])?,
                None => tree.remove(&key[..])?,
            };
            told.put += change.value.as_ref().map_or(0, |value| weight(key, value.len()));
            told.gone += old.map_or(0, |old| weight(key, old.len()));
        }
        Ok(told)
    }

    /// Tells the tree how far it has come, once all of that is durable in it.
    pub(super) fn move_meta(&self, changes: &Changes) -> Result<(), OutboxError> {
        if let Some(value) = changes.get(keys::META).and_then(|change| change.value.as_ref()) {
            self.tree().insert(keys::META, &value[..])?;
        }
        Ok(())
    }

    /// Lets sled write what it has in memory. Not durable yet.
    pub(super) fn flush(&self) -> Result<(), OutboxError> {
        self.tree().flush()?;
        Ok(())
    }

    /// Puts `tree`, which has the same rows, in the tree's place; nothing may be moving. Gives the one that was there.
    pub(super) fn replace(&self, tree: Tree) -> Arc<Tree> {
        std::mem::replace(&mut self.write().tree, Arc::new(tree))
    }
}

fn directed<'a, I>(range: I, back: bool) -> Box<dyn Iterator<Item = I::Item> + 'a>
where
    I: DoubleEndedIterator + 'a,
{
    if back { Box::new(range.rev()) } else { Box::new(range) }
}
