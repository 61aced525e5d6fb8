//! Who may use the provider's API, and as which environment: HTTP Basic with the key pair of an environment
//! (docs.idwise.com/docs/api-auth). Sandbox and Live share the host; the pair tells them apart.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Api;
use super::refusal::Refusal;
use crate::config::ApiKey;
use crate::http::api::guard::foreign;
use crate::provider::Environment;

/// Who gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever shows one of these pairs, as its environment.
    Keys(BTreeMap<Environment, ApiKey>),
    /// Whoever is on this machine and no web page, as this environment.
    Open(Environment),
    /// Nobody: there are no keys, and other machines can reach the port.
    Closed,
}

impl Access {
    /// With keys, by them; without, open as `environment` where `listens` is loopback.
    pub fn of(keys: &BTreeMap<Environment, ApiKey>, listens: IpAddr, environment: Environment) -> Self {
        match (keys.is_empty(), listens.is_loopback()) {
            (false, _) => Access::Keys(keys.clone()),
            (true, true) => Access::Open(environment),
            (true, false) => Access::Closed,
        }
    }

    fn admit(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let keys = match self {
            Access::Keys(keys) => keys,
            Access::Open(environment) => {
                return match foreign(headers) {
                    None => Ok(Caller { environment: *environment }),
                    Some(problem) => Err(Refusal::new(StatusCode::FORBIDDEN, "unauthorized", problem.detail())),
                };
            }
            Access::Closed => &BTreeMap::new(),
        };
        let given = headers.get(header::AUTHORIZATION).ok_or_else(|| {
            Refusal::unauthenticated(
                "missing_authorization_header",
                "there is no Authorization header: send Basic with API key and secret",
            )
        })?;
        let (key, secret) = given.to_str().ok().and_then(basic).ok_or_else(|| {
            let message = "the Authorization header is not Basic base64(key:secret)";
            Refusal::unauthenticated("invalid_authentication_format", message)
        })?;
        // Every pair is compared, by digests, so that the time it takes says nothing about any of them.
        let same = |a: &str, b: &str| blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes());
        let matches = |pair: &ApiKey| same(&pair.key, &key) & same(pair.secret.expose(), &secret);
        let admitted = keys.iter().fold(None, |found, (environment, pair)| match matches(pair) {
            true => found.or(Some(*environment)),
            false => found,
        });
        let unknown = match self {
            Access::Closed => "no key is configured: set [idwise.sandbox] or [idwise.live]",
            _ => "there is no such pair of key and secret",
        };
        admitted
            .map(|environment| Caller { environment })
            .ok_or_else(|| Refusal::unauthenticated("invalid_credentials", unknown))
    }
}

/// On whose behalf a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Where its journeys belong.
    pub(super) environment: Environment,
}

pub(super) async fn check(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    match api.access.admit(request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (key, secret) = text.split_once(':')?;
    Some((key.to_owned(), secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn keys() -> BTreeMap<Environment, ApiKey> {
        let pair = |key: &str, secret: &str| ApiKey { key: key.to_owned(), secret: Secret::new(secret) };
        [(Environment::Sandbox, pair("me", "in:the-sand")), (Environment::Live, pair("me", "for-real"))].into()
    }

    #[test]
    fn the_pair_tells_the_environment() {
        let access = Access::of(&keys(), [127, 0, 0, 1].into(), Environment::Sandbox);
        let check = |value: Option<String>, expected: Result<Environment, &str>| {
            let headers: HeaderMap =
                value.iter().map(|v| (header::AUTHORIZATION, v.parse().expect("a value"))).collect();
            let admitted = access.admit(&headers).map(|caller| caller.environment).map_err(|refusal| {
                let answer = refusal.into_response();
                assert_eq!(answer.status(), 401);
                assert!(answer.headers().contains_key(header::WWW_AUTHENTICATE));
            });
            assert_eq!(admitted.is_ok(), expected.is_ok(), "{value:?}");
            if let (Ok(admitted), Ok(expected)) = (admitted, expected) {
                assert_eq!(admitted, expected, "{value:?}");
            }
        };
        let basic = |pair: &str| Some(format!("Basic {}", STANDARD.encode(pair)));
        check(basic("me:in:the-sand"), Ok(Environment::Sandbox));
        check(basic("me:for-real"), Ok(Environment::Live));
        check(basic("me:for-rea"), Err("invalid_credentials"));
        check(basic("you:for-real"), Err("invalid_credentials"));
        check(basic("me"), Err("invalid_authentication_format"));
        check(Some("Bearer me".to_owned()), Err("invalid_authentication_format"));
        check(Some("Basic !".to_owned()), Err("invalid_authentication_format"));
        check(None, Err("missing_authorization_header"));
    }

    #[test]
    fn without_keys_it_is_open_on_loopback_only() {
        let none = BTreeMap::new();
        let local: HeaderMap = [(header::HOST, "127.0.0.1:1".parse().expect("a value"))].into_iter().collect();
        let open = Access::of(&none, [127, 0, 0, 1].into(), Environment::Live);
        assert_eq!(open.admit(&local), Ok(Caller { environment: Environment::Live }));
        assert!(open.admit(&HeaderMap::new()).is_err(), "no host, no answer");
        let closed = Access::of(&none, [0, 0, 0, 0].into(), Environment::Live);
        assert!(closed.admit(&local).is_err());
    }
}
