//! The dashboard's door: who may come in, the login, and what every page says to the browser about itself.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use maud::html;

use super::desk::Desk;
use super::layout::{self, Section};
use super::parts::link;
use super::trouble::Trouble;
use super::visit::{Form, Visit, redirect};
use crate::http::access::{Refused, is_own_form};
use crate::http::api::guard::foreign;

/// Nothing inline, nothing from anywhere else, in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Lets in who may: with a token its holder, or a browser that has shown it; without one whoever is local. What changes
/// something has to come from a page of this server.
pub(super) async fn check(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !desk.access.is_guarded()
        && let Some(problem) = foreign(headers)
    {
        return Trouble::from(problem).into_response();
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !is_own_form(headers) {
        let why = "this form was not sent by a page of this server; programs use the API under /api/v1";
        return Trouble::forbidden(why).into_response();
    }
    let known = !desk.access.is_guarded() || desk.access.has_session(headers) || desk.access.shows_token(headers);
    let path = request.uri().path();
    if known || path == "/login" {
        return next.run(request).await;
    }
    let to = request.uri().path_and_query().map_or("/", |to| to.as_str());
    redirect(&link("/login", &[("to", if reads { to } else { "/" })]))
}

/// Says with every page what it may do, so that a page that was tricked can do nothing.
pub(super) async fn seal(request: Request, next: Next) -> Response {
    sealed(next.run(request).await)
}

/// As [`seal`], for an answer that comes from elsewhere.
pub(super) fn sealed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A form of ours is told by its origin, which "no-referrer" would take away.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What a page shows changes, and is nobody else's.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Where the token is shown, once.
pub(super) async fn login(visit: Visit) -> Response {
    if !visit.desk.access.is_guarded() {
        return redirect("/");
    }
    form(visit.asked("to").unwrap_or("/"), StatusCode::OK, None)
}

/// Opens a session for whoever shows the token.
pub(super) async fn enter(visit: Visit, Form(form): Form) -> Response {
    let to = own_path(form.get("to").unwrap_or("/"));
    match visit.desk.access.open(form.get("token").unwrap_or_default()) {
        Ok(cookie) => with_cookie(redirect(to), &cookie),
        Err(Refused::Wrong) => self::form(to, StatusCode::UNAUTHORIZED, Some("This is not the token of this server.")),
        Err(Refused::TooMany(left)) => {
            let seconds = left.as_secs() + 1;
            let why = format!("There were too many wrong tokens. The next one is looked at in {seconds} seconds.");
            let mut answer = self::form(to, StatusCode::TOO_MANY_REQUESTS, Some(&why));
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            answer
        }
    }
}

/// Ends the session.
pub(super) async fn leave(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    with_cookie(redirect("/login"), &desk.access.close(request.headers()))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// A path of this server, and no address of another that looks like one.
fn own_path(to: &str) -> &str {
    let plain = to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', '\r', '\n']);
    if plain { to } else { "/" }
}

fn form(to: &str, status: StatusCode, wrong: Option<&str>) -> Response {
    let body = html! {
        form.stacked.narrow method="post" action="/login" #login {
            @if let Some(wrong) = wrong { p.note.bad role="alert" { (wrong) } }
            // There is one user; a browser that keeps the token wants a name for it.
            input type="text" name="username" value="understudy" autocomplete="username" hidden;
            input type="hidden" name="to" value=(own_path(to));
            div.field {
                label for="token" { "Token" }
                input type="password" id="token" name="token" required autofocus autocomplete="current-password";
            }
            p.faint { "The token of this server: " code { "[server] token" } " in webhooks.toml, or UNDERSTUDY_TOKEN. The browser keeps a session of twelve hours, never the token." }
            p { button.primary type="submit" { "Log in" } }
        }
    };
    (status, Html(layout::page(None, Section::Nowhere, "Log in", "", None, &body).into_string())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_this_server_only() {
        for (to, kept) in [
            ("/deliveries?state=exhausted", true),
            ("/", true),
            ("//evil.example", false),
            ("https://evil.example", false),
            ("/\\evil.example", false),
            ("/a\r\nSet-Cookie: b", false),
            ("", false),
        ] {
            assert_eq!(own_path(to) == to, kept, "{to:?}");
        }
    }
}
