//! What every page reads from: the application, its receiver, and what only the dashboard keeps.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::repertoire::Repertoire;
use crate::app::App;
use crate::clock::{Stopwatch, real_sleep};
use crate::http::access::Access;
use crate::http::inbox::Inbox;
use crate::outbox::{Ledger, OutboxError, Page};

/// Rates are those of the last minute.
const SPAN: Duration = Duration::from_secs(60);

/// While things happen, the ledger is looked at so often.
const EVERY: Duration = Duration::from_secs(1);

/// So many on a page.
pub(super) const PAGE: usize = 50;

/// A list that finds little gives short pages: so many of them are asked for until a page says that there may be more.
const ROUNDS: usize = 10;

/// What every page reads from.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) app: Arc<App>,
    pub(super) inbox: Inbox,
    pub(super) access: Arc<Access>,
    pub(super) repertoire: Repertoire,
    pulse: Pulse,
}

impl Desk {
    pub(super) fn new(app: Arc<App>, inbox: Inbox, access: Arc<Access>, repertoire: Repertoire) -> Self {
        let pulse = Pulse::new(app.outbox.ledger());
        Desk { app, inbox, access, repertoire, pulse }
    }

    /// What is wrong with the configuration that was not taken over.
    pub(super) fn refused_config(&self) -> Option<String> {
        self.app.taken_over().refused.map(|(_, why)| why)
    }

    /// What happened in a second, of the last minute.
    pub(super) fn rates(&self) -> Rates {
        self.pulse.rates(&self.app.outbox.ledger())
    }

    /// Looks at the ledger whenever something has changed, at most once a second, until stopped. Costs nothing while
    /// nothing happens.
    pub(super) async fn feel_pulse(&self, stop: CancellationToken) {
        let mut known = None;
        loop {
            // Begun before the look, so that nothing is missed between the two.
            let mut changed = self.app.outbox.changed();
            let ledger = self.app.outbox.ledger();
            let is_news = known.replace(ledger) != Some(ledger);
            if is_news {
                self.pulse.note(ledger);
            }
            let quiet = async {
                let alive = is_news || changed.changed().await.is_ok();
                // An outbox to which nobody listens spares itself telling of each change.
                drop(changed);
                real_sleep(EVERY).await;
                alive
            };
            tokio::select! {
                () = stop.cancelled() => return,
                alive = quiet => if !alive { return },
            }
        }
    }
}

/// What happened in a second, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) events: f64,
    pub(super) attempts: f64,
    pub(super) delivered: f64,
}

/// The ledger as it was, over the last minute.
#[derive(Debug)]
struct Pulse {
    running: Stopwatch,
    felt: Mutex<VecDeque<(Duration, Ledger)>>,
}

impl Pulse {
    fn new(ledger: Ledger) -> Self {
        Pulse { running: Stopwatch::start(), felt: Mutex::new(VecDeque::from([(Duration::ZERO, ledger)])) }
    }

    fn note(&self, ledger: Ledger) {
        let now = self.running.elapsed();
        let mut felt = self.felt.lock().unwrap_or_else(PoisonError::into_inner);
        felt.push_back((now, ledger));
        // One from before the span stays: what the span began with.
        while felt.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) > SPAN) {
            felt.pop_front();
        }
    }

    fn rates(&self, now: &Ledger) -> Rates {
        let elapsed = self.running.elapsed();
        let felt = self.felt.lock().unwrap_or_else(PoisonError::into_inner);
        let before = felt.iter().rev().find(|(at, _)| elapsed.saturating_sub(*at) >= SPAN).or(felt.front());
        let Some((at, then)) = before else { return Rates::default() };
        // A server that has just started has not run for a minute; below a second nothing can be said.
        let span = elapsed.saturating_sub(*at).clamp(EVERY, SPAN).as_secs_f64();
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / span;
        Rates {
            events: rate(now.events, then.events),
            attempts: rate(now.attempts, then.attempts),
            delivered: rate(now.deliveries.delivered, then.deliveries.delivered),
        }
    }
}

/// What a bounded search found.
#[derive(Debug)]
pub(super) struct Found<T> {
    pub(super) items: Vec<T>,
    /// Where to look on.
    pub(super) next: Option<u64>,
    /// Whether it ended because enough was looked at, not at the end or with a full page.
    pub(super) tired: bool,
}

/// Gathers a page from `cursor` on. It never goes over a whole store: `fetch` looks for a moment, and is asked a few times.
pub(super) fn search<T>(
    mut cursor: Option<u64>,
    fetch: impl Fn(Option<u64>, usize) -> Result<Page<T>, OutboxError>,
) -> Result<Found<T>, OutboxError> {
    let mut items = Vec::new();
    for _ in 0..ROUNDS {
        let page = fetch(cursor, PAGE - items.len())?;
        items.extend(page.items);
        cursor = page.next;
        if cursor.is_none() || items.len() >= PAGE {
            return Ok(Found { items, next: cursor, tired: false });
        }
    }
    Ok(Found { items, next: cursor, tired: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_ends_with_a_full_page_at_the_end_or_when_it_is_tired() {
        // Looks at a hundred, and finds those that a number divides.
        let list = |newest: u64, each: u64| {
            move |cursor: Option<u64>, limit: usize| {
                let from = cursor.unwrap_or(newest);
                let looked = (from.saturating_sub(99).max(1)..=from).rev();
                let items: Vec<u64> = looked.filter(|n| n % each == 0).take(limit).collect();
                let full = items.last().filter(|_| items.len() == limit).map(|last| last - 1);
                Ok(Page { items, next: full.or(from.checked_sub(100)).filter(|next| *next > 0) })
            }
        };
        let all = search(None, list(500, 1)).expect("found");
        assert_eq!((all.items.len(), all.next, all.tired), (50, Some(450), false));
        let few = search(None, list(500, 100)).expect("found");
        assert_eq!((few.items, few.next, few.tired), (vec![500, 400, 300, 200, 100], None, false));
        let tired = search(None, list(1_000_000, 7_000_000)).expect("found");
        assert_eq!((tired.items.len(), tired.next, tired.tired), (0, Some(999_000), true));
    }

    #[test]
    fn rates_are_of_what_happened() {
        let pulse = Pulse::new(Ledger { events: 10, ..Ledger::default() });
        assert_eq!(pulse.rates(&Ledger { events: 10, ..Ledger::default() }), Rates::default());
        let rates = pulse.rates(&Ledger { events: 70, ..Ledger::default() });
        assert!(rates.events > 0.0 && rates.events <= 60.0, "{rates:?}");
    }
}
