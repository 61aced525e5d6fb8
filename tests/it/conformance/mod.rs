//! The provider's conformance facts, numbered as its page numbers them, against the real binary and a scripted receiver.
//!
//! The current dialect; fact 4 is about another one. Fact 11 stands with the retries.

mod bodies;
mod rules;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::sink::{Received, Sink};
use crate::support::steps::{advance, does, manual, passed, settle, webhook};

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
