//! The summary of a journey, which customers poll; and the two seconds that they are asked to leave between two calls
//! (docs.idwise.com/reference/get-journey-summary).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::guard::Caller;
use super::refusal::Refusal;
use super::request::Path;
use super::{Api, state};
use crate::clock::Stopwatch;
use crate::ids::JourneyId;
use crate::provider::Journey;
use crate::provider::idwise::result::{Rule, failed_steps, is_concluded, rules};
use crate::provider::idwise::{self, Step, StepState};
use crate::rng::Seed;

/// So many journeys' last calls are remembered; with more, the oldest is forgotten.
const REMEMBERED: usize = 10_000;

/// The rules that the page lists.
const INTERIM: [&str; 3] = ["same_subject", "under_age", "no_duplicate_applicant"];

/// A journey so far.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Summary {
    journey_id: String,
    is_completed: bool,
    /// Those that were submitted.
    step_summaries: Vec<StepSummary>,
    result: Interim,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepSummary {
    definition: Definition,
    result: StepResult,
}

#[derive(Debug, Serialize, ToSchema)]
struct Definition {
    /// A string, as the page's table says; its sample shows a number.
    step_id: String,
    /// `Document` or `Selfie`.
    step_type: &'static str,
    step_title: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct StepResult {
    /// `null` until it is concluded.
    has_passed_rules: Option<bool>,
    is_concluded: bool,
    /// `Submitted`, or `Resubmission Required`.
    status: &'static str,
    error_user_feedback_code: Option<&'static str>,
    error_user_feedback_title: &'static str,
    error_user_feedback_details: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct Interim {
    /// `Passed`, `Failed` or `Undetermined`.
    interim_rule_assessment: &'static str,
    interim_rule_details: BTreeMap<&'static str, Rule>,
}

/// A journey so far. [D] docs.idwise.com/reference/get-journey-summary; that the id ends the path is inferred.
#[utoipa::path(
    get, path = "/summary/{journey_id}", operation_id = "journey_summary",
    params(("journey_id" = String, Path, description = "the journey's id")),
    responses((status = 200, description = "so far", body = Summary), Refusal),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Summary>, Refusal> {
    let journey = api.find(caller, &id)?;
    api.pace.admit(journey.id)?;
    Ok(Json(summary(api.app.seed, &journey, state(&journey)?)))
}

fn summary(seed: Seed, journey: &Journey, state: &idwise::State) -> Summary {
    let concluded = is_concluded(state);
    let (rules, failed) = (rules(seed, journey, state), failed_steps(seed, journey, state));
    let of = |step: &Step| {
        let passed = !failed.contains(&step.definition.id.as_str());
        let feedback = concluded && !passed;
        let (title, details) = match feedback {
            true => ("Not a physical document", "Please take a photo of the document itself."),
            false => ("", ""),
        };
        StepSummary {
            definition: Definition {
                step_id: step.definition.id.clone(),
                step_type: step.definition.kind.as_str(),
                step_title: step.definition.title.clone(),
            },
            result: StepResult {
                has_passed_rules: concluded.then_some(passed),
                is_concluded: concluded,
                status: match step.state {
                    StepState::Required(_) => "Resubmission Required",
                    StepState::Submitted | StepState::Processed | StepState::NotSubmitted => "Submitted",
                },
                error_user_feedback_code: feedback.then_some("feedback_not_physical_document"),
                error_user_feedback_title: title,
                error_user_feedback_details: details,
            },
        }
    };
    Summary {
        journey_id: journey.id.to_string(),
        is_completed: concluded,
        step_summaries: state.steps.iter().filter(|step| step.state != StepState::NotSubmitted).map(of).collect(),
        result: Interim {
            interim_rule_assessment: rules.assessment(),
            interim_rule_details: INTERIM.iter().filter_map(|key| Some((*key, rules.get(key)?.clone()))).collect(),
        },
    }
}

/// Refuses a journey's calls that follow each other too fast. In real time: it is about the caller, not the journey.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Option<Duration>,
    running: Stopwatch,
    last: Mutex<BTreeMap<JourneyId, Duration>>,
}

impl Pace {
    pub(super) fn new(interval: Option<Duration>) -> Self {
        Pace { interval, running: Stopwatch::start(), last: Mutex::default() }
    }

    fn admit(&self, journey: JourneyId) -> Result<(), Refusal> {
        match self.interval {
            Some(interval) => self.admit_at(journey, interval, self.running.elapsed()),
            None => Ok(()),
        }
    }

    /// A call that is refused does not count: the next is measured from the last that was answered.
    fn admit_at(&self, journey: JourneyId, interval: Duration, now: Duration) -> Result<(), Refusal> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(&journey).is_some_and(|at| now.saturating_sub(*at) < interval) {
            let message = format!("a journey's summary may be asked for every {} seconds", interval.as_secs());
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message));
        }
        if last.len() >= REMEMBERED {
            last.retain(|_, at| now.saturating_sub(*at) < interval);
        }
        if last.len() >= REMEMBERED
            && let Some(oldest) = last.iter().min_by_key(|(_, at)| **at).map(|(id, _)| *id)
        {
            last.remove(&oldest);
        }
        last.insert(journey, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_calls_about_one_journey_keep_their_distance() {
        let (pace, two) = (Pace::new(None), Duration::from_secs(2));
        let check = |number: u64, millis: u64, admitted: bool| {
            let id = JourneyId::mint(Seed(1), number);
            assert_eq!(pace.admit_at(id, two, Duration::from_millis(millis)).is_ok(), admitted, "{number} {millis}");
        };
        check(1, 0, true);
        check(2, 1, true);
        check(1, 1_999, false);
        check(1, 2_000, true);
        check(1, 3_999, false);
        for number in 10..10 + 2 * REMEMBERED as u64 {
            check(number, 3_000, true);
        }
        assert!(pace.last.lock().expect("no panic").len() <= REMEMBERED);
    }
}
