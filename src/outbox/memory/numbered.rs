//! Things with numbers from 1 on, without gaps; those that are no longer needed are taken out again.
//!
//! Kept in chunks: a thing stays where it is however many follow, and is found by its number at once. A chunk of which
//! everything was taken out is given back.

/// So many lie together.
const CHUNK: usize = 1_024;

/// See the module.
#[derive(Debug)]
pub(super) struct Numbered<T> {
    chunks: Vec<Chunk<T>>,
}

#[derive(Debug)]
struct Chunk<T> {
    things: Vec<Option<T>>,
    left: usize,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Numbered { chunks: Vec::new() }
    }
}

/// Where `number` lies: chunk, and place in it.
fn place(number: u64) -> Option<(usize, usize)> {
    let place = usize::try_from(number.checked_sub(1)?).ok()?;
    Some((place / CHUNK, place % CHUNK))
}

impl<T> Numbered<T> {
    /// How many there have been, which is the number of the last.
    pub(super) fn given(&self) -> u64 {
        let last = self.chunks.last().map_or(CHUNK, |chunk| chunk.things.len());
        (self.chunks.len() * CHUNK + last - CHUNK) as u64
    }

    /// Adds one: its number.
    pub(super) fn push(&mut self, thing: T) -> u64 {
        let chunk = match self.chunks.last_mut() {
            Some(chunk) if chunk.things.len() < CHUNK => chunk,
            _ => {
                // Of the one before, nothing more is added: if all of it was taken out, it was kept for its count alone.
                if let Some(full) = self.chunks.last_mut() {
                    full.tidy();
                }
                self.chunks.push(Chunk { things: Vec::with_capacity(CHUNK), left: 0 });
                let last = self.chunks.len() - 1;
                &mut self.chunks[last]
            }
        };
        chunk.things.push(Some(thing));
        chunk.left += 1;
        self.given()
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        let (chunk, place) = place(number)?;
        self.chunks.get(chunk)?.things.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let (chunk, place) = place(number)?;
        self.chunks.get_mut(chunk)?.things.get_mut(place)?.as_mut()
    }

    /// Takes one out for good: its number is not given again.
    pub(super) fn take(&mut self, number: u64) -> Option<T> {
        let (at, place) = place(number)?;
        let is_last = at + 1 == self.chunks.len();
        let chunk = self.chunks.get_mut(at)?;
        let thing = chunk.things.get_mut(place)?.take()?;
        chunk.left -= 1;
        if !is_last {
            chunk.tidy();
        }
        Some(thing)
    }

    /// Those up to `newest` that are here, with their numbers, the last first.
    pub(super) fn back_from(&self, newest: u64) -> impl Iterator<Item = (u64, &T)> {
        let newest = usize::try_from(newest).unwrap_or(usize::MAX);
        let chunks = self.chunks.iter().enumerate().take(newest.div_ceil(CHUNK)).rev();
        chunks.flat_map(move |(at, chunk)| {
            let wanted = newest.saturating_sub(at * CHUNK).min(chunk.things.len());
            let things = chunk.things[..wanted].iter().enumerate().rev();
            things.filter_map(move |(place, thing)| Some(((at * CHUNK + place + 1) as u64, thing.as_ref()?)))
        })
    }
}

impl<T> Chunk<T> {
    /// Gives the room back, if nothing is in it.
    fn tidy(&mut self) {
        if self.left == 0 {
            self.things = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_number_and_nothing_by_any_other() {
        let mut things = Numbered::default();
        assert_eq!((things.given(), things.get(0), things.get(1)), (0, None, None));
        for number in 1..=2 * CHUNK as u64 + 1 {
            assert_eq!(things.push(number * 10), number);
            assert_eq!((things.given(), things.get(number)), (number, Some(&(number * 10))));
            assert_eq!(things.get(number + 1), None);
            assert_eq!(things.get_mut(0), None);
        }
        *things.get_mut(CHUNK as u64 + 1).expect("there") = 7;
        let last: Vec<_> = things.back_from(CHUNK as u64 + 2).take(3).map(|(number, thing)| (number, *thing)).collect();
        assert_eq!(last, [(1_026, 10_260), (1_025, 7), (1_024, 10_240)]);
        assert_eq!(things.back_from(u64::MAX).count() as u64, things.given());
        assert_eq!(things.back_from(0).count(), 0);
        assert_eq!(things.get(u64::MAX), None);
    }

    #[test]
    fn what_was_taken_out_is_gone_its_number_is_not_given_again_and_a_chunk_of_nothing_takes_no_room() {
        let mut things = Numbered::default();
        for number in 1..=3 * CHUNK as u64 {
            things.push(number);
            // What is added last is taken out at once, over the edge of a chunk as well; but for one of the first chunk.
            if number != 5 {
                assert_eq!((things.take(number), things.take(number)), (Some(number), None));
            }
            assert_eq!(things.given(), number);
        }
        assert_eq!((things.take(0), things.take(u64::MAX), things.get(6)), (None, None, None));
        assert_eq!(things.back_from(u64::MAX).collect::<Vec<_>>(), [(5, &5)]);
        assert_eq!((things.back_from(4).count(), things.back_from(5).count()), (0, 1));
        let room = |things: &Numbered<u64>| things.chunks.iter().map(|c| c.things.capacity()).collect::<Vec<_>>();
        assert_eq!(room(&things)[1], 0, "the one in the middle is over");
        assert_eq!(things.take(5), Some(5));
        assert_eq!(things.push(9), 3 * CHUNK as u64 + 1);
        assert_eq!(room(&things)[..3], [0, 0, 0]);
        assert_eq!(things.get(3 * CHUNK as u64 + 1), Some(&9));
    }
}
