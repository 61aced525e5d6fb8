//! The shapes in which QoreID's webhooks are documented, and the event types that each has.

/// A shape of QoreID's webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// `event`, `event_type`, `data` (docs.qoreid.com/docs/webhook-payload-structure).
    Current,
    /// The members of `data` beside `event` and `event_type` (docs.qoreid.com/docs/webhook-configuration).
    Flat,
    /// The predecessor's `type` and `data`, on completion only (docs.verifyme.ng/webhooks/about-webhooks).
    Verifyme,
}

/// Families, then full types, as `current` and `flat` have them (docs.qoreid.com/docs/overview). A webhook may name either.
const CURRENT: [&str; 19] = [
    "identity",
    "address",
    "employment",
    "property",
    "guarantor",
    "workflow",
    "identity/verification_completed",
    "address/verification_started",
    "address/verification_completed",
    "employment/verification_started",
    "employment/verification_completed",
    "property/verification_started",
    "property/verification_completed",
    "guarantor/verification_started",
    "guarantor/verification_completed",
    "workflow/verification_started",
    "workflow/verification_completed",
    "workflow/step_verification_started",
    "workflow/step_verification_completed",
];

/// The predecessor's: four products, and their end only.
const VERIFYME: [&str; 8] = [
    "address",
    "guarantor",
    "employment",
    "property",
    "address/verification_completed",
    "guarantor/verification_completed",
    "employment/verification_completed",
    "property/verification_completed",
];

impl Dialect {
    /// All of them, today's first.
    pub const ALL: [Dialect; 3] = [Dialect::Current, Dialect::Flat, Dialect::Verifyme];

    /// The dialect's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Current => "current",
            Dialect::Flat => "flat",
            Dialect::Verifyme => "verifyme",
        }
    }

    /// The families and event types that a webhook may subscribe to.
    pub fn event_types(self) -> &'static [&'static str] {
        match self {
            Dialect::Current | Dialect::Flat => &CURRENT,
            Dialect::Verifyme => &VERIFYME,
        }
    }
}
