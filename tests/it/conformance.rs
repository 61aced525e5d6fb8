//! The provider's conformance facts, numbered as its page numbers them, against the real binary and a scripted receiver.
//!
//! The current dialect; fact 4 is about another one. Fact 11 stands with the retries.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::sink::{Received, Sink};
use crate::support::steps::{advance, does, ledger, manual, ok, passed, settle, start, webhook};

/// All types, as section 2 spells them.
const TYPES: [&str; 9] = [
    "Finished Step",
    "Finished User Steps",
    "Finished Journey",
    "Updated Journey",
    "Verification Update Required",
    "KYC Renewal Deadline Exceeded",
    "AML Monitor Update",
    "Finished Spot Check",
    "Manually Reviewed",
];

/// A server whose one webhook takes everything at the sink.
struct Provider {
    server: Server,
    sink: Sink,
    _dir: tempfile::TempDir,
}

impl Provider {
    fn new(statuses: &[u16]) -> Provider {
        let sink = Sink::statuses(statuses);
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(dir.path(), &manual(&webhook("sink", &sink.url("/hook"), "max_in_flight = 1")));
        Provider { server, sink, _dir: dir }
    }

    /// Does these things to a journey, one after the other, a moment apart.
    fn play(&self, journey: &str, stimuli: &[Value]) {
        for stimulus in stimuli {
            does(&self.server, journey, stimulus);
            settle(&self.server);
        }
    }

    /// A journey's life with all nine types in it.
    fn whole_life(&self, reference: &str) -> String {
        let journey = passed(&self.server, reference);
        self.play(
            &journey,
            &[
                json!({ "do": "finish_spot_check", "decision": "Complete" }),
                json!({ "do": "aml_monitor_update", "change": "added" }),
                json!({ "do": "aml_monitor_update", "change": "changed" }),
                json!({ "do": "amend_aml", "decision": "Refer" }),
                json!({ "do": "request_resubmission", "steps": [{ "step": "1" }] }),
                json!({ "do": "submit_step", "step": "1" }),
                json!({ "do": "finish_processing", "decision": "Refer" }),
                json!({ "do": "review", "decision": "Rejected", "reason_code": "FRAUD", "comment": "Ana Pérez, 1990-02-01" }),
                json!({ "do": "review", "decision": "Approved" }),
                json!({ "do": "renewal_due", "steps": ["1", "2"], "deadline": "30d" }),
            ],
        );
        advance(&self.server, "31d");
        self.play(
            &journey,
            &[json!({ "do": "submit_step", "step": "1" }), json!({ "do": "submit_step", "step": "2" })],
        );
        advance(&self.server, "1h");
        journey
    }

    fn events(&self) -> Vec<Value> {
        self.sink.requests().iter().map(json_of).collect()
    }
}

fn json_of(request: &Received) -> Value {
    serde_json::from_slice(&request.body).expect("every body is JSON")
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event["body"][key].as_str().unwrap_or_else(|| panic!("no text {key}: {event}"))
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap_or_else(|| panic!("an object: {value}")).keys().map(String::as_str).collect()
}

fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn idwise_01_every_request_is_a_post_of_event_and_body() {
    let provider = Provider::new(&[200]);
    provider.whole_life("ONE-1");
    for request in provider.sink.requests() {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("understudy/")), "{request:?}");
        let json = json_of(&request);
        assert_eq!(keys(&json), BTreeSet::from(["event", "body"]));
        assert!(json["event"].is_string() && json["body"].is_object(), "{json}");
        // Compact, and in this order: what a customer's fixture was recorded with.
        assert!(request.body.starts_with(b"{\"event\":\"") && !request.body.contains(&b'\n'), "{json}");
    }
}

