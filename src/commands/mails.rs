//! `mails`: look at a server's error mails.

use serde_json::Value;

use super::client::Client;
use super::journeys::paging;
use super::text::{Column, clean_lines, member, record};
use super::{Context, Exit, Failure};
use crate::cli::{MailsAction, MailsArgs};

const COLUMNS: [Column; 6] = [
    Column::text("ID", "/id"),
    Column::text("WEBHOOK", "/webhook"),
    Column::text("TO", "/to"),
    Column::text("STATE", "/state"),
    Column::text("CREATED", "/created_at"),
    Column::text("SUBJECT", "/subject"),
];

/// Lists or shows.
///
/// # Errors
/// What the server refused.
pub(super) async fn run(cx: &Context, args: &MailsArgs) -> Result<Exit, Failure> {
    let client = Client::new(cx, &args.remote)?;
    match &args.action {
        MailsAction::List { paging: page } => {
            let mails = client.get(&["api", "v1", "mails"], &paging(page)).await?;
            cx.out.page(&mails, &COLUMNS)?;
        }
        MailsAction::Show { id } => {
            let mail = client.get(&["api", "v1", "mails", id], &[]).await?;
            cx.out.show(&mail, |_| described(&mail))?;
        }
    }
    Ok(Exit::Yes)
}

fn described(mail: &Value) -> String {
    let head = record(&[
        ("mail", member(mail, "id")),
        ("webhook", member(mail, "webhook")),
        ("to", member(mail, "to")),
        ("subject", member(mail, "subject")),
        ("created", member(mail, "created_at")),
        ("state", format!("{}, attempts: {}", member(mail, "state"), member(mail, "attempts"))),
        ("error", member(mail, "error")),
    ]);
    let text = clean_lines(mail["text"].as_str().unwrap_or_default()).into_owned();
    format!("{head}\n{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mail_is_shown_with_its_text() {
        let mail = json!({
            "id": "m3", "webhook": "demo", "to": "ops@example.com", "subject": "2 deliveries failed", "error": null,
            "created_at": "2026-11-20T08:00:00.000Z", "state": "kept", "attempts": 0, "text": "d1\nd2\u{1b}[31m\n",
        });
        insta::assert_snapshot!(described(&mail), @r"
        mail     m3
        webhook  demo
        to       ops@example.com
        subject  2 deliveries failed
        created  2026-11-20T08:00:00.000Z
        state    kept, attempts: 0

        d1
        d2\u{1b}[31m
        ");
    }
}
