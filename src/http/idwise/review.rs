//! A reviewer's decision over the API (docs.idwise.com/reference/manual-review-journey).

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
use crate::chance::Weights;
use crate::provider::idwise::result::failed_steps;
use crate::provider::idwise::{ManualDecision, RequiredStep, Stimulus};

/// What the reviewer decides.
#[derive(Debug, Deserialize)]
pub(super) struct Review {
    new_decision: NewDecision,
    comment: Option<String>,
    #[serde(default)]
    step_reviews: Vec<StepReview>,
}

/// What the reviewer decides, as it is described.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the description of what `Review` reads")]
pub(super) enum ReviewBody {
    /// Approves or rejects.
    Decides {
        /// `Approved` or `Rejected`.
        #[schema(example = "Approved", pattern = "^(Approved|Rejected)$")]
        new_decision: String,
        /// For the provider's dashboard; never sent.
        comment: Option<String>,
        /// Let be, as long as it is right.
        #[serde(default)]
        step_reviews: Vec<StepReview>,
    },
    /// Asks for steps again.
    AsksAgain {
        /// `Resubmission Requested`
        #[schema(pattern = "^Resubmission Requested$")]
        new_decision: String,
        /// For the provider's dashboard; never sent.
        comment: Option<String>,
        /// Every step that failed must be among them, and one at least must be `Resubmit`.
        #[schema(min_items = 1)]
        step_reviews: Vec<StepReview>,
    },
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum NewDecision {
    Approved,
    Rejected,
    #[serde(rename = "Resubmission Requested")]
    ResubmissionRequested,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct StepReview {
    step_id: String,
    review_decision: StepDecision,
    /// The tenant's reason key; understood beyond the page.
    reason_code: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub(super) enum StepDecision {
    Resubmit,
    Approve,
}

/// The decisions after it. The provider's answer is not documented.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reviewed {
    success: bool,
    journey_id: String,
    system_decision: &'static str,
    manual_decision: Option<&'static str>,
    final_decision: &'static str,
}

/// Decides in the system's place. [D] docs.idwise.com/reference/manual-review-journey
#[utoipa::path(
    post, path = "/manual-review/{journey_id}", operation_id = "manual_review", request_body = ReviewBody,
    params(("journey_id" = String, Path, description = "the journey's id")),
    responses((status = 200, description = "decided", body = Reviewed), Refusal),
)]
pub(super) async fn review(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(review): Body<Review>,
) -> Result<Json<Reviewed>, Refusal> {
    let journey = api.find(caller, &id)?;
    let comment = review.comment;
    let decided = |decision| Stimulus::Review { decision: Weights::only(decision), reason_code: None, comment };
    let stimulus = match review.new_decision {
        NewDecision::Approved => decided(ManualDecision::Approved),
        NewDecision::Rejected => decided(ManualDecision::Rejected),
        NewDecision::ResubmissionRequested => {
            let failed = failed_steps(api.app.seed, &journey, state(&journey)?);
            Stimulus::RequestResubmission { steps: again(review.step_reviews, &failed)? }
        }
    };
    let journey = api.apply(journey.id, stimulus).await?;
    let decisions = state(&journey)?.decisions();
    Ok(Json(Reviewed {
        success: true,
        journey_id: journey.id.to_string(),
        system_decision: decisions.system.as_str(),
        manual_decision: decisions.manual.map(ManualDecision::as_str),
        final_decision: decisions.last_word(),
    }))
}

/// What the body says does not go with the journey.
fn illegal(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, "illegal_state", message)
}

/// The steps that are asked for again. None that failed may be left without a decision.
fn again(reviews: Vec<StepReview>, failed: &[&str]) -> Result<Vec<RequiredStep>, Refusal> {
    if reviews.is_empty() {
        return Err(Refusal::bad_request("\"step_reviews\" is needed for \"Resubmission Requested\""));
    }
    if let Some(forgotten) = failed.iter().find(|id| reviews.iter().all(|review| review.step_id != **id)) {
        return Err(illegal(format!("step {forgotten:?} failed and has no review in \"step_reviews\"")));
    }
    let asked: Vec<RequiredStep> = reviews
        .into_iter()
        .filter(|review| review.review_decision == StepDecision::Resubmit)
        .map(|review| RequiredStep { step: review.step_id, reason_code: review.reason_code })
        .collect();
    match asked.is_empty() {
        true => Err(illegal("no step is to be resubmitted: approve the journey instead")),
        false => Ok(asked),
    }
}
