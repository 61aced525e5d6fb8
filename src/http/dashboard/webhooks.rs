//! Webhooks: how each one is, and what can be done to it.

use axum::response::Response;
use maud::{Markup, html};

use super::deliveries::table;
use super::desk::{Desk, PAGE, search};
use super::layout::Section;
use super::parts::{Mood, badge, distance, empty, link, number, outcome_badge, press, segment, time};
use super::trouble::Trouble;
use super::visit::Visit;
use crate::app::webhooks::WebhookError;
use crate::chance::show_span;
use crate::message::{Auth, Delivery, Endpoint, Success};
use crate::outbox::{DeliveryQuery, LaneStatus};

/// The newest deliveries that are looked at for the last outcome of each webhook on a page.
const NEWEST: usize = 500;

/// The newest deliveries of a webhook that its page shows.
const SHOWN: usize = 10;

pub(super) fn list(visit: &Visit) -> Result<Response, Trouble> {
    let desk = &visit.desk;
    let all = desk.app.endpoints.all();
    let from = usize::try_from(visit.cursor()?.unwrap_or(0)).unwrap_or(usize::MAX);
    let newest = desk.app.outbox.deliveries(&DeliveryQuery::default(), None, NEWEST)?.items;
    let lanes = desk.app.outbox.lanes();
    let shown: Vec<_> = all.iter().skip(from).take(PAGE).collect();
    let next = from + shown.len();
    let body = html! {
        div.actions { a.button.primary href="/webhooks/new" { "Add webhook" } }
        div #webhooks data-live {
            @if all.is_empty() {
                (empty("No webhooks yet: events are made, and nobody is told.", &html! { p { a href="/webhooks/new" { "Add one" } ", or a " code { "[[webhook]]" } " in the configuration's file." } }))
            } @else {
                div.scroll {
                    table.cards {
                        thead { tr { th { "Webhook" } th { "Health" } th { "Waiting" } th { "In flight" } th { "Last outcome" } th { "Events" } th { "Act" } } }
                        tbody { @for endpoint in shown { (row(desk, endpoint, &lanes, &newest)?) } }
                    }
                }
                @if from > 0 || next < all.len() {
                    nav.pager aria-label="Pages" {
                        @if from > 0 { a href="/webhooks" { "First" } }
                        @if next < all.len() { a href=(link("/webhooks", &[("cursor", &next.to_string())])) { "More" } }
                    }
                }
            }
        }
    };
    Ok(visit.page(Section::Webhooks, "Webhooks", &body))
}

fn row(desk: &Desk, endpoint: &Endpoint, lanes: &[LaneStatus], newest: &[Delivery]) -> Result<Markup, Trouble> {
    let name = &endpoint.name;
    let lane = lanes.iter().find(|lane| *lane.webhook == **name);
    let last = newest.iter().find(|delivery| delivery.webhook == *name && delivery.attempts > 0);
    Ok(html! {
        tr #(format!("webhook-{name}")) {
            td data-label="Webhook" { a href=(format!("/webhooks/{name}")) { strong { (name) } } " " span.faint.break { (desk.app.blanked(endpoint.url.as_str())) } }
            td data-label="Health" { (health(desk, endpoint, last)) }
            td data-label="Waiting" { (number(lane.map_or(0, |lane| lane.waiting))) }
            td data-label="In flight" { (number(lane.map_or(0, |lane| lane.in_flight))) }
            td data-label="Last outcome" { (outcome(desk, last)?) }
            td data-label="Events" { (types(endpoint)) " " span.faint { (endpoint.environment) } }
            td data-label="Act" { (acts(desk, name, "/webhooks")) }
        }
    })
}

/// How it is, in a word.
fn health(desk: &Desk, endpoint: &Endpoint, last: Option<&Delivery>) -> Markup {
    use crate::message::DeliveryState::{Cancelled, Delivered, Exhausted, InFlight, Waiting};
    match last.map(|delivery| delivery.state) {
        _ if !endpoint.enabled => badge(Mood::Calm, "disabled"),
        _ if desk.app.endpoints.is_paused(&endpoint.name) => badge(Mood::Warn, "paused"),
        None | Some(Cancelled) => badge(Mood::Calm, "not tried yet"),
        Some(Delivered) => badge(Mood::Good, "healthy"),
        Some(InFlight) => badge(Mood::Busy, "trying"),
        Some(Waiting) => badge(Mood::Warn, "failing, retries"),
        Some(Exhausted) => badge(Mood::Bad, "given up"),
    }
}

fn outcome(desk: &Desk, last: Option<&Delivery>) -> Result<Markup, Trouble> {
    let Some(last) = last else { return Ok(html! { "–" }) };
    let tries = desk.app.outbox.delivery(last.id)?.map(|(_, tries)| tries).unwrap_or_default();
    let Some(attempt) = tries.last() else { return Ok(html! { "–" }) };
    Ok(html! {
        a.plain href=(format!("/deliveries/{}", last.id)) { (outcome_badge(&attempt.outcome)) }
        " " span.faint { (distance(desk.app.now(), attempt.finished_at)) }
    })
}

fn types(endpoint: &Endpoint) -> String {
    match endpoint.types.as_slice() {
        [all] if all == "*" => "every type".to_owned(),
        types => types.join(", "),
    }
}

