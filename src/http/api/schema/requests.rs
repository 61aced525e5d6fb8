//! The bodies that the control API takes. The handlers read them member by member, so that each complaint says what is
//! wrong; these types describe them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

shapes! {
    /// A journey to be started.
    StartJourney {
        /// The id of a `[[flow]]`; of QoreID also a product.
        #[schema(example = "onboarding")]
        flow: String,
        /// The customer's own id.
        #[schema(example = "A-1", pattern = r"^[A-Za-z0-9_/\\,.+@-]{1,256}$")]
        reference_no: String,
        /// `sandbox` or `live`; the server's own when absent.
        #[schema(example = "sandbox", pattern = "^(sandbox|live)$")]
        environment: Option<String>,
        /// Makes the call idempotent.
        key: Option<String>,
    }

    /// Which deliveries to send again.
    ResendMany {
        /// `exhausted` when absent; `delivered` and `cancelled` are possible.
        #[schema(example = "exhausted", pattern = "^(exhausted|delivered|cancelled)$")]
        state: Option<String>,
        /// Only to this webhook.
        webhook: Option<String>,
        /// Only those due since; RFC 3339.
        #[schema(example = "2026-11-20T08:00:00Z", format = DateTime)]
        since: Option<String>,
        /// At most so many.
        #[schema(minimum = 1, maximum = 10_000)]
        limit: Option<u64>,
        /// Only says what would be sent.
        dry_run: Option<bool>,
    }
}

/// A webhook to be made: the keys of `[[webhook]]`, whose values `config schema` describes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MakeWebhook {
    /// Unique; 1 to 64 letters, digits, dots, dashes and underscores.
    #[schema(example = "mine", pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub name: String,
    /// Absolute, or a path of this server's own inbox.
    #[schema(example = "/inbox/mine")]
    pub url: String,
    /// Save it without a test.
    #[schema(example = true)]
    pub skip_test: Option<bool>,
    /// The other keys.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub others: serde_json::Map<String, Value>,
}

/// What is changed of a webhook: keys of `[[webhook]]` with other values, or with `null`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeWebhook {
    /// Save it without a test.
    #[schema(example = true)]
    pub skip_test: Option<bool>,
    /// The keys.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub others: serde_json::Map<String, Value>,
}

shapes! {
    /// Forward by a span.
    Advance {
        /// The span.
        #[schema(example = "1h", pattern = "^[1-9][0-9]{0,2}(ms|s|m|h|d)( [1-9][0-9]{0,2}(ms|s|m|h|d))?$")]
        advance: String,
    }

    /// Forward to an instant.
    SetClock {
        /// RFC 3339.
        #[schema(example = "2027-01-01T00:00:00Z", format = DateTime)]
        set: String,
    }

    /// To another pace.
    SetRate {
        /// Provider seconds per real second.
        #[schema(exclusive_minimum = 0, maximum = 1_000_000_000)]
        rate: f64,
    }

    /// To another mode.
    SetMode {
        /// `manual` or `real`.
        #[schema(example = "manual", pattern = "^(manual|real)$")]
        mode: String,
    }
}

/// What is done to the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ChangeClock {
    /// Forward by a span.
    Advance(Advance),
    /// Forward to an instant.
    Set(SetClock),
    /// To another pace.
    Rate(SetRate),
    /// To another mode.
    Mode(SetMode),
}
