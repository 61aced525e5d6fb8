//! What is refused, with which code, and that nothing has happened then (D5); keys that make a repetition harmless (D6).

use serde_json::{Value, json};

use super::problem;
use crate::support::http::announce;
use crate::support::server::Server;
use crate::support::steps::{does, items, ledger, manual, ok, start};

#[test]
fn d5_what_is_refused_says_why_and_creates_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let journey = start(&server, "R-1");
    let before = (ledger(&server), ok(&server, &format!("/api/v1/journeys/{journey}")));
    let stimuli = format!("/api/v1/journeys/{journey}/stimuli");
    let journeys = "/api/v1/journeys";
    // The body as text; the status; the code; what the sentence names.
    let cases: &[(&str, &str, u16, &str, &str)] = &[
        (journeys, "{", 400, "bad_json", "line 1"),
        (journeys, "[1]", 400, "bad_json", "object"),
        (journeys, "{}", 400, "missing_key", "flow"),
        (journeys, r#"{"flow":"onboarding"}"#, 400, "missing_key", "reference_no"),
        (journeys, r#"{"flow":"onboardin","reference_no":"A"}"#, 404, "unknown_flow", "onboarding"),
        (journeys, r#"{"flow":"onboarding","reference_no":"A","flwo":1}"#, 400, "unknown_key", "flwo"),
        (journeys, r#"{"flow":"onboarding","reference":"A"}"#, 400, "unknown_key", "is \"reference_no\" meant?"),
        (journeys, r#"{"flow":"onboarding","reference_no":7}"#, 400, "bad_value", "reference_no"),
        (journeys, r#"{"flow":"onboarding","reference_no":"A","environment":"prod"}"#, 400, "bad_value", "sandbox"),
        (journeys, r#"{"flow":"onboarding","reference_no":""}"#, 400, "invalid_reference", "reference"),
        (journeys, r#"{"flow":"onboarding","reference_no":"a<script>"}"#, 400, "invalid_reference", "reference"),
        (&stimuli, "{}", 400, "bad_stimulus", "do"),
        (&stimuli, r#"{"do":"submit_stp","step":"1"}"#, 400, "bad_stimulus", "submit_step"),
        (&stimuli, r#"{"do":"submit_step"}"#, 400, "bad_stimulus", "step"),
        (&stimuli, r#"{"do":"submit_step","step":1}"#, 400, "bad_stimulus", "\"1\""),
        (&stimuli, r#"{"do":"submit_step","step":"1","stp":"1"}"#, 400, "bad_stimulus", "stp"),
        (&stimuli, r#"{"do":"review","decision":"approved"}"#, 400, "bad_stimulus", "Approved"),
        (&stimuli, r#"{"do":"submit_step","step":"9"}"#, 409, "", "9"),
        ("/api/v1/journeys/ref:NOBODY/stimuli", r#"{"do":"start"}"#, 404, "not_found", "NOBODY"),
        ("/api/v1/journeys/nonsense/stimuli", r#"{"do":"start"}"#, 400, "bad_id", "nonsense"),
        ("/api/v1/journeys/000000000000000000000009/stimuli", r#"{"do":"start"}"#, 404, "not_found", "9"),
        ("/api/v1/clock", r#"{"advance":"soon"}"#, 400, "bad_value", "soon"),
        ("/api/v1/clock", r#"{"advance":"1d","rate":2}"#, 400, "bad_value", "one of"),
        ("/api/v1/clock", r#"{"rate":0}"#, 400, "bad_value", "rate"),
        ("/api/v1/clock", r#"{"mode":"scaled"}"#, 400, "bad_value", "rate"),
        ("/api/v1/clock", r#"{"mode":"fast"}"#, 400, "bad_value", "manual"),
        ("/api/v1/clock", r#"{"set":"2020-01-01T00:00:00Z"}"#, 409, "clock_went_back", "2026-01-05"),
        ("/api/v1/deliveries/resend", r#"{"state":"waiting"}"#, 400, "not_terminal", "exhausted"),
        ("/api/v1/deliveries/resend", r#"{"since":"yesterday"}"#, 400, "bad_value", "yesterday"),
        ("/api/v1/deliveries/resend", r#"{"limit":0}"#, 400, "bad_value", "limit"),
        ("/api/v1/deliveries/d1/resend", "", 404, "not_found", "d1"),
        ("/api/v1/deliveries/1/cancel", "", 400, "bad_id", "d17"),
    ];
    for (path, body, status, code, named) in cases {
        let answer =
            server.ask("POST", path, &[("Content-Type", "application/json")], body.as_bytes()).expect("answered");
        let code = if code.is_empty() {
            answer.json()["code"].as_str().expect("a code").to_owned()
        } else {
            (*code).to_owned()
        };
        let problem = problem(&answer, *status, &code);
        let detail = problem["detail"].as_str().expect("a sentence");
        assert!(detail.contains(named), "{path} {body}: {named} in {detail:?}");
    }
    let gets = [
        ("/api/v1/deliveries?state=lost", 400, "bad_value"),
        ("/api/v1/deliveries?limit=many", 400, "bad_query"),
        ("/api/v1/events?limit=0", 400, "bad_value"),
        ("/api/v1/journeys?limit=1001", 400, "bad_value"),
        ("/api/v1/journeys?cursor=x", 400, "bad_cursor"),
        ("/api/v1/events/x", 400, "bad_id"),
        ("/api/v1/mails/m1", 404, "not_found"),
        ("/api/v1/nothing", 404, "not_found"),
        ("/nothing", 404, "not_found"),
    ];
    for (path, status, code) in gets {
        problem(&server.get(path), status, code);
    }
    for (list, filter, known) in [
        ("deliveries", "stat=exhausted", "state"),
        ("journeys", "webhook=w", "reference_no"),
        ("events", "state=open", "journey"),
        ("mails", "webhook=w", "cursor"),
        ("inbox/w", "since=1", "cursor"),
        ("stream", "event=1", "kind"),
    ] {
        let (name, _) = filter.split_once('=').expect("a name");
        let problem = problem(&server.get(&format!("/api/v1/{list}?{filter}")), 400, "bad_query");
        let detail = problem["detail"].as_str().expect("a sentence");
        assert!(detail.contains(&format!("`{name}`")) && detail.contains(&format!("`{known}`")), "{list}: {detail}");
    }
    problem(&server.ask("DELETE", journeys, &[], b"").expect("answered"), 405, "method_not_allowed");
    assert_eq!((ledger(&server), ok(&server, &format!("/api/v1/journeys/{journey}"))), before, "D5: nothing happened");
    assert_eq!(items(&server, "/api/v1/events").len() + items(&server, "/api/v1/deliveries").len(), 0);
}

#[test]
fn a_body_that_is_too_large_is_refused_with_a_problem_and_the_server_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    // Whoever asks first whether it may send so much is told at once.
    for path in ["/api/v1/journeys", "/api/v1/clock", "/api/v1/deliveries/resend"] {
        problem(&announce(server.address(), path, 4 * 1024 * 1024), 413, "too_large");
    }
    // Within the limit of a body, and still no reference.
    let long = json!({ "flow": "onboarding", "reference_no": "A".repeat(100_000) }).to_string();
    let refused = server.ask("POST", "/api/v1/journeys", &[], long.as_bytes()).expect("answered");
    problem(&refused, 400, "invalid_reference");
    assert!(refused.body.len() < 1_000, "the answer does not repeat it: {} bytes", refused.body.len());
    let deep = "[".repeat(100_000);
    problem(&server.ask("POST", "/api/v1/journeys", &[], deep.as_bytes()).expect("answered"), 400, "bad_json");
    start(&server, "STILL-1");
}

#[test]
fn j2_an_illegal_stimulus_is_told_what_is_legal_now() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let journey = start(&server, "J-1");
    let stimuli = format!("/api/v1/journeys/{journey}/stimuli");
    let refused = server.post(&stimuli, &json!({ "do": "review", "decision": "Approved" }));
    let refusal = problem(&refused, 409, "illegal_stimulus");
    let legal = ok(&server, &format!("/api/v1/journeys/{journey}"))["legal"].clone();
    let of_untouched: Vec<&str> = ["start", "submit_step", "complete", "cancel", "delete"].to_vec();
    assert_eq!(legal, json!(of_untouched));
    // A journey that was started knows it: `start` is kept as a word for scripts.
    for word in legal.as_array().expect("a list") {
        let word = word.as_str().expect("a word");
        assert!(refusal["legal"].as_array().expect("a list").contains(&word.into()), "{word}: {refusal}");
        assert!(refusal["detail"].as_str().expect("a sentence").contains(word), "{word}: {refusal}");
    }
    does(&server, &journey, &json!({ "do": "submit_step", "step": "1" }));
    let again = server.post(&stimuli, &json!({ "do": "submit_step", "step": "1" }));
    let again = problem(&again, 409, "illegal_stimulus");
    assert!(again["detail"].as_str().expect("a sentence").contains("submitted already"), "{again}");
}

#[test]
fn j2_of_conflicting_stimuli_at_once_exactly_one_wins() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let journey = start(&server, "RACE-1");
    let stimuli = format!("/api/v1/journeys/{journey}/stimuli");
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let race = || server.post(&stimuli, &json!({ "do": "submit_step", "step": "1" })).status;
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
        racers.into_iter().map(|racer| racer.join().expect("answered")).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![409; 7]].concat());
    assert_eq!(items(&server, "/api/v1/events").len(), 1);
}

#[test]
fn d6_a_key_makes_a_repetition_harmless_and_a_different_body_a_conflict() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(""));
    let post = |path: &str, text: &str| server.ask("POST", path, &[], text.as_bytes()).expect("answered");
    let start = r#"{"flow":"onboarding","reference_no":"KEY-1","key":"k1"}"#;
    let first = post("/api/v1/journeys", start);
    assert_eq!(first.status, 201);
    let repeated = post("/api/v1/journeys", start);
    assert_eq!((repeated.status, &repeated.body), (201, &first.body), "the same answer");
    // Spacing and order are no difference.
    let spaced = r#"{ "key": "k1", "reference_no": "KEY-1", "flow": "onboarding" }"#;
    assert_eq!(post("/api/v1/journeys", spaced).body, first.body);
    let other = r#"{"flow":"onboarding","reference_no":"KEY-2","key":"k1"}"#;
    problem(&post("/api/v1/journeys", other), 409, "key_reused");
    assert_eq!(items(&server, "/api/v1/journeys").len(), 1);

    let id = first.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/journeys/{id}/stimuli");
    let submit = r#"{"do":"submit_step","step":"1","key":"k1"}"#;
    let first = post(&path, submit);
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(post(&path, submit).body, first.body, "the same answer, although the step is submitted now");
    problem(&post(&path, r#"{"do":"submit_step","step":"2","key":"k1"}"#), 409, "key_reused");
    assert_eq!(ledger(&server)["events"], 1);
    let two: Value = post(&path, r#"{"do":"submit_step","step":"2","key":"k2"}"#).json();
    assert_eq!(two["events"].as_array().map(Vec::len), Some(2), "another key acts: {two}");
}
