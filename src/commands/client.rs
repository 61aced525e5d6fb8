//! Talks to a running server: requests to its control API in, answers or failures out.
//!
//! Used by every command that looks at or acts on a server. Follows no redirect and asks no proxy, so that a token
//! goes to the server it is meant for and nowhere else.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::Context;
use super::exit::{Exit, Failure};
use super::settings;
use crate::cli::Remote;
use crate::http::api::SIGNATURE;
use crate::secret::Secret;

/// A server on this machine or nearby is connected within this.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// As long as any sane answer takes.
    Usual,
    /// As long as it takes: moving the clock by years starts much.
    Endless,
}

const USUAL: Duration = Duration::from_secs(30);

/// What came of opening an answer that does not end.
#[derive(Debug)]
pub enum Opened {
    /// It goes on for as long as it is read.
    Open(reqwest::Response),
    /// The server will not have it, however often it is asked.
    Refused(Failure),
    /// There is no server, or it cannot now: it may be there later.
    Away(Failure),
}

/// A way to one server.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Secret>,
}

impl Client {
    /// To the server that `remote` names, else to where the configuration says that it listens.
    ///
    /// # Errors
    /// A configuration that cannot be read, an address that cannot be told.
    pub fn new(cx: &Context, remote: &Remote) -> Result<Self, Failure> {
        let (base, token) = address(remote, || settings::server(cx))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(base.scheme())?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .connect_timeout(CONNECT)
            .build()
            .map_err(|error| Failure::could_not_run(format!("cannot set up the http client: {error}")))?;
        Ok(Client { http, base, token })
    }

    /// The server's address, without a slash at its end.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Reads. `path` is made of whole segments; what is absent in `query` is left out.
    ///
    /// # Errors
    /// What the server said, or why it said nothing.
    pub async fn get(&self, path: &[&str], query: &[(&str, Option<String>)]) -> Result<Value, Failure> {
        self.exchange(self.http.request(Method::GET, self.url_with(path, query)?), Patience::Usual).await
    }

    /// Opens an answer that does not end. `path` and `query` as in [`Client::get`].
    ///
    /// # Errors
    /// A path that is none.
    pub async fn open(&self, path: &[&str], query: &[(&str, Option<String>)]) -> Result<Opened, Failure> {
        let mut request = self.http.request(Method::GET, self.url_with(path, query)?);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let answer = match tokio::time::timeout(USUAL, request.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Ok(Opened::Away(self.unreachable(&error))),
            Err(_) => return Ok(Opened::Away(self.too_slow())),
        };
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if answer.status().is_success() && kind.starts_with("text/event-stream") {
            return Ok(Opened::Open(answer));
        }
        let away = answer.status().is_server_error();
        let failure = match self.read(answer).await {
            Err(failure) => failure,
            Ok(_) => self.strange("something else"),
        };
        Ok(if away { Opened::Away(failure) } else { Opened::Refused(failure) })
    }

    /// Acts.
    ///
    /// # Errors
    /// What the server said, or why it said nothing.
    pub async fn post(&self, path: &[&str], body: &Value, patience: Patience) -> Result<Value, Failure> {
        self.send(Method::POST, path, body, patience).await
    }

