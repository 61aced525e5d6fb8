//! What an identity-verification provider does: pure, no IO, no clock, no global chance.
//!
//! A [`Journey`] takes a [`Stimulus`] and [`transition`] decides: the journey as it is then, the [`Event`]s that
//! follow and the [`Deadline`]s it owes to the future, or [`Rejected`] with what is legal instead. [`render`]
//! makes an event bytes, once. Called by the application and by the simulator; never talks to anything.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{EventId, JourneyId};
use crate::rng::{Draw, Seed};

pub mod arguments;
pub mod dialect;
pub mod idwise;
mod kind;
pub mod machine;
pub mod qoreid;
pub mod words;

pub use dialect::{Dialect, Rendered};
pub use kind::{ProviderKind, parse_stimulus, policy, speak_for, stimuli, when_words};

/// The environment that a journey and a webhook belong to; events never cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// For tests.
    Sandbox,
    /// For production.
    Live,
}

impl Environment {
    /// `sandbox` or `live`.
    pub fn as_str(self) -> &'static str {
        match self {
            Environment::Sandbox => "sandbox",
            Environment::Live => "live",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sandbox" => Ok(Environment::Sandbox),
            "live" => Ok(Environment::Live),
            other => Err(format!("{other:?} is not an environment: use \"sandbox\" or \"live\"")),
        }
    }
}

/// What a journey goes through, as a flow of the configuration defines it.
#[derive(Clone, Debug, PartialEq)]
pub enum Flow {
    /// A flow of IDWise.
    Idwise(idwise::Flow),
    /// A product or a workflow of QoreID.
    Qoreid(qoreid::Flow),
}

impl Flow {
    /// The same flow under another id.
    #[must_use]
    pub fn called(mut self, id: &str) -> Self {
        match &mut self {
            Flow::Idwise(flow) => id.clone_into(&mut flow.id),
            Flow::Qoreid(flow) => id.clone_into(&mut flow.id),
        }
        self
    }

    /// The flow's id, unique in a configuration.
    pub fn id(&self) -> &str {
        match self {
            Flow::Idwise(flow) => &flow.id,
            Flow::Qoreid(flow) => &flow.id,
        }
    }
}

/// One subject's way through verification and the years after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journey {
    /// The provider's id.
    pub id: JourneyId,
    /// The journey's number in its run, from 1: the place of its draws.
    pub number: u64,
    /// The customer's own id for the subject.
    pub reference_no: String,
    /// The flow it was started with.
    pub flow: String,
    /// Where it belongs.
    pub environment: Environment,
    /// Rises by one with every accepted stimulus: what a commit is checked against.
    pub version: u64,
    /// How many events it has emitted; the next one's number is one more, without gaps.
    pub sequence: u64,
    /// When it was started.
    pub created_at: Timestamp,
    /// What it owes to the future.
    pub deadlines: Vec<Deadline>,
    /// Where it stands.
    pub state: State,
}

/// Where a journey stands, by provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum State {
    /// In IDWise's machine.
    Idwise(idwise::State),
    /// In QoreID's machine.
    Qoreid(qoreid::State),
}

/// Something that will happen to a journey by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// What will happen.
    pub kind: DeadlineKind,
    /// When.
    pub due: Timestamp,
}

/// What happens to a journey by itself. A journey has at most one deadline of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineKind {
    /// Processing ends and the system decides.
    Processing,
    /// The verification falls due for renewal.
    RenewalDue,
    /// The grace period of a renewal ends.
    RenewalDeadline,
}

impl DeadlineKind {
    /// All of them, in a fixed order.
    pub const ALL: [DeadlineKind; 3] =
        [DeadlineKind::Processing, DeadlineKind::RenewalDue, DeadlineKind::RenewalDeadline];

    /// The stimulus's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            DeadlineKind::Processing => "finish_processing",
            DeadlineKind::RenewalDue => "renewal_due",
            DeadlineKind::RenewalDeadline => "renewal_deadline",
        }
    }
}

/// What is done to a journey, in the provider's vocabulary: `{ do = "submit_step", step = "1" }`.
#[derive(Clone, Debug, PartialEq)]
pub enum Stimulus {
    /// To a journey of IDWise.
    Idwise(idwise::Stimulus),
    /// To a verification of QoreID.
    Qoreid(qoreid::Stimulus),
}