#[test]
fn idwise_02_the_types_are_the_nine_of_the_provider() {
    let provider = Provider::new(&[200]);
    provider.whole_life("TWO-1");
    let events = provider.events();
    let seen: BTreeSet<&str> = events.iter().map(|event| event["event"].as_str().expect("a text")).collect();
    assert_eq!(seen, BTreeSet::from(TYPES));
}

#[test]
fn idwise_03_a1_every_event_has_an_id_of_its_own_that_its_retries_keep() {
    let provider = Provider::new(&[500, 500, 200]);
    provider.whole_life("THREE-1");
    passed(&provider.server, "THREE-2");
    advance(&provider.server, "1d");
    let mut bodies: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for request in provider.sink.requests() {
        let id = text(&json_of(&request), "eventId").to_owned();
        let is_uuid = id.len() == 36 && id.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        assert!(is_uuid && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()), "{id}");
        bodies.entry(id).or_default().insert(request.body);
    }
    assert_eq!(bodies.len() as u64, ledger(&provider.server)["events"].as_u64().expect("a count"), "one id, one event");
    assert!(bodies.values().all(|bodies| bodies.len() == 1), "one id, one body");
    assert_eq!(provider.sink.requests().len(), bodies.len() + 2, "two were tried again");
}

#[test]
fn idwise_05_06_the_two_finished_bodies_have_four_keys_and_come_in_order() {
    let provider = Provider::new(&[200]);
    provider.whole_life("FIVE-1");
    provider.whole_life("FIVE-2");
    let events = provider.events();
    for kind in ["Finished User Steps", "Finished Journey"] {
        let found = of_type(&events, kind);
        assert!(found.len() >= 2, "{kind}");
        for event in found {
            assert_eq!(keys(&event["body"]), BTreeSet::from(["eventId", "journeyId", "referenceNo", "systemDecision"]));
        }
    }
    for reference in ["FIVE-1", "FIVE-2"] {
        let place = |kind: &str| {
            events.iter().position(|event| event["event"] == kind && event["body"]["referenceNo"] == reference)
        };
        assert!(place("Finished User Steps") < place("Finished Journey"), "fact 6, {reference}");
        let user_steps = of_type(&events, "Finished User Steps");
        assert_eq!(user_steps.iter().filter(|event| event["body"]["referenceNo"] == reference).count(), 1);
    }
}

#[test]
fn idwise_07_a_spot_check_has_its_own_journey_id_and_no_other() {
    let provider = Provider::new(&[200]);
    let journey = provider.whole_life("SEVEN-1");
    provider.whole_life("SEVEN-2");
    let events = provider.events();
    let checks = of_type(&events, "Finished Spot Check");
    assert_eq!(checks.len(), 2);
    for check in &checks {
        assert_eq!(
            keys(&check["body"]),
            BTreeSet::from(["eventId", "referenceNo", "systemDecision", "spotCheckJourneyId"])
        );
        assert_ne!(text(check, "spotCheckJourneyId"), journey);
    }
    assert_ne!(text(checks[0], "spotCheckJourneyId"), text(checks[1], "spotCheckJourneyId"));
}

#[test]
fn idwise_08_the_aml_version_is_an_integer_that_rises_by_one() {
    let provider = Provider::new(&[200]);
    let journey = passed(&provider.server, "EIGHT-1");
    let update = |change: &str| json!({ "do": "aml_monitor_update", "change": change });
    provider.play(
        &journey,
        &[
            update("added"),
            update("added"),
            update("changed"),
            update("removed"),
            json!({ "do": "amend_aml", "decision": "Complete" }),
            update("removed"),
            json!({ "do": "whitelist_aml" }),
            update("changed"),
            update("added"),
        ],
    );
    let mut decision = String::new();
    let mut version = 0;
    for event in provider.events() {
        if event["event"] == "AML Monitor Update" {
            version += 1;
            assert_eq!(event["body"]["updatedAMLVersionNumber"].as_u64(), Some(version), "{event}");
            assert_eq!(text(&event, "previousSystemDecision"), decision, "the prior event's: {event}");
        }
        if let Some(now) = event["body"]["systemDecision"].as_str() {
            decision = now.to_owned();
        }
    }
    // The change of a whitelisted match is silent.
    assert_eq!(version, 6);
}