    /// Changes. What is changed may be tested first, which takes as long as its own deadline allows.
    ///
    /// # Errors
    /// What the server said, or why it said nothing.
    pub async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(Method::PATCH, path, body, Patience::Endless).await
    }

    /// Drops. What hangs on it may take as long as it takes.
    ///
    /// # Errors
    /// What the server said, or why it said nothing.
    pub async fn delete(&self, path: &[&str]) -> Result<Value, Failure> {
        self.exchange(self.http.request(Method::DELETE, self.url(path)?), Patience::Endless).await
    }

    async fn send(&self, method: Method, path: &[&str], body: &Value, patience: Patience) -> Result<Value, Failure> {
        let request = self.http.request(method, self.url(path)?);
        self.exchange(request.header(CONTENT_TYPE, "application/json").body(body.to_string()), patience).await
    }

    fn url_with(&self, path: &[&str], query: &[(&str, Option<String>)]) -> Result<Url, Failure> {
        let mut url = self.url(path)?;
        for (key, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(key, value);
            }
        }
        Ok(url)
    }

    fn url(&self, path: &[&str]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        // The parser of URLs resolves these by itself: the request would go elsewhere.
        if let Some(odd) = path.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            return Err(Failure::bad_usage(format!("{odd:?} is not an id")));
        }
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Ok(url)
    }

    async fn exchange(&self, mut request: reqwest::RequestBuilder, patience: Patience) -> Result<Value, Failure> {
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        if patience == Patience::Usual {
            request = request.timeout(USUAL);
        }
        self.read(request.send().await.map_err(|error| self.unreachable(&error))?).await
    }

    async fn read(&self, answer: reqwest::Response) -> Result<Value, Failure> {
        let status = answer.status();
        // Whoever receives webhooks says 200 to anything, and may say it in JSON.
        let is_signed = answer.headers().contains_key(SIGNATURE);
        let body = answer.bytes().await.map_err(|error| self.unreachable(&error))?;
        let json = serde_json::from_slice::<Value>(&body).ok();
        match json {
            Some(value) if status.is_success() && is_signed => Ok(value),
            Some(problem) if problem["code"].is_string() => Err(refusal(status, &problem)),
            _ => Err(self.strange(&status.to_string())),
        }
    }

    fn strange(&self, what: &str) -> Failure {
        Failure::could_not_run(format!("{} answers {what}, but not as understudy does", self.base))
            .help("name the right server with --server URL")
    }

    fn too_slow(&self) -> Failure {
        let base = self.base();
        Failure::could_not_run(format!("the server at {base} did not answer within {}s", USUAL.as_secs()))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let base = self.base();
        if error.is_connect() {
            return Failure::could_not_run(format!("no server answers at {base}"))
                .help("start one with `understudy serve`, or name another with --server URL");
        }
        if error.is_timeout() {
            return self.too_slow();
        }
        Failure::could_not_run(format!("the connection to {base} broke off"))
    }
}

/// The server's address and the token for it. The configuration's token goes to the configuration's server only.
fn address(
    remote: &Remote,
    configured: impl FnOnce() -> Result<settings::Server, Failure>,
) -> Result<(Url, Option<Secret>), Failure> {
    if let (Some(server), Some(token)) = (&remote.server, remote.token()) {
        return Ok((checked(server)?, Some(token.clone())));
    }
    let configured = match configured() {
        Ok(configured) => Some(configured),
        // Who names a server needs no configuration, so a bad one does not matter.
        Err(_) if remote.server.is_some() => None,
        Err(failure) => return Err(failure),
    };
    let own = configured.as_ref().and_then(|server| local_url(&server.listen));
    let base = match &remote.server {
        Some(server) => checked(server)?,
        None => own.clone().ok_or_else(|| {
            Failure::bad_usage("the configured server chooses its port when it starts")
                .help("name it with --server URL")
        })?,
    };
    let same = own.is_some_and(|own| own.origin() == base.origin());
    let token = remote.token().cloned().or_else(|| configured.filter(|_| same).and_then(|server| server.token));
    Ok((base, token))
}

fn checked(server: &Url) -> Result<Url, Failure> {
    let plain =
        matches!(server.scheme(), "http" | "https") && server.username().is_empty() && server.password().is_none();
    if !plain {
        return Err(Failure::bad_usage("--server must be http:// or https:// and a host, without credentials")
            .help("write it like http://127.0.0.1:4740"));
    }
    Ok(server.clone())
}

/// How a server that listens at `listen` is reached from this machine; `None` when its port is chosen at its start.
pub(super) fn local_url(listen: &str) -> Option<Url> {
    let (host, port) = listen.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(ip)) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => "[::1]".to_owned(),
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        _ => host.to_owned(),
    };
    Url::parse(&format!("http://{host}:{port}")).ok()
}

/// A problem as a person reads it.
fn refusal(status: StatusCode, problem: &Value) -> Failure {
    let exit = match status {
        // A flow that is not configured is a word misspelt, not something that may be there tomorrow.
        _ if problem["code"] == "unknown_flow" => Exit::BadUsage,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => Exit::BadUsage,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => Exit::CouldNotRun,
        status if status.is_server_error() => Exit::CouldNotRun,
        _ => Exit::No,
    };
    let detail = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or("refused without a reason");
    let words = |key: &str| -> Option<String> {
        let words: Vec<&str> = problem[key].as_array()?.iter().filter_map(Value::as_str).collect();
        (!words.is_empty()).then(|| words.join(", "))
    };
    let complaints = problem["complaints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let help = match status {
        // The sentence is the first of them.
        _ if complaints.len() > 1 => {
            let others: Vec<&str> = complaints[1..].iter().filter_map(Value::as_str).collect();
            Some(format!("besides: {}", others.join("; ")))
        }
        StatusCode::UNAUTHORIZED => Some("give it with --token or in UNDERSTUDY_TOKEN".to_owned()),
        _ if problem["code"] == "test_failed" => Some("to save it without a test, add --skip-test".to_owned()),
        // The sentence names them itself as a rule; then once is enough.
        _ => words("legal")
            .map(|words| format!("legal now: {words}"))
            .or_else(|| words("known").map(|words| format!("known: {words}")))
            .filter(|help| !help.split_once(": ").is_some_and(|(_, words)| detail.contains(words))),
    };
    Failure { help, details: Some(problem.clone()), ..Failure::new(exit, detail) }
}

