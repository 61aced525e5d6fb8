//! The overview: how it goes, what needs a person, what happened last.

use axum::response::Response;
use maud::{Markup, html};

use super::desk::{Desk, PAGE};
use super::layout::Section;
use super::parts::{Mood, badge, count, delivery_badge, distance, empty, number, reference_of, time};
use super::trouble::Trouble;
use super::visit::Visit;
use crate::clock::Timestamp;
use crate::http::api::was_sent_again;
use crate::message::{Delivery, DeliveryState};
use crate::outbox::{DeliveryQuery, EventRecord, Ledger};

/// The newest deliveries that are looked at for how it goes.
const NEWEST: usize = 200;

/// The newest of those that were given up are looked at, as each may have been sent again.
const GIVEN_UP: usize = 20;

/// The newest events that are shown.
const EVENTS: usize = 10;

/// The newest deliveries whose lag is measured.
const MEASURED: usize = 20;

pub(super) fn show(visit: &Visit) -> Result<Response, Trouble> {
    let desk = &visit.desk;
    let outbox = &desk.app.outbox;
    let ledger = outbox.ledger();
    let newest = outbox.deliveries(&DeliveryQuery::default(), None, NEWEST)?.items;
    let events = outbox.events(None, None, EVENTS)?.items;
    let body = html! {
        (first_steps(ledger.journeys == 0))
        section #figures data-live aria-label="Figures" { (figures(desk, &ledger, &newest)?) }
        section #ledger data-live aria-labelledby="ledger-title" {
            h2 #ledger-title { "Deliveries" }
            (bar(&ledger))
        }
        section #attention data-live aria-live="polite" aria-labelledby="attention-title" {
            h2 #attention-title { "Needs a person" }
            (attention(desk, &ledger, &newest)?)
        }
        section #latest data-live aria-labelledby="latest-title" {
            h2 #latest-title { "Latest events" }
            (latest(desk, &events)?)
        }
    };
    Ok(visit.page(Section::Overview, "Overview", &body))
}

/// The way in, for whoever has read nothing.
fn first_steps(open: bool) -> Markup {
    html! {
        details.steps open[open] {
            summary { "Five minutes: drive a journey, break an endpoint, mend it, resend" }
            ol {
                li { a href="/journeys" { "Start a journey" } " with any reference, and press what is legal: each press sends webhooks." }
                li { a href="/deliveries" { "Watch the deliveries" } ": every attempt with its exact request and response." }
                li { a href="/inbox-view" { "Break the endpoint" } ": let the built-in inbox answer 500, hang or be slow with one click." }
                li { "Do something more to the journey, and see retries; " a href="/clock" { "leap the clock" } " so as not to wait for them." }
                li { "Let the inbox behave again, and " a href="/deliveries?state=exhausted" { "resend what was given up" } "." }
            }
        }
    }
}

fn figures(desk: &Desk, ledger: &Ledger, newest: &[Delivery]) -> Result<Markup, Trouble> {
    let rates = desk.rates();
    let now = desk.app.now();
    let overdue = desk.app.outbox.lanes().into_iter().filter(|lane| desk.app.endpoints.runs(&lane.webhook));
    let overdue = overdue.filter_map(|lane| lane.next_due).min().filter(|due| *due < now);
    let lag = lag(desk, newest)?;
    let mails = &ledger.mails;
    Ok(html! {
        dl.figures {
            (figure("Journeys", "/journeys", &number(ledger.journeys), "started"))
            (figure("Events", "/deliveries", &number(ledger.events), &format!("{:.1}/s in the last minute", rates.events)))
            (figure("Attempts", "/deliveries", &number(ledger.attempts), &format!("{:.1}/s, {:.1}/s delivered", rates.attempts, rates.delivered)))
            (figure("Lag", "/deliveries", &lag.map_or_else(|| "–".to_owned(), seconds), "from event to acceptance, median of the last 20"))
            (figure("Behind", "/webhooks", &overdue.map_or_else(|| "0 s".to_owned(), |due| seconds((now - due).as_secs_f64())), "the oldest delivery that is due and not started"))
            (figure("Mails", "/mails", &number(mails.accepted), &format!("{} sent, {} kept, {} failed", mails.sent, mails.kept, mails.failed)))
        }
    })
}

