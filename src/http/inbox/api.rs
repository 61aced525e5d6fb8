//! What the control API shows of the receiver: its names, and what came to each.

use std::sync::Arc;

use axum::extract::State;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Inbox, Received};
use crate::http::api::{Path, Query, limit, schema};
use crate::http::problem::Problem;

impl Inbox {
    /// `GET /api/v1/inbox` lists names, `GET /api/v1/inbox/{name}?limit=&cursor=` what came there, newest first.
    pub fn api(&self) -> Router {
        Router::from(described()).with_state(self.clone())
    }

    /// The description of [`Inbox::api`].
    pub fn openapi() -> OpenApi {
        described().into_openapi()
    }
}

fn described() -> OpenApiRouter<Inbox> {
    OpenApiRouter::new().routes(routes!(list_names)).routes(routes!(list))
}

/// The inboxes that anything came to.
#[utoipa::path(
    get, path = "/api/v1/inbox", operation_id = "list_inboxes", tag = "control",
    responses((status = 200, description = "all of them", body = schema::Page<schema::InboxName>), Problem),
)]
async fn list_names(State(inbox): State<Inbox>) -> Json<Value> {
    let held = inbox.held();
    let shown =
        |(name, slot): (&String, &super::Slot)| json!({ "name": held.redactor.text(name), "received": slot.count });
    let items: Vec<Value> = held.names.iter().map(shown).collect();
    Json(json!({ "items": items, "next": null }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Paging {
    limit: Option<usize>,
    cursor: Option<u64>,
}

/// What came to an inbox.
#[utoipa::path(
    get, path = "/api/v1/inbox/{name}", operation_id = "list_received", tag = "control",
    params(
        ("name" = String, Path, description = "the inbox"),
        ("cursor" = Option<String>, Query, description = "a page's `next`", pattern = "^[0-9]{0,19}$"),
        ("limit" = Option<u32>, Query, description = "items on the page", minimum = 1, maximum = 1000),
    ),
    responses((status = 200, description = "a page", body = schema::ReceivedPage), Problem),
)]
async fn list(
    State(inbox): State<Inbox>,
    Path(name): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, Problem> {
    let redactor = inbox.held().redactor.clone();
    let below = paging.cursor.unwrap_or(u64::MAX);
    let limit = limit(paging.limit)?;
    let mut older = inbox.received(&name);
    older.retain(|received| received.n < below);
    let page: Vec<&Arc<Received>> = older.iter().rev().take(limit).collect();
    let next = page.last().map(|last| last.n).filter(|_| older.len() > page.len());
    let items: Vec<Value> = page.iter().map(|received| received.shown(&redactor)).collect();
    Ok(Json(json!({ "items": items, "next": next })))
}
