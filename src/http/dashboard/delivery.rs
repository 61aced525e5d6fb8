//! One delivery: each attempt with its exact request and response, and what can be done about it.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::layout::Section;
use super::parts::{delivery_badge, distance, empty, link, press, reference_of, time};
use super::trouble::Trouble;
use super::visit::{Path, Visit};
use super::{attempt, har};
use crate::ids::DeliveryId;
use crate::message::{Attempt, Delivery, DeliveryState};

/// A delivery with all that is shown of it.
struct Shown {
    delivery: Delivery,
    tries: Vec<Attempt>,
    body: String,
}

fn find(visit: &Visit, id: &str) -> Result<Shown, Trouble> {
    let id: DeliveryId = id.parse()?;
    let outbox = &visit.desk.app.outbox;
    let (delivery, tries) =
        outbox.delivery(id)?.ok_or_else(|| Trouble::missing(format!("there is no delivery {id}")))?;
    let record = outbox.event(delivery.event_id)?;
    let body = record.map(|record| record.message.in_form(delivery.form).body).unwrap_or_default();
    let body = visit.desk.app.blanked(&String::from_utf8_lossy(&body));
    Ok(Shown { delivery, tries, body })
}

/// The page, or with `.har` behind the id the attempts as an HTTP archive.
pub(super) fn show(visit: &Visit, id: &str) -> Result<Response, Trouble> {
    if let Some(id) = id.strip_suffix(".har") {
        let shown = find(visit, id)?;
        let file = format!("attachment; filename=\"{}.har\"", shown.delivery.id);
        let archive = har::archive(&shown.delivery, &shown.tries, &shown.body);
        let kind = HeaderValue::from_static("application/json");
        let file = HeaderValue::try_from(file).unwrap_or(HeaderValue::from_static("attachment"));
        return Ok(
            ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, file)], archive.to_string()).into_response()
        );
    }
    let shown = find(visit, id)?;
    let Shown { delivery, tries, body } = &shown;
    let title = format!("Delivery {}", delivery.id);
    let page = html! {
        div #delivery data-live { (facts(visit, delivery)) (actions(visit, delivery, tries)) }
        section aria-labelledby="tries-title" {
            h2 #tries-title { "Attempts" }
            div #tries data-live {
                @if tries.is_empty() {
                    (empty("Not tried yet.", &html! { p { "It is due " (time(delivery.due_at)) ", " (distance(visit.desk.app.now(), delivery.due_at)) "." } }))
                }
                @for one in tries.iter().rev() { (attempt::shown(one, body, one.n as usize == tries.len())) }
            }
        }
        section aria-labelledby="body-title" {
            h2 #body-title { "Body" }
            p.faint { "The same bytes in every attempt." }
            pre #event-body { (attempt::pretty(body)) }
        }
    };
    Ok(visit.page(Section::Deliveries, &title, &page))
}

fn facts(visit: &Visit, delivery: &Delivery) -> Markup {
    let desk = &visit.desk;
    html! {
        dl.facts {
            div { dt { "State" } dd #delivery-state { (delivery_badge(delivery.state, delivery.attempts)) } }
            div { dt { "Event" } dd { (delivery.event_type) } }
            div { dt { "Webhook" } dd { a href=(format!("/webhooks/{}", delivery.webhook)) { (delivery.webhook) } } }
            @if let Some(id) = delivery.journey_id {
                div { dt { "Journey" } dd { a href=(format!("/journeys/{id}")) { (reference_of(desk, id)) } } }
            }
            div { dt { "Attempts" } dd { (delivery.attempts) } }
            div { dt { @if delivery.state.is_terminal() { "Was due" } @else { "Next attempt" } } dd { (time(delivery.due_at))
                @if !delivery.state.is_terminal() { ", " (distance(desk.app.now(), delivery.due_at)) } } }
            div.wide { dt { "Event id" } dd { a href=(link("/deliveries", &[("event", &delivery.event_id.to_string())])) { code { (delivery.event_id) } } } }
            @if let Some(of) = delivery.resend_of { div { dt { "Repeats" } dd { a href=(format!("/deliveries/{of}")) { (of) } } } }
        }
    }
}

fn actions(visit: &Visit, delivery: &Delivery, tries: &[Attempt]) -> Markup {
    let here = format!("/deliveries/{}", delivery.id);
    let due = delivery.due_at.to_rfc3339();
    let leaps = delivery.state == DeliveryState::Waiting && delivery.due_at > visit.desk.app.now();
    html! {
        div.actions {
            @if delivery.state.is_terminal() { (press(&format!("{here}/resend"), "Resend", "primary", &[])) }
            @if leaps {
                (press("/clock", "Leap the clock to the next attempt", "primary", &[("do", "set"), ("to", &due), ("back", &here)]))
            }
            @if delivery.state == DeliveryState::Waiting { (press(&format!("{here}/cancel"), "Call off", "", &[])) }
            @if !tries.is_empty() { a.button href=(format!("{here}.har")) { "Export HAR" } }
        }
    }
}

/// Sends it again as a new delivery.
pub(super) async fn resend(visit: Visit, Path(id): Path) -> Result<Response, Trouble> {
    let shown = find(&visit, &id)?;
    let old = shown.delivery.id;
    match visit.desk.app.resend(&shown.delivery).await {
        Ok(new) => {
            Ok(visit.done(&format!("/deliveries/{new}"), format!("{old} is sent again as {new}, with the same bytes")))
        }
        Err(error) => Ok(visit.refused(&format!("/deliveries/{old}"), error.to_string())),
    }
}

/// Calls it off.
pub(super) async fn cancel(visit: Visit, Path(id): Path) -> Result<Response, Trouble> {
    let shown = find(&visit, &id)?;
    let to = format!("/deliveries/{}", shown.delivery.id);
    match visit.desk.app.cancel(&shown.delivery).await {
        Ok(()) => Ok(visit.done(&to, "it was called off: no attempt will be made")),
        Err(error) => Ok(visit.refused(&to, error.to_string())),
    }
}
