//! A line in the log for each change that was made through the API or the dashboard: who made it, what, and to which thing.
//!
//! Around every guarded route and every form, so that no new one can forget it; handlers only add what the path does not say, and say where
//! nothing was changed after all. No bodies, no headers, no queries: a secret cannot get here.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::http::serve::Caller;

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

/// As a layer.
pub(in crate::http) async fn note(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let asked = Asked::of(&request);
    let answer = next.run(request).await;
    if let Some(asked) = asked {
        asked.note(&app, &answer);
    }
    answer
}

/// A request that may change something, as far as the line needs it.
#[derive(Debug)]
pub(super) struct Asked {
    peer: Option<SocketAddr>,
    method: Method,
    uri: Uri,
}

impl Asked {
    /// `None` where nothing is changed, or nobody reads of it.
    pub(super) fn of(request: &Request) -> Option<Asked> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        if reads || !tracing::enabled!(tracing::Level::INFO) {
            return None;
        }
        let peer = request.extensions().get::<Caller>().map(Caller::peer);
        Some(Asked { peer, method: request.method().clone(), uri: request.uri().clone() })
    }

    /// The line, if `answer` says that something was done.
    pub(super) fn note(self, app: &App, answer: &Response) {
        let Asked { peer, method, uri } = self;
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
            return;
        }
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        let what = match did {
            Some(Did::This(what)) => app.blanked(what),
            _ => String::new(),
        };
        tracing::info!(peer, %method, path, what, "changed through the {through}");
    }
}
