//! What a delivery's request is made of: its URL, its headers in their order, and how both are shown afterwards.
//!
//! Pure; called by [`super::http`], and by the configuration to refuse headers in time.

use std::sync::Arc;

use ::http::Uri;
use ::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::message::{Auth, Endpoint, HeadersSeen, RequestSeen, is_of_the_request};
use crate::provider::qoreid::signature;
use crate::secret::{BLANK, Redactor, Secret};

/// Headers that an endpoint may not set: those of the request itself, and what its `auth` sets.
pub fn is_reserved(name: &HeaderName, auth: &Auth) -> bool {
    is_of_the_request(name) || auth.header() == Some(name.as_str())
}

/// All that is the same in every request to an endpoint: made once, used by each attempt.
pub(super) struct Prepared {
    /// What it was made of.
    source: (url::Url, Auth, Vec<(HeaderName, Secret)>),
    /// Where it goes, without user info and fragment.
    pub(super) url: url::Url,
    /// What is written before each body, but for its length and its signature.
    head: Head,
    /// The same as they are shown afterwards.
    shown: Arc<[(String, String)]>,
    shown_url: Arc<str>,
    /// Blanks what is kept of the answers.
    pub(super) redactor: Redactor,
}

impl Prepared {
    /// # Errors
    /// A sentence that names a header which cannot be sent.
    pub(super) fn new(endpoint: &Endpoint, user_agent: &HeaderValue, redactor: Redactor) -> Result<Self, String> {
        let url = bare(&endpoint.url);
        let mut headers = headers(endpoint, user_agent)?;
        if !headers.contains_key(ACCEPT) {
            headers.append(ACCEPT, HeaderValue::from_static("*/*"));
        }
        headers.append(HOST, HeaderValue::from_str(&host(&url)).map_err(|_| unusable("host"))?);
        let shown = headers.iter().map(|(name, value)| (name.as_str().to_owned(), shown(name, value, &redactor)));
        let head = Head::new(&url, &headers)?;
        Ok(Prepared {
            head,
            source: (endpoint.url.clone(), endpoint.auth.clone(), endpoint.headers.clone()),
            shown: shown.collect(),
            shown_url: redactor.text(url.as_str()).into(),
            url,
            redactor,
        })
    }

    /// Whether it was made of an endpoint that sends the same.
    pub(super) fn is_for(&self, endpoint: &Endpoint) -> bool {
        let (url, auth, headers) = &self.source;
        *url == endpoint.url && *auth == endpoint.auth && *headers == endpoint.headers
    }

    /// A request with `body` as it is written, and how it is shown afterwards. Pinned by a test that reads the wire.
    pub(super) fn request(&self, body: &[u8]) -> (Vec<u8>, RequestSeen) {
        let mut common = Arc::clone(&self.shown);
        let mut signature = String::new();
        if let Auth::Hmac { secret } = &self.source.1 {
            // Not a secret: it proves who knows one, and is of use to whoever looks for a wrong signature.
            signature = signature::sign(secret.expose(), body);
            if let Some((_, shown)) = Arc::make_mut(&mut common).iter_mut().find(|(name, _)| name == signature::HEADER)
            {
                *shown = self.redactor.text(&signature);
            }
        }
        let length = body.len().to_string();
        let bytes = self.head.with(&signature, &length, body);
        let headers = HeadersSeen::new(common, vec![("content-length".to_owned(), length)]);
        (bytes, RequestSeen { method: "POST".into(), url: Arc::clone(&self.shown_url), headers })
    }
}

/// The head of a request, rendered once.
struct Head {
    /// Up to where a signature stands, and all of it where there is none.
    first: Vec<u8>,
    /// Behind the signature.
    rest: Vec<u8>,
}

impl Head {
    /// The headers in their order; an empty signature among them is where each body's own will stand.
    fn new(url: &url::Url, headers: &HeaderMap) -> Result<Self, String> {
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        if let Err(_) | Ok(false) = target.parse::<Uri>().map(|uri| uri.path().starts_with('/')) {
            return Err("the url has characters that http does not allow".to_owned());
        }
        let (mut first, mut rest) = (format!("POST {target} HTTP/1.1\r\n").into_bytes(), Vec::new());
        let mut out = &mut first;
        for (name, value) in headers {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            if name == signature::HEADER && value.is_empty() {
                out = &mut rest;
            }
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"content-length: ");
        Ok(Head { first, rest })
    }

    fn with(&self, signature: &str, length: &str, body: &[u8]) -> Vec<u8> {
        [&*self.first, signature.as_bytes(), &*self.rest, length.as_bytes(), b"\r\n\r\n", body].concat()
    }
}

/// In the order in which they go out. An endpoint's own header takes the place of ours of the same name. A signature
/// has its place and no value yet.
fn headers(endpoint: &Endpoint, user_agent: &HeaderValue) -> Result<HeaderMap, String> {
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
    if let Auth::Hmac { .. } = &endpoint.auth {
        headers.insert(HeaderName::from_static(signature::HEADER), HeaderValue::from_static(""));
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
fn bare(url: &url::Url) -> url::Url {
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

fn host(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn shown(name: &HeaderName, value: &HeaderValue, redactor: &Redactor) -> String {
    match value.to_str() {
        Ok(text) if !value.is_sensitive() => redactor.text(text),
        Ok(text) if name == AUTHORIZATION => blank_credentials(text),
        _ => BLANK.to_owned(),
    }
}

fn blank_credentials(value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme @ ("Basic" | "Bearer"), _)) => format!("{scheme} {BLANK}"),
        _ => BLANK.to_owned(),
    }
}
