//! Eras of a provider's documentation. A server speaks one, and a webhook may ask for another, so that one server shows a
//! migration.

use std::fmt;

use super::{ProviderKind, idwise, qoreid, words};

/// An era of a provider's documentation: which events there are, what they are called, and what their bodies hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Of IDWise.
    Idwise(idwise::Dialect),
    /// Of QoreID.
    Qoreid(qoreid::Dialect),
}

impl Dialect {
    /// Today's dialect of a provider.
    pub fn current(kind: ProviderKind) -> Self {
        match kind {
            ProviderKind::Idwise => Dialect::Idwise(idwise::Dialect::Current),
            ProviderKind::Qoreid => Dialect::Qoreid(qoreid::Dialect::Current),
        }
    }

    /// All dialects of a provider, today's first.
    pub fn all(kind: ProviderKind) -> Vec<Dialect> {
        match kind {
            ProviderKind::Idwise => idwise::Dialect::ALL.map(Dialect::Idwise).to_vec(),
            ProviderKind::Qoreid => qoreid::Dialect::ALL.map(Dialect::Qoreid).to_vec(),
        }
    }

    /// Reads a dialect's word.
    ///
    /// # Errors
    /// The nearest word, and those there are.
    pub fn parse(kind: ProviderKind, text: &str) -> Result<Self, String> {
        let all = Dialect::all(kind);
        let words: Vec<&str> = all.iter().map(|dialect| dialect.as_str()).collect();
        let found = all.iter().find(|dialect| dialect.as_str() == text).copied();
        found.ok_or_else(|| format!("{text:?} is not a dialect of {kind}{}", words::suggest(text, &words)))
    }

    /// Whose dialect it is.
    pub fn provider(self) -> ProviderKind {
        match self {
            Dialect::Idwise(_) => ProviderKind::Idwise,
            Dialect::Qoreid(_) => ProviderKind::Qoreid,
        }
    }

    /// The dialect's word: `current`, `middle`, ...
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Idwise(dialect) => dialect.as_str(),
            Dialect::Qoreid(dialect) => dialect.as_str(),
        }
    }

    /// The event types that a webhook may subscribe to, as the provider spells them in this era.
    pub fn event_types(self) -> &'static [&'static str] {
        match self {
            Dialect::Idwise(dialect) => dialect.event_types(),
            Dialect::Qoreid(dialect) => dialect.event_types(),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event made bytes in a dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The type as that dialect spells it.
    pub event_type: &'static str,
    /// The exact body.
    pub body: Vec<u8>,
}
