//! How QoreID delivers: the default of `[delivery]` when it is played.

use std::time::Duration;

use crate::provider::Policy;

/// Six attempts: "5 retries" after the first (docs.qoreid.com/docs/webhook-configuration). Gaps, time-out and what counts
/// as delivered are not documented: 1, 5, 15, 30 and 60 minutes, 10 s and any 2xx are this stand-in's choice.
pub fn policy() -> Policy {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    Policy { retry: [1, 5, 15, 30, 60].map(minutes).to_vec(), timeout: Duration::from_secs(10), any_2xx: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_the_documented_one() {
        insta::assert_snapshot!(format!("{:?}", policy()), @"Policy { retry: [60s, 300s, 900s, 1800s, 3600s], timeout: 10s, any_2xx: true }");
    }
}
