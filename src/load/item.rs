//! What happens to a journey of a run, carried out: a task each.

use crate::app::App;
use crate::app::apply::{Applied, Planned};
use crate::app::lines::{Doing, Done, LineError};
use crate::clock::Timestamp;
use crate::ids::JourneyId;
use crate::load::meter::Meter;
use crate::provider::{self, Deadline, DeadlineKind, Stimulus};
use crate::rng::Draw;
use crate::scenario::draw;
use crate::scenario::file::{Line, LineKind, Scenario};
use crate::scenario::script::Place;

/// Something that is to happen to a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    pub(super) due: Timestamp,
    pub(super) journey: u64,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Line(Place),
    Deadline(DeadlineKind),
}

/// What a task has come to.
pub(super) struct Ended {
    pub(super) item: Item,
    pub(super) applied: Option<Box<Applied>>,
    pub(super) refused: Option<String>,
}

pub(super) fn deadline(journey: u64, deadline: Deadline) -> Item {
    Item { due: deadline.due, journey, what: What::Deadline(deadline.kind) }
}

pub(super) fn line_of(scenario: &Scenario, place: Place) -> &Line {
    match place {
        Place::Step(n) => &scenario.steps[n],
        Place::Meanwhile(n) => &scenario.meanwhile[n],
    }
}

pub(super) async fn carry_out(
    app: &App,
    scenario: &Scenario,
    meter: &Meter,
    item: Item,
    id: Option<JourneyId>,
    scripted: &[DeadlineKind],
    draw: Option<Draw>,
) -> Result<Ended, LineError> {
    let began = app.now();
    let mut begun = None;
    let id = match id {
        Some(id) => id,
        None => {
            let planned = Some(Planned { at: item.due, number: item.journey });
            let reference = draw::reference_no(scenario, item.journey);
            let applied = app.begin(scenario.flow.id(), reference, item.journey, planned).await?;
            begun.insert(applied).journey.id
        }
    };
    let (stimulus, when): (Stimulus, Option<&str>) = match item.what {
        What::Line(place) => {
            let line = line_of(scenario, place);
            match &line.kind {
                LineKind::Stimulus(stimulus) if begun.is_none() || stimulus.name() != "start" => {
                    (stimulus.clone(), line.when.as_deref())
                }
                // To have begun, or to have waited, was all.
                _ => {
                    meter.line(item.due, began, true);
                    let applied = begun.or_else(|| waited(app, id, item.due));
                    return Ok(Ended { item, applied, refused: None });
                }
            }
        }
        What::Deadline(kind) => {
            let Some(journey) = app.outbox.journey(id)? else {
                return Ok(Ended { item, applied: None, refused: None });
            };
            (provider::deadline_stimulus(&journey, kind), None)
        }
    };
    let draw = draw.unwrap_or_else(|| {
        app.seed.draw(&[b"deadline", &item.journey.to_le_bytes(), &item.due.as_micros().to_le_bytes()])
    });
    let doing = Doing { stimulus: &stimulus, when, scripted, draw, at: Some(item.due) };
    let (applied, refused) = match app.carry_out(id, doing).await? {
        Done::Yes(applied) => (Some(applied), None),
        Done::NotNow => (begun, None),
        Done::Impossible(error) => (begun, Some(error.to_string())),
    };
    meter.line(item.due, began, applied.is_some());
    Ok(Ended { item, applied, refused })
}

/// A line that only waited leaves the journey as it is.
fn waited(app: &App, id: JourneyId, at: Timestamp) -> Option<Box<Applied>> {
    let journey = app.outbox.journey(id).ok().flatten()?;
    Some(Box::new(Applied { at, stimulus: "wait".to_owned(), journey, events: Vec::new() }))
}
