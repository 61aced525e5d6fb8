//! The dashboard: pages for people who drive journeys, watch their webhooks, break an endpoint, mend it and resend.
//!
//! Server-rendered: every page and every form works without a script. The script only refreshes what is on the page when
//! something has happened. Called by `stage`, which serves it beside the API.
//!
//! ```text
//!   browser ── GET ──> door ──> page ── reads ──> desk: app, outbox, inbox
//!           ── POST ─> door (own origin only) ──> act ──> redirect to a page, with a note of what it came to
//!           ── EventSource /api/v1/stream ──> fetches its own page again and swaps the live parts
//! ```
//!
//! A page reads a page of the store, never all of it. What is foreign is escaped by the templates, and there is nothing
//! inline that could be tricked into running. No page holds a secret.

mod access;
mod assets;
mod attempt;
mod clock;
mod deliveries;
mod delivery;
mod desk;
mod har;
mod inbox;
mod journey;
mod journeys;
mod layout;
mod machine;
mod mails;
mod overview;
mod parts;
pub mod repertoire;
mod scenarios;
mod stimuli;
mod trouble;
mod visit;
mod webhook_acts;
mod webhooks;
mod wizard;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::http::access::Access;
use crate::http::api::audit;
use crate::http::inbox::Inbox;
use crate::scenario::Scenario;
use desk::Desk;
use repertoire::{Repertoire, Run};
use trouble::Trouble;
use visit::{Path, Visit};

/// The dashboard. Cheap to clone; clones are the same one.
#[derive(Clone, Debug)]
pub struct Dashboard(Arc<Desk>);

impl Dashboard {
    /// Over an application and its receiver, for those whom `access` lets in.
    pub fn new(app: Arc<App>, inbox: Inbox, access: Arc<Access>, repertoire: Repertoire) -> Self {
        Dashboard(Arc::new(Desk::new(app, inbox, access, repertoire)))
    }

    /// Every page, form and asset.
    pub fn router(&self) -> Router {
        let desk = &self.0;
        Router::new()
            .route("/", page(overview::show))
            .route("/journeys", page(journeys::list).post(journeys::start))
            .route("/journeys/{id}", page_of(journey::show))
            .route("/journeys/{id}/stimuli", post(journey::stimulate))
            .route("/webhooks", page(webhooks::list))
            .route("/webhooks/new", page(wizard::make).post(wizard::made))
            .route("/webhooks/{name}", page_of(webhooks::show))
            .route("/webhooks/{name}/edit", page_of(wizard::edit).post(wizard::edited))
            .route("/webhooks/{name}/pause", post(webhook_acts::pause))
            .route("/webhooks/{name}/resume", post(webhook_acts::resume))
            .route("/webhooks/{name}/test", post(webhook_acts::test))
            .route("/webhooks/{name}/drop", post(webhook_acts::remove))
            .route("/deliveries", page(deliveries::list))
            .route("/deliveries/resend", page(deliveries::would_resend).post(deliveries::resend_many))
            .route("/deliveries/{id}", page_of(delivery::show))
            .route("/deliveries/{id}/resend", post(delivery::resend))
            .route("/deliveries/{id}/cancel", post(delivery::cancel))
            .route("/inbox-view", page(inbox::list))
            .route("/inbox-view/{name}", page_of(inbox::show))
            .route("/inbox-view/{name}/misbehave", post(inbox::misbehave))
            .route("/mails", page(mails::list))
            .route("/mails/{id}", page_of(mails::show))
            .route("/clock", page(clock::show).post(clock::change))
            .route("/scenarios", page(scenarios::list))
            .route("/scenarios/run", post(scenarios::play))
            .route("/scenarios/runs/{n}", page_of(scenarios::show))
            .route("/login", get(access::login).post(access::enter))
            .route("/logout", post(access::leave))
            .method_not_allowed_fallback(wrong_method)
            .route_layer(from_fn_with_state(desk.app.clone(), audit::note))
            .route_layer(from_fn_with_state(desk.clone(), access::check))
            .with_state(desk.clone())
            .merge(assets::router())
            .layer(from_fn(access::seal))
    }

    /// A play begins that nobody wanted here: where to note how it goes.
    pub fn begin(&self, scenario: &Scenario) -> Run {
        self.0.repertoire.begin(scenario, self.0.app.now())
    }

    /// Measures how much happens, until stopped.
    pub async fn feel_pulse(&self, stop: CancellationToken) {
        self.0.feel_pulse(stop).await;
    }
}

/// A page: made on a thread that may wait, as it reads from the disk, and deliveries must not wait for that.
fn page(make: fn(&Visit) -> Result<Response, Trouble>) -> MethodRouter<Arc<Desk>> {
    get(async move |visit: Visit| {
        let app = visit.desk.app.clone();
        app.look(move |_| make(&visit)).await
    })
}

/// As [`page`], of one thing that the path names.
fn page_of(make: fn(&Visit, &str) -> Result<Response, Trouble>) -> MethodRouter<Arc<Desk>> {
    get(async move |visit: Visit, Path(named): Path| {
        let app = visit.desk.app.clone();
        app.look(move |_| make(&visit, &named)).await
    })
}

/// Whether whoever asks is a browser that shows pages.
pub(in crate::http) fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepts.is_some_and(|accepts| accepts.split(',').any(|kind| kind.trim().starts_with("text/html")))
}

/// What a browser is shown where there is nothing. Says nothing of this server, so anybody may see it.
pub(in crate::http) fn missing(uri: &Uri) -> Response {
    access::sealed(Trouble::missing(format!("there is nothing at {}", uri.path())).into_response())
}

/// What a browser is shown where a form would be sent to, or nothing but a form.
async fn wrong_method(uri: Uri) -> Trouble {
    let text = format!("{} is where a form of these pages is sent to, and shows nothing by itself", uri.path());
    Trouble::with(StatusCode::METHOD_NOT_ALLOWED, text)
}
