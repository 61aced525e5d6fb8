//! The JSON of the control API: journeys, events, deliveries, mails. The one home of these shapes; keys may be added,
//! none is taken away.

mod typed;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::chance::show_span;
use crate::clock::Timestamp;
use crate::delivery::news::{AttemptEnded, ClockSeen, TakeOver};
use crate::ids::DeliveryId;
use crate::message::{Attempt, Auth, Delivery, Endpoint, Mail, Message, Outcome, Success, Verdict};
use crate::outbox::{Horizon, Ledger};
use crate::portal::changes::{Change, KeyChange};
use crate::provider::Journey;
use crate::secret::BLANK;

/// A journey.
pub fn journey(journey: &Journey) -> Value {
    tree(&typed::Journey::of(journey))
}

/// A journey as the answer to its start, in one piece.
pub fn started(journey: &Journey) -> Vec<u8> {
    text(&typed::Journey::of(journey))
}

/// An event. The payload is shown as JSON; `body` is the exact text that is sent.
pub fn event(message: &Message) -> Value {
    tree(&typed::Event::of(message))
}

/// An event with its deliveries.
pub fn event_with(message: &Message, deliveries: Vec<Value>) -> Value {
    let mut shape = event(message);
    shape["deliveries"] = Value::Array(deliveries);
    shape
}

/// A delivery as lists show it.
pub fn delivery(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "journey_id": delivery.journey_id,
        "webhook": delivery.webhook,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "due_at": instant(delivery.due_at),
        "resend_of": delivery.resend_of,
    })
}

/// A delivery shown alone, with every attempt and the exact bytes of both sides.
pub fn delivery_with(shown: &Delivery, attempts: &[Attempt], body: &[u8]) -> Value {
    let mut shape = delivery(shown);
    shape["tries"] = attempts.iter().map(|attempt| try_of(attempt, body)).collect();
    shape
}

fn try_of(attempt: &Attempt, body: &[u8]) -> Value {
    let outcome = &attempt.outcome;
    let millis = |micros: u64| micros as f64 / 1_000.0;
    json!({
        "n": attempt.n,
        "started_at": instant(attempt.started_at),
        "finished_at": instant(attempt.finished_at),
        "status": outcome.status,
        "error": outcome.error,
        "detail": outcome.detail,
        "request": {
            "method": outcome.request.method,
            "url": outcome.request.url,
            "headers": outcome.request.headers,
            "body": String::from_utf8_lossy(body),
        },
        "response": outcome.response.as_ref().map(|response| json!({
            "status": response.status,
            "headers": response.headers,
            "body": String::from_utf8_lossy(&response.body),
            "truncated": response.truncated,
        })),
        "phases": { "head_ms": outcome.phases.head_us.map(millis), "total_ms": millis(outcome.phases.total_us) },
    })
}

/// An attempt as the stream tells of it, with where its delivery stands since. `due_at` is there while it waits.
pub fn attempt(ended: &AttemptEnded) -> Value {
    let mut shape = json!({
        "delivery_id": ended.delivery_id,
        "event_id": ended.event_id,
        "event_type": ended.event_type,
        "journey_id": ended.journey_id,
        "webhook": ended.webhook,
        "n": ended.n,
        "status": ended.status,
        "error": ended.error,
        "detail": ended.detail,
        "verdict": ended.verdict.as_str(),
        "state": ended.state(),
        "started_at": instant(ended.started_at),
        "finished_at": instant(ended.finished_at),
        "took_ms": ended.took_us as f64 / 1_000.0,
    });
    if let Verdict::RetryAt(at) = ended.verdict {
        shape["due_at"] = instant(at);
    }
    shape
}

