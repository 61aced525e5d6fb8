//! `journeys`: look at a server's journeys, start them, and do things to them.

use serde_json::{Map, Value, json};

use super::client::{Client, Patience};
use super::output::Paint;
use super::text::{Column, member, record, style_of, table};
use super::{Context, Exit, Failure};
use crate::cli::remote::Paging;
use crate::cli::values::Argument;
use crate::cli::{JourneysAction, JourneysArgs};

const COLUMNS: [Column; 7] = [
    Column::text("ID", "/id"),
    Column::text("REFERENCE", "/reference_no"),
    Column::text("FLOW", "/flow"),
    Column::text("STATE", "/state"),
    Column::text("DECISION", "/final_decision"),
    Column::number("EVENTS", "/sequence"),
    Column::text("CREATED", "/created_at"),
];

const EVENT_COLUMNS: [Column; 3] =
    [Column::number("SEQ", "/sequence"), Column::text("EVENT", "/type"), Column::text("ID", "/id")];

/// Carries out one action.
///
/// # Errors
/// What the server refused; arguments that are none.
pub(super) async fn run(cx: &Context, args: &JourneysArgs) -> Result<Exit, Failure> {
    let client = Client::new(cx, &args.remote)?;
    match &args.action {
        JourneysAction::List { state, reference, paging: page } => {
            let mut query = paging(page);
            query.extend([("state", state.clone()), ("reference_no", reference.clone())]);
            cx.out.page(&client.get(&["api", "v1", "journeys"], &query).await?, &COLUMNS)?;
        }
        JourneysAction::Show { id } => {
            let journey = client.get(&["api", "v1", "journeys", id], &[]).await?;
            cx.out.show(&journey, |paint| described(&journey, paint))?;
        }
        JourneysAction::Start { flow, reference, environment, key } => {
            let body = json!({ "flow": flow, "reference_no": reference, "environment": environment, "key": key });
            let journey = client.post(&["api", "v1", "journeys"], &body, Patience::Usual).await?;
            cx.out.show(&journey, |paint| described(&journey, paint))?;
        }
        JourneysAction::Do { id, stimulus, arguments, key } => {
            let body = stimulus_body(stimulus, arguments, key.as_deref())?;
            let path = ["api", "v1", "journeys", id, "stimuli"];
            let applied = client.post(&path, &body, Patience::Usual).await?;
            cx.out.show(&applied, |paint| applied_text(&applied, paint))?;
        }
    }
    Ok(Exit::Yes)
}

/// What a list is asked for.
pub(super) fn paging(paging: &Paging) -> Vec<(&'static str, Option<String>)> {
    vec![("limit", Some(paging.limit.to_string())), ("cursor", paging.cursor.clone())]
}

/// A stimulus as the server takes it. Values are texts, as ids and codes are; only lists and tables are JSON.
fn stimulus_body(stimulus: &str, arguments: &[Argument], key: Option<&str>) -> Result<Value, Failure> {
    let mut body = Map::new();
    body.insert("do".to_owned(), json!(stimulus));
    if let Some(key) = key {
        body.insert("key".to_owned(), json!(key));
    }
    for Argument { key, value } in arguments {
        if key == "key" {
            return Err(Failure::bad_usage("\"key\" is no argument of a stimulus").help("give it as --key"));
        }
        let read = match serde_json::from_str::<Value>(value) {
            Ok(structure @ (Value::Array(_) | Value::Object(_))) => structure,
            _ => Value::String(value.clone()),
        };
        if body.insert(key.clone(), read).is_some() {
            return Err(Failure::bad_usage(format!("{key:?} is given twice")));
        }
    }
    Ok(Value::Object(body))
}

fn applied_text(applied: &Value, paint: Paint) -> String {
    let journey = described(&applied["journey"], paint);
    match applied["events"].as_array().map(Vec::as_slice).unwrap_or_default() {
        [] => format!("{journey}\nno event follows\n"),
        events => format!("{journey}\n{}", table(&EVENT_COLUMNS, events, paint)),
    }
}

