//! Selfie spot checks: a journey of their own in the provider's eyes, with an id and a result of their own.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::guard::Caller;
use super::refusal::Refusal;
use super::request::Path;
use super::{Api, state};
use crate::chance::Weights;
use crate::ids::JourneyId;
use crate::outbox::JourneyQuery;
use crate::provider::Journey;
use crate::provider::idwise::result::{self, SpotCheckResult};
use crate::provider::idwise::{Flow, Stimulus, SystemDecision};

/// Journeys that are looked at in one go, on the way to the one that a spot check is of.
const PAGE: usize = 1_000;

/// A spot check that was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SpotChecked {
    spot_check_journey_id: String,
    reference_no: String,
}

/// Has the user of a journey, named by id or by reference, make a selfie; it is done at once. How the provider starts one
/// is not documented: [I].
#[utoipa::path(
    post, path = "/spot-check/{journey_id}", operation_id = "start_spot_check",
    params(("journey_id" = String, Path, description = "the journey's id or reference")),
    responses((status = 200, description = "done", body = SpotChecked), Refusal),
)]
pub(super) async fn start(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(journey): Path<String>,
) -> Result<Json<SpotChecked>, Refusal> {
    let journey = by_id_or_reference(&api, caller, &journey)?;
    let decision = weights(&api.flow(&journey)?);
    let journey = api.apply(journey.id, Stimulus::FinishSpotCheck { decision }).await?;
    let check = journey.id.spot_check(api.app.seed, u64::from(state(&journey)?.spot_checks));
    Ok(Json(SpotChecked { spot_check_journey_id: check.to_string(), reference_no: journey.reference_no.clone() }))
}

/// A spot check's result. [I] docs.idwise.com/reference/get-spot-check-result prints no path.
#[utoipa::path(
    get, path = "/spot-check/{journey_id}", operation_id = "spot_check_result",
    params(("journey_id" = String, Path, description = "as Finished Spot Check names it")),
    responses((status = 200, description = "its result", body = SpotCheckResult), Refusal),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<SpotCheckResult>, Refusal> {
    let none = || Refusal::missing(format!("there is no spot check {id}"));
    let check: JourneyId = id.parse().map_err(|_| none())?;
    let journey = of_check(&api, check).await?.ok_or_else(none)?;
    let journey = api.permit(caller, Arc::new(journey))?;
    let (mut cursor, wanted) = (None, check.to_string());
    loop {
        let page = api.app.outbox.events(Some(journey.id), cursor, PAGE)?;
        for record in page.items {
            let body: Value = serde_json::from_slice(&record.message.body).unwrap_or_default();
            if body["body"]["spotCheckJourneyId"] == wanted {
                let decision = body["body"]["systemDecision"].as_str().unwrap_or(SystemDecision::Refer.as_str());
                let at = record.message.created_at;
                return Ok(Json(result::spot_check(api.app.seed, &journey, &wanted, decision, at)));
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            // The event is past its retention.
            return Err(none());
        }
    }
}

fn by_id_or_reference(api: &Api, caller: Caller, name: &str) -> Result<Arc<Journey>, Refusal> {
    if name.parse::<JourneyId>().is_ok() {
        return api.find(caller, name);
    }
    let found = api.app.outbox.journey_by_reference(name, Some(caller.environment))?;
    api.permit(caller, found.ok_or_else(|| Refusal::no_journey(name))?)
}

/// The journey that a spot check is of. Its id is drawn from the journey's and cannot be read backwards, so the journeys
/// are gone through, newest first, with a breath between the pages.
async fn of_check(api: &Api, check: JourneyId) -> Result<Option<Journey>, Refusal> {
    let mut cursor = None;
    loop {
        let page = api.app.outbox.journeys(&JourneyQuery::default(), cursor, PAGE)?;
        let is_of = |journey: &Journey| {
            let checks = state(journey).map_or(0, |state| state.spot_checks);
            (1..=checks).any(|n| journey.id.spot_check(api.app.seed, u64::from(n)) == check)
        };
        if let Some(journey) = page.items.into_iter().find(is_of) {
            return Ok(Some(journey));
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(None);
        }
        tokio::task::yield_now().await;
    }
}

/// The flow's weights without `Rejected`, which no spot check comes to; `Refer` where nothing is left.
fn weights(flow: &Flow) -> Weights<SystemDecision> {
    let possible = flow.decision.pairs().iter().filter(|(decision, _)| *decision != SystemDecision::Rejected);
    Weights::new(possible.copied().collect()).unwrap_or_else(|| Weights::only(SystemDecision::Refer))
}
