//! `[[webhook]]`: where events are delivered to.

use http::HeaderName;

use crate::message::{Auth, Endpoint};
use crate::portal::credentials::{auth, headers};
use crate::portal::delivery::{DeliveryPolicy, DeliverySettings, PolicyOverrides};
use crate::portal::email::{address_help, check_address};
use crate::portal::target::{Target, target};
use crate::provider::{Dialect, Environment};
use crate::reader::nearest::listed;
use crate::reader::{Item, Reading, Section, Source, nearest};
use crate::secret::Secret;

/// A webhook as it is set up, with its policy resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Unique in a configuration.
    pub name: String,
    /// Whose events it gets.
    pub environment: Environment,
    /// The era of the provider's documentation that it is spoken to in.
    pub dialect: Dialect,
    /// The event types it gets, or `*`.
    pub types: Vec<String>,
    /// Where its requests go.
    pub target: Target,
    /// Who is mailed when a delivery is given up.
    pub error_emails: Vec<String>,
    /// How its requests prove where they come from.
    pub auth: Auth,
    /// Added to every request.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Whether it gets new deliveries.
    pub enabled: bool,
    /// What it sets itself.
    pub overrides: PolicyOverrides,
    /// How it is delivered to: `[delivery]` with its own keys in place.
    pub policy: DeliveryPolicy,
}

/// What a webhook takes from the document around it.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The environment of webhooks that name none.
    pub environment: Environment,
    /// `[delivery]`: how webhooks are delivered to that do not override it.
    pub delivery: &'a DeliverySettings,
    /// The dialect of webhooks that name none.
    pub dialect: Dialect,
}

impl Webhook {
    /// As the delivery knows it; a path on the own inbox is resolved against `inbox_base`.
    pub fn endpoint(&self, inbox_base: &url::Url) -> Endpoint {
        let url = match &self.target {
            Target::Url(url) => url.clone(),
            // INVARIANT: the path was joined to a base when it was read, and a base that can be a base takes it again.
            Target::Inbox(path) => inbox_base.join(path).unwrap_or_else(|_| inbox_base.clone()),
        };
        Endpoint {
            name: self.name.clone(),
            environment: self.environment,
            dialect: self.dialect,
            types: self.types.clone(),
            url,
            error_emails: self.error_emails.clone(),
            auth: self.auth.clone(),
            headers: self.headers.clone(),
            enabled: self.enabled,
            retry: self.policy.retry.clone(),
            success: self.policy.success,
            timeout: self.policy.timeout,
            max_in_flight: self.policy.max_in_flight,
            rate_limit: self.policy.rate_limit,
            ordered: self.policy.ordered,
            response_body_max: self.policy.response_body_max,
        }
    }

    /// Its secrets, for the redactor.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let of_auth = match &self.auth {
            Auth::None => None,
            Auth::Basic { password, .. } => Some(password),
            Auth::Bearer { token } => Some(token),
            Auth::Hmac { secret } => Some(secret),
        };
        of_auth.into_iter().chain(self.headers.iter().map(|(_, value)| value))
    }

    /// The same webhook under another `[delivery]`; what it sets itself stays.
    #[must_use]
    pub fn under(self, delivery: &DeliverySettings) -> Self {
        Webhook { policy: self.overrides.over(&delivery.policy_in(self.dialect)), ..self }
    }

    /// A webhook from its JSON form, which has the keys of `[[webhook]]`: for webhooks made through the API.
    ///
    /// # Errors
    /// Everything that is wrong with it. Values that are `null` count as absent.
    pub fn from_json(
        json: &serde_json::Value,
        around: Surroundings<'_>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Webhook, crate::reader::Complaints> {
        // Through TOML, so that one reading and one set of messages serve both.
        let text = toml::to_string(&without_nulls(json)).unwrap_or_default();
        let mut reading = Reading::new(Source { name: "webhook", text: &text }, env);
        let built =
            reading.document(&crate::portal::spec::WEBHOOK).and_then(|section| webhook(&mut reading, &section, around));
        reading.finish(built)
    }
}

