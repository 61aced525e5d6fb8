//! Load with a memory: journeys are started and stepped through the control API by several threads, each call with a key
//! of its own; what was asked and what came of it is remembered, over all lives of the server.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::support::http::{Response, request};

/// So many journeys are worked on at once.
const THREADS: usize = 6;

/// What came of a call.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// No answer, or none yet: it did all or nothing.
    Unknown,
    /// 2xx: it is done for good.
    Acked(Vec<u8>),
    /// Any other answer: it did nothing.
    Refused(u16, String),
}

/// A call to the control API.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) fate: Fate,
}

impl Call {
    /// Makes it once more, as whoever got no answer would.
    pub(super) fn again(&self, at: SocketAddr, body: &Value) -> std::io::Result<Response> {
        let headers = [("content-type", "application/json")];
        request(at, "POST", &self.path, &headers, body.to_string().as_bytes())
    }
}

/// A journey as its caller knows it: its start and its steps, in order, up to the first that was not acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) reference: String,
    pub(super) calls: Vec<Call>,
}

impl Story {
    /// The events that were acknowledged.
    pub(super) fn acked(&self) -> Vec<Value> {
        let mut events = Vec::new();
        for call in &self.calls {
            if let Fate::Acked(answer) = &call.fate {
                let answer: Value = serde_json::from_slice(answer).expect("a 2xx answers with JSON");
                events.extend(answer["events"].as_array().into_iter().flatten().cloned());
            }
        }
        events
    }
}

/// All journeys so far.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Vec<Story>>>);

impl Memory {
    fn stories(&self) -> MutexGuard<'_, Vec<Story>> {
        self.0.lock().expect("no thread panics with it")
    }

    /// As it is now.
    pub(super) fn snapshot(&self) -> Vec<Story> {
        self.stories().clone()
    }

    /// A memory that goes on from these.
    pub(super) fn of(stories: Vec<Story>) -> Memory {
        Memory(Arc::new(Mutex::new(stories)))
    }

    /// How many events were acknowledged so far.
    pub(super) fn acked(&self) -> usize {
        self.stories().iter().map(|story| story.acked().len()).sum()
    }

    fn begin(&self) -> (usize, String) {
        let mut stories = self.stories();
        let (n, reference) = (stories.len(), format!("LOAD-{}", stories.len()));
        stories.push(Story { reference: reference.clone(), calls: Vec::new() });
        (n, reference)
    }

    /// Makes a call of story `n`: whether it was acknowledged. An `Err` says that nobody listens any more.
    fn call(&self, at: SocketAddr, n: usize, path: String, body: Value) -> Result<bool, ErrorKind> {
        let call = Call { path, body, fate: Fate::Unknown };
        let place = {
            let calls = &mut self.stories()[n].calls;
            calls.push(call.clone());
            calls.len() - 1
        };
        let answer = match call.again(at, &call.body) {
            Ok(answer) => answer,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Err(error.kind()),
            // The server may be short of something, and take the next one.
            Err(_) => return Ok(false),
        };
        let acked = (200..300).contains(&answer.status);
        let fate = if acked { Fate::Acked(answer.body.clone()) } else { Fate::Refused(answer.status, answer.text()) };
        self.stories()[n].calls[place].fate = fate;
        Ok(acked)
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
        let drive = || {
            let (stop, memory) = (stop.clone(), memory.clone());
            move || while !stop.load(Ordering::Relaxed) && journey(address, &memory).is_ok() {}
        };
        let threads = (0..THREADS).map(|_| std::thread::spawn(drive())).collect();
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

/// One journey's start and its two steps, up to the first that is not acknowledged.
fn journey(at: SocketAddr, memory: &Memory) -> Result<(), ErrorKind> {
    let (n, reference) = memory.begin();
    let start = json!({ "flow": "onboarding", "reference_no": reference, "key": format!("{reference}-start") });
    let mut goes_on = memory.call(at, n, "/api/v1/journeys".to_owned(), start)?;
    for step in ["1", "2"] {
        if goes_on {
            let path = format!("/api/v1/journeys/ref:{reference}/stimuli");
            let body = json!({ "do": "submit_step", "step": step, "key": format!("{reference}-{step}") });
            goes_on = memory.call(at, n, path, body)?;
        }
    }
    Ok(())
}
