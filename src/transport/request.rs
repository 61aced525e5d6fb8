//! What a delivery's request is made of: its URL, its headers in their order, and how both are shown afterwards.
//!
//! Pure; called by [`super::http`] once per attempt, and by the configuration to refuse headers in time.

use ::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::message::{Auth, Endpoint, RequestSeen};
use crate::provider::qoreid::signature;
use crate::secret::{BLANK, Redactor, Secret};

/// Headers that an endpoint may not set: they decide where a message ends, or who it is for. `authorization` is one
/// of them only beside `auth`, and so is the signature.
pub fn is_reserved(name: &HeaderName, auth: &Auth) -> bool {
    const RESERVED: [&str; 9] = [
        "host",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "connection",
        "keep-alive",
        "upgrade",
        "expect",
    ];
    let name = name.as_str();
    RESERVED.contains(&name)
        || name.starts_with("proxy-")
        || match auth {
            Auth::None => false,
            Auth::Hmac { .. } => name == signature::HEADER,
            Auth::Basic { .. } | Auth::Bearer { .. } => name == "authorization",
        }
}

/// In the order in which they go out. An endpoint's own header takes the place of ours of the same name.
pub(super) fn headers(endpoint: &Endpoint, body: &[u8], user_agent: &HeaderValue) -> Result<HeaderMap, String> {
    let own = |name: &HeaderName| endpoint.headers.iter().any(|(other, _)| other == name);
    let mut headers = HeaderMap::new();
    if !own(&CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if !own(&USER_AGENT) {
        headers.insert(USER_AGENT, user_agent.clone());
    }
    if let Some(value) = authorization(&endpoint.auth)? {
        headers.insert(AUTHORIZATION, value);
    }
    if let Auth::Hmac { secret } = &endpoint.auth {
        // Not a secret: it proves who knows one, and is of use to whoever looks for a wrong signature.
        let value = HeaderValue::from_str(&signature::sign(secret.expose(), body));
        headers.insert(HeaderName::from_static(signature::HEADER), value.map_err(|_| unusable(signature::HEADER))?);
    }
    for (name, value) in &endpoint.headers {
        if is_reserved(name, &endpoint.auth) {
            return Err(format!("header {name} is set by the transport itself"));
        }
        headers.append(name, sensitive(value.expose()).ok_or_else(|| unusable(name.as_str()))?);
    }
    Ok(headers)
}

/// Without user info and fragment, which the configuration refuses and a request must not carry.
pub(super) fn bare(url: &url::Url) -> url::Url {
    let mut url = url.clone();
    // These fail for URLs that cannot have user info, and those have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    url
}

fn authorization(auth: &Auth) -> Result<Option<HeaderValue>, String> {
    let value = match auth {
        Auth::None | Auth::Hmac { .. } => return Ok(None),
        Auth::Basic { username, password } => basic(username, password),
        Auth::Bearer { token } => format!("Bearer {}", token.expose()),
    };
    sensitive(&value).map(Some).ok_or_else(|| unusable("authorization"))
}

fn basic(username: &str, password: &Secret) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose())))
}

fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unusable(name: &str) -> String {
    format!("header {name} has a value that http does not allow")
}

/// The request as it goes out: what the client adds comes last. Pinned by a test that reads the wire.
pub(super) fn seen(url: &url::Url, headers: &HeaderMap, length: usize, redactor: &Redactor) -> RequestSeen {
    let mut seen: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| {
            let shown = match value.to_str() {
                Ok(text) if !value.is_sensitive() => redactor.text(text),
                Ok(text) if name == AUTHORIZATION => blank_credentials(text),
                _ => BLANK.to_owned(),
            };
            (name.as_str().to_owned(), shown)
        })
        .collect();
    if !headers.contains_key("accept") {
        seen.push(("accept".to_owned(), "*/*".to_owned()));
    }
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    seen.push(("host".to_owned(), redactor.text(&host)));
    seen.push(("content-length".to_owned(), length.to_string()));
    RequestSeen { method: "POST".to_owned(), url: redactor.text(url.as_str()), headers: seen }
}

fn blank_credentials(value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme @ ("Basic" | "Bearer"), _)) => format!("{scheme} {BLANK}"),
        _ => BLANK.to_owned(),
    }
}
