//! When a job is due: a cron pattern in a time zone, to the second.
//!
//! croner finds the pattern's times on a calendar without summer time; what a change of the zone's offset does to them is
//! decided here:
//!
//! ```text
//!                          clocks go forward                 clocks go back
//!   one time of day        at the end of the gap             the first of the two
//!   every so often         the gap's times do not exist      both hours
//! ```

use std::fmt;

use chrono::{
    DateTime, Datelike as _, Duration, FixedOffset, LocalResult, NaiveDateTime, Offset as _, TimeZone as _, Utc,
};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, JobType};

use crate::clock::Timestamp;

/// Between two looks at a zone's offset lies at most so much: no zone changes it there and back within that.
const STRIDE: Duration = Duration::days(7);

/// A pattern whose times are further apart than this from any instant never comes: 29 February on a Sunday comes every 40
/// years at most.
const FARTHEST: Duration = Duration::days(41 * 366);

/// When a job is due.
#[derive(Clone)]
pub struct Timetable {
    cron: Cron,
    zone: Tz,
    /// One time of day, or every so often.
    fixed: bool,
}

/// Why a text is no timetable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimetableError {
    /// It has another number of fields.
    #[error("a timetable has six fields, second minute hour day month weekday, and this has {0}")]
    Fields(usize),
    /// A field cannot be read.
    #[error("{0}")]
    Pattern(String),
    /// No such day comes: 31 February.
    #[error("no such day ever comes")]
    Never,
    /// There is no such zone.
    #[error("{0:?} is not a time zone of the IANA database")]
    Zone(String),
}

impl Timetable {
    /// Reads a pattern of six fields, second first, and the name of a time zone such as `Europe/Zurich`.
    ///
    /// # Errors
    /// [`TimetableError`].
    pub fn parse(pattern: &str, zone: &str) -> Result<Self, TimetableError> {
        let fields = pattern.split_whitespace().count();
        if fields != 6 && !pattern.trim_start().starts_with('@') {
            return Err(TimetableError::Fields(fields));
        }
        let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).build();
        let cron = parser.parse(pattern).map_err(|error| TimetableError::Pattern(plain(&error.to_string())))?;
        let zone: Tz = zone.parse().map_err(|_| TimetableError::Zone(zone.to_owned()))?;
        let fixed = cron.determine_job_type() == JobType::FixedTime;
        let timetable = Timetable { cron, zone, fixed };
        if timetable.has_a_day() { Ok(timetable) } else { Err(TimetableError::Never) }
    }

    /// Whether any day is one of the pattern's. croner would look for it up to the year 5000, which takes seconds.
    fn has_a_day(&self) -> bool {
        let pattern = &self.cron.pattern;
        let days = DateTime::UNIX_EPOCH.date_naive().iter_days().take(FARTHEST.num_days().unsigned_abs() as usize);
        let mut days = days.map(|day| (day.year(), day.month(), day.day()));
        days.any(|(year, month, day)| {
            matches!((pattern.month_match(month), pattern.day_match(year, month, day)), (Ok(true), Ok(true)))
        })
    }

    /// The first time after `after`; `None` when the calendar ends before it.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        // Ticks are whole seconds, and croner would carry a fraction along.
        let after = DateTime::from_timestamp(after.to_chrono().timestamp(), 0)?;
        let next = if self.fixed { self.next_fixed(after) } else { self.next_interval(after) };
        next.map(Timestamp::from_chrono)
    }

    /// The first time at or after `at`.
    pub fn at_or_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.next_after(at.minus(std::time::Duration::from_micros(1)))
    }

    /// One time of day: every local time of the pattern stands for one instant, and later ones for no earlier ones.
    fn next_fixed(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut local = after.with_timezone(&self.zone).naive_local();
        let mut inclusive = true;
        // In the second of two equal hours the first ones' times lie ahead by the clock on the wall, and are over.
        loop {
            local = self.local_after(local, inclusive)?;
            inclusive = false;
            match self.instant(local) {
                Some(at) if at > after => return Some(at),
                _ => {}
            }
        }
    }

    /// The instant of a local time: the first of two, and the end of the gap for one that is skipped.
    fn instant(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.to_utc()),
            LocalResult::None => {
                // Read with the offset from before the gap it lies right after the gap's beginning.
                let before = self.offset(local.and_utc() - STRIDE);
                let inside = before.from_local_datetime(&local).single()?.to_utc();
                self.change_between(inside - STRIDE, inside)
            }
        }
    }

    /// Every so often: the pattern goes by the clock on the wall, from one change of the offset to the next.
    fn next_interval(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (mut from, mut inclusive) = (after, false);
        loop {
            let offset = self.offset(from);
            let local = self.local_after(from.with_timezone(&offset).naive_local(), inclusive)?;
            let at = offset.from_local_datetime(&local).single()?.to_utc();
            match self.change_between(from, at) {
                None => return Some(at),
                Some(change) => (from, inclusive) = (change, true),
            }
        }
    }

    /// The pattern's first local time after `local`, or at it.
    fn local_after(&self, local: NaiveDateTime, inclusive: bool) -> Option<NaiveDateTime> {
        let found = self.cron.find_next_occurrence(&local.and_utc(), inclusive).ok()?.naive_utc();
        (found - local <= FARTHEST).then_some(found)
    }

    /// The zone's first change of offset after `from` and not after `to`.
    fn change_between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let before = self.offset(from);
        let (mut low, mut high) = (from, from);
        while self.offset(high) == before {
            if high >= to {
                return None;
            }
            low = high;
            high = to.min(high + STRIDE);
        }
        // Offsets change at whole seconds.
        while high - low > Duration::seconds(1) {
            let middle = DateTime::from_timestamp((low.timestamp() + high.timestamp()) / 2, 0)?.max(low);
            if middle <= low || middle >= high {
                break;
            }
            if self.offset(middle) == before { low = middle } else { high = middle }
        }
        DateTime::from_timestamp(high.timestamp(), 0)
    }

    fn offset(&self, at: DateTime<Utc>) -> FixedOffset {
        self.zone.offset_from_utc_datetime(&at.naive_utc()).fix()
    }
}