#[test]
fn idwise_09_the_final_decision_is_the_manual_one_where_there_is_one() {
    let provider = Provider::new(&[200]);
    provider.whole_life("NINE-1");
    let mut manual = BTreeSet::new();
    for event in provider.events().iter().filter(|event| !event["body"]["finalDecision"].is_null()) {
        let body = event["body"].as_object().expect("an object");
        assert!(body.contains_key("manualDecision"), "null where there is none, and never absent: {event}");
        let last = if body["manualDecision"].is_null() { &body["systemDecision"] } else { &body["manualDecision"] };
        assert_eq!(&body["finalDecision"], last, "{event}");
        manual.insert(body["manualDecision"].as_str().unwrap_or("null").to_owned());
    }
    let seen: Vec<&str> = manual.iter().map(String::as_str).collect();
    assert_eq!(seen, ["Approved", "Rejected", "Resubmission Requested", "null"]);
}

#[test]
fn idwise_10_a_lapsed_renewal_follows_its_request_and_one_in_time_does_not_lapse() {
    let provider = Provider::new(&[200]);
    let due = json!({ "do": "renewal_due", "steps": ["1", "2"], "deadline": "30d" });
    let [lapsed, partly, in_time] = ["TEN-1", "TEN-2", "TEN-3"].map(|reference| {
        let journey = passed(&provider.server, reference);
        does(&provider.server, &journey, &due);
        journey
    });
    advance(&provider.server, "10d");
    provider.play(&partly, &[json!({ "do": "submit_step", "step": "2" })]);
    for step in ["1", "2"] {
        provider.play(&in_time, &[json!({ "do": "submit_step", "step": step })]);
    }
    advance(&provider.server, "40d");
    let events = provider.events();
    let steps = |event: &Value| -> Vec<String> {
        let steps = event["body"]["requiredSteps"].as_array().expect("a list");
        steps.iter().map(|step| step["stepId"].as_str().expect("a text").to_owned()).collect()
    };
    for (journey, expected) in [(&lapsed, Some(vec!["1", "2"])), (&partly, Some(vec!["1"])), (&in_time, None)] {
        let own: Vec<&Value> = events.iter().filter(|event| event["body"]["journeyId"] == **journey).collect();
        let asked = own.iter().position(|event| event["event"] == "Verification Update Required").expect("asked");
        assert_eq!((text(own[asked], "trigger"), steps(own[asked])), ("KYC Renewal", vec!["1".into(), "2".into()]));
        let exceeded = own.iter().position(|event| event["event"] == "KYC Renewal Deadline Exceeded");
        assert_eq!(
            exceeded.map(|at| steps(own[at])),
            expected.as_ref().map(|steps| steps.iter().map(|s| (*s).to_owned()).collect())
        );
        assert!(exceeded.is_none_or(|at| at > asked), "only after it was asked for");
        let shown = ok(&provider.server, &format!("/api/v1/journeys/{journey}"));
        let decision = if expected.is_some() { "Incomplete" } else { "Complete" };
        assert_eq!(shown["final_decision"], decision, "{shown}");
        let finished = own.iter().filter(|event| event["event"] == "Finished Journey").count();
        assert_eq!(finished, if expected.is_some() { 1 } else { 2 }, "in time it is finished again");
    }
    let deadline = of_type(&events, "KYC Renewal Deadline Exceeded")[0]["body"]["requiredSteps"][0].clone();
    assert_eq!(keys(&deadline), BTreeSet::from(["stepId", "renewalDeadline"]));
    assert_eq!(deadline["renewalDeadline"], "2026-02-04T09:00:00Z", "thirty days after it fell due");
}

