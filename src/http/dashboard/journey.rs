//! One journey: its machine, what can be done to it, and what has happened to it.

use axum::response::Response;
use maud::{Markup, html};

use super::desk::{Desk, PAGE};
use super::layout::Section;
use super::parts::Mood;
use super::parts::{badge, distance, journey_badge, link, outcome_badge, time};
use super::trouble::Trouble;
use super::visit::{Form, Pairs, Path, Visit};
use super::{machine, stimuli};
use crate::app::apply::{Answer, Manner};
use crate::clock::Timestamp;
use crate::http::api::find_journey;
use crate::outbox::EventRecord;
use crate::provider::arguments::{arguments, filled};
use crate::provider::{self, Journey, JourneyView};

/// So many deliveries have their attempts told.
const DELIVERIES: usize = 100;

pub(super) fn show(visit: &Visit, id: &str) -> Result<Response, Trouble> {
    let journey = find_journey(&visit.desk.app, id)?;
    let view = provider::view(&journey);
    let told = told(&visit.desk, &journey)?;
    let title = format!("Journey {}", journey.reference_no);
    let body = html! {
        div #standing-of-journey data-live { (standing(&visit.desk, &journey, &view)) }
        div #drawing data-live { (machine::drawing(provider::machine::machine(&journey), view.state, &view.legal)) }
        section aria-labelledby="do-title" {
            h2 #do-title { "Do something to it" }
            div #stimuli data-live { (stimuli::forms(&journey, &view)) }
        }
        section aria-labelledby="told-title" {
            h2 #told-title { "What happened" }
            div #timeline data-live { (timeline(&visit.desk, &told)) }
            p { a href=(link("/deliveries", &[("journey", &journey.id.to_string())])) { "All deliveries of this journey" } }
        }
    };
    Ok(visit.page(Section::Journeys, &title, &body))
}

/// Does something to it, as the API does.
pub(super) async fn stimulate(visit: Visit, Path(id): Path, Form(form): Form) -> Result<Response, Trouble> {
    let app = &visit.desk.app;
    let journey = find_journey(app, &id)?;
    let to = format!("/journeys/{}", journey.id);
    let Some(word) = form.get("do") else { return Ok(visit.refused(&to, "nothing was asked for")) };
    let Pairs(entered) = &form;
    let map = filled(word, &arguments(&journey, word), entered);
    let stimulus = match provider::parse_stimulus(app.provider, &map) {
        Ok(stimulus) => stimulus,
        Err(why) => return Ok(visit.refused(&to, why)),
    };
    match app.apply(journey.id, &stimulus, Manner::default()).await {
        Ok(Answer::Done(applied)) => {
            let events: Vec<&str> = applied.events.iter().map(|event| event.event_type.as_ref()).collect();
            let sent = match events.is_empty() {
                true => "nothing is sent for it".to_owned(),
                false => format!("sent to whoever subscribes: {}", events.join(", ")),
            };
            Ok(visit.done(&to, format!("{}: {sent}", applied.stimulus)))
        }
        // Without a key nothing is a repetition.
        Ok(Answer::Repeated(_)) => Ok(visit.done(&to, "it was done already")),
        Err(error) => Ok(visit.refused(&to, error.to_string())),
    }
}

