//! A run: the process lives, dies and lives again over what its disk kept, until it ends in peace and is judged.
//!
//! Each life has a runtime of its own with a paused clock; dropping it where it stands is what a crash does.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use understudy::app::run::{Fatal, Firing, Parts, Running, Store, Watchers, World, start_in};
use understudy::clock::{Timestamp, real_sleep};
use understudy::outbox::{Lease, Outbox as _, OutboxError};
use understudy::provider::{DeadlineKind, Dialect, Environment, ProviderKind};
use understudy::rng::{Draw, Seed};
use understudy::transport::{HttpSettings, MailSettings};

use super::check;
use super::client::{Client, in_time};
use super::corners::Corners;
use super::fuse::{Blow, Fuse, Step};
use super::medium::Medium;
use super::network::Network;
use super::plan::{Plan, pick};
use super::punctual;
use super::store::SimOutbox;
use super::witness::Witness;

/// What a run came to.
pub(super) struct Report {
    pub(super) corners: Corners,
    pub(super) attempts: u64,
    pub(super) events: u64,
    pub(super) crashes: u64,
    /// Of provider time, downtime included.
    pub(super) time: Duration,
    /// What does not hold.
    pub(super) wrong: Vec<String>,
    pub(super) trace: Vec<String>,
}

/// How a life ended.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Crashed,
    /// A task of the provider's ended it.
    Died(Fatal),
    /// It was told to stop, and did.
    Stopped,
}

/// Plays a seed. A panic is a complaint like any other.
pub(super) fn run(seed: Seed, traced: bool) -> Report {
    let plan = Plan::draw(seed);
    let witness = Witness::new(seed, plan.clone(), traced);
    let played = catch_unwind(AssertUnwindSafe(|| play(&witness, &plan)));
    let mut seen = witness.seen();
    let (events, crashes, end) = played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        seen.wrong("Q3", text.unwrap_or("a panic without a word").to_owned());
        (0, 0, plan.start)
    });
    Report {
        corners: seen.corners.clone(),
        attempts: seen.tries.len() as u64,
        events,
        crashes,
        time: end - plan.start,
        wrong: std::mem::take(&mut seen.wrong),
        trace: seen.trace.take().unwrap_or_default(),
    }
}

/// Lives all lives and judges them; how many events there were, how many crashes, and when it ended.
fn play(witness: &Arc<Witness>, plan: &Plan) -> (u64, u64, Timestamp) {
    let mut medium = Medium::new(plan.keeping);
    let (mut start, mut ended, mut crashes) = (plan.start, BTreeSet::new(), 0);
    for (number, actions) in plan.lives.iter().enumerate() {
        let mut draw = witness.seed.draw(&[b"life", &(number as u64).to_le_bytes()]);
        let last = number + 1 == plan.lives.len();
        let life = Life { witness, start, actions: *actions, last };
        let (end, to, leases) = life.live(&mut medium, ended, &mut draw);
        crashes += u64::from(end != End::Stopped);
        if !witness.seen().wrong.is_empty() {
            return (0, crashes, to);
        }
        start = later(plan, to, &mut draw);
        ended = leases;
    }
    let kept = medium.open();
    let mut seen = witness.seen();
    let end = seen.lives.last().map_or(plan.start, |life| life.to);
    check::all(&mut seen, plan, &*kept, end);
    (kept.ledger().events, crashes, end)
}

/// When the next life begins, as its machine's clock says: after a moment, or days, or before the last one's end.
fn later(plan: &Plan, end: Timestamp, draw: &mut Draw) -> Timestamp {
    match draw.below(10) {
        0..=4 => end + Duration::from_millis(draw.below(2_000)),
        5..=6 => end + Duration::from_secs(draw.below(7_200)),
        7..=8 => end + Duration::from_secs(draw.below(plan.leap.as_secs())),
        _ => end.minus(Duration::from_secs(draw.below(86_400))),
    }
}

