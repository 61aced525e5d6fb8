//! What the provider's API answers when it does not do what was asked (docs.idwise.com/docs/error-handling).
//!
//! The first six codes are documented; the page goes on beyond what is known of it, and the others are this stand-in's.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::app::AppError;
use crate::outbox::OutboxError;
use crate::provider::{Environment, Rejected};

/// The body of every refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// Always `false`.
    success: bool,
    /// For people.
    message: String,
    /// For programs.
    error_code: &'static str,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Refusal { status, code, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::NOT_FOUND, "missing_requested_resource", message)
    }

    pub(super) fn no_journey(id: &str) -> Self {
        Refusal::missing(format!("there is no journey {id}"))
    }

    pub(super) fn wrong_environment(own: Environment) -> Self {
        Refusal::new(StatusCode::FORBIDDEN, "unauthorized", format!("this key is of {own}, and the journey is not"))
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "file_too_large", message)
    }

    pub(super) fn unauthenticated(code: &'static str, message: &str) -> Self {
        Refusal::new(StatusCode::UNAUTHORIZED, code, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = ErrorBody { success: false, message: self.message, error_code: self.code };
        let mut answer = (self.status, Json(body)).into_response();
        let extra = match self.status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Basic realm=\"idwise\"")),
            StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, "2")),
            StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
            _ => None,
        };
        if let Some((name, value)) = extra {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}

impl From<Rejected> for Refusal {
    fn from(rejected: Rejected) -> Self {
        match rejected.code {
            "unknown_step" => Refusal::missing(rejected.message),
            _ => Refusal::new(StatusCode::CONFLICT, "illegal_state", rejected.message),
        }
    }
}

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        let text = error.to_string();
        match error {
            AppError::Rejected(rejected) => rejected.into(),
            AppError::Start(_) => Refusal::bad_request(text),
            AppError::NoJourney(_) | AppError::UnknownFlow { .. } => Refusal::missing(text),
            AppError::Overtaken => Refusal::new(StatusCode::CONFLICT, "illegal_state", text),
            AppError::Outbox(error) => error.into(),
        }
    }
}

impl From<OutboxError> for Refusal {
    fn from(error: OutboxError) -> Self {
        let text = error.to_string();
        match error {
            OutboxError::TooLarge { .. } => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text),
            OutboxError::Broken(_) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", text),
            OutboxError::Conflict
            | OutboxError::KeyReused { .. }
            | OutboxError::NotPossible(_)
            | OutboxError::Repeated { .. } => Refusal::new(StatusCode::CONFLICT, "illegal_state", text),
        }
    }
}

/// Every status that a refusal may have, for the description of a route.
impl IntoResponses for Refusal {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let rows = [
            ("400", "the request is not what it should be: `invalid_request`"),
            ("401", "`missing_authorization_header`, `invalid_authentication_format`, `invalid_credentials`"),
            ("403", "`unauthorized`: of another environment, or a page of another origin"),
            ("404", "`missing_requested_resource`"),
            ("409", "`illegal_state`: the journey does not allow it now"),
            ("413", "`file_too_large`, `too_large`"),
            ("415", "`unsupported_media_type`"),
            ("429", "`too_many_requests`"),
            ("503", "`unavailable`: the store failed"),
        ];
        let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
        let response = |text| ResponseBuilder::new().description(text).content("application/json", content()).build();
        rows.into_iter().map(|(status, text)| (status.to_owned(), RefOr::T(response(text)))).collect()
    }
}

pub(super) async fn wrong_method(method: axum::http::Method, uri: axum::http::Uri) -> Refusal {
    let message = format!("{} does not take {method}", uri.path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
