//! What the control API says of changes of the configuration.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

shapes! {
    /// How the configuration came to be what it is.
    Configured {
        /// RFC 3339: when what holds now was taken over.
        taken_over_at: String,
        /// `file`
        source: String,
        /// What that changed; nothing since the start.
        changes: Vec<ConfigChange>,
        /// Why the file is refused as it is now; what was taken over before holds.
        error: Option<String>,
        /// RFC 3339: since when.
        refused_at: Option<String>,
    }

    /// A thing that is different.
    ConfigChange {
        /// `webhook`, `flow`, `schedule`, or the table of its keys: `delivery`, `server`, ...
        what: String,
        /// Its name; empty for a table.
        name: String,
        /// `added`, `removed`, `changed`.
        change: String,
        /// The keys that say something else.
        keys: Vec<KeyChange>,
        /// It takes effect at the next start only.
        needs_restart: bool,
    }

    /// A key that says something else; secrets are `***`.
    KeyChange {
        /// `url`, `auth.password`.
        key: String,
        /// What it said, if it was there.
        from: Option<String>,
        /// What it says, if it is there.
        to: Option<String>,
    }
}
