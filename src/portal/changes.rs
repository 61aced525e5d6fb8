//! What is different between two configurations, for people: names and keys, and never a secret.
//!
//! Made when a configuration is taken over; shown in the log, in the API and in its stream.

/// A thing that was added, removed or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What kind of thing: `webhook`, `flow`, `schedule`; or the table that its keys are in, `delivery`, and `config` for those
    /// in none.
    pub what: String,
    /// Its name; empty for a table.
    pub name: String,
    /// What became of it.
    pub how: How,
    /// Which keys say something else, in order; none where all of it is new or gone.
    pub keys: Vec<KeyChange>,
    /// It takes effect at the next start only.
    pub needs_restart: bool,
}

impl Change {
    /// In a line: `webhook demo changed: timeout 10s -> 3s, url ...`.
    pub fn line(&self) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let key = |key: &KeyChange| format!("{} {} -> {}", key.key, text(&key.from), text(&key.to));
        let thing =
            if self.name.is_empty() { format!("[{}]", self.what) } else { format!("{} {}", self.what, self.name) };
        let keys: Vec<String> = self.keys.iter().map(key).collect();
        let keys = if keys.is_empty() { String::new() } else { format!(": {}", keys.join(", ")) };
        let later = if self.needs_restart { " (takes effect at the next start)" } else { "" };
        format!("{thing} {}{keys}{later}", self.how.as_str())
    }
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
