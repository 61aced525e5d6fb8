//! The provider's one clock: the only source of time in this crate.
//!
//! Journey deadlines, back-off, mail digests and every instant that is shown come from [`Clock::now`]. The clock
//! runs in one of three modes, can change mode while it runs, and never goes back. What belongs to the real
//! world instead, HTTP deadlines and measured durations, uses [`Stopwatch`] and [`real_sleep`]. Both read tokio's clock,
//! which is the machine's, and which a simulation pauses: real time then passes as fast as nothing happens in it.
//!
//! ```text
//!            rate = 1                rate = r                  stands still
//!   real  <------------>  scaled  <------------>  manual  --- advance(t) / set(t) --->
//! ```

use std::fmt;
use std::future::Future;
use std::ops::{Add, Sub};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// A boxed future, as the object-safe seams of this crate return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An instant of provider time: microseconds since the Unix epoch, UTC.
///
/// The range is that of RFC 3339, years 0 to 9999; arithmetic saturates there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant that RFC 3339 can write.
    pub const MIN: Timestamp = Timestamp(-62_167_219_200_000_000);
    /// The last whole second that RFC 3339 can write.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_000_000);

    /// From microseconds since the Unix epoch, clamped to the range.
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Timestamp(micros)
        }
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The span from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// `self` less `span`, saturating.
    pub fn minus(self, span: Duration) -> Timestamp {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.0.saturating_sub(micros))
    }

    /// As a chrono date and time.
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// From a chrono date and time; what is finer than a microsecond is cut off.
    pub fn from_chrono(at: DateTime<Utc>) -> Self {
        Timestamp::from_micros(at.timestamp_micros())
    }

    /// RFC 3339 in whole seconds, `2025-09-15T00:00:00Z`: the form of the provider's `renewalDeadline`.
    pub fn to_rfc3339_seconds(self) -> String {
        self.to_chrono().to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// RFC 3339 in milliseconds, as programs in JavaScript write instants, `2025-09-15T00:00:00.000Z`.
    pub fn to_rfc3339_millis(self) -> String {
        self.to_chrono().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// RFC 3339 in milliseconds, as the API writes instants; in microseconds where it has some, so that a clock that is
    /// set to an instant that was read comes to that instant and not just before it.
    pub fn to_rfc3339(self) -> String {
        let digits = if self.0 % 1_000 == 0 { SecondsFormat::Millis } else { SecondsFormat::Micros };
        self.to_chrono().to_rfc3339_opts(digits, true)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Duration) -> Timestamp {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.0.saturating_add(micros))
    }
}

impl Sub for Timestamp {
    type Output = Duration;
    fn sub(self, earlier: Timestamp) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl FromStr for Timestamp {
    type Err = chrono::ParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Timestamp::from_chrono(DateTime::parse_from_rfc3339(text)?.with_timezone(&Utc)))
    }
}

/// How the clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "mode")]
pub enum ClockMode {
    /// One provider second per real second.
    Real,
    /// `rate` provider seconds per real second; above 0.
    Scaled {
        /// Provider seconds per real second.
        rate: f64,
    },
    /// Stands still until it is moved.
    Manual,
}

impl ClockMode {
    /// The mode's word: `real`, `scaled` or `manual`.
    pub fn name(self) -> &'static str {
        match self {
            ClockMode::Real => "real",
            ClockMode::Scaled { .. } => "scaled",
            ClockMode::Manual => "manual",
        }
    }

    /// Provider seconds per real second; 0 while the clock stands still.
    pub fn rate(self) -> f64 {
        match self {
            ClockMode::Real => 1.0,
            ClockMode::Scaled { rate } => rate,
            ClockMode::Manual => 0.0,
        }
    }
}

/// The seam through which everything asks for the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant. Never earlier than any instant it gave before.
    fn now(&self) -> Timestamp;

    /// Completes once `now() >= at`; at once if that holds already. Follows every change of mode and rate.
    /// Dropping the future has no effect.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()>;
}

/// The clock was asked to go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the clock stands at {now} and cannot go back to {asked}")]
pub struct ClockWentBack {
    /// Where the clock stands.
    pub now: Timestamp,
    /// What was asked of it.
    pub asked: Timestamp,
}

/// The longest that a sleeper trusts the operating system's timer before it looks at the clock again: a suspended
/// machine or a stepped wall clock is noticed within this span.
const LONGEST_NAP: Duration = Duration::from_secs(20);

/// A wall clock that is ahead of ours by more than this was stepped, or the machine slept: we follow it.
const WALL_STEP: Duration = Duration::from_secs(2);

