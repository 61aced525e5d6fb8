//! The provider's clock: look at it, stop it, let it run faster, leap.

use axum::response::Response;
use maud::{Markup, html};

use super::desk::Desk;
use super::layout::Section;
use super::parts::{distance, input, time};
use super::trouble::Trouble;
use super::visit::{Form, Pairs, Visit};
use crate::chance::parse_span;
use crate::clock::{ClockMode, Timestamp};

/// Paces to choose from, beside any that is typed.
const RATES: [(&str, &str); 4] = [
    ("60", "a minute a second"),
    ("3600", "an hour a second"),
    ("86400", "a day a second"),
    ("0.1", "ten times slower"),
];

/// Leaps to choose from, beside any that is typed.
const LEAPS: [&str; 5] = ["1m", "1h", "1d", "30d", "365d"];

pub(super) fn show(visit: &Visit) -> Result<Response, Trouble> {
    let body = html! {
        div #clock data-live aria-live="polite" { (standing(&visit.desk)) }
        section.card aria-labelledby="leap-title" {
            h2 #leap-title { "Leap" }
            p.faint { "Everything that falls due on the way happens, in order: decisions, retries, mails, renewals. The clock only goes forward." }
            div.actions #leaps data-live { (leaps(&visit.desk)) }
            form.row method="post" action="/clock" {
                (input("advance", "span", "By", "", "31d, 1h 30m"))
                button type="submit" name="do" value="advance" { "Leap by" }
            }
            form.row method="post" action="/clock" {
                (input("set", "to", "To", "", "2027-01-01T00:00:00Z"))
                button type="submit" name="do" value="set" { "Leap to" }
            }
        }
        section.card aria-labelledby="pace-title" {
            h2 #pace-title { "Pace" }
            form.actions method="post" action="/clock" #paces {
                button type="submit" name="do" value="freeze" { "Freeze" }
                button type="submit" name="do" value="real" { "Real time" }
            }
            form.actions method="post" action="/clock" {
                input type="hidden" name="do" value="rate";
                @for (rate, what) in RATES { button type="submit" name="rate" value=(rate) { (what) } }
            }
            form.row method="post" action="/clock" {
                (input("rate", "rate", "Provider seconds per real second", "", "60"))
                button type="submit" name="do" value="rate" { "Set pace" }
            }
        }
    };
    Ok(visit.page(Section::Clock, "Clock", &body))
}

fn standing(desk: &Desk) -> Markup {
    let app = &desk.app;
    let (now, mode) = (app.now(), app.clock.mode());
    let pace = match mode {
        ClockMode::Real => "runs in real time".to_owned(),
        ClockMode::Scaled { rate } => format!("runs at {rate} provider seconds per real second"),
        ClockMode::Manual => "is frozen: it moves when it is told to".to_owned(),
    };
    html! {
        dl.facts {
            div { dt { "Now" } dd #clock-now { strong { (time(now)) } " UTC" } }
            div { dt { "Pace" } dd #clock-pace { (pace) } }
            div { dt { "Next due" } dd {
                @match app.next_due(app.own_deadlines()) {
                    Some(due) => { (time(due)) ", " (distance(now, due)) }
                    None => "nothing"
                }
            } }
        }
    }
}

fn leaps(desk: &Desk) -> Markup {
    let app = &desk.app;
    html! {
        @if let Some(due) = app.next_due(app.own_deadlines()) {
            form.inline method="post" action="/clock" {
                input type="hidden" name="to" value=(due.to_rfc3339());
                button.primary type="submit" name="do" value="set" { "Leap to the next due" }
            }
        }
        @for span in LEAPS {
            form.inline method="post" action="/clock" {
                input type="hidden" name="span" value=(span);
                button type="submit" name="do" value="advance" { "Advance " (span) }
            }
        }
    }
}

/// One change of the clock.
pub(super) async fn change(visit: Visit, Form(form): Form) -> Result<Response, Trouble> {
    let to = back(&form);
    Ok(match changed(&visit.desk, &form).await {
        Ok(text) => visit.done(to, text),
        Err(why) => visit.refused(to, why),
    })
}

async fn changed(desk: &Desk, form: &Pairs) -> Result<String, String> {
    let app = &desk.app;
    let leap = async |to: Timestamp| {
        app.advance(to.max(app.now())).await.map_err(|error| error.to_string())?;
        Ok(format!("the clock stands at {}", app.now().to_rfc3339_seconds()))
    };
    match form.get("do").unwrap_or_default() {
        "advance" => {
            let span = parse_span(form.get("span").unwrap_or_default()).map_err(|error| error.to_string())?;
            leap(app.now() + span).await
        }
        "set" => {
            let text = form.get("to").unwrap_or_default();
            let to: Timestamp =
                text.parse().map_err(|_| format!("{text:?} is no instant: write it like 2027-01-01T00:00:00Z"))?;
            // An instant that a page offered may just have passed by itself; a typed one has to lie ahead.
            if to < app.now() && form.get("back").is_none() {
                return Err(format!("the clock stands at {} and cannot go back to {to}", app.now()));
            }
            leap(to).await
        }
        "freeze" => {
            app.clock.set_mode(ClockMode::Manual);
            Ok("the clock is frozen".to_owned())
        }
        "real" => {
            app.clock.set_mode(ClockMode::Real);
            Ok("the clock runs in real time".to_owned())
        }
        "rate" => {
            let text = form.get("rate").unwrap_or_default();
            let rate = text.parse().ok().filter(|rate| *rate > 0.0 && *rate <= 1e9);
            let rate: f64 = rate.ok_or_else(|| format!("{text:?} is no pace: write a number above 0, 60 say"))?;
            app.clock.set_mode(if rate == 1.0 { ClockMode::Real } else { ClockMode::Scaled { rate } });
            Ok(format!("the clock runs at {rate} provider seconds per real second"))
        }
        other => Err(format!("{other:?} is nothing that the clock can do")),
    }
}

/// Where a change leads back to: a journey, a delivery, or the clock.
fn back(form: &Pairs) -> &str {
    let known = |to: &&str| {
        let id = to.strip_prefix("/journeys/").or_else(|| to.strip_prefix("/deliveries/"));
        id.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    form.get("back").filter(known).unwrap_or("/clock")
}
