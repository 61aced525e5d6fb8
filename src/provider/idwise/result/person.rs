//! Somebody who does not exist, drawn from a journey's place.

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::clock::Timestamp;
use crate::provider::Journey;
use crate::rng::{Draw, Seed};

/// Given names that were put together from syllables.
const FIRST: [(&str, &str); 12] = [
    ("Alvina", "female"),
    ("Bendel", "male"),
    ("Corisse", "female"),
    ("Dorvan", "male"),
    ("Elmora", "female"),
    ("Fandrik", "male"),
    ("Gislina", "female"),
    ("Harlo", "male"),
    ("Ismira", "female"),
    ("Jorvel", "male"),
    ("Kelmina", "female"),
    ("Lorvik", "male"),
];

/// Family names of the same making.
const LAST: [&str; 10] = [
    "Abrenthal",
    "Belloway",
    "Corvendale",
    "Dunmarrow",
    "Ellersby",
    "Farrowmond",
    "Gantrell",
    "Hollisward",
    "Ivermark",
    "Jestrando",
];

/// Countries by name and ISO 3166 code: documents must come from somewhere.
const COUNTRIES: [(&str, &str); 6] = [
    ("Switzerland", "CHE"),
    ("United Arab Emirates", "ARE"),
    ("Qatar", "QAT"),
    ("Nigeria", "NGA"),
    ("Germany", "DEU"),
    ("Portugal", "PRT"),
];

/// An invented person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub(in crate::provider::idwise) first: &'static str,
    pub(in crate::provider::idwise) last: &'static str,
    pub(in crate::provider::idwise) sex: &'static str,
    /// `1990-02-28`
    pub(in crate::provider::idwise) birth_date: String,
    pub(in crate::provider::idwise) number: String,
    pub(in crate::provider::idwise) country: (&'static str, &'static str),
}

impl Person {
    /// The subject of a journey; under 18 at its start if `minor`.
    pub(in crate::provider::idwise) fn of(seed: Seed, journey: &Journey, minor: bool) -> Self {
        Person::drawn(&mut seed.draw(&[b"person", &journey.id.0]), journey.created_at, minor)
    }

    pub(in crate::provider::idwise) fn drawn(draw: &mut Draw, now: Timestamp, minor: bool) -> Self {
        let (first, sex) = FIRST[draw.below(FIRST.len() as u64) as usize];
        let last = LAST[draw.below(LAST.len() as u64) as usize];
        let country = COUNTRIES[draw.below(COUNTRIES.len() as u64) as usize];
        let age = if minor { 14 + draw.below(3) } else { 19 + draw.below(50) } as i32;
        let birthday = date_from(now, -age).checked_sub_days(Days::new(draw.below(360))).unwrap_or(NaiveDate::MIN);
        Person {
            first,
            last,
            sex,
            birth_date: birthday.to_string(),
            number: format!("X{:08}", draw.below(100_000_000)),
            country,
        }
    }

    pub(in crate::provider::idwise) fn full_name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }
}

/// The date so many years after `now`, before it if negative.
pub(super) fn years_from(now: Timestamp, years: i32) -> String {
    date_from(now, years).to_string()
}

fn date_from(now: Timestamp, years: i32) -> NaiveDate {
    let today = now.to_chrono().date_naive();
    let months = Months::new(years.unsigned_abs() * 12);
    let moved = if years < 0 { today.checked_sub_months(months) } else { today.checked_add_months(months) };
    // Clocks may be set to the ends of what RFC 3339 can write; a date there is still one.
    moved.filter(|date| (0..=9999).contains(&date.year())).unwrap_or(today)
}
