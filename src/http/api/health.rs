//! Health, the ledger, and how the configuration came to be what it is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::http::api::{schema, shapes};
use crate::http::problem::Problem;

/// The process lives.
#[utoipa::path(
    get, path = "/healthz", operation_id = "alive", tag = "control",
    responses((status = 200, description = "it lives", body = schema::Alive)),
)]
pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "status": "alive", "version": env!("CARGO_PKG_VERSION") }))
}

/// The outbox is open and takes writes. The delivery loop runs whenever this answers: the process ends with it.
#[utoipa::path(
    get, path = "/readyz", operation_id = "ready", tag = "control",
    responses((status = 200, description = "it can work", body = schema::Ready), Problem),
)]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    match app.outbox.broken() {
        None => Ok(Json(json!({ "status": "ready" }))),
        Some(reason) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outbox_failed", reason)),
    }
}

/// Sums.
#[utoipa::path(
    get, path = "/api/v1/ledger", operation_id = "ledger", tag = "control",
    responses((status = 200, description = "at this instant", body = schema::Ledger), Problem),
)]
pub(super) async fn ledger(State(app): State<Arc<App>>) -> Json<Value> {
    Json(shapes::ledger(&app.outbox.ledger()))
}

/// The last change of the configuration, or why the file is refused.
#[utoipa::path(
    get, path = "/api/v1/config", operation_id = "show_config", tag = "control",
    responses((status = 200, description = "at this instant", body = schema::Configured), Problem),
)]
pub(super) async fn config(State(app): State<Arc<App>>) -> Json<Value> {
    Json(shapes::take_over(&app.taken_over()))
}
