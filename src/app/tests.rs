//! The application over a scripted network and a clock that stands still: whole stories, without a socket.

mod races;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::app::apply::{Answer, AppError, Keyed, Manner, NewJourney};
use crate::app::run::{Firing, Parts, Running, Store, Watchers, start_with};
use crate::chance::{SpanDraw, Weights};
use crate::clock::{BoxFuture, Clock as _, ClockMode, Timestamp};
use crate::ids::JourneyId;
use crate::message::{
    Auth, DeliveryState, Endpoint, ErrorClass, MailState, Message, Outcome, RateLimit, RetryPolicy, Success,
};
use crate::outbox::{DeliveryQuery, OutboxError};
use crate::provider::idwise::{self, StepDefinition, StepKind, SystemDecision};
use crate::provider::{self, Dialect, Environment, Flow, ProviderKind, Stimulus};
use crate::rng::Seed;
use crate::transport::{HttpSettings, MailSettings, Transport};

const START: &str = "2026-11-20T08:00:00Z";

/// A network that answers from a list, then with 200, and remembers what it was sent.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<u16>>,
    seen: Mutex<Vec<(String, Message)>>,
}

impl Scripted {
    fn answering(answers: &[u16]) -> Arc<Self> {
        Arc::new(Scripted { answers: Mutex::new(answers.iter().copied().collect()), seen: Mutex::default() })
    }

    fn kinds(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(_, message)| message.event_type.to_string()).collect()
    }
}

impl Transport for Scripted {
    fn send<'a>(&'a self, endpoint: &'a Endpoint, message: &'a Message) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            self.seen.lock().unwrap().push((endpoint.name.clone(), message.clone()));
            match self.answers.lock().unwrap().pop_front().unwrap_or(200) {
                0 => Outcome::failed(ErrorClass::Connect, "connection refused"),
                status => Outcome { status: Some(status), ..Outcome::default() },
            }
        })
    }
}

fn flow() -> Flow {
    let step = |id: &str, kind| StepDefinition { id: id.into(), kind, title: id.into() };
    Flow::Idwise(idwise::Flow {
        id: "onboarding".into(),
        steps: vec![step("1", StepKind::Document), step("2", StepKind::Selfie)],
        processing: SpanDraw::Fixed(Duration::from_secs(5)),
        decision: Weights::only(SystemDecision::Complete),
        aml_monitoring: true,
        renewal: None,
        finished_journey_on_review: false,
    })
}

fn endpoint(name: &str) -> Endpoint {
    let minutes = |m: u64| Duration::from_secs(60 * m);
    Endpoint {
        name: name.into(),
        environment: Environment::Sandbox,
        dialect: Dialect::current(ProviderKind::Idwise),
        types: vec!["*".into()],
        url: "http://127.0.0.1:9/hook".parse().unwrap(),
        error_emails: vec!["ops@example.com".into()],
        auth: Auth::None,
        headers: vec![],
        enabled: true,
        retry: RetryPolicy { gaps: vec![minutes(5), minutes(10), minutes(15)], jitter: 0.0 },
        success: Success::Only200,
        timeout: Duration::from_secs(10),
        max_in_flight: 1,
        rate_limit: None,
        ordered: false,
        response_body_max: 1024,
    }
}

async fn provider(network: Arc<Scripted>, endpoints: Vec<Endpoint>) -> Running {
    start_with(parts(endpoints), network).await.expect("it starts")
}

fn parts(endpoints: Vec<Endpoint>) -> Parts {
    Parts {
        provider: ProviderKind::Idwise,
        dialect: Dialect::current(ProviderKind::Idwise),
        environment: Environment::Sandbox,
        seed: Seed(1),
        clock: ClockMode::Manual,
        start: Some(START.parse().unwrap()),
        store: Store::Memory { retention: Duration::MAX },
        flows: vec![flow()],
        schedule: Vec::new(),
        endpoints,
        http: HttpSettings::default(),
        mail: MailSettings::default(),
        digest: Duration::from_secs(60),
        firing: Firing::ByItself,
        watchers: Watchers::default(),
    }
}

async fn begin(running: &Running, reference_no: &str) -> JourneyId {
    let new = NewJourney {
        flow: "onboarding".into(),
        reference_no: reference_no.into(),
        environment: None,
        opening: None,
        planned: None,
    };
    match running.app.start_journey(new, None).await.expect("it starts") {
        Answer::Done(applied) => applied.journey.id,
        Answer::Repeated(_) => panic!("a first call is no repetition"),
    }
}