/// croner's sentence, without its full stop and its own inner words.
fn plain(error: &str) -> String {
    let error = error.trim_end_matches('.');
    let error = error.strip_prefix("Component error: ").or(error.strip_prefix("Invalid pattern: ")).unwrap_or(error);
    let mut letters = error.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The names of all time zones.
pub fn zones() -> impl Iterator<Item = &'static str> {
    chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
}

impl fmt::Display for Timetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.cron.as_str(), self.zone.name())
    }
}

impl fmt::Debug for Timetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timetable({self})")
    }
}

impl PartialEq for Timetable {
    fn eq(&self, other: &Self) -> bool {
        self.cron.as_str() == other.cron.as_str() && self.zone == other.zone
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    /// The next `n` times after `from`, as the wall shows them.
    fn times(pattern: &str, zone: &str, from: &str, n: usize) -> Vec<String> {
        let timetable = Timetable::parse(pattern, zone).expect("a timetable");
        let zone: Tz = zone.parse().expect("a zone");
        let next = |last: &Timestamp| timetable.next_after(*last);
        let times = std::iter::successors(next(&at(from)), next).take(n);
        times.map(|at| at.to_chrono().with_timezone(&zone).format("%F %T%:z").to_string()).collect()
    }

    const ZURICH: &str = "Europe/Zurich";

    #[test]
    fn a_daily_time_that_is_skipped_comes_at_the_end_of_the_gap() {
        assert_eq!(
            times("0 30 2 * * *", ZURICH, "2026-03-28T00:00:00Z", 3),
            ["2026-03-28 02:30:00+01:00", "2026-03-29 03:00:00+02:00", "2026-03-30 02:30:00+02:00"]
        );
    }

    #[test]
    fn a_daily_time_that_comes_twice_counts_once() {
        assert_eq!(
            times("0 30 2 * * *", ZURICH, "2026-10-24T12:00:00Z", 2),
            ["2026-10-25 02:30:00+02:00", "2026-10-26 02:30:00+01:00"]
        );
        // Asked between the two, and right after the second.
        for from in ["2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z", "2026-10-25T01:30:00Z"] {
            assert_eq!(times("0 30 2 * * *", ZURICH, from, 1), ["2026-10-26 02:30:00+01:00"], "{from}");
        }
    }

    #[test]
    fn every_so_often_skips_the_gap_and_takes_both_hours() {
        assert_eq!(
            times("0 */20 * * * *", ZURICH, "2026-03-29T00:35:00Z", 3),
            ["2026-03-29 01:40:00+01:00", "2026-03-29 03:00:00+02:00", "2026-03-29 03:20:00+02:00"]
        );
        assert_eq!(
            times("0 5/30 2 * * *", ZURICH, "2026-03-28T22:00:00Z", 2),
            ["2026-03-30 02:05:00+02:00", "2026-03-30 02:35:00+02:00"]
        );
        assert_eq!(
            times("0 */30 2 * * *", ZURICH, "2026-10-24T23:00:00Z", 5),
            [
                "2026-10-25 02:00:00+02:00",
                "2026-10-25 02:30:00+02:00",
                "2026-10-25 02:00:00+01:00",
                "2026-10-25 02:30:00+01:00",
                "2026-10-26 02:00:00+01:00"
            ]
        );
    }

    #[test]
    fn zones_differ_and_rare_days_come() {
        assert_eq!(times("0 0 2 * * *", "UTC", "2026-11-20T02:00:00Z", 1), ["2026-11-21 02:00:00+00:00"]);
        // Half an hour of summer time, in the south.
        assert_eq!(
            times("0 15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2),
            ["2026-10-04 02:30:00+11:00", "2026-10-05 02:15:00+11:00"]
        );
        assert_eq!(times("0 0 0 29 2 *", "UTC", "2026-11-20T00:00:00Z", 1), ["2028-02-29 00:00:00+00:00"]);
        assert_eq!(times("0 0 9 L * *", "UTC", "2027-02-01T00:00:00Z", 1), ["2027-02-28 09:00:00+00:00"]);
        assert_eq!(times("0 0 9 * * MON-FRI", "UTC", "2026-11-21T00:00:00Z", 1), ["2026-11-23 09:00:00+00:00"]);
        assert_eq!(times("@daily", "UTC", "2026-11-21T12:00:00Z", 1), ["2026-11-22 00:00:00+00:00"]);
    }

    #[test]
    fn what_is_no_timetable_is_refused_with_the_reason() {
        let refused = |pattern: &str, zone: &str| Timetable::parse(pattern, zone).expect_err(pattern);
        assert_eq!(refused("0 2 * * *", "UTC"), TimetableError::Fields(5));
        assert_eq!(refused("", "UTC"), TimetableError::Fields(0));
        assert_eq!(refused("0 0 2 31 2 *", "UTC"), TimetableError::Never);
        assert_eq!(refused("0 0 2 * * *", "Europe/Zuerich"), TimetableError::Zone("Europe/Zuerich".into()));
        for pattern in ["0 0 25 * * *", "0 61 2 * * *", "a b c d e f", "0 0 2 * 13 *", "-1 0 2 * * *"] {
            assert!(matches!(refused(pattern, "UTC"), TimetableError::Pattern(_)), "{pattern}");
        }
    }

    #[test]
    fn the_calendar_has_an_end() {
        let timetable = Timetable::parse("0 0 2 * * *", "UTC").expect("a timetable");
        assert_eq!(timetable.next_after(Timestamp::MAX), None);
        assert_eq!(timetable.at_or_after(at("2026-11-20T02:00:00Z")), Some(at("2026-11-20T02:00:00Z")));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

        /// Against a walk through every minute of three days: the wall shows the pattern's time, and none is left out.
        #[test]
        fn agrees_with_a_walk_minute_by_minute(
            start in 0..366 * 6_i64,
            change in any::<bool>(),
            hour in 0..24_u32,
            minute in 0..60_u32,
            every in any::<bool>(),
            zone in prop::sample::select(vec!["Europe/Zurich", "UTC", "America/New_York", "Australia/Lord_Howe"]),
        ) {
            // Every other case lies around a change of Zurich's clocks.
            let day = if change { [87, 301][usize::from(every)] + 365 * 6 + 14_610 } else { 16_436 + start };
            let from = Timestamp::from_micros(day * 86_400_000_000);
            let to = from + std::time::Duration::from_secs(3 * 86_400);
            let pattern = if every { "0 */15 * * * *".to_owned() } else { format!("0 {minute} {hour} * * *") };
            let timetable = Timetable::parse(&pattern, zone).expect("a timetable");
            let next = |last: &Timestamp| timetable.next_after(*last);
            let found: Vec<Timestamp> =
                std::iter::successors(timetable.at_or_after(from), next).take_while(|at| *at < to).collect();

            let zone: Tz = zone.parse().expect("a zone");
            let mut walked: Vec<Timestamp> = Vec::new();
            let mut seen = from;
            let mut last_local: Option<NaiveDateTime> = None;
            let mut latest = from.to_chrono().with_timezone(&zone).naive_local() - Duration::minutes(1);
            while seen < to {
                let local = seen.to_chrono().with_timezone(&zone).naive_local();
                let is = |local: NaiveDateTime| {
                    let text = local.format("%H:%M").to_string();
                    text == format!("{hour:02}:{minute:02}")
                };
                let due = if every {
                    local.format("%M").to_string().parse::<u32>().is_ok_and(|m| m % 15 == 0)
                } else {
                    // Whatever the wall has passed since, skipped or not, and not seen before.
                    let mut minutes = std::iter::successors(Some(latest + Duration::minutes(1)), |m| Some(*m + Duration::minutes(1)));
                    local > latest && minutes.by_ref().take_while(|m| *m <= local).any(is)
                };
                if due {
                    walked.push(seen);
                }
                latest = latest.max(local);
                last_local = Some(local);
                seen = seen + std::time::Duration::from_secs(60);
            }
            prop_assert!(last_local.is_some());
            prop_assert_eq!(found, walked);
        }
    }
}
