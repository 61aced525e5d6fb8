//! Who may use the control API.
//!
//! With a token: whoever shows it. Without one the server listens on loopback only, and what remains to be kept out is a
//! web page in the user's own browser: it is told by its `Origin`, or by a `Host` that was rebound to this machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::problem::Problem;
use crate::secret::Secret;

pub(super) async fn check(State(token): State<Arc<Option<Secret>>>, request: Request, next: Next) -> Response {
    let refused = match token.as_ref() {
        Some(token) => wrong_token(request.headers(), token),
        None => foreign(request.headers()),
    };
    match refused {
        None => next.run(request).await,
        Some(problem) => problem.into_response(),
    }
}

fn wrong_token(headers: &HeaderMap, token: &Secret) -> Option<Problem> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    // Digests are compared, so that the time it takes says nothing about the token.
    let matches = given.is_some_and(|given| blake3::hash(given.as_bytes()) == blake3::hash(token.expose().as_bytes()));
    (!matches).then(|| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "this server wants its token: Authorization: Bearer TOKEN",
        )
    })
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
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
    let same = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    (!same)
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
    fn a_token_is_wanted_whole() {
        let token = Secret::new("correct-horse");
        let check = |value: &'static str, lets_in: bool| {
            assert_eq!(wrong_token(&headers(&[("authorization", value)]), &token).is_none(), lets_in, "{value}");
        };
        check("Bearer correct-horse", true);
        check("bearer correct-horse", true);
        check("Bearer correct-hors", false);
        check("Basic correct-horse", false);
        check("", false);
        assert!(wrong_token(&HeaderMap::new(), &token).is_some());
    }
}
