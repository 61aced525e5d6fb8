//! How `tail` shows what happened: a line each, with an arrow for what goes out and one for what comes back. Pure.

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::commands::output::Paint;
use crate::commands::text::{clean, member, style_of};

/// One line. The time is the provider's.
pub(super) fn line(kind: &str, data: &Value, paint: Paint) -> String {
    match kind {
        "event" => {
            let about = data["payload"]["body"]["referenceNo"].as_str().unwrap_or_default();
            let words = [member(data, "type"), clean(about).into_owned(), member(data, "id")];
            joined(time(data, "created_at"), paint.paint(AnsiColor::Cyan.on_default(), "->"), &words)
        }
        "attempt" => attempt(data, paint),
        "journey" => {
            let state = member(data, "state");
            let state = paint.paint(style_of(&state), &state);
            let words = [member(data, "stimulus"), member(data, "reference_no"), state];
            joined(String::new(), "**".to_owned(), &words)
        }
        "delivery" => {
            let state = member(data, "state");
            let again = data["resend_of"].as_str().map(|of| format!("again {}", clean(of))).unwrap_or_default();
            let words = [member(data, "webhook"), member(data, "event_type"), member(data, "id"), again];
            joined(time(data, "due_at"), paint.paint(style_of(&state), &state), &words)
        }
        "mail" => {
            let state = member(data, "state");
            let words = [member(data, "to"), member(data, "subject"), member(data, "id"), member(data, "error")];
            joined(time(data, "created_at"), format!("mail {}", paint.paint(style_of(&state), &state)), &words)
        }
        "clock" => joined(time(data, "now"), "clock".to_owned(), &[member(data, "now"), member(data, "mode")]),
        "config" => config(data, paint),
        _ => joined(String::new(), clean(kind).into_owned(), &[clean(&data.to_string()).into_owned()]),
    }
}

/// Status or class of error, to whom, what, how long it took, and what follows.
fn attempt(data: &Value, paint: Paint) -> String {
    let came = match &data["status"] {
        Value::Null => member(data, "error"),
        _ => member(data, "status"),
    };
    let verdict = member(data, "verdict");
    let (style, verdict) = match verdict.as_str() {
        "delivered" => (AnsiColor::Green.on_default(), verdict),
        "retry" => (AnsiColor::Yellow.on_default(), format!("again at {}", time(data, "due_at"))),
        _ => (AnsiColor::Red.on_default(), verdict),
    };
    let which = format!("{}#{}", member(data, "delivery_id"), member(data, "n"));
    let took = format!("{:.0} ms", data["took_ms"].as_f64().unwrap_or_default());
    let words = [member(data, "webhook"), member(data, "event_type"), took, paint.paint(style, &verdict), which];
    joined(time(data, "finished_at"), format!("<- {}", paint.paint(style, &came)), &words)
}

fn config(data: &Value, paint: Paint) -> String {
    let at = time(data, "taken_over_at");
    if let Some(error) = data["error"].as_str() {
        let refused = paint.paint(AnsiColor::Red.on_default(), "refused");
        return joined(
            at,
            format!("config {refused}"),
            &[clean(error.lines().next().unwrap_or_default()).into_owned()],
        );
    }
    let one = |change: &Value| {
        let keys = change["keys"].as_array().into_iter().flatten().map(|key| member(key, "key")).collect::<Vec<_>>();
        let keys = if keys.is_empty() { String::new() } else { format!(" ({})", keys.join(", ")) };
        format!("{} {} {}{keys}", member(change, "what"), member(change, "name"), member(change, "change"))
    };
    let changes: Vec<String> = data["changes"].as_array().into_iter().flatten().map(one).collect();
    let changes = if changes.is_empty() { "nothing is different".to_owned() } else { changes.join(", ") };
    joined(at, "config".to_owned(), &[changes])
}

fn joined(time: String, mark: String, words: &[String]) -> String {
    let time = if time.is_empty() { " ".repeat(12) } else { time };
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    format!("{time}  {mark}  {}", words.join("  "))
}

/// The time of day of an instant, to the millisecond.
fn time(data: &Value, key: &str) -> String {
    let at = member(data, key);
    at.get(11..23).unwrap_or_default().to_owned()
}

