//! The tree as the batch that is being gathered will leave it. Only the writer has one.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::Tree;

use crate::outbox::OutboxError;
use crate::outbox::record;

#[derive(Debug)]
pub(super) struct View<'a> {
    tree: &'a Tree,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl<'a> View<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        View { tree, changes: BTreeMap::new() }
    }

    pub(super) fn has(&self, key: &[u8]) -> Result<bool, OutboxError> {
        match self.changes.get(key) {
            Some(change) => Ok(change.is_some()),
            None => Ok(self.tree.contains_key(key)?),
        }
    }

    pub(super) fn get<T: DeserializeOwned>(&self, what: &'static str, key: &[u8]) -> Result<Option<T>, OutboxError> {
        match self.changes.get(key) {
            Some(Some(value)) => Ok(Some(record::open(what, key, value)?)),
            Some(None) => Ok(None),
            None => match self.tree.get(key)? {
                Some(value) => Ok(Some(record::open(what, key, &value)?)),
                None => Ok(None),
            },
        }
    }

    pub(super) fn put<T: Serialize>(&mut self, key: Vec<u8>, value: &T) {
        let sealed = record::seal(&key, value);
        self.changes.insert(key, Some(sealed));
    }

    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// The first key that starts with `prefix`.
    pub(super) fn first(&self, prefix: &[u8]) -> Result<Option<Vec<u8>>, OutboxError> {
        let starts = |key: &&Vec<u8>| key.starts_with(prefix);
        let changed = self.changes.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded));
        let mut changed = changed.filter(|(_, change)| change.is_some()).map(|(key, _)| key);
        let put = changed.next().filter(starts).cloned();
        for found in self.tree.scan_prefix(prefix) {
            let (key, _) = found?;
            if !self.changes.contains_key(&*key) {
                return Ok(Some(match put {
                    Some(put) if put[..] < key[..] => put,
                    _ => key.to_vec(),
                }));
            }
        }
        Ok(put)
    }

    pub(super) fn is_unchanged(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn into_batch(self) -> sled::Batch {
        let mut batch = sled::Batch::default();
        for (key, change) in self.changes {
            match change {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch
    }
}
