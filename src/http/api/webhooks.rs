//! Webhooks: list, show, make, change, drop, test, pause and resume.
//!
//! A definition has the keys of `[[webhook]]`. One is saved only after its endpoint answered a test, unless the caller says
//! `"skip_test": true`. What the configuration has is changed there, and refused here.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::app::webhooks::WebhookError;
use crate::http::api::audit::Did;
use crate::http::api::{Path, Whole, object, schema, shapes};
use crate::http::problem::Problem;

/// All webhooks, by name.
#[utoipa::path(
    get, path = "/api/v1/webhooks", operation_id = "list_webhooks", tag = "control",
    responses((status = 200, description = "all on one page", body = schema::Page<schema::Webhook>), Problem),
)]
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let horizon = app.outbox.horizon();
    let items: Vec<Value> = app.endpoints.all().iter().map(|one| shapes::webhook(&app, one, &horizon)).collect();
    Json(json!({ "items": items, "next": null }))
}

/// A webhook.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{name}", operation_id = "show_webhook", tag = "control",
    params(("name" = String, Path, description = "its name")),
    responses((status = 200, description = "as it is", body = schema::Webhook), Problem),
)]
pub(super) async fn show(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    shown(&app, &name).map(Json)
}

/// A new webhook, saved once its test has succeeded.
#[utoipa::path(
    post, path = "/api/v1/webhooks", operation_id = "make_webhook", tag = "control",
    request_body = schema::MakeWebhook,
    responses((status = 201, description = "made", body = schema::Webhook), Problem),
)]
pub(super) async fn make(
    State(app): State<Arc<App>>,
    Whole(body): Whole,
) -> Result<(StatusCode, Extension<Did>, Json<Value>), Problem> {
    let mut definition = object(&body)?;
    let test = !skips_test(&mut definition)?;
    let name = app.make_webhook(Value::Object(definition), test).await.map_err(refusal)?;
    Ok((StatusCode::CREATED, Did::this(format!("webhook {name}")), Json(shown(&app, &name)?)))
}

/// Other values for some keys; `null` takes a key back. Tested as a new one is.
#[utoipa::path(
    patch, path = "/api/v1/webhooks/{name}", operation_id = "change_webhook", tag = "control",
    params(("name" = String, Path, description = "its name")),
    request_body = schema::ChangeWebhook,
    responses((status = 200, description = "changed", body = schema::Webhook), Problem),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Whole(body): Whole,
) -> Result<(Extension<Did>, Json<Value>), Problem> {
    let mut changes = object(&body)?;
    let test = !skips_test(&mut changes)?;
    if changes.get("name").is_some_and(|other| *other != name.as_str()) {
        return Err(Problem::bad_request("bad_value", "a webhook keeps its name: make another one"));
    }
    let keys: Vec<String> = changes.keys().cloned().collect();
    app.change_webhook(&name, changes, test).await.map_err(refusal)?;
    Ok((Did::this(keys.join(", ")), Json(shown(&app, &name)?)))
}

/// Drops a webhook; what it is owed is called off.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{name}", operation_id = "drop_webhook", tag = "control",
    params(("name" = String, Path, description = "its name")),
    responses((status = 200, description = "gone", body = schema::Dropped), Problem),
)]
pub(super) async fn delete(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let cancelled = app.drop_webhook(&name).await.map_err(refusal)?;
    Ok(Json(json!({ "name": name, "cancelled": cancelled })))
}

/// Sends its test now. Nothing of it is kept.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{name}/test", operation_id = "test_webhook", tag = "control",
    params(("name" = String, Path, description = "its name")),
    responses((status = 200, description = "what came of it", body = schema::Tested), Problem),
)]
pub(super) async fn test(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let (passed, outcome) = app.test_webhook(&name).await.map_err(refusal)?;
    Ok(Json(shapes::tested(passed, &outcome)))
}

/// Starts no delivery to it until it is resumed; it is owed them all.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{name}/pause", operation_id = "pause_webhook", tag = "control",
    params(("name" = String, Path, description = "its name")),
    responses((status = 200, description = "paused", body = schema::Webhook), Problem),
)]
pub(super) async fn pause(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    app.pause_webhook(&name, true).await.map_err(refusal)?;
    shown(&app, &name).map(Json)
}

/// Lets it go on.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{name}/resume", operation_id = "resume_webhook", tag = "control",
    params(("name" = String, Path, description = "its name")),
    responses((status = 200, description = "it goes on", body = schema::Webhook), Problem),
)]
pub(super) async fn resume(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    app.pause_webhook(&name, false).await.map_err(refusal)?;
    shown(&app, &name).map(Json)
}

fn shown(app: &App, name: &str) -> Result<Value, Problem> {
    let endpoint = app.endpoints.get(name).ok_or_else(|| refusal(WebhookError::Unknown(name.to_owned())))?;
    Ok(shapes::webhook(app, &endpoint, &app.outbox.horizon()))
}

fn skips_test(members: &mut Map<String, Value>) -> Result<bool, Problem> {
    match members.remove("skip_test") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(skip)) => Ok(skip),
        Some(_) => Err(Problem::bad_request("bad_value", "\"skip_test\" must be true or false")),
    }
}

/// Why a webhook was not made, changed or dropped, as a problem.
pub(in crate::http) fn refusal(error: WebhookError) -> Problem {
    let conflict = |code, text: String| Problem::new(StatusCode::CONFLICT, code, text);
    match error {
        WebhookError::Unknown(name) => Problem::not_found(format!("there is no webhook {name:?}")),
        WebhookError::Configured(name) => {
            conflict("configured", format!("the webhook {name:?} is the configuration's: change it in its file"))
        }
        WebhookError::Taken(name) => conflict("taken", format!("there is a webhook {name:?} already")),
        WebhookError::Wrong(complaints) => {
            let one = |complaint: &crate::reader::Complaint| match &complaint.help {
                Some(help) => format!("{}; {help}", complaint.message),
                None => complaint.message.clone(),
            };
            let all: Vec<String> = complaints.list().iter().map(one).collect();
            Problem::bad_request("bad_webhook", all.first().cloned().unwrap_or_default()).with("complaints", all)
        }
        WebhookError::Failed(outcome) => {
            let text = format!("the test failed, so nothing was saved: {}", outcome.summary());
            conflict("test_failed", text).with("test", shapes::tested(false, &outcome))
        }
        WebhookError::Vault(error) => {
            let text = format!("the webhook's secrets cannot be kept: {error}");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "vault_failed", text)
        }
        WebhookError::Outbox(error) => error.into(),
    }
}
