//! Load with a memory: journeys are started and stepped through the control API by several threads, and every event
//! that a 200 acknowledged is remembered with its exact bytes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::support::http::{Response, request};

/// So many journeys are worked on at once.
const THREADS: usize = 6;

/// An acknowledged event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Acked {
    pub(super) kind: String,
    pub(super) journey: String,
    pub(super) sequence: u64,
    pub(super) body: String,
}

/// What was acknowledged so far, over all lives of the server.
#[derive(Clone, Default)]
pub(super) struct Memory {
    acked: Arc<Mutex<BTreeMap<String, Acked>>>,
    references: Arc<AtomicU64>,
}

impl Memory {
    /// Everything so far, by event id.
    pub(super) fn acked(&self) -> BTreeMap<String, Acked> {
        self.acked.lock().expect("no thread panics with it").clone()
    }

    fn remember(&self, answer: &Value) {
        let mut acked = self.acked.lock().expect("no thread panics with it");
        for event in answer["events"].as_array().into_iter().flatten() {
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            let known = Acked {
                kind: text("type"),
                journey: text("journey_id"),
                sequence: event["sequence"].as_u64().unwrap_or_default(),
                body: text("body"),
            };
            assert_eq!(acked.insert(text("id"), known), None, "A1: an event id is given once");
        }
    }
}

/// Threads that drive a server until they are told to stop, or it is gone.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts driving.
    pub(super) fn on(address: SocketAddr, memory: &Memory) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..THREADS)
            .map(|_| {
                let (stop, memory) = (stop.clone(), memory.clone());
                std::thread::spawn(
                    move || {
                        while !stop.load(Ordering::Relaxed) && journey(address, &memory).is_some() {}
                    },
                )
            })
            .collect();
        Load { stop, threads }
    }

    /// Stops after the calls that are under way.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a driver does not panic");
        }
    }
}

/// One journey's two steps; `None` when the server is gone.
fn journey(address: SocketAddr, memory: &Memory) -> Option<()> {
    let n = memory.references.fetch_add(1, Ordering::Relaxed);
    let started =
        post(address, "/api/v1/journeys", &json!({ "flow": "onboarding", "reference_no": format!("LOAD-{n}") }))?;
    assert_eq!(started.status, 201, "{}", started.text());
    let id = started.json()["id"].as_str().expect("an id").to_owned();
    for step in ["1", "2"] {
        let path = format!("/api/v1/journeys/{id}/stimuli");
        let answer = post(address, &path, &json!({ "do": "submit_step", "step": step }))?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        memory.remember(&answer.json());
    }
    Some(())
}

fn post(address: SocketAddr, path: &str, json: &Value) -> Option<Response> {
    let headers = [("content-type", "application/json")];
    request(address, "POST", path, &headers, json.to_string().as_bytes()).ok()
}
