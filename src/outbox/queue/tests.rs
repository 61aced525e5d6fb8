//! The queue against a plain set of rows, whatever is done to it, and its bounds one by one.

use std::collections::BTreeSet;
use std::convert::Infallible;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Bag(usize);

impl Baggage for Bag {
    fn weight(&self) -> usize {
        self.0
    }

    fn lighten(&mut self) {
        self.0 = 0;
    }
}

/// Where all rows are, and from where how many were asked for.
#[derive(Default)]
struct Store {
    rows: BTreeSet<Lease>,
    asked: Vec<(Lease, usize)>,
}

impl Loader<Bag> for Store {
    type Error = Infallible;

    fn load(&mut self, from: Lease, limit: usize) -> Result<Vec<(Lease, Bag)>, Infallible> {
        self.asked.push((from, limit));
        let of_lane = self.rows.range(from..).take_while(|row| row.lane == from.lane);
        Ok(of_lane.take(limit).map(|row| (*row, Bag(0))).collect())
    }
}

fn row(lane: u32, due: i64, serial: u64) -> Lease {
    Lease { lane, due: Timestamp::from_micros(due), serial }
}

const A: u32 = rules::FIRST_WEBHOOK_LANE;
/// Not an endpoint's: it counts in no sum.
const MAIL: u32 = rules::MAIL_LANE;
const LANES: [u32; 3] = [A, A + 1, MAIL];
const END: Timestamp = Timestamp::MAX;

impl Queue<Bag> {
    fn put(&mut self, row: Lease, weight: usize) {
        self.apply(Op::Put(row, Bag(weight)));
    }

    fn lane(&self, lane: u32) -> &Lane<Bag> {
        &self.lanes[&lane]
    }

    fn all(&mut self, lane: u32, store: &mut Store) -> Vec<Lease> {
        let Ok(claim) = self.claim([lane].into_iter(), END, usize::MAX, store);
        claim.rows.into_iter().map(|(row, _)| row).collect()
    }
}

#[test]
fn a_long_lane_keeps_the_earlier_half_of_what_it_may_and_loads_the_rest_page_by_page() {
    let (mut queue, mut store) = (Queue::bounded(), Store::default());
    let rows: Vec<Lease> = (0..1_500).map(|n| row(A, n / 3, 10 + n as u64)).collect();
    store.rows.extend(&rows);
    rows[..1_024].iter().for_each(|row| queue.put(*row, 1));
    assert_eq!((queue.lane(A).free.len(), queue.lane(A).cold, queue.free), (1_024, None, 1_024));
    queue.put(rows[1_024], 1);
    let spot = |row: Lease| Some((row.due, row.serial));
    assert_eq!((queue.lane(A).free.len(), queue.lane(A).cold), (512, spot(rows[512])));
    assert_eq!((queue.free, queue.weight), (512, 512));
    rows[1_025..].iter().for_each(|row| queue.put(*row, 1));
    assert_eq!(queue.free, 512, "what comes behind the cold ones is cold as well");
    assert_eq!(queue.all(A, &mut store), rows);
    let from = |n: usize| row(A, rows[n - 1].due.as_micros(), rows[n - 1].serial + 1);
    let asked = vec![(rows[512], PAGE), (from(768), PAGE), (from(1_024), PAGE), (from(1_280), PAGE)];
    assert_eq!(store.asked, asked, "the last page was not full: there is no other");
    assert_eq!((queue.free, queue.weight, queue.lane(A).cold), (0, 0, None));
}

#[test]
fn a_queue_that_is_the_only_place_of_its_rows_keeps_them_all() {
    let mut queue = Queue::default();
    (0..3_000).for_each(|n| queue.put(row(A, n, 1), 1 << 20));
    assert_eq!((queue.free, queue.weight, queue.lane(A).cold), (3_000, 3_000 << 20, None));
    let Ok(claim) = queue.claim([A].into_iter(), END, usize::MAX, &mut NoMore);
    assert_eq!(claim.rows.len(), 3_000);
}

#[test]
fn with_many_rows_in_memory_each_lane_keeps_few() {
    let (mut queue, mut store) = (Queue::bounded(), Store::default());
    let fill = |queue: &mut Queue<Bag>, lane, rows| (0..rows).for_each(|n| queue.put(row(lane, n, 1), 0));
    (0..63).for_each(|lane| fill(&mut queue, A + lane, 1_024));
    let (one, other) = (A + 63, A + 64);
    fill(&mut queue, one, 1_007);
    fill(&mut queue, other, 16);
    assert_eq!((queue.free, queue.lane(other).free.len()), (MANY - 1, 16));
    queue.put(row(other, 16, 1), 0);
    assert_eq!((queue.free, queue.lane(other).free.len()), (MANY - 9, 8), "half of what it may keep");
    fill(&mut queue, A + 65, 9);
    assert_eq!(queue.free, MANY);
    let cold: Vec<Lease> = (0..40).map(|n| row(A + 66, n, 1)).collect();
    cold.iter().for_each(|row| queue.found(*row));
    store.rows.extend(&cold);
    let Ok(claim) = queue.claim([A + 66].into_iter(), END, 1, &mut store);
    assert_eq!(claim.rows.len(), 1);
    assert_eq!(store.asked, [(cold[0], FEW)], "and loads few");
}

