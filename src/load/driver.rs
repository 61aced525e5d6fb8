//! The driver: keeps a population going, many lines at once, each at its planned instant.
//!
//! ```text
//!   Arrivals ──> journeys ──> items by (due, journey): lines of the script, and the journeys' own deadlines
//!                                │ pop what is due, unless its journey is busy
//!                                v
//!              played here; in one of up to [`ON_DISK`] tasks once it has to wait
//!                                │ durable
//!                                v
//!                      the journey's next items
//! ```
//!
//! A journey's items are played one after the other in due order; journeys do not wait for each other. What is done counts
//! from its planned instant: an event's time, its deliveries' and the journey's deadlines. So every journey goes as its
//! script says however busy the machine is, and lateness shows where it belongs, in the figures.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::app::App;
use crate::app::lines::LineError;
use crate::clock::{Stopwatch, Timestamp, real_sleep};
use crate::ids::JourneyId;
use crate::load::alarm::Alarm;
use crate::load::item::{Ended, Item, What, carry_out, deadline, line_of};
use crate::load::run::{Drive, Driven, Pacing};
use crate::outbox::OutboxError;
use crate::provider::{Deadline, DeadlineKind};
use crate::scenario::file::{Line, LineKind};
use crate::scenario::script::{Cue, Place, Played, Script};
use crate::secret::ending;

/// So many lines are carried out at once where their writes wait for a disk, whose syncs they share. Measured: with half as
/// many a sync is shared by too few, with twice as many they cost a tenth more, and so they do at any number that the
/// processor's caches do not hold.
const ON_DISK: usize = 256;

/// And where nothing waits.
const IN_MEMORY: usize = 64;

/// So many lines are played before whatever else there is to do gets its turn.
const IN_A_ROW: usize = 64;

/// On a clock that leaps so many deliveries may be owed, of those that may be under way at once, before it waits for them.
/// Bounded: what is owed beyond a lane's memory would be read back.
const OWED: u64 = 2;
const OWED_AT_LEAST: u64 = 256;
const OWED_AT_MOST: u64 = 8_192;

/// The longest sleep; the clock may be changed meanwhile.
const LONGEST: Duration = Duration::from_millis(500);

/// So often it leaps without looking, if there is room for so many deliveries of each.
const LEAPS: u64 = 128;
const PER_LEAP: u64 = 8;

/// So long it waits for deliveries before it looks again whether it may leap. It is not told of each: that would cost as much
/// as the delivery.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A journey that is under way.
#[derive(Debug, Default)]
struct Journey {
    id: Option<JourneyId>,
    busy: bool,
    deadlines: Vec<Deadline>,
    /// Items that fell due while it was busy.
    blocked: Vec<Item>,
}

/// Drives a population to its end.
///
/// # Errors
/// [`LineError`] when a journey cannot be started, or the store fails.
pub async fn drive(run: Drive) -> Result<Driven, LineError> {
    let scenario = run.scenario.clone();
    let script = Script::empty(run.seed, &scenario.steps, &scenario.meanwhile);
    let origin = run.app.now();
    let end = origin + run.arrivals.span();
    let at_once = if run.durable { ON_DISK } else { IN_MEMORY };
    let steps = scenario.steps.iter().enumerate();
    let speak_for = steps
        .map(|(n, line)| speaks_for(&run.app, &script, Cue { due: origin, journey: 0, place: Place::Step(n) }, line));
    let speak_for = speak_for.collect();
    let slots: u64 = run.app.endpoints.all().iter().map(|endpoint| endpoint.max_in_flight as u64).sum();
    let may_be_owed = (slots * OWED).clamp(OWED_AT_LEAST, OWED_AT_MOST);
    let mut driver = Driver {
        run,
        script,
        speak_for,
        origin,
        end,
        at_once,
        may_be_owed,
        items: BTreeSet::new(),
        journeys: BTreeMap::new(),
        tasks: JoinSet::new(),
        driven: Driven::default(),
        leaps: 0,
        in_a_row: 0,
        alarm: Alarm::start().map_err(|error| OutboxError::Broken(format!("no thread for the alarm: {error}")))?,
    };
    driver.go().await?;
    Ok(driver.driven)
}

/// The deadlines that lines after this one speak for.
fn speaks_for(app: &App, script: &Script<'_>, cue: Cue, line: &Line) -> Arc<[DeadlineKind]> {
    match &line.kind {
        LineKind::Stimulus(stimulus) => app.scripted(script, cue, stimulus).into(),
        LineKind::Wait(_) => Arc::default(),
    }
}

