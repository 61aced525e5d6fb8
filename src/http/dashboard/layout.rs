//! The frame of every page: head, navigation, clock, and what a form came to.

use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::desk::Desk;
use super::parts::time;
use super::trouble::sentence;
use super::visit::Note;

/// Where a page stands in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Journeys,
    Webhooks,
    Deliveries,
    Inbox,
    Mails,
    Clock,
    Scenarios,
    /// Beside it: errors and the login.
    Nowhere,
}

const SECTIONS: [(Section, &str, &str); 8] = [
    (Section::Overview, "/", "Overview"),
    (Section::Journeys, "/journeys", "Journeys"),
    (Section::Webhooks, "/webhooks", "Webhooks"),
    (Section::Deliveries, "/deliveries", "Deliveries"),
    (Section::Inbox, "/inbox-view", "Inbox"),
    (Section::Mails, "/mails", "Mail"),
    (Section::Clock, "/clock", "Clock"),
    (Section::Scenarios, "/scenarios", "Scenarios"),
];

/// A whole page. Without a desk it tells nothing of this server: for whoever has not been let in, and for errors.
pub(super) fn page(
    desk: Option<&Desk>,
    section: Section,
    title: &str,
    path: &str,
    note: Option<&Note>,
    body: &Markup,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · understudy" }
                link rel="stylesheet" href=(assets::STYLE);
                link rel="icon" type="image/svg+xml" href=(assets::ICON);
                @if desk.is_some() { script src=(assets::LIVE) defer {} }
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href="/" { "understudy" }
                    nav aria-label="Main" {
                        ul { @for (own, href, name) in SECTIONS { li { (link(own == section, href, name)) } } }
                    }
                    @if let Some(desk) = desk { (state(desk, path)) }
                }
                main #main tabindex="-1" {
                    @if let Some(note) = note {
                        p #note .note.(if note.good { "ok" } else { "bad" }) role=(if note.good { "status" } else { "alert" }) {
                            strong { (if note.good { "Done" } else { "Refused" }) } " "
                            (sentence(&note.text))
                        }
                    }
                    h1 { (title) }
                    (body)
                }
                footer { p { "understudy " (env!("CARGO_PKG_VERSION")) " · " a href="/openapi.json" { "API description" } " · all times are the provider's clock, in UTC" } }
            }
        }
    }
}

fn link(current: bool, href: &str, name: &str) -> Markup {
    html! { a href=(href) aria-current=[current.then_some("page")] { (name) } }
}

fn state(desk: &Desk, path: &str) -> Markup {
    let mode = desk.app.clock.mode();
    html! {
        div.standing {
            span #live .dot role="status" hidden { "live" }
            span #standing data-live {
                span.who { (desk.app.provider) " " (desk.app.environment) } " "
                a href="/clock" title="The provider's clock" { (time(desk.app.now())) " (" (mode.name()) ")" }
            }
            @if desk.access.is_guarded() {
                form method="post" action="/logout" { button.quiet type="submit" { "Log out" } }
            }
            @if path.is_empty() {} @else { noscript { a href=(path) { "Refresh" } } }
        }
    }
}
