//! A `*.journey.toml`, read: the form of a scenario on disk.
//!
//! [`Scenario::parse`] gives the scenario or every complaint about it. The configured flows, and the defaults of
//! delivery and mail, come in through [`Vocabulary`], because scenarios stand left of the configuration.

mod build;
mod line;
mod spec;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::chance::SpanDraw;
use crate::clock::Timestamp;
use crate::message::DeliveryState;
use crate::portal::{DeliverySettings, EmailSettings, Webhook};
use crate::provider::{self, Dialect, Environment, Flow};
use crate::reader::{self, Complaints, Reading, Source};
use crate::rng::Seed;
use crate::scenario::require::{Check, StopWhen};

/// The form that this version reads and writes.
pub const FORMAT: i64 = 1;

/// What a scenario may name and what it inherits: the configuration, as far as scenarios see it.
#[derive(Clone, Copy)]
pub struct Vocabulary<'a> {
    /// The era of the provider's documentation that is spoken.
    pub dialect: Dialect,
    /// The environment of the scenario's journeys and of webhooks that name none.
    pub environment: Environment,
    /// The configured flows.
    pub flows: &'a [Flow],
    /// The configured delivery.
    pub delivery: &'a DeliverySettings,
    /// The configured error mail.
    pub email: &'a EmailSettings,
    /// The provider's switch of that name, for flows of the scenario.
    pub finished_journey_on_review: bool,
    /// What QoreID's products and workflows take after.
    pub qoreid: &'a provider::qoreid::Flow,
    /// Answers for the variables that `env:NAME` names.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// A scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file's name, for messages.
    pub file: String,
    /// What it is about.
    pub name: String,
    /// The dialect that is played, and with it the provider.
    pub dialect: Dialect,
    /// What every draw follows from; the run's own when absent.
    pub seed: Option<Seed>,
    /// How its clock runs.
    pub pace: Pace,
    /// Its first instant; the present when absent.
    pub start: Option<Timestamp>,
    /// Whether a check that could not be made is a failure.
    pub strict: bool,
    /// How many journeys, and when they start.
    pub population: Option<Population>,
    /// The values that journeys carry, by name.
    pub data: BTreeMap<String, DataValue>,
    /// The flow of its journeys; resolved, of this file or the configuration.
    pub flow: Flow,
    /// The lines, one after the other.
    pub steps: Vec<Line>,
    /// The lines that happen at their own time.
    pub meanwhile: Vec<Line>,
    /// What every delivery is judged by.
    pub expect: Expect,
    /// What the run is judged by.
    pub require: Require,
    /// Flows of this file; one with the id of a configured flow stands in its place.
    pub flows: Vec<Flow>,
    /// Webhooks in place of the configured ones; empty: the configured ones.
    pub webhooks: Vec<Webhook>,
    /// Delivery in place of the configured one, always there where another provider is played; see [`Webhook::under`].
    pub delivery: DeliverySettings,
    /// Error mail in place of the configured one.
    pub email: Option<EmailSettings>,
}

/// How a scenario's clock runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Jumps to what is due next as soon as nothing is in flight.
    Leap,
    /// So many provider seconds per real second.
    Scaled(f64),
    /// As the wall clock does.
    Real,
}

/// `[population]`
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// How many journeys at most.
    pub journeys: u64,
    /// How starts are spaced.
    pub spacing: Spacing,
    /// The stages, one after the other; at least one.
    pub arrive: Vec<Arrival>,
}

/// How starts are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Gaps are drawn: the open model.
    Poisson,
    /// Gaps are equal.
    Even,
}

/// A stage of a population.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// How long it lasts.
    pub span: Duration,
    /// Journeys per second at its start.
    pub from: f64,
    /// Journeys per second at its end.
    pub to: f64,
}

/// A value of `[data]`.
#[derive(Clone, Debug, PartialEq)]
pub enum DataValue {
    /// The same for every journey.
    Literal(serde_json::Value),
    /// With the journey's number in place of `{n}`.
    Sequence(String),
    /// Texts that programs stumble over.
    EdgeText,
}

/// Where a line stands in its file, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line of text.
    pub line: usize,
    /// The column in characters.
    pub column: usize,
}

