//! What happens between two steps: callers that go away, configurations that change, deadlines that are overtaken.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::real_sleep;
use crate::message::Endpoint;
use crate::provider::DeadlineKind;

/// Longer than anything here takes; only a hang reaches it.
const HANGS: Duration = Duration::from_secs(20);

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, what).await.expect("it does not hang")
}

/// Begins something and goes away, as a client does that closes its connection. Where it was over before that, which it is
/// when this thread does not run for a while, nothing is shown by it: says whether there is.
async fn begin_and_go_away(what: impl Future) -> bool {
    let mut what = pin!(what);
    tokio::select! {
        biased;
        _ = what.as_mut() => false,
        () = std::future::ready(()) => true,
    }
}

/// Tries until it shows something.
async fn until_shown<F: Future<Output = bool>>(show: impl Fn() -> F) {
    for _ in 0..50 {
        if show().await {
            return;
        }
    }
    panic!("what was begun was over at once, each time");
}

async fn until(running: &Running, holds: impl Fn(&Running) -> bool) {
    let mut changed = running.app.outbox.changed();
    in_time(async {
        while !holds(running) {
            changed.changed().await.expect("the outbox is there");
        }
    })
    .await;
}

fn ordered(name: &str) -> Endpoint {
    Endpoint { ordered: true, max_in_flight: 8, ..endpoint(name) }
}

async fn on_disk(dir: &std::path::Path, network: Arc<Scripted>, endpoints: Vec<Endpoint>) -> Running {
    let store = Store::Sled { path: dir.to_owned(), retention: Duration::MAX };
    start_with(Parts { store, ..parts(endpoints) }, network).await.expect("it starts")
}

/// A client that times out closes its connection, and the server drops its request where it stands. What it had asked
/// for was written all the same, and nobody had told the lane: it was delivered when the next event came, if one did.
#[tokio::test]
async fn what_was_written_for_a_caller_that_went_away_is_delivered() {
    until_shown(a_delivery_of_a_caller_that_goes_away).await;
}

