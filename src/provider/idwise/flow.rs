//! What a flow asks of a user, as the configuration defines it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::SystemDecision;
use crate::chance::{SpanDraw, Weights};
use crate::provider::words::{Word, text_form};

/// What a flow of IDWise asks of a user and how it is processed.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Unique in a configuration.
    pub id: String,
    /// The user's steps, in order.
    pub steps: Vec<StepDefinition>,
    /// How long processing takes.
    pub processing: SpanDraw,
    /// What the system decides.
    pub decision: Weights<SystemDecision>,
    /// Whether AML records are monitored after the journey.
    pub aml_monitoring: bool,
    /// When the verification must be renewed, if ever.
    pub renewal: Option<Renewal>,
    /// Also send `Finished Journey` on a plain manual decision.
    pub finished_journey_on_review: bool,
}

/// A step of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDefinition {
    /// Unique in its flow.
    pub id: String,
    /// What is submitted.
    pub kind: StepKind,
    /// For people.
    pub title: String,
}

/// What a user submits in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepKind {
    /// A photo of a document.
    Document,
    /// A selfie.
    Selfie,
}

impl StepKind {
    /// `Document` or `Selfie`, as the provider spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            StepKind::Document => "Document",
            StepKind::Selfie => "Selfie",
        }
    }
}

impl Word for StepKind {
    const KIND: &'static str = "a type of step";
    const ALL: &'static [Self] = &[StepKind::Document, StepKind::Selfie];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// When a verification falls due again (docs.idwise.com/docs/kyc-renewal).
#[derive(Clone, Debug, PartialEq)]
pub struct Renewal {
    /// The steps to resubmit.
    pub steps: Vec<String>,
    /// Why.
    pub criteria: RenewalCriteria,
    /// From passing to falling due.
    pub after: Duration,
    /// From falling due to the deadline.
    pub grace: Duration,
}

/// Why a step is renewed; its word is the `reasonCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RenewalCriteria {
    /// Days before a document expires.
    DocumentExpired,
    /// Days after the journey, repeating.
    TimeBased,
}

impl RenewalCriteria {
    /// `Document Expired` or `Time Based`.
    pub fn as_str(self) -> &'static str {
        match self {
            RenewalCriteria::DocumentExpired => "Document Expired",
            RenewalCriteria::TimeBased => "Time Based",
        }
    }
}

impl Word for RenewalCriteria {
    const KIND: &'static str = "a renewal's criteria";
    const ALL: &'static [Self] = &[RenewalCriteria::DocumentExpired, RenewalCriteria::TimeBased];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

text_form!(StepKind, RenewalCriteria);
