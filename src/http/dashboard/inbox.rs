//! The built-in receiver, looked into: what came, whether it was proven and new, and how it is to misbehave.

use std::sync::Arc;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use serde_json::Value;

use super::desk::{Desk, PAGE};
use super::layout::Section;
use super::parts::{Mood, badge, count, empty, input, press, segment, time};
use super::trouble::Trouble;
use super::visit::{Form, Path, Visit};
use super::webhooks::own_inbox;
use crate::http::inbox::{NAMES, Received};
use crate::message::{Auth, Endpoint};
use crate::provider::qoreid::signature;
use crate::secret::Redactor;

/// What an inbox does with one press, as a query and in words.
const MANNERS: [(&str, &str, &str); 7] = [
    ("", "Behave well", "200, at once"),
    ("status=500", "Answer 500", "every request fails"),
    ("status=429&retry_after=30s", "Answer 429", "with Retry-After: 30"),
    ("hang=100%", "Hang", "no answer at all"),
    ("delay=3s", "Be slow", "200 after three seconds"),
    ("fail=30%", "Fail 30 %", "500 now and then"),
    ("fail_first=2", "Fail twice", "each event succeeds the third time"),
];

/// A longer name is no inbox's.
const LONGEST_NAME: usize = 200;

/// Every inbox there is, or that a webhook points to.
fn names(desk: &Desk) -> Vec<String> {
    let mut names = desk.inbox.names();
    let pointed = desk.app.endpoints.all();
    names.extend(pointed.iter().filter_map(|endpoint| own_inbox(endpoint)).map(str::to_owned));
    names.sort();
    names.dedup();
    names.truncate(NAMES);
    names
}

pub(super) fn list(visit: &Visit) -> Result<Response, Trouble> {
    let desk = &visit.desk;
    let names = names(desk);
    let body = html! {
        p.faint { "A receiver that is built in: every path under " code { "/inbox/NAME" } " takes requests, keeps the last thousand and misbehaves on request." }
        div #inboxes data-live {
            @if names.is_empty() {
                (empty("Nothing came yet, and no webhook points here.", &html! { p { a href="/webhooks/new" { "Add a webhook" } " with the URL " code { "/inbox/demo" } "." } }))
            } @else {
                div.scroll {
                    table.cards {
                        thead { tr { th { "Inbox" } th { "Received" } th { "Last" } th { "Behaves" } } }
                        tbody { @for name in &names { (row(desk, name)) } }
                    }
                }
            }
        }
    };
    Ok(visit.page(Section::Inbox, "Inbox", &body))
}

fn row(desk: &Desk, name: &str) -> Markup {
    let received = desk.inbox.received(name);
    let redactor = desk.inbox.redactor();
    html! {
        tr {
            td data-label="Inbox" { a href=(format!("/inbox-view/{}", segment(name))) { (redactor.text(name)) } }
            td data-label="Received" { (received.last().map_or(0, |last| last.n)) }
            td data-label="Last" { @match received.last() { Some(last) => { (time(last.at)) " " (answered(last.status)) } None => "–" } }
            td data-label="Behaves" { (manners(desk, name)) }
        }
    }
}

fn answered(status: Option<u16>) -> Markup {
    match status {
        None => badge(Mood::Bad, "left without an answer"),
        Some(status @ 200..300) => badge(Mood::Good, &format!("answered {status}")),
        Some(status) => badge(Mood::Bad, &format!("answered {status}")),
    }
}

fn manners(desk: &Desk, name: &str) -> Markup {
    match desk.inbox.told(name) {
        None => badge(Mood::Good, "well"),
        Some(told) => match MANNERS.iter().find(|(query, ..)| *query == told) {
            Some((_, label, what)) => badge(Mood::Warn, &format!("{}: {what}", label.to_lowercase())),
            None => badge(Mood::Warn, &desk.app.blanked(&told)),
        },
    }
}

