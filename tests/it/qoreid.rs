//! The conformance facts of QoreID, against the real binary: each test is named after the fact it shows.
//!
//! A server plays QoreID with one webhook per environment at sinks of the test; the customer's calls are made by hand.

use serde_json::{Value, json};
use tempfile::TempDir;
use understudy::provider::qoreid::signature::sign;

use super::support::http::Response;
use super::support::server::{DEADLINE, Server};
use super::support::sink::{Received, Sink};

const SECRET: &str = "your_webhook_secret";
const EVENTS: [&str; 6] = ["identity", "address", "employment", "property", "guarantor", "workflow"];

/// A server that plays QoreID by a clock that stands still, and a receiver for each environment.
struct Stage {
    server: Server,
    test: Sink,
    live: Sink,
    _dir: TempDir,
}

impl Stage {
    fn new() -> Stage {
        Stage::with("", Sink::statuses(&[200]))
    }

    fn with(qoreid: &str, test: Sink) -> Stage {
        let live = Sink::statuses(&[204]);
        let hook = |name: &str, environment: &str, sink: &Sink| {
            format!(
                "[[webhook]]\nname = \"{name}\"\nenvironment = \"{environment}\"\nurl = \"{}\"\n\
                 error_emails = [\"support@example.com\"]\nauth = {{ type = \"hmac\", secret = \"{SECRET}\" }}\n",
                sink.url("/hook")
            )
        };
        let config = format!(
            "provider = \"qoreid\"\nseed = 7\n[outbox]\nengine = \"memory\"\n[clock]\nmode = \"manual\"\n\
             [qoreid]\nstatus = \"VERIFIED\"\n{qoreid}\n\
             [qoreid.test]\nclient_id = \"c-test\"\nsecret = \"s-test-1\"\n\
             [qoreid.live]\nclient_id = \"c-live\"\nsecret = \"s-live-1\"\n\
             [[flow]]\nid = \"tenant\"\nkind = \"workflow\"\n\
             steps = [{{ id = \"nin\", type = \"identity\" }}, {{ id = \"home\", type = \"address\" }}]\n{}{}",
            hook("test", "sandbox", &test),
            hook("live", "live", &live),
        );
        let dir = tempfile::tempdir().expect("a directory");
        Stage { server: Server::start(dir.path(), &config), test, live, _dir: dir }
    }

    fn call(&self, path: &str, authorization: &str, body: &Value) -> Response {
        let headers = [("authorization", authorization), ("content-type", "application/json")];
        self.server.ask("POST", path, &headers, body.to_string().as_bytes()).expect("an answer")
    }

    fn token(&self, environment: &str) -> String {
        let pair = json!({ "clientId": format!("c-{environment}"), "secret": format!("s-{environment}-1") });
        let answer = self.server.post("/token", &pair);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let answer = answer.json();
        assert_eq!((&answer["tokenType"], &answer["expiresIn"]), (&json!("Bearer"), &json!(3_600)));
        format!("Bearer {}", answer["accessToken"].as_str().expect("a text"))
    }

