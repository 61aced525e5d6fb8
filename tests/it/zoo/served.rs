//! All animals at once, beside a healthy receiver under steady traffic.

use std::time::Duration;

use serde_json::Value;
use understudy::clock::Timestamp;

use super::animals::{Animal, Cage, animals};
use super::tls::Authority;
use super::traffic::Healthy;
use super::vitals::{at_rest, descriptors, descriptors_down_to, memory_kib};
use crate::support::server::Server;
use crate::support::starved::Starved;
use crate::support::steps::{all_items, ok};

/// What an attempt may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What it may take longer.
const OURS: Duration = Duration::from_millis(250);

/// The gap between the two attempts.
const GAP: Duration = Duration::from_millis(500);

/// Memory may grow by so much while the animals are served, in KiB.
const GROWTH_KIB: u64 = 16 * 1024;

/// A real clock, attempts of a second, and a webhook at `healthy` in each of both environments; `more` follows it.
pub(super) fn config(healthy: &str, more: &str) -> String {
    let mut config = String::from(
        r#"
seed = 20261121
[delivery]
timeout = "1s"
retry = ["500ms"]
max_in_flight = 16
response_body_max = "4KiB"
[[flow]]
id = "onboarding"
steps = [{ id = "1", type = "Document", title = "Photo ID" }, { id = "2", type = "Selfie", title = "Selfie" }]
processing = "1h"
"#,
    );
    for environment in ["sandbox", "live"] {
        config.push_str(&format!(
            "[[webhook]]\nname = \"healthy-{environment}\"\nenvironment = \"{environment}\"\ntypes = [\"*\"]\n\
             url = \"{healthy}\"\ntimeout = \"10s\"\nretry = []\n"
        ));
    }
    config + more
}

/// A webhook of the sandbox that gets one event of each journey; `more` follows it.
pub(super) fn sparse(name: &str, url: &str, more: &str) -> String {
    format!("[[webhook]]\nname = \"{name}\"\ntypes = [\"Finished Journey\"]\nurl = \"{url}\"\n{more}\n")
}

#[test]
fn a3_a5_a6_a10_q1_every_fault_gets_its_verdict_in_time_and_costs_nobody_else_anything() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = Authority::new();
    let healthy = Healthy::start();
    let animals: Vec<(Animal, Cage)> = animals()
        .into_iter()
        .map(|animal| {
            let cage = animal.cage(&authority);
            (animal, cage)
        })
        .collect();
    let hooks: String = animals.iter().map(|(animal, cage)| sparse(&animal.name, &cage.url(), "")).collect();
    let mut command = Server::command(dir.path(), &config(&healthy.url(), &hooks));
    command.env("SSL_CERT_FILE", authority.file(dir.path()));
    let server = Server::ready(command).unwrap_or_else(|report| panic!("{report}"));
    let starved = Starved::watch(server.pid());
    let bare = descriptors(&server);

    // What is made once, for each webhook or for all, is there before anything is measured.
    let warm_up = 8;
    healthy.lateness(&server, "sandbox", warm_up);
    at_rest(&server);
    let open_before = descriptors_down_to(&server, bare);
    let memory_before = memory_kib(&server);

    let journeys = 40;
    let before = healthy.lateness(&server, "live", 30);
    let beside = healthy.lateness(&server, "sandbox", journeys);
    at_rest(&server);
    let after = healthy.lateness(&server, "live", 30);
    at_rest(&server);

    let open_after = descriptors_down_to(&server, open_before);
    let grown = memory_kib(&server).saturating_sub(memory_before);
    for (animal, cage) in &animals {
        let deliveries = all_items(&server, &format!("/api/v1/deliveries?webhook={}&limit=500", animal.name));
        assert_eq!(deliveries.len(), warm_up + journeys, "{}: one for each event", animal.name);
        for delivery in deliveries {
            let id = delivery["id"].as_str().expect("a delivery has an id");
            check_tries(animal, &ok(&server, &format!("/api/v1/deliveries/{id}")), &starved);
        }
        assert!(!cage.strayed(), "{}: only the webhook's own path is asked for", animal.name);
    }
    for environment in ["sandbox", "live"] {
        let path = format!("/api/v1/deliveries?webhook=healthy-{environment}&limit=500");
        for delivery in all_items(&server, &path) {
            assert_eq!((&delivery["state"], &delivery["attempts"]), (&"delivered".into(), &1.into()), "{delivery}");
        }
    }
    beside.check_against([&before, &after]);
    assert!(open_after <= open_before, "descriptors: {open_before} before, {open_after} after");
    assert!(grown < GROWTH_KIB, "memory grew by {grown} KiB");
}

fn check_tries(animal: &Animal, delivery: &Value, starved: &Starved) {
    let name = &animal.name;
    assert_eq!(delivery["state"], animal.state(), "{name}: {delivery}");
    let tries = delivery["tries"].as_array().expect("a list of tries");
    assert_eq!((tries.len(), &delivery["attempts"]), (animal.tries.len(), &tries.len().into()), "{name}: {delivery}");
    for (one, expected) in tries.iter().zip(&animal.tries) {
        let note = one["detail"].as_str().unwrap_or_default();
        let shown = (one["status"].as_u64(), one["error"].as_str(), note);
        assert_eq!(shown, (expected.status.map(u64::from), expected.error, expected.note), "{name}: {one}");
        let took = check_deadline(name, one, starved);
        if expected.note.contains("within 1s") {
            assert!(took >= 1_000.0, "{name}: given up after {took} ms: {one}");
        }
        let kept = one["response"]["body"].as_str().map_or(0, str::len);
        assert!(kept <= 4 << 10, "{name}: {kept} bytes of the body are kept");
    }
    for pair in tries.windows(2) {
        let waited = instant(&pair[1], "started_at").since(instant(&pair[0], "finished_at"));
        assert!(waited >= GAP, "A3: {name} was asked again after {waited:?}: {delivery}");
    }
}

/// A3: no try takes longer than it may, but for what the machine took from the server once its time was up. Gives how long
/// it took, in milliseconds.
#[track_caller]
pub(super) fn check_deadline(name: &str, one: &Value, starved: &Starved) -> f64 {
    let took = one["phases"]["total_ms"].as_f64().expect("a span");
    let over = Duration::from_secs_f64(took / 1e3).saturating_sub(TIMEOUT);
    if over > OURS {
        let kept = starved.kept_from_running(instant(one, "started_at") + TIMEOUT, instant(one, "finished_at"));
        assert!(over <= OURS + kept, "{name}: {over:?} over its time, of which {kept:?} were the machine's: {one}");
    }
    took
}

fn instant(one: &Value, key: &str) -> Timestamp {
    one[key].as_str().expect("an instant").parse().expect("as RFC 3339 has it")
}
