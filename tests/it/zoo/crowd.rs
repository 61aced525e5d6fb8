//! Of a thousand webhooks nine hundred are dead.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::animals::nobody;
use super::served::{config, sparse};
use super::traffic::Healthy;
use super::vitals::at_rest;
use crate::support::program::is_optimised;
use crate::support::server::Server;
use crate::support::sink::{Answer, Received, Sink};

/// Journeys of each go; of each, one event is for all thousand.
const JOURNEYS: usize = 10;

/// Longer than a machine stands still: who answers at once is not to be judged by the host, and how late it gets what it is
/// owed is measured apart.
const PATIENT: &str = "timeout = \"10s\"\nretry = []";

/// What moves is seen beside another thousand of which none is dead: that many deliveries at once take their time, whatever
/// becomes of them, and in a debug build that is as much as may be moved. A release is judged beside nobody at all.
#[test]
fn a10_nine_hundred_dead_webhooks_of_a_thousand_hold_up_none_of_the_others() {
    let dir = tempfile::tempdir().expect("a directory");
    allow_descriptors(4_096);
    let healthy = Healthy::start();
    let living = Sink::statuses(&[200]);
    // A thousand connect at once, and a listener has a queue of 128.
    let well: Vec<Sink> = (0..10).map(|_| Sink::statuses(&[200])).collect();
    let hanging = Sink::start(|_: &Received| Answer::Hang);
    let gone = nobody();
    let hooks: String = (0..1_000)
        .flat_map(|n| {
            let one = match n {
                0..100 => sparse(&format!("living-{n}"), &living.url("/"), PATIENT),
                100..200 => sparse(&format!("hanging-{n}"), &hanging.url("/"), "retry = []\nmax_in_flight = 1"),
                _ => sparse(&format!("gone-{n}"), &gone, "retry = []"),
            };
            let well = well[n % well.len()].url("/");
            [one, sparse(&format!("well-{n}"), &well, &format!("environment = \"live\"\n{PATIENT}"))]
        })
        .collect();
    let server = Server::start(dir.path(), &config(&healthy.url(), &hooks));
    let quiet = tempfile::tempdir().expect("a directory");
    let quiet = Server::start(quiet.path(), &config(&healthy.url(), ""));
    let alone = || healthy.lateness(&quiet, "live", 3 * JOURNEYS);
    let go = |environment| {
        let late = healthy.lateness(&server, environment, JOURNEYS);
        (late, at_rest(&server))
    };
    let alone_before = alone();
    let (before, _) = go("live");
    let (beside, _) = go("sandbox");
    let (after, ledger) = go("live");
    let alone_after = alone();
    let count = &ledger["deliveries"];
    assert_eq!(count["exhausted"], 900 * JOURNEYS, "{ledger}");
    let events = 3 * 4 * JOURNEYS;
    assert_eq!(count["delivered"], (100 + 2 * 1_000) * JOURNEYS + events, "{ledger}");
    assert_eq!(living.requests().len(), 100 * JOURNEYS, "each exactly once");
    assert_eq!(ledger["attempts"], count["accepted"], "each is tried exactly once: {ledger}");
    // Who stood still for all of an attempt's second never saw it.
    assert!(hanging.requests().len() <= 100 * JOURNEYS, "none twice");
    let requests: usize = well.iter().map(|sink| sink.requests().len()).sum();
    assert_eq!(requests, 2 * 1_000 * JOURNEYS, "each exactly once");
    beside.check_against([&before, &after]);
    if is_optimised() {
        beside.check_against([&alone_before, &alone_after]);
    }
}

/// Lets this process have so many: its receivers hold two for each connection.
fn allow_descriptors(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let more = Rlimit { current: Some(wanted), ..limit };
        setrlimit(Resource::Nofile, more).expect("a process may have 4,096 descriptors where `ulimit -Hn` says so");
    }
}
