//! The headers that a webhook adds to its requests: what is accepted can be sent, and bends no request.
//!
//! The first byte says how the webhook authenticates itself and which provider it belongs to; then come name and value,
//! with a NUL between them.

use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use understudy::portal::DeliverySettings;
use understudy::portal::Webhook;
use understudy::portal::webhook::Surroundings;
use understudy::provider::{Dialect, Environment, ProviderKind};
use understudy::reader::complaint::Style;
use understudy::transport::request::is_reserved;

/// What decides where a message ends, who it is for, or what its body is.
const NEVER: [&str; 10] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "te",
    "trailer",
    "connection",
    "keep-alive",
    "upgrade",
    "expect",
];

pub(crate) fn hold(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let (name, value) = text.split_once('\0').unwrap_or((text, "value"));
    let (auth, sets) = match how % 4 {
        0 => (json!({ "type": "none" }), None),
        1 => (json!({ "type": "basic", "username": "u", "password": "p" }), Some("authorization")),
        2 => (json!({ "type": "bearer", "token": "t" }), Some("authorization")),
        _ => (json!({ "type": "hmac", "secret": "s" }), Some("x-verifyme-signature")),
    };
    let provider = if how % 4 == 3 { ProviderKind::Qoreid } else { ProviderKind::Idwise };
    let delivery = DeliverySettings::default();
    let around =
        Surroundings { environment: Environment::Sandbox, delivery: &delivery, dialect: Dialect::current(provider) };
    let headers: Value = [(name.to_owned(), Value::from(value))].into_iter().collect();
    let definition = json!({ "name": "fuzzed", "url": "/inbox/fuzzed", "auth": auth, "headers": headers });
    match Webhook::from_json(&definition, around, &|_| None) {
        Ok(webhook) => {
            let [(header, secret)] = &webhook.headers[..] else { panic!("{:?} of {text:?}", webhook.headers) };
            assert_eq!(HeaderName::from_bytes(name.as_bytes()).as_ref().ok(), Some(header), "{name:?}");
            assert!(!is_reserved(header, &webhook.auth), "{header} is set by the transport with {:?}", webhook.auth);
            let lower = header.as_str();
            assert!(!NEVER.contains(&lower) && !lower.starts_with("proxy-") && Some(lower) != sets, "{lower}");
            assert_eq!(secret.expose(), value, "the value is as it was given");
            let sent = HeaderValue::from_str(value).unwrap_or_else(|error| panic!("{value:?}: {error}"));
            assert!(!sent.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{value:?}");
            let shown = format!("{webhook:?}");
            assert!(!is_secret(name, value) || !shown.contains(value), "X1: {shown}");
        }
        Err(refused) => {
            assert!(!refused.list().is_empty(), "refused without a word");
            // The value may be a secret: no complaint about it quotes it. The name of a variable is none, nor is a header's.
            let said = format!("{}{}", refused.lines(), refused.drawn(Style::Plain));
            assert!(!is_secret(name, value) || !said.contains(value), "X1: {said}");
        }
    }
}

/// Whether `value` could only have come from where it was given: it has a long word, which its header's name does not have,
/// nor any way of writing that: after an escape like `\u0001` the name goes on as a word that begins with 1.
fn is_secret(name: &str, value: &str) -> bool {
    let word = value.split(|c: char| !c.is_ascii_alphanumeric()).max_by_key(|word| word.len()).unwrap_or_default();
    let written = format!("{name} {name:?} {}", Value::from(name)).to_lowercase();
    word.len() >= 20 && !value.starts_with("env:") && !written.contains(&word.to_lowercase())
}
