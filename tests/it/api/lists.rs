//! Lists: newest first, filtered, and paged to the end without a gap or a repetition.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::server::Server;
use crate::support::sink::Sink;
use crate::support::steps::{advance, items, manual, ok, one_event, settle, start, webhook};

/// All items of a list, taken `limit` at a time.
fn paged(server: &Server, path: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let joint = if path.contains('?') { '&' } else { '?' };
        let page = ok(server, &format!("{path}{joint}limit={limit}{cursor}"));
        let items = page["items"].as_array().expect("a list");
        assert!(items.len() <= limit, "{path}: {} items", items.len());
        all.extend(items.iter().cloned());
        match &page["next"] {
            Value::Null => return all,
            next => cursor = format!("&cursor={}", next.as_str().expect("a cursor is a text")),
        }
        assert!(all.len() < 1_000, "{path} has an end");
    }
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

#[test]
fn cursors_lead_through_every_list_to_its_end() {
    let sink = Sink::statuses(&[500]);
    let dir = tempfile::tempdir().expect("a directory");
    let hooks = webhook("dead", &sink.url("/"), "retry = []\nerror_emails = [\"ops@example.com\"]");
    let server = Server::start(dir.path(), &manual(&hooks));
    let mut started = Vec::new();
    for n in 0..7 {
        started.push(one_event(&server, &format!("P-{n}")).0);
        // A mail for each: its digest ends before the next event comes.
        advance(&server, "1h");
    }
    started.reverse();
    assert_eq!(ids(&items(&server, "/api/v1/journeys")), started, "the newest first");
    for path in [
        "/api/v1/journeys",
        "/api/v1/events",
        "/api/v1/deliveries",
        "/api/v1/deliveries?state=exhausted",
        "/api/v1/mails",
    ] {
        let whole = items(&server, path);
        assert_eq!(whole.len(), 7, "{path}");
        assert_eq!(ids(&whole).into_iter().collect::<BTreeSet<_>>().len(), 7, "{path}");
        for limit in [1, 3, 7, 100] {
            assert_eq!(paged(&server, path, limit), whole, "{path} by {limit}");
        }
    }
    // A page that was taken before more came goes on where it ended.
    let page = ok(&server, "/api/v1/journeys?limit=3");
    start(&server, "P-LATER");
    let rest = ok(&server, &format!("/api/v1/journeys?cursor={}", page["next"].as_str().expect("a cursor")));
    assert_eq!(ids(rest["items"].as_array().expect("a list")), started[3..]);
}

#[test]
fn lists_are_filtered_by_what_they_are_asked_for() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let hooks = [
        webhook("a", &sink.url("/a"), ""),
        webhook("b", &sink.url("/b"), "enabled = false"),
        webhook("c", "/inbox/c", ""),
    ];
    let server = Server::start(dir.path(), &manual(&hooks.concat()));
    let (first, event) = one_event(&server, "F-1");
    start(&server, "F-2");
    settle(&server);
    let count = |path: &str, expected: usize| assert_eq!(items(&server, path).len(), expected, "{path}");
    count("/api/v1/journeys?state=open", 2);
    count("/api/v1/journeys?state=passed", 0);
    count("/api/v1/journeys?reference_no=F-2", 1);
    count("/api/v1/deliveries", 2);
    count("/api/v1/deliveries?webhook=a", 1);
    count("/api/v1/deliveries?webhook=b", 0);
    count("/api/v1/deliveries?webhook=a&state=delivered", 1);
    count("/api/v1/deliveries?state=exhausted", 0);
    count(&format!("/api/v1/deliveries?journey={first}"), 2);
    count("/api/v1/deliveries?journey=ref:F-1", 2);
    count("/api/v1/deliveries?journey=ref:F-2", 0);
    count(&format!("/api/v1/deliveries?event={}", event["id"].as_str().expect("an id")), 2);
    count("/api/v1/events?journey=ref:F-1", 1);
    count("/api/v1/events?journey=ref:F-2", 0);
}
