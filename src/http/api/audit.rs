//! A line in the log for each change that was made through the API or the dashboard: who made it, what, and to which thing.
//!
//! Around every guarded route and every form, so that no new one can forget it; handlers only add what the path does not say, and say where
//! nothing was changed after all. No bodies, no headers, no queries: a secret cannot get here.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Extension, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;

/// What a handler adds to the line of its change.
#[derive(Clone, Debug)]
pub(in crate::http) enum Did {
    /// This, which the path does not say.
    This(String),
    /// It changed nothing: it was done before, or only looked at.
    Nothing,
}

impl Did {
    /// As a part of an answer.
    pub(in crate::http) fn this(what: impl ToString) -> Extension<Did> {
        Extension(Did::This(what.to_string()))
    }

    /// As a part of an answer.
    pub(super) fn nothing() -> Extension<Did> {
        Extension(Did::Nothing)
    }
}

pub(in crate::http) async fn note(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || !tracing::enabled!(tracing::Level::INFO) {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let answer = next.run(request).await;
    let path = app.blanked(uri.path());
    let did = answer.extensions().get::<Did>();
    let through = if path.starts_with("/api/") { "API" } else { "dashboard" };
    let done = match did {
        Some(Did::This(_)) => true,
        Some(Did::Nothing) => false,
        // A form is answered with a page, whatever came of it, and says itself whether it did anything.
        None => through == "API" && answer.status().is_success(),
    };
    if !done {
        return answer;
    }
    let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
    let what = match did {
        Some(Did::This(what)) => app.blanked(what),
        _ => String::new(),
    };
    tracing::info!(peer, %method, path, what, "changed through the {through}");
    answer
}