struct Driver<'a> {
    run: Drive,
    script: Script<'a>,
    /// Of each step, the deadlines that later steps speak for: the same for every journey.
    speak_for: Vec<Arc<[DeadlineKind]>>,
    origin: Timestamp,
    /// When the stages are over.
    end: Timestamp,
    /// Lines that are carried out at once, at most.
    at_once: usize,
    /// Deliveries that may be owed when the clock leaps.
    may_be_owed: u64,
    items: BTreeSet<Item>,
    journeys: BTreeMap<u64, Journey>,
    tasks: JoinSet<Result<Ended, LineError>>,
    driven: Driven,
    /// So many leaps until the outbox is asked again.
    leaps: u64,
    alarm: Alarm,
    /// Lines that were played since others had their turn.
    in_a_row: usize,
}

impl Driver<'_> {
    async fn go(&mut self) -> Result<(), LineError> {
        let running = Stopwatch::start();
        let mut arrival = self.next_arrival();
        let mut arriving = true;
        loop {
            let mut now = self.run.app.now();
            if arriving && (arrival.is_none() || self.run.stop.is_cancelled()) {
                (arriving, arrival) = (false, None);
                self.driven.arriving = running.elapsed();
                self.run.meter.all_arrived();
            }
            let next = self.items.first().map(|item| item.due).into_iter().chain(arrival.map(|(_, at)| at)).min();
            if self.tasks.len() < self.at_once
                && let Some(due) = next
            {
                if self.run.pacing == Pacing::Leaps && due > now && self.may_leap() {
                    self.run.app.forward(due);
                    now = due;
                }
                if due <= now {
                    match arrival.filter(|(_, at)| *at == due) {
                        Some((number, at)) => {
                            self.join(number, at, now);
                            arrival = self.next_arrival();
                        }
                        None => self.play_next().await?,
                    }
                    continue;
                }
            }
            if next.is_none() && self.tasks.is_empty() {
                break;
            }
            self.wait(next).await?;
        }
        self.drain().await?;
        self.driven.took = running.elapsed();
        Ok(())
    }

    fn next_arrival(&mut self) -> Option<(u64, Timestamp)> {
        let faster = self.run.control.borrow().faster;
        let (number, at) = self.run.arrivals.next(faster)?;
        Some((number, self.origin + at))
    }

    /// A journey arrives: its first line is scheduled.
    fn join(&mut self, number: u64, at: Timestamp, now: Timestamp) {
        let pace = if let Pacing::Runs(pace) = self.run.pacing { pace } else { 1.0 };
        let asked = self.run.arrivals.rate_at(at.since(self.origin)) * self.run.control.borrow().faster * pace;
        self.run.meter.started(at, now, asked);
        if let Pacing::Runs(pace) = self.run.pacing {
            let planned = at.since(self.origin).as_secs_f64() / pace;
            let (late, taken) = (now.since(at).as_secs_f64() / pace, now.since(self.origin).as_secs_f64() / pace);
            self.driven.kept = if late > 0.0 && taken > 0.0 { planned / taken } else { 1.0 };
        }
        self.driven.started += 1;
        self.journeys.insert(number, Journey::default());
        self.script.join(number, at);
        self.take_cues();
    }

    /// Moves what the script has scheduled to the items.
    fn take_cues(&mut self) {
        while let Some((cue, _)) = self.script.pop(Timestamp::MAX) {
            self.items.insert(Item { due: cue.due, journey: cue.journey, what: What::Line(cue.place) });
        }
    }

    /// Plays the first item, or keeps it for when its journey is free. What has to wait for something gets a task.
    async fn play_next(&mut self) -> Result<(), LineError> {
        let Some(item) = self.items.pop_first() else { return Ok(()) };
        let Some(journey) = self.journeys.get_mut(&item.journey) else { return Ok(()) };
        if journey.busy {
            journey.blocked.push(item);
            return Ok(());
        }
        journey.busy = true;
        let (app, scenario, meter) = (self.run.app.clone(), self.run.scenario.clone(), self.run.meter.clone());
        let id = journey.id;
        let (scripted, draw) = match item.what {
            What::Line(place) => {
                let cue = Cue { due: item.due, journey: item.journey, place };
                let scripted = match place {
                    Place::Step(n) => self.speak_for[n].clone(),
                    // It depends on how far the journey has come.
                    Place::Meanwhile(_) => speaks_for(&app, &self.script, cue, line_of(&scenario, place)),
                };
                (Some(scripted), Some(self.script.choice(cue)))
            }
            What::Deadline(_) => (None, None),
        };
        // Boxed, as it is large, and tokio would move it from place to place.
        let mut line = Box::pin(async move {
            let scripted = scripted.as_deref().unwrap_or_default();
            carry_out(&app, &scenario, &meter, item, id, scripted, draw).await
        });
        match poll_fn(|cx| Poll::Ready(line.as_mut().poll(cx))).await {
            Poll::Ready(ended) => self.ended(ended?),
            Poll::Pending => {
                self.tasks.spawn(line);
            }
        }
        self.in_a_row += 1;
        if self.in_a_row == IN_A_ROW {
            self.in_a_row = 0;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Waits until there may be more to do.
    async fn wait(&mut self, next: Option<Timestamp>) -> Result<(), LineError> {
        let app = self.run.app.clone();
        let room = self.tasks.len() < self.at_once;
        let leaps = self.run.pacing == Pacing::Leaps;
        let until = next.and_then(|next| app.clock.real_span_until(next)).map(|span| span.min(LONGEST));
        let ended = tokio::select! {
            ended = self.tasks.join_next(), if !self.tasks.is_empty() => ended,
            () = self.alarm.ring_in(until.unwrap_or(LONGEST)), if room && next.is_some() && !leaps => None,
            () = real_sleep(LOOK_AGAIN), if leaps && room && next.is_some() => None,
            () = self.run.stop.cancelled(), if !self.run.stop.is_cancelled() => None,
            _ = self.run.control.changed() => None,
        };
        if let Some(reason) = app.outbox.broken() {
            return Err(OutboxError::Broken(reason).into());
        }
        // Whatever else has ended by now, too: a look at all that may happen costs more than what has.
        let mut next = ended;
        while let Some(ended) = next {
            let ended =
                ended.map_err(|error| OutboxError::Broken(format!("a line's task died: {}", ending(&error))))?;
            self.ended(ended?);
            next = self.tasks.try_join_next();
        }
        Ok(())
    }

    /// A journey's item is done: what follows it is scheduled.
    fn ended(&mut self, ended: Ended) {
        let Ended { item, applied, refused } = ended;
        if self.driven.refused.is_none() && matches!(item.what, What::Line(Place::Step(_))) {
            self.driven.refused = refused;
        }
        let played = applied.is_some();
        if let What::Line(place) = item.what {
            let cue = Cue { due: item.due, journey: item.journey, place };
            self.script.done(cue, if played { Played::Yes } else { Played::Skipped }, item.due);
            self.take_cues();
        }
        let plays_on = self.script.has(item.journey);
        if let Some(journey) = self.journeys.get_mut(&item.journey) {
            journey.busy = false;
            self.items.extend(journey.blocked.drain(..));
            if let Some(applied) = applied {
                journey.id = Some(applied.journey.id);
                for gone in journey.deadlines.drain(..) {
                    self.items.remove(&deadline(item.journey, gone));
                }
                // What would happen by itself after the stages are over, and has not begun, is left; unless the journey has
                // lines to come, which may be the answer to it.
                let wanted = |deadline: &&Deadline| {
                    plays_on || deadline.kind != DeadlineKind::RenewalDue || deadline.due <= self.end
                };
                journey.deadlines = applied.journey.deadlines.iter().filter(wanted).copied().collect();
                self.items.extend(journey.deadlines.iter().map(|of| deadline(item.journey, *of)));
            }
        }
        let over = |journey: &Journey| !journey.busy && journey.deadlines.is_empty() && journey.blocked.is_empty();
        if !plays_on
            && self.journeys.get(&item.journey).is_some_and(over)
            && let Some(gone) = self.journeys.remove(&item.journey)
            && let Some(id) = gone.id
        {
            self.run.app.outbox.let_go(id);
        }
    }

    /// Whether the clock may go on. The outbox is asked now and then: a few leaps more or less are none too many.
    fn may_leap(&mut self) -> bool {
        if self.leaps == 0 {
            let owed = self.owed();
            if owed >= self.may_be_owed {
                return false;
            }
            self.leaps = ((self.may_be_owed - owed) / PER_LEAP).clamp(1, LEAPS);
        }
        self.leaps -= 1;
        true
    }

    /// Deliveries that are owed, as long as some are due or under way. Those that only wait for their retry's instant keep
    /// nobody from leaping there.
    fn owed(&self) -> u64 {
        let (now, lanes) = (self.run.app.now(), self.run.app.outbox.lanes());
        let busy = lanes.iter().any(|lane| lane.in_flight > 0 || lane.next_due.is_some_and(|due| due <= now));
        if busy { lanes.iter().map(|lane| lane.waiting + lane.in_flight).sum() } else { 0 }
    }

    /// Lets what is owed come, retries included as far as there is time for them.
    async fn drain(&mut self) -> Result<(), LineError> {
        let app = self.run.app.clone();
        let deadline = real_sleep(self.run.drain);
        tokio::pin!(deadline);
        loop {
            if let Some(reason) = app.outbox.broken() {
                return Err(OutboxError::Broken(reason).into());
            }
            if app.at_rest() {
                return Ok(());
            }
            match self.run.pacing {
                Pacing::Leaps => {
                    tokio::select! {
                        () = app.quiet() => match app.next_due(&[]) {
                            Some(due) => app.forward(due),
                            None => return Ok(()),
                        },
                        () = &mut deadline => return Ok(()),
                    }
                }
                Pacing::Runs(_) => {
                    tokio::select! {
                        () = app.sleep_until_or_change(Timestamp::MAX) => {}
                        () = &mut deadline => return Ok(()),
                    }
                }
            }
        }
    }
}
