//! Scenarios: those that can be played here, and how those go that were.

use axum::response::Response;
use maud::{Markup, html};

use super::layout::Section;
use super::parts::{Mood, badge, count, distance, empty, press, time};
use super::repertoire::{Piece, Progress, Told};
use super::trouble::Trouble;
use super::visit::{Form, Visit};
use crate::scenario::judge::Holds;

pub(super) fn list(visit: &Visit) -> Result<Response, Trouble> {
    let desk = &visit.desk;
    let (pieces, runs) = (desk.repertoire.pieces(), desk.repertoire.runs());
    let body = html! {
        p.faint { "A scenario plays one journey on this server, in this server's time, to this server's webhooks. Where it waits for hours, "
            a href="/clock" { "leap the clock" } "." }
        @if !runs.is_empty() {
            section aria-labelledby="runs-title" {
                h2 #runs-title { "Played" }
                div #runs data-live { (played(visit, &runs)) }
            }
        }
        section aria-labelledby="pieces-title" {
            h2 #pieces-title { "To be played" }
            @if pieces.is_empty() {
                (empty("This server plays no scenarios.", &html! { p { "Start it with " code { "understudy serve" } ", or play a file with " code { "understudy replay FILE" } "." } }))
            }
            @for piece in pieces.iter().filter(|piece| piece.scenario.is_ok()) { (shown(piece)) }
            @let others: Vec<&Piece> = pieces.iter().filter(|piece| piece.scenario.is_err()).collect();
            @if !others.is_empty() {
                details #others { summary { "Not for this server: " (count(others.len() as u64, "scenario")) }
                    @for piece in others { (shown(piece)) } }
            }
        }
    };
    Ok(visit.page(Section::Scenarios, "Scenarios", &body))
}

fn shown(piece: &Piece) -> Markup {
    html! {
        div.piece {
            div.what {
                details #(format!("piece-{}", piece.file.replace('.', "-"))) {
                    summary { strong { (piece.about) } " " span.faint { (piece.file) } }
                    @match piece.text { Some(text) => pre { (text) } None => p { "A file that this server was started with; its text is not shown." } }
                }
                @if let Err(why) = &piece.scenario { p.faint { (why) } }
            }
            @if piece.scenario.is_ok() { (press("/scenarios/run", "Play", "small", &[("file", &piece.file)])) }
        }
    }
}

fn played(visit: &Visit, runs: &[Told]) -> Markup {
    let now = visit.desk.app.now();
    html! {
        div.scroll {
            table.cards {
                thead { tr { th { "Play" } th { "Scenario" } th { "How it goes" } th { "Journeys" } th { "Begun" } } }
                tbody {
                    @for run in runs {
                        tr {
                            td data-label="Play" { a href=(format!("/scenarios/runs/{}", run.n)) { "#" (run.n) } }
                            td data-label="Scenario" { (run.name) }
                            td data-label="How it goes" { (progress(run)) }
                            td data-label="Journeys" { (journeys(run)) }
                            td data-label="Begun" { (time(run.began)) " " span.faint { (distance(now, run.began)) } }
                        }
                    }
                }
            }
        }
    }
}

fn progress(run: &Told) -> Markup {
    match (&run.progress, run.verdict()) {
        (Progress::Playing, _) => badge(Mood::Busy, "playing"),
        (Progress::Broken(_), _) => badge(Mood::Bad, "broken off"),
        (Progress::Over(_), Some(false)) => badge(Mood::Bad, "over, not as expected"),
        (Progress::Over(_), _) => badge(Mood::Good, "over, as expected"),
    }
}

fn journeys(run: &Told) -> Markup {
    html! { @for (id, reference) in &run.journeys { a href=(format!("/journeys/{id}")) { (reference) } " " } }
}

/// Plays one.
pub(super) async fn play(visit: Visit, Form(form): Form) -> Response {
    let desk = &visit.desk;
    match desk.repertoire.want(form.get("file").unwrap_or_default(), desk.app.now()) {
        Ok(n) => visit.done(&format!("/scenarios/runs/{n}"), "it is being played"),
        Err(why) => visit.refused("/scenarios", why),
    }
}

pub(super) fn show(visit: &Visit, n: &str) -> Result<Response, Trouble> {
    let desk = &visit.desk;
    let run = desk.repertoire.runs().into_iter().find(|run| run.n.to_string() == n);
    let run = run.ok_or_else(|| {
        Trouble::missing(format!("there is no play {n}; the last fifty are remembered, until the server stops"))
    })?;
    let now = desk.app.now();
    let body = html! {
        div #run data-live aria-live="polite" {
            dl.facts {
                div { dt { "How it goes" } dd #run-state { (progress(&run)) } }
                div { dt { "File" } dd { (run.file) } }
                div { dt { "Begun" } dd { (time(run.began)) ", " (distance(now, run.began)) } }
                div { dt { "Journeys" } dd { (journeys(&run)) } }
                @if run.progress == Progress::Playing {
                    div.wide { dt { "Next due" } dd {
                        @match desk.app.next_due(&crate::provider::DeadlineKind::ALL) { Some(due) => { (time(due)) ", " (distance(now, due)) } None => "the scenario's next line" }
                        " " a href="/clock" { "leap the clock" } } }
                }
            }
            @if let Progress::Broken(why) = &run.progress { p.note.bad { (why) } }
            @if let Progress::Over(judged) = &run.progress {
                h2 { "What its file expects" }
                ul.attention {
                    @for one in judged {
                        @let (mood, word) = match one.verdict { Holds::Pass => (Mood::Good, "holds"), Holds::Fail => (Mood::Bad, "does not hold"), Holds::Unproven => (Mood::Warn, "unproven") };
                        li { (badge(mood, word)) " " (one.name) @if !one.detail.is_empty() { ": " (one.detail) } }
                    }
                }
            }
        }
        section aria-labelledby="notes-title" {
            h2 #notes-title { "What happened" }
            div #notes data-live {
                @if run.notes.is_empty() { (empty("Nothing yet.", &html! {})) } @else {
                    ol.timeline reversed { @for (at, note) in run.notes.iter().rev() { li { span.when { (time(*at)) } div { (note) } } } }
                }
            }
        }
    };
    Ok(visit.page(Section::Scenarios, &format!("Play #{n}: {}", run.name), &body))
}