fn figure(name: &str, href: &str, value: &str, what: &str) -> Markup {
    html! { div { dt { a href=(href) { (name) } } dd { strong { (value) } span.what { (what) } } } }
}

fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// The median time from an event to its acceptance, retries included, in seconds of provider time.
fn lag(desk: &Desk, newest: &[Delivery]) -> Result<Option<f64>, Trouble> {
    let mut lags = Vec::new();
    for delivery in
        newest.iter().filter(|one| one.state == DeliveryState::Delivered && one.resend_of.is_none()).take(MEASURED)
    {
        let created = desk.app.outbox.event(delivery.event_id)?.map(|record| record.message.created_at);
        let ended = desk.app.outbox.delivery(delivery.id)?.and_then(|(_, tries)| Some(tries.last()?.finished_at));
        lags.extend(created.zip(ended).map(|(created, ended)| (ended - created).as_secs_f64()));
    }
    lags.sort_by(f64::total_cmp);
    Ok(lags.get(lags.len() / 2).copied())
}

/// The ledger as a bar: the five parts, and their sum.
fn bar(ledger: &Ledger) -> Markup {
    let all = &ledger.deliveries;
    let parts = [
        (DeliveryState::Delivered, all.delivered),
        (DeliveryState::InFlight, all.in_flight),
        (DeliveryState::Waiting, all.waiting),
        (DeliveryState::Exhausted, all.exhausted),
        (DeliveryState::Cancelled, all.cancelled),
    ];
    let total = all.accepted.max(1) as f64;
    let mut from = 0.0;
    let drawn: Vec<(&str, f64, f64)> = parts
        .iter()
        .map(|(state, n)| {
            let width = *n as f64 / total * 1_000.0;
            from += width;
            (state.as_str(), from - width, width)
        })
        .collect();
    html! {
        @if all.accepted == 0 {
            (empty("Nothing was owed to anybody yet.", &html! { a href="/journeys" { "Start a journey" } }))
        } @else {
            svg.ledger viewBox="0 0 1000 18" preserveAspectRatio="none" aria-hidden="true" {
                @for (state, x, width) in drawn {
                    @if width > 0.0 { rect.(state) x=(format!("{x:.2}")) y="0" width=(format!("{:.2}", width.max(2.0))) height="18" {} }
                }
            }
            p.sum {
                @for (n, (state, count)) in parts.iter().enumerate() {
                    @if n > 0 { span.sign { "+" } }
                    a.part href=(format!("/deliveries?state={}", state.as_str())) {
                        span.key.(state.as_str()) {} strong { (number(*count)) } " " (state.as_str().replace('_', " "))
                    }
                }
                span.sign { "=" }
                a.part href="/deliveries" { strong #accepted { (number(all.accepted)) } " accepted" }
            }
        }
    }
}

fn attention(desk: &Desk, ledger: &Ledger, newest: &[Delivery]) -> Result<Markup, Trouble> {
    let given_up = given_up(desk)?;
    let failing = failing(newest);
    let endpoints = desk.app.endpoints.all();
    let paused = endpoints.iter().filter(|endpoint| desk.app.endpoints.is_paused(&endpoint.name)).take(PAGE);
    let paused: Vec<&str> = paused.map(|endpoint| endpoint.name.as_str()).collect();
    let refused = desk.refused_config();
    let nothing =
        given_up.is_empty() && failing.is_empty() && paused.is_empty() && ledger.mails.failed == 0 && refused.is_none();
    Ok(html! {
        @if nothing { p.fine { (badge(Mood::Good, "nothing")) " All is well." } } @else {
            ul.attention {
                @if let Some(why) = refused {
                    li { (badge(Mood::Bad, "configuration refused")) " The changed file was not taken over; the old one holds. "
                        details #refused-config { summary { "What is wrong" } pre { (desk.app.blanked(&why)) } } }
                }
                @if !given_up.is_empty() {
                    li { (badge(Mood::Bad, "exhausted")) " " a href="/deliveries?state=exhausted" { (count(given_up.len() as u64, "delivery")) }
                        @if given_up.len() == GIVEN_UP { " or more" } " given up and not sent again: "
                        @for delivery in given_up.iter().take(5) { a href=(format!("/deliveries/{}", delivery.id)) { (delivery.id) } " " } }
                }
                @for name in failing.iter().take(10) {
                    li { (badge(Mood::Warn, "failing")) " " a href=(format!("/webhooks/{name}")) { (name) } " did not take its last delivery; it is tried again." }
                }
                @for name in paused {
                    li { (badge(Mood::Warn, "paused")) " " a href=(format!("/webhooks/{name}")) { (name) } " is paused: what it is owed waits." }
                }
                @if ledger.mails.failed > 0 {
                    li { (badge(Mood::Bad, "mail failed")) " " a href="/mails" { (count(ledger.mails.failed, "mail")) } " could not be sent." }
                }
            }
        }
    })
}

/// The newest deliveries that were given up and have not been sent again.
fn given_up(desk: &Desk) -> Result<Vec<Delivery>, Trouble> {
    let outbox = &desk.app.outbox;
    let query = DeliveryQuery { state: Some(DeliveryState::Exhausted), ..DeliveryQuery::default() };
    let mut given_up = Vec::new();
    for delivery in outbox.deliveries(&query, None, GIVEN_UP)?.items {
        if !was_sent_again(&**outbox, &delivery)? {
            given_up.push(delivery);
        }
    }
    Ok(given_up)
}

/// The webhooks whose newest delivery that was tried has failed.
fn failing(newest: &[Delivery]) -> Vec<&str> {
    let (mut seen, mut failing) = (Vec::new(), Vec::new());
    for delivery in newest.iter().filter(|delivery| delivery.attempts > 0) {
        if !seen.contains(&delivery.webhook.as_str()) {
            seen.push(&delivery.webhook);
            if delivery.state == DeliveryState::Waiting {
                failing.push(delivery.webhook.as_str());
            }
        }
    }
    failing
}

fn latest(desk: &Desk, events: &[EventRecord]) -> Result<Markup, Trouble> {
    if events.is_empty() {
        let way = html! { a.button href="/journeys" { "Start a journey" } };
        return Ok(empty("No events yet. A journey makes them, step by step.", &way));
    }
    let now = desk.app.now();
    let mut rows = Vec::with_capacity(events.len());
    for record in events {
        rows.push(event_row(desk, record, now)?);
    }
    Ok(html! {
        div.scroll {
            table.cards {
                thead { tr { th { "When" } th { "Event" } th { "Journey" } th { "Deliveries" } } }
                tbody { @for row in rows { (row) } }
            }
        }
    })
}

fn event_row(desk: &Desk, record: &EventRecord, now: Timestamp) -> Result<Markup, Trouble> {
    let message = &record.message;
    let mut deliveries = Vec::new();
    for id in record.deliveries.iter().take(3) {
        deliveries.extend(desk.app.outbox.delivery(*id)?.map(|(delivery, _)| delivery));
    }
    let more = record.deliveries.len().saturating_sub(3);
    Ok(html! {
        tr {
            td data-label="When" { (time(message.created_at)) " " span.faint { (distance(now, message.created_at)) } }
            td data-label="Event" { (message.event_type) }
            td data-label="Journey" {
                @if let Some(id) = message.journey_id {
                    a href=(format!("/journeys/{id}")) { (reference_of(desk, id)) }
                } @else { "by hand" }
            }
            td data-label="Deliveries" {
                @if deliveries.is_empty() { span.faint { "nobody subscribes to it" } }
                @for delivery in &deliveries {
                    a.plain href=(format!("/deliveries/{}", delivery.id)) title=(delivery.webhook) { (delivery_badge(delivery.state, delivery.attempts)) } " "
                }
                @if more > 0 { a href=(format!("/deliveries?event={}", message.event_id)) { "and " (more) " more" } }
            }
        }
    })
}
