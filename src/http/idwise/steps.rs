//! Steps: the user's, and the customer's own.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::files::{File, Submission};
use super::guard::Caller;
use super::refusal::Refusal;
use super::request::Body;
use super::{Api, state};
use crate::provider::idwise::{Stimulus, result::is_concluded};

/// A step as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the description of what `Submission` reads piece by piece")]
pub(super) struct StepForm {
    #[schema(example = "12d62f80e15c1d50ff23db54")]
    journey_id: String,
    #[schema(example = "1", min_length = 1, max_length = 1024)]
    step_id: String,
    /// The front of a document, or the selfie; at most 10 MiB.
    #[schema(value_type = String, format = Binary, min_length = 1)]
    image: Vec<u8>,
    /// The back of a document.
    #[schema(value_type = Option<String>, format = Binary)]
    image2: Option<Vec<u8>>,
}

/// A step as JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the description of what `Submission` reads piece by piece")]
pub(super) struct StepJson {
    #[schema(example = "12d62f80e15c1d50ff23db54")]
    journey_id: String,
    #[schema(example = "1", min_length = 1, max_length = 1024)]
    step_id: String,
    /// In base64.
    #[schema(example = "aW1hZ2U=", format = Byte, min_length = 4)]
    image: String,
    /// In base64.
    #[schema(format = Byte)]
    image2: Option<String>,
}

/// What was taken. The provider's answer is not documented; it works on, and the summary tells.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Taken {
    journey_id: String,
    step_id: String,
    is_completed: bool,
    /// What is left of the files.
    files: Vec<File>,
}

/// Which custom step.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CustomStep {
    #[schema(example = "12d62f80e15c1d50ff23db54")]
    journey_id: String,
    /// The customer's own; any text.
    #[schema(example = "gov-db", min_length = 1)]
    step_id: String,
}

/// That it was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Success {
    success: bool,
}

impl Success {
    pub(super) const YES: Json<Success> = Json(Success { success: true });
}

/// Submits a step. [D] docs.idwise.com/reference/process-journey-step
#[utoipa::path(
    post, path = "/process-journey-step", operation_id = "process_journey_step",
    request_body(content((StepForm = "multipart/form-data"), (StepJson = "application/json"))),
    responses((status = 200, description = "taken, and worked on", body = Taken), Refusal),
)]
pub(super) async fn process(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<Taken>, Refusal> {
    let submission = submission(&api, request).await?;
    let journey = api.find(caller, submission.text("journey_id")?)?;
    let step = submission.text("step_id")?.to_owned();
    let journey = api.apply(journey.id, Stimulus::SubmitStep { step: step.clone() }).await?;
    let is_completed = is_concluded(state(&journey)?);
    Ok(Json(Taken { journey_id: journey.id.to_string(), step_id: step, is_completed, files: submission.files }))
}

/// Submits a file for a step of the customer's own, a government database's photo say. The journey must be open; no event
/// follows. [I] docs.idwise.com/reference/process-custom-journey-step
#[utoipa::path(
    post, path = "/process-custom-journey-step", operation_id = "process_custom_journey_step",
    request_body(content((StepForm = "multipart/form-data"), (StepJson = "application/json"))),
    responses((status = 200, description = "taken", body = Taken), Refusal),
)]
pub(super) async fn process_custom(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<Taken>, Refusal> {
    let submission = submission(&api, request).await?;
    let (journey_id, step_id) = (submission.text("journey_id")?, submission.text("step_id")?.to_owned());
    let journey_id = open(&api, caller, journey_id)?;
    Ok(Json(Taken { journey_id, step_id, is_completed: false, files: submission.files }))
}

/// Ends a step of the customer's own. No event follows. [I] docs.idwise.com/docs/journey-custom-api
#[utoipa::path(
    post, path = "/complete-custom-step", operation_id = "complete_custom_step", request_body = CustomStep,
    responses((status = 200, description = "noted", body = Success), Refusal),
)]
pub(super) async fn complete_custom(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(custom): Body<CustomStep>,
) -> Result<Json<Success>, Refusal> {
    if custom.step_id.is_empty() {
        return Err(Refusal::bad_request("\"step_id\" is empty"));
    }
    open(&api, caller, &custom.journey_id)?;
    Ok(Success::YES)
}

async fn submission(api: &Api, request: Request) -> Result<Submission, Refusal> {
    // The semaphore is never closed: the error cannot be, and reading goes on without a permit if it were.
    let _permit = api.uploads.acquire().await.ok();
    let submission = Submission::read(request).await?;
    submission.require_image()?;
    Ok(submission)
}

/// The id of a journey that is still worked on.
fn open(api: &Api, caller: Caller, id: &str) -> Result<String, Refusal> {
    let journey = api.find(caller, id)?;
    if is_concluded(state(&journey)?) {
        let message = "the journey is completed: no step can be submitted or changed any more";
        return Err(Refusal::new(axum::http::StatusCode::CONFLICT, "illegal_state", message));
    }
    Ok(journey.id.to_string())
}
