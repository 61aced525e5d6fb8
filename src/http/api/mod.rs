//! The control API under `/api/v1`, and health. What people and scripts steer the provider with.
//!
//! Bodies are JSON with snake_case keys; errors are problems with a stable `code`; lists are pages. With a token set,
//! every route but health wants it; without one only local callers that are no web page get in.

mod clock;
mod deliveries;
mod guard;
mod health;
mod journeys;
mod mails;
pub mod shapes;

use std::error::Error as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::routing::{get, post};
use http_body_util::LengthLimitError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::app::App;
use crate::http::problem::Problem;
use crate::outbox::Page;
use crate::secret::Secret;

/// At most so many items on a page.
pub const PAGE_MAX: usize = 1_000;

/// So many items on a page when nobody says how many.
pub const PAGE_DEFAULT: usize = 100;

/// A larger body is refused.
pub const BODY_MAX: usize = 2 * 1024 * 1024;

/// The control API and health over `app`; `more` is served behind the same guard.
pub fn router(app: Arc<App>, token: Option<Secret>, more: Router) -> Router {
    let guarded = Router::new()
        .route("/api/v1/journeys", get(journeys::list).post(journeys::start))
        .route("/api/v1/journeys/{id}", get(journeys::show))
        .route("/api/v1/journeys/{id}/stimuli", post(journeys::stimulate))
        .route("/api/v1/events", get(deliveries::events))
        .route("/api/v1/events/{id}", get(deliveries::event))
        .route("/api/v1/deliveries", get(deliveries::list))
        .route("/api/v1/deliveries/resend", post(deliveries::resend_many))
        .route("/api/v1/deliveries/{id}", get(deliveries::show))
        .route("/api/v1/deliveries/{id}/resend", post(deliveries::resend))
        .route("/api/v1/deliveries/{id}/cancel", post(deliveries::cancel))
        .route("/api/v1/mails", get(mails::list))
        .route("/api/v1/mails/{id}", get(mails::show))
        .route("/api/v1/clock", get(clock::show).post(clock::change))
        .route("/api/v1/ledger", get(health::ledger))
        .with_state(app.clone())
        .merge(more)
        .layer(middleware::from_fn_with_state(Arc::new(token), guard::check));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(app)
        .merge(guarded)
        .fallback(missing)
        .method_not_allowed_fallback(wrong_method)
}

async fn missing(uri: axum::http::Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

async fn wrong_method(method: axum::http::Method, uri: axum::http::Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("{} does not take {method}", uri.path()))
}

/// Where a page starts and how long it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PageQuery {
    cursor: Option<String>,
    limit: Option<usize>,
}

impl PageQuery {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
    }

    fn cursor(&self) -> Result<Option<u64>, Problem> {
        let Some(text) = &self.cursor else { return Ok(None) };
        let bad =
            |_| Problem::bad_request("bad_cursor", format!("{text:?} is no cursor: take it from a page's \"next\""));
        text.parse().map(Some).map_err(bad)
    }
}

/// A page as it is answered.
fn page<T>(page: Page<T>, item: impl Fn(T) -> Value) -> axum::Json<Value> {
    let items: Vec<Value> = page.items.into_iter().map(item).collect();
    axum::Json(json!({ "items": items, "next": page.next.map(|n| n.to_string()) }))
}

/// A query string, refused with a problem that says what is wrong with it.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|query| Query(query.0))
            .map_err(|error| Problem::bad_request("bad_query", error.body_text()))
    }
}

/// A request's body, whole; refused with a problem where it is larger than [`BODY_MAX`] or breaks off. One that is announced
/// as too large is refused before any of it is read.
struct Whole(Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let too_large = || {
            let detail = format!("the body is larger than {BODY_MAX} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
        };
        let announced =
            request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > BODY_MAX) {
            return Err(too_large());
        }
        axum::body::to_bytes(request.into_body(), BODY_MAX).await.map(Whole).map_err(|error| {
            match error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
                true => too_large(),
                false => Problem::bad_request("bad_body", "the body did not come whole"),
            }
        })
    }
}

/// A body as a JSON object, whatever its content type says; nothing is an empty object.
///
/// # Errors
/// A problem with line and column.
fn object(body: &[u8]) -> Result<serde_json::Map<String, Value>, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(serde_json::Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::bad_request("bad_json", "the body must be a JSON object")),
        Err(error) => Err(Problem::bad_request("bad_json", format!("the body is not JSON: {error}"))),
    }
}

/// Takes a text member out of a body.
fn text(members: &mut serde_json::Map<String, Value>, key: &str) -> Result<Option<String>, Problem> {
    match members.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Problem::bad_request("bad_value", format!("{key:?} must be a string"))),
    }
}

/// Refuses what is left of a body after all known members were taken.
fn nothing_else(members: &serde_json::Map<String, Value>, known: &[&str]) -> Result<(), Problem> {
    match members.keys().next() {
        None => Ok(()),
        Some(key) => {
            Err(Problem::bad_request("unknown_key", format!("unknown key {key:?}; known are {}", known.join(", "))))
        }
    }
}

/// The digest that tells one request from another under the same idempotency key.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}