fn stimulus(json: &str) -> Stimulus {
    let map = serde_json::from_str(json).expect("an object");
    provider::parse_stimulus(ProviderKind::Idwise, &map).expect("a stimulus")
}

async fn does(running: &Running, id: JourneyId, json: &str) -> Result<Answer, AppError> {
    running.app.apply(id, &stimulus(json), Manner::default()).await
}

async fn submit_both(running: &Running, id: JourneyId) {
    for step in ["1", "2"] {
        does(running, id, &format!(r#"{{"do":"submit_step","step":"{step}"}}"#)).await.expect("legal");
    }
}

async fn advance(running: &Running, span: Duration) {
    running.app.advance(running.app.now() + span).await.expect("forward");
    running.app.quiet().await;
}

#[tokio::test]
async fn a_plain_journey_is_told_in_order_and_adds_up() {
    let network = Scripted::answering(&[]);
    let running = provider(network.clone(), vec![endpoint("demo")]).await;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    advance(&running, Duration::from_secs(10)).await;
    assert_eq!(network.kinds(), ["Finished Step", "Finished Step", "Finished User Steps", "Finished Journey"]);
    let ledger = running.app.outbox.ledger();
    assert_eq!((ledger.events, ledger.deliveries.delivered, ledger.attempts), (4, 4, 4));
    running.shutdown(Duration::from_secs(1)).await.expect("a clean end");
}

#[tokio::test]
async fn a_dead_endpoint_is_tried_at_the_documented_gaps_and_mailed_once() {
    let network = Scripted::answering(&[500; 16]);
    let running = provider(network.clone(), vec![endpoint("dead")]).await;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    advance(&running, Duration::from_secs(3_600)).await;
    let outbox = &running.app.outbox;
    let deliveries = outbox.deliveries(&DeliveryQuery::default(), None, 100).expect("a page").items;
    assert_eq!(deliveries.len(), 4);
    for delivery in &deliveries {
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Exhausted, 4), "{delivery:?}");
        let (_, attempts) = outbox.delivery(delivery.id).expect("a read").expect("it is there");
        let at: Vec<u64> = attempts.iter().map(|a| (a.started_at - attempts[0].started_at).as_secs()).collect();
        assert_eq!(at, [0, 300, 900, 1_800], "A3: gaps of 5, 10 and 15 minutes");
    }
    let mails = outbox.mails(None, 10).expect("a page").items;
    assert_eq!(mails.len(), 1, "one digest names them all: {mails:?}");
    assert_eq!((mails[0].state, mails[0].deliveries.len()), (MailState::Kept, 4));
    let ledger = outbox.ledger();
    assert_eq!((ledger.deliveries.accepted, ledger.deliveries.exhausted, ledger.attempts), (4, 4, 16));
    running.shutdown(Duration::from_secs(1)).await.expect("a clean end");
}

#[tokio::test]
async fn an_endpoint_that_recovers_gets_no_mail_and_the_same_bytes() {
    let network = Scripted::answering(&[0, 500]);
    let running = provider(network.clone(), vec![endpoint("demo")]).await;
    let id = begin(&running, "KYC-1").await;
    does(&running, id, r#"{"do":"submit_step","step":"1"}"#).await.expect("legal");
    advance(&running, Duration::from_secs(7_200)).await;
    let seen = network.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 3);
    assert!(seen.windows(2).all(|w| w[0].1.body == w[1].1.body), "A2");
    assert_eq!(running.app.outbox.mails(None, 10).expect("a page").items, vec![]);
}

#[tokio::test]
async fn of_two_conflicting_stimuli_one_wins_and_the_other_hears_what_is_legal() {
    let running = provider(Scripted::answering(&[]), vec![]).await;
    let id = begin(&running, "KYC-1").await;
    let json = r#"{"do":"submit_step","step":"1"}"#;
    let (one, two) = tokio::join!(does(&running, id, json), does(&running, id, json));
    let refused = [one, two].into_iter().find_map(Result::err).expect("J2: one is refused");
    assert!(matches!(refused, AppError::Rejected(rejected) if rejected.legal.contains(&"submit_step")));
    assert_eq!(running.app.outbox.ledger().events, 1);
}

