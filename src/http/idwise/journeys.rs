//! Journeys: start, complete, delete.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::guard::Caller;
use super::refusal::Refusal;
use super::request::{Body, Path};
use super::{Api, state};
use crate::app::NewJourney;
use crate::app::apply::Answer;
use crate::provider::idwise::{Stimulus, result::is_concluded};

/// What a journey is started with.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct StartJourney {
    /// The id of a `[[flow]]`.
    #[schema(example = "onboarding")]
    flow_id: String,
    /// The customer's own id: letters, digits and `- _ / \ , . + @`, at most 256.
    #[schema(example = "applicant-ref-001", pattern = r"^[A-Za-z0-9_/\\,.+@-]{1,256}$")]
    reference_no: String,
    /// Of journeys with AML; checked, and not kept.
    applicant_details: Option<ApplicantDetails>,
}

/// Whom an AML search is about.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ApplicantDetails {
    #[schema(example = "Alvina Belloway", min_length = 1, pattern = r"\S")]
    full_name: String,
    /// `2022-02-01`
    #[schema(example = "1990-02-01", format = Date)]
    birth_date: Option<String>,
    /// `male` or `female`.
    #[schema(example = "female", pattern = "^(male|female)$")]
    sex: Option<String>,
}

impl ApplicantDetails {
    /// The page documents the forms. What is wrong is named by its key, never repeated.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        // The length tells `2022-2-1` and years with a sign, which the parser takes.
        let date = |text: &String| text.len() == 10 && chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok();
        if self.full_name.trim().is_empty() {
            return Err(Refusal::bad_request("\"full_name\" is empty"));
        }
        if !self.birth_date.as_ref().is_none_or(date) {
            return Err(Refusal::bad_request("\"birth_date\" is not a date like 2022-02-01"));
        }
        match self.sex.as_deref() {
            None | Some("male" | "female") => Ok(()),
            Some(_) => Err(Refusal::bad_request("\"sex\" is neither male nor female")),
        }
    }
}

/// A journey that began.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Started {
    journey_id: String,
    reference_no: String,
    /// Always `false`.
    is_completed: bool,
    /// Always empty.
    step_summaries: Vec<super::summary::StepSummary>,
}

/// Which journey.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Which {
    #[schema(example = "12d62f80e15c1d50ff23db54")]
    journey_id: String,
}

/// A journey that was completed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Completed {
    journey_id: String,
    reference_no: String,
    is_completed: bool,
}

/// Starts a journey. [D] docs.idwise.com/reference/start-journey-api
#[utoipa::path(
    post, path = "/start-journey", operation_id = "start_journey", request_body = StartJourney,
    responses((status = 200, description = "started", body = Started), Refusal),
)]
pub(super) async fn start(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<StartJourney>,
) -> Result<Json<Started>, Refusal> {
    if let Some(details) = &asked.applicant_details {
        details.check()?;
    }
    let reference_no = asked.reference_no;
    let new = NewJourney {
        flow: asked.flow_id,
        reference_no: reference_no.clone(),
        environment: Some(caller.environment),
        opening: None,
        planned: None,
    };
    let Answer::Done(applied) = api.app.start_journey(new, None).await? else {
        return Err(Refusal::bad_request("a start without a key has no earlier answer"));
    };
    let journey_id = applied.journey.id.to_string();
    Ok(Json(Started { journey_id, reference_no, is_completed: false, step_summaries: Vec::new() }))
}

/// Ends a journey with what is there; no step can be submitted afterwards. [I] docs.idwise.com/docs/journey-builder-api
#[utoipa::path(
    post, path = "/complete-journey", operation_id = "complete_journey", request_body = Which,
    responses((status = 200, description = "completed", body = Completed), Refusal),
)]
pub(super) async fn complete(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(which): Body<Which>,
) -> Result<Json<Completed>, Refusal> {
    let journey = api.find(caller, &which.journey_id)?;
    let journey = api.apply(journey.id, Stimulus::Complete).await?;
    Ok(Json(Completed {
        journey_id: journey.id.to_string(),
        is_completed: is_concluded(state(&journey)?),
        reference_no: journey.reference_no.clone(),
    }))
}

/// Deletes a journey. [D] developers.idwise.com/dalete-pii-api
#[utoipa::path(
    delete, path = "/journey/{journey_id}", operation_id = "delete_journey",
    params(("journey_id" = String, Path, description = "the journey's id")),
    responses((status = 204, description = "deleted"), Refusal),
)]
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let journey = api.find(caller, &id)?;
    api.apply(journey.id, Stimulus::Delete).await?;
    Ok(StatusCode::NO_CONTENT)
}
