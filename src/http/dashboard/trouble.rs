//! What a page says instead of itself: there is no such thing, or it cannot be had.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::html;

use super::layout::{self, Section};
use crate::app::AppError;
use crate::app::webhooks::WebhookError;
use crate::http::problem::Problem;
use crate::ids::IdError;
use crate::outbox::OutboxError;

/// A refusal, for people.
#[derive(Debug)]
pub(super) struct Trouble {
    status: StatusCode,
    text: String,
}

impl Trouble {
    /// The request is not what it should be.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Trouble { status: StatusCode::BAD_REQUEST, text: text.into() }
    }

    /// There is no such thing.
    pub(super) fn missing(text: impl Into<String>) -> Self {
        Trouble { status: StatusCode::NOT_FOUND, text: text.into() }
    }

    /// It may not be had by whoever asks.
    pub(super) fn forbidden(text: impl Into<String>) -> Self {
        Trouble { status: StatusCode::FORBIDDEN, text: text.into() }
    }

    /// It cannot be had in this way.
    pub(super) fn with(status: StatusCode, text: impl Into<String>) -> Self {
        Trouble { status, text: text.into() }
    }

    /// What is wrong, for people.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl From<OutboxError> for Trouble {
    fn from(error: OutboxError) -> Self {
        AppError::Outbox(error).into()
    }
}

impl From<AppError> for Trouble {
    fn from(error: AppError) -> Self {
        Problem::from(error).into()
    }
}

impl From<WebhookError> for Trouble {
    fn from(error: WebhookError) -> Self {
        crate::http::api::refusal(error).into()
    }
}

impl From<IdError> for Trouble {
    fn from(error: IdError) -> Self {
        Trouble::missing(format!("{error}, so there is nothing of that name"))
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Trouble { status: problem.status(), text: problem.detail().to_owned() }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let title = match self.status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::METHOD_NOT_ALLOWED => "Nothing to see here",
            status if status.is_server_error() => "Something failed",
            _ => "That did not work",
        };
        let body = html! {
            p.lead { (sentence(&self.text)) }
            p { a.button href="/" { "Go to the overview" } " " a href="/journeys" { "Journeys" } " · " a href="/deliveries" { "Deliveries" } }
        };
        let page = layout::page(None, Section::Nowhere, title, "", None, &body);
        (self.status, Html(page.into_string())).into_response()
    }
}

/// As people begin and end what they say.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
