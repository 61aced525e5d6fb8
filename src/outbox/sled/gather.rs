//! How long a batch gathers before it is written, where many write at once.
//!
//! A sync costs the same whatever it makes durable: processor time, and whoever it wakes. A writer that takes what is there
//! as soon as the disk is free writes batches as small as the disk is fast. So after a large batch it waits for the next to
//! become large too, as long as more comes; after a small one it waits for nobody.

use std::time::Duration;

/// Who was in a batch of so many items was not alone.
const CROWD: usize = 16;

/// So many items are worth a sync. Measured, noisily: where nothing gathers, 256 callers have 0.92 of the rate; where twice as
/// many gather, 64 callers have 0.87 of what they have without, for all of them wait for one sync.
const ENOUGH: usize = 96;

/// Slices of time in which a batch gathers: long enough for some dozens of items where there is a crowd.
pub(super) const SLICE: Duration = Duration::from_micros(300);
const SLICES: usize = 4;

/// Where fewer come in a slice, those that write wait for us, or are too slow to be waited for.
const FEW: usize = 6;

/// Waits, if it is worth it, for what is going to be written with the items that `waiting` counts. `before` is the size of
/// the batch before this one; `pause` lasts for a [`SLICE`].
pub(super) fn gather(before: usize, waiting: impl Fn() -> usize, mut pause: impl FnMut()) {
    if before < CROWD {
        return;
    }
    let mut had = waiting();
    for _ in 0..SLICES {
        if had >= ENOUGH {
            return;
        }
        pause();
        let now = waiting();
        if now < had + FEW {
            return;
        }
        had = now;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How many slices it waits where `has` wait already and so many more come in each.
    fn slices(before: usize, has: usize, come: usize) -> usize {
        let (waiting, slices) = (Cell::new(has), Cell::new(0));
        let pause = || {
            waiting.set(waiting.get() + come);
            slices.set(slices.get() + 1);
        };
        gather(before, || waiting.get(), pause);
        slices.get()
    }

    #[test]
    fn who_writes_alone_or_among_few_waits_for_nobody() {
        for before in 0..CROWD {
            assert_eq!(slices(before, 1, 50), 0, "{before}");
        }
    }

    #[test]
    fn a_crowd_is_waited_for_until_there_are_enough() {
        assert_eq!(slices(CROWD, 10, 30), 3);
        assert_eq!(slices(CROWD, ENOUGH - 1, 30), 1);
        assert_eq!(slices(CROWD, ENOUGH, 30), 0);
    }

    #[test]
    fn nobody_is_waited_for_who_does_not_come() {
        assert_eq!(slices(1_000, 0, 0), 1);
        assert_eq!(slices(1_000, 20, FEW - 1), 1);
    }

    #[test]
    fn who_waits_waits_for_a_few_slices_at_most() {
        assert_eq!(slices(1_000, 0, FEW), SLICES);
    }
}
