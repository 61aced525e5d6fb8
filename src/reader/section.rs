//! A table as it was read: typed values, each with its place and origin.
//!
//! Made by [`super::Reading`]; the builders of `portal`, `config` and `scenario` take their values out by name. A
//! value that was complained of stands at its default, so that a builder can go on and find more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::chance::SpanDraw;
use crate::clock::Timestamp;
use crate::secret::Secret;

/// Where a value came from; the earlier ones win.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line, by its name.
    Flag(&'static str),
    /// A variable of the environment.
    Env(String),
    /// The document.
    File,
    /// The declaration.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "flag {name}"),
            Origin::Env(name) => write!(f, "env {name}"),
            Origin::File => f.write_str("file"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A value of a known kind.
#[derive(Clone, Debug)]
pub enum Value {
    /// Of [`super::Kind::Text`], `Url` and `Word`.
    Text(String),
    /// Of `Secret`.
    Secret(Secret),
    /// Of `Whole` and `Size`.
    Whole(i64),
    /// Of `Number` and `Share`.
    Number(f64),
    /// Of `Switch`.
    Switch(bool),
    /// Of `Span`.
    Span(Duration),
    /// Of `SpanDraw`.
    SpanDraw(SpanDraw),
    /// Of `Instant`.
    Instant(Timestamp),
    /// Of `Rate`, per second; `None` is off.
    Rate(Option<f64>),
    /// Of `Weights`.
    Weights(Vec<(String, f64)>),
    /// Of `List`, `OneOrMore` and `Tables`.
    List(Vec<Item>),
    /// Of `Map`: name, place of the name, value.
    Map(Vec<(String, Range<usize>, Item)>),
    /// Of `Table`.
    Table(Section),
    /// Of `Any`.
    Any,
}

/// A value with its place and origin.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is.
    pub value: Value,
    /// As it is shown: as written, with secrets blanked.
    pub shown: serde_json::Value,
    /// The bytes of the document that hold it; `None` for what is not in the document.
    pub span: Option<Range<usize>>,
    /// Where it came from.
    pub origin: Origin,
}

/// A key that a table does not declare and keeps.
#[derive(Clone, Debug)]
pub struct Extra {
    /// The key.
    pub name: String,
    /// Its place.
    pub key_span: Range<usize>,
    /// The value's place.
    pub span: Range<usize>,
    /// The value.
    pub json: serde_json::Value,
}

/// A table as it was read.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// The bytes of the document that hold it; `None` for a table that is not in the document.
    pub span: Option<Range<usize>>,
    /// The values by key.
    pub items: BTreeMap<&'static str, Item>,
    /// Keys whose values were complained of.
    pub faulty: BTreeSet<&'static str>,
    /// What it keeps besides, in the order of the document.
    pub extra: Vec<Extra>,
}

impl Section {
    /// The value of `key` with its place.
    pub fn item(&self, key: &str) -> Option<&Item> {
        self.items.get(key)
    }

    /// The place of `key`'s value, or of the table when it has none.
    pub fn place(&self, key: &str) -> Option<Range<usize>> {
        self.item(key).and_then(|item| item.span.clone()).or_else(|| self.span.clone())
    }

    /// Whether the document, a flag or the environment gave `key` a value, be it a wrong one.
    pub fn given(&self, key: &str) -> bool {
        self.faulty.contains(key) || self.item(key).is_some_and(|item| item.origin != Origin::Default)
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.item(key)?.text()
    }

    /// A secret.
    pub fn secret(&self, key: &str) -> Option<Secret> {
        match &self.item(key)?.value {
            Value::Secret(secret) => Some(secret.clone()),
            _ => None,
        }
    }

    /// A whole number.
    pub fn whole(&self, key: &str) -> Option<i64> {
        match self.item(key)?.value {
            Value::Whole(n) => Some(n),
            _ => None,
        }
    }

    /// A count or size: a whole number that its declaration keeps from being negative.
    pub fn count(&self, key: &str) -> Option<usize> {
        self.whole(key).and_then(|n| usize::try_from(n).ok())
    }

    /// A number or share.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.item(key)?.value {
            Value::Number(n) => Some(n),
            _ => None,
        }
    }

    /// A switch.
    pub fn switch(&self, key: &str) -> Option<bool> {
        match self.item(key)?.value {
            Value::Switch(on) => Some(on),
            _ => None,
        }
    }

    /// A duration.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        self.item(key)?.duration()
    }

    /// A duration that may be drawn.
    pub fn span_draw(&self, key: &str) -> Option<SpanDraw> {
        match &self.item(key)?.value {
            Value::SpanDraw(span) => Some(span.clone()),
            _ => None,
        }
    }

    /// An instant.
    pub fn instant(&self, key: &str) -> Option<Timestamp> {
        match self.item(key)?.value {
            Value::Instant(at) => Some(at),
            _ => None,
        }
    }

    /// A rate per second; the inner `None` is `"off"`.
    pub fn rate(&self, key: &str) -> Option<Option<f64>> {
        match self.item(key)?.value {
            Value::Rate(rate) => Some(rate),
            _ => None,
        }
    }

    /// Words with their weights.
    pub fn weights(&self, key: &str) -> Option<&[(String, f64)]> {
        match &self.item(key)?.value {
            Value::Weights(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The values of a list; none when the key is absent.
    pub fn list(&self, key: &str) -> &[Item] {
        match self.item(key).map(|item| &item.value) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// The pairs of a map; none when the key is absent.
    pub fn map(&self, key: &str) -> &[(String, Range<usize>, Item)] {
        match self.item(key).map(|item| &item.value) {
            Some(Value::Map(pairs)) => pairs,
            _ => &[],
        }
    }

    /// A table within.
    pub fn table(&self, key: &str) -> Option<&Section> {
        self.item(key)?.table()
    }

    /// The tables of a list of tables.
    pub fn tables(&self, key: &str) -> impl Iterator<Item = &Section> {
        self.list(key).iter().filter_map(Item::table)
    }
}

impl Item {
    /// A text.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A duration.
    pub fn duration(&self) -> Option<Duration> {
        match self.value {
            Value::Span(span) => Some(span),
            _ => None,
        }
    }

    /// A table.
    pub fn table(&self) -> Option<&Section> {
        match &self.value {
            Value::Table(section) => Some(section),
            _ => None,
        }
    }
}
