//! The inbox over its router: what it keeps, tells and bounds, and how it misbehaves.

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use tower::ServiceExt;

use super::*;
use crate::clock::{ClockMode, ProviderClock};

const START: &str = "2026-11-20T08:00:00Z";

fn inbox() -> (Inbox, Arc<ProviderClock>) {
    let clock = Arc::new(ProviderClock::new(ClockMode::Manual, Some(START.parse().expect("an instant"))));
    (Inbox::new(clock.clone(), Seed(0)), clock)
}

async fn ask(inbox: &Inbox, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let answer = inbox.router().merge(inbox.api()).oneshot(request).await.expect("infallible");
    let (head, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    (head.status, head.headers, String::from_utf8(body.to_vec()).expect("text"))
}

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header("content-type", "application/json").body(body.into()).expect("a request")
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}

fn event(id: &str) -> String {
    format!(r#"{{"event":"Finished Journey","body":{{"eventId":"{id}"}}}}"#)
}

#[tokio::test]
async fn what_comes_is_kept_as_it_came() {
    let (inbox, clock) = inbox();
    let mut arrivals = inbox.watch();
    let (status, _, told) = ask(&inbox, post("/inbox/demo?a=b", event("e-1"))).await;
    assert_eq!(status, 200);
    insta::assert_snapshot!(told, @r#"{"duplicate":false,"n":1,"status":200}"#);
    assert!(arrivals.has_changed().expect("the inbox lives"));
    assert_eq!(*arrivals.borrow_and_update(), 1);

    clock.set(clock.now() + Duration::from_secs(60)).expect("forward");
    let (_, _, told) = ask(&inbox, post("/inbox/demo/below/it", event("e-1"))).await;
    insta::assert_snapshot!(told, @r#"{"duplicate":true,"n":2,"status":200}"#);
    let raw: &[u8] = b"\xff not json";
    let odd = Request::builder().method(Method::PUT).uri("/inbox/caf%C3%A9/").body(Body::from(raw)).expect("a request");
    assert_eq!(ask(&inbox, odd).await.0, 200);

    assert_eq!(inbox.names(), ["café", "demo"]);
    let demo = inbox.received("demo");
    assert_eq!(demo[0].body, event("e-1").as_bytes());
    assert_eq!((demo[0].path.as_str(), demo[0].query.as_deref()), ("/inbox/demo", Some("a=b")));
    assert_eq!(demo[0].headers, [("content-type".to_owned(), "application/json".to_owned())]);
    assert_eq!(demo[0].event_type.as_deref(), Some("Finished Journey"));
    assert_eq!(demo[1].path, "/inbox/demo/below/it");
    assert_eq!(demo[1].at.since(demo[0].at), Duration::from_secs(60));
    assert_eq!((demo[0].is_duplicate(), demo[1].is_duplicate(), demo[1].tries), (false, true, 2));
    let other = &inbox.received("café")[0];
    assert_eq!((other.method.as_str(), &other.body[..], other.event_id.as_deref()), ("PUT", raw, None));
    assert!(inbox.received("nobody").is_empty());
}

#[tokio::test]
async fn a_name_is_told_to_misbehave_and_told_to_stop() {
    let (inbox, _) = inbox();
    let status = async |path: &str| ask(&inbox, post(path, event("e-1"))).await.0;
    inbox.tell("demo", "status=503&retry_after=3s&auth=bearer:t0ken").expect("a wish");
    inbox.tell("demo", "status=99").expect_err("no status");
    assert_eq!(inbox.told("demo").as_deref(), Some("status=503&retry_after=3s&auth=***"));
    inbox.tell("demo", "status=503").expect("a wish");
    assert_eq!(
        (status("/inbox/demo").await, status("/inbox/other").await),
        (StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK)
    );
    assert_eq!(status("/inbox/demo?status=502").await, StatusCode::BAD_GATEWAY, "a request's own wish comes last");
    inbox.tell("demo", "").expect("no wish");
    assert_eq!((status("/inbox/demo").await, inbox.told("demo")), (StatusCode::OK, None));
    for n in 0..=NAMES {
        inbox.tell(&format!("n{n}"), "status=500").expect("a wish");
    }
    assert_eq!((inbox.told("n0").is_some(), inbox.told(&format!("n{NAMES}"))), (true, None), "bounded");
}

#[tokio::test]
async fn it_misbehaves_as_it_is_told() {
    let (inbox, _) = inbox();
    let path = "/inbox/demo?fail_first=2&status=503&retry_after=3s";
    for (id, expected) in [("e-1", 503), ("e-1", 503), ("e-2", 503), ("e-1", 200), ("e-2", 503), ("e-2", 200)] {
        let (status, headers, _) = ask(&inbox, post(path, event(id))).await;
        assert_eq!(status, expected, "{id}");
        assert_eq!(headers.get(RETRY_AFTER).is_some(), expected == 503, "{id}");
    }
    let kept: Vec<Option<u16>> = inbox.received("demo").iter().map(|received| received.status).collect();
    assert_eq!(kept, [503, 503, 503, 200, 503, 200].map(Some));

    let (status, headers, told) = ask(&inbox, post("/inbox/demo?status=9", "")).await;
    assert_eq!((status.as_u16(), headers[CONTENT_TYPE].as_bytes()), (400, &b"application/problem+json"[..]));
    assert!(told.contains("status takes a status from 200 to 599"), "{told}");
    assert_eq!(inbox.received("demo").len(), 6, "what cannot be understood is not kept");
}

#[tokio::test]
async fn a_request_is_kept_before_it_is_answered_late_or_never() {
    for (wish, status) in [("hang=1", None), ("delay=10m", Some(200))] {
        let (inbox, _) = inbox();
        let mut arrivals = inbox.watch();
        tokio::select! {
            biased;
            answer = ask(&inbox, post(&format!("/inbox/demo?{wish}"), event("e-1"))) => panic!("answered {answer:?}"),
            _ = arrivals.changed() => {}
        }
        assert_eq!(inbox.received("demo")[0].status, status);
    }
    let (inbox, _) = inbox();
    assert_eq!(ask(&inbox, post("/inbox/demo?delay=1ms", event("e-1"))).await.0, 200);
}

#[tokio::test]
async fn credentials_are_asked_for_and_x1_not_shown() {
    let (inbox, _) = inbox();
    let path = "/inbox/demo?auth=basic:user:hunter2-hunter2";
    let (status, headers, _) = ask(&inbox, post(path, event("e-1"))).await;
    assert_eq!((status.as_u16(), headers.contains_key(WWW_AUTHENTICATE)), (401, true));
    let mut right = post(path, event("e-1"));
    let credentials = format!("Basic {}", STANDARD.encode("user:hunter2-hunter2"));
    right.headers_mut().insert(AUTHORIZATION, credentials.parse().expect("a value"));
    right.headers_mut().insert("x-api-key", HeaderValue::from_static("k3y-v4lue"));
    assert_eq!(ask(&inbox, right).await.0, 200);

    inbox.set_redactor(Redactor::new(["k3y-v4lue"]));
    let (_, _, shown) = ask(&inbox, get("/api/v1/inbox/demo?limit=1")).await;
    let shown = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&shown).expect("json")).expect("json");
    insta::assert_snapshot!(shown, @r#"
    {
      "items": [
        {
          "at": "2026-11-20T08:00:00.000Z",
          "authorized": true,
          "body": "{\"event\":\"Finished Journey\",\"body\":{\"eventId\":\"e-1\"}}",
          "body_base64": null,
          "duplicate": true,
          "event_id": "e-1",
          "event_type": "Finished Journey",
          "headers": [
            [
              "content-type",
              "application/json"
            ],
            [
              "authorization",
              "***"
            ],
            [
              "x-api-key",
              "***"
            ]
          ],
          "method": "POST",
          "n": 2,
          "path": "/inbox/demo",
          "query": "auth=***",
          "status": 200,
          "tries": 2
        }
      ],
      "next": 2
    }
    "#);
    let debugged = format!("{:?} {inbox:?}", inbox.received("demo"));
    assert!(!debugged.contains("hunter2") && !debugged.contains("k3y"), "{debugged}");
}

#[tokio::test]
async fn lists_are_paged_newest_first() {
    let (inbox, _) = inbox();
    for n in 0..5 {
        ask(&inbox, post("/inbox/demo", event(&format!("e-{n}")))).await;
    }
    let mut cursor = String::new();
    let mut seen = Vec::new();
    loop {
        let (_, _, page) = ask(&inbox, get(&format!("/api/v1/inbox/demo?limit=2{cursor}"))).await;
        let page: Value = serde_json::from_str(&page).expect("json");
        seen.extend(page["items"].as_array().expect("items").iter().map(|item| item["n"].as_u64().expect("n")));
        let Some(next) = page["next"].as_u64() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let (_, _, names) = ask(&inbox, get("/api/v1/inbox")).await;
    assert_eq!(names, r#"{"items":[{"name":"demo","received":5}],"next":null}"#);
}

#[tokio::test]
async fn a_delivery_arrives_over_a_real_socket() {
    use crate::http::serve::{Limits, serve};
    use crate::ids::EventId;
    use crate::message::{Endpoint, Message, RetryPolicy, Success};
    use crate::provider::Environment;
    use crate::secret::Secret;
    use crate::transport::{HttpSettings, HttpTransport, Transport};

    let (inbox, clock) = inbox();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let stop = tokio_util::sync::CancellationToken::new();
    let mut server = tokio::task::JoinSet::new();
    server.spawn(serve(listener, inbox.router(), Limits::default(), stop.clone()));

    let transport = HttpTransport::new(HttpSettings::default()).expect("a transport");
    let endpoint = |query: &str| Endpoint {
        name: "demo".into(),
        environment: Environment::Sandbox,
        dialect: crate::provider::Dialect::current(crate::provider::ProviderKind::Idwise),
        types: vec!["*".into()],
        url: format!("http://{addr}/inbox/demo?{query}").parse().expect("a url"),
        error_emails: Vec::new(),
        auth: Auth::Basic { username: "user".into(), password: Secret::new("p@ss") },
        headers: Vec::new(),
        enabled: true,
        retry: RetryPolicy { gaps: Vec::new(), jitter: 0.0 },
        success: Success::Only200,
        timeout: Duration::from_secs(20),
        max_in_flight: 1,
        rate_limit: None,
        ordered: false,
        response_body_max: 1024,
    };
    let message = Message {
        event_id: EventId::by_hand(Seed(0), 1),
        event_type: "Finished Journey".into(),
        journey_id: None,
        sequence: 0,
        environment: Environment::Sandbox,
        created_at: clock.now(),
        body: event("e-1").into(),
        forms: Vec::new(),
    };
    for (query, status) in [("auth=basic:user:p@ss", 200), ("auth=bearer:p@ss", 401), ("status=503", 503)] {
        assert_eq!(transport.send(&endpoint(query), &message).await.status, Some(status), "{query}");
    }
    let received = inbox.received("demo");
    assert!(received.iter().all(|request| request.body == message.body));
    assert_eq!(received.iter().map(|request| request.tries).collect::<Vec<_>>(), [1, 2, 3]);
    stop.cancel();
    server.join_next().await.expect("it ran").expect("it ended well");
}

#[tokio::test]
async fn q1_requests_names_bytes_and_ids_are_bounded() {
    let (inbox, _) = inbox();
    for n in 0..KEPT + 10 {
        ask(&inbox, post("/inbox/many", event(&n.to_string()))).await;
    }
    let many = inbox.received("many");
    assert_eq!((many.len(), many[0].n), (KEPT, 11));

    let large = vec![b'x'; BODY_MAX];
    for _ in 0..BYTES / BODY_MAX + 5 {
        assert_eq!(ask(&inbox, post("/inbox/large", large.clone())).await.0, 200);
    }
    {
        let held = inbox.held();
        let kept: usize = held.names.values().flat_map(|slot| &slot.received).map(|received| received.size()).sum();
        assert!(held.bytes <= BYTES && held.bytes == kept, "{} counted, {kept} kept", held.bytes);
        assert_eq!(held.names["many"].received.len(), KEPT, "the fullest name makes room, not the others");
    }
    assert_eq!(ask(&inbox, post("/inbox/large", vec![b'x'; BODY_MAX + 1])).await.0, 413);

    for n in 2..NAMES {
        assert_eq!(ask(&inbox, post(&format!("/inbox/name-{n}"), "")).await.0, 200);
    }
    assert_eq!(ask(&inbox, post("/inbox/one-too-many", "")).await.0, 429);
    assert_eq!(ask(&inbox, post("/inbox/many", "")).await.0, 200);

    let mut slot = Slot::default();
    for n in 0..=IDS {
        slot.try_again(&n.to_string());
    }
    assert_eq!((slot.tries.len(), slot.order.len()), (IDS, IDS));
    assert_eq!((slot.try_again(&IDS.to_string()), slot.try_again("0")), (2, 1));
}
