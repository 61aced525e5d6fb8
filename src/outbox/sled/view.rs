//! The table as the batch that is being gathered will leave it. Only the writer has one.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::table::{Change, Table};
use crate::outbox::OutboxError;
use crate::outbox::record::{self, keys::Key};

#[derive(Debug)]
pub(super) struct View<'a> {
    table: &'a Table,
    changes: BTreeMap<Key, Change>,
    /// Of all values that were put.
    bytes: usize,
    /// Where each value is made before it gets as much memory as it takes.
    scratch: Vec<u8>,
}

impl<'a> View<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        View { table, changes: BTreeMap::new(), bytes: 0, scratch: Vec::new() }
    }

    pub(super) fn has(&self, key: &[u8]) -> Result<bool, OutboxError> {
        match self.changes.get(key) {
            Some(change) => Ok(change.value.is_some()),
            None => self.table.has(key),
        }
    }

    pub(super) fn get<T: DeserializeOwned>(&self, what: &'static str, key: &[u8]) -> Result<Option<T>, OutboxError> {
        let value = match self.changes.get(key) {
            Some(change) => change.value.clone(),
            None => self.table.get(key)?,
        };
        value.map(|value| Ok(record::open(what, key, &value)?)).transpose()
    }

    /// The same of what this batch has changed; the table is not asked.
    pub(super) fn get_changed<T: DeserializeOwned>(
        &self,
        what: &'static str,
        key: &[u8],
    ) -> Result<Option<T>, OutboxError> {
        let value = self.changes.get(key).and_then(|change| change.value.as_ref());
        value.map(|value| Ok(record::open(what, key, value)?)).transpose()
    }

    /// How many bytes were put.
    pub(super) fn size(&self) -> usize {
        self.bytes
    }

    pub(super) fn put<T: Serialize>(&mut self, key: Key, value: &T) {
        self.change(key, value, false);
    }

    /// Puts a key that is not there, neither in this view.
    pub(super) fn put_new<T: Serialize>(&mut self, key: Key, value: &T) {
        self.change(key, value, true);
    }

    fn change<T: Serialize>(&mut self, key: Key, value: &T, born: bool) {
        self.scratch = record::seal_in(std::mem::take(&mut self.scratch), &key, value);
        self.bytes += self.scratch.len();
        let change = self.changes.entry(key).or_insert(Change { value: None, born });
        change.value = Some(Bytes::copy_from_slice(&self.scratch));
    }

    pub(super) fn remove(&mut self, key: Key) {
        let change = self.changes.entry(key).or_insert(Change { value: None, born: false });
        change.value = None;
    }

    /// The first key that starts with `prefix`.
    pub(super) fn first(&self, prefix: &[u8]) -> Result<Option<Key>, OutboxError> {
        let end = Key::beyond(prefix);
        let changed = || self.changes.range::<[u8], _>((Bound::Included(prefix), Bound::Excluded(&end[..])));
        let put = changed().find(|(_, change)| change.value.is_some()).map(|(key, _)| key.clone());
        // One more than could have changed: if any has not, it is among them.
        let stored = self.table.page(prefix, &end, changed().count() + 1)?;
        let unchanged = stored.into_iter().map(|(key, _)| key).find(|key| !self.changes.contains_key(key));
        Ok(put.into_iter().chain(unchanged).min())
    }

    pub(super) fn is_unchanged(&self) -> bool {
        self.changes.is_empty()
    }

    /// What has changed. What came and went in between has not.
    pub(super) fn into_changes(mut self) -> BTreeMap<Key, Change> {
        self.changes.retain(|_, change| change.value.is_some() || !change.born);
        self.changes
    }
}
