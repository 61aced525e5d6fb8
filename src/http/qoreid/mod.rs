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
mod sessions;
mod verifications;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde_json::json;

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

/// The provider's routes over `app`, for those who hold one of `keys`.
pub fn router(app: Arc<App>, keys: BTreeMap<Environment, ApiKey>, keyless: Keyless) -> Router {
    let access = access::Access::new(keys, keyless, app.environment);
    Router::new()
        .route("/token", post(access::token))
        .route("/v1/ng/identities/{product}", post(identities::without_number))
        .route("/v1/ng/identities/{product}/{number}", post(identities::with_number))
        .route("/v1/addresses", post(verifications::address))
        .route("/v1/addresses/pro", post(verifications::address))
        .route("/v1/employments", post(verifications::employment))
        .route("/v1/guarantors", post(verifications::guarantor))
        .route("/v1/properties", post(verifications::property))
        .route("/v1/addresses/{id}", get(verifications::show_address))
        .route("/v1/employments/{id}", get(verifications::show_employment))
        .route("/v1/guarantors/{id}", get(verifications::show_guarantor))
        .route("/v1/properties/{id}", get(verifications::show_property))
        .route("/v1/sessions", post(sessions::mint))
        .route("/v1/{*rest}", any(missing))
        .with_state(Arc::new(Desk { app, access, sessions: sessions::Sessions::default() }))
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
) -> Result<Journey, Refusal> {
    let submission = Some(Box::new(submission));
    let opening = qoreid::Stimulus::Submit { product: None, reference: None, submission };
    let new = NewJourney {
        flow: product.as_str().to_owned(),
        reference_no,
        environment: Some(environment),
        opening: Some(Stimulus::Qoreid(opening)),
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
