//! Journeys: search them, start one.

use axum::response::Response;
use maud::{Markup, html};

use super::desk::{Found, search};
use super::layout::Section;
use super::parts::{empty, input, journey_badge, link, pager, searched, select, time};
use super::trouble::Trouble;
use super::visit::{Form, Visit};
use crate::app::apply::{Answer, NewJourney};
use crate::outbox::JourneyQuery;
use crate::provider::{self, Environment, Journey, ProviderKind, idwise, qoreid};

pub(super) fn list(visit: &Visit) -> Result<Response, Trouble> {
    let (reference, state) = (visit.asked("reference").unwrap_or_default(), visit.asked("state").unwrap_or_default());
    let cursor = visit.cursor()?;
    let outbox = &visit.desk.app.outbox;
    let query = JourneyQuery {
        state: (!state.is_empty()).then(|| state.to_owned()),
        reference_no: (!reference.is_empty()).then(|| reference.to_owned()),
    };
    let found = search(cursor, |cursor, limit| outbox.journeys(&query, cursor, limit))?;
    let filtered = !reference.is_empty() || !state.is_empty();
    let body = html! {
        (start_form(visit))
        section aria-labelledby="list-title" {
            h2 #list-title { "All journeys" }
            (filter(visit.desk.app.provider, reference, state))
            div #journeys data-live {
                (rows(&found, filtered))
                (searched(found.tired))
                (pager("/journeys", &[("reference", reference), ("state", state)], cursor.is_none(), found.next))
            }
        }
    };
    Ok(visit.page(Section::Journeys, "Journeys", &body))
}

/// Starts one, as the API does.
pub(super) async fn start(visit: Visit, Form(form): Form) -> Result<Response, Trouble> {
    let app = &visit.desk.app;
    let (flow, reference) = (form.get("flow").unwrap_or_default(), form.get("reference").unwrap_or_default());
    if reference.is_empty() {
        return Ok(visit.refused("/journeys", "a journey needs a reference: your own id for the person, KYC-1 say"));
    }
    let environment = form.get("environment").map(str::parse).transpose().map_err(|why: String| Trouble::bad(why))?;
    let opening = match app.flow(flow) {
        Ok(flow) => provider::opening(&flow),
        Err(error) => return Ok(visit.refused("/journeys", error.to_string())),
    };
    let new =
        NewJourney { flow: flow.to_owned(), reference_no: reference.to_owned(), environment, opening, planned: None };
    match app.start_journey(new, None).await {
        Ok(Answer::Done(applied)) => {
            let journey = &applied.journey;
            Ok(visit
                .done(&format!("/journeys/{}", journey.id), format!("journey {} was started", journey.reference_no)))
        }
        // Without a key nothing is a repetition.
        Ok(Answer::Repeated(_)) => Ok(visit.refused("/journeys", "it was started already")),
        Err(error) => Ok(visit.refused("/journeys", error.to_string())),
    }
}

fn start_form(visit: &Visit) -> Markup {
    let app = &visit.desk.app;
    let flows: Vec<(String, String)> = app.flow_ids().into_iter().map(|id| (id.clone(), id)).collect();
    let environments = [Environment::Sandbox, Environment::Live].map(|one| (one.to_string(), one.to_string()));
    html! {
        section.card aria-labelledby="start-title" {
            h2 #start-title { "Start a journey" }
            @if flows.is_empty() {
                p { "There is no flow to start: add a " code { "[[flow]]" } " to the configuration's file and save it." }
            } @else {
                form.row method="post" action="/journeys" #start-journey {
                    (select("flow", "flow", "Flow", &flows, ""))
                    (input("reference", "reference", "Reference", "", "KYC-1"))
                    (select("environment", "environment", "Environment", &environments, app.environment.as_str()))
                    button.primary type="submit" { "Start journey" }
                }
                @if app.provider == ProviderKind::Idwise {
                    p.faint { "A reference that ends in +refer, +complete or +incomplete is decided so." }
                } @else {
                    p.faint { "A reference that ends in a status, +WRONG_ADDRESS say, ends so." }
                }
            }
        }
    }
}

fn filter(played: ProviderKind, reference: &str, state: &str) -> Markup {
    let machines: Vec<&provider::machine::Machine> = match played {
        ProviderKind::Idwise => vec![&idwise::MACHINE],
        ProviderKind::Qoreid => [qoreid::Product::Identity, qoreid::Product::Address].map(qoreid::machine).to_vec(),
    };
    let mut states = vec![(String::new(), "any state".to_owned())];
    for word in machines.iter().flat_map(|machine| machine.places).flat_map(|place| place.words) {
        if !states.iter().any(|(known, _)| known == word) {
            states.push(((*word).to_owned(), word.replace('_', " ")));
        }
    }
    html! {
        form.row.filter method="get" action="/journeys" role="search" {
            (input("by-reference", "reference", "Reference", reference, "exactly as it was given"))
            (select("by-state", "state", "State", &states, state))
            button type="submit" { "Search" }
            @if !reference.is_empty() || !state.is_empty() { a href="/journeys" { "Show all" } }
        }
    }
}

fn rows(found: &Found<Journey>, filtered: bool) -> Markup {
    html! {
        @if found.items.is_empty() {
            @if filtered { (empty("No journey matches.", &html! { a href="/journeys" { "Show all" } })) }
            @else { (empty("No journeys yet: start one above.", &html! {})) }
        } @else {
            div.scroll {
                table.cards {
                    thead { tr { th { "Reference" } th { "State" } th { "Decision" } th { "Flow" } th { "Events" } th { "Started" } } }
                    tbody { @for journey in &found.items { (row(journey)) } }
                }
            }
        }
    }
}

fn row(journey: &Journey) -> Markup {
    let view = provider::view(journey);
    html! {
        tr {
            td data-label="Reference" { a href=(format!("/journeys/{}", journey.id)) { (journey.reference_no) } }
            td data-label="State" { (journey_badge(view.state)) }
            td data-label="Decision" { (view.final_decision.unwrap_or("–")) }
            td data-label="Flow" { (journey.flow) " " span.faint { (journey.environment) } }
            td data-label="Events" { a href=(link("/deliveries", &[("journey", &journey.id.to_string())])) { (journey.sequence) } }
            td data-label="Started" { (time(journey.created_at)) }
        }
    }
}
