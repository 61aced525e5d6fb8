//! The JSON of the control API: journeys, events, deliveries, mails. The one home of these shapes; keys may be added,
//! none is taken away.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::ids::DeliveryId;
use crate::message::{Attempt, Delivery, Mail, Message};
use crate::outbox::Ledger;
use crate::provider::{self, Journey};

/// A journey.
pub fn journey(journey: &Journey) -> Value {
    let view = provider::view(journey);
    let deadlines: Vec<Value> =
        journey.deadlines.iter().map(|d| json!({ "do": d.kind.as_str(), "due_at": instant(d.due) })).collect();
    json!({
        "id": journey.id,
        "reference_no": journey.reference_no,
        "flow": journey.flow,
        "environment": journey.environment,
        "state": view.state,
        "system_decision": view.system_decision,
        "manual_decision": view.manual_decision,
        "final_decision": view.final_decision,
        "steps": view.steps,
        "sequence": journey.sequence,
        "created_at": instant(journey.created_at),
        "deadlines": deadlines,
        "legal": view.legal,
    })
}

/// An event. The payload is shown as JSON; `body` is the exact text that is sent.
pub fn event(message: &Message) -> Value {
    let body = String::from_utf8_lossy(&message.body);
    json!({
        "id": message.event_id,
        "type": message.event_type,
        "journey_id": message.journey_id,
        "sequence": message.sequence,
        "environment": message.environment,
        "created_at": instant(message.created_at),
        "payload": serde_json::from_slice::<Value>(&message.body).unwrap_or(Value::Null),
        "body": body,
    })
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
    let headers = |headers: &[(String, String)]| -> Value { headers.iter().map(|(k, v)| json!([k, v])).collect() };
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
            "headers": headers(&outcome.request.headers),
            "body": String::from_utf8_lossy(body),
        },
        "response": outcome.response.as_ref().map(|response| json!({
            "status": response.status,
            "headers": headers(&response.headers),
            "body": String::from_utf8_lossy(&response.body),
            "truncated": response.truncated,
        })),
        "phases": { "head_ms": outcome.phases.head_us.map(millis), "total_ms": millis(outcome.phases.total_us) },
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

/// What a stimulus led to.
pub fn applied(after: &Journey, events: &[Message]) -> Value {
    json!({ "journey": journey(after), "events": events.iter().map(event).collect::<Vec<_>>() })
}

/// What a resend led to.
pub fn resent(id: DeliveryId, of: DeliveryId) -> Value {
    json!({ "id": id, "resend_of": of })
}

/// An instant, RFC 3339.
pub fn instant(at: Timestamp) -> Value {
    Value::String(at.to_rfc3339())
}
