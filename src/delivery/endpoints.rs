//! The endpoints as they are configured now: who there is, who stands, and who wants what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::watch;

use crate::delivery::engine::{Input, LaneKey};
use crate::delivery::lane::{LaneSettings, Paused};
use crate::message::Endpoint;
use crate::provider::{Dialect, Environment};

/// At most so many mails at once.
const MAILS_IN_FLIGHT: usize = 4;

/// Where an event goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The endpoint's name.
    pub webhook: Arc<str>,
    /// Whether it keeps a journey's order.
    pub ordered: bool,
}

/// The endpoints as they are configured now, and which of them stand.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    known: Arc<RwLock<Known>>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: BTreeMap<Arc<str>, Arc<Endpoint>>,
    spoken: Arc<[Dialect]>,
    /// Who wants what, as far as it was asked: thousands of endpoints are not asked for each event.
    routes: FxHashMap<(Dialect, Environment, &'static str), Arc<[Route]>>,
    /// Names that stand, also of endpoints that are not there, or not yet.
    paused: BTreeSet<Arc<str>>,
}

impl Endpoints {
    /// Replaces them all; names that stand go on standing. An endpoint that is disabled stands as well.
    pub fn replace(&self, endpoints: Vec<Endpoint>) {
        let named = |endpoint: Endpoint| (Arc::from(endpoint.name.as_str()), Arc::new(endpoint));
        let mut known = self.write();
        known.by_name = endpoints.into_iter().map(named).collect();
        known.spoken = known.by_name.values().map(|e| e.dialect).collect::<BTreeSet<_>>().into_iter().collect();
        known.routes.clear();
        drop(known);
        self.changed.send_replace(());
    }

    /// Lets a name stand, or go on.
    pub fn set_paused(&self, name: &str, paused: bool) {
        let mut known = self.write();
        match paused {
            true => known.paused.insert(name.into()),
            false => known.paused.remove(name),
        };
        drop(known);
        self.changed.send_replace(());
    }

    /// Whether a name stands.
    pub fn is_paused(&self, name: &str) -> bool {
        self.read().paused.contains(name)
    }

    /// One, by name.
    pub fn get(&self, name: &str) -> Option<Arc<Endpoint>> {
        self.read().by_name.get(name).cloned()
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Arc<Endpoint>> {
        self.read().by_name.values().cloned().collect()
    }

    /// The dialects that any of them speaks.
    pub fn spoken(&self) -> Arc<[Dialect]> {
        self.read().spoken.clone()
    }

    /// Those to which an event is owed that this dialect calls `event_type`, by name.
    pub fn wanting(&self, dialect: Dialect, environment: Environment, event_type: &'static str) -> Arc<[Route]> {
        let key = (dialect, environment, event_type);
        if let Some(routes) = self.read().routes.get(&key) {
            return routes.clone();
        }
        let mut known = self.write();
        let wants = |e: &Endpoint| e.dialect == dialect && e.wants(event_type, environment);
        let wanting = known.by_name.iter().filter(|(_, endpoint)| wants(endpoint));
        let routes: Arc<[Route]> =
            wanting.map(|(name, endpoint)| Route { webhook: name.clone(), ordered: endpoint.ordered }).collect();
        known.routes.insert(key, routes.clone());
        routes
    }

    /// Whether work for it is being started.
    pub fn runs(&self, name: &str) -> bool {
        let known = self.read();
        known.by_name.get(name).is_some_and(|endpoint| endpoint.enabled) && !known.paused.contains(name)
    }

    /// Changes whenever one may have begun or ceased to run: await it, then look again.
    pub fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// What the engine is told of them, the mail lane included.
    pub fn lanes(&self) -> Input {
        let mail = LaneSettings { max_in_flight: MAILS_IN_FLIGHT, spacing: None, paused: Paused::No };
        let mut lanes = vec![(LaneKey::Mail, mail)];
        let known = self.read();
        for (name, endpoint) in &known.by_name {
            let spacing = endpoint.rate_limit.map(|limit| spacing(limit.per_second));
            let stands = !endpoint.enabled || known.paused.contains(name);
            let paused = if stands { Paused::Yes } else { Paused::No };
            let settings = LaneSettings { max_in_flight: endpoint.max_in_flight, spacing, paused };
            lanes.push((LaneKey::Webhook(name.clone()), settings));
        }
        Input::Configured(lanes)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The least time between two starts. A rate that comes to more than a year is as good as never.
fn spacing(per_second: f64) -> Duration {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    Duration::try_from_secs_f64(1.0 / per_second).map_or(YEAR, |spacing| spacing.min(YEAR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rate_that_a_file_can_name_is_too_slow_to_be_kept() {
        assert_eq!(spacing(50.0), Duration::from_millis(20));
        assert_eq!(spacing(1e-300), Duration::from_secs(365 * 86_400));
        assert_eq!(spacing(f64::MAX), Duration::ZERO);
    }
}
