//! Whether a play was as its file expects: pure. Each expectation gets a verdict and, where it failed, what was seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Attempt, Delivery, DeliveryState, Message};
use crate::provider::{self, Journey};
use crate::scenario::file::{Expect, StatusRule};

/// What an expectation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// It was so.
    Pass,
    /// It was not.
    Fail,
    /// There was nothing to judge it by.
    Unproven,
}

/// One expectation, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Judged {
    /// What was expected.
    pub name: String,
    /// What it came to.
    pub verdict: Holds,
    /// What was seen.
    pub detail: String,
}

/// What a play left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Played {
    /// The journeys as they are at the end, with their events in order.
    pub journeys: Vec<(Journey, Vec<Message>)>,
    /// Every delivery with its attempts.
    pub deliveries: Vec<(Delivery, Vec<Attempt>)>,
    /// How many error mails were composed.
    pub mails: u64,
    /// Lines that the provider refused: place and reason.
    pub refused: Vec<(String, String)>,
}

/// At most so many counter-examples are told of one expectation.
const EXAMPLES: usize = 3;

/// Judges everything that `expect` names, and what every play owes: no line refused, and each delivery delivered unless
/// the file expects otherwise.
pub fn judge(expect: &Expect, played: &Played) -> Vec<Judged> {
    let mut judged = vec![lines(played), state(expect, played)];
    if !expect.status.is_empty() {
        judged.push(status(&expect.status, played));
    }
    if let Some(within) = expect.within {
        let slow = |(delivery, attempts): &(Delivery, Vec<Attempt>)| {
            let last = attempts.last()?;
            let took = last.outcome.took();
            (took > within).then(|| format!("{} took {} ms", about(delivery), took.as_millis()))
        };
        judged.push(each("within", format!("within {}", crate::chance::show_span(within)), &played.deliveries, slow));
    }
    if let Some(wanted) = expect.attempts {
        let other = |(delivery, attempts): &(Delivery, Vec<Attempt>)| {
            (attempts.len() as u32 != wanted).then(|| format!("{} took {} attempts", about(delivery), attempts.len()))
        };
        judged.push(each("attempts", format!("attempts = {wanted}"), &played.deliveries, other));
    }
    if let Some(wanted) = &expect.events {
        let other = |(journey, events): &(Journey, Vec<Message>)| {
            let seen: Vec<&str> = events.iter().map(|event| event.event_type.as_ref()).collect();
            (seen != *wanted).then(|| format!("{} sent {}", journey.reference_no, seen.join(", ")))
        };
        judged.push(each("events", format!("events = {}", wanted.join(", ")), &played.journeys, other));
    }
    if let Some(wanted) = expect.mails {
        let verdict = if played.mails == wanted { Holds::Pass } else { Holds::Fail };
        judged.push(Judged { name: format!("mails = {wanted}"), verdict, detail: format!("{} mails", played.mails) });
    }
    if let Some(wanted) = &expect.final_decision {
        let other = |(journey, _): &(Journey, Vec<Message>)| {
            let seen = provider::view(journey).final_decision.unwrap_or_default();
            (seen != *wanted).then(|| format!("{} ended {seen}", journey.reference_no))
        };
        judged.push(each("final", format!("final = {wanted}"), &played.journeys, other));
    }
    judged
}

fn lines(played: &Played) -> Judged {
    let refused: Vec<String> = played.refused.iter().map(|(place, why)| format!("{place}: {why}")).collect();
    let verdict = if refused.is_empty() { Holds::Pass } else { Holds::Fail };
    let detail = if refused.is_empty() { "every line was accepted".to_owned() } else { examples(&refused) };
    Judged { name: "lines accepted".to_owned(), verdict, detail }
}

/// The state that each delivery should have ended in. A file that expects a status which is no success, or an exhausted
/// delivery, does not want it delivered.
fn state(expect: &Expect, played: &Played) -> Judged {
    let wanted = expect.state.unwrap_or(DeliveryState::Delivered);
    let judged_by_status = expect.state.is_none() && !expect.status.is_empty();
    let other = |(delivery, attempts): &(Delivery, Vec<Attempt>)| {
        let fine = if judged_by_status { delivery.state.is_terminal() } else { delivery.state == wanted };
        let last = attempts.last().map(|a| a.outcome.summary()).unwrap_or_default();
        (!fine).then(|| format!("{} is {}: {last}", about(delivery), delivery.state.as_str()))
    };
    let name = if judged_by_status {
        "every delivery ended".to_owned()
    } else {
        format!("every delivery {}", wanted.as_str())
    };
    each("state", name, &played.deliveries, other)
}

