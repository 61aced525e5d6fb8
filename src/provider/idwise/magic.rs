//! References that force an outcome: what a customer's test ends its `referenceNo` with to be sure of what comes.
//!
//! Read by the machine where it would otherwise draw: a decision that a stimulus names is not overruled. The provider
//! documents no such thing; this is the stand-in's.

use std::time::Duration;

use super::SystemDecision;

/// A slow journey takes so many times what was drawn for it.
const SLOWER: u32 = 10;

/// A slow journey takes at least so long.
const SLOW_AT_LEAST: Duration = Duration::from_secs(60);

/// The suffixes that name a decision.
const DECISIONS: [(&str, SystemDecision); 3] = [
    ("+refer", SystemDecision::Refer),
    ("+complete", SystemDecision::Complete),
    ("+incomplete", SystemDecision::Incomplete),
];

const SLOW: &str = "+slow";

/// The decision that a reference asks for. `+slow` may stand before or behind it: `a-17+refer+slow`.
pub(super) fn decision(reference_no: &str) -> Option<SystemDecision> {
    let reference_no = reference_no.strip_suffix(SLOW).unwrap_or(reference_no);
    DECISIONS.iter().find(|(suffix, _)| reference_no.ends_with(suffix)).map(|(_, decision)| *decision)
}

/// The time that processing takes where `drawn` was drawn for it.
pub(super) fn processing(reference_no: &str, drawn: Duration) -> Duration {
    let before = DECISIONS.iter().find_map(|(suffix, _)| reference_no.strip_suffix(suffix)).unwrap_or(reference_no);
    if before.ends_with(SLOW) || reference_no.ends_with(SLOW) {
        drawn.saturating_mul(SLOWER).max(SLOW_AT_LEAST)
    } else {
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_forces_what_it_names() {
        let check = |reference: &str, wanted: Option<SystemDecision>, seconds: u64| {
            assert_eq!(decision(reference), wanted, "{reference}");
            assert_eq!(processing(reference, Duration::from_secs(7)), Duration::from_secs(seconds), "{reference}");
        };
        check("a+refer", Some(SystemDecision::Refer), 7);
        check("a+complete", Some(SystemDecision::Complete), 7);
        check("a+incomplete", Some(SystemDecision::Incomplete), 7);
        check("a+slow", None, 70);
        check("a+refer+slow", Some(SystemDecision::Refer), 70);
        check("a+slow+refer", Some(SystemDecision::Refer), 70);
        check("a+Refer", None, 7);
        check("a+refer-2", None, 7);
        check("refer", None, 7);
        assert_eq!(processing("a+slow", Duration::ZERO), SLOW_AT_LEAST);
        assert_eq!(processing("a+slow", Duration::MAX), Duration::MAX);
    }
}
