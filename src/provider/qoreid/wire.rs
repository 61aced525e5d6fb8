//! The exact bytes of QoreID's webhooks, in its three dialects.
//!
//! Called once per event and dialect; what is rendered is signed and sent as it is on every attempt. The members of `data`
//! come from `wire/body.rs`, those of the predecessor from `wire/verifyme.rs`. Ids are whole numbers: the journey's own.

pub mod body;
mod verifyme;

use super::{
    Dialect, Event, Flow, Json, Kind, Phase, Product, State, Status, Step, StepDefinition, StepPhase, Submission,
};
use crate::clock::Timestamp;
use crate::ids::JourneyId;
use crate::provider::words::Word as _;
use crate::provider::{Journey, Rendered};

/// What every body is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// `data.id`.
    pub id: u64,
    /// `data.customerReference`.
    pub reference: &'a str,
    /// What a workflow's `data.sessionId` follows from.
    pub journey: JourneyId,
}

impl<'a> Subject<'a> {
    /// Of a journey: its number is its id with the provider.
    pub fn of(journey: &'a Journey) -> Self {
        Subject { id: journey.number, reference: &journey.reference_no, journey: journey.id }
    }
}

/// The bytes of an event of `journey`; `None` where the dialect has no such event.
pub fn render(event: &Event, journey: &Journey, dialect: Dialect) -> Option<Rendered> {
    rendered(event, Subject::of(journey), dialect)
}

/// A valid body of the given type, as "Test Webhook" sends it: id 1, reference `test`. A family stands for its completion.
/// `None` for a type that the dialect does not have.
pub fn test_event(kind: &str, dialect: Dialect) -> Option<Rendered> {
    let (family, kind) = kind.split_once('/').unwrap_or((kind, "verification_completed"));
    let product = *Product::ALL.iter().find(|product| product.as_str() == family)?;
    let kinds = [Kind::Started, Kind::Completed, Kind::StepStarted(0), Kind::StepCompleted(0)];
    let kind = kinds.into_iter().find(|known| known.as_str() == kind)?;
    let event = sample(product, kind);
    let known = dialect.event_types().contains(&event.kind()) && event.kind().starts_with(family);
    let subject = Subject { id: 1, reference: "test", journey: JourneyId::ZERO };
    known
        .then(|| rendered(&event, subject, dialect))?
        .filter(|rendered| rendered.event_type.ends_with(event.kind.as_str()))
}

fn rendered(event: &Event, subject: Subject<'_>, dialect: Dialect) -> Option<Rendered> {
    let family = event.state.product.as_str();
    let mut members = vec![("event", family.into()), ("event_type", event.kind.as_str().into())];
    match dialect {
        Dialect::Current => members.push(("data", Json::Object(body::data(event, subject)))),
        Dialect::Flat => members.extend(body::data(event, subject)),
        Dialect::Verifyme => {
            members = vec![("type", family.into()), ("data", Json::Object(verifyme::data(event, subject)?))];
        }
    }
    Some(Rendered { event_type: event.kind(), body: Json::Object(members).to_bytes() })
}

/// An event with the values of an ordinary verification.
fn sample(product: Product, kind: Kind) -> Event {
    let at = Timestamp::from_micros(1_691_164_673_000_000);
    let mut state = State::new(&Flow::of(product));
    state.requested_at = Some(at);
    state.phase = Phase::InProgress;
    if product == Product::Workflow {
        let definition = StepDefinition { id: "nin".to_owned(), product: Product::Identity, title: "nin".to_owned() };
        let phase = if matches!(kind, Kind::StepCompleted(_) | Kind::Completed) {
            StepPhase::Complete(Status::Verified)
        } else {
            StepPhase::InProgress
        };
        state.steps = vec![Step { definition, phase }];
    }
    if kind == Kind::Completed {
        state.phase = Phase::Complete;
        state.status = Some(Status::Verified);
        state.completed_at = Some(at);
    }
    state.submitted = Submission::sample().to_text();
    Event { kind, state: Box::new(state) }
}
