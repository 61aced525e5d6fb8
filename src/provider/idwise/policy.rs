//! How IDWise delivers, as it documents it: the default of `[delivery]`.

use std::time::Duration;

use crate::provider::Policy;

/// The documented policy.
///
/// - Three retries "at intervals of 5, 10, and 15 minutes", read as gaps after the failed attempt: four attempts
///   in all (docs.idwise.com/docs/webhook-faq).
/// - Success is exactly 200, the only status the pages name (docs.idwise.com/docs/webhooks-overview).
/// - The time-out is documented only as "in time"; 10 s is this stand-in's choice.
pub fn policy() -> Policy {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    Policy { retry: vec![minutes(5), minutes(10), minutes(15)], timeout: Duration::from_secs(10), any_2xx: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_the_documented_one() {
        insta::assert_snapshot!(format!("{:?}", policy()), @"Policy { retry: [300s, 600s, 900s], timeout: 10s, any_2xx: false }");
    }
}
