//! `webhooks`: look at where a server delivers to, make, change, test, hold back and drop.

use serde_json::{Map, Value, json};

use super::client::{Client, Patience};
use super::output::Paint;
use super::settings;
use super::text::{Column, member, record, style_of};
use super::{Context, Exit, Failure};
use crate::cli::webhooks::{GivenAuth, WebhookKeys};
use crate::cli::{Output, WebhooksAction, WebhooksArgs};
use crate::secret::Secret;

const COLUMNS: [Column; 7] = [
    Column::text("NAME", "/name"),
    Column::text("STATE", "/state"),
    Column::text("URL", "/url"),
    Column::text("TYPES", "/types"),
    Column::number("WAITING", "/waiting"),
    Column::number("IN FLIGHT", "/in_flight"),
    Column::text("FROM", "/origin"),
];

const ROOT: [&str; 3] = ["api", "v1", "webhooks"];

/// Carries out one action.
///
/// # Errors
/// What the server refused; a variable that is not set.
pub(super) async fn run(cx: &Context, args: &WebhooksArgs) -> Result<Exit, Failure> {
    let client = Client::new(cx, &args.remote)?;
    let webhook = match &args.action {
        WebhooksAction::List => {
            let page = client.get(&ROOT, &[]).await?;
            cx.out.page(&if cx.out.format() == Output::Text { for_people(page) } else { page }, &COLUMNS)?;
            return Ok(Exit::Yes);
        }
        WebhooksAction::Test { name } => return test(cx, &client, name).await,
        WebhooksAction::Delete { name } => {
            let dropped = client.delete(&at(name, &[])).await?;
            let text = format!("{name} is dropped; deliveries called off: {}\n", member(&dropped, "cancelled"));
            cx.out.show(&dropped, |_| text)?;
            return Ok(Exit::Yes);
        }
        WebhooksAction::Show { name } => client.get(&at(name, &[]), &[]).await?,
        WebhooksAction::Add { name, url, keys } => {
            let mut definition = definition(keys, &settings::env)?;
            definition.extend([("name".to_owned(), json!(name)), ("url".to_owned(), json!(url))]);
            // Its test takes as long as its own deadline allows.
            client.post(&ROOT, &Value::Object(definition), Patience::Endless).await?
        }
        WebhooksAction::Change { name, url, unset, keys } => {
            let mut changes = definition(keys, &settings::env)?;
            changes.extend(url.iter().map(|url| ("url".to_owned(), json!(url))));
            for key in unset {
                if changes.insert(key.clone(), Value::Null).is_some() {
                    return Err(Failure::bad_usage(format!("{key:?} is given and taken back")));
                }
            }
            if changes.keys().all(|key| key == "skip_test") {
                return Err(Failure::bad_usage("nothing is to be changed")
                    .help("name what is: understudy webhooks change NAME --timeout 3s"));
            }
            client.patch(&at(name, &[]), &Value::Object(changes)).await?
        }
        WebhooksAction::Pause { name } => client.post(&at(name, &["pause"]), &json!({}), Patience::Usual).await?,
        WebhooksAction::Resume { name } => client.post(&at(name, &["resume"]), &json!({}), Patience::Usual).await?,
    };
    cx.out.show(&webhook, |paint| described(&webhook, paint))?;
    Ok(Exit::Yes)
}

fn at<'a>(name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    ROOT.into_iter().chain([name]).chain(more.iter().copied()).collect()
}

/// As `send`: 0 when the answer is a success, 1 when it is not, 3 when there is none.
async fn test(cx: &Context, client: &Client, name: &str) -> Result<Exit, Failure> {
    let tested = client.post(&at(name, &["test"]), &json!({}), Patience::Endless).await?;
    let took = tested["took_ms"].as_f64().unwrap_or_default();
    let came = match &tested["status"] {
        Value::Null => format!("{}: {}", member(&tested, "error"), member(&tested, "detail")),
        _ => format!("answered {}", member(&tested, "status")),
    };
    let passed = tested["passed"] == true;
    let exit = match passed {
        true => Exit::Yes,
        false if tested["status"].is_null() => Exit::CouldNotRun,
        false => Exit::No,
    };
    cx.out.show(&tested, |paint| {
        let word = if passed { "passed" } else { "failed" };
        format!("{name}  {}  {came}, {took:.0} ms\n", paint.paint(style_of(word), word))
    })?;
    Ok(exit)
}

