//! IDWise's own API, as a customer's backend calls it. Served beside the control API, on the same port.
//!
//! Every route of the first group is there under `/journey/v2`, as the reference pages write it, and under `/v2`, as the
//! Journey Builder guide does. `[D]`: documented at docs.idwise.com; `[I]`: the page prints no path, or only a part of it,
//! and the rest is inferred.
//!
//! ```text
//!   POST   start-journey                   [D] reference/start-journey-api
//!   POST   process-journey-step            [D] reference/process-journey-step
//!   POST   process-custom-journey-step     [I] reference/process-custom-journey-step
//!   POST   complete-custom-step            [I] docs/journey-custom-api
//!   POST   complete-journey                [I] docs/journey-builder-api
//!   GET    summary/{journey_id}            [D] reference/get-journey-summary
//!   GET    {journey_id}                    [I] reference/get-journey-result
//!   POST   manual-review/{journey_id}      [D] reference/manual-review-journey
//!   POST   spot-check/{journey}            [I]
//!   GET    spot-check/{spot_check_id}      [I] reference/get-spot-check-result
//!
//!   GET    /checks/aml/{check_id}                    [D] reference/get-aml-result
//!   PUT    /checks/aml/{check_id}                    [D] reference/amend-aml-search
//!   GET    /checks/aml/{check_id}/history/{version}  [I] reference/get-aml-history
//!   POST   /checks/aml/{check_id}/whitelist          [I] reference/update-aml-whitelist-status
//!   DELETE /journey/{journey_id}                     [D] developers.idwise.com/dalete-pii-api
//! ```
//!
//! Nothing personal that a caller sends is kept or logged: details of an applicant are checked and dropped, files are
//! measured, hashed and dropped.

mod aml;
mod files;
mod guard;
mod journeys;
mod refusal;
mod request;
mod result;
mod review;
mod spot_check;
mod steps;
mod summary;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use tokio::sync::Semaphore;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use guard::Access;

use crate::app::App;
use crate::app::apply::Manner;
use crate::clock::Timestamp;
use crate::ids::JourneyId;
use crate::provider::idwise::{Flow, Phase, State, Stimulus, result as outcome};
use crate::provider::{self, Journey};
use guard::Caller;
use refusal::Refusal;
use summary::Pace;

/// So many submissions are read at once; more wait. A submission as JSON is held whole, as long as it is read.
const UPLOADS: usize = 16;

/// The prefixes under which the journeys' routes are served.
const PREFIXES: [&str; 2] = ["/journey/v2", "/v2"];

/// What the handlers share.
#[derive(Debug)]
struct Api {
    app: Arc<App>,
    access: Access,
    uploads: Semaphore,
    pace: Pace,
}

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(refusal::ErrorBody)))]
struct Schemas;

/// The routes over `app` for those whom `access` lets in, with their description. Summaries of one journey are refused
/// within `summary_interval` of each other.
pub fn router(app: Arc<App>, access: Access, summary_interval: Option<Duration>) -> (Router, OpenApi) {
    let api = Arc::new(Api { app, access, uploads: Semaphore::new(UPLOADS), pace: Pace::new(summary_interval) });
    let (router, described) = routes().split_for_parts();
    let router = router
        .method_not_allowed_fallback(refusal::wrong_method)
        .layer(middleware::from_fn_with_state(api.clone(), guard::check))
        .with_state(api);
    (router, described)
}

/// The description alone.
pub fn openapi() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<Arc<Api>> {
    let others = OpenApiRouter::with_openapi(Schemas::openapi())
        .routes(routes!(journeys::delete))
        .routes(routes!(aml::show, aml::amend))
        .routes(routes!(aml::history))
        .routes(routes!(aml::whitelist));
    PREFIXES.iter().fold(others, |router, prefix| router.nest(prefix, of_journeys()))
}

fn of_journeys() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(journeys::start))
        .routes(routes!(journeys::complete))
        .routes(routes!(result::show))
        .routes(routes!(summary::show))
        .routes(routes!(review::review))
        .routes(routes!(spot_check::start, spot_check::show))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(steps::process))
                .routes(routes!(steps::process_custom))
                .routes(routes!(steps::complete_custom))
                .layer(axum::extract::DefaultBodyLimit::max(files::BODY_MAX)),
        )
}

impl Api {
    /// A journey that is the caller's to see.
    fn find(&self, caller: Caller, id: &str) -> Result<Arc<Journey>, Refusal> {
        let Ok(parsed) = id.parse::<JourneyId>() else { return Err(Refusal::no_journey(id)) };
        let journey = self.app.outbox.journey(parsed)?.ok_or_else(|| Refusal::no_journey(id))?;
        self.permit(caller, journey)
    }

    fn permit(&self, caller: Caller, journey: Arc<Journey>) -> Result<Arc<Journey>, Refusal> {
        if journey.environment != caller.environment {
            return Err(Refusal::wrong_environment(caller.environment));
        }
        if state(&journey)?.phase == Phase::Deleted {
            return Err(Refusal::no_journey(&journey.id.to_string()));
        }
        Ok(journey)
    }

    /// Does it, durably, and gives the journey as it is then.
    async fn apply(&self, id: JourneyId, stimulus: Stimulus) -> Result<Arc<Journey>, Refusal> {
        self.app.apply(id, &provider::Stimulus::Idwise(stimulus), Manner::default()).await?;
        self.app.outbox.journey(id)?.ok_or_else(|| Refusal::no_journey(&id.to_string()))
    }

    fn flow(&self, journey: &Journey) -> Result<Flow, Refusal> {
        match &*self.app.flow(&journey.flow)? {
            provider::Flow::Idwise(flow) => Ok(flow.clone()),
            provider::Flow::Qoreid(_) => Err(Refusal::no_journey(&journey.id.to_string())),
        }
    }

    /// When a journey was last decided, by its `Finished Journey`. Where that event is past its retention, a minute after
    /// the start: a user does not take longer, and nobody remembers better.
    fn ended(&self, journey: &Journey) -> Result<Option<Timestamp>, Refusal> {
        if !outcome::is_concluded(state(journey)?) {
            return Ok(None);
        }
        let (mut ended, mut cursor) = (None, None);
        loop {
            let page = self.app.outbox.events(Some(journey.id), cursor, 1_000)?;
            let finished = page.items.iter().filter(|record| record.message.event_type == "Finished Journey");
            ended = finished.map(|record| record.message.created_at).next_back().or(ended);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(ended.or(Some(journey.created_at + Duration::from_secs(60))));
            }
        }
    }
}

/// Where a journey of IDWise stands. One that another provider left in the store is none that this API knows.
fn state(journey: &Journey) -> Result<&State, Refusal> {
    match &journey.state {
        provider::State::Idwise(state) => Ok(state),
        provider::State::Qoreid(_) => Err(Refusal::no_journey(&journey.id.to_string())),
    }
}
