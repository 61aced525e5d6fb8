//! QoreID's own API at its documented paths: what a customer's backend calls.
//!
//! ```text
//!   POST /token ──> Bearer, which carries its environment ──> identities, addresses, employments, guarantors, properties
//!   POST /v1/sessions with HTTP Basic
//! ```
//!
//! Test and Live share the host: the key pair decides (docs.qoreid.com, FAQ). Errors are `{"statusCode","message"}`. Nothing
//! here decides what happens to a verification: every call that does something is a journey that the application starts.

mod access;
mod form;
mod identities;
mod schema;
mod sessions;
mod verifications;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::json;
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::apply::{Answer, NewJourney};
use crate::app::{App, AppError};
use crate::config::ApiKey;
use crate::outbox::OutboxError;
use crate::provider::qoreid::{self, Json, State, Submission};
use crate::provider::{self, Environment, Journey, Stimulus};

/// Who may call, and what is remembered of them.
#[derive(Debug)]
struct Desk {
    app: Arc<App>,
    access: access::Access,
    sessions: sessions::Sessions,
}

/// What is done with a caller when no key pair is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyless {
    /// Any pair is taken, for the environment that the server plays by default: for servers of this machine only.
    Admitted,
    /// Nobody is.
    Refused,
}

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(schema::ErrorBody)))]
struct Schemas;

/// The provider's routes over `app`, for those who hold one of `keys`, with their description.
pub fn router(app: Arc<App>, keys: BTreeMap<Environment, ApiKey>, keyless: Keyless) -> (Router, OpenApi) {
    let access = access::Access::new(keys, keyless, app.environment);
    let (router, described) = routes().split_for_parts();
    let router = router
        .route("/v1/{*rest}", any(missing))
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::new(Desk { app, access, sessions: sessions::Sessions::default() }));
    (router, described)
}

/// The description alone.
pub fn openapi() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::with_openapi(Schemas::openapi())
        .routes(routes!(access::token))
        .routes(routes!(identities::without_number))
        .routes(routes!(identities::with_number))
        .routes(routes!(identities::ghana_card))
        .routes(routes!(identities::company))
        .routes(routes!(verifications::address))
        .routes(routes!(verifications::address_pro))
        .routes(routes!(verifications::employment))
        .routes(routes!(verifications::guarantor))
        .routes(routes!(verifications::property))
        .routes(routes!(verifications::show_address))
        .routes(routes!(verifications::show_employment))
        .routes(routes!(verifications::show_guarantor))
        .routes(routes!(verifications::show_property))
        .routes(routes!(sessions::mint))
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("Cannot {method} {}", uri.path()))
}

async fn missing(uri: Uri) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("Cannot find {}", uri.path()))
}

/// An error as QoreID answers it; its `message` is a list where several things are wrong.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    message: serde_json::Value,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<serde_json::Value>) -> Self {
        Refusal { status, message: message.into() }
    }

    fn unauthorized(message: &str) -> Self {
        Refusal::new(StatusCode::UNAUTHORIZED, message)
    }

    fn bad_request(messages: Vec<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, messages)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "statusCode": self.status.as_u16(), "message": self.message });
        (self.status, axum::Json(body)).into_response()
    }
}

/// Every status that a refusal may have, for the description of a route.
impl IntoResponses for Refusal {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let rows = [
            ("400", "something is wrong with the request"),
            ("401", "no token, or none that is good"),
            ("404", "there is no such thing in the caller's environment"),
            ("409", "it was done already, or the key was used for something else"),
            ("413", "it is too large"),
            ("503", "the source, or the store, is not available"),
        ];
        let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
        let response = |text| ResponseBuilder::new().description(text).content("application/json", content()).build();
        rows.into_iter().map(|(status, text)| (status.to_owned(), RefOr::T(response(text)))).collect()
    }
}

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        let status = match &error {
            AppError::Outbox(OutboxError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            AppError::Outbox(OutboxError::Broken(_)) => StatusCode::SERVICE_UNAVAILABLE,
            AppError::Outbox(_) | AppError::Overtaken => StatusCode::CONFLICT,
            AppError::Rejected(_) | AppError::Start(_) => StatusCode::BAD_REQUEST,
            AppError::NoJourney(_) | AppError::UnknownFlow { .. } => StatusCode::NOT_FOUND,
        };
        Refusal::new(status, error.to_string())
    }
}

/// Starts a verification and submits it in the same breath: durable when this returns.
async fn submit(
    desk: &Desk,
    environment: Environment,
    product: qoreid::Product,
    reference_no: String,
    submission: Submission,
) -> Result<Arc<Journey>, Refusal> {
    let submission = Some(Box::new(submission));
    let opening = qoreid::Stimulus::Submit { product: None, reference: None, submission };
    let new = NewJourney {
        flow: product.as_str().to_owned(),
        reference_no,
        environment: Some(environment),
        opening: Some(Stimulus::Qoreid(opening)),
        planned: None,
    };
    match desk.app.start_journey(new, None).await? {
        Answer::Done(applied) => Ok(applied.journey),
        // Without a key nothing is a repetition.
        Answer::Repeated(_) => Err(Refusal::new(StatusCode::CONFLICT, "repeated")),
    }
}

fn state_of(journey: &Journey) -> Result<&State, Refusal> {
    match &journey.state {
        provider::State::Qoreid(state) => Ok(state),
        provider::State::Idwise(_) => Err(Refusal::new(StatusCode::NOT_FOUND, "Not found")),
    }
}

fn answer(status: StatusCode, body: &Json) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_bytes()).into_response()
}
