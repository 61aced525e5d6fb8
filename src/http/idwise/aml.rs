//! AML checks. The check of a journey has the journey's id.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::guard::Caller;
use super::journeys::ApplicantDetails;
use super::refusal::Refusal;
use super::request::{Body, Path};
use super::steps::Success;
use super::{Api, state};
use crate::provider::idwise::Stimulus;
use crate::provider::idwise::result::{instant, is_concluded};
use crate::provider::idwise::screening::{self, Aml, Match};

/// A check as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Check {
    check_id: String,
    reference_number: String,
    check_time: String,
    final_decision: &'static str,
    aml: Aml,
}

/// A check as it stood at a version of its record.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct History {
    check_id: String,
    reference_number: String,
    aml_matches: Vec<Match>,
}

/// Another person to search for.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Amend {
    entity_details: ApplicantDetails,
}

/// Matches to fall silent.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Whitelist {
    /// Of present matches. The stand-in keeps one state for all of a journey's matches: they fall silent together.
    resource_ids: Vec<String>,
    /// `true` when absent; `false` is refused, because no page says what follows from it.
    is_whitelisted: Option<bool>,
}

/// A check as it stands. [D] docs.idwise.com/reference/get-aml-result
#[utoipa::path(
    get, path = "/checks/aml/{check_id}", operation_id = "aml_result",
    params(("check_id" = String, Path, description = "the journey's id")),
    responses((status = 200, description = "as it stands", body = Check), Refusal),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Check>, Refusal> {
    let journey = api.find(caller, &id)?;
    let (flow, at) = (api.flow(&journey)?, api.ended(&journey)?.unwrap_or(journey.created_at));
    let state = state(&journey)?;
    Ok(Json(Check {
        check_id: journey.id.to_string(),
        check_time: instant(at),
        final_decision: state.decisions().last_word(),
        aml: screening::aml(api.app.seed, &journey, state, &flow, is_concluded(state)),
        reference_number: journey.reference_no.clone(),
    }))
}

/// Amends the search. [D] docs.idwise.com/reference/amend-aml-search
#[utoipa::path(
    put, path = "/checks/aml/{check_id}", operation_id = "amend_aml_search", request_body = Amend,
    params(("check_id" = String, Path, description = "the journey's id")),
    responses((status = 200, description = "amended", body = Success), Refusal),
)]
pub(super) async fn amend(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(amend): Body<Amend>,
) -> Result<Json<Success>, Refusal> {
    amend.entity_details.check()?;
    let journey = api.find(caller, &id)?;
    api.apply(journey.id, Stimulus::AmendAml { decision: None }).await?;
    Ok(Success::YES)
}

/// The record at a version that `AML Monitor Update` named; 0 is the first search.
/// [I] docs.idwise.com/reference/get-aml-history prints no path.
#[utoipa::path(
    get, path = "/checks/aml/{check_id}/history/{version}", operation_id = "aml_history",
    params(
        ("check_id" = String, Path, description = "the journey's id"),
        ("version" = u32, Path, description = "from 0 to the present version"),
    ),
    responses((status = 200, description = "as it stood", body = History), Refusal),
)]
pub(super) async fn history(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path((id, version)): Path<(String, String)>,
) -> Result<Json<History>, Refusal> {
    let journey = api.find(caller, &id)?;
    let state = state(&journey)?;
    let known = version.parse().ok().filter(|version: &u32| *version <= state.aml.version);
    let version = known.ok_or_else(|| {
        Refusal::missing(format!("the record has no version {version:?}: its present one is {}", state.aml.version))
    })?;
    Ok(Json(History {
        check_id: journey.id.to_string(),
        reference_number: journey.reference_no.clone(),
        aml_matches: screening::matches(api.app.seed, &journey, state, Some(version)),
    }))
}

/// Silences matches. [I] docs.idwise.com/reference/update-aml-whitelist-status prints no path.
#[utoipa::path(
    post, path = "/checks/aml/{check_id}/whitelist", operation_id = "whitelist_aml", request_body = Whitelist,
    params(("check_id" = String, Path, description = "the journey's id")),
    responses((status = 200, description = "silenced", body = Success), Refusal),
)]
pub(super) async fn whitelist(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(asked): Body<Whitelist>,
) -> Result<Json<Success>, Refusal> {
    let journey = api.find(caller, &id)?;
    if asked.resource_ids.is_empty() {
        return Err(Refusal::bad_request("\"resource_ids\" is empty"));
    }
    if asked.is_whitelisted == Some(false) {
        return Err(Refusal::bad_request("\"is_whitelisted\": false is not played: no page says what follows from it"));
    }
    let known = screening::matches(api.app.seed, &journey, state(&journey)?, None);
    let stranger = asked.resource_ids.iter().any(|id| known.iter().all(|found| found.resource_id != *id));
    if stranger {
        return Err(Refusal::missing("one of \"resource_ids\" is no match of this check"));
    }
    api.apply(journey.id, Stimulus::WhitelistAml).await?;
    Ok(Success::YES)
}