/// The wall clock is looked at no more often than this: the time is asked many times for each delivery.
const WALL_LOOK: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug)]
struct Anchor {
    mode: ClockMode,
    at: Timestamp,
    real: Instant,
    /// So long after `real` the wall clock is looked at again.
    look: Duration,
}

impl Anchor {
    /// From this instant on.
    fn new(mode: ClockMode, at: Timestamp) -> Self {
        Anchor { mode, at, real: real_now(), look: Duration::ZERO }
    }
}

/// The one implementation of [`Clock`]: real, scaled or manual, and switchable while it runs.
#[derive(Debug)]
pub struct ProviderClock {
    anchor: Mutex<Anchor>,
    changed: watch::Sender<u64>,
    /// Wakes sleepers in the order in which they lay down, which a watch does not: a simulation repeats.
    moved: Notify,
}

impl ProviderClock {
    /// A clock in `mode` that starts at `start`; without `start` it starts at the wall clock's instant.
    pub fn new(mode: ClockMode, start: Option<Timestamp>) -> Self {
        let at = start.unwrap_or_else(wall_now);
        let anchor = Mutex::new(Anchor::new(mode, at));
        ProviderClock { anchor, changed: watch::Sender::new(0), moved: Notify::new() }
    }

    /// How the clock runs now.
    pub fn mode(&self) -> ClockMode {
        self.lock().mode
    }

    /// Changes how the clock runs, from this instant on.
    pub fn set_mode(&self, mode: ClockMode) {
        let mut anchor = self.lock();
        *anchor = Anchor::new(mode, read(&mut anchor));
        drop(anchor);
        self.tell();
    }

    /// Moves the clock forward to `to`.
    ///
    /// # Errors
    /// [`ClockWentBack`] if `to` is earlier than now; the clock is then unchanged.
    pub fn set(&self, to: Timestamp) -> Result<(), ClockWentBack> {
        let mut anchor = self.lock();
        let now = read(&mut anchor);
        if to < now {
            return Err(ClockWentBack { now, asked: to });
        }
        *anchor = Anchor::new(anchor.mode, to);
        drop(anchor);
        self.tell();
        Ok(())
    }

    /// Changes whenever the clock was moved, or runs otherwise than before.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Anchor> {
        self.anchor.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.send_modify(|n| *n += 1);
        self.moved.notify_waiters();
    }

    /// How long in real time until `at`, or `None` while the clock stands still.
    pub fn real_span_until(&self, at: Timestamp) -> Option<Duration> {
        let rate = self.mode().rate();
        let left = at.since(self.now());
        (rate > 0.0).then(|| Duration::try_from_secs_f64(left.as_secs_f64() / rate).unwrap_or(LONGEST_NAP))
    }
}

impl Clock for ProviderClock {
    fn now(&self) -> Timestamp {
        read(&mut self.lock())
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                // Before the look at the clock: whatever moves it from here on is heard.
                let moved = self.moved.notified();
                if self.now() >= at {
                    return;
                }
                match self.real_span_until(at) {
                    Some(span) => {
                        let nap = span.clamp(Duration::from_micros(50), LONGEST_NAP);
                        // In one order, here and elsewhere, so that a simulation repeats.
                        tokio::select! {
                            biased;
                            () = moved => {}
                            () = real_sleep(nap) => {}
                        }
                    }
                    None => moved.await,
                }
            }
        })
    }
}