impl Stimulus {
    /// The stimulus's word, `submit_step` say.
    pub fn name(&self) -> &'static str {
        match self {
            Stimulus::Idwise(stimulus) => stimulus.name(),
            Stimulus::Qoreid(stimulus) => stimulus.name(),
        }
    }

    /// What it is done with, for people: the step, the decision, the change.
    pub fn object(&self) -> Option<String> {
        match self {
            Stimulus::Idwise(stimulus) => stimulus.object(),
            Stimulus::Qoreid(stimulus) => stimulus.object(),
        }
    }
}

/// What followed from a stimulus and is told to webhooks.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Of IDWise.
    Idwise(idwise::Event),
    /// Of QoreID.
    Qoreid(qoreid::Event),
}

/// What a transition may look at besides journey and stimulus.
#[derive(Debug)]
pub struct Context<'a> {
    /// The instant at which the stimulus arrives.
    pub now: Timestamp,
    /// The journey's flow.
    pub flow: &'a Flow,
    /// The run's seed, for ids that a transition mints.
    pub seed: Seed,
    /// The chance of this stimulus: its place is the caller's to choose, so that scripts stay reproducible.
    pub draw: &'a mut Draw,
}

/// What a transition came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The journey as it is now; `version` is one more. `sequence` is as before: only the caller knows
    /// which events some dialect that is spoken has, and those alone are numbered.
    pub journey: Journey,
    /// What followed, in order.
    pub events: Vec<Event>,
}

/// A stimulus that the journey's state does not allow. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejected {
    /// A stable word for programs: `illegal_stimulus`, `unknown_step`, ...
    pub code: &'static str,
    /// What is wrong and what would be right, for people.
    pub message: String,
    /// The stimuli that are legal now.
    pub legal: Vec<&'static str>,
}

/// Why no journey could be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The reference is empty, too long, or has characters the provider does not allow.
    #[error("{0}")]
    Reference(String),
}

/// A new journey, before any stimulus but its start: no event follows from starting.
///
/// # Errors
/// [`StartError::Reference`] when the provider would not take the reference.
pub fn start(
    seed: Seed,
    number: u64,
    reference_no: &str,
    environment: Environment,
    flow: &Flow,
    now: Timestamp,
) -> Result<Journey, StartError> {
    let state = match flow {
        Flow::Idwise(flow) => {
            idwise::check_reference(reference_no).map_err(StartError::Reference)?;
            State::Idwise(idwise::State::new(flow))
        }
        Flow::Qoreid(flow) => {
            qoreid::check_reference(reference_no).map_err(StartError::Reference)?;
            State::Qoreid(qoreid::State::new(flow))
        }
    };
    Ok(Journey {
        id: JourneyId::mint(seed, number),
        number,
        reference_no: reference_no.to_owned(),
        flow: flow.id().to_owned(),
        environment,
        version: 1,
        sequence: 0,
        created_at: now,
        deadlines: Vec::new(),
        state,
    })
}

/// Decides what a stimulus does to a journey. Nothing has happened until the caller commits it.
///
/// # Errors
/// [`Rejected`] when the state does not allow it; the journey is unchanged.
pub fn transition(journey: &Journey, stimulus: &Stimulus, cx: &mut Context<'_>) -> Result<Transition, Rejected> {
    match (&journey.state, stimulus, cx.flow) {
        (State::Idwise(_), Stimulus::Idwise(stimulus), Flow::Idwise(_)) => idwise::transition(journey, stimulus, cx),
        (State::Qoreid(state), Stimulus::Qoreid(stimulus), Flow::Qoreid(flow)) => {
            qoreid::transition(journey, state, flow, stimulus, cx)
        }
        // A store that another provider's journeys were left in, or a file that was changed under a running server.
        _ => {
            let message = format!("{}: the journey, or its flow, is of another provider", stimulus.name());
            Err(Rejected { code: "wrong_provider", message, legal: Vec::new() })
        }
    }
}

