//! One suite for every outbox: what the trait promises, run on each backend. The property beside it
//! (`conformance/model.rs`) drives random operations through the memory outbox and the others, and compares.

mod deliveries;
mod journeys;
mod mails;
mod model;
mod ordered;
mod over;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::ids::{DeliveryId, EventId, JourneyId};
use crate::message::{Attempt, ErrorClass, Message, Outcome, Verdict};
use crate::outbox::{Commit, DueDelivery, Lease, NewDelivery, NewKey, NewMessage, Note, Outbox, Settlement};
use crate::provider::{Deadline, DeadlineKind, Environment, Journey, State, idwise};
use crate::rng::Seed;

/// Every function of the list is a test of each backend.
macro_rules! suite {
    ($($room:ident::$name:ident),* $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$room::$name(&crate::outbox::MemoryOutbox::new()).await;
            })*
        }

        mod on_sled {
            $(#[tokio::test]
            async fn $name() {
                let dir = tempfile::tempdir().expect("a directory");
                let settings = crate::outbox::SledSettings::default();
                let outbox = crate::outbox::SledOutbox::open(dir.path(), settings).expect("a fresh store");
                super::$room::$name(&outbox).await;
                assert_eq!(crate::outbox::Outbox::broken(&outbox), None);
            })*
        }
    };
}

suite!(
    journeys::a_commit_is_checked_against_the_version,
    journeys::a_key_repeats_its_answer_or_refuses_another_request,
    journeys::deadlines_follow_the_stored_journey,
    journeys::a_fired_deadline_goes_with_its_commit,
    journeys::a_deadline_that_fired_may_be_set_again_for_the_same_instant,
    journeys::a_deadline_that_was_settled_does_not_come_back,
    journeys::deadlines_of_one_kind_at_one_instant_are_one,
    journeys::numbers_are_never_given_twice,
    journeys::references_find_the_newest,
    journeys::journeys_are_listed_by_their_state,
    journeys::lists_page_from_end_to_end,
    journeys::notes_are_kept_with_a_commit_or_alone,
    journeys::large_values_are_refused_whole,
    deliveries::are_claimed_in_due_order_per_endpoint,
    deliveries::leases_are_exclusive_until_released,
    deliveries::a_retry_moves_the_due_time,
    deliveries::an_answer_is_kept_up_to_a_bound,
    deliveries::terminal_states_stay,
    deliveries::a_resend_is_a_delivery_of_its_own,
    deliveries::only_what_waits_can_be_called_off,
    deliveries::a_stale_claim_settles_nothing,
    deliveries::lists_are_filtered_and_paged,
    deliveries::the_ledger_counts_each_end_once,
    deliveries::watchers_hear_of_every_change,
    ordered::a_later_event_waits_for_the_earlier,
    ordered::calling_off_lets_the_next_go,
    ordered::each_endpoint_keeps_the_order_by_itself,
    ordered::those_that_wait_are_counted_as_they_come_and_go,
    mails::a_digest_opens_joins_and_closes,
    mails::a_full_digest_is_followed_by_another,
    mails::a_digest_that_is_being_composed_takes_no_more,
    mails::are_sent_retried_kept_or_given_up,
    mails::claims_of_mails_and_digests_are_told_apart,
    mails::a_claim_is_settled_as_what_it_is,
);

const HOOK: &str = "demo";
const WINDOW: Duration = Duration::from_secs(60);

/// Second `s` of the tests' time.
pub(in crate::outbox) fn at(s: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + s * 1_000_000)
}

pub(in crate::outbox) fn journey(number: u64) -> Journey {
    let state = idwise::State {
        phase: idwise::Phase::Open,
        system: idwise::SystemDecision::Incomplete,
        manual: None,
        steps: Vec::new(),
        aml: idwise::Aml::default(),
        rounds: 0,
        spot_checks: 0,
        renewal_deadline: None,
    };
    Journey {
        id: JourneyId::mint(Seed(0), number),
        number,
        reference_no: format!("REF-{number}"),
        flow: "onboarding".into(),
        environment: Environment::Sandbox,
        version: 1,
        sequence: 0,
        created_at: at(0),
        deadlines: Vec::new(),
        state: State::Idwise(state),
    }
}