/// What was given, with the keys of `[[webhook]]`.
fn definition(keys: &WebhookKeys, env: &dyn Fn(&str) -> Option<String>) -> Result<Map<String, Value>, Failure> {
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Value>| map.extend(value.map(|value| (key.to_owned(), value)));
    let list = |items: &[String]| (!items.is_empty()).then(|| json!(items));
    put("types", list(&keys.types));
    put("environment", keys.environment.as_ref().map(|word| json!(word)));
    put("dialect", keys.dialect.as_ref().map(|word| json!(word)));
    put("error_emails", list(&keys.error_emails));
    let secret = |given: &Secret| resolved(given, env);
    let auth = match &keys.auth {
        None => None,
        Some(GivenAuth::None) => Some(json!({ "type": "none" })),
        Some(GivenAuth::Basic(username, password)) => {
            Some(json!({ "type": "basic", "username": username, "password": secret(password)? }))
        }
        Some(GivenAuth::Bearer(token)) => Some(json!({ "type": "bearer", "token": secret(token)? })),
        Some(GivenAuth::Hmac(signs)) => Some(json!({ "type": "hmac", "secret": secret(signs)? })),
    };
    put("auth", auth);
    let mut headers = Map::new();
    for header in &keys.headers {
        headers.insert(header.name.clone(), json!(secret(&header.value)?));
    }
    put("headers", (!headers.is_empty()).then_some(Value::Object(headers)));
    put("retry", if keys.retry == ["none"] { Some(json!([])) } else { list(&keys.retry) });
    put("jitter", keys.jitter.map(|share| json!(share)));
    put("timeout", keys.timeout.as_ref().map(|span| json!(span)));
    put("success", keys.success.as_ref().map(|word| json!(word)));
    put("max_in_flight", keys.max_in_flight.map(|count| json!(count)));
    put("rate_limit", keys.rate_limit.as_ref().map(|rate| json!(rate)));
    put("order", keys.order.as_ref().map(|word| json!(word)));
    put("enabled", keys.enabled.map(|enabled| json!(enabled)));
    put("skip_test", keys.skip_test.then_some(Value::Bool(true)));
    Ok(map)
}

/// A secret as it was typed, or as the variable that it names has it.
fn resolved(given: &Secret, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Failure> {
    match given.expose().strip_prefix("env:") {
        None => Ok(given.expose().to_owned()),
        Some(name) => env(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            Failure::bad_usage(format!("the variable {name} is not set"))
                .help(format!("export {name}, or give the secret itself"))
        }),
    }
}

/// What it does with what it is owed.
fn state(webhook: &Value) -> &'static str {
    match (webhook["enabled"] == false, webhook["paused"] == true) {
        (true, _) => "disabled",
        (_, true) => "paused",
        _ => "running",
    }
}

fn types(webhook: &Value) -> String {
    let types = webhook["types"].as_array().into_iter().flatten();
    types.map(|one| super::text::cell(Some(one))).collect::<Vec<_>>().join(", ")
}

/// A page with what a table can show of lists and switches.
fn for_people(mut page: Value) -> Value {
    for webhook in page["items"].as_array_mut().into_iter().flatten() {
        let (state, types) = (state(webhook), types(webhook));
        webhook["state"] = json!(state);
        webhook["types"] = json!(types);
    }
    page
}

