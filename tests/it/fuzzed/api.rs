//! What the control API and both providers' APIs read: bodies and queries. Whatever comes, there is an answer in the
//! API's own form, and the books balance.
//!
//! The first byte says which route gets the rest. Routes are asked in this process, without a socket; attempts of
//! deliveries all succeed. A provider serves many inputs, because starting one costs more than all of them; one that was
//! changed for good (its clock moved, say) is replaced.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;
use understudy::app::run::{Firing, Parts, Running, Store, Watchers, start_with};
use understudy::app::webhooks::Around;
use understudy::clock::{BoxFuture, ClockMode};
use understudy::config::{Config, ProviderKind};
use understudy::http::access::Access;
use understudy::http::qoreid::Keyless;
use understudy::http::{api, idwise, qoreid};
use understudy::message::{Endpoint, Message, Outcome};
use understudy::reader::{Overrides, Source};
use understudy::rng::Seed;
use understudy::transport::{HttpSettings, MailSettings, Transport};

/// A provider of either kind, with one webhook of its own.
const IDWISE: &str = r#"
provider = "idwise"
[[flow]]
id = "onboarding"
steps = [{ id = "1", type = "Document", title = "Photo ID" }, { id = "2", type = "Selfie", title = "Selfie" }]
decision = { Complete = 85, Refer = 15 }
aml_monitoring = true
renewal = { step = "1", criteria = "Document Expired", after = "365d", grace = "30d" }
[[webhook]]
name = "demo"
url = "http://127.0.0.1:9/kyc"
"#;
const QOREID: &str = r#"
provider = "qoreid"
[[webhook]]
name = "demo"
url = "http://127.0.0.1:9/kyc"
auth = { type = "hmac", secret = "not-to-be-shown" }
"#;

/// What the second one signs with.
const SECRET: &str = "not-to-be-shown";

/// Where a body goes. A `Q` stands for the input as a query; `JOURNEY` for the id of the journey that is there.
const IDWISE_ROUTES: [(&str, &str); 19] = [
    ("POST", "/api/v1/journeys"),
    ("POST", "/api/v1/journeys/ref:KYC-1/stimuli"),
    ("POST", "/api/v1/deliveries/resend"),
    ("POST", "/api/v1/clock"),
    ("POST", "/api/v1/webhooks"),
    ("PATCH", "/api/v1/webhooks/made"),
    ("GET", "/api/v1/deliveries?Q"),
    ("GET", "/api/v1/journeys?Q"),
    ("GET", "/api/v1/events?Q"),
    ("POST", "/journey/v2/start-journey"),
    ("POST", "/journey/v2/process-journey-step"),
    ("POST", "/v2/process-custom-journey-step"),
    ("POST", "/v2/complete-custom-step"),
    ("POST", "/v2/complete-journey"),
    ("POST", "/journey/v2/manual-review/JOURNEY"),
    ("POST", "/journey/v2/spot-check/JOURNEY"),
    ("PUT", "/checks/aml/JOURNEY"),
    ("POST", "/checks/aml/JOURNEY/whitelist"),
    ("FORM", "/journey/v2/process-journey-step"),
];
const QOREID_ROUTES: [(&str, &str); 13] = [
    ("POST", "/token"),
    ("POST", "/v1/sessions"),
    ("POST", "/v1/addresses"),
    ("POST", "/v1/addresses/pro"),
    ("POST", "/v1/properties"),
    ("POST", "/v1/employments"),
    ("POST", "/v1/guarantors"),
    ("POST", "/v1/ng/identities/nuban"),
    ("POST", "/v1/ng/identities/nin/12345678901"),
    ("POST", "/v1/gh/identities/ghana-id/GHA-123456789-0"),
    ("POST", "/v2/ng/identities/cac-basic"),
    ("POST", "/api/v1/journeys"),
    ("POST", "/api/v1/journeys/ref:KYC-1/stimuli"),
];

/// So many inputs meet the same provider: a longer life would only grow what it keeps.
const INPUTS: u32 = 500;

/// What the form of a submission is bounded by.
const BOUNDARY: &str = "fuzzed";

thread_local! {
    static SITES: RefCell<[Option<Site>; 2]> = const { RefCell::new([None, None]) };
}

pub(crate) fn hold(data: &[u8]) {
    let Some((&route, body)) = data.split_first() else { return };
    let route = usize::from(route) % (IDWISE_ROUTES.len() + QOREID_ROUTES.len());
    let (kind, (method, path)) = match route.checked_sub(IDWISE_ROUTES.len()) {
        None => (0, IDWISE_ROUTES[route]),
        Some(route) => (1, QOREID_ROUTES[route]),
    };
    SITES.with_borrow_mut(|sites| {
        let site = sites[kind].get_or_insert_with(|| Site::new([IDWISE, QOREID][kind]));
        site.asked(method, path, body);
        if site.is_worn() {
            sites[kind] = None;
        }
    });
}

/// A network where everybody is content.
#[derive(Debug)]
struct Content;

impl Transport for Content {
    fn send<'a>(&'a self, _: &'a Endpoint, _: &'a Message) -> BoxFuture<'a, Outcome> {
        Box::pin(async { Outcome { status: Some(200), ..Outcome::default() } })
    }
}

struct Site {
    // Dropped in this order: tasks before what they run on.
    router: Router,
    running: Running,
    runtime: Runtime,
    journey: String,
    bearer: String,
    asked: u32,
    worn: bool,
}