fn status(rules: &[StatusRule], played: &Played) -> Judged {
    let other = |(delivery, attempts): &(Delivery, Vec<Attempt>)| {
        let last = attempts.last()?;
        let fine = last.outcome.status.is_some_and(|status| rules.iter().any(|rule| rule.holds(status)));
        (!fine).then(|| format!("{} {}", about(delivery), last.outcome.summary()))
    };
    let words: Vec<String> = rules.iter().map(ToString::to_string).collect();
    each("status", format!("status = {}", words.join(" or ")), &played.deliveries, other)
}

fn each<T>(what: &str, name: String, items: &[T], wrong: impl Fn(&T) -> Option<String>) -> Judged {
    if items.is_empty() {
        return Judged { name, verdict: Holds::Unproven, detail: format!("nothing to judge {what} by") };
    }
    let wrong: Vec<String> = items.iter().filter_map(wrong).collect();
    if wrong.is_empty() {
        return Judged { name, verdict: Holds::Pass, detail: format!("{} of {}", items.len(), items.len()) };
    }
    let detail = format!("{} of {} not: {}", wrong.len(), items.len(), examples(&wrong));
    Judged { name, verdict: Holds::Fail, detail }
}

fn examples(all: &[String]) -> String {
    let mut text = all[..all.len().min(EXAMPLES)].join("; ");
    if all.len() > EXAMPLES {
        text.push_str(&format!("; and {} more", all.len() - EXAMPLES));
    }
    text
}

fn about(delivery: &Delivery) -> String {
    format!("{} to {} ({})", delivery.event_type, delivery.webhook, delivery.id)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;
    use crate::ids::{DeliveryId, EventId};
    use crate::message::{Outcome, Phases};

    fn delivery(state: DeliveryState, statuses: &[u16]) -> (Delivery, Vec<Attempt>) {
        let at = Timestamp::default();
        let attempt = |(n, status): (usize, &u16)| Attempt {
            n: n as u32 + 1,
            started_at: at,
            finished_at: at,
            outcome: Outcome {
                status: Some(*status),
                phases: Phases { head_us: None, total_us: 30_000 },
                ..Outcome::default()
            },
        };
        let delivery = Delivery {
            id: DeliveryId(1),
            event_id: EventId([0; 16]),
            event_type: "Finished Step".into(),
            journey_id: None,
            webhook: "demo".into(),
            state,
            attempts: statuses.len() as u32,
            due_at: at,
            resend_of: None,
            form: 0,
        };
        (delivery, statuses.iter().enumerate().map(attempt).collect())
    }

    fn verdicts(expect: &Expect, played: &Played) -> Vec<(String, Holds)> {
        judge(expect, played).into_iter().map(|judged| (judged.name, judged.verdict)).collect()
    }

    #[test]
    fn without_expectations_every_line_is_accepted_and_every_delivery_delivered() {
        let mut played =
            Played { deliveries: vec![delivery(DeliveryState::Delivered, &[500, 200])], ..Played::default() };
        let held = |played: &Played| verdicts(&Expect::default(), played).iter().all(|(_, v)| *v == Holds::Pass);
        assert!(held(&played));
        played.refused.push(("step 2".into(), "not legal now".into()));
        assert!(!held(&played));
        played.refused.clear();
        played.deliveries.push(delivery(DeliveryState::Exhausted, &[500]));
        assert!(!held(&played));
    }

    #[test]
    fn each_expectation_is_judged_by_what_was_seen() {
        let dead =
            Played { deliveries: vec![delivery(DeliveryState::Exhausted, &[500; 4])], mails: 1, ..Played::default() };
        let expect = Expect {
            status: vec![StatusRule::Hundred(5)],
            attempts: Some(4),
            mails: Some(1),
            within: Some(Duration::from_millis(10)),
            ..Expect::default()
        };
        let expected = [
            ("lines accepted", Holds::Pass),
            ("every delivery ended", Holds::Pass),
            ("status = 5xx", Holds::Pass),
            ("within 10ms", Holds::Fail),
            ("attempts = 4", Holds::Pass),
            ("mails = 1", Holds::Pass),
        ];
        assert_eq!(verdicts(&expect, &dead), expected.map(|(name, verdict)| (name.to_owned(), verdict)));
        let wrong =
            Expect { status: vec![StatusRule::Exactly(200)], attempts: Some(1), mails: Some(0), ..Expect::default() };
        let failed = verdicts(&wrong, &dead).iter().filter(|(_, v)| *v == Holds::Fail).count();
        assert_eq!(failed, 3);
    }

    #[test]
    fn what_nothing_speaks_for_is_unproven() {
        let judged = judge(&Expect { attempts: Some(1), ..Expect::default() }, &Played::default());
        assert_eq!(judged.iter().filter(|j| j.verdict == Holds::Unproven).count(), 2, "{judged:?}");
    }
}
