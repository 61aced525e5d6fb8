//! Deliveries without TLS: HTTP/1.1 over connections of our own.
//!
//! Called by [`super::http`] for `http://`, which is where volume goes: receivers under development and load tests.
//!
//! ```text
//!   a resting connection ──┐
//!                          ├──> request ──> head ──> body ──> rest, or close
//!   resolve, judge, dial ──┘
//! ```
//!
//! An attempt drives its connection itself, in its own task. A connection that rested is asked by its socket whether
//! it is still open and silent; one that is not is dropped, and another is taken. It never sends a request of which a
//! byte may have been written a second time, and never keeps a connection whose answer did not come to its end.

mod dial;
mod line;
mod pool;

use std::sync::Arc;
use std::time::Duration;

use ::http::header::HeaderMap;
use ::http::{Method, Uri};
use bytes::Bytes;
use http_body_util::Full;

pub(super) use self::line::HeadTooLarge;
use self::line::{Broken, Line, Request};
use self::pool::{Place, Pools, Resting};
use super::answer::{Answer, End};
use super::failure::{self, Stage};
use super::resolve::{Guard, Resolver};
use crate::clock::Stopwatch;
use crate::message::ErrorClass;

/// Sends over `http://`.
pub(super) struct Plain {
    open: Resolver,
    guarded: Resolver,
    pools: Pools,
}

/// Where requests to one endpoint go: made once, used by each attempt.
pub(super) struct Target {
    uri: Uri,
    open: (Place, Arc<Resting>),
    guarded: (Place, Arc<Resting>),
}

impl Target {
    /// A request with these headers, which lack its length only.
    pub(super) fn request(&self, headers: HeaderMap, body: &Bytes) -> Request {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        request
    }
}

impl Plain {
    /// `open` and `guarded` say where connections may go.
    pub(super) fn new(open: Resolver, guarded: Resolver) -> Self {
        Plain { open, guarded, pools: Pools::default() }
    }

    /// The target that `url` names.
    ///
    /// # Errors
    /// A sentence that says why a request cannot name it.
    pub(super) fn target(&self, url: &url::Url) -> Result<Target, String> {
        let uri = url[url::Position::BeforePath..url::Position::AfterQuery].parse();
        let uri = uri.map_err(|_| "the url has characters that http does not allow".to_owned())?;
        let host = url.host().ok_or_else(|| "the url names no host".to_owned())?.to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let at = |guard| {
            let place = Place { host: host.clone(), port, guard };
            (place.clone(), self.pools.of(place))
        };
        Ok(Target { uri, open: at(Guard::Open), guarded: at(Guard::OwnApi) })
    }

    /// Sends `request` to `target` and takes the answer down. The caller holds the deadline, which is `at_most` from now.
    pub(super) async fn exchange(
        &self,
        target: &Target,
        guard: Guard,
        mut request: Request,
        at_most: Duration,
        answer: &mut Answer,
        watch: &Stopwatch,
    ) -> End {
        let (resolver, (place, resting)) = match guard {
            Guard::Open => (&self.open, &target.open),
            Guard::OwnApi => (&self.guarded, &target.guarded),
        };
        loop {
            let rested = resting.take();
            let fresh = rested.is_none();
            let mut line = match rested {
                Some(line) => line,
                // Boxed, because it is large and rare: each attempt would carry it.
                None => match Box::pin(self.line(place, target.uri.path(), resolver, at_most)).await {
                    Ok(line) => line,
                    Err(end) => return end,
                },
            };
            match line.exchange(request, answer, watch).await {
                Ok(()) => {
                    if answer.is_all() && line.rests() {
                        self.pools.park(resting, line);
                    }
                    return End::Whole;
                }
                // Nothing was written: the receiver cannot tell that there was an attempt.
                Err(Broken::Unsent(unsent, _)) if !fresh => request = *unsent,
                Err(Broken::Unsent(_, error) | Broken::Sent(error)) => return broken(&error, Stage::Exchanging),
            }
        }
    }

    async fn line(&self, place: &Place, path: &str, resolver: &Resolver, at_most: Duration) -> Result<Box<Line>, End> {
        let connecting = Stage::Connecting { tls: false };
        let stream = dial::dial(place, path, resolver, at_most).await.map_err(|error| broken(&error, connecting))?;
        Line::open(stream).await.map_err(|error| broken(&error, connecting))
    }
}

fn broken(error: &(dyn std::error::Error + 'static), stage: Stage) -> End {
    let (class, detail): (ErrorClass, String) = failure::classify(error, stage);
    End::Broken(class, detail)
}