/// A webhook as it is set up, and what it is owed.
pub fn webhook(app: &App, endpoint: &Endpoint, horizon: &Horizon) -> Value {
    let lane = horizon.lanes.iter().find(|lane| *lane.webhook == *endpoint.name);
    let auth = match &endpoint.auth {
        Auth::None => json!({ "type": "none" }),
        Auth::Basic { username, .. } => json!({ "type": "basic", "username": username, "password": BLANK }),
        Auth::Bearer { .. } => json!({ "type": "bearer", "token": BLANK }),
        Auth::Hmac { .. } => json!({ "type": "hmac", "secret": BLANK }),
    };
    let headers: Map<String, Value> =
        endpoint.headers.iter().map(|(name, _)| (name.to_string(), Value::from(BLANK))).collect();
    json!({
        "name": endpoint.name,
        "origin": if app.is_made(&endpoint.name) { "api" } else { "file" },
        "environment": endpoint.environment,
        "dialect": endpoint.dialect.as_str(),
        "types": endpoint.types,
        "url": app.blanked(endpoint.url.as_str()),
        "error_emails": endpoint.error_emails,
        "auth": auth,
        "headers": headers,
        "enabled": endpoint.enabled,
        "paused": app.endpoints.is_paused(&endpoint.name),
        "retry": endpoint.retry.gaps.iter().map(|gap| show_span(*gap)).collect::<Vec<_>>(),
        "jitter": endpoint.retry.jitter,
        "timeout": show_span(endpoint.timeout),
        "success": if endpoint.success == Success::Any2xx { "2xx" } else { "200" },
        "max_in_flight": endpoint.max_in_flight,
        "rate_limit": endpoint.rate_limit.map(|limit| limit.per_second),
        "order": if endpoint.ordered { "journey" } else { "none" },
        "waiting": lane.map_or(0, |lane| lane.waiting),
        "in_flight": lane.map_or(0, |lane| lane.in_flight),
        "next_due": lane.and_then(|lane| lane.next_due).map(instant),
    })
}

/// What came of a test.
pub fn tested(passed: bool, outcome: &Outcome) -> Value {
    json!({
        "passed": passed,
        "status": outcome.status,
        "error": outcome.error,
        "detail": outcome.detail,
        "took_ms": outcome.took().as_secs_f64() * 1e3,
    })
}

/// A mail.
pub fn mail(mail: &Mail) -> Value {
    json!({
        "id": mail.id,
        "webhook": mail.webhook,
        "to": mail.to,
        "subject": mail.subject,
        "text": mail.text,
        "deliveries": mail.deliveries,
        "message_id": mail.message_id,
        "created_at": instant(mail.created_at),
        "state": mail.state,
        "attempts": mail.attempts,
        "error": mail.error,
    })
}

/// The clock.
pub fn clock(seen: &ClockSeen) -> Value {
    json!({
        "now": instant(seen.now),
        "mode": seen.mode.name(),
        "rate": seen.mode.rate(),
        "next_due": seen.next_due.map(instant),
    })
}

/// What came of a change of the configuration.
pub fn take_over(done: &TakeOver) -> Value {
    json!({
        "taken_over_at": instant(done.at),
        "source": done.source.as_str(),
        "changes": done.changes.iter().map(change).collect::<Vec<_>>(),
        "error": done.refused.as_ref().map(|(_, why)| why),
        "refused_at": done.refused.as_ref().map(|(at, _)| instant(*at)),
    })
}

fn change(change: &Change) -> Value {
    let key = |key: &KeyChange| json!({ "key": key.key, "from": key.from, "to": key.to });
    json!({
        "what": change.what,
        "name": change.name,
        "change": change.how.as_str(),
        "keys": change.keys.iter().map(key).collect::<Vec<_>>(),
        "needs_restart": change.needs_restart,
    })
}

/// The ledger.
pub fn ledger(ledger: &Ledger) -> Value {
    json!({
        "journeys": ledger.journeys,
        "events": ledger.events,
        "deliveries": ledger.deliveries,
        "attempts": ledger.attempts,
        "mails": ledger.mails,
    })
}

/// What a stimulus led to, in one piece.
pub fn applied(after: &Journey, events: &[Message]) -> Vec<u8> {
    let events = events.iter().map(typed::Event::of).collect();
    text(&typed::Applied { events, journey: typed::Journey::of(after) })
}

/// What a resend led to.
pub fn resent(id: DeliveryId, of: DeliveryId) -> Value {
    json!({ "id": id, "resend_of": of })
}

fn tree(shape: &impl Serialize) -> Value {
    serde_json::to_value(shape).expect("plain data always becomes JSON")
}

fn text(shape: &impl Serialize) -> Vec<u8> {
    let mut text = Vec::with_capacity(1_024);
    serde_json::to_writer(&mut text, shape).expect("plain data always becomes JSON");
    text
}