pub(super) fn show(visit: &Visit, name: &str) -> Result<Response, Trouble> {
    let desk = &visit.desk;
    let (received, redactor) = (desk.inbox.received(name), desk.inbox.redactor());
    let below = visit.cursor()?.unwrap_or(u64::MAX);
    let older: Vec<&Arc<Received>> = received.iter().rev().filter(|one| one.n < below).collect();
    let next = older.get(PAGE).and_then(|_| older.get(PAGE - 1)).map(|last| last.n);
    let endpoints = desk.app.endpoints.all();
    let pointing: Vec<&Endpoint> =
        endpoints.iter().map(|one| &**one).filter(|endpoint| own_inbox(endpoint) == Some(name)).collect();
    let path = format!("/inbox-view/{}", segment(name));
    let shown_name = redactor.text(name);
    let body = html! {
        div #manners data-live aria-live="polite" {
            dl.facts {
                div { dt { "Behaves" } dd #behaves { (manners(desk, name)) } }
                div { dt { "Received" } dd { (count(received.last().map_or(0, |last| last.n), "request")) } }
                div { dt { "Address" } dd { code { "/inbox/" (redactor.text(&segment(name))) } } }
                @for endpoint in &pointing {
                    div { dt { "Webhook" } dd { a href=(format!("/webhooks/{}", endpoint.name)) { (endpoint.name) }
                        @if let Some(query) = endpoint.url.query() { " asks in its URL for " code { (desk.app.blanked(query)) } } } }
                }
            }
        }
        section.card aria-labelledby="misbehave-title" {
            h2 #misbehave-title { "Break it, mend it" }
            div.actions #misbehave {
                @for (query, label, what) in MANNERS {
                    form.inline method="post" action=(format!("{path}/misbehave")) {
                        input type="hidden" name="how" value=(query);
                        button.primary[query.is_empty()] type="submit" title=(what) { (label) }
                    }
                }
            }
            form.row method="post" action=(format!("{path}/misbehave")) {
                (input("how", "how", "Or in its own words", "", "status=503&fail=50%&delay=uniform(1s, 3s)"))
                button type="submit" { "Misbehave so" }
            }
        }
        section aria-labelledby="received-title" {
            h2 #received-title { "What came" }
            div #received data-live {
                @if older.is_empty() {
                    (empty("Nothing came here yet.", &html! { @if let Some(endpoint) = pointing.first() { (press(&format!("/webhooks/{}/test", endpoint.name), "Send it a test", "", &[])) } }))
                }
                @for one in older.iter().take(PAGE) { (request(one, &redactor, &pointing)) }
                (super::parts::pager(&path, &[], below == u64::MAX, next))
            }
        }
    };
    Ok(visit.page(Section::Inbox, &format!("Inbox {shown_name}"), &body))
}

/// How it is to behave from now on.
pub(super) async fn misbehave(visit: Visit, Path(name): Path, Form(form): Form) -> Result<Response, Trouble> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(Trouble::bad("an inbox has a name of 1 to 200 bytes"));
    }
    let path = format!("/inbox-view/{}", segment(&name));
    let how = form.get("how").unwrap_or_default();
    match visit.desk.inbox.tell(&name, how) {
        Ok(()) if how.is_empty() => Ok(visit.done(&path, "the inbox behaves well again")),
        Ok(()) => Ok(visit.done(&path, "the inbox misbehaves from now on")),
        Err(error) => Ok(visit.refused(&path, error.to_string())),
    }
}

fn request(received: &Received, redactor: &Redactor, pointing: &[&Endpoint]) -> Markup {
    let shown = received.shown(redactor);
    let text = |key: &str| shown[key].as_str().unwrap_or_default().to_owned();
    let headers = shown["headers"].as_array().cloned().unwrap_or_default();
    let header =
        |pair: &Value| format!("{}: {}\n", pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default());
    let headers: String = headers.iter().map(header).collect();
    let query = shown["query"].as_str().map(|query| format!("?{query}")).unwrap_or_default();
    let body = shown["body"]
        .as_str()
        .map_or_else(|| format!("(not text, in base64) {}", text("body_base64")), super::attempt::pretty);
    html! {
        details.try #(format!("received-{}", received.n)) {
            summary {
                strong { "#" (received.n) } " " (received.event_type.as_deref().map_or_else(|| text("method"), |_| text("event_type"))) " "
                (answered(received.status)) " "
                @if received.is_duplicate() { (badge(Mood::Warn, &format!("duplicate, try {}", received.tries))) " " }
                @if let Some((right, said)) = verdict(received, pointing) { (badge(if right { Mood::Good } else { Mood::Bad }, &said)) " " }
                (time(received.at))
            }
            @if received.event_id.is_some() { p.faint { "Event " code { (text("event_id")) } } }
            pre { (text("method")) " " (text("path")) (query) "\n" (headers) "\n" (body) }
        }
    }
}

/// Whether a request proves what it has to: by the inbox's own wish, or by what a webhook that points here sends.
fn verdict(received: &Received, pointing: &[&Endpoint]) -> Option<(bool, String)> {
    if let Some(right) = received.authorized {
        return Some((right, if right { "authorized" } else { "not authorized" }.to_owned()));
    }
    let header = |wanted: &str| {
        let found = received.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map_or("", |(_, value)| value.as_str())
    };
    let proves = |endpoint: &&&Endpoint| match &endpoint.auth {
        Auth::None => false,
        Auth::Basic { username, password } => {
            let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
            header("authorization") == format!("Basic {pair}")
        }
        Auth::Bearer { token } => header("authorization") == format!("Bearer {}", token.expose()),
        Auth::Hmac { secret } => header(signature::HEADER) == signature::sign(secret.expose(), &received.body),
    };
    let what =
        |endpoint: &Endpoint| if matches!(endpoint.auth, Auth::Hmac { .. }) { "signature" } else { "authorization" };
    let asking: Vec<&&Endpoint> = pointing.iter().filter(|endpoint| endpoint.auth != Auth::None).collect();
    let first = asking.first()?;
    Some(match asking.iter().find(|endpoint| proves(endpoint)) {
        Some(endpoint) => (true, format!("{} right", what(endpoint))),
        None => (false, format!("{} missing or wrong", what(first))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::misbehave::Misbehaviour;

    #[test]
    fn every_manner_is_one_that_an_inbox_takes() {
        for (query, label, _) in MANNERS {
            let wish = Misbehaviour::default().with_query(query).expect(label);
            assert_eq!(wish == Misbehaviour::default(), query.is_empty(), "{label}");
        }
    }
}