fn without_nulls(json: &serde_json::Value) -> serde_json::Value {
    match json {
        serde_json::Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect(),
        serde_json::Value::Array(items) => items.iter().filter(|v| !v.is_null()).map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// All webhooks of the document; a name may be given only once.
pub fn webhooks(reading: &mut Reading<'_>, root: &Section, around: Surroundings<'_>) -> Vec<Webhook> {
    let mut names: Vec<String> = Vec::new();
    let mut webhooks = Vec::new();
    for section in root.tables("webhook") {
        if let Some(name) = section.text("name") {
            if names.iter().any(|other| other == name) {
                let help = Some("give each webhook a name of its own".to_owned());
                reading.complain_of(section, "name", format!("there is another webhook {name:?}"), help);
            }
            names.push(name.to_owned());
        }
        webhooks.extend(webhook(reading, section, around));
    }
    webhooks
}

fn webhook(reading: &mut Reading<'_>, section: &Section, around: Surroundings<'_>) -> Option<Webhook> {
    let dialect = dialect(reading, section, around.dialect);
    let types = types(reading, section, dialect.event_types());
    let error_emails = error_emails(reading, section);
    let auth = section.table("auth").map_or(Some(Auth::None), |table| auth(reading, table, dialect.provider()));
    let headers = headers(reading, section, auth.as_ref());
    let target = section.text("url").and_then(|text| match target(text) {
        Ok(target) => Some(target),
        Err((message, help)) => {
            reading.complain_of(section, "url", message, help);
            None
        }
    });
    if !section.list("faults").is_empty() {
        let help = Some("remove them, or let the receiver misbehave: understudy listen --status 500".to_owned());
        reading.complain_of(section, "faults", "the faults of a webhook are not available yet", help);
    }
    let name = section.text("name")?.to_owned();
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(legal) {
        let help = Some("use 1 to 64 letters, digits, dots, dashes and underscores".to_owned());
        reading.complain_of(section, "name", format!("{name:?} cannot be a webhook's name"), help);
    }
    let overrides = PolicyOverrides::read(section);
    Some(Webhook {
        name,
        environment: section.text("environment").and_then(|e| e.parse().ok()).unwrap_or(around.environment),
        dialect,
        types,
        target: target?,
        error_emails,
        auth: auth?,
        headers,
        enabled: section.switch("enabled")?,
        policy: overrides.over(&around.delivery.policy_in(dialect)),
        overrides,
    })
}

/// The dialect that a webhook asks for, or that of the document around it.
fn dialect(reading: &mut Reading<'_>, section: &Section, around: Dialect) -> Dialect {
    let Some(text) = section.text("dialect") else { return around };
    Dialect::parse(around.provider(), text).unwrap_or_else(|message| {
        reading.complain_of(section, "dialect", message, None);
        around
    })
}

fn types(reading: &mut Reading<'_>, section: &Section, known: &[&str]) -> Vec<String> {
    let items = section.list("types");
    if items.is_empty() && section.given("types") {
        let help = Some("name event types, or \"*\" for every type; to silence it: enabled = false".to_owned());
        reading.complain_of(section, "types", "a webhook needs at least one type", help);
    }
    let mut types: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let Some(text) = item.text() else { continue };
        check_event_type(reading, item, text, known, "*");
        if !types.iter().any(|other| other == text) {
            types.push(text.to_owned());
        }
    }
    types
}

/// Complains unless `text` is an event type, or `wildcard`.
pub fn check_event_type(reading: &mut Reading<'_>, item: &Item, text: &str, known: &[&str], wildcard: &str) {
    if (text == wildcard && !wildcard.is_empty()) || known.contains(&text) {
        return;
    }
    let help = match nearest(text, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("the types are {}", listed(known.iter().copied()).replace(" or ", " and ")),
    };
    reading.complain(item.span.clone(), format!("{text:?} is not an event type"), Some(help));
}

fn error_emails(reading: &mut Reading<'_>, section: &Section) -> Vec<String> {
    let mut addresses: Vec<String> = Vec::new();
    for item in section.list("error_emails") {
        let Some(text) = item.text() else { continue };
        if let Err(why) = check_address(text) {
            reading.complain(item.span.clone(), format!("\"error_emails\": not a mail address: {why}"), address_help());
        }
        if !addresses.iter().any(|other| other == text) {
            addresses.push(text.to_owned());
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ProviderKind;

    fn around(delivery: &DeliverySettings) -> Surroundings<'_> {
        Surroundings { environment: Environment::Sandbox, delivery, dialect: Dialect::current(ProviderKind::Idwise) }
    }

    #[test]
    fn a_webhook_from_json_is_read_as_from_a_file() {
        let delivery = DeliverySettings::default();
        let json = serde_json::json!({
            "name": "a", "url": "/inbox/a", "types": ["Finished Journey"], "environment": null, "timeout": "3s",
            "auth": {"type": "bearer", "token": "t0ken"}, "headers": {"X-A": "b"},
        });
        let webhook = Webhook::from_json(&json, around(&delivery), &|_| None).expect("valid");
        let base = url::Url::parse("http://127.0.0.1:4740").expect("a URL");
        let endpoint = webhook.clone().endpoint(&base);
        assert_eq!(endpoint.url.as_str(), "http://127.0.0.1:4740/inbox/a");
        assert_eq!((endpoint.timeout.as_secs(), endpoint.max_in_flight), (3, 32));
        assert!(endpoint.wants("Finished Journey", Environment::Sandbox));
        let slower = serde_json::json!({"name": "b", "url": "/inbox/b", "max_in_flight": 1, "timeout": "9s"});
        let slower = Webhook::from_json(&slower, around(&delivery), &|_| None).expect("valid").overrides;
        let moved = webhook.under(&DeliverySettings { set: slower, ..DeliverySettings::default() }).policy;
        assert_eq!((moved.timeout.as_secs(), moved.max_in_flight), (3, 1));
        let wrong = serde_json::json!({"name": "a b", "url": "x", "typs": []});
        let complaints = Webhook::from_json(&wrong, around(&delivery), &|_| None).expect_err("wrong");
        assert_eq!(complaints.list().len(), 3);
    }

    /// A webhook that signed its requests, and had the signature's header among its own, was taken; then the transport
    /// refused each of its deliveries.
    #[test]
    fn a_header_that_auth_sets_is_not_set_beside_it() {
        let delivery = DeliverySettings::default();
        for (provider, auth, header, taken) in [
            (ProviderKind::Qoreid, serde_json::json!({"type": "hmac", "secret": "s"}), "X-VerifyMe-Signature", false),
            (ProviderKind::Qoreid, serde_json::json!({"type": "hmac", "secret": "s"}), "Authorization", true),
            (ProviderKind::Qoreid, serde_json::json!({"type": "none"}), "X-VerifyMe-Signature", true),
            (ProviderKind::Idwise, serde_json::json!({"type": "bearer", "token": "t"}), "Authorization", false),
            (ProviderKind::Idwise, serde_json::json!({"type": "bearer"}), "Authorization", false),
            (ProviderKind::Idwise, serde_json::json!({"type": "none"}), "Authorization", true),
        ] {
            let around = Surroundings { dialect: Dialect::current(provider), ..around(&delivery) };
            let json = serde_json::json!({"name": "a", "url": "/inbox/a", "auth": auth, "headers": {header: "x"}});
            let read = Webhook::from_json(&json, around, &|_| None);
            assert_eq!(read.is_ok(), taken, "{header} beside {auth}: {read:?}");
            if let Err(complaints) = read {
                assert!(complaints.lines().contains("stands beside \"auth\""), "{complaints}");
            }
        }
    }

    #[test]
    fn a_webhook_of_another_era_is_retried_as_that_era_documents() {
        let json = |dialect: &str, retry: serde_json::Value| serde_json::json!({"name": "a", "url": "/inbox/a", "dialect": dialect, "retry": retry});
        let (nothing, own) = (serde_json::Value::Null, serde_json::json!(["1s"]));
        let by_hand =
            Webhook::from_json(&json("current", own.clone()), around(&DeliverySettings::default()), &|_| None);
        let by_hand = DeliverySettings { set: by_hand.expect("valid").overrides, ..DeliverySettings::default() };
        for (delivery, dialect, retry, gaps) in [
            (&DeliverySettings::default(), "current", &nothing, &[300, 600, 900][..]),
            (&DeliverySettings::default(), "legacy", &nothing, &[300, 600, 900]),
            (&DeliverySettings::default(), "middle", &nothing, &[300, 600]),
            (&DeliverySettings::default(), "middle", &own, &[1]),
            (&by_hand, "middle", &nothing, &[1]),
        ] {
            let webhook =
                Webhook::from_json(&json(dialect, retry.clone()), around(delivery), &|_| None).expect("valid");
            let found: Vec<u64> = webhook.policy.retry.gaps.iter().map(std::time::Duration::as_secs).collect();
            assert_eq!(found, gaps, "{dialect} {retry}");
        }
    }
}
