//! The three eras of IDWise's documentation.

use super::EVENT_TYPES;
use super::eras::{LEGACY, MIDDLE};

/// An era of IDWise's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// One page and one body per event: 2025 and 2026.
    Current,
    /// docs.idwise.com before and around 2024: one generic body.
    Middle,
    /// idwise.github.io, December 2022 to May 2023: no event ids.
    Legacy,
}

impl Dialect {
    /// All of them, today's first.
    pub const ALL: [Dialect; 3] = [Dialect::Current, Dialect::Middle, Dialect::Legacy];

    /// The dialect's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Current => "current",
            Dialect::Middle => "middle",
            Dialect::Legacy => "legacy",
        }
    }

    /// The event types of this era, as it spells them.
    pub fn event_types(self) -> &'static [&'static str] {
        match self {
            Dialect::Current => &EVENT_TYPES,
            Dialect::Middle => &MIDDLE,
            Dialect::Legacy => &LEGACY,
        }
    }
}
