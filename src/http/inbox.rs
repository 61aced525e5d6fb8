//! The built-in receiver: takes what is sent to `/inbox/{name}`, keeps the last requests, and misbehaves on request.
//!
//! Used by the server, by `listen` and by tests. It is a receiver like any customer's: it knows nothing of the
//! outbox, and what it keeps is in memory only, bounded in names, requests, bytes and ids.

mod api;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::misbehave::{LONGEST_DELAY, Misbehaviour, MisbehaviourError, Reaction, blank_auth};
use crate::clock::{Clock, Timestamp, real_sleep};
use crate::message::Auth;
use crate::rng::Seed;
use crate::secret::{BLANK, Redactor};

/// Requests that are kept per name.
pub const KEPT: usize = 1_000;

/// A larger body is answered 413 and not kept.
pub const BODY_MAX: usize = 1024 * 1024;

/// Names; another one is answered 429.
pub const NAMES: usize = 256;

/// Bytes that are kept over all names; the oldest requests of the fullest name go first.
pub const BYTES: usize = 64 * 1024 * 1024;

/// Event ids per name by which duplicates are told; older ones are forgotten.
pub const IDS: usize = 10_000;

/// A longer event id or type is not looked at.
const LONGEST_NAME: usize = 200;

/// What each kept request costs beside its own bytes, roughly: so that tiny requests count too.
const OVERHEAD: usize = 512;

/// One request that came in.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// Its number in its inbox, from 1.
    pub n: u64,
    /// When it had come whole, in provider time.
    pub at: Timestamp,
    /// `POST`, as a rule.
    pub method: String,
    /// The path as it was asked for, without the query.
    pub path: String,
    /// The query as it was asked for.
    pub query: Option<String>,
    /// In order, as they came: they hold the sender's credentials.
    pub headers: Vec<(String, String)>,
    /// Exactly as it came.
    pub body: Bytes,
    /// `body.eventId`, where the body is JSON that has one.
    pub event_id: Option<String>,
    /// `event`, where the body is JSON that has one.
    pub event_type: Option<String>,
    /// How many requests with this event id came to this name so far, this one included.
    pub tries: u32,
    /// Whether the credentials were right; `None` where none were asked for.
    pub authorized: Option<bool>,
    /// The status it is answered with; `None` where it is left without an answer.
    pub status: Option<u16>,
}

impl Received {
    /// Whether a request with the same event id came before.
    pub fn is_duplicate(&self) -> bool {
        self.tries > 1
    }

    fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        OVERHEAD + self.body.len() + headers + self.path.len() + self.query.as_ref().map_or(0, String::len)
    }

    /// As the API shows it: credentials and known secrets blanked.
    pub(in crate::http) fn shown(&self, redactor: &Redactor) -> Value {
        let headers: Vec<(&str, String)> = self
            .headers
            .iter()
            .map(|(name, value)| {
                let hidden = matches!(name.as_str(), "authorization" | "proxy-authorization" | "cookie");
                (name.as_str(), if hidden { BLANK.to_owned() } else { redactor.text(value) })
            })
            .collect();
        let body = redactor.bytes(&self.body);
        let (body, body_base64) = match String::from_utf8(body) {
            Ok(text) => (Some(text), None),
            Err(bytes) => (None, Some(STANDARD.encode(bytes.as_bytes()))),
        };
        json!({
            "n": self.n,
            "at": self.at.to_rfc3339(),
            "method": self.method,
            "path": redactor.text(&self.path),
            "query": self.query.as_deref().map(|query| redactor.text(&blank_auth(query))),
            "headers": headers,
            "body": body,
            "body_base64": body_base64,
            "event_id": self.event_id.as_deref().map(|id| redactor.text(id)),
            "event_type": self.event_type.as_deref().map(|name| redactor.text(name)),
            "duplicate": self.is_duplicate(),
            "tries": self.tries,
            "authorized": self.authorized,
            "status": self.status,
        })
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and query may hold credentials, the body is nobody's business in a log.
        f.debug_struct("Received")
            .field("n", &self.n)
            .field("at", &self.at)
            .field("method", &self.method)
            .field("event_id", &self.event_id)
            .field("tries", &self.tries)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The receiver. Cheap to clone; clones are the same receiver.
#[derive(Clone, Debug)]
pub struct Inbox(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    seed: Seed,
    base: Misbehaviour,
    state: Mutex<Held>,
    arrivals: watch::Sender<u64>,
}

#[derive(Default)]
struct Held {
    names: BTreeMap<String, Slot>,
    bytes: usize,
    redactor: Redactor,
    /// How names misbehave that were told to, as queries; at most [`NAMES`].
    told: BTreeMap<String, (String, Misbehaviour)>,
}

#[derive(Default)]
struct Slot {
    received: VecDeque<Arc<Received>>,
    bytes: usize,
    count: u64,
    tries: BTreeMap<String, u32>,
    order: VecDeque<String>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Inbox {
    /// A receiver that behaves, unless a request's query says otherwise.
    pub fn new(clock: Arc<dyn Clock>, seed: Seed) -> Self {
        Inbox::misbehaving(clock, seed, Misbehaviour::default())
    }

    /// A receiver that misbehaves as `base` says; a request's query adds to it.
    pub fn misbehaving(clock: Arc<dyn Clock>, seed: Seed, base: Misbehaviour) -> Self {
        let state = Mutex::default();
        Inbox(Arc::new(Shared { clock, seed, base, state, arrivals: watch::Sender::new(0) }))
    }

    /// Blanks these secrets in what [`Inbox::api`] shows, from now on.
    pub fn set_redactor(&self, redactor: Redactor) {
        self.held().redactor = redactor;
    }

    /// The secrets that are blanked in what is shown.
    pub(in crate::http) fn redactor(&self) -> Redactor {
        self.held().redactor.clone()
    }

    /// Lets `name` misbehave from now on as a query says, `status=500&fail=30%`, until it is told otherwise; an empty one
    /// lets it behave. What a request's own query says is added.
    ///
    /// # Errors
    /// [`MisbehaviourError`]; it goes on as before then.
    pub fn tell(&self, name: &str, query: &str) -> Result<(), MisbehaviourError> {
        let wish = self.0.base.with_query(query)?;
        let mut held = self.held();
        if query.is_empty() {
            held.told.remove(name);
        } else if held.told.contains_key(name) || held.told.len() < NAMES {
            held.told.insert(name.to_owned(), (query.to_owned(), wish));
        }
        Ok(())
    }

    /// How `name` was told to misbehave, as a query without credentials.
    pub fn told(&self, name: &str) -> Option<String> {
        self.held().told.get(name).map(|(query, _)| blank_auth(query))
    }

    /// How `name` misbehaves before its requests say anything.
    fn base_of(&self, name: &str) -> Misbehaviour {
        self.held().told.get(name).map_or_else(|| self.0.base.clone(), |(_, wish)| wish.clone())
    }

    /// What came to `name`, oldest first: at most the last [`KEPT`].
    pub fn received(&self, name: &str) -> Vec<Arc<Received>> {
        self.held().names.get(name).map(|slot| slot.received.iter().cloned().collect()).unwrap_or_default()
    }

    /// The names that anything came to, in alphabetical order.
    pub fn names(&self) -> Vec<String> {
        self.held().names.keys().cloned().collect()
    }

    /// How many requests came over all names: await a change, then look at [`Inbox::received`]. A request counts
    /// once it is kept, which is before it is answered.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.arrivals.subscribe()
    }

    /// `ANY /inbox/{name}` and everything below it.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/inbox/{name}", any(take))
            .route("/inbox/{name}/", any(take))
            .route("/inbox/{name}/{*rest}", any(take))
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .with_state(self.clone())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a request and says how to react; `None` where there is no room for another name.
    fn keep(&self, name: &str, mut request: Received, wish: &Misbehaviour) -> Option<(Arc<Received>, Reaction)> {
        let mut held = self.held();
        if !held.names.contains_key(name) && held.names.len() >= NAMES {
            return None;
        }
        let slot = held.names.entry(name.to_owned()).or_default();
        slot.count += 1;
        request.n = slot.count;
        request.tries = request.event_id.as_deref().map_or(1, |id| slot.try_again(id));
        let mut draw = self.0.seed.draw(&[b"inbox", name.as_bytes(), &request.n.to_le_bytes()]);
        let mut reaction = wish.react(request.tries, &mut draw);
        if request.authorized == Some(false) {
            reaction = Reaction { status: Some(401), retry_after: None, ..reaction };
        }
        request.status = reaction.status;
        let request = Arc::new(request);
        slot.bytes += request.size();
        slot.received.push_back(Arc::clone(&request));
        held.bytes += request.size();
        held.make_room(name);
        drop(held);
        self.0.arrivals.send_modify(|count| *count += 1);
        Some((request, reaction))
    }
}

impl Slot {
    fn try_again(&mut self, event_id: &str) -> u32 {
        if let Some(tries) = self.tries.get_mut(event_id) {
            *tries = tries.saturating_add(1);
            return *tries;
        }
        if self.order.len() >= IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.tries.remove(&oldest);
        }
        self.order.push_back(event_id.to_owned());
        self.tries.insert(event_id.to_owned(), 1);
        1
    }

    fn drop_oldest(&mut self) -> usize {
        let size = self.received.pop_front().map_or(0, |oldest| oldest.size());
        self.bytes -= size;
        size
    }
}

