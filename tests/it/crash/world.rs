//! What a server under test talks to: a receiver with a webhook that works and one that never does, and a mail server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::workload::{Memory, Story};
use crate::support::sink::{Answer, Received, Sink};
use crate::support::smtp::{Mail, SmtpSink};

/// `max_in_flight` of each webhook: what a crash may repeat at most.
pub(super) const IN_FLIGHT: u64 = 16;

/// The type that the dead webhook is told of.
pub(super) const DEADLY: &str = "Finished Journey";

/// The answers of a talkative receiver: kept with the attempts, they fill the archive's segments.
const TALK: usize = 60_000;

/// Receivers that outlive the server, and what was asked of it.
pub(super) struct World {
    pub(super) sink: Sink,
    pub(super) smtp: SmtpSink,
    pub(super) memory: Memory,
    /// From now on nothing is answered.
    pub(super) hanging: Arc<AtomicBool>,
    before: (Vec<Received>, Vec<Mail>),
}

impl World {
    /// Receivers that answer at once and briefly.
    pub(super) fn new() -> World {
        World::with(0, &Past::default())
    }

    /// Receivers whose answers are long.
    pub(super) fn talkative(past: &Past) -> World {
        World::with(TALK, past)
    }

    /// A world in which all this has happened.
    pub(super) fn after(past: &Past) -> World {
        World::with(0, past)
    }

    fn with(talk: usize, past: &Past) -> World {
        let hanging = Arc::new(AtomicBool::new(false));
        let hangs = hanging.clone();
        let script = move |request: &Received| match request.path.as_str() {
            _ if hangs.load(Ordering::SeqCst) => Answer::Hang,
            "/dead" => Answer::Status(500),
            _ => Answer::Full(200, BTreeMap::new(), vec![b'x'; talk]),
        };
        let before = (past.requests.clone(), past.mails.clone());
        let memory = Memory::of(past.stories.clone());
        World { sink: Sink::start(script), smtp: SmtpSink::willing(), memory, hanging, before }
    }

    /// `webhooks.toml` for it; `more` is put before the tables.
    pub(super) fn config(&self, more: &str) -> String {
        let (all, dead, smtp) = (self.sink.url("/all"), self.sink.url("/dead"), self.smtp.url());
        format!(
            r#"
seed = 7
{more}
[email]
smtp = "{smtp}"
from = "webhooks@understudy.test"
digest = "100ms"
[[flow]]
id = "onboarding"
steps = [{{ id = "1", type = "Document", title = "Photo ID" }}, {{ id = "2", type = "Selfie", title = "Selfie" }}]
processing = "50ms"
decision = "Complete"
[[webhook]]
name = "all"
types = ["*"]
url = "{all}"
max_in_flight = {IN_FLIGHT}
retry = ["50ms", "50ms", "50ms", "50ms", "50ms", "50ms", "50ms", "50ms"]
[[webhook]]
name = "dead"
types = ["{DEADLY}"]
url = "{dead}"
max_in_flight = {IN_FLIGHT}
retry = ["20ms"]
error_emails = ["ops@example.com"]
"#
        )
    }

    /// All that happened so far.
    pub(super) fn past(&self) -> Past {
        // Whoever was acknowledged is known before what was seen is read: nothing is missed that is owed.
        let stories = self.memory.snapshot();
        let (mut requests, mut mails) = self.before.clone();
        requests.extend(self.sink.requests());
        mails.extend(self.smtp.mails().into_iter().filter(|mail| mail.taken));
        Past { stories, requests, mails }
    }
}

/// What was asked of a server and seen of it, over all its lives.
#[derive(Clone, Default)]
pub(super) struct Past {
    pub(super) stories: Vec<Story>,
    pub(super) requests: Vec<Received>,
    pub(super) mails: Vec<Mail>,
}
