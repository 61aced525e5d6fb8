//! Webhooks that come and go while the provider runs: made, changed, tested, paused and dropped through the API.
//!
//! One that was made here lives in the outbox, without its secrets, which are in the vault; what the configuration has is
//! the configuration's to change. A name that is in both is the configuration's.

mod trial;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::Mutex as AsyncMutex;
use url::Url;

use crate::app::App;
use crate::app::vault::{self, Vault};
use crate::delivery::endpoints::Endpoints;
use crate::message::{DeliveryState, Endpoint, Outcome};
use crate::outbox::{DeliveryQuery, Note, Outbox, OutboxError};
use crate::portal::changes::How;
use crate::portal::webhook::Surroundings;
use crate::portal::{DeliverySettings, Webhook};
use crate::provider::{Dialect, Environment, ProviderKind};
use crate::reader::Complaints;
use crate::secret::{Redactor, Secret};

/// The beginning of the names of notes that hold definitions.
const DEFINITIONS: &str = "webhook/";
/// The beginning of the names of notes that say who is paused.
const PAUSED: &str = "paused/";
/// Deliveries that are called off in one go.
const PAGE: usize = 1_000;

/// What a webhook takes from the configuration around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Around {
    /// The environment of webhooks that name none.
    pub environment: Environment,
    /// How those are delivered to that do not say it themselves.
    pub delivery: DeliverySettings,
    /// The dialect of those that name none.
    pub dialect: Dialect,
    /// What a path of the own inbox is resolved against.
    pub base: Url,
}

impl Default for Around {
    fn default() -> Self {
        Around {
            environment: Environment::Sandbox,
            delivery: DeliverySettings::default(),
            dialect: Dialect::current(ProviderKind::Idwise),
            base: Url::parse("http://127.0.0.1/").expect("a literal URL"),
        }
    }
}

/// Hears of the secrets of webhooks that were made here before anything is sent to them, and gives what blanks them and all
/// others.
pub type OnSecrets = Box<dyn Fn(&[Secret]) -> Redactor + Send + Sync>;

