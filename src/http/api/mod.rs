//! The control API under `/api/v1`, and health. What people and scripts steer the provider with.
//!
//! Bodies are JSON with snake_case keys; errors are problems with a stable `code`; lists are pages. With a token set,
//! every route but health wants it; without one only local callers that are no web page get in.

pub(in crate::http) mod audit;
mod clock;
mod deliveries;
pub(in crate::http) mod guard;
mod health;
mod journeys;
mod mails;
mod metrics;
pub mod schema;
pub mod shapes;
mod stream;
mod webhooks;

pub(in crate::http) use deliveries::{matching, state as delivery_state, was_sent_again};
pub(in crate::http) use journeys::find as find_journey;
pub(in crate::http) use webhooks::refusal;

use std::error::Error as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::uri::InvalidUri;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tower::layer::layer_fn;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use guard::Guarded;

use crate::app::App;
use crate::http::access::Access;
use crate::http::dashboard;
use crate::http::problem::Problem;
use crate::outbox::Page;
use crate::reader::nearest;

/// On every answer of this API that is no problem, with the server's version: by it a client knows whom it talks to.
pub const SIGNATURE: HeaderName = HeaderName::from_static("understudy-version");

/// At most so many items on a page.
pub const PAGE_MAX: usize = 1_000;

/// So many items on a page when nobody says how many.
pub const PAGE_DEFAULT: usize = 100;

/// A larger body is refused.
pub const BODY_MAX: usize = 2 * 1024 * 1024;

/// The control API and health over `app`; `more` is served behind the same guard.
pub fn router(app: Arc<App>, access: Arc<Access>, more: Router) -> Router {
    let of = app.clone();
    let guarded = Router::from(guarded()).with_state(app.clone()).merge(more).layer(layer_fn(move |inner| Guarded {
        inner,
        access: access.clone(),
        app: of.clone(),
    }));
    let open = Router::from(open()).with_state(app).layer(middleware::map_response(async |answer| signed(answer)));
    open.merge(guarded).fallback(missing).method_not_allowed_fallback(wrong_method)
}

fn signed(mut answer: Response) -> Response {
    answer.headers_mut().insert(SIGNATURE, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    answer
}

/// The description of what [`router`] serves, without `more`.
pub fn openapi() -> OpenApi {
    OpenApiRouter::with_openapi(Schemas::openapi()).merge(guarded()).merge(open()).into_openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(schema::ProblemBody)))]
struct Schemas;

fn guarded() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(journeys::list, journeys::start))
        .routes(routes!(journeys::show))
        .routes(routes!(journeys::stimulate))
        .routes(routes!(deliveries::events))
        .routes(routes!(deliveries::event))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::resend_many))
        .routes(routes!(deliveries::show))
        .routes(routes!(deliveries::resend))
        .routes(routes!(deliveries::cancel))
        .routes(routes!(webhooks::list, webhooks::make))
        .routes(routes!(webhooks::show, webhooks::change, webhooks::delete))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::pause))
        .routes(routes!(webhooks::resume))
        .routes(routes!(mails::list))
        .routes(routes!(mails::show))
        .routes(routes!(clock::show, clock::change))
        .routes(routes!(health::ledger))
        .routes(routes!(health::config))
        .routes(routes!(stream::stream))
        .routes(routes!(metrics::metrics))
}

fn open() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(health::alive)).routes(routes!(health::ready))
}

/// A browser is shown a page, a program is told a problem.
async fn missing(headers: HeaderMap, uri: Uri) -> Response {
    match dashboard::wants_page(&headers) {
        true => dashboard::missing(&uri),
        false => Problem::not_found(format!("there is nothing at {}", uri.path())).into_response(),
    }
}

async fn wrong_method(method: axum::http::Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("{} does not take {method}", uri.path()))
}

/// Where a page starts and how long it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageQuery {
    cursor: Option<String>,
    limit: Option<usize>,
}

impl PageQuery {
    fn limit(&self) -> Result<usize, Problem> {
        limit(self.limit)
    }

    fn cursor(&self) -> Result<Option<u64>, Problem> {
        let Some(text) = &self.cursor else { return Ok(None) };
        let bad =
            |_| Problem::bad_request("bad_cursor", format!("{text:?} is no cursor: take it from a page's \"next\""));
        text.parse().map(Some).map_err(bad)
    }
}

/// How many items are asked for.
pub(in crate::http) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(PAGE_DEFAULT);
    match limit {
        1..=PAGE_MAX => Ok(limit),
        _ => Err(Problem::bad_request("bad_value", format!("limit={limit}: a page has 1 to {PAGE_MAX} items"))),
    }
}

/// A page as it is answered.
fn page<T>(page: Page<T>, item: impl Fn(T) -> Value) -> axum::Json<Value> {
    let items: Vec<Value> = page.items.into_iter().map(item).collect();
    axum::Json(json!({ "items": items, "next": page.next.map(|n| n.to_string()) }))
}

/// A part of the path, refused with a problem where it is no text.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Path(path.0)).map_err(|error| Problem::bad_request("bad_path", error.body_text()))
    }
}

/// A query string, refused with a problem that says what is wrong with it: a filter that is not known would show more than
/// was asked for. A text without a value, `state=`, is as one that is not there.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let given: Vec<&str> =
            parts.uri.query().unwrap_or_default().split('&').filter(|member| has_value(member)).collect();
        let bad = |text: String| Problem::bad_request("bad_query", text);
        let uri: Uri = format!("/?{}", given.join("&")).parse().map_err(|error: InvalidUri| bad(error.to_string()))?;
        axum::extract::Query::<T>::try_from_uri(&uri)
            .map(|query| Query(query.0))
            .map_err(|error| bad(error.source().map_or_else(|| error.body_text(), ToString::to_string)))
    }
}

fn has_value(member: &str) -> bool {
    member.split_once('=').is_some_and(|(name, value)| !value.is_empty() || name == "limit")
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

/// A body as a JSON object, whatever its content type says; nothing, or `null`, is an empty object.
///
/// # Errors
/// A problem with line and column.
fn object(body: &[u8]) -> Result<serde_json::Map<String, Value>, Problem> {
    if body.is_empty() {
        return Ok(serde_json::Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(Value::Null) => Ok(serde_json::Map::new()),
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
            let near = nearest(key, known.iter().copied()).map(|near| format!(" (is {near:?} meant?)"));
            let known = known.join(", ");
            let detail = format!("unknown key {key:?}{}; known are {known}", near.unwrap_or_default());
            Err(Problem::bad_request("unknown_key", detail))
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