#[test]
fn idwise_12_each_way_to_authenticate_gives_its_header_and_no_signature() {
    let sink = Sink::statuses(&[200]);
    let header = "headers = { \"X-Api-Key\" = \"k-12345\", \"X-Two\" = \"2\" }\n";
    let hooks = [
        webhook("none", &sink.url("/none"), header),
        webhook(
            "basic",
            &sink.url("/basic"),
            &format!("{header}auth = {{ type = \"basic\", username = \"Aladdin\", password = \"open sesame\" }}"),
        ),
        webhook(
            "bearer",
            &sink.url("/bearer"),
            &format!("{header}auth = {{ type = \"bearer\", token = \"tok.en-1\" }}"),
        ),
    ];
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&hooks.concat()));
    passed(&server, "TWELVE-1");
    settle(&server);
    let expected = BTreeMap::from([
        ("/none", None),
        // The example of RFC 7617.
        ("/basic", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
        ("/bearer", Some("Bearer tok.en-1")),
    ]);
    let requests = sink.requests();
    assert_eq!(requests.len(), 12);
    for request in requests {
        assert_eq!(request.header("authorization"), expected[request.path.as_str()], "{}", request.path);
        assert_eq!((request.header("x-api-key"), request.header("x-two")), (Some("k-12345"), Some("2")));
        let mut names: Vec<String> = request.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
        names.retain(|name| name != "authorization");
        names.sort();
        assert_eq!(names, ["accept", "content-length", "content-type", "host", "user-agent", "x-api-key", "x-two"]);
    }
}

#[test]
fn idwise_13_d2_a_webhook_gets_its_own_types_and_environment_only() {
    let sink = Sink::statuses(&[200]);
    let hook = |name: &str, types: &str, environment: &str| {
        format!(
            "[[webhook]]\nname = \"{name}\"\ntypes = {types}\nurl = \"{}\"\nenvironment = \"{environment}\"\n",
            sink.url(&format!("/{name}"))
        )
    };
    let hooks = [
        hook("finished", "[\"Finished Journey\"]", "sandbox"),
        hook("finished-too", "[\"Finished Journey\"]", "sandbox"),
        hook("steps", "[\"Finished Step\", \"Finished User Steps\"]", "sandbox"),
        hook("live", "[\"*\"]", "live"),
    ];
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &manual(&hooks.concat()));
    passed(&server, "THIRTEEN-1");
    settle(&server);
    let got = |path: &str| -> Vec<Value> {
        sink.requests().iter().filter(|request| request.path == path).map(json_of).collect()
    };
    let kinds = |events: &[Value]| -> Vec<String> {
        let mut kinds: Vec<String> =
            events.iter().map(|event| event["event"].as_str().expect("a text").to_owned()).collect();
        kinds.sort();
        kinds
    };
    assert_eq!(kinds(&got("/finished")), ["Finished Journey"]);
    assert_eq!(got("/finished"), got("/finished-too"), "two URLs of one type get the same event, its id too");
    assert_eq!(kinds(&got("/steps")), ["Finished Step", "Finished Step", "Finished User Steps"]);
    assert!(got("/live").is_empty());

    let body = json!({ "flow": "onboarding", "reference_no": "THIRTEEN-2", "environment": "live" });
    let live = server.post("/api/v1/journeys", &body).json()["id"].as_str().expect("an id").to_owned();
    does(&server, &live, &json!({ "do": "submit_step", "step": "1" }));
    settle(&server);
    assert_eq!(kinds(&got("/live")), ["Finished Step"]);
    assert_eq!(got("/steps").len(), 3, "the sandbox did not get it");
}

