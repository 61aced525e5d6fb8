//! What was prepared for each endpoint, for as long as nothing changes that it was made of.
//!
//! Asked by [`super::http`] at each attempt. It cannot go stale: what is found is compared with the endpoint, and
//! other secrets empty it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ::http::header::HeaderValue;

use super::http1::{Http1, Target};
use super::request::Prepared;
use crate::message::Endpoint;
use crate::secret::Redactor;

/// It is emptied when it holds so many: names of webhooks that come and go must not pile up.
const ENDPOINTS: usize = 16_384;

/// An endpoint, ready to be sent to.
pub(super) struct Ready {
    /// The request.
    pub(super) request: Prepared,
    /// Where it goes.
    pub(super) target: Target,
}

/// All that are ready, by name.
pub(super) struct Cache(RwLock<Known>);

struct Known {
    redactor: Redactor,
    by_name: HashMap<String, Arc<Ready>>,
}

impl Cache {
    /// Knows no endpoint yet.
    pub(super) fn new(redactor: Redactor) -> Self {
        Cache(RwLock::new(Known { redactor, by_name: HashMap::new() }))
    }

    /// Blanks other secrets in what is asked for from now on.
    pub(super) fn set_redactor(&self, redactor: Redactor) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Known { redactor, by_name: HashMap::new() };
    }

    /// `endpoint`, ready to be sent to.
    ///
    /// # Errors
    /// A sentence that says why its requests cannot be sent.
    pub(super) fn get(
        &self,
        endpoint: &Endpoint,
        http1: &Http1,
        user_agent: &HeaderValue,
    ) -> Result<Arc<Ready>, String> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = known.by_name.get(&endpoint.name)
            && ready.request.is_for(endpoint)
        {
            return Ok(Arc::clone(ready));
        }
        drop(known);
        // Made under the lock, so that it blanks the secrets of those that are known when it is kept.
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let request = Prepared::new(endpoint, user_agent, known.redactor.clone())?;
        let target = http1.target(&request.url)?;
        let ready = Arc::new(Ready { request, target });
        if known.by_name.len() >= ENDPOINTS {
            known.by_name.clear();
        }
        known.by_name.insert(endpoint.name.clone(), Arc::clone(&ready));
        Ok(ready)
    }
}