impl Site {
    fn new(config: &str) -> Site {
        let config =
            Config::load(Source { name: "fuzzed", text: config }, &Overrides::none(), &|_| None).expect("valid");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (running, router) = runtime.block_on(Site::started(&config));
        let (journey, bearer) = (String::new(), String::new());
        let mut site = Site { router, running, runtime, journey, bearer, asked: 0, worn: false };
        let flow = if config.provider == ProviderKind::Idwise { "onboarding" } else { "address" };
        let start = format!(r#"{{"flow":"{flow}","reference_no":"KYC-1"}}"#);
        let (status, started) = site.ask("POST", "/api/v1/journeys", start.into_bytes());
        assert_eq!(status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&started));
        site.journey = json(&started)["id"].as_str().expect("an id").to_owned();
        if config.provider == ProviderKind::Idwise {
            let made = br#"{"name":"made","url":"http://127.0.0.1:9/made"}"#;
            assert_eq!(site.ask("POST", "/api/v1/webhooks", made.to_vec()).0, StatusCode::CREATED);
        } else {
            let (_, token) = site.ask("POST", "/token", br#"{"clientId":"c","secret":"s"}"#.to_vec());
            site.bearer = format!("Bearer {}", json(&token)["accessToken"].as_str().expect("a token"));
        }
        site
    }

    async fn started(config: &Config) -> (Running, Router) {
        let base = "http://127.0.0.1:4740/".parse().expect("a URL");
        let parts = Parts {
            provider: config.provider,
            dialect: config.dialect,
            environment: config.environment,
            seed: Seed(7),
            clock: ClockMode::Manual,
            start: Some("2026-11-20T08:00:00Z".parse().expect("an instant")),
            store: Store::Memory { retention: Duration::MAX },
            flows: config.flows.clone(),
            schedule: Vec::new(),
            endpoints: Vec::new(),
            http: HttpSettings::default(),
            mail: MailSettings::default(),
            digest: Duration::from_secs(60),
            firing: Firing::ByItself,
            watchers: Watchers::default(),
        };
        let running = start_with(parts, Arc::new(Content)).await.expect("it starts");
        let app = running.app.clone();
        let configured = config.webhooks.iter().map(|webhook| webhook.endpoint(&base)).collect();
        let around = Around { dialect: config.dialect, base, ..Around::default() };
        app.set_webhooks(configured, around, None).await.expect("a store");
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (provider, _) = match config.provider {
            ProviderKind::Idwise => {
                let access = idwise::Access::of(&config.idwise.keys, here, config.environment);
                idwise::router(app.clone(), access, None)
            }
            ProviderKind::Qoreid => qoreid::router(app.clone(), config.qoreid.keys.clone(), Keyless::Admitted),
        };
        let router = api::router(app, Arc::new(Access::new(None)), Router::new()).merge(provider);
        (running, router)
    }

    /// One request, and what has to be true of its answer and afterwards.
    fn asked(&mut self, method: &str, path: &str, body: &[u8]) {
        self.asked += 1;
        let text = String::from_utf8_lossy(body);
        let path = path.replace("JOURNEY", &self.journey);
        let path = path.replace('Q', &text.chars().filter(|c| c.is_ascii_graphic() && *c != '#').collect::<String>());
        let body = if method == "GET" { Vec::new() } else { text.replace("JOURNEY", &self.journey).into_bytes() };
        let said = String::from_utf8_lossy(&body).into_owned();
        let (status, answer) = self.ask(method, &path, body);
        let context = || format!("{method} {path} {said:?}: {status} {}", String::from_utf8_lossy(&answer));
        assert!(!status.is_server_error(), "{}", context());
        let answer = serde_json::from_slice::<Value>(&answer).unwrap_or_else(|error| panic!("{error}: {}", context()));
        let control = path.starts_with("/api/");
        match status.as_u16() {
            200..300 => assert!(answer.is_object() || !control, "{}", context()),
            _ if control => {
                assert!(answer["code"].as_str().is_some_and(|code| !code.is_empty()), "{}", context());
                assert!(answer["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{}", context());
                assert_eq!(answer["status"], status.as_u16(), "{}", context());
            }
            _ => assert!(answer.is_object(), "{}", context()),
        }
        let told = said.contains(SECRET) || path.contains(SECRET);
        assert!(told || !answer.to_string().contains(SECRET), "X1: {}", context());
        if path == "/api/v1/journeys" && status == StatusCode::CREATED {
            let id = answer["id"].as_str().expect("an id");
            let (_, shown) = self.ask("GET", &format!("/api/v1/journeys/{id}"), Vec::new());
            assert_eq!(json(&shown), answer, "a journey is shown as it was answered");
        }
        let ledger = self.running.app.outbox.ledger().deliveries;
        let parts = ledger.waiting + ledger.in_flight + ledger.delivered + ledger.exhausted + ledger.cancelled;
        assert_eq!(ledger.accepted, parts, "D3: {ledger:?} after {}", context());
        // Moved in time, or with other webhooks, it is not what the next input should meet.
        self.worn |= status.is_success() && (path.contains("/clock") || path.contains("/webhooks"));
    }

    fn ask(&self, method: &str, path: &str, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let (method, kind) = match method {
            "FORM" => (Method::POST, format!("multipart/form-data; boundary={BOUNDARY}")),
            other => (other.parse().expect("a method"), "application/json".to_owned()),
        };
        let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:4740");
        let request = request.header("content-type", kind);
        let request = match path {
            "/v1/sessions" => request.header("authorization", "Basic YzpzZWNyZXQ="),
            _ if !self.bearer.is_empty() => request.header("authorization", &self.bearer),
            _ => request,
        };
        // What is no URI reaches no server.
        let Ok(request) = request.body(Body::from(body)) else { return (StatusCode::OK, b"{}".to_vec()) };
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("a router always answers");
            let status = response.status();
            let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
            // Whoever was told of work does it.
            tokio::task::yield_now().await;
            (status, body.to_vec())
        })
    }

    fn is_worn(&self) -> bool {
        self.worn || self.asked >= INPUTS
    }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}
