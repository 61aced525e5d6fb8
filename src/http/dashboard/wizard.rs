//! The form of a webhook as the provider's portal has it: General, Authentication, Testing.
//!
//! It is saved only after its test has passed, unless the test is skipped. What was typed comes back with what was wrong;
//! secrets do not: a page never holds one.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::layout::Section;
use super::parts::{input, millis, select};
use super::trouble::{Trouble, sentence};
use super::visit::{Form, Pairs, Path, Visit};
use crate::app::webhooks::WebhookError;
use crate::chance::show_span;
use crate::message::{Auth, Endpoint, Outcome, Success};
use crate::provider::{Dialect, Environment, ProviderKind};

/// Rows for headers of one's own.
const HEADERS: usize = 4;

/// What the form says of its last sending.
enum Said {
    Nothing,
    Wrong(Vec<String>),
    Tested(bool, Box<Outcome>),
}

/// A new one.
pub(super) fn make(visit: &Visit) -> Result<Response, Trouble> {
    let typed = Pairs(vec![("types".to_owned(), "*".to_owned())]);
    Ok(page(visit, None, &typed, &Said::Nothing, StatusCode::OK))
}

/// A new one: tested, and saved where it was asked for.
pub(super) async fn made(visit: Visit, Form(typed): Form) -> Result<Response, Trouble> {
    let definition = definition(&typed, false);
    if typed.get("do") == Some("test") {
        let tried = visit.desk.app.try_webhook(Value::Object(definition), None).await;
        return answer(&visit, None, &typed, tried.map(|(passed, outcome)| (passed, Box::new(outcome))));
    }
    match visit.desk.app.make_webhook(Value::Object(definition), !typed.has("skip_test")).await {
        Ok(name) => Ok(visit.done(&format!("/webhooks/{name}"), format!("webhook {name} was saved and is active"))),
        Err(error) => answer(&visit, None, &typed, Err(error)),
    }
}

/// A change of one that was made here.
pub(super) fn edit(visit: &Visit, name: &str) -> Result<Response, Trouble> {
    let endpoint = editable(visit, name)?;
    Ok(page(visit, Some(name), &typed(visit, &endpoint), &Said::Nothing, StatusCode::OK))
}

/// A change of one: tested, and saved where it was asked for. Secrets that were left empty stay as they are.
pub(super) async fn edited(visit: Visit, Path(name): Path, Form(typed): Form) -> Result<Response, Trouble> {
    editable(&visit, &name)?;
    let mut changes = definition(&typed, true);
    changes.insert("name".to_owned(), name.as_str().into());
    if typed.get("do") == Some("test") {
        let tried = visit.desk.app.try_webhook(Value::Object(changes), Some(&name)).await;
        return answer(&visit, Some(&name), &typed, tried.map(|(passed, outcome)| (passed, Box::new(outcome))));
    }
    match visit.desk.app.change_webhook(&name, changes, !typed.has("skip_test")).await {
        Ok(()) => Ok(visit.done(&format!("/webhooks/{name}"), format!("webhook {name} was changed"))),
        Err(error) => answer(&visit, Some(&name), &typed, Err(error)),
    }
}

fn editable(visit: &Visit, name: &str) -> Result<std::sync::Arc<Endpoint>, Trouble> {
    let unknown = || Trouble::from(WebhookError::Unknown(name.to_owned()));
    let endpoint = visit.desk.app.endpoints.get(name).ok_or_else(unknown)?;
    match visit.desk.app.is_made(name) {
        true => Ok(endpoint),
        false => Err(WebhookError::Configured(name.to_owned()).into()),
    }
}

