//! HTTP/1.1 over connections of our own, with TLS below it or without.
//!
//! Called by [`super::http`] for each attempt.
//!
//! ```text
//!   a resting connection ───────────────┐
//!                                       ├──> request ──> head ──> body ──> rest, or close
//!   resolve, judge, dial, secure if TLS ┘
//! ```
//!
//! An attempt drives its connection itself, in its own task. A connection that rested is asked by its socket whether
//! it is still open and silent; one that is not is dropped, and another is taken. It never sends a request of which a
//! byte may have been written a second time, and never keeps a connection whose answer did not come to its end.

mod body;
mod dial;
mod head;
mod inbox;
mod line;
mod pool;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use self::line::{Broken, Line};
use self::pool::{Place, Pools, Resting};
use self::stream::Stream;
use self::wire::Wire;
use super::answer::{Answer, End};
use super::failure::{self, Stage};
use super::resolve::{Guard, Resolver};
use super::secure::{self, Sessions};
use crate::clock::Stopwatch;
use crate::message::ErrorClass;

/// More came than any peer in its senses has to say at this stage.
#[derive(Debug, thiserror::Error)]
#[error("more came than is read")]
pub(super) struct TooMuch;

/// Sends over `http://` and `https://`.
pub(super) struct Http1 {
    open: Resolver,
    guarded: Resolver,
    sessions: Sessions,
    pools: Pools,
}

/// Where requests to one endpoint go: made once, used by each attempt.
pub(super) struct Target {
    path: String,
    open: (Place, Arc<Resting>),
    guarded: (Place, Arc<Resting>),
}

impl Http1 {
    /// `open` and `guarded` say where connections may go, and `sessions` whom to trust there.
    pub(super) fn new(open: Resolver, guarded: Resolver, sessions: Sessions) -> Self {
        Http1 { open, guarded, sessions, pools: Pools::default() }
    }

    /// The target that `url` names.
    ///
    /// # Errors
    /// A sentence that says why a request cannot name it.
    pub(super) fn target(&self, url: &url::Url) -> Result<Target, String> {
        let host = url.host().ok_or_else(|| "the url names no host".to_owned())?.to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let tls = if url.scheme() == "https" { Some(secure::server_name(&host)?) } else { None };
        let at = |guard| {
            let place = Place { host: host.clone(), port, guard, tls: tls.clone() };
            (place.clone(), self.pools.of(place))
        };
        Ok(Target { path: url.path().to_owned(), open: at(Guard::Open), guarded: at(Guard::OwnApi) })
    }

    /// Sends `request` to `target` and takes the answer down. The caller holds the deadline, which is `at_most` from now.
    pub(super) async fn exchange(
        &self,
        target: &Target,
        guard: Guard,
        request: &[u8],
        at_most: Duration,
        answer: &mut Answer<'_>,
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
                None => match Box::pin(self.line(place, &target.path, resolver, at_most)).await {
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
                Err(Broken::Unsent(_)) if !fresh => {}
                Err(Broken::Unsent(error) | Broken::Sent(error)) => {
                    let stage = if answer.has_begun() { Stage::Reading } else { Stage::Exchanging };
                    return broken(&error, stage);
                }
            }
        }
    }

    async fn line(&self, place: &Place, path: &str, resolver: &Resolver, at_most: Duration) -> Result<Box<Line>, End> {
        let connecting = Stage::Connecting { tls: false };
        let stream = dial::dial(place, path, resolver, at_most).await.map_err(|error| broken(&error, connecting))?;
        let stream = match &place.tls {
            None => Stream::Clear(Wire::clear(stream)),
            Some(name) => match self.sessions.open(name, Wire::with_records(stream)).await {
                Ok(session) => Stream::Tls(Box::new(session)),
                Err(error) => return Err(broken(&error, Stage::Connecting { tls: true })),
            },
        };
        Ok(Box::new(Line::new(stream)))
    }
}

fn broken(error: &(dyn std::error::Error + 'static), stage: Stage) -> End {
    let (class, detail): (ErrorClass, String) = failure::classify(error, stage);
    End::Broken(class, detail)
}
