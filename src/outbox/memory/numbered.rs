//! Things with numbers from 1 on, without gaps.
//!
//! Kept in chunks: a thing stays where it is however many follow, and is found by its number at once.

/// So many lie together.
const CHUNK: usize = 1_024;

/// See the module.
#[derive(Debug)]
pub(super) struct Numbered<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Numbered { chunks: Vec::new() }
    }
}

impl<T> Numbered<T> {
    /// How many there are, which is the number of the last.
    pub(super) fn len(&self) -> u64 {
        let last = self.chunks.last().map_or(CHUNK, Vec::len);
        (self.chunks.len() * CHUNK + last - CHUNK) as u64
    }

    /// Adds one: its number.
    pub(super) fn push(&mut self, thing: T) -> u64 {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(thing),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(thing);
                self.chunks.push(chunk);
            }
        }
        self.len()
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        self.chunks.get_mut(place / CHUNK)?.get_mut(place % CHUNK)
    }

    /// Those up to `newest`, with their numbers, the last first.
    pub(super) fn back_from(&self, newest: u64) -> impl Iterator<Item = (u64, &T)> {
        (1..=newest.min(self.len())).rev().filter_map(|number| Some((number, self.get(number)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_number_and_nothing_by_any_other() {
        let mut things = Numbered::default();
        assert_eq!((things.len(), things.get(0), things.get(1)), (0, None, None));
        for number in 1..=2 * CHUNK as u64 + 1 {
            assert_eq!(things.push(number * 10), number);
            assert_eq!((things.len(), things.get(number)), (number, Some(&(number * 10))));
            assert_eq!(things.get(number + 1), None);
            assert_eq!(things.get_mut(0), None);
        }
        *things.get_mut(CHUNK as u64 + 1).expect("there") = 7;
        let last: Vec<_> = things.back_from(CHUNK as u64 + 2).take(3).map(|(number, thing)| (number, *thing)).collect();
        assert_eq!(last, [(1_026, 10_260), (1_025, 7), (1_024, 10_240)]);
        assert_eq!(things.back_from(u64::MAX).count() as u64, things.len());
        assert_eq!(things.get(u64::MAX), None);
    }
}