/// The page again with what came of it.
fn answer(
    visit: &Visit,
    name: Option<&str>,
    typed: &Pairs,
    came: Result<(bool, Box<Outcome>), WebhookError>,
) -> Result<Response, Trouble> {
    let said = match came {
        Ok((passed, outcome)) => Said::Tested(passed, outcome),
        Err(WebhookError::Failed(outcome)) => Said::Tested(false, outcome),
        Err(WebhookError::Wrong(complaints)) => {
            let one = |complaint: &crate::reader::Complaint| match &complaint.help {
                Some(help) => format!("{}; {help}", complaint.message),
                None => complaint.message.clone(),
            };
            Said::Wrong(complaints.list().iter().map(one).collect())
        }
        Err(error @ WebhookError::Taken(_)) => Said::Wrong(vec![Trouble::from(error).text().to_owned()]),
        Err(error) => return Err(error.into()),
    };
    let status = match said {
        Said::Tested(true, _) | Said::Nothing => StatusCode::OK,
        Said::Tested(false, _) | Said::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Ok(page(visit, name, typed, &said, status))
}

/// What was typed, as a definition. Of a change, an empty field takes its key back, and an empty secret is left out.
fn definition(typed: &Pairs, change: bool) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Value>| match value {
        Some(value) => drop(map.insert(key.to_owned(), value)),
        None if change => drop(map.insert(key.to_owned(), Value::Null)),
        None => {}
    };
    let text = |key: &str| typed.get(key).map(Value::from);
    for key in ["name", "environment", "dialect", "url", "timeout", "success"] {
        put(key, text(key));
    }
    let list = |values: Vec<&str>| (!values.is_empty()).then(|| json!(values));
    put("types", list(typed.all("types").collect()));
    let apart = |key: &str| {
        typed
            .get(key)
            .unwrap_or_default()
            .split([',', '\n', ' '])
            .map(str::trim)
            .filter(|one| !one.is_empty())
            .collect()
    };
    put("error_emails", list(apart("error_emails")));
    put("retry", list(apart("retry")));
    let kind = typed.get("auth").unwrap_or("none");
    let secrets: &[&str] = match kind {
        "basic" => &["username", "password"],
        "bearer" => &["token"],
        "hmac" => &["secret"],
        _ => &[],
    };
    let given: Map<String, Value> = secrets.iter().filter_map(|key| Some(((*key).to_owned(), text(key)?))).collect();
    // The method stays with its secrets where nothing of it was typed anew.
    let kept = change && typed.get("auth_before") == Some(kind) && !given.keys().any(|key| key != "username");
    if !kept {
        let mut auth = given;
        auth.insert("type".to_owned(), kind.into());
        put("auth", Some(Value::Object(auth)));
    }
    let header = |n: usize| Some((typed.get(&format!("header_{n}"))?.to_owned(), text(&format!("header_{n}_value"))?));
    let headers: Map<String, Value> = (1..=HEADERS).filter_map(header).collect();
    if !headers.is_empty() || typed.has("no_headers") {
        put("headers", Some(Value::Object(headers)));
    }
    map
}

/// An endpoint as somebody would have typed it, without its secrets.
fn typed(visit: &Visit, endpoint: &Endpoint) -> Pairs {
    let auth = match &endpoint.auth {
        Auth::None => "none",
        Auth::Basic { .. } => "basic",
        Auth::Bearer { .. } => "bearer",
        Auth::Hmac { .. } => "hmac",
    };
    let mut pairs = vec![
        ("environment", endpoint.environment.to_string()),
        ("dialect", endpoint.dialect.as_str().to_owned()),
        ("url", visit.desk.app.blanked(endpoint.url.as_str())),
        ("error_emails", endpoint.error_emails.join("\n")),
        ("retry", endpoint.retry.gaps.iter().map(|gap| show_span(*gap)).collect::<Vec<_>>().join(", ")),
        ("timeout", show_span(endpoint.timeout)),
        ("success", if endpoint.success == Success::Any2xx { "2xx" } else { "200" }.to_owned()),
        ("auth", auth.to_owned()),
        ("auth_before", auth.to_owned()),
    ];
    if let Auth::Basic { username, .. } = &endpoint.auth {
        pairs.push(("username", username.clone()));
    }
    pairs.extend(endpoint.types.iter().map(|kind| ("types", kind.clone())));
    Pairs(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn page(visit: &Visit, name: Option<&str>, typed: &Pairs, said: &Said, status: StatusCode) -> Response {
    let action = name.map_or("/webhooks/new".to_owned(), |name| format!("/webhooks/{name}/edit"));
    let title = name.map_or("Add webhook".to_owned(), |name| format!("Edit webhook {name}"));
    let body = html! {
        ol.wizard aria-label="Parts of this form" {
            li { a href="#general" { "General" } } li { a href="#authentication" { "Authentication" } } li { a href="#testing" { "Testing" } }
        }
        (outcome(said))
        form.stacked method="post" action=(action) #webhook-form {
            fieldset #general { legend { "1. General" } (general(visit, name, typed)) }
            fieldset #authentication { legend { "2. Authentication" } (authentication(visit, name.is_some(), typed)) }
            fieldset #testing { legend { "3. Testing" } (testing(typed)) }
        }
    };
    visit.page_as(status, Section::Webhooks, &title, &body)
}

/// What the form came to, above it.
fn outcome(said: &Said) -> Markup {
    html! {
        @match said {
            Said::Nothing => {}
            Said::Wrong(complaints) => {
                div.note.bad role="alert" #complaints {
                    strong { "Not saved" } ul { @for complaint in complaints { li { (sentence(complaint)) } } }
                }
            }
            Said::Tested(passed, outcome) => {
                div.note.(if *passed { "ok" } else { "bad" }) role=(if *passed { "status" } else { "alert" }) #test-result {
                    strong { @if *passed { "The test passed" } @else { "The test failed, so nothing was saved" } }
                    p { (sentence(&outcome.summary())) " It took " (millis(outcome.phases.total_us)) ". Secrets have to be typed again." }
                    @if let Some(response) = &outcome.response {
                        details #came-back open[!*passed] { summary { "What came back" }
                            pre { "HTTP " (response.status) "\n" @for (name, value) in &response.headers { (name) ": " (value) "\n" } "\n" (String::from_utf8_lossy(&response.body)) } }
                    }
                }
            }
        }
    }
}

