//! The test of a webhook: one request now, of which nothing is kept.

use bytes::Bytes;
use serde_json::Value;

use super::{WebhookError, read};
use crate::app::App;
use crate::clock::Clock as _;
use crate::ids::EventId;
use crate::message::{Auth, Endpoint, Message, Outcome, Success};
use crate::provider::{self, ProviderKind};
use crate::rng::Seed;

impl App {
    /// Sends a webhook's test now, whatever state it is in. Not recorded: nobody is owed it.
    ///
    /// # Errors
    /// [`WebhookError::Unknown`].
    pub async fn test_webhook(&self, name: &str) -> Result<(bool, Outcome), WebhookError> {
        let endpoint = self.endpoints.get(name).ok_or_else(|| WebhookError::Unknown(name.to_owned()))?;
        Ok(self.test(&endpoint).await)
    }

    /// Sends the test of a definition that nobody has saved. `named` takes what is absent in it, its secrets too, from a
    /// webhook that was made here: for a change of it.
    ///
    /// # Errors
    /// [`WebhookError::Wrong`], or [`WebhookError::Unknown`] where there is none of that name.
    pub async fn try_webhook(&self, definition: Value, named: Option<&str>) -> Result<(bool, Outcome), WebhookError> {
        let mut whole = definition;
        if let Some(name) = named {
            let mut known = self.definition(name)?;
            if let (Value::Object(known), Value::Object(changes)) = (&mut known, whole) {
                known.extend(changes);
            }
            whole = known;
        }
        let around = self.webhooks.around();
        let webhook = read(&whole, &around).map_err(WebhookError::Wrong)?;
        // Whatever the endpoint echoes is blanked.
        self.webhooks.tell_secrets(Some(&webhook));
        Ok(self.test(&webhook.endpoint(&around.base)).await)
    }

    /// One request, and whether it was answered as it should be. QoreID probes a URL with an empty body that nothing signs
    /// (support article 60006108552) and takes any 2xx; IDWise's portal sends a test event.
    pub(super) async fn test(&self, endpoint: &Endpoint) -> (bool, Outcome) {
        let mut endpoint = endpoint.clone();
        let event_id = EventId::by_hand(Seed::fresh(), 1);
        let named = endpoint.types.iter().find(|kind| endpoint.dialect.event_types().contains(&kind.as_str())).cloned();
        let kind = named.or_else(|| endpoint.dialect.event_types().first().map(|kind| (*kind).to_owned()));
        let event_type = kind.unwrap_or_default();
        let body = match endpoint.dialect.provider() {
            ProviderKind::Qoreid => {
                (endpoint.auth, endpoint.success) = (Auth::None, Success::Any2xx);
                Bytes::new()
            }
            ProviderKind::Idwise => provider::test_event(endpoint.dialect, &event_type, event_id)
                .map(|rendered| Bytes::from(rendered.body))
                .unwrap_or_default(),
        };
        let message = Message {
            event_id,
            event_type: event_type.into(),
            journey_id: None,
            sequence: 0,
            environment: endpoint.environment,
            created_at: self.clock.now(),
            body,
            forms: Vec::new(),
        };
        let outcome = self.transport.send(&endpoint, &message).await;
        (outcome.status.is_some_and(|status| endpoint.success.holds(status)), outcome)
    }
}
