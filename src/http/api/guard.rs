//! Who may use the control API.
//!
//! With a token: whoever shows it. Without one the server listens on loopback only, and what remains to be kept out is a
//! web page in the user's own browser: it is told by its `Origin`, or by a `Host` that was rebound to this machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{audit, signed};
use crate::app::App;
use crate::http::access::{Access, is_no_foreign_read, is_own_origin};
use crate::http::problem::Problem;

/// Lets in whom `access` lets in, and notes what they change: both in one layer, as a router copies what lies in a layer for each
/// request.
pub(super) async fn check(
    State((access, app)): State<(Arc<Access>, Arc<App>)>,
    request: Request,
    next: Next,
) -> Response {
    let refused = match access.is_guarded() {
        true => stranger(&request, &access),
        false => foreign(request.headers()),
    };
    match refused {
        None => signed(audit::note(State(app), request, next).await),
        Some(problem) => problem.into_response(),
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
