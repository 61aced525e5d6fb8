//! Error mails as they were sent, or would have been.

use axum::response::Response;
use maud::{Markup, html};

use super::desk::PAGE;
use super::layout::Section;
use super::parts::{empty, mail_badge, pager, time};
use super::trouble::Trouble;
use super::visit::Visit;
use crate::ids::MailId;
use crate::message::{Mail, MailState};

/// So many deliveries of a mail are linked; its text names all.
const LINKED: usize = 100;

pub(super) fn list(visit: &Visit) -> Result<Response, Trouble> {
    let cursor = visit.cursor()?;
    let page = visit.desk.app.outbox.mails(cursor, PAGE)?;
    let body = html! {
        p.faint { "One mail for each error contact of a webhook, about the deliveries that were given up within the digest's window." }
        div #mails data-live {
            @if page.items.is_empty() {
                (empty("No mails: nothing was given up, or nobody is to be told.", &html! {
                    p { "A webhook with error emails whose endpoint fails until the last retry makes one. " a href="/inbox-view" { "Break an endpoint" } "." } }))
            } @else { (table(&page.items)) (pager("/mails", &[], cursor.is_none(), page.next)) }
        }
    };
    Ok(visit.page(Section::Mails, "Mail", &body))
}

fn table(mails: &[Mail]) -> Markup {
    html! {
        div.scroll {
            table.cards {
                thead { tr { th { "Mail" } th { "State" } th { "To" } th { "Subject" } th { "Webhook" } th { "Composed" } } }
                tbody {
                    @for mail in mails {
                        tr {
                            td data-label="Mail" { a href=(format!("/mails/{}", mail.id)) { (mail.id) } }
                            td data-label="State" { (mail_badge(mail.state)) }
                            td data-label="To" { (mail.to) }
                            td data-label="Subject" { (mail.subject) }
                            td data-label="Webhook" { a href=(format!("/webhooks/{}", mail.webhook)) { (mail.webhook) } }
                            td data-label="Composed" { (time(mail.created_at)) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn show(visit: &Visit, id: &str) -> Result<Response, Trouble> {
    let id: MailId = id.parse()?;
    let mail = visit.desk.app.outbox.mail(id)?.ok_or_else(|| Trouble::missing(format!("there is no mail {id}")))?;
    let body = html! {
        div #mail data-live {
            dl.facts {
                div { dt { "State" } dd { (mail_badge(mail.state)) @if mail.state == MailState::Kept { " no SMTP server is configured" } } }
                div { dt { "To" } dd { (mail.to) } }
                div { dt { "Webhook" } dd { a href=(format!("/webhooks/{}", mail.webhook)) { (mail.webhook) } } }
                div { dt { "Composed" } dd { (time(mail.created_at)) } }
                div { dt { "Attempts" } dd { (mail.attempts) } }
                div.wide { dt { "Message-ID" } dd { code { (mail.message_id) } } }
                @if let Some(error) = &mail.error { div.wide { dt { "Last error" } dd { (error) } } }
            }
        }
        section aria-labelledby="subject-title" { h2 #subject-title { (mail.subject) } pre #mail-text tabindex="0" { (mail.text) } }
        section aria-labelledby="about-title" {
            h2 #about-title { "Its deliveries" }
            p { @for id in mail.deliveries.iter().take(LINKED) { a href=(format!("/deliveries/{id}")) { (id) } " " } }
        }
    };
    Ok(visit.page(Section::Mails, &format!("Mail {id}"), &body))
}