#[test]
fn messages_come_along_up_to_a_bound() {
    let mut queue = Queue::bounded();
    const MIB: usize = 1 << 20;
    (0..16).for_each(|n| queue.put(row(A, n, 1), MIB));
    assert_eq!(queue.weight, 16 * MIB);
    queue.put(row(A, 16, 1), 1);
    assert_eq!(queue.weight, 16 * MIB, "this one comes without");
    queue.apply(Op::Remove(row(A, 3, 1)));
    assert_eq!(queue.weight, 15 * MIB);
    queue.put(row(A, 17, 1), MIB);
    assert_eq!(queue.weight, 16 * MIB, "exactly as much as may be");
    // The same row once more takes the place of the first.
    queue.set_free(row(A, 17, 1), Bag(0));
    assert_eq!((queue.weight, queue.free), (15 * MIB, 17));
}

#[test]
fn rows_that_were_found_are_cold_from_the_earliest_on() {
    let (mut queue, mut store) = (Queue::bounded(), Store::default());
    for found in [row(A, 5, 1), row(A, 3, 9), row(A, 4, 2), row(MAIL, 1, 1)] {
        queue.found(found);
        store.rows.insert(found);
    }
    assert_eq!(queue.lane(A).cold, Some((Timestamp::from_micros(3), 9)));
    assert_eq!((queue.pending(A), queue.pending(MAIL), queue.totals()), (3, 1, (0, 3)));
    let Ok(due) = queue.next_due(A, &mut store);
    assert_eq!((due, &store.asked[..]), (Some(Timestamp::from_micros(3)), &[(row(A, 3, 9), FEW)][..]));
}

#[derive(Clone, Debug)]
enum Done {
    Put(usize, i64, usize),
    Claim(Vec<usize>, i64, usize),
    /// A caller's claim ends: the writer has it for a while, and the row goes, or is due again.
    Settle(Index, Option<i64>),
    Release(Index),
    /// The writer takes a row that nobody has claimed, and it goes, or says something else.
    Take(Index, bool),
    /// What the writer has taken is durable.
    Publish,
    Park(usize),
    Unpark(usize),
}

fn done() -> impl Strategy<Value = Done> {
    prop_oneof![
        6 => (0..3_usize, 0..40_i64, 0..9_usize).prop_map(|(lane, due, weight)| Done::Put(lane, due, weight)),
        4 => (vec(0..3_usize, 1..3), 0..50_i64, 0..6_usize).prop_map(|(lanes, now, limit)| Done::Claim(lanes, now, limit)),
        4 => (any::<Index>(), proptest::option::of(0..40_i64)).prop_map(|(which, again)| Done::Settle(which, again)),
        2 => any::<Index>().prop_map(Done::Release),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(which, goes)| Done::Take(which, goes)),
        4 => Just(Done::Publish),
        1 => (0..3_usize).prop_map(Done::Park),
        1 => (0..3_usize).prop_map(Done::Unpark),
    ]
}

/// What the queue should know, told as simply as can be.
#[derive(Default)]
struct Model {
    store: Store,
    claimed: BTreeSet<Lease>,
    /// What the writer has, and what becomes of it.
    taken: Vec<Op<Bag>>,
    writes: BTreeSet<Lease>,
    parked: BTreeMap<u32, u64>,
    serial: u64,
}

impl Model {
    fn free(&self, lane: u32) -> impl Iterator<Item = Lease> {
        let rows = self.store.rows.iter().copied().filter(move |row| row.lane == lane);
        rows.filter(|row| !self.claimed.contains(row) && !self.writes.contains(row))
    }

