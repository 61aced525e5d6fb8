//! IDWise's own API as a customer's backend calls it, against the real binary.

mod access;
mod aftermath;
mod journeys;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::http::Response;
use crate::support::server::Server;
use crate::support::steps::manual;

const SANDBOX: &str = "sand-key:sand-secret-word";
const LIVE: &str = "live-key:live-secret-word";

/// A server with a key for each environment and a second flow that always refers; its clock stands still.
fn serve(dir: &std::path::Path, more: &str) -> Server {
    let more = format!(
        r#"
[[flow]]
id = "referring"
steps = [{{ id = "1", type = "Document", title = "Photo ID" }}]
processing = "5s"
decision = "Refer"
[idwise.sandbox]
api_key = "sand-key"
api_secret = "sand-secret-word"
[idwise.live]
api_key = "live-key"
api_secret = "live-secret-word"
{more}"#
    );
    Server::start(dir, &manual(&more))
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// A request of the holder of `pair`; POST with a body, GET without.
#[track_caller]
fn ask(server: &Server, pair: &str, method: &str, path: &str, body: &Value) -> Response {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let headers = [("Authorization", basic(pair)), ("Content-Type", "application/json".to_owned())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.ask(method, path, &headers, &body).expect("an answer")
}

/// What is answered with 200.
#[track_caller]
fn done(answer: &Response) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Fails unless it was refused in the provider's form, with this status and code.
#[track_caller]
fn refused(answer: &Response, status: u16, code: &str) {
    let body = answer.json();
    assert_eq!((answer.status, &body["error_code"]), (status, &json!(code)), "{body}");
    assert_eq!(body["success"], false);
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(3), "{body}");
}

/// Starts a journey in the sandbox and gives its id.
#[track_caller]
fn begin(server: &Server, flow: &str, reference: &str) -> String {
    let start = json!({ "flow_id": flow, "reference_no": reference });
    let started = done(&ask(server, SANDBOX, "POST", "/journey/v2/start-journey", &start));
    started["journey_id"].as_str().expect("an id").to_owned()
}

/// Submits a step as JSON.
fn submit(server: &Server, journey: &str, step: &str) -> Response {
    let step = json!({ "journey_id": journey, "step_id": step, "image": STANDARD.encode("a photo") });
    ask(server, SANDBOX, "POST", "/journey/v2/process-journey-step", &step)
}

/// A journey that has gone through its steps and been decided.
#[track_caller]
fn through(server: &Server, flow: &str, steps: &[&str], reference: &str) -> String {
    let journey = begin(server, flow, reference);
    steps.iter().for_each(|step| drop(done(&submit(server, &journey, step))));
    crate::support::steps::advance(server, "10s");
    journey
}

/// What the sandbox's key gets at `path`.
#[track_caller]
fn get(server: &Server, path: &str) -> Value {
    done(&ask(server, SANDBOX, "GET", path, &Value::Null))
}
