//! The auditor: believes what receivers saw and what was answered, and holds it against what the server says of itself
//! after its last start.
//!
//! D1 and lost, D2, D3, D5, D6, D7, A1, A2, A7, E1, E2, J1; see the tables of promises. It finds all that is wrong, and panics
//! with nothing of it: who ordered it knows which round it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use understudy::clock::Stopwatch;

use super::workload::{Call, Fate, Story};
use super::world::{DEADLY, IN_FLIGHT, Past, World};
use crate::support::server::Server;
use crate::support::smtp::Mail;

/// How long everything that is owed may take to arrive after the last start.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// So many of the latest calls are made again with their keys, besides all that nobody answered.
const AGAIN: usize = 12;

/// What an audit came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Events that a 2xx spoke of.
    pub(super) acked: u64,
    /// Deliveries that are delivered.
    pub(super) delivered: u64,
    /// Requests that receivers saw beyond the attempts that are on record.
    pub(super) duplicates: u64,
    /// Acknowledged events that are not there, or not whole.
    pub(super) lost: u64,
    /// Those of them that no error spoke of.
    pub(super) silent: u64,
    /// Calls that were made again with their key.
    pub(super) repeated: u64,
    /// Mails that were accepted.
    pub(super) mails: u64,
    /// What does not hold.
    pub(super) wrong: Vec<String>,
}

impl Found {
    /// Adds the figures of another round.
    pub(super) fn add(&mut self, other: &Found) {
        self.acked += other.acked;
        self.delivered += other.delivered;
        self.duplicates += other.duplicates;
        self.lost += other.lost;
        self.silent += other.silent;
        self.repeated += other.repeated;
        self.mails += other.mails;
    }

    fn check(&mut self, holds: bool, wrong: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(wrong());
        }
    }
}

/// The server stopped answering, or answered that it cannot: the audit comes to nothing, and its last words count.
#[derive(Debug)]
pub(super) struct Gone(pub(super) String);

/// How strict an audit is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Kills, cuts and failures so far.
    pub(super) crashes: u64,
    /// History may have expired: what was delivered and seen may be missing in the lists.
    pub(super) expiring: bool,
    /// A disk that failed for good could not take back what a call was told to have failed.
    pub(super) refused_may_be_done: bool,
}

impl Terms {
    /// After so many crashes.
    pub(super) fn after(crashes: u64) -> Terms {
        Terms { crashes, expiring: false, refused_may_be_done: false }
    }
}

/// What [`audit`] finds of a server that goes on. Panics with what it wrote when it does not.
pub(super) fn audit_living(server: &Server, world: &World, terms: Terms) -> Found {
    audit(server, world, terms)
        .unwrap_or_else(|gone| panic!("the server does not go on: {gone:?}\n{}", server.stderr()))
}

/// Waits until `server` owes nothing, and audits it. What happened in `world` before it was started counts as well.
pub(super) fn audit(server: &Server, world: &World, terms: Terms) -> Result<Found, Gone> {
    let mut found = Found::default();
    settle(server, terms, &mut found)?;
    let repeated = repeat(server, &world.past(), &mut found)?;
    settle(server, terms, &mut found)?;
    let past = world.past();
    let books = Books::read(server)?;
    found.repeated = repeated.len() as u64;
    for story in &past.stories {
        books.check_story(story, &repeated, &past, terms, &mut found);
    }
    books.check_origins(&past, &mut found);
    books.check_deliveries(&past, terms, &mut found);
    books.check_mails(&past, terms, &mut found);
    Ok(found)
}

fn ask(server: &Server, path: &str) -> Result<Value, Gone> {
    let answer = server.ask("GET", path, &[], b"").map_err(|error| Gone(format!("GET {path}: {error}")))?;
    match answer.status {
        200 => Ok(answer.json()),
        status => Err(Gone(format!("GET {path}: {status} {}", answer.text()))),
    }
}

fn pages(server: &Server, path: &str) -> Result<Vec<Value>, Gone> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut page = ask(server, &format!("{path}?limit=1000{cursor}"))?;
        all.append(page["items"].as_array_mut().expect("a list has items"));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// Waits until nothing is owed any more: twice the same, for what is owed may just pass from one list to another.
