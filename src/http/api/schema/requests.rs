//! The bodies that the control API takes. The handlers read them member by member, so that each complaint says what is
//! wrong; these types describe them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

shapes! {
    /// A journey to be started.
    StartJourney {
        /// The id of a `[[flow]]`.
        #[schema(example = "onboarding")]
        flow: String,
        /// The customer's own id.
        #[schema(example = "A-1")]
        reference_no: String,
        /// `sandbox` or `live`; the server's own when absent.
        #[schema(example = "sandbox")]
        environment: Option<String>,
        /// Makes the call idempotent.
        key: Option<String>,
    }

    /// Which deliveries to send again.
    ResendMany {
        /// `exhausted` when absent; `delivered` and `cancelled` are possible.
        #[schema(example = "exhausted")]
        state: Option<String>,
        /// Only to this webhook.
        webhook: Option<String>,
        /// Only those due since; RFC 3339.
        #[schema(example = "2026-11-20T08:00:00Z")]
        since: Option<String>,
        /// At most so many.
        #[schema(minimum = 1, maximum = 10_000)]
        limit: Option<u64>,
        /// Only says what would be sent.
        dry_run: Option<bool>,
    }

    /// What is done to the clock: exactly one of these.
    ChangeClock {
        /// By a span.
        #[schema(example = "1h")]
        advance: Option<String>,
        /// To an instant, RFC 3339.
        set: Option<String>,
        /// Provider seconds per real second.
        rate: Option<f64>,
        /// `manual` or `real`.
        mode: Option<String>,
    }
}

/// What is done to a journey: `do`, and the arguments that go with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stimulus {
    /// One of the journey's legal stimuli.
    #[serde(rename = "do")]
    #[schema(example = "submit_step")]
    pub stimulus: String,
    /// Makes the call idempotent.
    pub key: Option<String>,
    /// Of `submit_step`; other stimuli have others.
    #[schema(example = "1")]
    pub step: Option<String>,
}