fn described(journey: &Value, paint: Paint) -> String {
    let list = |key: &str, line: &dyn Fn(&Value) -> String, between: &str| {
        let items = journey[key].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().map(line).collect::<Vec<_>>().join(between)
    };
    let state = member(journey, "state");
    let decisions: Vec<String> =
        [("system_decision", "system"), ("manual_decision", "manual"), ("final_decision", "final")]
            .iter()
            .filter(|(key, _)| !journey[*key].is_null())
            .map(|(key, who)| format!("{who} {}", member(journey, key)))
            .collect();
    record(&[
        ("journey", member(journey, "id")),
        ("reference", member(journey, "reference_no")),
        ("flow", format!("{} ({})", member(journey, "flow"), member(journey, "environment"))),
        ("created", member(journey, "created_at")),
        ("state", paint.paint(style_of(&state), &state)),
        ("decision", decisions.join(", ")),
        (
            "steps",
            list("steps", &|s| format!("{} {} {}", member(s, "id"), member(s, "type"), member(s, "state")), "\n"),
        ),
        ("due", list("deadlines", &|d| format!("{} at {}", member(d, "do"), member(d, "due_at")), "\n")),
        ("legal", list("legal", &|word| super::text::cell(Some(word)), ", ")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(words: &[&str]) -> Result<String, String> {
        let arguments: Vec<Argument> = words.iter().map(|word| word.parse().expect("key=value")).collect();
        stimulus_body("review", &arguments, Some("k1")).map(|body| body.to_string()).map_err(|failure| failure.message)
    }

    #[test]
    fn arguments_are_texts_unless_they_are_lists_or_tables() {
        for (words, expected) in [
            (&["step=1"][..], r#"{"do":"review","key":"k1","step":"1"}"#),
            (&["comment=true"], r#"{"comment":"true","do":"review","key":"k1"}"#),
            (&["comment="], r#"{"comment":"","do":"review","key":"k1"}"#),
            (&[r#"decision={"Complete":80}"#], r#"{"decision":{"Complete":80},"do":"review","key":"k1"}"#),
            (&[r#"steps=[{"step":"1"}]"#], r#"{"do":"review","key":"k1","steps":[{"step":"1"}]}"#),
            (&["comment=[not json"], r#"{"comment":"[not json","do":"review","key":"k1"}"#),
        ] {
            assert_eq!(body(words).as_deref(), Ok(expected), "{words:?}");
        }
        assert_eq!(body(&["step=1", "step=2"]), Err(r#""step" is given twice"#.to_owned()));
        assert_eq!(body(&["do=cancel"]), Err(r#""do" is given twice"#.to_owned()));
        assert!(body(&["key=x"]).is_err());
    }

    #[test]
    fn what_was_done_is_shown_with_what_followed() {
        let applied = json!({
            "journey": {
                "id": "6f00", "reference_no": "KYC\u{1b}-1", "flow": "onboarding", "environment": "sandbox",
                "created_at": "2026-11-20T08:00:00.000Z", "state": "processing", "system_decision": "Refer",
                "manual_decision": null, "final_decision": "Refer", "sequence": 2,
                "steps": [
                    {"id": "1", "type": "Document", "state": "submitted"},
                    {"id": "2", "type": "Selfie", "state": "not_submitted"},
                ],
                "deadlines": [{"do": "finish_processing", "due_at": "2026-11-20T08:00:05.000Z"}],
                "legal": ["submit_step", "cancel"],
            },
            "events": [{"id": "e1", "type": "Finished Step", "sequence": 1}],
        });
        insta::assert_snapshot!(applied_text(&applied, Paint::Plain), @r"
        journey    6f00
        reference  KYC\u{1b}-1
        flow       onboarding (sandbox)
        created    2026-11-20T08:00:00.000Z
        state      processing
        decision   system Refer, final Refer
        steps      1 Document submitted
                   2 Selfie not_submitted
        due        finish_processing at 2026-11-20T08:00:05.000Z
        legal      submit_step, cancel

        SEQ  EVENT          ID
          1  Finished Step  e1
        ");
    }
}
