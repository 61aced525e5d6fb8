//! Deliveries: search them, and send many again.

use axum::response::Response;
use maud::{Markup, html};

use super::desk::{Desk, Found, search};
use super::layout::Section;
use super::parts::{count, delivery_badge, distance, empty, input, link, pager, reference_of, searched, select, time};
use super::trouble::Trouble;
use super::visit::{Form, Visit};
use crate::http::api::{delivery_state, find_journey, matching};
use crate::message::{Delivery, DeliveryState};
use crate::outbox::DeliveryQuery;

/// So many are sent again at once from here; the API takes more.
const RESEND_MAX: usize = 1_000;

/// So many of those are shown before they are sent.
const SHOWN: usize = 50;

pub(super) fn list(visit: &Visit) -> Result<Response, Trouble> {
    let asked = |name| visit.asked(name).unwrap_or_default();
    let (state, webhook, event, journey) = (asked("state"), asked("webhook"), asked("event"), asked("journey"));
    let desk = &visit.desk;
    let cursor = visit.cursor()?;
    let wanted = (!state.is_empty()).then(|| delivery_state(state)).transpose()?;
    let query = DeliveryQuery {
        event: (!event.is_empty()).then(|| event.parse()).transpose()?,
        journey: (!journey.is_empty()).then(|| find_journey(&desk.app, journey)).transpose()?.map(|journey| journey.id),
        state: wanted,
        webhook: (!webhook.is_empty()).then(|| webhook.to_owned()),
    };
    let found = search(cursor, |cursor, limit| desk.app.outbox.deliveries(&query, cursor, limit))?;
    let filters = [("state", state), ("webhook", webhook), ("event", event), ("journey", journey)];
    let body = html! {
        (filter(&filters))
        div #deliveries data-live {
            (rows(desk, &found, filters.iter().any(|(_, value)| !value.is_empty())))
            (searched(found.tired))
            (pager("/deliveries", &filters, cursor.is_none(), found.next))
        }
        (resend_form(desk, if wanted.is_some_and(DeliveryState::is_terminal) { state } else { "exhausted" }, webhook))
    };
    Ok(visit.page(Section::Deliveries, "Deliveries", &body))
}

fn filter([state, webhook, event, journey]: &[(&str, &str); 4]) -> Markup {
    let mut states = vec![(String::new(), "any state".to_owned())];
    states.extend(DeliveryState::ALL.map(|state| (state.as_str().to_owned(), state.as_str().replace('_', " "))));
    html! {
        form.row.filter method="get" action="/deliveries" role="search" #filter {
            (select("by-state", "state", "State", &states, state.1))
            (input("by-webhook", "webhook", "Webhook", webhook.1, "its name"))
            (input("by-event", "event", "Event id", event.1, ""))
            (input("by-journey", "journey", "Journey", journey.1, "an id, or ref:KYC-1"))
            button type="submit" { "Search" }
            @if [state, webhook, event, journey].iter().any(|(_, value)| !value.is_empty()) { a href="/deliveries" { "Show all" } }
        }
    }
}

fn rows(desk: &Desk, found: &Found<Delivery>, filtered: bool) -> Markup {
    html! {
        @if found.items.is_empty() {
            @if filtered { (empty("No delivery matches.", &html! { a href="/deliveries" { "Show all" } })) }
            @else { (empty("No deliveries yet: do something to a journey.", &html! { a.button href="/journeys" { "Start a journey" } })) }
        } @else { (table(desk, &found.items)) }
    }
}

/// Deliveries as a table, for every page that lists some.
pub(super) fn table(desk: &Desk, deliveries: &[Delivery]) -> Markup {
    let now = desk.app.now();
    html! {
        div.scroll {
            table.cards {
                thead { tr { th { "Delivery" } th { "State" } th { "Event" } th { "Webhook" } th { "Journey" } th { "Attempts" } th { "Due" } } }
                tbody {
                    @for delivery in deliveries {
                        tr {
                            td data-label="Delivery" { a href=(format!("/deliveries/{}", delivery.id)) { (delivery.id) }
                                @if let Some(of) = delivery.resend_of { span.faint { " again " (of) } } }
                            td data-label="State" { (delivery_badge(delivery.state, delivery.attempts)) }
                            td data-label="Event" { (delivery.event_type) }
                            td data-label="Webhook" { a href=(format!("/webhooks/{}", delivery.webhook)) { (delivery.webhook) } }
                            td data-label="Journey" {
                                @if let Some(id) = delivery.journey_id { a href=(format!("/journeys/{id}")) { (reference_of(desk, id)) } } @else { "–" }
                            }
                            td data-label="Attempts" { (delivery.attempts) }
                            td data-label="Due" { (time(delivery.due_at))
                                @if !delivery.state.is_terminal() { " " span.faint { (distance(now, delivery.due_at)) } } }
                        }
                    }
                }
            }
        }
    }
}

