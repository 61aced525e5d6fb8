//! What an outbox counts, and what it still owes: sums that hold in every answer.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::provider::DeadlineKind;

/// Counts that always add up: `accepted` is the sum of the other five.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryCounts {
    /// All there ever were.
    pub accepted: u64,
    /// Due some time.
    pub waiting: u64,
    /// Leased.
    pub in_flight: u64,
    /// The receiver said yes.
    pub delivered: u64,
    /// All attempts failed.
    pub exhausted: u64,
    /// Called off.
    pub cancelled: u64,
}

/// Counts of mails that always add up, in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MailCounts {
    /// All that were ever composed.
    pub accepted: u64,
    /// Due some time.
    pub waiting: u64,
    /// Leased.
    pub in_flight: u64,
    /// An SMTP server took them.
    pub sent: u64,
    /// Given up.
    pub failed: u64,
    /// Kept, without an SMTP server.
    pub kept: u64,
}

/// What the outbox has seen, to the unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ledger {
    /// Journeys started.
    pub journeys: u64,
    /// Messages accepted.
    pub events: u64,
    /// Deliveries by state.
    pub deliveries: DeliveryCounts,
    /// Attempts that ended.
    pub attempts: u64,
    /// Mails by state.
    pub mails: MailCounts,
}

impl Ledger {
    /// The sum of two.
    #[must_use]
    pub fn plus(&self, other: &Ledger) -> Ledger {
        let (a, b, m, n) = (&self.deliveries, &other.deliveries, &self.mails, &other.mails);
        Ledger {
            journeys: self.journeys + other.journeys,
            events: self.events + other.events,
            deliveries: DeliveryCounts {
                accepted: a.accepted + b.accepted,
                waiting: a.waiting + b.waiting,
                in_flight: a.in_flight + b.in_flight,
                delivered: a.delivered + b.delivered,
                exhausted: a.exhausted + b.exhausted,
                cancelled: a.cancelled + b.cancelled,
            },
            attempts: self.attempts + other.attempts,
            mails: MailCounts {
                accepted: m.accepted + n.accepted,
                waiting: m.waiting + n.waiting,
                in_flight: m.in_flight + n.in_flight,
                sent: m.sent + n.sent,
                failed: m.failed + n.failed,
                kept: m.kept + n.kept,
            },
        }
    }
}

/// One endpoint's pending work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// The endpoint's name.
    pub webhook: Arc<str>,
    /// Rows that are not leased, parked ones of an ordered lane included.
    pub waiting: u64,
    /// Rows that are leased.
    pub in_flight: u64,
    /// The earliest due time of an unleased row.
    pub next_due: Option<Timestamp>,
}

/// All that is owed to the future, in one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// Endpoints with pending work, by name.
    pub lanes: Vec<LaneStatus>,
    /// The earliest unleased deadline of each kind that exists, as (kind, due).
    pub deadlines: Vec<(DeadlineKind, Timestamp)>,
    /// Deadlines that are leased.
    pub deadlines_in_flight: u64,
    /// The earliest unleased row of the mail lane.
    pub mail: Option<Timestamp>,
    /// Rows of the mail lane that are leased.
    pub mail_in_flight: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_of_two_ledgers_is_added() {
        // Numbers of which no sum is a product, a difference or another's sum.
        let ledger = |from: u64| {
            let n = |at: u64| from + 10 * at;
            let deliveries = DeliveryCounts {
                accepted: n(2),
                waiting: n(3),
                in_flight: n(4),
                delivered: n(5),
                exhausted: n(6),
                cancelled: n(7),
            };
            let mails = MailCounts {
                accepted: n(9),
                waiting: n(10),
                in_flight: n(11),
                sent: n(12),
                failed: n(13),
                kept: n(14),
            };
            Ledger { journeys: n(0), events: n(1), deliveries, attempts: n(8), mails }
        };
        let added = |one: u64, other: u64| serde_json::to_string(&ledger(one).plus(&ledger(other))).expect("json");
        let expected: Vec<String> = (0..15).map(|at| format!(":{}", 1_003 + 10 * at + 7_000 + 10 * at)).collect();
        let found = added(1_003, 7_000);
        let numbers: Vec<&str> = found.split_inclusive([',', '}']).collect();
        for number in &expected {
            let there = numbers
                .iter()
                .filter(|part| part.contains(&format!("{number},")) || part.contains(&format!("{number}}}")));
            assert_eq!(there.count(), 1, "{number} in {found}");
        }
    }
}