/// The registry behind the application's endpoints.
pub(super) struct Registry {
    around: RwLock<Around>,
    /// Those of the configuration.
    configured: Mutex<Vec<Endpoint>>,
    /// Those made here: their definitions, secrets and all.
    made: Mutex<BTreeMap<String, (Value, Webhook)>>,
    vault: Vault,
    /// One change at a time.
    changing: AsyncMutex<()>,
    on_secrets: RwLock<Option<OnSecrets>>,
    redactor: RwLock<Redactor>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl Registry {
    pub(super) fn new(configured: Vec<Endpoint>, vault: Vault) -> Self {
        Registry {
            around: RwLock::default(),
            configured: Mutex::new(configured),
            made: Mutex::default(),
            vault,
            changing: AsyncMutex::default(),
            on_secrets: RwLock::default(),
            redactor: RwLock::default(),
        }
    }

    fn around(&self) -> Around {
        self.around.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn made(&self) -> MutexGuard<'_, BTreeMap<String, (Value, Webhook)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn configured(&self) -> MutexGuard<'_, Vec<Endpoint>> {
        self.configured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them; of a name that is in both the configured one.
    fn endpoints(&self) -> Vec<Endpoint> {
        let (around, mut all) = (self.around(), self.configured().clone());
        let made: Vec<Endpoint> = self.made().values().map(|(_, webhook)| webhook.endpoint(&around.base)).collect();
        all.extend(made.into_iter().filter(|made| self.is_made(&made.name)));
        all
    }

    fn is_made(&self, name: &str) -> bool {
        self.made().contains_key(name) && !self.configured().iter().any(|endpoint| endpoint.name == name)
    }

    /// Tells whoever blanks secrets of all that are known here, and of `more`.
    fn tell_secrets(&self, more: Option<&Webhook>) {
        let known: Vec<Secret> =
            self.made().values().flat_map(|(_, w)| w.secrets().cloned().collect::<Vec<_>>()).collect();
        let more = more.iter().flat_map(|webhook| webhook.secrets().cloned());
        let all: Vec<Secret> = known.into_iter().chain(more).collect();
        if let Some(tell) = &*self.on_secrets.read().unwrap_or_else(PoisonError::into_inner) {
            *self.redactor.write().unwrap_or_else(PoisonError::into_inner) = tell(&all);
        }
    }
}

/// Why a webhook was not made, changed or dropped.
#[derive(Debug)]
pub enum WebhookError {
    /// There is none of that name.
    Unknown(String),
    /// It is the configuration's.
    Configured(String),
    /// There is one of that name already.
    Taken(String),
    /// Its definition is wrong.
    Wrong(Complaints),
    /// Its endpoint did not answer the test as it should: nothing was saved.
    Failed(Box<Outcome>),
    /// Its secrets cannot be kept.
    Vault(std::io::Error),
    /// The outbox would not, or could not.
    Outbox(OutboxError),
}

impl From<OutboxError> for WebhookError {
    fn from(error: OutboxError) -> Self {
        WebhookError::Outbox(error)
    }
}

/// Lets those stand that stood when the store was left.
///
/// # Errors
/// Only when the outbox is broken.
pub(super) fn restore_pauses(endpoints: &Endpoints, outbox: &dyn Outbox) -> Result<(), OutboxError> {
    for (name, _) in outbox.notes(PAUSED)? {
        endpoints.set_paused(name.strip_prefix(PAUSED).unwrap_or(&name), true);
    }
    Ok(())
}

impl App {
    /// Takes over what a configuration has: its webhooks, what it says to all of them, and who hears of secrets. Webhooks
    /// that were made through the API stay, under the new surroundings.
    ///
    /// # Errors
    /// Only when the outbox is broken.
    pub async fn set_webhooks(
        &self,
        configured: Vec<Endpoint>,
        around: Around,
        on_secrets: Option<OnSecrets>,
    ) -> Result<(), OutboxError> {
        let _turn = self.webhooks.changing.lock().await;
        *self.webhooks.around.write().unwrap_or_else(PoisonError::into_inner) = around.clone();
        if on_secrets.is_some() {
            *self.webhooks.on_secrets.write().unwrap_or_else(PoisonError::into_inner) = on_secrets;
        }
        *self.webhooks.configured() = configured;
        let mut made = BTreeMap::new();
        for (name, value) in self.outbox.notes(DEFINITIONS)? {
            let name = name.strip_prefix(DEFINITIONS).unwrap_or(&name).to_owned();
            let mut definition: Value = serde_json::from_slice(&value).unwrap_or_default();
            vault::put_back(&mut definition, &self.webhooks.vault.of(&name));
            match read(&definition, &around) {
                Ok(webhook) => drop(made.insert(name, (definition, webhook))),
                Err(complaints) => {
                    let why = complaints.lines();
                    tracing::error!(
                        webhook = name,
                        why,
                        "a webhook made through the API cannot be used as it is; what it is owed waits"
                    );
                }
            }
        }
        *self.webhooks.made() = made;
        self.webhooks.tell_secrets(None);
        self.set_endpoints(self.webhooks.endpoints()).await;
        Ok(())
    }

    /// A text without the secrets of webhooks and configuration.
    pub fn blanked(&self, text: &str) -> String {
        self.webhooks.redactor.read().unwrap_or_else(PoisonError::into_inner).text(text)
    }

    /// Whether a webhook was made through the API.
    pub fn is_made(&self, name: &str) -> bool {
        self.webhooks.is_made(name)
    }

    /// Makes a webhook of a definition with the keys of `[[webhook]]`. It is saved once its test has succeeded.
    ///
    /// # Errors
    /// [`WebhookError`]; nothing was saved then.
    pub async fn make_webhook(&self, definition: Value, test: bool) -> Result<String, WebhookError> {
        let _turn = self.webhooks.changing.lock().await;
        let webhook = read(&definition, &self.webhooks.around()).map_err(WebhookError::Wrong)?;
        if self.endpoints.get(&webhook.name).is_some() {
            return Err(WebhookError::Taken(webhook.name));
        }
        let name = self.save(definition, webhook, test).await?;
        self.tell_webhook(&name, How::Added, Vec::new());
        Ok(name)
    }

    /// Changes some keys of a webhook; a key that is `null` is as if it had never been given.
    ///
    /// # Errors
    /// [`WebhookError`]; nothing was changed then.
    pub async fn change_webhook(
        &self,
        name: &str,
        changes: Map<String, Value>,
        test: bool,
    ) -> Result<(), WebhookError> {
        let _turn = self.webhooks.changing.lock().await;
        let mut definition = self.definition(name)?;
        let keys = self.key_changes(&definition, &changes);
        if let Value::Object(members) = &mut definition {
            members.extend(changes);
            members.insert("name".to_owned(), name.into());
        }
        let webhook = read(&definition, &self.webhooks.around()).map_err(WebhookError::Wrong)?;
        self.save(definition, webhook, test).await?;
        self.tell_webhook(name, How::Changed, keys);
        Ok(())
    }

    /// Drops a webhook and calls off what it is still owed; says how many deliveries that were. An attempt that is under
    /// way ends.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn drop_webhook(&self, name: &str) -> Result<usize, WebhookError> {
        let _turn = self.webhooks.changing.lock().await;
        self.definition(name)?;
        self.outbox.keep_note(Note { name: format!("{DEFINITIONS}{name}"), value: None }).await?;
        self.outbox.keep_note(Note { name: format!("{PAUSED}{name}"), value: None }).await?;
        self.webhooks.made().remove(name);
        self.endpoints.set_paused(name, false);
        self.set_endpoints(self.webhooks.endpoints()).await;
        self.keep_secrets(name.to_owned(), vault::Secrets::new()).await?;
        self.tell_webhook(name, How::Removed, Vec::new());
        let waiting = DeliveryQuery {
            state: Some(DeliveryState::Waiting),
            webhook: Some(name.to_owned()),
            ..DeliveryQuery::default()
        };
        let mut called_off = 0;
        loop {
            let page = self.outbox.deliveries(&waiting, None, PAGE)?;
            let before = called_off;
            for delivery in &page.items {
                match self.cancel(delivery).await {
                    Ok(()) => called_off += 1,
                    Err(OutboxError::NotPossible(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if called_off == before {
                return Ok(called_off);
            }
        }
    }

    /// Pauses a webhook, or lets it go on: a paused one is owed its deliveries, and none is started. Kept over restarts.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn pause_webhook(&self, name: &str, paused: bool) -> Result<(), WebhookError> {
        let _turn = self.webhooks.changing.lock().await;
        self.endpoints.get(name).ok_or_else(|| WebhookError::Unknown(name.to_owned()))?;
        let value = paused.then(|| Bytes::from_static(b"yes"));
        self.outbox.keep_note(Note { name: format!("{PAUSED}{name}"), value }).await?;
        self.endpoints.set_paused(name, paused);
        self.tell_webhook(name, if paused { How::Paused } else { How::Resumed }, Vec::new());
        self.tell(self.endpoints.lanes()).await;
        self.wake_lanes().await;
        Ok(())
    }

    /// The definition of a webhook that was made here.
    fn definition(&self, name: &str) -> Result<Value, WebhookError> {
        match self.webhooks.is_made(name) {
            true => self.webhooks.made().get(name).map(|(definition, _)| definition.clone()),
            false if self.endpoints.get(name).is_some() => return Err(WebhookError::Configured(name.to_owned())),
            false => None,
        }
        .ok_or_else(|| WebhookError::Unknown(name.to_owned()))
    }

    async fn save(&self, definition: Value, webhook: Webhook, test: bool) -> Result<String, WebhookError> {
        let name = webhook.name.clone();
        // Whatever the endpoint echoes is blanked from the first byte on.
        self.webhooks.tell_secrets(Some(&webhook));
        if test {
            let (passed, outcome) = self.test(&webhook.endpoint(&self.webhooks.around().base)).await;
            if !passed {
                return Err(WebhookError::Failed(Box::new(outcome)));
            }
        }
        let mut bare = definition.clone();
        let secrets = vault::take(&mut bare);
        self.keep_secrets(name.clone(), secrets).await?;
        let value = Some(Bytes::from(bare.to_string()));
        self.outbox.keep_note(Note { name: format!("{DEFINITIONS}{name}"), value }).await?;
        self.webhooks.made().insert(name.clone(), (definition, webhook));
        self.set_endpoints(self.webhooks.endpoints()).await;
        Ok(name)
    }

    async fn keep_secrets(&self, name: String, secrets: vault::Secrets) -> Result<(), WebhookError> {
        let webhooks = self.webhooks.clone();
        let kept = tokio::task::spawn_blocking(move || webhooks.vault.keep(&name, secrets)).await;
        kept.map_err(std::io::Error::other).and_then(|kept| kept).map_err(WebhookError::Vault)
    }
}

fn read(definition: &Value, around: &Around) -> Result<Webhook, Complaints> {
    let surroundings =
        Surroundings { environment: around.environment, delivery: &around.delivery, dialect: around.dialect };
    // A secret may not be taken from this process's environment by whoever may call its API.
    Webhook::from_json(definition, surroundings, &|_| None)
}
