//! What is sent when, to whom, and with which headers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Provider, json_of, keys, of_type, text};
use crate::support::server::Server;
use crate::support::sink::Sink;
use crate::support::steps::{advance, does, ledger, manual, ok, passed, settle, start, webhook};

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