/// A line of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Unique; `#3` or `#m3` by position when the file names none.
    pub id: String,
    /// What happens.
    pub kind: LineKind,
    /// How long after the line before.
    pub after: SpanDraw,
    /// In `meanwhile`: how long after the journey's start.
    pub at: Option<SpanDraw>,
    /// The line is left out unless the journey stands so; see [`provider::matches`].
    pub when: Option<String>,
    /// In which share of the journeys it happens, 0 to 1.
    pub share: f64,
    /// Where it stands.
    pub place: Place,
}

/// What a line does.
#[derive(Clone, Debug, PartialEq)]
pub enum LineKind {
    /// Something is done to the journey.
    Stimulus(provider::Stimulus),
    /// Time passes.
    Wait(Wait),
}

/// How long a line waits.
#[derive(Clone, Debug, PartialEq)]
pub enum Wait {
    /// For a span.
    For(SpanDraw),
    /// Until an instant; not at all when it has passed.
    Until(Timestamp),
}

/// `[expect]`: what is absent is not judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// The last attempt's status is one of these; empty: any.
    pub status: Vec<StatusRule>,
    /// The longest time from an event to its delivery.
    pub within: Option<Duration>,
    /// The number of attempts of each delivery.
    pub attempts: Option<u32>,
    /// The event types of each journey, in order.
    pub events: Option<Vec<String>>,
    /// The number of error mails of the run.
    pub mails: Option<u64>,
    /// How each delivery ends: [`DeliveryState::Delivered`] or [`DeliveryState::Exhausted`].
    pub state: Option<DeliveryState>,
    /// Each journey's final decision, as the provider spells it.
    pub final_decision: Option<String>,
}

/// A status that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusRule {
    /// This one.
    Exactly(u16),
    /// `4xx`: any of that hundred.
    Hundred(u16),
}

impl fmt::Display for StatusRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatusRule::Exactly(status) => status.fmt(f),
            StatusRule::Hundred(hundred) => write!(f, "{hundred}xx"),
        }
    }
}

impl StatusRule {
    /// Whether `status` is meant.
    pub fn holds(self, status: u16) -> bool {
        match self {
            StatusRule::Exactly(expected) => status == expected,
            StatusRule::Hundred(hundred) => status / 100 == hundred,
        }
    }
}

/// `[require]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Require {
    /// Such as `lost == 0`.
    pub checks: Vec<Check>,
    /// Such as `refused > 20% for 30s`.
    pub stop_when: Vec<StopWhen>,
}

impl Scenario {
    /// Reads `text`, which came from the file `name`.
    ///
    /// # Errors
    /// Everything that is wrong, at once; for a file of a newer form only that.
    pub fn parse(name: &str, text: &str, cx: &Vocabulary<'_>) -> Result<Scenario, Complaints> {
        let mut reading = Reading::new(Source { name, text }, cx.env);
        let built = reading.document(&spec::ROOT).and_then(|root| build::scenario(&mut reading, &root, cx));
        reading.finish(built)
    }
}

/// `scenario check`: one line that says the file is in order and what it plays.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(name: &str, text: &str, cx: &Vocabulary<'_>) -> Result<String, Complaints> {
    let scenario = Scenario::parse(name, text, cx)?;
    let lines = scenario.steps.len() + scenario.meanwhile.len();
    let plural = if lines == 1 { "" } else { "s" };
    Ok(format!("{name} is in order: {:?}, {lines} line{plural}, flow {:?}\n", scenario.name, scenario.flow.id()))
}

/// `scenario schema`: JSON Schema (draft 2020-12) of a `*.journey.toml`.
pub fn schema() -> serde_json::Value {
    let mut schema = reader::schema("*.journey.toml", &spec::ROOT);
    for list in ["steps", "meanwhile"] {
        let path = format!("/properties/journey/properties/{list}/items");
        if let Some(items) = schema.pointer_mut(&path) {
            line::complete_schema(items);
        }
    }
    schema
}

/// `scenario new`: a scenario to start from, which plays as it is.
pub fn new_text(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    include_str!("template.journey.toml").replacen("\"NAME\"", &serde_json::json!(name).to_string(), 1)
}

#[cfg(test)]
mod tests;
