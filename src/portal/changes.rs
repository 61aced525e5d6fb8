//! What is different between two configurations, for people: names and keys, and never a secret.
//!
//! Made when a configuration is taken over; shown in the log, in the API and in its stream.

/// A thing that was added, removed or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What kind of thing: `webhook`, `flow`, `schedule`, or the table that a key is in: `delivery`.
    pub what: &'static str,
    /// Its name; empty for a table.
    pub name: String,
    /// What became of it.
    pub how: How,
    /// Which keys say something else, in order; none where all of it is new or gone.
    pub keys: Vec<KeyChange>,
    /// It takes effect at the next start only.
    pub needs_restart: bool,
}

/// What became of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed,
    /// It stands; a webhook.
    Paused,
    /// It goes on; a webhook.
    Resumed,
}

impl How {
    /// Its word: `added`.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Added => "added",
            How::Removed => "removed",
            How::Changed => "changed",
            How::Paused => "paused",
            How::Resumed => "resumed",
        }
    }
}

/// A key that says something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// The key: `url`, `auth.password`.
    pub key: String,
    /// What it said; `None` where it was not there. A secret is `***`.
    pub from: Option<String>,
    /// What it says; `None` where it is not there any more. A secret that is another now is `*** (changed)`.
    pub to: Option<String>,
}
