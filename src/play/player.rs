//! The player: the loop around the script. See the module above.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::apply::Applied;
use crate::app::lines::{Doing, Done, LineError};
use crate::clock::Timestamp;
use crate::delivery::attempt::Tried;
use crate::ids::JourneyId;
use crate::message::Message;
use crate::outbox::{DeliveryQuery, OutboxError};
use crate::provider::DeadlineKind;
use crate::rng::Seed;
use crate::scenario::draw;
use crate::scenario::file::{Line, LineKind, Scenario};
use crate::scenario::judge;
use crate::scenario::script::Played as LinePlayed;
use crate::scenario::script::{Cue, Place, Script};

/// What is played, and how.
#[derive(Debug)]
pub struct Play<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The seed of the run.
    pub seed: Seed,
    /// How many journeys.
    pub journeys: u64,
    /// Whether time leaps over what is empty, or runs.
    pub time: Time,
    /// Ends it where it stands: what it has played until then is what it leaves behind.
    pub stop: CancellationToken,
}

/// How time passes in a play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// From one due instant to the next, as fast as everything settles.
    Leaps,
    /// By itself, at the clock's pace.
    Runs,
}

/// What happened, for whoever watches: sent in the order in which it was settled.
#[derive(Clone, Debug, PartialEq)]
pub enum Watching {
    /// A stimulus was accepted.
    Applied(Box<Applied>),
    /// A line was not carried out.
    Skipped {
        /// When.
        at: Timestamp,
        /// The journey's number in the run.
        journey: u64,
        /// The line.
        place: Place,
        /// Why.
        reason: String,
    },
    /// An attempt has ended.
    Tried(Box<Tried>),
    /// All that happened up to this instant has been told.
    Over(Timestamp),
}

/// What a play left behind: see [`judge::Played`].
pub type Played = judge::Played;

/// Plays a scenario to its end: all lines played, every delivery and mail ended; or until it is stopped. `watching` is told of
/// every line.
///
/// # Errors
/// [`LineError`] when a journey cannot be started, or the store fails.
pub async fn play(app: &App, what: &Play<'_>, watching: Option<mpsc::Sender<Watching>>) -> Result<Played, LineError> {
    let scenario = what.scenario;
    let script = Script::new(what.seed, &scenario.steps, &scenario.meanwhile, what.journeys, app.now());
    let mut player = Player { app, what, script, watching, ids: BTreeMap::new(), refused: Vec::new() };
    let stop = what.stop.clone();
    stop.run_until_cancelled(player.run()).await.transpose()?;
    player.gather()
}

struct Player<'a> {
    app: &'a App,
    what: &'a Play<'a>,
    script: Script<'a>,
    watching: Option<mpsc::Sender<Watching>>,
    /// Ids of the journeys that were started, by number in the run.
    ids: BTreeMap<u64, JourneyId>,
    refused: Vec<(String, String)>,
}