#[tokio::test]
async fn a_key_makes_a_call_idempotent_and_another_body_is_refused() {
    let running = provider(Scripted::answering(&[]), vec![]).await;
    let id = begin(&running, "KYC-1").await;
    let keyed = |request| Keyed {
        key: format!("{id}/k1"),
        request: [request; 32],
        answer: |journey, events| format!("{} {}", journey.sequence, events.len()).into(),
    };
    let call = |request| {
        let manner = Manner { keyed: Some(keyed(request)), ..Manner::default() };
        let stimulus = stimulus(r#"{"do":"submit_step","step":"1"}"#);
        let app = running.app.clone();
        async move { app.apply(id, &stimulus, manner).await }
    };
    assert!(matches!(call(1).await, Ok(Answer::Done(_))));
    assert_eq!(call(1).await, Ok(Answer::Repeated("1 1".into())), "D6: the same answer");
    assert!(matches!(call(2).await, Err(AppError::Outbox(OutboxError::KeyReused { .. }))));
    assert_eq!(running.app.outbox.ledger().events, 1);
}

#[tokio::test]
async fn journeys_of_one_environment_are_not_told_to_webhooks_of_another() {
    let network = Scripted::answering(&[]);
    let live = Endpoint { environment: Environment::Live, ..endpoint("live") };
    let steps = Endpoint { types: vec!["Finished Step".into()], ..endpoint("steps") };
    let running = provider(network.clone(), vec![live, steps]).await;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    advance(&running, Duration::from_secs(10)).await;
    let seen = network.seen.lock().unwrap().clone();
    assert!(seen.iter().all(|(to, message)| to == "steps" && message.event_type == "Finished Step"), "{seen:?}");
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn an_ordered_endpoint_gets_a_journeys_events_one_after_the_other() {
    let network = Scripted::answering(&[500]);
    let ordered = Endpoint { ordered: true, max_in_flight: 8, ..endpoint("ordered") };
    let running = provider(network.clone(), vec![ordered]).await;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    advance(&running, Duration::from_secs(60)).await;
    assert_eq!(network.seen.lock().unwrap().len(), 1, "J3: the first one is not terminal yet");
    advance(&running, Duration::from_secs(600)).await;
    let sequence: Vec<u64> = network.seen.lock().unwrap().iter().map(|(_, m)| m.sequence).collect();
    assert_eq!(sequence, [1, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_rate_is_kept_in_real_time_though_the_clock_stands() {
    let network = Scripted::answering(&[]);
    let limited = Endpoint { rate_limit: Some(RateLimit { per_second: 200.0 }), max_in_flight: 8, ..endpoint("slow") };
    let running = provider(network.clone(), vec![limited]).await;
    let id = begin(&running, "KYC-1").await;
    submit_both(&running, id).await;
    running.app.quiet().await;
    assert_eq!(network.seen.lock().unwrap().len(), 3);
    assert_eq!(running.app.clock.now(), START.parse::<Timestamp>().unwrap());
}

#[tokio::test]
async fn a_flow_that_a_play_brought_stays_when_the_configuration_is_taken_over() {
    let running = provider(Scripted::answering(&[]), vec![endpoint("demo")]).await;
    let app = &running.app;
    let other = |id: &str| match flow() {
        Flow::Idwise(flow) => Flow::Idwise(idwise::Flow { id: id.into(), aml_monitoring: false, ..flow }),
        Flow::Qoreid(_) => panic!("a flow of IDWise"),
    };
    assert_eq!(app.lend_flow(flow(), "plain"), "onboarding", "the very same");
    assert_eq!(app.lend_flow(other("onboarding"), "plain"), "onboarding@plain", "another of that id");
    assert_eq!(app.lend_flow(other("brought"), "plain"), "brought");
    app.set_flows(vec![other("new")]);
    assert_eq!(app.flow_ids(), ["brought", "new", "onboarding", "onboarding@plain"]);
    assert_eq!(*app.flow("onboarding@plain").expect("lent"), other("onboarding@plain"));
    app.set_flows(vec![flow()]);
    assert_eq!(app.flow_ids(), ["brought", "onboarding", "onboarding@plain"], "what was never lent is gone");
    assert_eq!(*app.flow("onboarding").expect("configured"), flow());
}

#[tokio::test]
async fn x1_q3_a_task_that_panics_ends_it_all_and_nobody_repeats_what_it_said() {
    let mut running = provider(Scripted::answering(&[]), vec![endpoint("demo")]).await;
    let secret = "s3cret".to_owned();
    running.own("doomed", async move { panic!("cannot send {secret}") });
    let told = running.died().await.to_string();
    assert_eq!(told, "the background task died: it panicked");
}