/// Reads the clock. In real mode a wall clock that has run ahead is followed; one that was set back is not, so
/// that time never goes back and no retry is held up by it.
fn read(anchor: &mut Anchor) -> Timestamp {
    match anchor.mode {
        ClockMode::Manual => anchor.at,
        ClockMode::Scaled { rate } => {
            let elapsed = anchor.real.elapsed().as_secs_f64();
            anchor.at + Duration::try_from_secs_f64(elapsed * rate).unwrap_or(Duration::MAX)
        }
        ClockMode::Real => {
            let elapsed = anchor.real.elapsed();
            let now = anchor.at + elapsed;
            if elapsed < anchor.look {
                return now;
            }
            anchor.look = elapsed + WALL_LOOK;
            let wall = wall_now();
            if wall.since(now) > WALL_STEP {
                *anchor = Anchor::new(anchor.mode, wall);
                return wall;
            }
            now
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall_now() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(span) => Timestamp::default() + span,
        Err(before) => Timestamp::default().minus(before.duration()),
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
fn real_now() -> Instant {
    Instant::now()
}

/// Waits in real time. For what the real world sets the pace of: transports, rate limits, misbehaviour on request.
#[expect(clippy::disallowed_methods, reason = "the one place that sleeps in real time")]
pub fn real_sleep(span: Duration) -> tokio::time::Sleep {
    tokio::time::sleep(span)
}

/// Measures a span of real time.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    pub fn start() -> Self {
        Stopwatch(real_now())
    }

    /// Real time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn an_instant_that_is_written_is_read_as_the_same() {
        for micros in [0, 1, 999, 1_000, 1_500_000, 1_795_269_855_123_456, -1] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(at.to_rfc3339().parse(), Ok(at), "{}", at.to_rfc3339());
        }
        assert_eq!(Timestamp::from_micros(1_500_000).to_rfc3339(), "1970-01-01T00:00:01.500Z");
    }

    #[test]
    fn instants_are_written_and_read_as_rfc3339() {
        for (text, seconds) in [
            ("2026-11-20T08:00:00.000Z", "2026-11-20T08:00:00Z"),
            ("1969-12-31T23:59:59.500Z", "1969-12-31T23:59:59Z"),
            ("9999-12-31T23:59:59.000Z", "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(at(text).to_rfc3339(), text);
            assert_eq!(at(text).to_rfc3339_seconds(), seconds);
        }
        assert_eq!(at("2026-11-20T09:00:00+01:00"), at("2026-11-20T08:00:00Z"));
    }

    #[test]
    fn arithmetic_saturates_at_the_ends_of_the_calendar() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.minus(Duration::MAX), Timestamp::MIN);
        assert_eq!(Timestamp::MIN - Timestamp::MAX, Duration::ZERO);
    }

    #[test]
    fn a_wall_clock_that_is_stepped_ahead_is_followed_and_one_that_is_set_back_is_not() {
        let hours = |n| Duration::from_secs(3_600 * n);
        let check = |n: u64, at: Timestamp, follows: bool| {
            let mut anchor = Anchor::new(ClockMode::Real, at);
            let (before, seen) = (wall_now(), read(&mut anchor));
            assert_eq!(seen >= before && seen.since(before) < hours(1), follows, "{n} hours: {at} became {seen}");
            assert!(seen >= at && read(&mut anchor) >= seen, "{n} hours: time never goes back");
        };
        for n in [1, 24, 24 * 400] {
            // Ours is so far behind the wall, as after a step ahead; then ahead of it, as after one back.
            check(n, wall_now().minus(hours(n)), true);
            check(n, wall_now() + hours(n) + hours(1), false);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_of_the_wall_clock_is_noticed_after_a_while() {
        let mut anchor = Anchor::new(ClockMode::Real, wall_now());
        let began = read(&mut anchor);
        // As if the wall had gone on for an hour since it was looked at.
        anchor.at = anchor.at.minus(Duration::from_secs(3_600));
        assert!(began.since(read(&mut anchor)) > Duration::from_secs(3_000), "it was looked at just now");
        tokio::time::advance(WALL_LOOK).await;
        assert!(read(&mut anchor) >= began);
    }

    #[test]
    fn a_manual_clock_stands_still_and_refuses_to_go_back() {
        let start = at("2026-11-20T08:00:00Z");
        let clock = ProviderClock::new(ClockMode::Manual, Some(start));
        assert_eq!(clock.now(), start);
        clock.set(start + Duration::from_secs(60)).expect("forward");
        let refused = clock.set(start).expect_err("back");
        assert_eq!(refused.now, start + Duration::from_secs(60));
        assert_eq!(clock.now(), start + Duration::from_secs(60));
    }

    #[tokio::test]
    async fn sleepers_wake_when_a_manual_clock_is_moved_or_set_running() {
        let start = at("2026-11-20T08:00:00Z");
        let year = Duration::from_secs(365 * 86_400);
        let clock = Arc::new(ProviderClock::new(ClockMode::Manual, Some(start)));
        let (first, second) = tokio::join!(
            async {
                clock.sleep_until(start + year).await;
                clock.now()
            },
            async {
                clock.set(start + year).expect("forward");
                clock.now()
            }
        );
        assert_eq!(first, second);

        let later = clock.now() + Duration::from_secs(600);
        tokio::join!(clock.sleep_until(later), async { clock.set_mode(ClockMode::Scaled { rate: 100_000.0 }) });
        assert!(clock.now() >= later);
    }

    #[test]
    fn a_change_of_mode_keeps_the_instant() {
        let start = at("2030-01-01T00:00:00Z");
        let clock = ProviderClock::new(ClockMode::Scaled { rate: 10.0 }, Some(start));
        clock.set_mode(ClockMode::Manual);
        let stopped = clock.now();
        assert!(stopped >= start);
        clock.set_mode(ClockMode::Real);
        assert!(clock.now() >= stopped);
    }
}