fn tls(scheme: &str) -> Result<rustls::ClientConfig, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    // Reading the system's certificates takes longer than most commands do.
    if scheme == "https" {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::could_not_run(format!("cannot set up tls: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_listening_address_becomes_one_to_call() {
        for (listen, url) in [
            ("127.0.0.1:4740", Some("http://127.0.0.1:4740/")),
            ("0.0.0.0:80", Some("http://127.0.0.1/")),
            ("[::]:4740", Some("http://[::1]:4740/")),
            ("[2001:db8::1]:4740", Some("http://[2001:db8::1]:4740/")),
            ("localhost:4740", Some("http://localhost:4740/")),
            ("127.0.0.1:0", None),
            ("nonsense", None),
        ] {
            assert_eq!(local_url(listen).map(String::from).as_deref(), url, "{listen}");
        }
    }

    #[test]
    fn the_configured_token_goes_to_the_configured_server_only() {
        let check = |server: Option<&str>, token: Option<&str>, expected: (&str, Option<&str>)| {
            let remote =
                Remote { server: server.map(|url| url.parse().expect("a url")), token: token.map(Secret::new) };
            let own = || Ok(settings::Server { listen: "0.0.0.0:4740".into(), token: Some(Secret::new("own")) });
            let (base, token) = address(&remote, own).expect("an address");
            assert_eq!((base.as_str(), token.as_ref().map(Secret::expose)), expected);
        };
        check(None, None, ("http://127.0.0.1:4740/", Some("own")));
        check(Some("http://127.0.0.1:4740"), None, ("http://127.0.0.1:4740/", Some("own")));
        check(Some("http://elsewhere.test"), None, ("http://elsewhere.test/", None));
        check(Some("http://elsewhere.test"), Some("t"), ("http://elsewhere.test/", Some("t")));
        check(None, Some(""), ("http://127.0.0.1:4740/", Some("own")));
        check(None, Some("t"), ("http://127.0.0.1:4740/", Some("t")));
    }

    #[test]
    fn odd_servers_are_refused_and_bad_files_matter_only_when_needed() {
        for server in ["ftp://127.0.0.1", "http://user:pass@127.0.0.1"] {
            let remote = Remote { server: server.parse().ok(), token: None };
            let refused = address(&remote, || Err(Failure::no("not asked for"))).expect_err(server);
            assert_eq!(refused.exit, Exit::BadUsage);
            assert!(!refused.message.contains("pass"));
        }
        let broken = || Err(Failure::bad_usage("broken"));
        assert!(address(&Remote::default(), broken).is_err());
        assert!(address(&Remote { server: "http://a.test".parse().ok(), token: None }, broken).is_ok());
    }

    #[test]
    fn problems_become_sentences_and_codes() {
        let check = |status: u16, problem: Value| {
            let failure = refusal(StatusCode::from_u16(status).expect("a status"), &problem);
            format!("{} {} | {}", failure.exit.code(), failure.message, failure.help.unwrap_or_default())
        };
        let illegal = json!({"code": "illegal_stimulus", "detail": "cannot review an open journey", "legal": ["submit_step", "cancel"]});
        insta::assert_snapshot!(check(409, illegal), @"1 cannot review an open journey | legal now: submit_step, cancel");
        insta::assert_snapshot!(check(404, json!({"code": "unknown_flow", "detail": "no flow x; known are a, b", "known": ["a", "b"]})), @"2 no flow x; known are a, b |");
        insta::assert_snapshot!(check(404, json!({"code": "not_found", "detail": "there is no delivery d1"})), @"1 there is no delivery d1 |");
        insta::assert_snapshot!(check(401, json!({"code": "unauthorized", "detail": "this server wants its token"})), @"3 this server wants its token | give it with --token or in UNDERSTUDY_TOKEN");
        insta::assert_snapshot!(check(503, json!({"code": "outbox_failed", "title": "Service Unavailable"})), @"3 Service Unavailable |");
    }
}
