//! What follows from a stimulus and is told to webhooks.

use super::{Product, State};

/// What is told, with the verification as it stood at that moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// Where the verification stood then: a later event of the same stimulus may find it elsewhere.
    pub state: Box<State>,
}

/// The `event_type` of a webhook (docs.qoreid.com/docs/overview).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `verification_started`
    Started,
    /// `verification_completed`: success and failure alike.
    Completed,
    /// `step_verification_started`, of a workflow only, for the step at this place.
    StepStarted(usize),
    /// `step_verification_completed`, of a workflow only, for the step at this place.
    StepCompleted(usize),
}

impl Kind {
    /// The `event_type`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Kind::Started => "verification_started",
            Kind::Completed => "verification_completed",
            Kind::StepStarted(_) => "step_verification_started",
            Kind::StepCompleted(_) => "step_verification_completed",
        }
    }
}

impl Event {
    /// The family and the event type, `address/verification_completed`.
    pub fn kind(&self) -> &'static str {
        match (self.state.product, &self.kind) {
            (Product::Workflow, Kind::StepStarted(_)) => "workflow/step_verification_started",
            (Product::Workflow, Kind::StepCompleted(_)) => "workflow/step_verification_completed",
            (Product::Workflow, Kind::Started) => "workflow/verification_started",
            (Product::Workflow, Kind::Completed) => "workflow/verification_completed",
            (Product::Address, Kind::Started) => "address/verification_started",
            (Product::Address, _) => "address/verification_completed",
            (Product::Employment, Kind::Started) => "employment/verification_started",
            (Product::Employment, _) => "employment/verification_completed",
            (Product::Guarantor, Kind::Started) => "guarantor/verification_started",
            (Product::Guarantor, _) => "guarantor/verification_completed",
            (Product::Property, Kind::Started) => "property/verification_started",
            (Product::Property, _) => "property/verification_completed",
            // INVARIANT: an identity emits its completion only; the machine has no other event for it.
            (Product::Identity, _) => "identity/verification_completed",
        }
    }
}
