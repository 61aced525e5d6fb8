//! Pages over the router, without a socket: a site with a scripted network behind it.

mod door;
mod markup;
mod story;
mod webhooks;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use tower::ServiceExt;

use super::*;
use crate::app::run::{Firing, Parts, Running, Store, Watchers, start_with};
use crate::chance::{SpanDraw, Weights};
use crate::clock::{BoxFuture, ClockMode};
use crate::http::api;
use crate::message::{Auth, Endpoint, Message, Outcome, RequestSeen, ResponseSeen, RetryPolicy, Success};
use crate::provider::idwise::{self, StepDefinition, StepKind, SystemDecision};
use crate::provider::{Dialect, Environment, Flow, ProviderKind, qoreid};
use crate::rng::Seed;
use crate::secret::Secret;
use crate::transport::{HttpSettings, MailSettings, Transport};

/// What nobody may run: it breaks out of an attribute, of a text and of a script.
const MARKUP: &str = r#""><script>alert(1)</script><img src=x onerror='alert(2)'>{{"#;

/// The host that pages are asked for at.
const HOST: &str = "127.0.0.1:4740";

/// A network that answers from a list, then with 200, and says `body` back.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<u16>>,
    body: String,
}

impl Transport for Scripted {
    fn send<'a>(&'a self, endpoint: &'a Endpoint, _: &'a Message) -> BoxFuture<'a, Outcome> {
        let status = self.answers.lock().unwrap().pop_front().unwrap_or(200);
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let outcome = Outcome {
            status: Some(status),
            detail: (!self.body.is_empty()).then(|| self.body.clone()),
            request: RequestSeen {
                method: "POST".into(),
                url: endpoint.url.as_str().into(),
                headers: vec![header("authorization", "***"), header("x-odd", &self.body)].into(),
            },
            response: Some(ResponseSeen {
                status,
                headers: vec![header("x-odd", &self.body)],
                body: self.body.clone().into_bytes(),
                truncated: false,
            }),
            ..Outcome::default()
        };
        Box::pin(async move { outcome })
    }
}

/// A dashboard beside the API, over an application with a clock that stands still.
struct Site {
    running: Running,
    dashboard: Dashboard,
    router: Router,
    cookies: Mutex<Vec<(String, String)>>,
}

/// What was answered.
struct Page {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Page {
    /// Where it leads.
    fn to(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.headers["location"].to_str().expect("a path")
    }

    #[track_caller]
    fn has(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "{text:?} is not in {}", self.body);
        self
    }

    #[track_caller]
    fn lacks(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "{text:?} is in {}", self.body);
        self
    }
}

fn endpoint(name: &str, url: &str, provider: ProviderKind) -> Endpoint {
    Endpoint {
        name: name.into(),
        environment: Environment::Sandbox,
        dialect: Dialect::current(provider),
        types: vec!["*".into()],
        url: url.parse().unwrap(),
        error_emails: vec!["ops@example.com".into()],
        auth: Auth::Bearer { token: Secret::new("t0ken-of-demo") },
        headers: vec![(http::HeaderName::from_static("x-api-key"), Secret::new("k3y-of-demo"))],
        enabled: true,
        retry: RetryPolicy { gaps: vec![Duration::from_secs(300)], jitter: 0.0 },
        success: Success::Only200,
        timeout: Duration::from_secs(10),
        max_in_flight: 1,
        rate_limit: None,
        ordered: false,
        response_body_max: 1024,
    }
}

fn flows(provider: ProviderKind) -> Vec<Flow> {
    let step = |id: &str, kind| StepDefinition { id: id.into(), kind, title: String::new() };
    match provider {
        ProviderKind::Idwise => vec![Flow::Idwise(idwise::Flow {
            id: "onboarding".into(),
            steps: vec![step("1", StepKind::Document), step("2", StepKind::Selfie)],
            processing: SpanDraw::Fixed(Duration::from_secs(5)),
            decision: Weights::only(SystemDecision::Complete),
            aml_monitoring: true,
            renewal: None,
            finished_journey_on_review: false,
        })],
        ProviderKind::Qoreid => vec![Flow::Qoreid(qoreid::Flow::of(qoreid::Product::Address))],
    }
}

impl Site {
    async fn new(answers: &[u16]) -> Self {
        Site::with(ProviderKind::Idwise, answers, "", None).await
    }

    async fn with(provider: ProviderKind, answers: &[u16], body: &str, token: Option<&str>) -> Self {
        let network = Scripted { answers: Mutex::new(answers.iter().copied().collect()), body: body.to_owned() };
        let parts = Parts {
            provider,
            dialect: Dialect::current(provider),
            environment: Environment::Sandbox,
            seed: Seed(1),
            clock: ClockMode::Manual,
            start: Some("2026-11-20T08:00:00Z".parse().unwrap()),
            store: Store::Memory { retention: Duration::MAX },
            flows: flows(provider),
            schedule: Vec::new(),
            endpoints: vec![endpoint("demo", "http://127.0.0.1:9/inbox/demo", provider)],
            http: HttpSettings::default(),
            mail: MailSettings::default(),
            digest: Duration::from_secs(60),
            firing: Firing::ByItself,
            watchers: Watchers::default(),
        };
        let running = start_with(parts, Arc::new(network)).await.expect("it starts");
        let inbox = Inbox::new(running.app.clock.clone(), Seed(1));
        let access = Arc::new(Access::new(token.map(Secret::new)));
        let dashboard = Dashboard::new(running.app.clone(), inbox.clone(), access.clone(), Repertoire::default());
        let router = api::router(running.app.clone(), access, inbox.api());
        let router = router.merge(inbox.router()).merge(dashboard.router());
        Site { running, dashboard, router, cookies: Mutex::default() }
    }

    /// As a browser asks, with the cookies it was given.
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Page {
        let mut request =
            Request::builder().method(method).uri(path).header("host", HOST).header("accept", "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let kept: Vec<String> =
            self.cookies.lock().unwrap().iter().map(|(key, value)| format!("{key}={value}")).collect();
        if !kept.is_empty() {
            request = request.header("cookie", kept.join("; "));
        }
        let answer = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        for set in head.headers.get_all("set-cookie") {
            let (key, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            let mut kept = self.cookies.lock().unwrap();
            kept.retain(|(known, _)| known != key);
            if !value.is_empty() {
                kept.push((key.to_owned(), value.to_owned()));
            }
        }
        let stream = head.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        // A stream does not end.
        let body = if stream { Vec::new() } else { axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec() };
        Page { status: head.status, headers: head.headers, body: String::from_utf8(body).unwrap() }
    }

    async fn get(&self, path: &str) -> Page {
        self.ask(Method::GET, path, &[], String::new()).await
    }

    /// Sends a form of an own page.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = [("origin", "http://127.0.0.1:4740"), ("content-type", "application/x-www-form-urlencoded")];
        self.ask(Method::POST, path, &headers, body).await
    }

    /// Sends a form, and looks where it leads.
    async fn follow(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let to = self.post(path, fields).await;
        self.get(to.to()).await
    }

    /// Starts a journey: the path of its page.
    async fn journey(&self, reference: &str) -> String {
        let flow = flows(self.running.app.provider)[0].id().to_owned();
        self.post("/journeys", &[("flow", &flow), ("reference", reference)]).await.to().to_owned()
    }

    /// Waits until nothing is due.
    async fn quiet(&self) {
        self.running.app.quiet().await;
    }
}
