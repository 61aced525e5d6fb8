//! `clock`: look at a server's clock, and move it.

use serde_json::{Value, json};

use super::client::{Client, Patience};
use super::text::{member, record};
use super::{Context, Exit, Failure};
use crate::chance::show_span;
use crate::cli::remote::ClockWord;
use crate::cli::{ClockAction, ClockArgs};

const PATH: [&str; 3] = ["api", "v1", "clock"];

/// Shows the clock as it is, after what was done to it.
///
/// # Errors
/// What the server refused.
pub(super) async fn run(cx: &Context, args: &ClockArgs) -> Result<Exit, Failure> {
    let client = Client::new(cx, &args.remote)?;
    let clock = match args.action.as_ref().and_then(change) {
        None => client.get(&PATH, &[]).await?,
        Some(change) => client.post(&PATH, &change, Patience::Endless).await?,
    };
    cx.out.show(&clock, |_| described(&clock))?;
    Ok(Exit::Yes)
}

fn change(action: &ClockAction) -> Option<Value> {
    match action {
        ClockAction::Show => None,
        ClockAction::Advance { span } => Some(json!({ "advance": show_span(*span) })),
        ClockAction::Set { instant } => Some(json!({ "set": instant.to_rfc3339() })),
        ClockAction::Rate { rate } => Some(json!({ "rate": rate })),
        ClockAction::Mode { mode: ClockWord::Real } => Some(json!({ "mode": "real" })),
        ClockAction::Mode { mode: ClockWord::Manual } => Some(json!({ "mode": "manual" })),
    }
}

fn described(clock: &Value) -> String {
    let mode = match member(clock, "mode").as_str() {
        "scaled" => format!("scaled, {} provider seconds per real second", clock["rate"].as_f64().unwrap_or_default()),
        "manual" => "manual, stands still until it is moved".to_owned(),
        mode => mode.to_owned(),
    };
    let next = match &clock["next_due"] {
        Value::Null => "nothing".to_owned(),
        _ => member(clock, "next_due"),
    };
    record(&[("now", member(clock, "now")), ("mode", mode), ("next due", next)])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn actions_are_said_in_the_servers_words() {
        let check = |action: ClockAction| change(&action).map(|value| value.to_string()).unwrap_or_default();
        assert_eq!(check(ClockAction::Show), "");
        assert_eq!(check(ClockAction::Advance { span: Duration::from_secs(31 * 86_400) }), r#"{"advance":"31d"}"#);
        assert_eq!(check(ClockAction::Rate { rate: 60.0 }), r#"{"rate":60.0}"#);
        let instant = "2027-01-01T00:00:00Z".parse().expect("an instant");
        assert_eq!(check(ClockAction::Set { instant }), r#"{"set":"2027-01-01T00:00:00.000Z"}"#);
        assert_eq!(check(ClockAction::Mode { mode: ClockWord::Manual }), r#"{"mode":"manual"}"#);
    }

    #[test]
    fn a_clock_is_described() {
        let clock = json!({"now": "2026-11-20T08:00:00.000Z", "mode": "scaled", "rate": 60.0, "next_due": null});
        insta::assert_snapshot!(described(&clock), @r"
        now       2026-11-20T08:00:00.000Z
        mode      scaled, 60 provider seconds per real second
        next due  nothing
        ");
    }
}
