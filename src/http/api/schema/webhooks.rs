//! What the control API says of webhooks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

shapes! {
    /// A webhook.
    Webhook {
        /// Unique.
        name: String,
        /// `file`, or `api` for one that was made here.
        origin: String,
        /// Whose events it gets.
        environment: String,
        /// The era it is spoken to in.
        dialect: String,
        /// Event types, or `*`.
        types: Vec<String>,
        /// Where its requests go.
        url: String,
        /// Who is mailed when a delivery is given up.
        error_emails: Vec<String>,
        /// How requests prove where they come from; secrets are blanked.
        auth: BTreeMap<String, String>,
        /// Headers that are added, blanked.
        headers: BTreeMap<String, String>,
        /// Whether it gets new deliveries.
        enabled: bool,
        /// Whether deliveries are held back.
        paused: bool,
        /// The gaps after each failed attempt.
        retry: Vec<String>,
        /// The share of a gap by which it may vary.
        jitter: f64,
        /// One deadline for an attempt.
        timeout: String,
        /// `200` or `2xx`.
        success: String,
        /// At most so many attempts at once.
        max_in_flight: u64,
        /// Starts per second.
        rate_limit: Option<f64>,
        /// `none` or `journey`.
        order: String,
        /// Deliveries that wait.
        waiting: u64,
        /// Deliveries that are under way.
        in_flight: u64,
        /// When the next one is due.
        next_due: Option<String>,
    }

    /// What came of a test.
    Tested {
        /// Whether it was answered as it should be.
        passed: bool,
        /// Of the answer.
        status: Option<u16>,
        /// A word for what went wrong.
        error: Option<String>,
        /// What went wrong, for people.
        detail: Option<String>,
        /// How long it took, in milliseconds.
        took_ms: f64,
    }

    /// A webhook that is gone.
    Dropped {
        /// Its name.
        name: String,
        /// So many deliveries were called off.
        cancelled: u64,
    }
}