/// For programs: what it says, with its kind.
pub(super) fn json(kind: &str, mut data: Value) -> Value {
    match &mut data {
        Value::Object(members) => {
            members.insert("kind".to_owned(), kind.into());
            data
        }
        _ => json!({ "kind": kind, "data": data }),
    }
}

/// How the line at the foot of a terminal is drawn.
pub(super) fn foot() -> Style {
    Style::new().invert()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_line() {
        let lines: Vec<String> = [
            (
                "event",
                json!({ "id": "e1", "type": "Finished Step", "created_at": "2026-11-20T08:00:00.001Z",
                        "payload": { "body": { "referenceNo": "KYC\u{1b}-1" } } }),
            ),
            (
                "attempt",
                json!({ "delivery_id": "d7", "n": 1, "status": 200, "error": null, "verdict": "delivered", "took_ms": 12.4,
                        "webhook": "demo", "event_type": "Finished Step", "finished_at": "2026-11-20T08:00:00.013Z" }),
            ),
            (
                "attempt",
                json!({ "delivery_id": "d8", "n": 2, "status": null, "error": "timeout", "verdict": "retry", "took_ms": 1e4,
                        "webhook": "demo", "event_type": "Finished Step", "finished_at": "2026-11-20T08:00:10.000Z",
                        "due_at": "2026-11-20T08:10:10.000Z" }),
            ),
            (
                "attempt",
                json!({ "delivery_id": "d8", "n": 4, "status": 500, "error": "status", "verdict": "exhausted", "took_ms": 3.0,
                        "webhook": "demo", "event_type": "Finished Step", "finished_at": "2026-11-20T08:40:10.000Z" }),
            ),
            ("journey", json!({ "stimulus": "submit_step 1", "reference_no": "KYC-1", "state": "processing" })),
            (
                "delivery",
                json!({ "id": "d9", "state": "waiting", "webhook": "demo", "event_type": "Finished Step", "resend_of": "d8",
                        "due_at": "2026-11-20T08:41:00.000Z" }),
            ),
            (
                "mail",
                json!({ "id": "m1", "state": "kept", "to": "ops@example.com", "subject": "1 delivery lost",
                        "created_at": "2026-11-20T08:41:10.000Z", "error": null }),
            ),
            ("clock", json!({ "now": "2026-12-20T08:00:00.000Z", "mode": "manual" })),
            (
                "config",
                json!({ "taken_over_at": "2026-11-20T08:00:00.000Z", "error": null, "changes": [
                    { "what": "webhook", "name": "demo", "change": "changed", "keys": [{ "key": "url" }, { "key": "timeout" }] },
                    { "what": "flow", "name": "kyc", "change": "added", "keys": [] } ] }),
            ),
            (
                "config",
                json!({ "taken_over_at": "2026-11-20T08:00:00.000Z", "error": "webhooks.toml has 2 errors\nx", "changes": [] }),
            ),
            ("later", json!({ "x": 1 })),
        ]
        .iter()
        .map(|(kind, data)| line(kind, data, Paint::Plain))
        .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        08:00:00.001  ->  Finished Step  KYC\u{1b}-1  e1
        08:00:00.013  <- 200  demo  Finished Step  12 ms  delivered  d7#1
        08:00:10.000  <- timeout  demo  Finished Step  10000 ms  again at 08:10:10.000  d8#2
        08:40:10.000  <- 500  demo  Finished Step  3 ms  exhausted  d8#4
                      **  submit_step 1  KYC-1  processing
        08:41:00.000  waiting  demo  Finished Step  d9  again d8
        08:41:10.000  mail kept  ops@example.com  1 delivery lost  m1
        08:00:00.000  clock  2026-12-20T08:00:00.000Z  manual
        08:00:00.000  config  webhook demo changed (url, timeout), flow kyc added
        08:00:00.000  config refused  webhooks.toml has 2 errors
                      later  {"x":1}
        "#);
    }

    #[test]
    fn programs_get_the_kind_with_the_rest() {
        assert_eq!(json("clock", json!({ "now": "x" })), json!({ "kind": "clock", "now": "x" }));
        assert_eq!(json("odd", json!(7)), json!({ "kind": "odd", "data": 7 }));
    }
}
