//! Style, script and icon: files of their own, so that pages need nothing inline and nothing from anywhere else.
//!
//! Served to everybody, as they tell nothing of this server. A browser keeps them, and asks whether they have changed.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Where pages find their style.
pub(super) const STYLE: &str = "/assets/style.css";
/// Where pages find their script.
pub(super) const LIVE: &str = "/assets/live.js";
/// Where pages find their icon.
pub(super) const ICON: &str = "/assets/icon.svg";

const FILES: [(&str, &str, &str); 3] = [
    (STYLE, "text/css; charset=utf-8", include_str!("style.css")),
    (LIVE, "text/javascript; charset=utf-8", include_str!("live.js")),
    (ICON, "image/svg+xml", include_str!("icon.svg")),
];

/// `/assets/...`
pub(super) fn router() -> Router {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        let tag = format!("\"{}\"", &blake3::hash(text.as_bytes()).to_hex()[..16]);
        router.route(path, get(async move |asked: HeaderMap| answer(&asked, kind, text, &tag)))
    })
}

fn answer(asked: &HeaderMap, kind: &'static str, text: &'static str, tag: &str) -> Response {
    let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut response = match fresh {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, kind)], text).into_response(),
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
