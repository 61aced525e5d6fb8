//! The shapes of the control API as its description declares them. What is really sent is made in [`super::shapes`]; a
//! test reads that back into these types, which take no member more and none less.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $kind,)*
            }
        )*
    };
}

mod config;
mod refusal;
mod requests;
mod stimuli;
mod webhooks;

pub use config::{ConfigChange, Configured, KeyChange};
pub use refusal::ProblemBody;
pub use requests::{ChangeClock, ChangeWebhook, MakeWebhook, ResendMany, StartJourney};
pub use stimuli::{Stimulus, stimulus};
pub use webhooks::{Dropped, Tested, Webhook};

shapes! {
    /// A journey.
    Journey {
        /// 24 hexadecimal characters.
        id: String,
        /// The customer's own id.
        reference_no: String,
        /// The id of its flow.
        flow: String,
        /// `sandbox` or `live`.
        environment: String,
        /// `open`, `processing`, `passed`, ...
        state: String,
        /// What the system decided.
        system_decision: Option<String>,
        /// What a person decided.
        manual_decision: Option<String>,
        /// The manual decision if there is one, else the system's.
        final_decision: Option<String>,
        /// Its steps.
        steps: Vec<Step>,
        /// How many events it has emitted.
        sequence: u64,
        /// RFC 3339.
        created_at: String,
        /// What will happen to it by itself.
        deadlines: Vec<Deadline>,
        /// The stimuli that are legal now.
        legal: Vec<String>,
    }

    /// A step of a journey.
    Step {
        /// Its id in the flow.
        id: String,
        /// `Document`, `Selfie`, ...
        #[serde(rename = "type")]
        kind: String,
        /// `not_submitted`, `submitted`, `resubmission_required`.
        state: String,
    }

    /// Something that will happen by itself.
    Deadline {
        /// The stimulus.
        #[serde(rename = "do")]
        stimulus: String,
        /// RFC 3339.
        due_at: String,
    }

    /// An event.
    Event {
        /// A UUID.
        id: String,
        /// As the provider spells it.
        #[serde(rename = "type")]
        kind: String,
        /// The journey; `null` for one that was sent by hand.
        journey_id: Option<String>,
        /// Its number in the journey, from 1.
        sequence: u64,
        /// `sandbox` or `live`.
        environment: String,
        /// RFC 3339.
        created_at: String,
        /// The body as JSON.
        payload: Value,
        /// The exact text that is sent.
        body: String,
    }

    /// What a stimulus led to.
    Applied {
        /// The journey as it is now.
        journey: Journey,
        /// What followed.
        events: Vec<Event>,
    }

    /// An event owed to one webhook.
    Delivery {
        /// `d17`
        id: String,
        /// What is owed.
        event_id: String,
        /// As its receiver's dialect spells it.
        event_type: String,
        /// The journey it is about.
        journey_id: Option<String>,
        /// To whom.
        webhook: String,
        /// `waiting`, `in_flight`, `delivered`, `exhausted`, `cancelled`.
        state: String,
        /// Attempts that ended.
        attempts: u32,
        /// When the next attempt is due, or the last one was.
        due_at: String,
        /// The delivery that it repeats.
        resend_of: Option<String>,
    }

    /// A delivery with all attempts.
    DeliveryWith {
        /// `d17`
        id: String,
        /// What is owed.
        event_id: String,
        /// As its receiver's dialect spells it.
        event_type: String,
        /// The journey it is about.
        journey_id: Option<String>,
        /// To whom.
        webhook: String,
        /// `waiting`, `in_flight`, `delivered`, `exhausted`, `cancelled`.
        state: String,
        /// Attempts that ended.
        attempts: u32,
        /// When the next attempt is due, or the last one was.
        due_at: String,
        /// The delivery that it repeats.
        resend_of: Option<String>,
        /// Every attempt.
        tries: Vec<Try>,
    }

    /// An attempt.
    Try {
        /// From 1.
        n: u32,
        /// RFC 3339.
        started_at: String,
        /// RFC 3339.
        finished_at: String,
        /// Of the answer.
        status: Option<u16>,
        /// A word for what went wrong.
        error: Option<String>,
        /// What went wrong, for people.
        detail: Option<String>,
        /// What was sent, secrets blanked.
        request: Request,
        /// What came back, secrets blanked.
        response: Option<Response>,
        /// How long it took.
        phases: Phases,
    }

    /// A request as it was sent.
    Request {
        /// `POST`
        method: String,
        /// Where to.
        url: String,
        /// Names with values, in order.
        headers: Vec<Vec<String>>,
        /// The body.
        body: String,
    }

    /// An answer as it came.
    Response {
        /// Its status.
        status: u16,
        /// Names with values, in order.
        headers: Vec<Vec<String>>,
        /// As much of the body as is kept.
        body: String,
        /// Whether there was more.
        truncated: bool,
    }

    /// Spans in milliseconds.
    Phases {
        /// Until the head of the answer.
        head_ms: Option<f64>,
        /// Until the end.
        total_ms: f64,
    }

    /// A new delivery of the same event.
    Resent {
        /// The new one.
        id: String,
        /// The old one.
        resend_of: String,
    }

    /// Deliveries that were, or would be, sent again.
    ResentMany {
        /// Those that matched, oldest first.
        matched: Vec<String>,
        /// The new ones.
        resent: Vec<String>,
        /// Whether nothing was sent.
        dry_run: bool,
    }

    /// An error mail.
    Mail {
        /// `m3`
        id: String,
        /// The webhook it is about.
        webhook: String,
        /// The contact.
        to: String,
        /// The subject line.
        subject: String,
        /// The text.
        text: String,
        /// The deliveries that it names.
        deliveries: Vec<String>,
        /// The same in every attempt.
        message_id: String,
        /// RFC 3339.
        created_at: String,
        /// `waiting`, `in_flight`, `sent`, `failed`, `kept`.
        state: String,
        /// Attempts that ended.
        attempts: u32,
        /// The last error.
        error: Option<String>,
    }

    /// The provider's clock.
    Clock {
        /// RFC 3339.
        now: String,
        /// `real`, `scaled` or `manual`.
        mode: String,
        /// Provider seconds per real second.
        rate: f64,
        /// When something is next due, if anything is.
        next_due: Option<String>,
    }

    /// Sums that hold in every answer.
    Ledger {
        /// Started.
        journeys: u64,
        /// Accepted.
        events: u64,
        /// By state.
        deliveries: BTreeMap<String, u64>,
        /// Ended.
        attempts: u64,
        /// By state.
        mails: BTreeMap<String, u64>,
    }

    /// That the process lives.
    Alive {
        /// `alive`
        status: String,
        /// Of this program.
        version: String,
    }

    /// That it can work.
    Ready {
        /// `ready`
        status: String,
    }

    /// A request that the built-in receiver took.
    Received {
        /// Its number in its inbox, from 1.
        n: u64,
        /// RFC 3339.
        at: String,
        /// `POST`, as a rule.
        method: String,
        /// Without the query.
        path: String,
        /// As it was asked for.
        query: Option<String>,
        /// Names with values, in order; credentials blanked.
        headers: Vec<Vec<String>>,
        /// Where it is text.
        body: Option<String>,
        /// Where it is not.
        body_base64: Option<String>,
        /// The provider's event id.
        event_id: Option<String>,
        /// The provider's event type.
        event_type: Option<String>,
        /// Whether the event id came before.
        duplicate: bool,
        /// How often it came so far.
        tries: u32,
        /// Whether the credentials were right; `null` where none are asked for.
        authorized: Option<bool>,
        /// What it was answered with; `null` where it is left without an answer.
        status: Option<u16>,
    }

    /// What came to one inbox.
    ReceivedPage {
        /// Newest first.
        items: Vec<Received>,
        /// The cursor of the next page.
        next: Option<u64>,
    }

    /// An inbox.
    InboxName {
        /// Its name.
        name: String,
        /// Requests so far.
        received: u64,
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// The cursor of the next page; `null` on the last.
    pub next: Option<String>,
}

/// An event with its deliveries: their ids in lists, all of them where it is shown alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventWith<D> {
    /// A UUID.
    pub id: String,
    /// As the provider spells it.
    #[serde(rename = "type")]
    pub kind: String,
    /// The journey; `null` for one that was sent by hand.
    pub journey_id: Option<String>,
    /// Its number in the journey, from 1.
    pub sequence: u64,
    /// `sandbox` or `live`.
    pub environment: String,
    /// RFC 3339.
    pub created_at: String,
    /// The body as JSON.
    pub payload: Value,
    /// The exact text that is sent.
    pub body: String,
    /// To whom it goes.
    pub deliveries: Vec<D>,
}
