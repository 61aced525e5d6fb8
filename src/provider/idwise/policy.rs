//! How IDWise delivers, as each era documents it: the default of `[delivery]`.

use std::time::Duration;

use super::Dialect;
use crate::provider::Policy;

/// The documented policy of an era.
///
/// - Current: three retries "at intervals of 5, 10, and 15 minutes", read as gaps after the failed attempt: four
///   attempts in all (docs.idwise.com/docs/webhook-faq), then a mail.
/// - Middle: a mail "after three attempts" (docs.idwise.com/docs/configure-webhook-urls, older copy), read as three in
///   all. The gaps are not documented; today's first two are taken.
/// - Legacy: nothing is documented; today's policy stands in.
/// - Success is exactly 200, the only status the pages name (docs.idwise.com/docs/webhooks-overview).
/// - The time-out is documented only as "in time"; 10 s is this stand-in's choice.
pub fn policy(dialect: Dialect) -> Policy {
    let minutes: &[u64] = match dialect {
        Dialect::Current | Dialect::Legacy => &[5, 10, 15],
        Dialect::Middle => &[5, 10],
    };
    let retry = minutes.iter().map(|n| Duration::from_secs(60 * n)).collect();
    Policy { retry, timeout: Duration::from_secs(10), any_2xx: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_are_the_documented_ones() {
        let shown = |dialect| format!("{:?}", policy(dialect));
        insta::assert_snapshot!(shown(Dialect::Current), @"Policy { retry: [300s, 600s, 900s], timeout: 10s, any_2xx: false }");
        insta::assert_snapshot!(shown(Dialect::Middle), @"Policy { retry: [300s, 600s], timeout: 10s, any_2xx: false }");
        assert_eq!(policy(Dialect::Legacy), policy(Dialect::Current));
    }
}