fn standing(desk: &Desk, journey: &Journey, view: &JourneyView) -> Markup {
    let now = desk.app.now();
    let or_none = |decision: Option<&'static str>| decision.unwrap_or("–");
    html! {
        dl.facts {
            div { dt { "State" } dd #journey-state { (journey_badge(view.state)) } }
            div { dt { "Decision" } dd { (or_none(view.final_decision)) } }
            div { dt { "System" } dd { (or_none(view.system_decision)) } }
            @if view.manual_decision.is_some() { div { dt { "Reviewer" } dd { (or_none(view.manual_decision)) } } }
            div { dt { "Flow" } dd { (journey.flow) " (" (journey.environment) ")" } }
            div { dt { "Started" } dd { (time(journey.created_at)) } }
            div.wide { dt { "Id" } dd { code { (journey.id) } } }
            @if !view.steps.is_empty() {
                div.wide { dt { "Steps" } dd {
                    @for step in &view.steps { (step_badge(step.id, step.kind, step.state)) " " }
                } }
            }
            @for deadline in &journey.deadlines {
                div.wide { dt { "Next by itself" } dd {
                    (deadline.kind.as_str()) " at " (time(deadline.due)) ", " (distance(now, deadline.due)) " "
                    form.inline method="post" action="/clock" {
                        input type="hidden" name="to" value=(deadline.due.to_rfc3339());
                        input type="hidden" name="back" value=(format!("/journeys/{}", journey.id));
                        button.small type="submit" name="do" value="set" { "Leap the clock there" }
                    }
                } }
            }
        }
    }
}

fn step_badge(id: &str, kind: &str, state: &str) -> Markup {
    let mood = match state {
        "submitted" | "complete" => Mood::Good,
        "in_progress" => Mood::Busy,
        "resubmission_required" => Mood::Warn,
        _ => Mood::Calm,
    };
    badge(mood, &format!("{id} · {kind}: {state}"))
}

/// Something that happened to a journey.
struct Happening {
    at: Timestamp,
    /// Of two at one instant the higher comes after.
    rank: (u64, u32),
    what: Markup,
}

/// The newest events of a journey with their attempts, oldest first.
fn told(desk: &Desk, journey: &Journey) -> Result<Vec<Happening>, Trouble> {
    let began = html! { span.kind { "start" } " started in flow " (journey.flow) };
    let mut told = vec![Happening { at: journey.created_at, rank: (0, 0), what: began }];
    let done = desk.app.lately.of(journey.id).into_iter().filter(|done| done.stimulus != "start");
    told.extend(done.map(|done| Happening {
        at: done.at,
        rank: (done.sequence + 1, 0),
        what: html! { span.kind { "stimulus" } " " strong { (done.stimulus) } },
    }));
    // Events of a journey come oldest first, from a sequence on.
    let from = journey.sequence.saturating_sub(PAGE as u64 - 1);
    let events = desk.app.outbox.events(Some(journey.id), Some(from), PAGE)?.items;
    let mut left = DELIVERIES;
    for record in events.iter().rev() {
        told.push(event(record));
        for id in record.deliveries.iter().take(left) {
            let Some((delivery, tries)) = desk.app.outbox.delivery(*id)? else { continue };
            told.extend(tries.iter().map(|attempt| Happening {
                at: attempt.finished_at,
                rank: (record.message.sequence, attempt.n + 1),
                what: html! {
                    span.kind { "attempt" } " "
                    a href=(format!("/deliveries/{id}")) { (record.message.event_type) " to " (delivery.webhook) }
                    ", attempt " (attempt.n) ": " (outcome_badge(&attempt.outcome))
                },
            }));
        }
        left = left.saturating_sub(record.deliveries.len());
    }
    told.sort_by_key(|happening| (happening.at, happening.rank));
    Ok(told)
}

fn event(record: &EventRecord) -> Happening {
    let message = &record.message;
    let to = match record.deliveries.len() {
        0 => html! { span.faint { " nobody subscribes to it" } },
        n => {
            html! { " " a href=(link("/deliveries", &[("event", &message.event_id.to_string())])) { (super::parts::count(n as u64, "delivery")) } }
        }
    };
    let body = String::from_utf8_lossy(&message.body);
    let what = html! {
        span.kind { "event" } " " strong { (message.event_type) } (to)
        details #(format!("event-{}", message.sequence)) { summary { "Body" } pre { (super::attempt::pretty(&body)) } }
    };
    Happening { at: message.created_at, rank: (message.sequence, 1), what }
}

fn timeline(desk: &Desk, told: &[Happening]) -> Markup {
    let now = desk.app.now();
    html! {
        ol.timeline reversed {
            @for happening in told.iter().rev() {
                li { span.when { (time(happening.at)) " " span.faint { (distance(now, happening.at)) } } div { (happening.what) } }
            }
        }
    }
}
