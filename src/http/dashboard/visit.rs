//! A browser's visit: what it asks for, what it entered, and the answers that pages give.
//!
//! Pages are made by handlers that take a [`Visit`]; a form's handler answers with a redirect to a page, and what is to be
//! said there travels in a cookie that the next page takes away.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::Markup;

use super::desk::Desk;
use super::layout::{self, Section};
use super::trouble::Trouble;
use crate::http::access::cookie;
use crate::http::api::audit::Did;

/// A larger form is refused: the largest one, a webhook's, is far below.
const FORM_MAX: usize = 64 * 1024;

/// The cookie in which what a form came to travels to the next page.
const NOTE: &str = "understudy_note";

/// A longer note is cut: a browser keeps 4 KiB of a cookie.
const NOTE_MAX: usize = 1_200;

/// What a form came to, as the next page says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// Whether it was done.
    pub(super) good: bool,
    /// In a sentence.
    pub(super) text: String,
}

/// One request for a page.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) desk: Arc<Desk>,
    path: String,
    query: Pairs,
    note: Option<Note>,
}

/// Names with values, as a query or a form has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs(pub(super) Vec<(String, String)>);

impl Pairs {
    fn read(text: &[u8]) -> Self {
        Pairs(url::form_urlencoded::parse(text).map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a name that is not empty, without blanks around it.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.trim()).find(|value| !value.is_empty())
    }

    /// The values of a name that are not empty, without blanks around them.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.0.iter().filter(move |(key, _)| key == name);
        of_name.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// Whether a box was ticked, or a button pressed, of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }
}

impl Visit {
    /// What is asked for in the query.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name)
    }

    /// A page's cursor, as an earlier page gave it.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn cursor(&self) -> Result<Option<u64>, Trouble> {
        let read = |text: &str| {
            text.parse().map_err(|_| Trouble::bad(format!("{text:?} is no place in a list: follow a page's own links")))
        };
        self.asked("cursor").map(read).transpose()
    }

    /// The page.
    pub(super) fn page(&self, section: Section, title: &str, body: &Markup) -> Response {
        self.page_as(StatusCode::OK, section, title, body)
    }

    /// The page, with a status of its own.
    pub(super) fn page_as(&self, status: StatusCode, section: Section, title: &str, body: &Markup) -> Response {
        let page = layout::page(Some(&self.desk), section, title, &self.path, self.note.as_ref(), body);
        let mut response = (status, Html(page.into_string())).into_response();
        if self.note.is_some() {
            response.headers_mut().append(header::SET_COOKIE, taken_away());
        }
        response
    }

    /// Goes on at `to`, where `text` is said.
    pub(super) fn done(&self, to: &str, text: impl Into<String>) -> Response {
        (Did::this(""), self.go(to, &Note { good: true, text: text.into() })).into_response()
    }

    /// Goes on at `to`, where it is said what was refused, and why.
    pub(super) fn refused(&self, to: &str, text: impl Into<String>) -> Response {
        self.go(to, &Note { good: false, text: text.into() })
    }

    fn go(&self, to: &str, note: &Note) -> Response {
        let mut response = redirect(to);
        let text: String = self.desk.app.blanked(&note.text).chars().take(NOTE_MAX).collect();
        let value = URL_SAFE_NO_PAD.encode(format!("{}{text}", if note.good { '+' } else { '-' }));
        let cookie = format!("{NOTE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=60");
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// Goes on at `to`, a path of this server, with GET.
pub(super) fn redirect(to: &str) -> Response {
    let to = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

fn taken_away() -> HeaderValue {
    HeaderValue::from_static("understudy_note=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

fn note(headers: &HeaderMap) -> Option<Note> {
    let bytes = URL_SAFE_NO_PAD.decode(cookie(headers, NOTE)?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let good = text.strip_prefix('+');
    let text = good.or_else(|| text.strip_prefix('-'))?.to_owned();
    Some(Note { good: good.is_some(), text })
}

impl FromRequestParts<Arc<Desk>> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Self::Rejection> {
        Ok(Visit {
            desk: desk.clone(),
            path: parts.uri.path().to_owned(),
            query: Pairs::read(parts.uri.query().unwrap_or_default().as_bytes()),
            // A part of a page that is only refreshed says nothing of its own.
            note: if parts.headers.contains_key("x-refresh") { None } else { note(&parts.headers) },
        })
    }
}

/// A form as it was sent.
pub(super) struct Form(pub(super) Pairs);

impl FromRequest<Arc<Desk>> for Form {
    type Rejection = Trouble;

    async fn from_request(request: Request, _: &Arc<Desk>) -> Result<Self, Trouble> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_form = kind.is_empty() || kind.starts_with("application/x-www-form-urlencoded");
        if !is_form {
            return Err(Trouble::bad(format!("a form is wanted here, not {kind}; programs use the API under /api/v1")));
        }
        let body = axum::body::to_bytes(request.into_body(), FORM_MAX).await;
        let body = body.map_err(|_| Trouble::bad("the form did not come whole, or is larger than 64 KiB"))?;
        Ok(Form(Pairs::read(&body)))
    }
}

/// A part of the path, percent-decoded.
pub(super) struct Path(pub(super) String);

impl FromRequestParts<Arc<Desk>> for Path {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Trouble> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, desk).await;
        path.map(|path| Path(path.0)).map_err(|error| Trouble::bad(error.body_text()))
    }
}