async fn a_delivery_of_a_caller_that_goes_away() -> bool {
    let dir = tempfile::tempdir().expect("a directory");
    let network = Scripted::answering(&[]);
    let running = on_disk(dir.path(), network.clone(), vec![endpoint("demo")]).await;
    let id = begin(&running, "KYC-1").await;
    let shows = begin_and_go_away(does(&running, id, r#"{"do":"submit_step","step":"1"}"#)).await;
    until(&running, |running| running.app.outbox.ledger().events == 1).await;
    in_time(running.app.quiet()).await;
    assert_eq!(network.kinds(), ["Finished Step"]);
    in_time(running.shutdown(Duration::from_secs(1))).await.expect("a clean end");
    shows
}

/// The same for a journey's own deadline: the loop that fires it was not told that there is one.
#[tokio::test]
async fn a_deadline_that_was_set_for_a_caller_that_went_away_fires() {
    until_shown(a_deadline_of_a_caller_that_goes_away).await;
}

async fn a_deadline_of_a_caller_that_goes_away() -> bool {
    let dir = tempfile::tempdir().expect("a directory");
    let running = on_disk(dir.path(), Scripted::answering(&[]), vec![]).await;
    let id = begin(&running, "KYC-1").await;
    does(&running, id, r#"{"do":"submit_step","step":"1"}"#).await.expect("legal");
    let shows = begin_and_go_away(does(&running, id, r#"{"do":"submit_step","step":"2"}"#)).await;
    until(&running, |running| running.app.outbox.ledger().events == 3).await;
    in_time(advance(&running, Duration::from_secs(10))).await;
    assert_eq!(running.app.outbox.ledger().events, 4, "Finished Journey");
    shows
}

/// J3: the delivery that a cancelled one held up is due at once, and somebody has to say so.
#[tokio::test]
async fn calling_off_a_delivery_lets_the_next_of_its_journey_go() {
    let network = Scripted::answering(&[500]);
    let running = provider(network.clone(), vec![ordered("ordered")]).await;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    in_time(running.app.quiet()).await;
    assert_eq!(network.seen.lock().unwrap().len(), 1);
    let first = running.app.outbox.deliveries(&DeliveryQuery::default(), None, 10).expect("a page").items.pop();
    running.app.cancel(&first.expect("the first")).await.expect("it waits for its retry");
    in_time(running.app.quiet()).await;
    let sequence: Vec<u64> = network.seen.lock().unwrap().iter().map(|(_, m)| m.sequence).collect();
    assert_eq!(sequence, [1, 2, 3]);
}

/// Deliveries that were accepted in order are let go one by one, even when the webhook asks for no order any more.
#[tokio::test]
async fn a_webhook_that_gives_up_its_order_still_gets_what_was_parked() {
    let network = Scripted::answering(&[500]);
    let running = provider(network.clone(), vec![ordered("hook")]).await;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    in_time(running.app.quiet()).await;
    running.app.set_endpoints(vec![Endpoint { ordered: false, ..ordered("hook") }]).await;
    in_time(advance(&running, Duration::from_secs(600))).await;
    let ledger = running.app.outbox.ledger();
    assert_eq!(ledger.deliveries.delivered, ledger.deliveries.accepted, "{ledger:?}");
}

/// A slow lane leases a row before its turn; a lane that is then switched off held it for good, and whoever waited for
/// quiet waited with it.
#[tokio::test]
async fn a_slow_lane_that_is_switched_off_holds_nothing_back() {
    let slow = Endpoint { rate_limit: Some(RateLimit { per_second: 0.001 }), max_in_flight: 8, ..endpoint("slow") };
    let running = provider(Scripted::answering(&[]), vec![slow.clone()]).await;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    // One was sent, one is leased and waits for the rate, one waits.
    until(&running, |running| {
        let counts = running.app.outbox.ledger().deliveries;
        (counts.delivered, counts.in_flight) == (1, 1)
    })
    .await;
    running.app.set_endpoints(vec![Endpoint { enabled: false, ..slow.clone() }]).await;
    in_time(running.app.quiet()).await;
    assert_eq!(running.app.outbox.ledger().deliveries.in_flight, 0);
    running.app.set_endpoints(vec![Endpoint { rate_limit: None, ..slow }]).await;
    in_time(running.app.quiet()).await;
    assert_eq!(running.app.outbox.ledger().deliveries.delivered, 3);
}

/// Told to stop and to give up in the same breath, attempts are over before they begin: what was claimed for them is due again.
#[tokio::test]
async fn an_attempt_that_is_given_up_before_it_begins_gives_its_claim_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let network = Scripted::answering(&[500, 500, 500]);
    let hook = Endpoint { max_in_flight: 8, ..endpoint("hook") };
    let running = on_disk(dir.path(), network.clone(), vec![hook.clone()]).await;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    in_time(running.app.quiet()).await;
    running.shutdown(Duration::ZERO).await.expect("a clean end");
    let store = Store::Sled { path: dir.path().to_owned(), retention: Duration::MAX };
    let start = Some("2026-11-20T09:00:00Z".parse().expect("an instant"));
    let running = start_with(Parts { store, start, ..parts(vec![hook]) }, network.clone()).await.expect("it starts");
    // Nothing has run since: the loop claims what is due as it begins, and hears of the stop then.
    running.stop.stop_claiming.cancel();
    running.stop.abort.cancel();
    let app = running.app.clone();
    running.shutdown(Duration::ZERO).await.expect("a clean end");
    assert_eq!(network.kinds().len(), 3, "none has begun");
    let counts = app.outbox.ledger().deliveries;
    assert_eq!((counts.waiting, counts.in_flight), (3, 0));
}

/// A clock that waits for a lane must hear that the lane is switched off.
#[tokio::test]
async fn whoever_waits_for_a_lane_hears_that_it_is_switched_off() {
    let slow = Endpoint { rate_limit: Some(RateLimit { per_second: 0.001 }), max_in_flight: 1, ..endpoint("slow") };
    let running = provider(Scripted::answering(&[]), vec![slow.clone()]).await;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    let off = async {
        until(&running, |running| running.app.outbox.ledger().deliveries.in_flight == 1).await;
        running.app.set_endpoints(vec![Endpoint { enabled: false, ..slow.clone() }]).await;
    };
    in_time(async { tokio::join!(running.app.quiet(), off) }).await;
}

/// S2: a deadline was claimed, and before it fired the journey had gone on and set another of its kind.
#[tokio::test]
async fn a_deadline_that_was_overtaken_does_not_fire_for_its_successor() {
    let running = start_with(Parts { firing: Firing::ByCaller, ..parts(vec![]) }, Scripted::answering(&[])).await;
    let running = running.expect("it starts");
    let app = &running.app;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    app.forward(app.now() + Duration::from_secs(5));
    let claim = app.outbox.claim_deadlines(&DeadlineKind::ALL, app.now(), 10).await.expect("a claim");
    does(&running, id, r#"{"do":"finish_processing","decision":"Refer"}"#).await.expect("legal");
    does(&running, id, r#"{"do":"request_resubmission","steps":[{"step":"1"}]}"#).await.expect("legal");
    does(&running, id, r#"{"do":"submit_step","step":"1"}"#).await.expect("legal");
    for row in claim.rows {
        app.fire(row).await.expect("the outbox works");
    }
    let journey = app.outbox.journey(id).expect("a read").expect("it is there");
    assert_eq!(provider::view(&journey).state, "processing", "its second round has five seconds of its own");
    app.forward(app.now() + Duration::from_secs(5));
    app.fire_due().await.expect("the outbox works");
    let journey = app.outbox.journey(id).expect("a read").expect("it is there");
    assert_eq!(provider::view(&journey).state, "passed");
}

/// Where a script lets deadlines fire, a clock that is moved passes them by and does not wait for them.
#[tokio::test]
async fn a_clock_that_is_moved_leaves_a_scripts_deadlines_to_the_script() {
    let running = start_with(Parts { firing: Firing::ByCaller, ..parts(vec![]) }, Scripted::answering(&[])).await;
    let running = running.expect("it starts");
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    // A thread of its own: a loop that never waits would keep the time-out from being looked at.
    let app = running.app.clone();
    let (done, over) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let moved = runtime.block_on(app.advance(app.now() + Duration::from_secs(60)));
        let _ = done.send(moved);
    });
    let moved = over.recv_timeout(HANGS).expect("it does not spin");
    assert_eq!(moved, Ok(()));
}

/// After a long time off there may be a hundred thousand deadlines to catch up with: a stop does not wait for them.
#[tokio::test]
async fn a_stop_does_not_wait_for_deadlines_that_are_to_be_caught_up_with() {
    const JOURNEYS: u64 = 300;
    let running = start_with(Parts { firing: Firing::ByCaller, ..parts(vec![]) }, Scripted::answering(&[])).await;
    let running = running.expect("it starts");
    let app = &running.app;
    for number in 1..=JOURNEYS {
        let id = begin(&running, &format!("KYC-{number}")).await;
        submit_both(&running, id).await;
    }
    app.forward(app.now() + Duration::from_secs(5));
    let stop = CancellationToken::new();
    let stopping = async {
        until(&running, |running| running.app.outbox.ledger().events > 3 * JOURNEYS).await;
        stop.cancel();
    };
    let (fired, ()) = in_time(async { tokio::join!(app.fire_deadlines(stop.clone()), stopping) }).await;
    fired.expect("the outbox works");
    assert!(app.outbox.ledger().events < 4 * JOURNEYS, "{:?}", app.outbox.ledger());
    assert_eq!(app.outbox.horizon().deadlines_in_flight, 0, "what was claimed is given back");
}

/// S1: a flow was renamed in the file, or a scenario that brought its own is over. Deadlines of its journeys that fell due
/// then were dropped, and did not come back with the flow.
#[tokio::test]
async fn a_deadline_waits_for_a_flow_that_is_not_configured() {
    let running = provider(Scripted::answering(&[]), vec![]).await;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    running.app.set_flows(vec![]);
    in_time(advance(&running, Duration::from_secs(10))).await;
    let journey = running.app.outbox.journey(id).expect("a read").expect("it is there");
    assert_eq!(provider::view(&journey).state, "processing");
    running.app.set_flows(vec![flow()]);
    in_time(advance(&running, Duration::from_secs(7_200))).await;
    let journey = running.app.outbox.journey(id).expect("a read").expect("it is there");
    assert_eq!(provider::view(&journey).state, "passed");
    assert_eq!(running.app.outbox.ledger().events, 4, "once");
}

/// Whatever it is sent, it says no, a second later.
#[derive(Debug)]
struct Overloaded;

impl Transport for Overloaded {
    fn send<'a>(&'a self, _: &'a Endpoint, _: &'a Message) -> BoxFuture<'a, Outcome> {
        Box::pin(async {
            real_sleep(Duration::from_secs(1)).await;
            Outcome { status: Some(500), ..Outcome::default() }
        })
    }
}

/// A fast clock that was advanced under load passed the instant by itself, and whoever had advanced it waited until nothing
/// was under way any more: with retries that fall due at once, or more of the schedule than can be sent, for good.
#[tokio::test(start_paused = true)]
async fn a_clock_that_runs_is_advanced_even_if_there_is_no_end_of_work() {
    let retry = RetryPolicy { gaps: vec![Duration::ZERO; 1_000], jitter: 0.0 };
    let clock = ClockMode::Scaled { rate: 60.0 };
    let parts = Parts { clock, ..parts(vec![Endpoint { retry, ..endpoint("overloaded") }]) };
    let running = start_with(parts, Arc::new(Overloaded)).await.expect("it starts");
    let id = begin(&running, "KYC-1").await;
    does(&running, id, r#"{"do":"submit_step","step":"1"}"#).await.expect("legal");
    let to = running.app.now() + Duration::from_secs(10);
    in_time(running.app.advance(to)).await.expect("forward");
    assert!(running.app.now() >= to);
}