impl Held {
    fn make_room(&mut self, name: &str) {
        if let Some(slot) = self.names.get_mut(name).filter(|slot| slot.received.len() > KEPT) {
            self.bytes -= slot.drop_oldest();
        }
        while self.bytes > BYTES {
            let Some(fullest) = self.names.values_mut().max_by_key(|slot| slot.bytes) else { return };
            self.bytes -= fullest.drop_oldest();
        }
    }
}

async fn take(State(inbox): State<Inbox>, Path(parts): Path<Vec<(String, String)>>, request: Request) -> Response {
    let name = parts.into_iter().next().map(|(_, name)| name).unwrap_or_default();
    let wish = match inbox.base_of(&name).with_query(request.uri().query().unwrap_or_default()) {
        Ok(wish) => wish,
        Err(error) => return problem(StatusCode::BAD_REQUEST, "bad_misbehaviour", &error.to_string()),
    };
    let (head, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, BODY_MAX).await {
        Ok(body) => body,
        Err(_) => {
            let title = "the body did not come whole, or is larger than 1 MiB";
            return problem(StatusCode::PAYLOAD_TOO_LARGE, "body_not_taken", title);
        }
    };
    let (event_type, event_id) = names_of(&body);
    let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let received = Received {
        n: 0,
        at: inbox.0.clock.now(),
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        headers: listed(&head.headers),
        event_id,
        event_type,
        tries: 1,
        authorized: wish.admits(authorization),
        status: None,
        body,
    };
    match inbox.keep(&name, received, &wish) {
        Some((received, reaction)) => react(&received, reaction, &wish.auth).await,
        None => problem(StatusCode::TOO_MANY_REQUESTS, "too_many_inboxes", "there are 256 inboxes already"),
    }
}

async fn react(received: &Received, reaction: Reaction, auth: &Auth) -> Response {
    let Some(status) = reaction.status else {
        // The sender's deadline comes first; should it have none, the connection is not kept for ever.
        real_sleep(LONGEST_DELAY).await;
        return problem(StatusCode::GATEWAY_TIMEOUT, "hung", "this request was to be left without an answer");
    };
    if !reaction.delay.is_zero() {
        real_sleep(reaction.delay).await;
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "n": received.n, "duplicate": received.is_duplicate(), "status": status.as_u16() });
    let mut answer = (status, axum::Json(body)).into_response();
    if let Some(seconds) = reaction.retry_after {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    if status == StatusCode::UNAUTHORIZED {
        let scheme = if matches!(auth, Auth::Bearer { .. }) { "Bearer" } else { "Basic realm=\"inbox\"" };
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    answer
}

fn listed(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// `event` and `body.eventId` of the provider's envelope.
fn names_of(body: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(envelope) = serde_json::from_slice::<Value>(body) else { return (None, None) };
    let text = |value: Option<&Value>| {
        value.and_then(Value::as_str).filter(|text| text.len() <= LONGEST_NAME).map(str::to_owned)
    };
    (text(envelope.get("event")), text(envelope.get("body").and_then(|body| body.get("eventId"))))
}

fn problem(status: StatusCode, code: &str, title: &str) -> Response {
    let body = json!({ "status": status.as_u16(), "code": code, "title": title });
    let mut answer = (status, body.to_string()).into_response();
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    answer
}

#[cfg(test)]
mod tests;
