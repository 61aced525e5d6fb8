//! Who may use the control API.
//!
//! With a token: whoever shows it. Without one the server listens on loopback only, and what remains to be kept out is a
//! web page in the user's own browser: it is told by its `Origin`, or by a `Host` that was rebound to this machine.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower::Service;

use super::audit::Asked;
use super::signed;
use crate::app::App;
use crate::http::access::{Access, is_no_foreign_read, is_own_origin};
use crate::http::problem::Problem;

/// Lets in whom `access` lets in, and notes what they change.
///
/// One layer for both, and a service of its own: for each request a router copies all that lies in its layers, and so does
/// axum's `from_fn` once more.
#[derive(Clone, Debug)]
pub(super) struct Guarded<S> {
    pub(super) inner: S,
    pub(super) access: Arc<Access>,
    pub(super) app: Arc<App>,
}

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let refused = match self.access.is_guarded() {
            true => stranger(&request, &self.access),
            false => foreign(request.headers()),
        };
        if let Some(problem) = refused {
            return Box::pin(ready(Ok(problem.into_response())));
        }
        let asked = Asked::of(&request).map(|asked| (asked, self.app.clone()));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if let Some((asked, app)) = asked {
                asked.note(&app, &answer);
            }
            Ok(signed(answer))
        })
    }
}

/// Why a request is not let in where a token is wanted. A page of the dashboard may read with its session, which is all
/// that an `EventSource` can show; to change something it has forms of its own.
fn stranger(request: &Request, access: &Access) -> Option<Problem> {
    let headers = request.headers();
    let page = || *request.method() == Method::GET && is_no_foreign_read(headers) && access.has_session(headers);
    (!access.shows_token(headers) && !page()).then(|| {
        let detail = match headers.contains_key(header::AUTHORIZATION) {
            true => "this server has another token than the one in Authorization",
            false => "this server wants its token: Authorization: Bearer TOKEN",
        };
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    })
}

/// Why a request is not let in where anybody local is: its `Host` or its `Origin` is foreign.
pub(in crate::http) fn foreign(headers: &HeaderMap) -> Option<Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    if !is_local(host) {
        let detail =
            format!("this server answers to local names only, not to {host:?}; set [server] token to use others");
        return Some(Problem::new(StatusCode::FORBIDDEN, "foreign_host", detail));
    }
    let origin = text(header::ORIGIN)?;
    (!is_own_origin(origin, host))
        .then(|| Problem::new(StatusCode::FORBIDDEN, "foreign_origin", "a page of another origin may not use this API"))
}

fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().expect("a name"), v.parse().expect("a value"))).collect()
    }

    #[test]
    fn without_a_token_only_local_names_and_no_pages_get_in() {
        let check = |pairs: &[(&'static str, &'static str)], lets_in: bool| {
            assert_eq!(foreign(&headers(pairs)).is_none(), lets_in, "{pairs:?}");
        };
        check(&[("host", "127.0.0.1:4740")], true);
        check(&[("host", "[::1]:4740")], true);
        check(&[("host", "localhost:4740")], true);
        check(&[("host", "evil.example:4740")], false);
        check(&[], false);
        check(&[("host", "localhost:4740"), ("origin", "http://localhost:4740")], true);
        check(&[("host", "localhost:4740"), ("origin", "http://evil.example")], false);
        check(&[("host", "localhost:4740"), ("origin", "null")], false);
    }

    #[test]
    fn a_session_reads_and_changes_nothing() {
        let access = Access::new(Some(Secret::new("correct-horse")));
        let set = access.open("correct-horse").expect("a session");
        let pair = set.split(';').next().expect("a pair");
        let check = |method: Method, more: &[(&str, &str)], lets_in: bool| {
            let mut request = Request::builder().method(method).uri("/api/v1/stream").header("host", "a:1");
            for (name, value) in more {
                request = request.header(*name, *value);
            }
            let request = request.body(axum::body::Body::empty()).expect("a request");
            assert_eq!(stranger(&request, &access).is_none(), lets_in, "{more:?}");
        };
        check(Method::GET, &[], false);
        check(Method::GET, &[("authorization", "Bearer correct-horse")], true);
        check(Method::POST, &[("authorization", "Bearer correct-horse")], true);
        check(Method::GET, &[("cookie", pair)], true);
        check(Method::GET, &[("cookie", pair), ("sec-fetch-site", "same-origin")], true);
        check(Method::GET, &[("cookie", pair), ("sec-fetch-site", "same-site")], false);
        check(Method::GET, &[("cookie", pair), ("origin", "http://a:2")], false);
        check(Method::POST, &[("cookie", pair), ("sec-fetch-site", "same-origin")], false);
    }
}