fn resend_form(desk: &Desk, state: &str, webhook: &str) -> Markup {
    let states = DeliveryState::ALL.into_iter().filter(|state| state.is_terminal());
    let states: Vec<(String, String)> =
        states.map(|state| (state.as_str().to_owned(), state.as_str().to_owned())).collect();
    let mut webhooks = vec![(String::new(), "every webhook".to_owned())];
    webhooks.extend(desk.app.endpoints.all().iter().take(500).map(|one| (one.name.clone(), one.name.clone())));
    html! {
        section.card aria-labelledby="resend-title" {
            h2 #resend-title { "Send many again" }
            form.row method="get" action="/deliveries/resend" #resend-many {
                (select("resend-state", "state", "State", &states, state))
                (select("resend-webhook", "webhook", "Webhook", &webhooks, webhook))
                (input("resend-limit", "limit", "At most", "100", "100"))
                button type="submit" { "Dry run" }
            }
            p.faint { "The dry run shows which, and sends nothing. The same event ids and bytes are sent as new deliveries." }
        }
    }
}

/// What would be sent again: `webhook` as it was given, and the deliveries, newest first.
fn found(desk: &Desk, state: &str, webhook: &str, limit: &str) -> Result<(usize, Vec<Delivery>), Trouble> {
    let limit = if limit.is_empty() { 100 } else { limit.parse().unwrap_or(0) };
    if !(1..=RESEND_MAX).contains(&limit) {
        return Err(Trouble::bad(format!(
            "at most {RESEND_MAX} are sent again at once: write a number from 1 to {RESEND_MAX}"
        )));
    }
    let state = delivery_state(if state.is_empty() { "exhausted" } else { state })?;
    if !state.is_terminal() {
        return Err(Trouble::bad(format!("a delivery that is {} will still be sent", state.as_str())));
    }
    let webhook = (!webhook.is_empty()).then(|| webhook.to_owned());
    let query = DeliveryQuery { state: Some(state), webhook, ..DeliveryQuery::default() };
    Ok((limit, matching(&*desk.app.outbox, &query, None, limit)?))
}

/// The dry run.
pub(super) fn would_resend(visit: &Visit) -> Result<Response, Trouble> {
    let asked = |name| visit.asked(name).unwrap_or_default();
    let (state, webhook) = (asked("state"), asked("webhook"));
    let (limit, found) = found(&visit.desk, state, webhook, asked("limit"))?;
    let many = count(found.len() as u64, "delivery");
    let body = html! {
        @if found.is_empty() {
            (empty("Nothing matches, so nothing would be sent.", &html! { a href="/deliveries" { "Back to the deliveries" } }))
        } @else {
            p #dry-run { "Dry run: " strong { (many) } " would be sent again, oldest first. Nothing has been sent." }
            form.row method="post" action="/deliveries/resend" #resend-now {
                input type="hidden" name="state" value=(state);
                input type="hidden" name="webhook" value=(webhook);
                input type="hidden" name="limit" value=(limit);
                button.primary type="submit" { "Resend " (many) }
                a href="/deliveries" { "Rather not" }
            }
            (table(&visit.desk, &found[..found.len().min(SHOWN)]))
            @if found.len() > SHOWN { p.faint { "And " (found.len() - SHOWN) " more." } }
        }
    };
    Ok(visit.page(Section::Deliveries, "Send many again", &body))
}

/// Sends many again.
pub(super) async fn resend_many(visit: Visit, Form(form): Form) -> Result<Response, Trouble> {
    let given = |name| form.get(name).unwrap_or_default();
    let (desk, state) = (visit.desk.clone(), given("state").to_owned());
    let (webhook, limit) = (given("webhook").to_owned(), given("limit").to_owned());
    let (_, found) = visit.desk.app.look(move |_| found(&desk, &state, &webhook, &limit)).await?;
    for delivery in found.iter().rev() {
        visit.desk.app.resend(delivery).await?;
    }
    let many = count(found.len() as u64, "delivery");
    Ok(visit.done(&link("/deliveries", &[("webhook", given("webhook"))]), format!("{many} sent again")))
}
