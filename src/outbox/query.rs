//! What is asked of an outbox: which journeys, events and deliveries, page by page.

use crate::ids::{DeliveryId, EventId, JourneyId};
use crate::message::{DeliveryState, Message};

/// What an event's place in the outbox is.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// The message.
    pub message: Message,
    /// Its deliveries, resends included.
    pub deliveries: Vec<DeliveryId>,
}

/// Which journeys to list. Newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JourneyQuery {
    /// Only with this state's word.
    pub state: Option<String>,
    /// Only with this reference.
    pub reference_no: Option<String>,
}

/// Which deliveries to list. Newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only to this endpoint.
    pub webhook: Option<String>,
    /// Only of this event.
    pub event: Option<EventId>,
    /// Only about this journey.
    pub journey: Option<JourneyId>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<u64>,
}
