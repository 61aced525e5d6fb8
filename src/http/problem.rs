//! Errors of the control API: `application/problem+json` (RFC 9457) with a stable `code`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::app::AppError;
use crate::outbox::OutboxError;

/// A refusal: what is wrong, and the way out.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    extra: Map<String, Value>,
}

impl Problem {
    /// A refusal with a stable `code` and a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem { status, code, detail: detail.into(), extra: Map::new() }
    }

    /// The request is not what it should be.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// There is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// What is wrong, for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// With one more member for programs.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(key.to_owned(), value.into());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if let Value::Object(members) = &mut body {
            members.extend(self.extra);
        }
        let mut response = (self.status, body.to_string()).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if self.status == StatusCode::SERVICE_UNAVAILABLE || self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let text = error.to_string();
        match error {
            AppError::Rejected(rejected) => {
                Problem::new(StatusCode::CONFLICT, rejected.code, rejected.message).with("legal", rejected.legal)
            }
            AppError::Start(_) => Problem::bad_request("invalid_reference", text),
            AppError::NoJourney(_) => Problem::not_found(text),
            AppError::UnknownFlow { known, .. } => {
                Problem::new(StatusCode::NOT_FOUND, "unknown_flow", text).with("known", known)
            }
            AppError::Overtaken => Problem::new(StatusCode::CONFLICT, "overtaken", text),
            AppError::Outbox(error) => error.into(),
        }
    }
}

impl From<OutboxError> for Problem {
    fn from(error: OutboxError) -> Self {
        let text = error.to_string();
        match error {
            OutboxError::Conflict => Problem::new(StatusCode::CONFLICT, "conflict", text),
            OutboxError::KeyReused { .. } => Problem::new(StatusCode::CONFLICT, "key_reused", text),
            OutboxError::TooLarge { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text),
            OutboxError::NotPossible(_) => Problem::new(StatusCode::CONFLICT, "not_possible", text),
            // Whoever asks for the answer of a repeated request gets it before this.
            OutboxError::Repeated { .. } => Problem::new(StatusCode::CONFLICT, "repeated", text),
            OutboxError::Broken(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outbox_failed", text),
        }
    }
}
