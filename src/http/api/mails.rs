//! Error mails: list and show.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::app::App;
use crate::http::api::{PageQuery, Path, Query, page, schema, shapes};
use crate::http::problem::Problem;
use crate::ids::{IdError, MailId};

/// Error mails, newest first.
#[utoipa::path(
    get, path = "/api/v1/mails", operation_id = "list_mails", tag = "control",
    params(
        ("cursor" = Option<String>, Query, description = "a page's `next`", pattern = "^[0-9]{0,19}$"),
        ("limit" = Option<u32>, Query, description = "items on the page", minimum = 1, maximum = 1000),
    ),
    responses((status = 200, description = "a page", body = schema::Page<schema::Mail>), Problem),
)]
pub(super) async fn list(State(app): State<Arc<App>>, Query(pages): Query<PageQuery>) -> Result<Json<Value>, Problem> {
    let (cursor, limit) = (pages.cursor()?, pages.limit()?);
    let found = app.look(move |outbox| outbox.mails(cursor, limit)).await?;
    Ok(page(found, |mail| shapes::mail(&mail)))
}

/// An error mail.
#[utoipa::path(
    get, path = "/api/v1/mails/{id}", operation_id = "show_mail", tag = "control",
    params(("id" = String, Path, description = "`m3`", pattern = "^m[0-9]{1,18}$")),
    responses((status = 200, description = "as it is", body = schema::Mail), Problem),
)]
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id: MailId = id.parse().map_err(|error: IdError| Problem::bad_request("bad_id", error.to_string()))?;
    let mail = app.outbox.mail(id)?.ok_or_else(|| Problem::not_found(format!("there is no mail {id}")))?;
    Ok(Json(shapes::mail(&mail)))
}