    fn do_it(&mut self, queue: &mut Queue<Bag>, done: &Done) {
        let nth = |rows: Vec<Lease>, which: &Index| (!rows.is_empty()).then(|| rows[which.index(rows.len())]);
        match done {
            Done::Put(lane, due, weight) => {
                self.serial += 1;
                let row = row(LANES[*lane], *due, self.serial);
                self.store.rows.insert(row);
                queue.put(row, *weight);
            }
            Done::Claim(lanes, now, limit) => {
                let lanes: BTreeSet<u32> = lanes.iter().map(|lane| LANES[*lane]).collect();
                let mut wanted: Vec<Lease> = lanes.iter().flat_map(|lane| self.free(*lane)).collect();
                wanted.sort_by_key(|row| (row.due, row.serial, row.lane));
                let now = Timestamp::from_micros(*now);
                let due = wanted.iter().take(*limit).take_while(|row| row.due <= now).count();
                let Ok(claim) = queue.claim(lanes.into_iter(), now, *limit, &mut self.store);
                let got: Vec<Lease> = claim.rows.into_iter().map(|(row, _)| row).collect();
                assert_eq!((&got[..], claim.next_due), (&wanted[..due], wanted.get(due).map(|row| row.due)));
                self.claimed.extend(got);
            }
            Done::Settle(which, again) => {
                let open = self.claimed.difference(&self.writes).copied().collect();
                let Some(claimed) = nth(open, which) else { return };
                assert!(queue.take_claimed(claimed).is_some());
                assert!(queue.take_claimed(claimed).is_none(), "a claim ends once");
                self.writes.insert(claimed);
                self.taken.push(Op::Remove(claimed));
                if let Some(due) = again {
                    self.taken.push(Op::Put(row(claimed.lane, *due, claimed.serial), Bag(1)));
                }
            }
            Done::Release(which) => {
                let Some(claimed) = nth(self.claimed.iter().copied().collect(), which) else { return };
                let ending = self.writes.contains(&claimed);
                let released = queue.release(&[claimed, claimed]);
                assert_eq!(released, if ending { vec![] } else { vec![claimed] });
                if !ending {
                    self.claimed.remove(&claimed);
                }
            }
            Done::Take(which, goes) => {
                let rows = self.store.rows.iter().copied().filter(|row| !self.writes.contains(row)).collect();
                let Some(taken) = nth(rows, which) else { return };
                let free = !self.claimed.contains(&taken);
                assert_eq!(queue.take_unclaimed(taken), free);
                if free {
                    self.writes.insert(taken);
                    self.taken.push(if *goes { Op::Remove(taken) } else { Op::Change(taken, Bag(3)) });
                }
            }
            Done::Publish => {
                for op in self.taken.drain(..) {
                    match &op {
                        Op::Remove(row) => {
                            self.store.rows.remove(row);
                            self.claimed.remove(row);
                            self.writes.remove(row);
                        }
                        Op::Put(row, _) => drop(self.store.rows.insert(*row)),
                        Op::Change(row, _) => drop(self.writes.remove(row)),
                        Op::Park(_) | Op::Unpark(_) => {}
                    }
                    queue.apply(op);
                }
            }
            Done::Park(lane) => {
                *self.parked.entry(LANES[*lane]).or_default() += 1;
                queue.apply(Op::Park(LANES[*lane]));
            }
            Done::Unpark(lane) => {
                if let Some(parked) = self.parked.get_mut(&LANES[*lane]).filter(|parked| **parked > 0) {
                    *parked -= 1;
                    queue.apply(Op::Unpark(LANES[*lane]));
                }
            }
        }
    }

    fn check(&mut self, queue: &mut Queue<Bag>) {
        let (mut leased, mut pending) = (0, 0);
        for lane in LANES {
            let rows = self.store.rows.iter().filter(|row| row.lane == lane).count() as u64;
            let claimed = self.claimed.iter().filter(|row| row.lane == lane).count() as u64;
            let parked = self.parked.get(&lane).copied().unwrap_or_default();
            assert_eq!((queue.pending(lane), queue.leased(lane)), (rows + parked, claimed), "in lane {lane}");
            if lane != MAIL {
                leased += claimed;
                pending += rows + parked;
            }
        }
        assert_eq!(queue.totals(), (leased, pending));
        let mut serials: Vec<u64> = queue.leased_serials().collect();
        let mut claimed: Vec<u64> = self.claimed.iter().filter(|row| row.lane != MAIL).map(|row| row.serial).collect();
        serials.sort_unstable();
        claimed.sort_unstable();
        assert_eq!(serials, claimed);
        for row in &self.store.rows {
            assert_eq!(queue.is_leased(*row), self.claimed.contains(row), "{row:?}");
            let cold = queue.lanes.get(&row.lane).and_then(|lane| lane.cold);
            assert!(queue.has(*row) || cold.is_some_and(|cold| cold <= (row.due, row.serial)), "{row:?} is nowhere");
        }
        let free =
            || queue.lanes.iter().flat_map(|(lane, rows)| rows.free.iter().map(move |(spot, bag)| (*lane, spot, bag)));
        assert_eq!(queue.free, free().count());
        assert_eq!(queue.weight, free().map(|(.., bag)| bag.0).sum::<usize>());
        for (lane, (due, serial), _) in free() {
            let row = Lease { lane, due: *due, serial: *serial };
            assert!(self.store.rows.contains(&row) && !queue.held.contains_key(&row), "{row:?} is not free");
        }
    }
}

proptest! {
    #[test]
    fn it_says_what_a_plain_set_of_rows_says(
        found in vec((0..3_usize, 0..40_i64), 0..40),
        all in vec(done(), 0..120),
        looks in any::<bool>(),
    ) {
        let (mut queue, mut model) = (Queue::bounded(), Model::default());
        for (lane, due) in found {
            model.serial += 1;
            let row = row(LANES[lane], due, model.serial);
            model.store.rows.insert(row);
            queue.found(row);
        }
        for one in &all {
            model.do_it(&mut queue, one);
            if looks {
                for lane in LANES {
                    let Ok(due) = queue.next_due(lane, &mut model.store);
                    prop_assert_eq!(due, model.free(lane).map(|row| row.due).min());
                }
            }
            model.check(&mut queue);
        }
    }
}