fn deadline(kind: DeadlineKind, s: i64) -> Deadline {
    Deadline { kind, due: at(s) }
}

/// The commit that starts `journey`.
pub(in crate::outbox) fn start(journey: Journey) -> Commit {
    let journey = Arc::new(journey);
    Commit { journey, expected_version: None, messages: Vec::new(), key: None, fired: None, note: None, now: at(0) }
}

/// The commit that takes `journey` one version on.
fn next(journey: &Journey) -> Commit {
    let mut journey = journey.clone();
    journey.version += 1;
    Commit { expected_version: Some(journey.version - 1), ..start(journey) }
}

fn key(name: &str, request: u8) -> NewKey {
    NewKey { key: name.into(), request: [request; 32], answer: Bytes::from(format!("answer of {name}")) }
}

/// The journey's next event, owed to `to`.
pub(in crate::outbox) fn emit(commit: &mut Commit, to: &[(&str, i64)]) -> EventId {
    let journey = Arc::make_mut(&mut commit.journey);
    journey.sequence += 1;
    let event_id = EventId::mint(Seed(0), journey.id, journey.sequence);
    let message = Message {
        event_id,
        event_type: "Finished Step".into(),
        journey_id: Some(journey.id),
        sequence: journey.sequence,
        environment: journey.environment,
        created_at: commit.now,
        body: Bytes::from(format!("{{\"event\":\"{event_id}\"}}")),
        forms: Vec::new(),
    };
    let to = to.iter().map(|(webhook, due)| NewDelivery {
        webhook: Arc::from(*webhook),
        due_at: at(*due),
        ordered: webhook.starts_with("ordered"),
        form: 0,
    });
    commit.messages.push(NewMessage { message, to: to.collect() });
    event_id
}

/// Starts journey `number` with one event, owed to `to`.
async fn given(outbox: &dyn Outbox, number: u64, to: &[(&str, i64)]) -> (Journey, EventId, Vec<DeliveryId>) {
    let mut commit = start(journey(number));
    let event = emit(&mut commit, to);
    let journey = Journey::clone(&commit.journey);
    let committed = outbox.commit(commit).await.expect("a fresh journey");
    check_sums(outbox);
    (journey, event, committed.deliveries)
}

async fn claim(outbox: &dyn Outbox, webhook: &str, s: i64) -> Vec<DueDelivery> {
    outbox.claim_deliveries(webhook, at(s), 100).await.expect("a claim").rows
}

fn attempt(n: u32, s: i64, status: u16) -> Attempt {
    let mut outcome = Outcome { status: Some(status), ..Outcome::default() };
    if status == 0 {
        outcome = Outcome::failed(ErrorClass::Timeout, "no status head");
    }
    Attempt { n, started_at: at(s), finished_at: at(s), outcome }
}

fn tried(lease: Lease, attempt: Attempt, verdict: Verdict) -> Settlement {
    Settlement::Attempt { lease, attempt: Box::new(attempt), verdict, notice: Some(WINDOW) }
}

/// Settles what was claimed at second `s` with `verdict`.
async fn settle(outbox: &dyn Outbox, due: &DueDelivery, s: i64, verdict: Verdict) {
    let status = if verdict == Verdict::Delivered { 200 } else { 500 };
    outbox.settle(vec![tried(due.lease, attempt(due.attempts + 1, s, status), verdict)]).await.expect("a settlement");
    check_sums(outbox);
}

/// D3: the sums hold at every instant.
fn check_sums(outbox: &dyn Outbox) {
    let ledger = outbox.ledger();
    let d = ledger.deliveries;
    assert_eq!(d.accepted, d.waiting + d.in_flight + d.delivered + d.exhausted + d.cancelled, "{ledger:?}");
    let m = ledger.mails;
    assert_eq!(m.accepted, m.waiting + m.in_flight + m.sent + m.failed + m.kept, "{ledger:?}");
    let lanes = outbox.horizon().lanes;
    assert_eq!(outbox.lanes(), lanes);
    assert_eq!(lanes.iter().map(|lane| lane.waiting).sum::<u64>(), d.waiting, "{lanes:?}");
    assert_eq!(lanes.iter().map(|lane| lane.in_flight).sum::<u64>(), d.in_flight, "{lanes:?}");
}
