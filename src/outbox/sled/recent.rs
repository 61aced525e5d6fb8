//! What was written lately, as it is: whoever plays a journey asks for it before each of its steps.

use std::collections::HashMap;
use std::hash::Hash;

/// So many are kept for sure, and at most twice as many.
const KEPT: usize = 4_096;

/// Two generations: when the young one is full, the old one is forgotten.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Recent { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K: Eq + Hash, V> Recent<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= KEPT && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_is_kept_as_it_is() {
        let mut recent = Recent::default();
        for number in 1..=3 * KEPT {
            recent.put(number, 0);
            recent.put(number, number);
            for kept in [number, number.saturating_sub(KEPT - 1).max(1)] {
                assert_eq!(recent.get(&kept), Some(&kept), "after {number}");
            }
        }
        assert!(recent.young.len() + recent.old.len() <= 2 * KEPT);
        assert_eq!(recent.get(&1), None);
    }
}
