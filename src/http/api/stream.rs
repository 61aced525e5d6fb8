//! What happens, as server-sent events: for the dashboard, for `tail`, for any `EventSource`.
//!
//! ```text
//!   event: attempt                      the kind
//!   id: 17                              counts what was told while anybody listened
//!   data: {"delivery_id":"d3",...}      one line, in the shapes of the rest of the API
//! ```
//!
//! A reader that cannot keep up gets `event: missed` with how many are gone, and goes on with the next one: it may read the
//! lists again. Nothing is told twice; what happened before, or between two connections, is in the lists.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::delivery::news::{Heard, LISTENERS, Listener, News, NewsKind};
use crate::http::api::{Query, journeys, shapes};
use crate::http::problem::Problem;
use crate::http::serve::Caller;
use crate::ids::JourneyId;

/// A connection on which nothing is told is kept open by a comment so often: proxies close silent ones after a minute or so.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A client that lost its connection is to come back after so long.
const RETRY: Duration = Duration::from_secs(1);

/// What a reader wants to hear.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    kind: Option<String>,
    journey: Option<String>,
    webhook: Option<String>,
}

/// What happens from now on, until the server stops.
#[utoipa::path(
    get, path = "/api/v1/stream", operation_id = "stream", tag = "control",
    params(
        ("kind" = Option<String>, Query, description = "only these kinds, with commas between them: `journey`, `event`, `delivery`, `attempt`, `mail`, `clock`, `config`"),
        ("journey" = Option<String>, Query, description = "only what is about this journey: its id, or `ref:REFERENCE`"),
        ("webhook" = Option<String>, Query, description = "only what is about this webhook: deliveries, attempts and mails"),
    ),
    responses(
        (status = 200, description = "server-sent events that do not end: `event` is a kind, or `missed` with the count of what came too fast", body = String, content_type = "text/event-stream"),
        Problem,
    ),
)]
pub(super) async fn stream(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
    caller: Option<Extension<Caller>>,
) -> Result<Response, Problem> {
    let kinds = wanted.kind.as_deref().map(kinds).transpose()?;
    let journey = wanted.journey.map(|id| journeys::find(&app, &id)).transpose()?.map(|journey| journey.id);
    let filter = Filter { kinds, journey, webhook: wanted.webhook };
    let listener = app.news.listen().ok_or_else(|| {
        let detail = format!("{LISTENERS} streams are open already: close one, or come back later");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", detail)
    })?;
    let stop = caller.map(|Extension(caller)| caller.stop()).unwrap_or_default();
    let reader = Reader { listener, filter, stop, greeted: false };
    let told = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok::<Event, Infallible>(event), reader))
    });
    let mut answer = Sse::new(told).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Proxies that gather answers before they pass them on would hold every line back.
    answer.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(answer)
}

/// What a reader lets through: of each kind that it names, about whom it names.
struct Filter {
    kinds: Option<Vec<NewsKind>>,
    journey: Option<JourneyId>,
    webhook: Option<String>,
}

impl Filter {
    fn lets_through(&self, news: &News) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&news.kind()))
            && self.journey.is_none_or(|journey| news.journey() == Some(journey))
            && self.webhook.as_deref().is_none_or(|webhook| news.webhook() == Some(webhook))
    }
}

struct Reader {
    listener: Listener,
    filter: Filter,
    stop: CancellationToken,
    greeted: bool,
}

impl Reader {
    /// The next event for it; `None` when the server stops.
    async fn next(&mut self) -> Option<Event> {
        if !self.greeted {
            // At once, so that a client knows that it is connected.
            self.greeted = true;
            return Some(Event::default().retry(RETRY));
        }
        loop {
            let heard = tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                heard = self.listener.next() => heard,
            };
            match heard {
                Heard::Told(told) if self.filter.lets_through(&told.news) => {
                    let text = told.text(|news| written(&shape(news)));
                    let event = Event::default().event(told.news.kind().as_str()).id(told.number.to_string());
                    return Some(event.data(String::from_utf8_lossy(text)));
                }
                Heard::Told(_) => {}
                Heard::Missed(count) => {
                    return Some(Event::default().event("missed").data(json!({ "count": count }).to_string()));
                }
            }
        }
    }
}

fn shape(news: &News) -> Value {
    match news {
        News::Journey { stimulus, journey } => {
            let mut shape = shapes::journey(journey);
            shape["stimulus"] = Value::from(stimulus.as_str());
            shape
        }
        News::Event(message) => shapes::event(message),
        News::Delivery(delivery) => shapes::delivery(delivery),
        News::Attempt(ended) => shapes::attempt(ended),
        News::Mail(mail) => shapes::mail(mail),
        News::Clock(seen) => shapes::clock(seen),
        News::Config(done) => shapes::take_over(done),
    }
}

fn written(value: &Value) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn kinds(words: &str) -> Result<Vec<NewsKind>, Problem> {
    let one = |word: &str| {
        NewsKind::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| {
            let known = NewsKind::ALL.map(NewsKind::as_str).join(", ");
            Problem::bad_request("bad_value", format!("{word:?} is not a kind; known are {known}"))
        })
    };
    words.split(',').map(str::trim).map(one).collect()
}