    fn address(&self, environment: &str, reference: &str) -> Value {
        let answer = self.call("/v1/addresses", &self.token(environment), &address(reference));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    fn look_up(&self, firstname: &str, lastname: &str) -> Response {
        let body = json!({ "firstname": firstname, "lastname": lastname });
        self.call("/v1/ng/identities/nin/63184876213", &self.token("test"), &body)
    }

    fn advance(&self, span: &str) {
        let moved = self.server.post("/api/v1/clock", &json!({ "advance": span }));
        assert_eq!(moved.status, 200, "{}", moved.text());
    }

    /// Lets an hour after hour pass until the receiver of the sandbox was called so often.
    fn advance_until(&self, calls: usize) {
        arrived(&self.test, 1);
        for _ in 0..50 {
            if self.test.requests().len() >= calls {
                return;
            }
            self.advance("61m");
        }
        panic!("{} calls came of {calls}", self.test.requests().len());
    }

    fn start(&self, flow: &str, reference: &str) -> Value {
        let answer = self.server.post("/api/v1/journeys", &json!({ "flow": flow, "reference_no": reference }));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    fn ledger(&self) -> Value {
        self.server.get("/api/v1/ledger").json()
    }
}

fn address(reference: &str) -> Value {
    json!({
        "customerReference": reference, "street": "5/7 Adeniyi Jones", "lgaName": "Ikeja", "stateName": "Lagos",
        "city": "Ìkẹjà", "applicant": { "firstname": "Adé", "lastname": "Doe", "phone": "08000000000" },
    })
}

fn arrived(sink: &Sink, count: usize) -> Vec<Received> {
    sink.await_count(count, DEADLINE).unwrap_or_else(|some| panic!("{} of {count} requests came", some.len()))
}

fn bodies(sink: &Sink, count: usize) -> Vec<Value> {
    arrived(sink, count).iter().map(|request| serde_json::from_slice(&request.body).expect("JSON")).collect()
}

/// Every product once, from its start to its end: two events for each of the last mile, six of the workflow.
fn all_products(stage: &Stage) -> Vec<Value> {
    for product in ["address", "employment", "guarantor", "property", "tenant"] {
        stage.start(product, &format!("R-{product}"));
    }
    // Each step of the workflow is begun by a deadline of its own.
    for _ in 0..6 {
        stage.advance("10s");
    }
    bodies(&stage.test, 14)
}

#[test]
fn qoreid_01_bodies_have_exactly_event_event_type_and_data() {
    for body in all_products(&Stage::new()) {
        let keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["data", "event", "event_type"]);
    }
}

#[test]
fn qoreid_02_the_pair_of_event_and_type_is_one_of_the_documented() {
    let told = all_products(&Stage::new());
    for body in &told {
        let (event, kind) = (body["event"].as_str().expect("a text"), body["event_type"].as_str().expect("a text"));
        assert!(EVENTS.contains(&event), "{event}");
        let steps = ["step_verification_started", "step_verification_completed"].contains(&kind);
        assert!(["verification_started", "verification_completed"].contains(&kind) || (steps && event == "workflow"));
    }
    for event in ["address", "employment", "guarantor", "property", "workflow"] {
        for kind in ["verification_started", "verification_completed"] {
            let count = told.iter().filter(|body| body["event"] == event && body["event_type"] == kind).count();
            assert_eq!(count, 1, "{event} {kind}");
        }
    }
}

#[test]
fn qoreid_03_a_look_up_that_was_answered_is_not_told() {
    let stage = Stage::new();
    assert_eq!(stage.look_up("Bunch", "Dillon").status, 200);
    assert_eq!(stage.ledger()["events"], 0);
    let down = Stage::with("down = [\"nin\"]", Sink::statuses(&[200]));
    let queued = down.look_up("Bunch", "Dillon");
    assert_eq!(queued.json()["status"]["state"], "pending");
    assert_eq!(down.ledger()["events"], 0);
    let id = down.server.get("/api/v1/journeys").json()["items"][0]["id"].as_str().expect("an id").to_owned();
    let done = down.server.post(&format!("/api/v1/journeys/{id}/stimuli"), &json!({ "do": "source_restored" }));
    assert_eq!(done.status, 200, "{}", done.text());
    let [body] = &bodies(&down.test, 1)[..] else { panic!("one event") };
    assert_eq!((&body["event"], &body["event_type"]), (&json!("identity"), &json!("verification_completed")));
    assert_eq!(body["data"]["id"], queued.json()["id"]);
    assert_eq!(body["data"]["summary"]["nin_check"]["status"], "EXACT_MATCH");
}

#[test]
fn qoreid_04_without_downtime_handling_a_down_source_is_not_told() {
    let stage = Stage::with("down = [\"nin\"]\nnetwork_downtime_handling = false", Sink::statuses(&[200]));
    let answer = stage.look_up("Bunch", "Dillon");
    assert_eq!((answer.status, &answer.json()["statusCode"]), (503, &json!(503)));
    stage.advance("30d");
    assert_eq!(stage.ledger()["events"], 0);
}

#[test]
fn qoreid_05_steps_are_told_of_workflows_only() {
    let told = all_products(&Stage::new());
    let steps: Vec<&Value> =
        told.iter().filter(|body| body["event_type"].as_str().is_some_and(|kind| kind.starts_with("step_"))).collect();
    assert_eq!(steps.len(), 4);
    assert!(steps.iter().all(|body| body["event"] == "workflow"));
}

#[test]
fn qoreid_06_the_signature_is_hmac_sha512_of_the_raw_body() {
    let stage = Stage::new();
    stage.address("test", "A-1");
    for request in arrived(&stage.test, 1) {
        let signature = request.header("x-verifyme-signature").expect("signed");
        assert_eq!(signature, sign(SECRET, &request.body));
        assert!(signature.len() == 128 && signature.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')));
    }
    // The published vectors, through the function that signed the request above.
    assert!(sign(SECRET, b"{}").starts_with("9614299d5baea0cd8bd47f53660c8411"));
}

#[test]
fn qoreid_08_every_retry_has_the_same_body_and_signature() {
    let stage = Stage::with("processing = \"300d\"", Sink::statuses(&[500, 500, 200]));
    stage.address("test", "A-1");
    stage.advance_until(3);
    let tries = stage.test.requests();
    for other in &tries[1..] {
        assert_eq!(other.body, tries[0].body);
        assert_eq!(other.header("x-verifyme-signature"), tries[0].header("x-verifyme-signature"));
    }
    let signature = tries[0].header("x-verifyme-signature").expect("signed");
    let mut bent = tries[0].body.clone();
    bent[10] ^= 1;
    assert_ne!(sign(SECRET, &bent), signature);
    assert_ne!(sign("another secret", &tries[0].body), signature);
}

#[test]
fn qoreid_09_a_dead_endpoint_gets_six_tries_and_one_notice() {
    let stage = Stage::with("processing = \"300d\"", Sink::statuses(&[503]));
    stage.address("test", "A-1");
    stage.advance_until(6);
    stage.advance("1d");
    let ledger = stage.ledger();
    assert_eq!((&ledger["attempts"], &ledger["deliveries"]["exhausted"]), (&json!(6), &json!(1)));
    let mails = stage.server.get("/api/v1/mails").json();
    assert_eq!(mails["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(mails["items"][0]["to"], "support@example.com");

    let recovers = Stage::with("processing = \"300d\"", Sink::statuses(&[503, 202]));
    recovers.address("test", "A-1");
    recovers.advance_until(2);
    recovers.advance("1d");
    assert_eq!(recovers.server.get("/api/v1/mails").json()["items"], json!([]));
}

#[test]
fn qoreid_10_test_and_live_go_to_their_own_url() {
    let stage = Stage::new();
    stage.address("live", "L-1");
    stage.address("test", "T-1");
    let (test, live) = (bodies(&stage.test, 1), bodies(&stage.live, 1));
    assert_eq!(test[0]["data"]["customerReference"], "T-1");
    assert_eq!(live[0]["data"]["customerReference"], "L-1");
    assert_eq!((test.len(), live.len()), (1, 1));
}

#[test]
fn qoreid_11_tokens_are_given_for_good_keys_and_wanted_for_products() {
    let stage = Stage::new();
    stage.token("test");
    for bad in [json!({"clientId": "c-test", "secret": "s-live-1"}), json!({"clientId": "x", "secret": "y"})] {
        let refused = stage.server.post("/token", &bad);
        assert_eq!((refused.status, &refused.json()["statusCode"]), (401, &json!(401)));
    }
    let mut forged = stage.token("test");
    forged.pop();
    for authorization in
        ["", "Bearer ", "Bearer sandbox.9999999999999999.00", forged.as_str(), "Basic Yy10ZXN0OnMtdGVzdC0x"]
    {
        let refused = stage.call("/v1/addresses", authorization, &address("A-1"));
        assert_eq!(refused.status, 401, "{authorization}");
        assert!(refused.json()["statusCode"] == 401 && refused.json()["message"].is_string());
    }
    let token = stage.token("test");
    stage.advance("61m");
    assert_eq!(stage.call("/v1/addresses", &token, &address("A-1")).status, 401, "it has expired");
    let wrong = stage.call("/v1/addresses", &stage.token("test"), &json!({ "street": 7 }));
    assert_eq!(wrong.status, 400);
    assert!(wrong.json()["message"].as_array().is_some_and(|messages| messages.len() >= 5), "{}", wrong.text());
    assert_eq!(stage.call("/v1/nowhere", &token, &json!({})).json()["statusCode"], 404);
}

#[test]
fn qoreid_12_the_published_persona_matches_and_others_do_not() {
    let stage = Stage::new();
    let found = stage.look_up("Bunch", "Dillon");
    assert_eq!(found.status, 200);
    let found = found.json();
    assert_eq!(found["status"], json!({ "status": "verified", "state": "complete" }));
    assert_eq!(found["summary"]["nin_check"]["status"], "EXACT_MATCH");
    assert_eq!((&found["nin"]["nin"], &found["nin"]["birthdate"]), (&json!("63184876213"), &json!("06-01-1974")));
    let other = stage.look_up("Bunch", "Other");
    assert_eq!(other.status, 200);
    let other = other.json();
    assert_eq!(other["status"]["status"], "id_mismatch");
    assert_eq!(other["summary"]["nin_check"]["status"], "NO_MATCH");
    assert!(other.get("nin").is_none());
    for path in ["/v1/ng/identities/nin-phone/08000000000", "/v1/ng/identities/bvn-basic/22200000001"] {
        let body = json!({ "firstname": "Bunch", "lastname": "Dillon", "dob": "1999-01-01" });
        let answer = stage.call(path, &stage.token("test"), &body).json();
        assert_eq!(answer["status"]["status"], "verified", "{path}");
        let check = answer["summary"].as_object().and_then(|summary| summary.values().next()).expect("a check");
        assert_eq!((&check["status"], &check["fieldMatches"]["dob"]), (&json!("PARTIAL_MATCH"), &json!(false)));
    }
}

#[test]
fn look_ups_of_other_registers_have_their_own_paths() {
    let stage = Stage::new();
    let (token, dillon) = (stage.token("test"), json!({ "firstname": "Bunch", "lastname": "Dillon" }));
    let card = stage.call("/v1/gh/identities/ghana-id/GHA000000001", &token, &dillon);
    assert_eq!((card.status, &card.json()["status"]["status"]), (200, &json!("verified")), "{}", card.text());
    assert_eq!(card.json()["summary"]["ghana_id_check"]["status"], "EXACT_MATCH");
    assert_eq!(card.json()["ghana_id"]["idNumber"], "GHA000000001");
    let stranger = json!({ "firstname": "Some", "lastname": "Body" });
    let stranger = stage.call("/v1/gh/identities/ghana-id/GHA000000001", &token, &stranger).json();
    assert_eq!(stranger["status"]["status"], "id_mismatch");
    let company = stage.call("/v2/ng/identities/cac-basic", &token, &json!({ "regNumber": "RC123456" }));
    assert_eq!((company.status, &company.json()["status"]["status"]), (200, &json!("verified")), "{}", company.text());
    assert_eq!((&company.json()["cac"]["rcNumber"], company.json().get("nin")), (&json!("RC123456"), None));
    assert_eq!(stage.call("/v2/ng/identities/cac-basic", &token, &json!({})).status, 400);
    for elsewhere in ["/v1/ng/identities/ghana-id/GHA1", "/v1/ng/identities/cac-basic"] {
        assert_eq!(stage.call(elsewhere, &token, &dillon).status, 404, "{elsewhere}");
    }
}

#[test]
fn qoreid_13_an_address_starts_and_ends_under_one_id_and_reference() {
    let stage = Stage::new();
    let submitted = stage.address("test", "A/é-13");
    let expected = json!({ "status": "IN_PROGRESS", "subStatus": "IN PROGRESS", "state": "IN_PROGRESS" });
    assert_eq!(submitted["status"], expected);
    arrived(&stage.test, 1);
    stage.advance("1m");
    let told = bodies(&stage.test, 2);
    for (body, kind) in told.iter().zip(["verification_started", "verification_completed"]) {
        assert_eq!((&body["event"], &body["event_type"]), (&json!("address"), &json!(kind)));
        assert_eq!(body["data"]["id"], submitted["id"]);
        assert_eq!(body["data"]["customerReference"], "A/é-13");
    }
    assert_eq!(told[1]["data"]["address"]["status"]["status"], "VERIFIED");
    let token = stage.token("test");
    let path = format!("/v1/addresses/{}", submitted["id"]);
    let read =
        |path: &str, token: &str| stage.server.ask("GET", path, &[("authorization", token)], b"").expect("an answer");
    assert_eq!(read(&path, &token).json()["status"]["state"], "COMPLETE");
    assert_eq!(read(&path, &stage.token("live")).status, 404, "of another environment");
    assert_eq!(read(&path.replace("addresses", "guarantors"), &token).status, 404, "of another product");
}

#[test]
fn qoreid_14_a_failed_address_arrives_as_completed() {
    let stage = Stage::new();
    for (n, status) in ["WRONG_ADDRESS", "INVALID_ADDRESS", "NO_ACCESS"].iter().enumerate() {
        stage.address("test", &format!("A-14+{status}"));
        arrived(&stage.test, 2 * n + 1);
        stage.advance("1m");
        let told = bodies(&stage.test, 2 * n + 2);
        let last = told.last().expect("two at least");
        assert_eq!(last["event_type"], "verification_completed");
        assert_eq!(last["data"]["address"]["status"]["status"], *status);
        assert_eq!(last["data"]["status"]["state"], "COMPLETE");
    }
}

#[test]
fn qoreid_15_sessions_take_basic_and_are_minted_once_per_key() {
    let stage = Stage::new();
    let basic = "Basic Yy10ZXN0OnMtdGVzdC0x"; // c-test:s-test-1
    let body = json!({ "productCode": "liveness", "reference": "R-1", "ttlSeconds": 120 });
    let mint = |key: &str, authorization: &str, body: &Value| {
        let headers = [("authorization", authorization), ("idempotency-key", key)];
        stage.server.ask("POST", "/v1/sessions", &headers, body.to_string().as_bytes()).expect("an answer")
    };
    let first = mint("k-1", basic, &body);
    assert_eq!(first.status, 201);
    assert!(first.json()["sessionId"].as_str().is_some_and(|id| id.starts_with("sess_")));
    assert_eq!(mint("k-1", basic, &body).body, first.body);
    assert_ne!(mint("k-2", basic, &body).body, first.body);
    let both = json!({ "productCode": "liveness", "workflowId": 123, "reference": "R-1" });
    assert_eq!(mint("k-3", basic, &both).status, 400);
    assert_eq!(mint("k-1", basic, &both).status, 400);
    assert_eq!(mint("k-4", basic, &json!({ "type": "workflow", "workflowId": 123, "reference": "R" })).status, 201);
    assert_eq!(mint("k-5", basic, &json!({ "productCode": "liveness" })).status, 400);
    assert_eq!(mint("k-6", &stage.token("test"), &body).status, 401);
}