#[test]
fn idwise_14_d7_starting_cancelling_and_leaving_send_nothing() {
    let provider = Provider::new(&[200]);
    let cancelled = start(&provider.server, "FOURTEEN-1");
    start(&provider.server, "FOURTEEN-2");
    let deleted = start(&provider.server, "FOURTEEN-3");
    assert!(does(&provider.server, &cancelled, &json!({ "do": "start" })).is_empty());
    assert!(does(&provider.server, &cancelled, &json!({ "do": "cancel" })).is_empty());
    assert!(does(&provider.server, &deleted, &json!({ "do": "delete" })).is_empty());
    advance(&provider.server, "800d");
    assert_eq!(provider.sink.requests().len(), 0);
    assert_eq!(ledger(&provider.server)["events"], 0, "D7");
}

#[test]
fn idwise_15_nothing_is_renewed_that_did_not_pass() {
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let flow = |id: &str, decision: &str| {
        format!(
            "[[flow]]\nid = \"{id}\"\nsteps = [{{ id = \"1\", type = \"Document\", title = \"Photo ID\" }}]\nprocessing = \"5s\"\n\
             decision = \"{decision}\"\nrenewal = {{ step = \"1\", criteria = \"Document Expired\", after = \"365d\", grace = \"30d\" }}\n"
        )
    };
    let flows = [flow("passes", "Complete"), flow("refers", "Refer"), webhook("sink", &sink.url("/"), "")];
    let server = Server::start(dir.path(), &manual(&flows.concat()));
    let journey = |flow: &str, reference: &str| {
        let started = server.post("/api/v1/journeys", &json!({ "flow": flow, "reference_no": reference }));
        let id = started.json()["id"].as_str().expect("an id").to_owned();
        does(&server, &id, &json!({ "do": "submit_step", "step": "1" }));
        id
    };
    let [passed, referred, approved, rejected] = [("passes", "A"), ("refers", "B"), ("refers", "C"), ("passes", "D")]
        .map(|(flow, reference)| journey(flow, reference));
    advance(&server, "1h");
    does(&server, &approved, &json!({ "do": "review", "decision": "Approved" }));
    does(&server, &rejected, &json!({ "do": "review", "decision": "Rejected" }));
    advance(&server, "500d");
    let asked: BTreeSet<String> = sink
        .requests()
        .iter()
        .map(json_of)
        .filter(|event| event["event"] == "Verification Update Required")
        .map(|event| text(&event, "journeyId").to_owned())
        .collect();
    assert!(asked.contains(&passed) && !asked.contains(&referred) && !asked.contains(&rejected), "{asked:?}");
    for id in [&referred, &rejected] {
        let stimuli = format!("/api/v1/journeys/{id}/stimuli");
        let refused = server.post(&stimuli, &json!({ "do": "renewal_due", "steps": ["1"], "deadline": "30d" }));
        assert_eq!(refused.status, 409, "nor by hand: {}", refused.text());
    }
}

#[test]
fn idwise_15_x3_bodies_hold_no_personal_data() {
    let provider = Provider::new(&[200]);
    provider.whole_life("FIFTEEN-1");
    // Every key that any body may have; what a reviewer wrote is under none of them.
    let known = BTreeSet::from([
        "eventId",
        "journeyId",
        "referenceNo",
        "stepId",
        "stepType",
        "systemDecision",
        "manualDecision",
        "finalDecision",
        "action",
        "manualReviewDetails",
        "journeyReviewDecision",
        "reasonCode",
        "stepReviews",
        "reviewDecision",
        "trigger",
        "requiredSteps",
        "renewalDeadline",
        "previousSystemDecision",
        "updatedAMLVersionNumber",
        "spotCheckJourneyId",
    ]);
    fn check(value: &Value, known: &BTreeSet<&str>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(key, member)| {
                assert!(known.contains(key.as_str()), "{key} is a key of the provider's");
                check(member, known);
            }),
            Value::Array(items) => items.iter().for_each(|item| check(item, known)),
            _ => {}
        }
    }
    for event in provider.events() {
        check(&event["body"], &known);
        assert!(!event.to_string().contains("Ana") && !event.to_string().contains("1990"), "{event}");
    }
}
