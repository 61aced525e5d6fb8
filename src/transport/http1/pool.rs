//! Connections that rest between two attempts.
//!
//! Kept by [`super::Http1`]. The one that rested least is taken first, so that few stay warm and the others run out;
//! they are dropped after [`IDLE`] by one task that ends itself when nothing rests any more. Nothing in here polls a
//! connection.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::task::JoinSet;

use super::line::Line;
use crate::clock::{Stopwatch, real_sleep};
use crate::transport::http::{IDLE, IDLE_PER_HOST};
use crate::transport::resolve::Guard;

/// The sweep looks no more often than this, so an idle connection may outlive [`IDLE`] by so much. It is not used
/// again in that time.
const SWEEP_AT_MOST_EVERY: Duration = Duration::from_millis(250);

/// What connections may be shared over: all requests to a port of a host that are held to the same guard, and that go
/// over TLS or do not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) host: url::Host<String>,
    pub(super) port: u16,
    pub(super) guard: Guard,
    /// What the certificate has to be for, where it is TLS.
    pub(super) tls: Option<ServerName<'static>>,
}

/// All resting connections.
#[derive(Default)]
pub(super) struct Pools {
    shared: Arc<Shared>,
    sweeper: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct Shared {
    places: Mutex<HashMap<Place, Arc<Resting>>>,
    sweeping: AtomicBool,
}

/// The resting connections of one place.
#[derive(Default)]
pub(super) struct Resting {
    /// The longest rest comes first.
    lines: Mutex<VecDeque<(Stopwatch, Box<Line>)>>,
}

impl Pools {
    /// The connections of `place`.
    pub(super) fn of(&self, place: Place) -> Arc<Resting> {
        let mut places = lock(&self.shared.places);
        // Hosts come and go, and one that never answers leaves nothing to sweep: now and then they are looked over.
        if places.len().is_power_of_two() && !places.contains_key(&place) {
            places.retain(|_, resting| Arc::strong_count(resting) > 1 || !lock(&resting.lines).is_empty());
        }
        Arc::clone(places.entry(place).or_default())
    }

    /// Lets `line` rest.
    pub(super) fn park(&self, resting: &Resting, line: Box<Line>) {
        let mut lines = lock(&resting.lines);
        if lines.len() >= IDLE_PER_HOST {
            return;
        }
        lines.push_back((Stopwatch::start(), line));
        drop(lines);
        if !self.shared.sweeping.load(Ordering::SeqCst) && !self.shared.sweeping.swap(true, Ordering::SeqCst) {
            let mut sweeper = lock(&self.sweeper);
            // The one before has ended: without this its result would be kept.
            while sweeper.try_join_next().is_some() {}
            sweeper.spawn(sweep(Arc::downgrade(&self.shared)));
        }
    }
}

impl Resting {
    /// The connection that rested least, if that was not for too long.
    pub(super) fn take(&self) -> Option<Box<Line>> {
        let (since, line) = lock(&self.lines).pop_back()?;
        (since.elapsed() < IDLE).then_some(line)
    }

    /// Drops what rested for too long, and says how long the next one still may.
    fn sweep(&self) -> Option<Duration> {
        let mut lines = lock(&self.lines);
        let old = lines.partition_point(|(since, _)| since.elapsed() >= IDLE);
        let old: Vec<_> = lines.drain(..old).collect();
        let left = lines.front().map(|(since, _)| IDLE.saturating_sub(since.elapsed()));
        drop(lines);
        // Closing sockets takes a while: nobody should wait for the lock meanwhile.
        drop(old);
        left
    }
}

impl Shared {
    fn sweep(&self) -> Option<Duration> {
        let mut places = lock(&self.places);
        let mut next = None;
        places.retain(|_, resting| {
            let left = resting.sweep();
            next = left.into_iter().chain(next).min();
            left.is_some() || Arc::strong_count(resting) > 1
        });
        next
    }
}

/// Ends with the transport, or when nothing rests any more.
async fn sweep(shared: Weak<Shared>) {
    let mut nap = IDLE;
    loop {
        real_sleep(nap.max(SWEEP_AT_MOST_EVERY)).await;
        let Some(shared) = shared.upgrade() else { return };
        nap = match shared.sweep() {
            Some(left) => left,
            None => {
                shared.sweeping.store(false, Ordering::SeqCst);
                // What was parked before that is ours still, unless whoever parked it has begun a sweep for it.
                match shared.sweep() {
                    Some(left) if !shared.sweeping.swap(true, Ordering::SeqCst) => left,
                    _ => return,
                }
            }
        };
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