/// The stimulus that a deadline turns into when it falls due.
pub fn deadline_stimulus(journey: &Journey, kind: DeadlineKind) -> Stimulus {
    match &journey.state {
        State::Idwise(_) => Stimulus::Idwise(idwise::Stimulus::from_deadline(kind)),
        State::Qoreid(state) => Stimulus::Qoreid(qoreid::Stimulus::from_deadline(state.product, kind)),
    }
}

/// Whether a dialect may have such an event. Where not, [`render`] gives nothing; this costs less.
pub fn may_tell(event: &Event, dialect: Dialect) -> bool {
    match (event, dialect) {
        (Event::Idwise(event), Dialect::Idwise(idwise::Dialect::Current)) => event.kind().is_some(),
        (Event::Idwise(_), Dialect::Idwise(_)) | (Event::Qoreid(_), Dialect::Qoreid(_)) => true,
        (Event::Idwise(_), Dialect::Qoreid(_)) | (Event::Qoreid(_), Dialect::Idwise(_)) => false,
    }
}

/// The exact bytes of an event's body in a dialect; `None` where that era has no such event. Rendered once; every
/// attempt sends the same.
pub fn render(event: &Event, id: EventId, journey: &Journey, dialect: Dialect) -> Option<Rendered> {
    match (event, dialect) {
        (Event::Idwise(event), Dialect::Idwise(dialect)) => idwise::wire::render(event, id, journey, dialect),
        (Event::Qoreid(event), Dialect::Qoreid(dialect)) => qoreid::wire::render(event, journey, dialect),
        (Event::Idwise(_), Dialect::Qoreid(_)) | (Event::Qoreid(_), Dialect::Idwise(_)) => None,
    }
}

/// A valid body of the given type, as a test request carries it; `None` for a type that the dialect does not have.
pub fn test_event(dialect: Dialect, event_type: &str, id: EventId) -> Option<Rendered> {
    match dialect {
        Dialect::Idwise(dialect) => idwise::wire::test_event(event_type, id, dialect),
        Dialect::Qoreid(dialect) => qoreid::wire::test_event(event_type, dialect),
    }
}

/// What starting a journey through the API does to it besides: some providers' journeys begin with their submission.
pub fn opening(flow: &Flow) -> Option<Stimulus> {
    match flow {
        Flow::Idwise(_) => None,
        Flow::Qoreid(_) => {
            Some(Stimulus::Qoreid(qoreid::Stimulus::Submit { product: None, reference: None, submission: None }))
        }
    }
}

/// A journey as lists and answers show it; see [`view`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JourneyView<'a> {
    /// The state's word: `open`, `processing`, `passed`, ...
    pub state: &'static str,
    /// What the system decided.
    pub system_decision: Option<&'static str>,
    /// What a person decided.
    pub manual_decision: Option<&'static str>,
    /// The manual decision if there is one, else the system's.
    pub final_decision: Option<&'static str>,
    /// The steps.
    pub steps: Vec<StepView<'a>>,
    /// The stimuli that are legal now.
    pub legal: Vec<&'static str>,
}

/// One step of a journey as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepView<'a> {
    /// The step's id in its flow.
    pub id: &'a str,
    /// `Document`, `Selfie`, ...
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `not_submitted`, `submitted`, `resubmission_required`.
    pub state: &'static str,
}

/// What is shown of a journey.
pub fn view(journey: &Journey) -> JourneyView<'_> {
    match &journey.state {
        State::Idwise(state) => state.view(),
        State::Qoreid(state) => state.view(),
    }
}

/// Whether a script's `when` matches: a decision's exact word, or `passed`, `failed`, `open`.
pub fn matches(journey: &Journey, when: &str) -> bool {
    match &journey.state {
        State::Idwise(state) => state.matches(when),
        State::Qoreid(state) => state.matches(when),
    }
}

/// A provider's documented way of delivering, the default of `[delivery]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Gaps after each failed attempt.
    pub retry: Vec<Duration>,
    /// One deadline for an attempt.
    pub timeout: Duration,
    /// `true`: any 2xx is success; `false`: exactly 200.
    pub any_2xx: bool,
}

/// Counts by decision, for reports.
pub type Tally = BTreeMap<String, u64>;
