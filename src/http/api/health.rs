//! Health and the ledger.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::http::api::shapes;
use crate::http::problem::Problem;

/// The process lives.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "status": "alive", "version": env!("CARGO_PKG_VERSION") }))
}

/// The outbox is open and takes writes. The delivery loop runs whenever this answers: the process ends with it.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    match app.outbox.broken() {
        None => Ok(Json(json!({ "status": "ready" }))),
        Some(reason) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outbox_failed", reason)),
    }
}

pub(super) async fn ledger(State(app): State<Arc<App>>) -> Json<Value> {
    Json(shapes::ledger(&app.outbox.ledger()))
}
