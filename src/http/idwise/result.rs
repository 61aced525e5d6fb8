//! The result of a journey, which customers fetch after a webhook.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};

use super::guard::Caller;
use super::refusal::Refusal;
use super::request::Path;
use super::{Api, state};
use crate::provider::idwise::result::{JourneyResult, result};

/// The result, model version 3.0. [I] docs.idwise.com/reference/get-journey-result prints no path.
#[utoipa::path(
    get, path = "/{journey_id}", operation_id = "journey_result",
    params(("journey_id" = String, Path, description = "the journey's id")),
    responses((status = 200, description = "as far as it is known", body = JourneyResult), Refusal),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<JourneyResult>, Refusal> {
    let journey = api.find(caller, &id)?;
    let (flow, ended) = (api.flow(&journey)?, api.ended(&journey)?);
    Ok(Json(result(api.app.seed, &journey, state(&journey)?, &flow, ended)))
}
