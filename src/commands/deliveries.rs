//! `deliveries`: look at what a server delivers, send again, call off.

use clap::ValueEnum as _;
use serde_json::{Value, json};

mod progress;

use super::client::{Client, Patience};
use super::journeys::paging;
use super::output::Paint;
use super::text::{Column, clean_lines, member, record, style_of};
use super::{Context, Exit, Failure};
use crate::cli::remote::StateWord;
use crate::cli::{DeliveriesAction, DeliveriesArgs};

const COLUMNS: [Column; 7] = [
    Column::text("ID", "/id"),
    Column::text("EVENT", "/event_type"),
    Column::text("WEBHOOK", "/webhook"),
    Column::text("STATE", "/state"),
    Column::number("ATTEMPTS", "/attempts"),
    Column::text("DUE", "/due_at"),
    Column::text("JOURNEY", "/journey_id"),
];

const PATH: [&str; 3] = ["api", "v1", "deliveries"];

/// Carries out one action.
///
/// # Errors
/// What the server refused.
pub(super) async fn run(cx: &Context, args: &DeliveriesArgs) -> Result<Exit, Failure> {
    let client = Client::new(cx, &args.remote)?;
    let at = |rest: &[&'static str]| [&PATH[..], rest].concat();
    match &args.action {
        DeliveriesAction::List { state, webhook, event, journey, paging: page } => {
            let mut query = paging(page);
            query.extend([
                ("state", state.map(word)),
                ("webhook", webhook.clone()),
                ("event", event.clone()),
                ("journey", journey.clone()),
            ]);
            cx.out.page(&client.get(&PATH, &query).await?, &COLUMNS)?;
        }
        DeliveriesAction::Show { id } => {
            let delivery = client.get(&one(id, &[]), &[]).await?;
            cx.out.show(&delivery, |paint| described(&delivery, paint))?;
        }
        DeliveriesAction::Resend { id: Some(id), .. } => {
            let resent = client.post(&one(id, &["resend"]), &json!({}), Patience::Usual).await?;
            cx.out.show(&resent, |_| {
                format!("{} sends {} again\n", member(&resent, "id"), member(&resent, "resend_of"))
            })?;
        }
        DeliveriesAction::Resend { id: None, state, webhook, since, limit, dry_run } => {
            let body = json!({
                "state": word(state.unwrap_or(StateWord::Exhausted)),
                "webhook": webhook,
                "since": since.map(|since| since.to_rfc3339()),
                "dry_run": dry_run,
            });
            let body = with_limit(body, *limit);
            let path = at(&["resend"]);
            let resent = match dry_run {
                true => client.post(&path, &body, Patience::Endless).await?,
                false => progress::resend(cx, &client, &path, &body).await?,
            };
            cx.out.show(&resent, |_| resent_text(&resent))?;
        }
        DeliveriesAction::Cancel { id } => {
            let delivery = client.post(&one(id, &["cancel"]), &json!({}), Patience::Usual).await?;
            cx.out.show(&delivery, |paint| described(&delivery, paint))?;
        }
    }
    Ok(Exit::Yes)
}

fn one<'a>(id: &'a str, rest: &[&'static str]) -> Vec<&'a str> {
    [&PATH[..], &[id], rest].concat()
}

fn word(state: StateWord) -> String {
    state.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn with_limit(mut body: Value, limit: Option<u64>) -> Value {
    if let Some(limit) = limit {
        body["limit"] = json!(limit);
    }
    body
}

fn resent_text(resent: &Value) -> String {
    let ids = |key: &str| -> Vec<String> {
        let ids = resent[key].as_array().map(Vec::as_slice).unwrap_or_default();
        ids.iter().map(|id| super::text::cell(Some(id))).collect()
    };
    let (matched, sent) = (ids("matched"), ids("resent"));
    if resent["dry_run"] == json!(true) {
        return match matched.len() {
            0 => "none match\n".to_owned(),
            n => format!("{n} would be sent again: {}\n", matched.join(" ")),
        };
    }
    match sent.len() {
        0 => "none match\n".to_owned(),
        n => format!("{n} sent again: {}\n", sent.join(" ")),
    }
}

fn described(delivery: &Value, paint: Paint) -> String {
    let state = member(delivery, "state");
    let mut text = record(&[
        ("delivery", member(delivery, "id")),
        ("event", format!("{} {}", member(delivery, "event_type"), member(delivery, "event_id"))),
        ("journey", member(delivery, "journey_id")),
        ("webhook", member(delivery, "webhook")),
        ("state", format!("{}, attempts: {}", paint.paint(style_of(&state), &state), member(delivery, "attempts"))),
        ("due", member(delivery, "due_at")),
        ("repeats", member(delivery, "resend_of")),
    ]);
    for attempt in delivery["tries"].as_array().map(Vec::as_slice).unwrap_or_default() {
        text.push_str(&attempt_text(attempt));
    }
    text
}

fn attempt_text(attempt: &Value) -> String {
    let outcome = match &attempt["status"] {
        Value::Null => member(attempt, "error"),
        _ => format!("answered {}", member(attempt, "status")),
    };
    let note = match member(attempt, "detail") {
        detail if detail.is_empty() => String::new(),
        detail => format!(" ({detail})"),
    };
    let took = attempt["phases"]["total_ms"].as_f64().map(|ms| format!(", {ms:.0} ms")).unwrap_or_default();
    let mut text =
        format!("\nattempt {} at {}: {outcome}{note}{took}\n", member(attempt, "n"), member(attempt, "started_at"));
    let request = &attempt["request"];
    text.push_str(&side('>', &format!("{} {}", member(request, "method"), member(request, "url")), request));
    if attempt["response"].is_object() {
        let response = &attempt["response"];
        text.push_str(&side('<', &member(response, "status"), response));
        if response["truncated"] == json!(true) {
            text.push_str("  < ... more came than was kept\n");
        }
    }
    text
}

/// One side of an exchange, curl's way: each line marked with who said it.
fn side(mark: char, first: &str, message: &Value) -> String {
    let mut lines = vec![first.to_owned()];
    for header in message["headers"].as_array().map(Vec::as_slice).unwrap_or_default() {
        lines.push(format!("{}: {}", super::text::cell(header.get(0)), super::text::cell(header.get(1))));
    }
    let body = message["body"].as_str().unwrap_or_default();
    if !body.is_empty() {
        lines.push(String::new());
        lines.extend(clean_lines(body).lines().map(str::to_owned));
    }
    lines.iter().map(|line| format!("  {mark} {line}").trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_said_in_the_servers_words() {
        let words: Vec<String> = StateWord::value_variants().iter().map(|state| word(*state)).collect();
        let known: Vec<&str> = crate::message::DeliveryState::ALL.iter().map(|state| state.as_str()).collect();
        assert_eq!(words, known);
    }

    #[test]
    fn a_delivery_is_shown_with_both_sides_of_each_attempt() {
        let delivery = json!({
            "id": "d17", "event_id": "e-1", "event_type": "Finished Journey", "journey_id": "6f00", "webhook": "demo",
            "state": "waiting", "attempts": 2, "due_at": "2026-11-20T08:05:00.000Z", "resend_of": null,
            "tries": [
                {
                    "n": 1, "started_at": "2026-11-20T08:00:00.000Z", "status": 500, "error": "status", "detail": null,
                    "request": {
                        "method": "POST", "url": "http://127.0.0.1:8080/", "body": "{\"event\":\"Finished Journey\"}",
                        "headers": [["content-type", "application/json"], ["authorization", "Bearer ***"]],
                    },
                    "response": {"status": 500, "headers": [["x", "\u{1b}[2J"]], "body": "no\nluck", "truncated": true},
                    "phases": {"head_ms": 1.5, "total_ms": 12.25},
                },
                {
                    "n": 2, "started_at": "2026-11-20T08:05:00.000Z", "status": null, "error": "timeout",
                    "detail": "no status head within 10s", "request": {"method": "POST", "url": "http://127.0.0.1:8080/"},
                    "response": null, "phases": {"head_ms": null, "total_ms": 10000.0},
                },
            ],
        });
        insta::assert_snapshot!(described(&delivery, Paint::Plain), @r#"
        delivery  d17
        event     Finished Journey e-1
        journey   6f00
        webhook   demo
        state     waiting, attempts: 2
        due       2026-11-20T08:05:00.000Z

        attempt 1 at 2026-11-20T08:00:00.000Z: answered 500, 12 ms
          > POST http://127.0.0.1:8080/
          > content-type: application/json
          > authorization: Bearer ***
          >
          > {"event":"Finished Journey"}
          < 500
          < x: \u{1b}[2J
          <
          < no
          < luck
          < ... more came than was kept

        attempt 2 at 2026-11-20T08:05:00.000Z: timeout (no status head within 10s), 10000 ms
          > POST http://127.0.0.1:8080/
        "#);
    }

    #[test]
    fn resends_are_counted_and_named() {
        for (resent, text) in [
            (json!({"matched": ["d1", "d2"], "resent": ["d8", "d9"], "dry_run": false}), "2 sent again: d8 d9\n"),
            (json!({"matched": ["d1"], "resent": [], "dry_run": true}), "1 would be sent again: d1\n"),
            (json!({"matched": [], "resent": [], "dry_run": true}), "none match\n"),
        ] {
            assert_eq!(resent_text(&resent), text);
        }
    }
}
