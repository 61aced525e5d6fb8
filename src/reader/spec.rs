//! Tables of a document declared as data: which keys there are, of what kind, with which default, and why.

use std::time::Duration;

use crate::chance::LONGEST_SPAN;

/// A table of a document.
#[derive(Debug)]
pub struct Table {
    /// What the table is called in messages, `[server]` say.
    pub name: &'static str,
    /// What it is for, one sentence.
    pub doc: &'static str,
    /// Its keys, in groups so that tables can share them.
    pub keys: &'static [&'static [Key]],
    /// What happens to other keys.
    pub rest: Rest,
}

/// What happens to keys that a table does not declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// They are complained of.
    Refused,
    /// They are kept for the builder to judge: the arguments of a scenario's line.
    Kept,
}

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Its value when it is absent, as TOML; `None` when absence means something, or is refused.
    pub default: Option<&'static str>,
    /// Whether it must be there.
    pub need: Need,
    /// What it is for, one sentence.
    pub doc: &'static str,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It may be absent.
    Optional,
    /// Its absence is complained of.
    Required,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text.
    Text,
    /// A text that may hold `user:password@`, which is never shown.
    Url,
    /// A text that is never shown; `env:NAME` takes it from the environment.
    Secret,
    /// One of some words; `later` are words this version does not support yet.
    Word {
        /// What is accepted.
        now: &'static [&'static str],
        /// What is refused as "not available yet".
        later: &'static [&'static str],
    },
    /// A whole number within bounds.
    Whole {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A number within bounds.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// `true` or `false`.
    Switch,
    /// A duration within bounds.
    Span {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A duration, or a distribution that durations are drawn from.
    SpanDraw,
    /// A part of the whole: `"3%"`, or a number from 0 to 1.
    Share,
    /// An instant, RFC 3339 with its offset.
    Instant,
    /// A number of bytes: `"64KiB"`, or a whole number.
    Size,
    /// `"off"`, or a number per second or minute: `"50/s"`, `"100/m"`.
    Rate,
    /// One of some words, or a table of weights.
    Weights(&'static [&'static str]),
    /// A list of at most so many values.
    List(&'static Kind, usize),
    /// One value, or a list of them.
    OneOrMore(&'static Kind),
    /// Names of the writer's choice with values of one kind.
    Map(&'static Kind),
    /// A table.
    Table(&'static Table),
    /// A list of tables.
    Tables(&'static Table),
    /// Anything, for the builder to judge.
    Any,
}

impl Kind {
    /// A duration of any length.
    pub const SPAN: Kind = Kind::Span { min: Duration::ZERO, max: LONGEST_SPAN };

    /// One of `words`.
    pub const fn word(words: &'static [&'static str]) -> Kind {
        Kind::Word { now: words, later: &[] }
    }
}

impl Key {
    /// A key that may be absent, with a meaning of its own then.
    pub const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Key {
        Key { name, kind, default: None, need: Need::Optional, doc }
    }

    /// A key that must be there.
    pub const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Key {
        Key { name, kind, default: None, need: Need::Required, doc }
    }

    /// A key with a default, written as TOML.
    pub const fn with_default(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
        Key { name, kind, default: Some(default), need: Need::Optional, doc }
    }

    /// The same key without its default, for a table where absence means "as elsewhere".
    pub const fn bare(self) -> Key {
        Key { default: None, ..self }
    }
}

impl Table {
    /// All keys, in the order of their declaration.
    pub fn all(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().flat_map(|group| group.iter())
    }

    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.all().find(|key| key.name == name)
    }
}
