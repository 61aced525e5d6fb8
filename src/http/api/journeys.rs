//! Journeys: start, list, show, and what is done to them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use crate::app::App;
use crate::app::apply::{Answer, Keyed, Manner, NewJourney};
use crate::http::api::audit::Did;
use crate::http::api::{PageQuery, Path, Query, Whole, digest, nothing_else, object, page, schema, shapes, text};
use crate::http::problem::Problem;
use crate::ids::JourneyId;
use crate::message::Message;
use crate::outbox::JourneyQuery;
use crate::provider::{self, Journey};

/// `GET /api/v1/journeys`: which.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Which {
    state: Option<String>,
    reference_no: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Journeys, newest first.
#[utoipa::path(
    get, path = "/api/v1/journeys", operation_id = "list_journeys", tag = "control",
    params(
        ("state" = Option<String>, Query, description = "only with this state's word"),
        ("reference_no" = Option<String>, Query, description = "only with this reference"),
        ("cursor" = Option<String>, Query, description = "a page's `next`", pattern = "^[0-9]{0,19}$"),
        ("limit" = Option<u32>, Query, description = "items on the page", minimum = 1, maximum = 1000),
    ),
    responses((status = 200, description = "a page", body = schema::Page<schema::Journey>), Problem),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(which): Query<Which>,
) -> Result<axum::Json<Value>, Problem> {
    let pages = PageQuery { cursor: which.cursor, limit: which.limit };
    let query = JourneyQuery { state: which.state, reference_no: which.reference_no };
    let (cursor, limit) = (pages.cursor()?, pages.limit()?);
    let found = app.look(move |outbox| outbox.journeys(&query, cursor, limit)).await?;
    Ok(page(found, |journey| shapes::journey(&journey)))
}

/// A journey.
#[utoipa::path(
    get, path = "/api/v1/journeys/{id}", operation_id = "show_journey", tag = "control",
    params(("id" = String, Path, description = "an id, or `ref:REFERENCE`", pattern = "^([0-9a-fA-F]{24}|ref:.+)$")),
    responses((status = 200, description = "as it is", body = schema::Journey), Problem),
)]
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<axum::Json<Value>, Problem> {
    Ok(axum::Json(shapes::journey(&*find(&app, &id)?)))
}

/// Starts a journey.
#[utoipa::path(
    post, path = "/api/v1/journeys", operation_id = "start_journey", tag = "control", request_body = schema::StartJourney,
    responses((status = 201, description = "started", body = schema::Journey), Problem),
)]
pub(super) async fn start(State(app): State<Arc<App>>, Whole(body): Whole) -> Result<Response, Problem> {
    const KNOWN: [&str; 4] = ["flow", "reference_no", "environment", "key"];
    let mut members = object(&body)?;
    let request = request_digest(b"start", &members);
    let key = text(&mut members, "key")?;
    let (flow, reference_no) = (text(&mut members, "flow")?, text(&mut members, "reference_no")?);
    let environment = text(&mut members, "environment")?
        .map(|word| word.parse().map_err(|e: String| Problem::bad_request("bad_value", e)))
        .transpose()?;
    // First what is there, then what is not: `reference` would look like no reference at all.
    nothing_else(&members, &KNOWN)?;
    let missing = |what: &str| Problem::bad_request("missing_key", what);
    let flow = flow.ok_or_else(|| missing("\"flow\" is missing: the id of a [[flow]]"))?;
    let reference_no =
        reference_no.ok_or_else(|| missing("\"reference_no\" is missing: your own id for the subject"))?;
    let scope = environment.unwrap_or(app.environment);
    let keyed = key.map(|key| Keyed { key: format!("start/{scope}/{key}"), request, answer: answer_start });
    let opening = provider::opening(&*app.flow(&flow)?);
    let answer =
        app.start_journey(NewJourney { flow, reference_no, environment, opening, planned: None }, keyed).await?;
    let did = did(&answer, |journey| format!("journey {}", journey.id));
    Ok((did, json(StatusCode::CREATED, bytes(answer, answer_start))).into_response())
}

/// Does something to a journey.
#[utoipa::path(
    post, path = "/api/v1/journeys/{id}/stimuli", operation_id = "stimulate", tag = "control", request_body = schema::Stimulus,
    params(("id" = String, Path, description = "an id, or `ref:REFERENCE`", pattern = "^([0-9a-fA-F]{24}|ref:.+)$")),
    responses((status = 200, description = "what followed", body = schema::Applied), Problem),
)]
pub(super) async fn stimulate(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Whole(body): Whole,
) -> Result<Response, Problem> {
    let journey = find(&app, &id)?;
    let mut members = object(&body)?;
    let request = request_digest(b"stimulus", &members);
    let key = text(&mut members, "key")?;
    let stimulus = provider::parse_stimulus(app.provider, &members)
        .map_err(|message| Problem::bad_request("bad_stimulus", message))?;
    let keyed = key.map(|key| Keyed { key: format!("{}/{key}", journey.id), request, answer: answer_stimulus });
    let answer = app.apply(journey.id, &stimulus, Manner { keyed, ..Manner::default() }).await?;
    let did = did(&answer, |_| stimulus.name().to_owned());
    Ok((did, json(StatusCode::OK, bytes(answer, answer_stimulus))).into_response())
}

/// A journey by id, or by `ref:REFERENCE`.
pub(in crate::http) fn find(app: &App, id: &str) -> Result<Arc<Journey>, Problem> {
    let found = match id.strip_prefix("ref:") {
        Some(reference) => app.outbox.journey_by_reference(reference, None)?,
        None => {
            let id: JourneyId = id.parse().map_err(|error: crate::ids::IdError| {
                Problem::bad_request("bad_id", format!("{error}; or name it by reference: ref:REFERENCE"))
            })?;
            app.outbox.journey(id)?
        }
    };
    found.ok_or_else(|| Problem::not_found(format!("there is no journey {id}")))
}

fn answer_start(journey: &Journey, _: &[Message]) -> Bytes {
    shapes::started(journey).into()
}

fn answer_stimulus(journey: &Journey, events: &[Message]) -> Bytes {
    shapes::applied(journey, events).into()
}

/// What the log says; nothing of what was done before.
fn did(answer: &Answer, said: impl FnOnce(&Journey) -> String) -> Extension<Did> {
    match answer {
        Answer::Done(applied) => Did::this(said(&applied.journey)),
        Answer::Repeated(_) => Did::nothing(),
    }
}

fn bytes(answer: Answer, render: fn(&Journey, &[Message]) -> Bytes) -> Bytes {
    match answer {
        Answer::Done(applied) => render(&applied.journey, &applied.events),
        Answer::Repeated(bytes) => bytes,
    }
}

fn json(status: StatusCode, body: Bytes) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// What tells this request from another with the same key. Nobody asks where there is no key.
fn request_digest(what: &[u8], members: &serde_json::Map<String, Value>) -> [u8; 32] {
    // One form, whatever the body's spacing was: serde_json keeps members sorted.
    let canonical = || serde_json::to_string(members).unwrap_or_default();
    if members.contains_key("key") { digest(&[what, canonical().as_bytes()]) } else { [0; 32] }
}
