//! How long the machine kept a process from running: a bound on the product's own lateness is widened by that, and by nothing
//! that the product does to itself.
//!
//! Three witnesses: a processor that the host took away (`steal`), the sleep of this file's own thread that took longer than
//! asked, as when the whole machine stood still, and threads of the process that were ready and waited for a processor
//! (`schedstat`), but for what the process itself had of the processors meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{JoinHandle, available_parallelism};
use std::time::Duration;

use understudy::clock::{Clock as _, ClockMode, ProviderClock, Stopwatch, Timestamp};

/// Between two looks.
const SLICE: Duration = Duration::from_millis(50);

/// What `steal` counts in: a hundredth of a second on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// The real time.
pub(crate) fn wall() -> Timestamp {
    ProviderClock::new(ClockMode::Real, None).now()
}

/// Watches one process until it is dropped.
pub(crate) struct Starved {
    looks: Arc<Looks>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Looks {
    seen: Mutex<Vec<Look>>,
    more: Condvar,
}

/// What happened since the look before.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    at: Timestamp,
    /// The machine, or one of its processors, stood still.
    still: Duration,
    /// The thread that waited longest for a processor.
    waited: Duration,
    /// Each processor's time for the process itself, on average.
    ran: Duration,
}

impl Starved {
    /// From now on.
    pub(crate) fn watch(pid: u32) -> Starved {
        let (looks, over) = (Arc::new(Looks::default()), Arc::new(AtomicBool::new(false)));
        let (to, ends) = (Arc::clone(&looks), Arc::clone(&over));
        let thread = std::thread::spawn(move || watch(pid, &to, &ends));
        Starved { looks, over, thread: Some(thread) }
    }

    /// At most so much of the real time from `from` to `to` went by without the machine: it went by for everybody.
    pub(crate) fn stood_still(&self, from: Timestamp, to: Timestamp) -> Duration {
        self.over(from, to).still.min(to.since(from))
    }

    /// The same, and what others on the machine took from the process.
    pub(crate) fn kept_from_running(&self, from: Timestamp, to: Timestamp) -> Duration {
        kept(self.over(from, to), to.since(from))
    }

    /// All looks that touch the span.
    fn over(&self, from: Timestamp, to: Timestamp) -> Look {
        let behind = |seen: &mut Vec<Look>| seen.last().is_none_or(|look| look.at <= to);
        sum(&self.looks.more.wait_while(self.looks.seen.lock().expect("no panic"), behind).expect("no panic"), from, to)
    }
}

/// How much of the span the machine and others on it took.
fn kept(sum: Look, span: Duration) -> Duration {
    (sum.still + sum.waited.min(span.saturating_sub(sum.ran))).min(span)
}

fn sum(seen: &[Look], from: Timestamp, to: Timestamp) -> Look {
    let first = seen.partition_point(|look| look.at <= from);
    // What began within the span is told by the look that holds its end.
    let last = seen.partition_point(|look| look.at <= to).min(seen.len().saturating_sub(1));
    let add = |sum: Look, one: &Look| Look {
        at: one.at,
        still: sum.still + one.still,
        waited: sum.waited + one.waited,
        ran: sum.ran + one.ran,
    };
    seen.get(first..=last).unwrap_or_default().iter().fold(Look::default(), add)
}

impl Drop for Starved {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.thread.take().map(JoinHandle::join);
    }
}

fn watch(pid: u32, looks: &Looks, over: &AtomicBool) {
    let processors = u32::try_from(available_parallelism().map_or(1, Into::into)).expect("a small number");
    let mut before = (threads(pid), stolen());
    while !over.load(Ordering::SeqCst) {
        let slept = Stopwatch::start();
        std::thread::sleep(SLICE);
        let late = slept.elapsed().saturating_sub(SLICE);
        let now = (threads(pid), stolen());
        let waited = rises(&before.0, &now.0, |one| one.1).max().unwrap_or_default();
        let ran = rises(&before.0, &now.0, |one| one.0).sum::<Duration>() / processors;
        let still = late + rises(&before.1, &now.1, |one| *one).max().unwrap_or_default();
        before = now;
        looks.seen.lock().expect("no panic").push(Look { at: wall(), still, waited, ran });
        looks.more.notify_all();
    }
}

