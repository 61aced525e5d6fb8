//! A4, J4, D8: whoever looks at the lanes all the time sees nothing that is due and could be sent stand still for longer
//! than the promised 250 ms, and once an endpoint is well, all that was due to it is over soon.
//!
//! Called by each life beside its client. It knows the lists, the configuration and the requests that left, and nothing
//! of how the engine decides. Time here is the simulated machine's, which the promise is about, not the provider's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use understudy::app::App;
use understudy::clock::{Clock as _, Stopwatch, Timestamp, real_sleep};
use understudy::ids::DeliveryId;
use understudy::message::{Delivery, DeliveryState, Endpoint};
use understudy::outbox::DeliveryQuery;

use super::witness::{Seen, Witness};

/// Between two looks; two of them are more than what is promised.
const LOOK: Duration = Duration::from_millis(130);

/// What is promised of our own lateness.
const LATE: Duration = Duration::from_millis(250);

/// At every so manieth look the lists are read as well, for what a lane says nothing of.
const LISTS: u64 = 16;

/// What an endpoint that is well takes for a request at most, and the disk for what follows, several writes being queued.
const TURN: Duration = Duration::from_millis(250);

/// Something due, as it can be told from another look.
type Due = (String, Timestamp, Option<DeliveryId>);

/// Looks until the life is over.
pub(super) async fn watch(witness: Arc<Witness>, app: Arc<App>) {
    let (mut idle, mut known): (BTreeMap<Due, Duration>, usize) = (BTreeMap::new(), 0);
    let life = Stopwatch::start();
    for look in 0_u64.. {
        something_is_due(&app).await;
        real_sleep(LOOK).await;
        let due = could_be_sent(&witness, &app, look % LISTS == 0 || idle.keys().any(|(.., id)| id.is_some()));
        let mut seen = witness.seen();
        let begun: BTreeSet<String> = seen.tries[known..].iter().map(|tried| tried.webhook.clone()).collect();
        known = seen.tries.len();
        idle.retain(|one, _| due.contains(one) && !begun.contains(&one.0));
        let now = life.elapsed();
        for one in due {
            let since = *idle.entry(one.clone()).or_insert(now);
            if now - since > LATE {
                let promise = if one.2.is_some() { "J4" } else { "A4" };
                seen.wrong(promise, format!("{one:?} is due, there is room, and nothing began for {:?}", now - since));
                return;
            }
        }
        seen.corners.lanes_looked_at_while_busy += u64::from(!begun.is_empty());
    }
}

/// Waits while nothing is due anywhere: a look every moment of the hours between two attempts would cost minutes.
async fn something_is_due(app: &App) {
    let mut changed = app.outbox.changed();
    loop {
        changed.mark_unchanged();
        let lanes = app.outbox.lanes();
        let next = lanes.iter().filter_map(|lane| lane.next_due).min();
        // A lane that has rows and none that is ever due holds all of them back: the lists will tell.
        if lanes.iter().any(|lane| lane.waiting > 0 && lane.in_flight == 0 && lane.next_due.is_none())
            || next.is_some_and(|due| due <= app.now())
        {
            return;
        }
        tokio::select! {
            changed = changed.changed() => if changed.is_err() { return },
            () = app.clock.sleep_until(next.unwrap_or(Timestamp::MAX)) => {}
        }
    }
}

/// What is due and nothing keeps from being sent, as far as can be seen from here.
fn could_be_sent(witness: &Witness, app: &App, lists: bool) -> BTreeSet<Due> {
    let (now, mut due) = (app.now(), BTreeSet::new());
    if app.outbox.broken().is_some() {
        return due;
    }
    let (endpoints, open) = {
        let seen = witness.seen();
        (seen.endpoints(), seen.open.clone())
    };
    for lane in app.outbox.lanes().iter().filter(|lane| lane.waiting > 0) {
        let Some(endpoint) = endpoints.iter().find(|endpoint| *endpoint.name == *lane.webhook) else { continue };
        let full = open.get(&endpoint.name).is_some_and(|open| *open >= endpoint.max_in_flight);
        if full || !endpoint.enabled || app.endpoints.is_paused(&endpoint.name) {
            continue;
        }
        match lane.next_due {
            Some(next) if next <= now => drop(due.insert((endpoint.name.clone(), next, None))),
            _ if lists && !ever_kept_order(&witness.seen(), endpoint) => due.extend(standing(app, endpoint, now)),
            _ => {}
        }
    }
    due
}

/// What the lists show as due at a lane that says that nothing is: where there was never an order to keep, nothing may be
/// held back.
fn standing(app: &App, endpoint: &Endpoint, now: Timestamp) -> Vec<Due> {
    let found = owed(app, &endpoint.name).into_iter().filter(|delivery| delivery.due_at <= now);
    found.map(|delivery| (endpoint.name.clone(), delivery.due_at, Some(delivery.id))).collect()
}

/// What is accepted while an endpoint keeps order goes on keeping it when the endpoint does not any more.
fn ever_kept_order(seen: &Seen, endpoint: &Endpoint) -> bool {
    let all = seen.lives.iter().flat_map(|life| &life.configurations).flat_map(|(_, endpoints)| endpoints);
    all.filter(|other| other.name == endpoint.name).any(|other| other.ordered)
}

fn owed(app: &App, webhook: &str) -> Vec<Delivery> {
    let (state, webhook) = (Some(DeliveryState::Waiting), Some(webhook.to_owned()));
    let query = DeliveryQuery { state, webhook, ..DeliveryQuery::default() };
    app.outbox.deliveries(&query, None, 100_000).expect("a page").items
}

/// D8: the endpoints are well from now on. What is due to them and can be sent is over after a timeout, for what hangs
/// there still, and the time that so many requests need side by side.
pub(super) async fn settles(witness: &Witness, app: &App) {
    let (now, watch) = (app.now(), Stopwatch::start());
    let endpoints = witness.seen().endpoints();
    for endpoint in endpoints {
        // Of a journey's events only the first can be sent in order, and that may wait for its next attempt.
        if ever_kept_order(&witness.seen(), &endpoint) {
            continue;
        }
        let due: Vec<Delivery> = owed(app, &endpoint.name).into_iter().filter(|owed| owed.due_at <= now).collect();
        let rounds = due.len().div_ceil(endpoint.max_in_flight) as u32 + 1;
        let paced = endpoint
            .rate_limit
            .map_or(Duration::ZERO, |limit| Duration::from_secs_f64(due.len() as f64 / limit.per_second));
        let until = endpoint.timeout + LATE + TURN * rounds + paced;
        let state = |id| app.outbox.delivery(id).ok().flatten().map(|(delivery, _)| delivery.state);
        let open = || due.iter().find(|owed| state(owed.id).is_none_or(|state| !state.is_terminal()));
        while let Some(late) = open()
            && witness.seen().wrong.is_empty()
        {
            if watch.elapsed() > until {
                let text =
                    format!("{} to {} was due at {}, and {} is well", late.id, late.webhook, late.due_at, late.webhook);
                witness.seen().wrong("D8", text);
                return;
            }
            real_sleep(LOOK).await;
        }
        witness.seen().corners.backlog_settled_in_time += u64::from(!due.is_empty());
    }
}