fn settle(server: &Server, terms: Terms, found: &mut Found) -> Result<(), Gone> {
    let waiting = Stopwatch::start();
    let mut before = Value::Null;
    loop {
        let next_due = ask(server, "/api/v1/clock")?["next_due"].clone();
        let ledger = ask(server, "/api/v1/ledger")?;
        let count = |part: &str, key: &str| ledger[part][key].as_u64().unwrap_or(u64::MAX / 8);
        let states = ["waiting", "in_flight", "delivered", "exhausted", "cancelled"];
        let sum: u64 = states.into_iter().map(|state| count("deliveries", state)).sum();
        found.check(count("deliveries", "accepted") == sum, || format!("D3: the ledger adds up: {ledger}"));
        let still =
            ["waiting", "in_flight"].iter().all(|state| count("deliveries", state) + count("mails", state) == 0);
        if next_due.is_null() && still && ledger == before {
            // While a mail is being written about them, what is exhausted is in no list of what is owed.
            let mails = pages(server, "/api/v1/mails")?;
            let told: BTreeSet<&str> =
                mails.iter().flat_map(|mail| mail["deliveries"].as_array()).flatten().map(text).collect();
            let sent = mails.iter().all(|mail| mail["state"] == "sent");
            if terms.expiring || (sent && told.len() as u64 >= count("deliveries", "exhausted")) {
                return Ok(());
            }
        }
        if waiting.elapsed() > SETTLED_WITHIN {
            found.wrong.push(format!("D8: still owed after {SETTLED_WITHIN:?}: {ledger}, next {next_due}"));
            return Ok(());
        }
        // Nor is a deadline that is just being met: its journey has it until then.
        let quiet = next_due.is_null() && still && {
            let journeys = pages(server, "/api/v1/journeys")?;
            journeys.iter().all(|journey| journey["deadlines"].as_array().is_none_or(Vec::is_empty))
        };
        before = if quiet { ledger } else { Value::Null };
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// D6: makes all calls again that nobody answered, and the latest that were acknowledged. Gives the keys of the former.
fn repeat(server: &Server, past: &Past, found: &mut Found) -> Result<BTreeSet<String>, Gone> {
    let key = |call: &Call| call.body["key"].as_str().expect("every call has a key").to_owned();
    let mut unknown = BTreeSet::new();
    let again = |call: &Call, body: &Value| {
        call.again(server.address(), body).map_err(|error| Gone(format!("POST {}: {error}", call.path)))
    };
    for call in past.stories.iter().flat_map(|story| &story.calls).filter(|call| matches!(call.fate, Fate::Unknown)) {
        let (first, second) = (again(call, &call.body)?, again(call, &call.body)?);
        let same = first.status == second.status && first.body == second.body;
        found.check(same && first.status < 300, || {
            format!("D6: {} was answered {} and then {}", call.body, first.text(), second.text())
        });
        unknown.insert(key(call));
    }
    let acked = past.stories.iter().rev().flat_map(|story| &story.calls);
    for (call, answer) in acked
        .filter_map(|call| match &call.fate {
            Fate::Acked(answer) => Some((call, answer)),
            _ => None,
        })
        .take(AGAIN)
    {
        let repeated = again(call, &call.body)?;
        found.check(repeated.body == *answer, || {
            format!("D6: {} was answered {} and now {}", call.body, String::from_utf8_lossy(answer), repeated.text())
        });
        let mut other = call.body.clone();
        let changed = if other["step"].is_null() { "reference_no" } else { "step" };
        other[changed] = "other".into();
        let refused = again(call, &other)?;
        found.check(refused.status == 409, || format!("D6: {other} was answered {}", refused.text()));
    }
    Ok(unknown)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The lists of the control API.
struct Books {
    journeys: BTreeMap<String, Value>,
    /// By journey.
    events: BTreeMap<String, Vec<Value>>,
    deliveries: Vec<Value>,
    mails: Vec<Value>,
    ledger: Value,
}

impl Books {
    fn read(server: &Server) -> Result<Books, Gone> {
        // First: where history ends meanwhile, an event that is still there afterwards had its deliveries then.
        let deliveries = pages(server, "/api/v1/deliveries")?;
        let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for event in pages(server, "/api/v1/events")? {
            events.entry(text(&event["journey_id"]).to_owned()).or_default().push(event);
        }
        let journeys = pages(server, "/api/v1/journeys")?;
        Ok(Books {
            journeys: journeys
                .into_iter()
                .map(|journey| (text(&journey["reference_no"]).to_owned(), journey))
                .collect(),
            events,
            deliveries,
            mails: pages(server, "/api/v1/mails")?,
            ledger: ask(server, "/api/v1/ledger")?,
        })
    }

    /// What its caller knows of a journey, held against what is stored of it: D1, D5, D6, A1, J1.
    fn check_story(&self, story: &Story, repeated: &BTreeSet<String>, past: &Past, terms: Terms, found: &mut Found) {
        let acked = story.acked();
        found.acked += acked.len() as u64;
        let reference = &story.reference;
        for call in &story.calls {
            if let Fate::Refused(status, why) = &call.fate {
                found.check(matches!(status, 429 | 503), || format!("{} was answered {status}: {why}", call.body));
            }
        }
        let Some(journey) = self.journeys.get(reference) else {
            let owed = story.calls.iter().any(|call| matches!(call.fate, Fate::Acked(_)));
            if owed {
                found.lost += 1 + acked.len() as u64;
                found.silent += 1 + acked.len() as u64;
                found.wrong.push(format!("D1: journey {reference} is lost, with {} events", acked.len()));
            }
            return;
        };
        let mut stored: Vec<&Value> = self.events.get(text(&journey["id"])).into_iter().flatten().collect();
        stored.sort_by_key(|event| event["sequence"].as_u64());
        for event in &acked {
            let there = stored.iter().find(|stored| stored["id"] == event["id"]);
            let expired =
                terms.expiring && past.requests.iter().any(|request| event_id(&request.body) == text(&event["id"]));
            let same = |there: &&&Value| {
                ["type", "journey_id", "sequence", "body", "created_at"].iter().all(|part| there[part] == event[part])
            };
            if there.is_none() && expired {
                continue;
            }
            if there.filter(same).is_none() {
                found.lost += 1;
                found.silent += 1;
                found.wrong.push(format!("D1: {event} is stored as {there:?}"));
            }
        }
        let happened = |n: usize| match story.calls.get(n).map(|call| (&call.fate, text(&call.body["key"]))) {
            Some((Fate::Acked(_), _)) => true,
            Some((Fate::Unknown, key)) => repeated.contains(key),
            Some((Fate::Refused(..), _)) | None => false,
        };
        let doubtful =
            terms.refused_may_be_done && story.calls.iter().any(|call| matches!(call.fate, Fate::Refused(..)));
        if doubtful || terms.expiring {
            return;
        }
        found.check(happened(0), || format!("D5: {reference} was refused, and is there: {:?}", story.calls));
        // D5: what happened is there whole, and nothing else is.
        let mut expected = Vec::new();
        expected.extend(happened(1).then_some("Finished Step"));
        if happened(2) {
            expected.extend(["Finished Step", "Finished User Steps", DEADLY]);
        }
        let kinds: Vec<&str> = stored.iter().map(|event| text(&event["type"])).collect();
        found
            .check(kinds == expected, || format!("D5: {reference} has {kinds:?}, not {expected:?}: {:?}", story.calls));
        let gapless = stored.iter().zip(1..).all(|(event, n)| event["sequence"] == n);
        let length = journey["sequence"].as_u64() == Some(stored.len() as u64);
        found.check(gapless && length, || format!("J1: {journey} has the events {stored:?}"));
    }

    /// D7: every journey and every event comes from a call, and every request from an event.
    fn check_origins(&self, past: &Past, found: &mut Found) {
        let known: BTreeSet<&str> = past.stories.iter().map(|story| story.reference.as_str()).collect();
        for reference in self.journeys.keys() {
            found.check(known.contains(reference.as_str()), || format!("D7: journey {reference} comes from nowhere"));
        }
        let journeys: BTreeSet<&str> = self.journeys.values().map(|journey| text(&journey["id"])).collect();
        for id in self.events.keys() {
            found.check(journeys.contains(id.as_str()), || format!("D7: events of {id}, which is no journey"));
        }
    }

    /// D2, D3, D7, A1, A2, A7.
    fn check_deliveries(&self, past: &Past, terms: Terms, found: &mut Found) {
        let mut deliveries: BTreeMap<(&str, &str), Vec<&Value>> = BTreeMap::new();
        for delivery in &self.deliveries {
            deliveries.entry((text(&delivery["event_id"]), text(&delivery["webhook"]))).or_default().push(delivery);
        }
        let mut seen: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let events: BTreeMap<&str, &Value> =
            self.events.values().flatten().map(|event| (text(&event["id"]), event)).collect();
        let ids: Vec<String> = past.requests.iter().map(|request| event_id(&request.body)).collect();
        for (request, id) in past.requests.iter().zip(&ids) {
            *seen.entry((id, request.path.trim_start_matches('/'))).or_default() += 1;
            match events.get(id.as_str()) {
                Some(event) => found.check(text(&event["body"]).as_bytes() == request.body, || {
                    format!("A2: {event} arrived as {}", String::from_utf8_lossy(&request.body))
                }),
                None => found.check(terms.expiring, || format!("D7: event {id} arrived, and is nowhere")),
            }
        }
        let mut extras = 0;
        for (id, event) in &events {
            for (webhook, state) in [("all", "delivered"), ("dead", "exhausted")] {
                let owed = webhook == "all" || event["type"] == DEADLY;
                let made = deliveries.remove(&(*id, webhook)).unwrap_or_default();
                found.check(made.len() == usize::from(owed), || {
                    format!("D2: {} deliveries of {event} to {webhook}: {made:?}", made.len())
                });
                let Some(delivery) = made.first() else { continue };
                found.check(delivery["state"] == state, || format!("D3: {delivery} is not {state}"));
                found.delivered += u64::from(delivery["state"] == "delivered");
                let attempts = delivery["attempts"].as_u64().unwrap_or_default();
                let times = seen.get(&(*id, webhook)).copied().unwrap_or_default();
                if times < attempts {
                    found.wrong.push(format!("A5: {delivery} was seen {times} times"));
                    found.lost += u64::from(times == 0 && webhook == "all");
                    found.silent += u64::from(times == 0 && webhook == "all");
                }
                found.check(times <= attempts * (1 + terms.crashes), || {
                    format!("A7: {delivery} was seen {times} times")
                });
                extras += times.saturating_sub(attempts);
            }
        }
        found.check(deliveries.is_empty() || terms.expiring, || format!("D7: deliveries of no event: {deliveries:?}"));
        found.check(extras <= terms.crashes * IN_FLIGHT * 2, || {
            format!("A7: {extras} sends were repeated by {} crashes", terms.crashes)
        });
        found.duplicates += extras;
        for state in ["delivered", "exhausted", "waiting", "in_flight", "cancelled"] {
            let listed = self.deliveries.iter().filter(|delivery| delivery["state"] == state).count() as u64;
            let counted = self.ledger["deliveries"][state].as_u64();
            found.check(terms.expiring || counted == Some(listed), || {
                format!("D3: {listed} deliveries are {state}, and the ledger says {}", self.ledger)
            });
        }
    }

    /// E1, E2, E3: what is exhausted was mailed, and nothing else.
    fn check_mails(&self, past: &Past, terms: Terms, found: &mut Found) {
        let mut times: BTreeMap<String, u64> = BTreeMap::new();
        for mail in &past.mails {
            *times.entry(message_id(mail)).or_default() += 1;
        }
        found.mails += past.mails.len() as u64;
        for (id, times) in &times {
            found.check(*times <= 1 + terms.crashes, || format!("E2: mail {id} was sent {times} times"));
        }
        let texts: String = past.mails.iter().map(body).collect();
        if terms.expiring {
            return;
        }
        for delivery in self.deliveries.iter().filter(|delivery| delivery["state"] == "exhausted") {
            found.check(texts.contains(text(&delivery["event_id"])), || format!("E1: no mail names {delivery}"));
        }
        for mail in self.mails.iter().filter(|mail| mail["state"] != "sent") {
            found.wrong.push(format!("E1: {mail} was not sent"));
        }
    }
}

fn event_id(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    text(&body["body"]["eventId"]).to_owned()
}

fn message_id(mail: &Mail) -> String {
    let whole = mail.text();
    whole.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap_or_default().to_owned()
}

/// The text of a mail as a reader would show it.
fn body(mail: &Mail) -> String {
    let whole = mail.text();
    let packed: String = whole.split_once("\r\n\r\n").unwrap_or_default().1.split_whitespace().collect();
    STANDARD.decode(packed).map_or(whole, |bytes| String::from_utf8_lossy(&bytes).into_owned())
}