/// An instant, RFC 3339.
pub fn instant(at: Timestamp) -> Value {
    Value::String(at.to_rfc3339())
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::http::api::schema;
    use crate::ids::{EventId, JourneyId, MailId};
    use crate::message::{DeliveryState, ErrorClass, MailState, Outcome, Phases, RequestSeen, ResponseSeen};
    use crate::provider::{self, Environment, ProviderKind, idwise};
    use crate::rng::Seed;

    /// What is sent has the members that are declared and no others.
    #[track_caller]
    fn check<T: DeserializeOwned + serde::Serialize>(sent: Value) {
        let read: T = serde_json::from_value(sent.clone()).unwrap_or_else(|error| panic!("{error}: {sent}"));
        assert_eq!(serde_json::to_value(read).expect("JSON"), sent);
    }

    #[test]
    fn what_is_sent_is_what_is_declared() {
        let (seed, at) = (Seed(1), Timestamp::from_micros(1_800_000_000_000_000));
        let step = |id: &str| idwise::StepDefinition {
            id: id.to_owned(),
            kind: idwise::StepKind::Document,
            title: String::new(),
        };
        let flow = provider::Flow::Idwise(idwise::Flow {
            id: "f".to_owned(),
            steps: vec![step("1")],
            processing: crate::chance::SpanDraw::Fixed(std::time::Duration::from_secs(5)),
            decision: crate::chance::Weights::only(idwise::SystemDecision::Complete),
            aml_monitoring: true,
            renewal: None,
            finished_journey_on_review: false,
        });
        let mut started = provider::start(seed, 1, "A-1", Environment::Live, &flow, at).expect("a valid reference");
        started.deadlines.push(provider::Deadline { kind: provider::DeadlineKind::Processing, due: at });
        check::<schema::Journey>(journey(&started));
        let id = EventId::mint(seed, started.id, 1);
        let dialect = provider::Dialect::current(ProviderKind::Idwise);
        let rendered = provider::test_event(dialect, "Finished Step", id).expect("a known type");
        let message = Message {
            event_id: id,
            event_type: rendered.event_type.into(),
            journey_id: Some(JourneyId::ZERO),
            sequence: 1,
            environment: Environment::Sandbox,
            created_at: at,
            body: rendered.body.into(),
            forms: Vec::new(),
        };
        check::<schema::Event>(event(&message));
        check::<schema::EventWith<String>>(event_with(&message, vec![json!("d1")]));
        let read = |text: Vec<u8>| serde_json::from_slice::<Value>(&text).expect("JSON");
        check::<schema::Applied>(read(applied(&started, std::slice::from_ref(&message))));
        assert_eq!(read(super::started(&started)), journey(&started));
        let owed = Delivery {
            id: DeliveryId(2),
            event_id: id,
            event_type: message.event_type.clone(),
            journey_id: None,
            webhook: "w".to_owned(),
            state: DeliveryState::InFlight,
            attempts: 1,
            due_at: at,
            resend_of: Some(DeliveryId(1)),
            form: 0,
        };
        check::<schema::Delivery>(delivery(&owed));
        check::<schema::EventWith<schema::Delivery>>(event_with(&message, vec![delivery(&owed)]));
        check::<schema::Resent>(resent(owed.id, DeliveryId(1)));
        let headers = vec![("a".to_owned(), "b".to_owned())];
        let outcome = Outcome {
            status: Some(500),
            error: Some(ErrorClass::Timeout),
            detail: Some("late".to_owned()),
            request: RequestSeen { method: "POST".into(), url: "http://a/".into(), headers: headers.clone().into() },
            response: Some(ResponseSeen { status: 500, headers, body: b"no".to_vec(), truncated: true }),
            phases: Phases { head_us: Some(1), total_us: 2 },
        };
        let attempt = Attempt { n: 1, started_at: at, finished_at: at, outcome };
        check::<schema::DeliveryWith>(delivery_with(&owed, &[attempt], b"{}"));
        check::<schema::Mail>(mail(&Mail {
            id: MailId(3),
            webhook: "w".to_owned(),
            to: "a@example.com".to_owned(),
            subject: "s".to_owned(),
            text: "t".to_owned(),
            deliveries: vec![owed.id],
            message_id: "m".to_owned(),
            created_at: at,
            state: MailState::Sent,
            attempts: 1,
            error: None,
        }));
        check::<schema::Ledger>(ledger(&Ledger::default()));
    }
}
