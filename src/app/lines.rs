//! A line of a scenario, carried out on a journey: what `replay` and `load` have in common.

use crate::app::App;
use crate::app::apply::{Answer, AppError, Applied, Manner, NewJourney, Planned};
use crate::clock::Timestamp;
use crate::ids::JourneyId;
use crate::outbox::OutboxError;
use crate::provider::{self, DeadlineKind, Stimulus};
use crate::rng::Draw;
use crate::scenario::script::{Cue, Script};

/// A line that is to be carried out.
#[derive(Debug)]
pub struct Doing<'a> {
    /// What is done.
    pub stimulus: &'a Stimulus,
    /// The line is left out unless the journey stands so; see [`provider::matches`].
    pub when: Option<&'a str>,
    /// Deadlines that later lines speak for.
    pub scripted: &'a [DeadlineKind],
    /// Its chance.
    pub draw: Draw,
    /// When it was planned; now, when absent.
    pub at: Option<Timestamp>,
}

/// What a line came to.
#[derive(Debug)]
pub enum Done {
    /// It was carried out.
    Yes(Box<Applied>),
    /// Its `when` did not match.
    NotNow,
    /// It was not possible.
    Impossible(AppError),
}

/// Why a play or a run cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The provider would not start a journey.
    #[error("journey {number}: {error}")]
    Start {
        /// The journey's number in the run.
        number: u64,
        /// Why.
        error: AppError,
    },
    /// The store failed.
    #[error("{0}")]
    Outbox(#[from] OutboxError),
}

impl App {
    /// Carries a line out.
    ///
    /// # Errors
    /// Only when the outbox is broken.
    pub async fn carry_out(&self, id: JourneyId, doing: Doing<'_>) -> Result<Done, OutboxError> {
        if let Some(when) = doing.when {
            let journey = self.outbox.journey(id)?;
            if !journey.is_some_and(|journey| provider::matches(&journey, when)) {
                return Ok(Done::NotNow);
            }
        }
        let manner = Manner { scripted: doing.scripted, draw: Some(doing.draw), at: doing.at, ..Manner::default() };
        match self.apply(id, doing.stimulus, manner).await {
            Ok(Answer::Done(applied)) => Ok(Done::Yes(applied)),
            // Without a key nothing is a repetition.
            Ok(Answer::Repeated(_)) => Ok(Done::NotNow),
            Err(AppError::Outbox(error @ OutboxError::Broken(_))) => Err(error),
            Err(error) => Ok(Done::Impossible(error)),
        }
    }

    /// Starts journey `number` of a scenario's run.
    ///
    /// # Errors
    /// [`LineError`]; nothing was created then.
    pub async fn begin(
        &self,
        flow: &str,
        reference_no: String,
        number: u64,
        planned: Option<Planned>,
    ) -> Result<Box<Applied>, LineError> {
        let new = NewJourney { flow: flow.to_owned(), reference_no, environment: None, opening: None, planned };
        match self.start_journey(new, None).await {
            Ok(Answer::Done(applied)) => Ok(applied),
            // Without a key nothing is a repetition.
            Ok(Answer::Repeated(_)) => Err(LineError::Outbox(OutboxError::Conflict)),
            Err(AppError::Outbox(error)) => Err(LineError::Outbox(error)),
            Err(error) => Err(LineError::Start { number, error }),
        }
    }

    /// The deadlines that lines after `cue` speak for: the flow's own are not set then.
    pub fn scripted(&self, script: &Script<'_>, cue: Cue, stimulus: &Stimulus) -> Vec<DeadlineKind> {
        let to_come = |kind: &DeadlineKind| {
            let words = provider::speak_for(self.provider, *kind);
            words.iter().any(|word| script.still_to_come(cue, word))
        };
        DeadlineKind::ALL.into_iter().filter(|kind| kind.as_str() != stimulus.name() && to_come(kind)).collect()
    }
}
