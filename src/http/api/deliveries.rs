//! Events and deliveries: list, show, send again, call off.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::Timestamp;
use crate::http::api::audit::Did;
use crate::http::api::{PageQuery, Path, Query, Whole, journeys, nothing_else, object, page, schema, shapes, text};
use crate::http::problem::Problem;
use crate::ids::{DeliveryId, EventId, IdError};
use crate::message::{Delivery, DeliveryState};
use crate::outbox::{DeliveryQuery, Outbox, OutboxError};

/// A resend of many takes at most so many at once.
const RESEND_MAX: usize = 10_000;

/// `GET /api/v1/events`: which.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WhichEvents {
    journey: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/v1/deliveries`: which.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Which {
    state: Option<String>,
    webhook: Option<String>,
    event: Option<String>,
    journey: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Events, newest first; those of one journey oldest first.
#[utoipa::path(
    get, path = "/api/v1/events", operation_id = "list_events", tag = "control",
    params(
        ("journey" = Option<String>, Query, description = "only of this journey", pattern = "^([0-9a-fA-F]{24}|ref:.+)?$"),
        ("cursor" = Option<String>, Query, description = "a page's `next`", pattern = "^[0-9]{0,19}$"),
        ("limit" = Option<u32>, Query, description = "items on the page", minimum = 1, maximum = 1000),
    ),
    responses((status = 200, description = "a page", body = schema::Page<schema::EventWith<String>>), Problem),
)]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    Query(which): Query<WhichEvents>,
) -> Result<Json<Value>, Problem> {
    let pages = PageQuery { cursor: which.cursor, limit: which.limit };
    let journey = which.journey.map(|id| journeys::find(&app, &id)).transpose()?.map(|journey| journey.id);
    let (cursor, limit) = (pages.cursor()?, pages.limit()?);
    let found = app.look(move |outbox| outbox.events(journey, cursor, limit)).await?;
    Ok(page(found, |record| shapes::event_with(&record.message, record.deliveries.iter().map(|d| json!(d)).collect())))
}

/// An event.
#[utoipa::path(
    get, path = "/api/v1/events/{id}", operation_id = "show_event", tag = "control",
    params(("id" = String, Path, description = "a UUID", pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")),
    responses((status = 200, description = "with its deliveries", body = schema::EventWith<schema::Delivery>), Problem),
)]
pub(super) async fn event(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id: EventId = id.parse().map_err(bad_id)?;
    let record = app.outbox.event(id)?.ok_or_else(|| Problem::not_found(format!("there is no event {id}")))?;
    let mut deliveries = Vec::with_capacity(record.deliveries.len());
    for id in &record.deliveries {
        if let Some((delivery, _)) = app.outbox.delivery(*id)? {
            deliveries.push(shapes::delivery(&delivery));
        }
    }
    Ok(Json(shapes::event_with(&record.message, deliveries)))
}

/// Deliveries, newest first.
#[utoipa::path(
    get, path = "/api/v1/deliveries", operation_id = "list_deliveries", tag = "control",
    params(
        ("state" = Option<String>, Query, description = "only in this state",
            pattern = "^(waiting|in_flight|delivered|exhausted|cancelled)?$"),
        ("webhook" = Option<String>, Query, description = "only to this webhook"),
        ("event" = Option<String>, Query, description = "only of this event", pattern = "^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$"),
        ("journey" = Option<String>, Query, description = "only about this journey", pattern = "^([0-9a-fA-F]{24}|ref:.+)?$"),
        ("cursor" = Option<String>, Query, description = "a page's `next`", pattern = "^[0-9]{0,19}$"),
        ("limit" = Option<u32>, Query, description = "items on the page", minimum = 1, maximum = 1000),
    ),
    responses((status = 200, description = "a page", body = schema::Page<schema::Delivery>), Problem),
)]
pub(super) async fn list(State(app): State<Arc<App>>, Query(which): Query<Which>) -> Result<Json<Value>, Problem> {
    let pages = PageQuery { cursor: which.cursor.clone(), limit: which.limit };
    let query = DeliveryQuery {
        state: which.state.as_deref().map(state).transpose()?,
        webhook: which.webhook,
        event: which.event.map(|id| id.parse().map_err(bad_id)).transpose()?,
        journey: which.journey.map(|id| journeys::find(&app, &id)).transpose()?.map(|journey| journey.id),
    };
    let (cursor, limit) = (pages.cursor()?, pages.limit()?);
    let found = app.look(move |outbox| outbox.deliveries(&query, cursor, limit)).await?;
    Ok(page(found, |delivery| shapes::delivery(&delivery)))
}

/// A delivery.
#[utoipa::path(
    get, path = "/api/v1/deliveries/{id}", operation_id = "show_delivery", tag = "control",
    params(("id" = String, Path, description = "`d17`", pattern = "^d[0-9]{1,18}$")),
    responses((status = 200, description = "with every attempt", body = schema::DeliveryWith), Problem),
)]
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let (delivery, attempts) = find(&app, &id)?;
    let record = app.outbox.event(delivery.event_id)?;
    let body = record.map(|record| record.message.in_form(delivery.form).body).unwrap_or_default();
    Ok(Json(shapes::delivery_with(&delivery, &attempts, &body)))
}

/// Sends a delivery's event again.
#[utoipa::path(
    post, path = "/api/v1/deliveries/{id}/resend", operation_id = "resend_delivery", tag = "control",
    params(("id" = String, Path, description = "`d17`", pattern = "^d[0-9]{1,18}$")),
    responses((status = 201, description = "a new delivery", body = schema::Resent), Problem),
)]
pub(super) async fn resend(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Extension<Did>, Json<Value>), Problem> {
    let (delivery, _) = find(&app, &id)?;
    let id = app.resend(&delivery).await?;
    Ok((StatusCode::CREATED, Did::this(format!("as {id}")), Json(shapes::resent(id, delivery.id))))
}

/// Calls a delivery off.
#[utoipa::path(
    post, path = "/api/v1/deliveries/{id}/cancel", operation_id = "cancel_delivery", tag = "control",
    params(("id" = String, Path, description = "`d17`", pattern = "^d[0-9]{1,18}$")),
    responses((status = 200, description = "called off", body = schema::Delivery), Problem),
)]
pub(super) async fn cancel(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let (delivery, _) = find(&app, &id)?;
    app.cancel(&delivery).await?;
    let (delivery, _) = find(&app, &id)?;
    Ok(Json(shapes::delivery(&delivery)))
}

/// `{"state","webhook","since","limit","dry_run"}`: what is terminal and matches is sent again, oldest first. What was given up
/// and has been sent again since is left to that delivery.
#[utoipa::path(
    post, path = "/api/v1/deliveries/resend", operation_id = "resend_deliveries", tag = "control", request_body = Option<schema::ResendMany>,
    responses((status = 200, description = "what was sent again", body = schema::ResentMany), Problem),
)]
pub(super) async fn resend_many(
    State(app): State<Arc<App>>,
    Whole(body): Whole,
) -> Result<(Extension<Did>, Json<Value>), Problem> {
    const KNOWN: [&str; 5] = ["state", "webhook", "since", "limit", "dry_run"];
    let mut members = object(&body)?;
    let wanted = text(&mut members, "state")?.map_or(Ok(DeliveryState::Exhausted), |word| state(&word))?;
    if !wanted.is_terminal() {
        let detail = format!(
            "a delivery that is {:?} will still be sent; resend what is exhausted, delivered or cancelled",
            wanted.as_str()
        );
        return Err(Problem::bad_request("not_terminal", detail));
    }
    let webhook = text(&mut members, "webhook")?;
    let since = text(&mut members, "since")?.map(|word| instant(&word)).transpose()?;
    let limit = match members.remove("limit") {
        None | Some(Value::Null) => RESEND_MAX,
        Some(limit) => limit
            .as_f64()
            // `1.0` is the integer 1 in JSON's eyes.
            .filter(|n| (1.0..=RESEND_MAX as f64).contains(n) && n.fract() == 0.0)
            .ok_or_else(|| Problem::bad_request("bad_value", format!("\"limit\" must be 1 to {RESEND_MAX}")))?
            as usize,
    };
    let dry_run = match members.remove("dry_run") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(_) => return Err(Problem::bad_request("bad_value", "\"dry_run\" must be true or false")),
    };
    nothing_else(&members, &KNOWN)?;
    let query = DeliveryQuery { state: Some(wanted), webhook, ..DeliveryQuery::default() };
    let mut matching = app.look(move |outbox| matching(outbox, &query, since, limit)).await?;
    matching.reverse();
    let mut resent = Vec::new();
    if !dry_run {
        for delivery in &matching {
            resent.push(json!(app.resend(delivery).await?));
        }
    }
    let ids: Vec<DeliveryId> = matching.iter().map(|delivery| delivery.id).collect();
    let did = if resent.is_empty() { Did::nothing() } else { Did::this(format!("{} sent again", resent.len())) };
    Ok((did, Json(json!({ "matched": ids, "resent": resent, "dry_run": dry_run }))))
}

/// The deliveries that `query` asks for, due at `since` or later, at most `limit` of them, newest first. Without those that were
/// given up and have been sent again: to ask twice sends nothing twice.
///
/// # Errors
/// Only when the outbox is broken.
pub(in crate::http) fn matching(
    outbox: &dyn Outbox,
    query: &DeliveryQuery,
    since: Option<Timestamp>,
    limit: usize,
) -> Result<Vec<Delivery>, OutboxError> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = outbox.deliveries(query, cursor, 1_000)?;
        for delivery in page.items.into_iter().filter(|delivery| since.is_none_or(|since| delivery.due_at >= since)) {
            if found.len() < limit
                && (delivery.state != DeliveryState::Exhausted || !was_sent_again(outbox, &delivery)?)
            {
                found.push(delivery);
            }
        }
        cursor = page.next;
        if cursor.is_none() || found.len() >= limit {
            return Ok(found);
        }
    }
}

/// Whether a later delivery repeats this one.
///
/// # Errors
/// Only when the outbox is broken.
pub(in crate::http) fn was_sent_again(outbox: &dyn Outbox, delivery: &Delivery) -> Result<bool, OutboxError> {
    let record = outbox.event(delivery.event_id)?;
    // A resend of it came after it.
    for id in record.iter().flat_map(|record| &record.deliveries).filter(|id| **id > delivery.id) {
        if outbox.delivery(*id)?.is_some_and(|(later, _)| later.resend_of == Some(delivery.id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn find(app: &App, id: &str) -> Result<(Delivery, Vec<crate::message::Attempt>), Problem> {
    let id: DeliveryId = id.parse().map_err(bad_id)?;
    app.outbox.delivery(id)?.ok_or_else(|| Problem::not_found(format!("there is no delivery {id}")))
}

/// A delivery's state by its word.
///
/// # Errors
/// A problem that names those there are.
pub(in crate::http) fn state(word: &str) -> Result<DeliveryState, Problem> {
    DeliveryState::ALL.into_iter().find(|state| state.as_str() == word).ok_or_else(|| {
        let known: Vec<&str> = DeliveryState::ALL.iter().map(|state| state.as_str()).collect();
        Problem::bad_request("bad_value", format!("{word:?} is not a delivery's state; known are {}", known.join(", ")))
    })
}

fn instant(word: &str) -> Result<Timestamp, Problem> {
    word.parse().map_err(|_| {
        Problem::bad_request("bad_value", format!("{word:?} is not an instant; write it like 2026-11-20T08:00:00Z"))
    })
}

fn bad_id(error: IdError) -> Problem {
    Problem::bad_request("bad_id", error.to_string())
}