/// How much each one rose.
fn rises<'a, T>(
    before: &'a BTreeMap<String, T>,
    now: &'a BTreeMap<String, T>,
    of: impl Fn(&T) -> Duration + 'a,
) -> impl Iterator<Item = Duration> + 'a {
    now.iter().map(move |(key, one)| of(one).saturating_sub(before.get(key).map(&of).unwrap_or_default()))
}

/// How long each thread of the process ran, and was ready to run and did not, so far. Nothing, once the process is gone.
fn threads(pid: u32) -> BTreeMap<String, (Duration, Duration)> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return BTreeMap::new() };
    let one = |thread: fs::DirEntry| {
        let line = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let mut spans = line.split_whitespace().map_while(|word| word.parse().ok().map(Duration::from_nanos));
        Some((thread.file_name().to_string_lossy().into_owned(), (spans.next()?, spans.next()?)))
    };
    threads.filter_map(|thread| one(thread.ok()?)).collect()
}

/// How long the host had each processor while somebody here wanted it, so far.
fn stolen() -> BTreeMap<String, Duration> {
    let of = |line: &str| {
        let mut words = line.split_whitespace();
        let cpu = words.next().filter(|word| word.len() > "cpu".len() && word.starts_with("cpu"))?;
        Some((cpu.to_owned(), TICK * words.nth(7)?.parse().ok()?))
    };
    fs::read_to_string("/proc/stat").unwrap_or_default().lines().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(0) + Duration::from_millis(millis)
    }

    #[test]
    fn a_span_is_excused_by_the_looks_that_touch_it() {
        let look = |at_ms, still| Look { at: at(at_ms), still: Duration::from_millis(still), ..Look::default() };
        let seen = [look(50, 1), look(100, 2), look(150, 4), look(900, 700), look(950, 8)];
        let over = |from, to| sum(&seen, at(from), at(to)).still.as_millis();
        assert_eq!(over(60, 90), 2, "the look that holds both ends");
        assert_eq!(over(60, 120), 6);
        assert_eq!(over(40, 930), 715);
        assert_eq!(over(150, 200), 700);
        assert_eq!(sum(&[], at(0), at(50)).still, Duration::ZERO);
    }

    #[test]
    fn what_the_process_had_itself_excuses_nothing() {
        let ms = Duration::from_millis;
        let look = |still, waited, ran| Look { still: ms(still), waited: ms(waited), ran: ms(ran), ..Look::default() };
        assert_eq!(kept(look(0, 400, 0), ms(1_000)), ms(400));
        assert_eq!(kept(look(0, 400, 900), ms(1_000)), ms(100), "its threads waited for each other");
        assert_eq!(kept(look(0, 400, 1_000), ms(1_000)), ms(0));
        assert_eq!(kept(look(700, 400, 0), ms(1_000)), ms(1_000), "no more than all of it");
    }

    #[test]
    fn who_waits_for_a_processor_is_seen_waiting() {
        let processors = available_parallelism().expect("a number").get();
        let spin = || Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("a shell");
        let mut busy: Vec<_> = (0..=2 * processors).map(|_| spin()).collect();
        let (starved, from) = (Starved::watch(busy[0].id()), wall());
        std::thread::sleep(Duration::from_secs(1));
        let kept = starved.kept_from_running(from, wall());
        for one in &mut busy {
            one.kill().expect("it runs");
            one.wait().expect("it ends");
        }
        assert!(kept > Duration::from_millis(200), "one of {} on {processors} processors: {kept:?}", busy.len());
    }
}