fn described(webhook: &Value, paint: Paint) -> String {
    let list = |key: &str| {
        let items = webhook[key].as_array().into_iter().flatten();
        items.map(|one| super::text::cell(Some(one))).collect::<Vec<_>>().join(", ")
    };
    let pairs = |value: &Value| {
        let members = value.as_object().into_iter().flatten();
        members.map(|(key, _)| format!("{} {}", super::text::clean(key), member(value, key))).collect::<Vec<_>>()
    };
    let state = state(webhook);
    let retry = match list("retry") {
        gaps if gaps.is_empty() => "none: a single attempt".to_owned(),
        gaps => format!("after {gaps}"),
    };
    record(&[
        ("webhook", member(webhook, "name")),
        ("state", paint.paint(style_of(state), state)),
        ("url", member(webhook, "url")),
        ("types", types(webhook)),
        ("environment", format!("{}, spoken to in {}", member(webhook, "environment"), member(webhook, "dialect"))),
        ("from", if webhook["origin"] == "file" { "the configuration".to_owned() } else { "the API".to_owned() }),
        ("auth", pairs(&webhook["auth"]).join(", ")),
        ("headers", pairs(&webhook["headers"]).join("\n")),
        ("error mails", list("error_emails")),
        ("retry", format!("{retry}, jitter {}", member(webhook, "jitter"))),
        ("success", format!("{} within {}", member(webhook, "success"), member(webhook, "timeout"))),
        ("at once", member(webhook, "max_in_flight")),
        ("per second", member(webhook, "rate_limit")),
        ("order", member(webhook, "order")),
        ("owed", format!("{} waiting, {} in flight", member(webhook, "waiting"), member(webhook, "in_flight"))),
        ("next due", member(webhook, "next_due")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};

    fn keys(line: &str) -> WebhookKeys {
        let words = ["understudy", "webhooks", "add", "a", "http://a/"].into_iter().map(str::to_owned);
        let words = words.chain(line.split('|').filter(|word| !word.is_empty()).map(str::to_owned));
        match Cli::read(words.map(Into::into)).expect("a command line").command {
            Command::Webhooks(WebhooksArgs { action: WebhooksAction::Add { keys, .. }, .. }) => keys,
            _ => panic!("another command"),
        }
    }

    #[test]
    fn options_become_the_keys_of_a_webhook() {
        let env = |name: &str| (name == "PASS").then(|| "s3cret".to_owned());
        for (line, expected) in [
            ("", json!({})),
            ("--type|Finished Step,Finished Journey", json!({ "types": ["Finished Step", "Finished Journey"] })),
            ("--retry|none", json!({ "retry": [] })),
            ("--retry|5m,10m|--jitter|0.1", json!({ "retry": ["5m", "10m"], "jitter": 0.1 })),
            (
                "--auth|basic:me:env:PASS|--header|X-A: env:PASS|--header|X-B: plain",
                json!({ "auth": { "type": "basic", "username": "me", "password": "s3cret" },
                        "headers": { "X-A": "s3cret", "X-B": "plain" } }),
            ),
            (
                "--auth|none|--enabled|false|--skip-test",
                json!({ "auth": { "type": "none" }, "enabled": false, "skip_test": true }),
            ),
            (
                "--max-in-flight|3|--rate-limit|50/s|--order|journey|--timeout|3s|--success|2xx",
                json!({ "max_in_flight": 3, "rate_limit": "50/s", "order": "journey", "timeout": "3s", "success": "2xx" }),
            ),
            (
                "--environment|live|--dialect|legacy|--error-email|a@example.com",
                json!({ "environment": "live", "dialect": "legacy", "error_emails": ["a@example.com"] }),
            ),
        ] {
            assert_eq!(Value::Object(definition(&keys(line), &env).expect("all is set")), expected, "{line}");
        }
        let failure = definition(&keys("--auth|bearer:env:NOWHERE"), &env).expect_err("not set");
        assert_eq!((failure.exit, failure.message.as_str()), (Exit::BadUsage, "the variable NOWHERE is not set"));
    }

    #[test]
    fn a_webhook_is_described() {
        let webhook = json!({
            "name": "mine", "origin": "api", "environment": "sandbox", "dialect": "current", "types": ["Finished Step", "*"],
            "url": "http://127.0.0.1:8080/\u{1b}", "error_emails": ["ops@example.com"], "enabled": true, "paused": true,
            "auth": { "type": "basic", "username": "me", "password": "***" }, "headers": { "X-A": "***" }, "retry": ["5m"],
            "jitter": 0.0, "timeout": "10s", "success": "200", "max_in_flight": 32, "rate_limit": null, "order": "none",
            "waiting": 2, "in_flight": 0, "next_due": null,
        });
        insta::assert_snapshot!(described(&webhook, Paint::Plain), @r"
        webhook      mine
        state        paused
        url          http://127.0.0.1:8080/\u{1b}
        types        Finished Step, *
        environment  sandbox, spoken to in current
        from         the API
        auth         password ***, type basic, username me
        headers      X-A ***
        error mails  ops@example.com
        retry        after 5m, jitter 0.0
        success      200 within 10s
        at once      32
        order        none
        owed         2 waiting, 0 in flight
        ");
    }
}
