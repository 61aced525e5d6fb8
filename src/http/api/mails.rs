//! Error mails: list and show.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::Value;

use crate::app::App;
use crate::http::api::{PageQuery, Query, page, shapes};
use crate::http::problem::Problem;
use crate::ids::{IdError, MailId};

pub(super) async fn list(State(app): State<Arc<App>>, Query(pages): Query<PageQuery>) -> Result<Json<Value>, Problem> {
    Ok(page(app.outbox.mails(pages.cursor()?, pages.limit())?, |mail| shapes::mail(&mail)))
}

pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id: MailId = id.parse().map_err(|error: IdError| Problem::bad_request("bad_id", error.to_string()))?;
    let mail = app.outbox.mail(id)?.ok_or_else(|| Problem::not_found(format!("there is no mail {id}")))?;
    Ok(Json(shapes::mail(&mail)))
}
