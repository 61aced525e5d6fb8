//! A restart goes on where the server stopped: ids stay, numbers do not repeat, and what is owed is still owed.

use std::collections::BTreeSet;

use crate::support::server::Server;
use crate::support::sink::Sink;
use crate::support::steps::{advance, delivery_of, does, items, ledger, manual, ok, one_event, start, webhook};

#[test]
fn d1_d6_a_restart_keeps_everything_and_repeats_no_id() {
    let sink = Sink::statuses(&[500, 200]);
    let dir = tempfile::tempdir().expect("a directory");
    let config = manual(&webhook("sink", &sink.url("/"), ""));
    let server = Server::start(dir.path(), &config);
    let (journey, event) = one_event(&server, "KEEP-1");
    let keyed = serde_json::json!({ "flow": "onboarding", "reference_no": "KEEP-2", "key": "k" });
    let started = server.post("/api/v1/journeys", &keyed);
    assert!(sink.await_count(1, crate::support::server::DEADLINE).is_ok(), "the first attempt is made");
    advance(&server, "1m");
    let paths = ["/api/v1/journeys", "/api/v1/events", "/api/v1/deliveries", "/api/v1/ledger"];
    let before: Vec<_> = paths.iter().map(|path| ok(&server, path)).collect();
    assert_eq!(server.terminate().code(), Some(0));

    let server = Server::start(dir.path(), &config);
    for (path, before) in paths.iter().zip(&before) {
        assert_eq!(&ok(&server, path), before, "{path}");
    }
    assert_eq!(server.post("/api/v1/journeys", &keyed).body, started.body, "D6: over a restart as well");
    let more = start(&server, "KEEP-3");
    let ids: BTreeSet<String> =
        items(&server, "/api/v1/journeys").iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect();
    assert!(
        ids.len() == 3 && ids.contains(&journey) && ids.contains(&more),
        "the new one has an id of its own: {ids:?}"
    );
    let next = does(&server, &journey, &serde_json::json!({ "do": "submit_step", "step": "2" }));
    assert_eq!(next[0]["sequence"], 2, "the journey's numbers go on");

    // The second attempt was due five minutes after the first, and still is.
    advance(&server, "1h");
    let delivery = delivery_of(&server, &event);
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&"delivered".into(), &2.into()), "{delivery}");
    assert_eq!(delivery["tries"][1]["started_at"], "2026-01-05T09:05:00.000Z");
    ledger(&server);
}