impl Player<'_> {
    async fn run(&mut self) -> Result<(), LineError> {
        loop {
            let now = self.app.now();
            self.app.fire_due().await?;
            let mut played = false;
            while let Some((cue, line)) = self.script.pop(now) {
                played = true;
                let outcome = self.line(cue, line).await?;
                self.script.done(cue, outcome, now);
            }
            if played {
                continue;
            }
            if self.what.time == Time::Leaps {
                self.app.quiet().await;
            }
            self.tell(Watching::Over(now)).await;
            match self.what.time {
                Time::Leaps => {
                    match [self.script.next_due(), self.app.next_due(self.kinds())].into_iter().flatten().min() {
                        Some(due) => self.app.forward(due),
                        None => return Ok(()),
                    }
                }
                Time::Runs => {
                    let next =
                        [self.script.next_due(), self.app.next_deadline(self.kinds())].into_iter().flatten().min();
                    if next.is_none() && self.app.at_rest() {
                        return Ok(());
                    }
                    self.app.sleep_until_or_change(next.unwrap_or(Timestamp::MAX)).await;
                }
            }
            if let Some(reason) = self.app.outbox.broken() {
                return Err(OutboxError::Broken(reason).into());
            }
        }
    }

    /// The deadlines that keep a play going. When all lines are played, a renewal years ahead is not waited for.
    fn kinds(&self) -> &'static [DeadlineKind] {
        match self.script.next_due() {
            Some(_) => &DeadlineKind::ALL,
            None => &[DeadlineKind::Processing, DeadlineKind::RenewalDeadline],
        }
    }

    async fn line(&mut self, cue: Cue, line: &Line) -> Result<LinePlayed, LineError> {
        let LineKind::Stimulus(stimulus) = &line.kind else { return Ok(LinePlayed::Yes) };
        let id = match self.ids.get(&cue.journey) {
            Some(id) => *id,
            None => {
                let id = self.start(cue.journey).await?;
                if stimulus.name() == "start" {
                    return Ok(LinePlayed::Yes);
                }
                id
            }
        };
        let scripted = self.app.scripted(&self.script, cue, stimulus);
        let (when, draw) = (line.when.as_deref(), self.script.choice(cue));
        let doing = Doing { stimulus, when, scripted: &scripted, draw, at: None };
        let why = match self.app.carry_out(id, doing).await? {
            Done::Yes(applied) => {
                self.tell(Watching::Applied(applied)).await;
                return Ok(LinePlayed::Yes);
            }
            Done::NotNow => format!("not {}", when.unwrap_or_default()),
            Done::Impossible(error) => {
                // What happens meanwhile meets a journey in any state: there it may be impossible, and is left out.
                if matches!(cue.place, Place::Step(_)) {
                    self.refused.push((self.place(cue), error.to_string()));
                }
                error.to_string()
            }
        };
        self.skipped(cue, why).await;
        Ok(LinePlayed::Skipped)
    }

    async fn start(&mut self, number: u64) -> Result<JourneyId, LineError> {
        let scenario = self.what.scenario;
        let applied = self.app.begin(scenario.flow.id(), draw::reference_no(scenario, number), number, None).await?;
        let id = applied.journey.id;
        self.ids.insert(number, id);
        self.tell(Watching::Applied(applied)).await;
        Ok(id)
    }

    async fn skipped(&self, cue: Cue, reason: String) {
        let at = self.app.now();
        self.tell(Watching::Skipped { at, journey: cue.journey, place: cue.place, reason }).await;
    }

    async fn tell(&self, what: Watching) {
        if let Some(watching) = &self.watching {
            let _ = watching.send(what).await;
        }
    }

    fn place(&self, cue: Cue) -> String {
        if self.what.journeys == 1 {
            cue.place.name()
        } else {
            format!("journey {}, {}", cue.journey, cue.place.name())
        }
    }

    /// Reads back from the outbox what the play left: what was promised is what is judged.
    fn gather(self) -> Result<Played, LineError> {
        let outbox = &self.app.outbox;
        let mut played = Played { refused: self.refused, ..Played::default() };
        for id in self.ids.values() {
            let Some(journey) = outbox.journey(*id)? else { continue };
            let (mut events, mut cursor): (Vec<Message>, _) = (Vec::new(), None);
            loop {
                let page = outbox.events(Some(*id), cursor, 1_000)?;
                events.extend(page.items.into_iter().map(|record| record.message));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            played.journeys.push((Arc::unwrap_or_clone(journey), events));
            // Of this journey only: on a running server others have any number of them.
            let query = DeliveryQuery { journey: Some(*id), ..DeliveryQuery::default() };
            let mut cursor = None;
            loop {
                let page = outbox.deliveries(&query, cursor, 1_000)?;
                for delivery in page.items {
                    played.deliveries.extend(outbox.delivery(delivery.id)?);
                }
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
        played.deliveries.sort_by_key(|(delivery, _)| delivery.id);
        played.mails = outbox.ledger().mails.accepted;
        Ok(played)
    }
}