struct Life<'a> {
    witness: &'a Arc<Witness>,
    start: Timestamp,
    actions: u64,
    last: bool,
}

impl Life<'_> {
    /// Lives it; how it ended, when, and which claims ended with it.
    fn live(&self, medium: &mut Medium, ended: BTreeSet<Lease>, draw: &mut Draw) -> (End, Timestamp, BTreeSet<Lease>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        self.witness.seen().fuse = (!self.last && draw.chance(0.8)).then(|| Fuse::draw(draw));
        let kept = medium.open();
        let (end, to, outbox) = runtime.block_on(async {
            let outbox = SimOutbox::start(kept, self.witness.clone(), ended);
            let end = self.until_its_end(outbox.clone(), draw).await;
            if end != End::Stopped {
                self.look_at_the_crash(&outbox, &end);
            }
            // In here, where the clock is the simulated one.
            let to = self.witness.end(&format!("{end:?}"));
            (end, to, outbox)
        });
        let (writes, leases) = outbox.die();
        // All that was under way is dropped where it stands.
        drop((runtime, outbox));
        let mut corners = Corners::default();
        if end == End::Stopped {
            if !leases.is_empty() {
                self.witness.seen().wrong("D3", format!("{} claims were left behind", leases.len()));
            }
            medium.close(writes);
        } else {
            medium.crash(writes, &leases, draw, &mut corners);
        }
        self.witness.seen().corners.add(&corners);
        (end, to, leases)
    }

    async fn until_its_end(&self, outbox: Arc<SimOutbox>, draw: &mut Draw) -> End {
        let witness = self.witness;
        let network = Arc::new(Network(witness.clone()));
        let behind = outbox.last_instant().is_some_and(|last| last > self.start);
        let world = World { outbox: outbox.clone(), transport: network.clone(), mailer: network };
        let mut running = start_in(self.parts(), world).await.expect("it starts");
        let app = running.app.clone();
        witness.begin(app.clock.clone(), outbox.clone(), self.endpoints());
        let first = witness.seen().lives.len() == 1;
        self.look_at_the_start(&outbox, behind, first);
        let crash_after = (!self.last && draw.chance(0.3)).then(|| Duration::from_millis(draw.below(60_000)));
        let looks = punctual::watch(witness.clone(), app.clone());
        let mut client = Client::new(witness.clone(), app, draw.u64());
        let acts = async {
            client.find_what_is_there().await;
            for _ in 0..self.actions {
                client.act().await;
                if !witness.seen().wrong.is_empty() {
                    return;
                }
            }
            if self.last {
                client.heal().await;
            }
        };
        let ended = tokio::select! {
            biased;
            () = witness.death() => Some(End::Crashed),
            fatal = running.died() => Some(End::Died(fatal)),
            () = witness.broken_for(Duration::from_secs(1)) => {
                witness.seen().wrong("D9", "the store failed, and a second later the process still lives".to_owned());
                Some(End::Crashed)
            }
            () = real_sleep(crash_after.unwrap_or_default()), if crash_after.is_some() => Some(End::Crashed),
            () = acts => None,
            () = looks => Some(End::Crashed),
        };
        match ended {
            Some(End::Died(fatal)) => {
                let broken = outbox.broken().is_some();
                if !broken || !matches!(fatal, Fatal::Outbox(OutboxError::Broken(_))) {
                    witness.seen().wrong("Q3", format!("the process ended by itself: {fatal}"));
                }
                witness.seen().corners.store_failed += 1;
                End::Died(fatal)
            }
            Some(end) => end,
            None if !self.last && draw.chance(0.5) => End::Crashed,
            None => self.stop(running, draw).await,
        }
    }

    async fn stop(&self, running: Running, draw: &mut Draw) -> End {
        let grace = Duration::from_millis(pick(draw, &[0, 500, 10_000]));
        let open = self.witness.seen().open.values().any(|open| *open > 0);
        self.witness.seen().corners.stopped_in_mid_flight += u64::from(open);
        tokio::select! {
            biased;
            () = self.witness.death() => End::Crashed,
            stopped = in_time("shutdown", running.shutdown(grace)) => match stopped {
                Ok(()) => End::Stopped,
                Err(fatal) => End::Died(fatal),
            },
        }
    }

    fn parts(&self) -> Parts {
        let plan = &self.witness.plan;
        Parts {
            provider: ProviderKind::Idwise,
            dialect: Dialect::current(ProviderKind::Idwise),
            environment: Environment::Sandbox,
            seed: self.witness.seed,
            clock: plan.clock,
            start: Some(self.start),
            store: Store::Memory { retention: Duration::MAX },
            flows: vec![plan.flow()],
            schedule: plan.schedule(),
            endpoints: self.endpoints(),
            http: HttpSettings::default(),
            mail: MailSettings::default(),
            digest: plan.digest,
            firing: Firing::ByItself,
            watchers: Watchers::default(),
        }
    }

    /// The file is as it was left.
    fn endpoints(&self) -> Vec<understudy::message::Endpoint> {
        let seen = self.witness.seen();
        if seen.lives.is_empty() { self.witness.plan.endpoints.clone() } else { seen.endpoints() }
    }

    fn look_at_the_start(&self, outbox: &SimOutbox, behind: bool, first: bool) {
        if first {
            return;
        }
        let mut seen = self.witness.seen();
        let now = seen.now();
        let renewals =
            outbox.horizon().deadlines.iter().any(|(kind, due)| *kind == DeadlineKind::RenewalDue && *due <= now);
        let down = seen.lives.len().checked_sub(2).map(|before| now - seen.lives[before].to).unwrap_or_default();
        let corners = &mut seen.corners;
        corners.clock_was_behind_the_store += u64::from(behind);
        corners.renewal_caught_up_after_downtime += u64::from(renewals);
        let slept = self.witness.plan.monitoring && down > Duration::from_secs(6 * 3_600);
        corners.monitoring_caught_up_after_downtime += u64::from(slept);
    }

    fn look_at_the_crash(&self, outbox: &SimOutbox, end: &End) {
        let mut seen = self.witness.seen();
        let (now, life, fuse) = (seen.now(), seen.life(), seen.fuse);
        let due = outbox.horizon().lanes.iter().any(|lane| lane.next_due.is_some_and(|due| due <= now));
        let open = seen.open.values().any(|open| *open > 0);
        let of_it = |pair: &&super::witness::Try| pair.life == life && pair.answer.is_some();
        let answered = seen.tries.iter().rev().take(32).filter(of_it).any(|tried| {
            let of_event = |event: &understudy::outbox::EventRecord| event.deliveries.clone();
            let deliveries = outbox.event(tried.event).ok().flatten().as_ref().map(of_event).unwrap_or_default();
            let kept = deliveries.iter().filter_map(|id| outbox.delivery(*id).ok().flatten());
            let kept: usize = kept.filter(|(d, _)| d.webhook == tried.webhook).map(|(_, tries)| tries.len()).sum();
            let tries = &seen.tried[&(tried.webhook.clone(), tried.event)];
            tries.iter().filter(|place| seen.tries[**place].answer.is_some()).count() > kept
        });
        let early = now - seen.lives[life].from < Duration::from_secs(10) && life > 0;
        let unsynced = outbox.unsynced() > 0;
        let corners = &mut seen.corners;
        corners.crash_between_ack_and_claim += u64::from(due);
        corners.crash_with_a_request_open += u64::from(open);
        corners.crash_between_send_and_settle += u64::from(answered);
        corners.crash_during_recovery += u64::from(early && (due || open));
        corners.crash_with_unsynced_writes += u64::from(unsynced);
        let synced = fuse.is_some_and(|fuse| fuse.blown && fuse.at == Step::Synced && fuse.blow == Blow::Crash);
        corners.crash_between_sync_and_ack += u64::from(synced && *end == End::Crashed);
    }
}