/// The buttons of one webhook; they lead back to `back`.
fn acts(desk: &Desk, name: &str, back: &str) -> Markup {
    let path = format!("/webhooks/{name}");
    html! {
        div.acts {
            @if desk.app.endpoints.is_paused(name) { (press(&format!("{path}/resume"), "Resume", "small", &[("back", back)])) }
            @else { (press(&format!("{path}/pause"), "Pause", "small", &[("back", back)])) }
            (press(&format!("{path}/test"), "Test", "small", &[("back", back)]))
        }
    }
}

pub(super) fn show(visit: &Visit, name: &str) -> Result<Response, Trouble> {
    let desk = &visit.desk;
    let endpoint = desk.app.endpoints.get(name).ok_or_else(|| Trouble::from(WebhookError::Unknown(name.to_owned())))?;
    let lanes = desk.app.outbox.lanes();
    let lane = lanes.iter().find(|lane| &*lane.webhook == name);
    let query = DeliveryQuery { webhook: Some(name.to_owned()), ..DeliveryQuery::default() };
    let found = search(None, |cursor, limit| desk.app.outbox.deliveries(&query, cursor, limit))?;
    let last = found.items.iter().find(|delivery| delivery.attempts > 0);
    let body = html! {
        div #webhook data-live {
            dl.facts {
                div { dt { "Health" } dd { (health(desk, &endpoint, last)) } }
                div { dt { "Waiting" } dd { (number(lane.map_or(0, |lane| lane.waiting))) } }
                div { dt { "In flight" } dd { (number(lane.map_or(0, |lane| lane.in_flight))) } }
                div { dt { "Last outcome" } dd { (outcome(desk, last)?) } }
                @if let Some(due) = lane.and_then(|lane| lane.next_due) { div { dt { "Next due" } dd { (time(due)) ", " (distance(desk.app.now(), due)) } } }
            }
            div.actions {
                (acts(desk, name, &format!("/webhooks/{name}")))
                @if desk.app.is_made(name) { a.button href=(format!("/webhooks/{name}/edit")) { "Edit" } }
                @if let Some(inbox) = own_inbox(&endpoint) { a.button href=(format!("/inbox-view/{}", segment(inbox))) { "Its inbox: look, or let it misbehave" } }
            }
        }
        section aria-labelledby="settings-title" { h2 #settings-title { "Settings" } (settings(desk, &endpoint)) }
        section aria-labelledby="latest-title" {
            h2 #latest-title { "Latest deliveries" }
            div #deliveries data-live {
                @if found.items.is_empty() { (empty("Nothing was owed to it lately.", &html! { a href="/journeys" { "Start a journey" } })) }
                @else { (table(desk, &found.items[..found.items.len().min(SHOWN)])) p { a href=(link("/deliveries", &[("webhook", name)])) { "All its deliveries" } } }
            }
        }
        @if desk.app.is_made(name) {
            details.card { summary { "Remove this webhook" }
                p { "What it is still owed is called off." }
                (press(&format!("/webhooks/{name}/drop"), &format!("Remove {name}"), "danger", &[])) }
        }
    };
    Ok(visit.page(Section::Webhooks, &format!("Webhook {name}"), &body))
}

/// The inbox of this server that an endpoint points to, by its path.
pub(super) fn own_inbox(endpoint: &Endpoint) -> Option<&str> {
    let host = endpoint.url.host_str()?;
    let local = host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let path = endpoint.url.path().strip_prefix("/inbox/").filter(|_| local)?;
    path.split('/').next().filter(|name| !name.is_empty())
}

fn settings(desk: &Desk, endpoint: &Endpoint) -> Markup {
    let auth = match &endpoint.auth {
        Auth::None => "none".to_owned(),
        Auth::Basic { username, .. } => format!("basic, user {username}, password ***"),
        Auth::Bearer { .. } => "bearer, token ***".to_owned(),
        Auth::Hmac { .. } => "hmac, secret ***".to_owned(),
    };
    let gaps: Vec<String> = endpoint.retry.gaps.iter().map(|gap| show_span(*gap)).collect();
    html! {
        dl.facts {
            div.wide { dt { "URL" } dd { code { (desk.app.blanked(endpoint.url.as_str())) } } }
            div { dt { "Environment" } dd { (endpoint.environment) } }
            div { dt { "Dialect" } dd { (endpoint.dialect) } }
            div { dt { "Events" } dd { (types(endpoint)) } }
            div { dt { "Authentication" } dd { (auth) } }
            @if !endpoint.headers.is_empty() { div.wide { dt { "Headers" } dd { @for (name, _) in &endpoint.headers { code { (name.as_str()) ": ***" } " " } } } }
            div { dt { "Error mails" } dd { @if endpoint.error_emails.is_empty() { "nobody" } @else { (endpoint.error_emails.join(", ")) } } }
            div { dt { "Retries after" } dd { @if gaps.is_empty() { "none" } @else { (gaps.join(", ")) } } }
            div { dt { "Timeout" } dd { (show_span(endpoint.timeout)) } }
            div { dt { "Success" } dd { @if endpoint.success == Success::Any2xx { "any 2xx" } @else { "exactly 200" } } }
            div { dt { "At once" } dd { (endpoint.max_in_flight) } }
            div { dt { "Order" } dd { @if endpoint.ordered { "per journey" } @else { "none" } } }
            div { dt { "Defined" } dd { @if desk.app.is_made(&endpoint.name) { "here or through the API" } @else { "in the configuration's file: change it there and save" } } }
        }
    }
}
