//! The timeline of a play: one line per stimulus, event and attempt, in provider time.
//!
//! What happens at one instant is shown in one order on every run: stimuli first, then attempts by delivery. So the lines
//! of an instant are held back until the player says that it is over.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::app::Applied;
use crate::clock::Timestamp;
use crate::delivery::attempt::Tried;
use crate::ids::JourneyId;
use crate::message::Verdict;
use crate::outbox::MailVerdict;
use crate::play::Watching;

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineLine {
    /// When, in provider time.
    pub at: Timestamp,
    /// Whose journey: the customer's reference, or empty.
    pub reference: String,
    /// What sort of line: for colour.
    pub tone: Tone,
    /// What happened.
    pub text: String,
    /// The same for programs.
    pub json: Value,
}

/// How a line is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A stimulus.
    Stimulus,
    /// An event, or an attempt that was answered well.
    Good,
    /// An attempt that will be repeated, or a line that was skipped.
    Warn,
    /// The end of patience.
    Bad,
}

/// Turns what happened into lines in a fixed order.
#[derive(Debug, Default)]
pub struct Timeline {
    references: BTreeMap<JourneyId, String>,
    /// The lines that are held back, by instant and order of showing.
    held: BTreeMap<(Timestamp, u8, u64, u64), TimelineLine>,
    heard: u64,
}

impl Timeline {
    /// Takes what happened.
    pub fn take(&mut self, what: &Watching) {
        if let Some((order, line)) = self.line(what) {
            self.heard += 1;
            self.held.insert((line.at, order.0, order.1, self.heard), line);
        }
    }

    /// The lines up to `at`, about which all has been told.
    pub fn over(&mut self, at: Timestamp) -> Vec<TimelineLine> {
        let later = self.held.split_off(&(at, u8::MAX, u64::MAX, u64::MAX));
        std::mem::replace(&mut self.held, later).into_values().collect()
    }

    /// The lines that are still held back, at the end.
    pub fn finish(&mut self) -> Vec<TimelineLine> {
        std::mem::take(&mut self.held).into_values().collect()
    }

    fn line(&mut self, what: &Watching) -> Option<((u8, u64), TimelineLine)> {
        Some(match what {
            Watching::Over(_) => return None,
            Watching::Applied(applied) => ((0, 0), self.applied(applied)),
            Watching::Skipped { at, journey, place, reason } => {
                let text = format!("{} skipped: {reason}", place.name());
                let json = json!({ "at": at.to_rfc3339(), "kind": "skipped", "journey": journey, "line": place.name(), "reason": reason });
                ((0, 0), TimelineLine { at: *at, reference: String::new(), tone: Tone::Warn, text, json })
            }
            Watching::Tried(tried) => self.tried(tried),
        })
    }

    fn applied(&mut self, applied: &Applied) -> TimelineLine {
        let journey = &applied.journey;
        self.references.insert(journey.id, journey.reference_no.clone());
        let events: Vec<&str> = applied.events.iter().map(|event| event.event_type.as_ref()).collect();
        let view = crate::provider::view(journey);
        let followed = if events.is_empty() { String::new() } else { format!("  => {}", events.join(", ")) };
        let at = applied.at;
        let json = json!({
            "at": at.to_rfc3339(),
            "kind": "stimulus",
            "do": applied.stimulus,
            "journey_id": journey.id,
            "reference_no": journey.reference_no,
            "state": view.state,
            "events": applied.events.iter().map(|e| json!({ "id": e.event_id, "type": e.event_type })).collect::<Vec<_>>(),
        });
        let text = format!("{} -> {}{followed}", applied.stimulus, view.state);
        TimelineLine { at, reference: journey.reference_no.clone(), tone: Tone::Stimulus, text, json }
    }

    fn tried(&self, tried: &Tried) -> ((u8, u64), TimelineLine) {
        match tried {
            Tried::Delivery { id, webhook, event_id, event_type, journey_id, attempt, verdict } => {
                let outcome = &attempt.outcome;
                let (tone, end) = match verdict {
                    Verdict::Delivered => (Tone::Good, String::new()),
                    Verdict::RetryAt(at) => {
                        (Tone::Warn, format!(", again in {}", crate::chance::show_span(*at - attempt.finished_at)))
                    }
                    Verdict::Exhausted => (Tone::Bad, ", exhausted".to_owned()),
                };
                let text = format!("    {event_type} -> {webhook}: {}{end} (attempt {})", outcome.summary(), attempt.n);
                let reference = journey_id.and_then(|id| self.references.get(&id)).cloned().unwrap_or_default();
                let json = json!({
                    "at": attempt.finished_at.to_rfc3339(),
                    "kind": "attempt",
                    "delivery": id,
                    "webhook": &**webhook,
                    "event_id": event_id,
                    "event_type": event_type,
                    "n": attempt.n,
                    "status": outcome.status,
                    "error": outcome.error,
                    "took_ms": outcome.took().as_secs_f64() * 1_000.0,
                    "verdict": verdict.as_str(),
                });
                ((1, id.0), TimelineLine { at: attempt.finished_at, reference, tone, text, json })
            }
            Tried::Composed { webhook, to, deliveries, at } => {
                let text = format!("    mail about {deliveries} lost to {webhook} -> {}", to.join(", "));
                let json = json!({ "at": at.to_rfc3339(), "kind": "mail", "webhook": webhook, "to": to, "deliveries": deliveries });
                ((2, 0), TimelineLine { at: *at, reference: String::new(), tone: Tone::Bad, text, json })
            }
            Tried::Mail { id, to, verdict, at } => {
                let (tone, came) = match verdict {
                    MailVerdict::Sent => (Tone::Good, "sent".to_owned()),
                    MailVerdict::RetryAt(_, error) => (Tone::Warn, format!("not sent, will retry: {error}")),
                    MailVerdict::Failed(error) => (Tone::Bad, format!("given up: {error}")),
                };
                let json = json!({ "at": at.to_rfc3339(), "kind": "mail_attempt", "mail": id, "to": to, "came": came });
                (
                    (2, id.0),
                    TimelineLine {
                        at: *at,
                        reference: String::new(),
                        tone,
                        text: format!("    mail {id} -> {to}: {came}"),
                        json,
                    },
                )
            }
        }
    }
}
