//! Who calls: key pairs, and the tokens they are exchanged for (docs.qoreid.com/reference/get-client-token).
//!
//! A token says its environment and its end, and is sealed under a key of this process: nothing is remembered, and a token
//! of an earlier process is refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Desk, Keyless, Refusal, answer};
use crate::clock::Timestamp;
use crate::config::ApiKey;
use crate::provider::Environment;
use crate::provider::qoreid::Json;
use crate::rng::Seed;

/// How long a token is good for; the provider's pages name no span, customers' tests this one.
const EXPIRES_IN: Duration = Duration::from_secs(3_600);

/// Knows the key pairs and seals tokens.
pub(super) struct Access {
    keys: BTreeMap<Environment, ApiKey>,
    keyless: Keyless,
    default: Environment,
    seal: [u8; 32],
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The seal makes tokens: it is left out.
        f.debug_struct("Access").field("keyless", &self.keyless).finish_non_exhaustive()
    }
}

impl Access {
    pub(super) fn new(keys: BTreeMap<Environment, ApiKey>, keyless: Keyless, default: Environment) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("understudy qoreid token");
        for _ in 0..4 {
            hasher.update(&Seed::fresh().0.to_le_bytes());
        }
        Access { keys, keyless, default, seal: *hasher.finalize().as_bytes() }
    }

    /// Whose key pair this is.
    fn environment(&self, client: &str, secret: &str) -> Option<Environment> {
        if self.keys.is_empty() {
            return (self.keyless == Keyless::Admitted && !client.is_empty()).then_some(self.default);
        }
        let same = |a: &str, b: &str| blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes());
        let own = |key: &ApiKey| same(&key.key, client) & same(key.secret.expose(), secret);
        self.keys.iter().find(|(_, key)| own(key)).map(|(environment, _)| *environment)
    }

    fn token(&self, environment: Environment, now: Timestamp) -> String {
        let claim = format!("{environment}.{}", (now + EXPIRES_IN).as_micros());
        let seal = blake3::keyed_hash(&self.seal, claim.as_bytes());
        format!("{claim}.{}", seal.to_hex())
    }

    /// The environment of a call with a token that is good at `now`.
    fn bearer(&self, headers: &HeaderMap, now: Timestamp) -> Option<Environment> {
        let token = credentials(headers, "bearer")?;
        let (claim, seal) = token.rsplit_once('.')?;
        let given = blake3::Hash::from_hex(seal).ok()?;
        // The comparison of hashes takes the same time whatever they are.
        if blake3::keyed_hash(&self.seal, claim.as_bytes()) != given {
            return None;
        }
        let (environment, until) = claim.split_once('.')?;
        let until: i64 = until.parse().ok()?;
        environment.parse().ok().filter(|_| now.as_micros() < until)
    }
}

/// What stands behind `scheme` in the `authorization` header.
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (given, credentials) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
}

impl Desk {
    /// The environment of a call that shows a token.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<Environment, Refusal> {
        let admitted = self.access.bearer(headers, self.app.now());
        admitted.ok_or_else(|| Refusal::unauthorized("Unauthorized: get a token at POST /token"))
    }

    /// The environment of a call that shows its key pair as HTTP Basic.
    pub(super) fn admit_basic(&self, headers: &HeaderMap) -> Result<Environment, Refusal> {
        let pair = credentials(headers, "basic").and_then(|text| STANDARD.decode(text).ok());
        let pair = pair.and_then(|bytes| String::from_utf8(bytes).ok());
        let environment = pair.as_deref().and_then(|pair| {
            let (client, secret) = pair.split_once(':')?;
            self.access.environment(client, secret)
        });
        environment.ok_or_else(|| Refusal::unauthorized("Unauthorized: send Basic base64(clientId:secret)"))
    }
}

/// Exchanges a key pair for a token. docs.qoreid.com/reference/get-client-token
#[utoipa::path(
    post, path = "/token", operation_id = "token", request_body = super::schema::Pair,
    responses((status = 201, description = "a token", body = super::schema::Token), Refusal), security(()),
)]
pub(super) async fn token(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<Response, Refusal> {
    let mut form = super::form::Form::read(&body)?;
    let (client, secret) = (form.needed("clientId"), form.needed("secret"));
    form.finish()?;
    let environment = desk.access.environment(&client, &secret);
    let environment = environment.ok_or_else(|| Refusal::unauthorized("Invalid client credentials"))?;
    let members = vec![
        ("accessToken", desk.access.token(environment, desk.app.now()).into()),
        ("expiresIn", EXPIRES_IN.as_secs().into()),
        ("tokenType", "Bearer".into()),
    ];
    Ok(answer(StatusCode::CREATED, &Json::Object(members)))
}
