//! What was written lately, as it is: whoever plays a journey asks for it before each of its steps.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Two generations: when the young one is as heavy as it may be, the old one is forgotten.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    young: FxHashMap<K, V>,
    old: FxHashMap<K, V>,
    weight: usize,
    limit: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Keeps the latest for sure up to a weight of `limit`, and at most twice as much and one more.
    pub(super) fn new(limit: usize) -> Self {
        Recent { young: FxHashMap::default(), old: FxHashMap::default(), weight: 0, limit }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// Keeps `value`, which weighs `weight` if `key` is a new one; one that is known keeps the weight it had.
    pub(super) fn put(&mut self, key: K, value: V, weight: usize) {
        if let Some(known) = self.young.get_mut(&key) {
            *known = value;
            return;
        }
        if self.weight + weight > self.limit {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_is_kept_as_it_is() {
        const KEPT: usize = 64;
        let mut recent = Recent::new(KEPT * 8);
        for number in 1..=3 * KEPT {
            recent.put(number, 0, 8);
            recent.put(number, number, 8);
            for kept in [number, number.saturating_sub(KEPT - 1).max(1)] {
                assert_eq!(recent.get(&kept), Some(&kept), "after {number}");
            }
        }
        assert!(recent.young.len() + recent.old.len() <= 2 * KEPT);
        assert_eq!(recent.get(&1), None);
    }

    #[test]
    fn what_is_kept_weighs_no_more_than_it_may() {
        const LIMIT: usize = 100;
        for weight in [1, 7, 30, 50, 51, 99, 100, 101, 1_000] {
            let mut recent = Recent::new(LIMIT);
            for number in 0..1_000 {
                recent.put(number, number, weight);
                assert_eq!(recent.get(&number), Some(&number), "the last one is kept, whatever it weighs");
                let kept = recent.young.len() + recent.old.len();
                assert!(kept <= 2 * (LIMIT / weight).max(1), "{kept} that weigh {weight}");
            }
        }
    }
}
