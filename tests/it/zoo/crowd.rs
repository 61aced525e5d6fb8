//! Of a thousand webhooks nine hundred are dead.

use super::animals::nobody;
use super::served::{config, sparse};
use super::traffic::Healthy;
use super::vitals::at_rest;
use crate::support::server::Server;
use crate::support::sink::{Answer, Received, Sink};

#[test]
fn a10_nine_hundred_dead_webhooks_of_a_thousand_hold_up_none_of_the_others() {
    let dir = tempfile::tempdir().expect("a directory");
    let healthy = Healthy::start();
    let living = Sink::statuses(&[200]);
    let hanging = Sink::start(|_: &Received| Answer::Hang);
    let gone = nobody();
    let hooks: String = (0..1_000)
        .map(|n| match n {
            0..100 => sparse(&format!("living-{n}"), &living.url("/"), "retry = []"),
            // Few enough for the descriptors that a test process may have.
            100..200 => sparse(&format!("hanging-{n}"), &hanging.url("/"), "retry = []\nmax_in_flight = 1"),
            _ => sparse(&format!("gone-{n}"), &gone, "retry = []"),
        })
        .collect();
    let server = Server::start(dir.path(), &config(&healthy.url(), &hooks));
    // A neighbour on the machine may take the second half of a go; one in the server would spoil each.
    let most = 3;
    for go in 1..=most {
        let before = healthy.lateness(&server, "live", 20);
        let beside = healthy.lateness(&server, "sandbox", 6);
        let ledger = at_rest(&server);
        let after = healthy.lateness(&server, "live", 20);
        let (count, journeys) = (&ledger["deliveries"], 6 * go);
        let events = 4 * (20 * (2 * go - 1) + journeys);
        assert_eq!(count["exhausted"], 900 * journeys, "{ledger}");
        assert_eq!(count["delivered"], 100 * journeys + events, "{ledger}");
        assert_eq!(living.requests().len(), 100 * journeys, "each exactly once");
        assert_eq!(hanging.requests().len(), 100 * journeys, "each exactly once");
        if go == most || beside.holds_against([&before, &after]) {
            beside.check_against([&before, &after]);
            break;
        }
    }
}