fn general(visit: &Visit, name: Option<&str>, typed: &Pairs) -> Markup {
    let app = &visit.desk.app;
    let value = |key| typed.get(key).unwrap_or_default();
    let environments = [Environment::Sandbox, Environment::Live].map(|one| (one.to_string(), one.to_string()));
    let dialects: Vec<(String, String)> =
        Dialect::all(app.provider).iter().map(|one| (one.as_str().to_owned(), one.as_str().to_owned())).collect();
    let or = |key, default| if value(key).is_empty() { default } else { value(key) };
    let dialect = Dialect::parse(app.provider, or("dialect", app.dialect.as_str())).unwrap_or(app.dialect);
    html! {
        @if name.is_none() { (input("name", "name", "Name", value("name"), "letters, digits, dots, dashes")) }
        (select("environment", "environment", "Environment", &environments, or("environment", app.environment.as_str())))
        (input("url", "url", "URL", value("url"), "https://example.com/webhook, or /inbox/NAME"))
        fieldset.choices { legend { "Webhook type" }
            @for kind in std::iter::once("*").chain(dialect.event_types().iter().copied()) {
                label.tick { input type="checkbox" name="types" value=(kind) checked[typed.all("types").any(|one| one == kind)]; " " (if kind == "*" { "every type" } else { kind }) }
            }
        }
        div.field { label for="error_emails" { "Error reporting emails" }
            textarea id="error_emails" name="error_emails" rows="2" placeholder="ops@example.com" { (value("error_emails")) } }
        details { summary { "Delivery: retries, timeout, what counts as success" }
            (select("dialect", "dialect", "Dialect", &dialects, dialect.as_str()))
            (input("retry", "retry", "Retry after", value("retry"), "as the provider documents; 10s, 1m, 5m say"))
            (input("timeout", "timeout", "Timeout", value("timeout"), "10s"))
            (select("success", "success", "Success", &[("", "as the provider documents"), ("200", "exactly 200"), ("2xx", "any 2xx")].map(|(a, b)| (a.to_owned(), b.to_owned())), value("success")))
        }
    }
}

fn authentication(visit: &Visit, change: bool, typed: &Pairs) -> Markup {
    let chosen = typed.get("auth").unwrap_or("none");
    let way = |kind: &str, label: &str| {
        html! {
            label.tick for=(format!("auth-{kind}")) { input type="radio" name="auth" id=(format!("auth-{kind}")) value=(kind) checked[chosen == kind]; " " (label) }
        }
    };
    let keeps = if change { "empty: as it is" } else { "" };
    html! {
        @if let Some(before) = typed.get("auth_before") { input type="hidden" name="auth_before" value=(before); }
        (way("none", "No Authentication"))
        (way("basic", "Basic Authentication"))
        div.under { (input("username", "username", "Username", typed.get("username").unwrap_or_default(), "")) (secret("password", "Password", keeps)) }
        (way("bearer", "Bearer Token"))
        div.under { (secret("token", "Token", keeps)) }
        @if visit.desk.app.provider == ProviderKind::Qoreid {
            (way("hmac", "Signature (x-verifyme-signature)"))
            div.under { (secret("secret", "Secret key", keeps)) }
        }
        fieldset.choices { legend { "Custom HTTP headers" }
            @if change { p.faint { "Headers that are typed here stand in place of those that are there; without any they stay." } }
            @for n in 1..=HEADERS {
                @let key = format!("header_{n}");
                div.pair {
                    (input(&key, &key, &format!("Header {n}"), typed.get(&key).unwrap_or_default(), "X-Api-Key"))
                    (secret(&format!("{key}_value"), &format!("Value {n}"), ""))
                }
            }
            @if change { label.tick { input type="checkbox" name="no_headers" value="yes"; " no headers but these" } }
        }
    }
}

/// A line that is masked as it is typed. No field of a login: a browser is not to offer to keep it.
fn secret(name: &str, label: &str, hint: &str) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            input.masked type="text" id=(name) name=(name) placeholder=(hint) autocomplete="off" spellcheck="false";
        }
    }
}

fn testing(typed: &Pairs) -> Markup {
    html! {
        p { "A test request is sent to the URL; it has to be answered with success before the webhook is saved." }
        label.tick for="skip_test" { input type="checkbox" id="skip_test" name="skip_test" value="yes" checked[typed.has("skip_test")]; " Skip test" }
        div.actions {
            button type="submit" name="do" value="test" { "Test webhook" }
            button.primary type="submit" name="do" value="save" { "Save" }
            a href="/webhooks" { "Cancel" }
        }
    }
}
