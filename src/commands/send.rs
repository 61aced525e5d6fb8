//! `send`: one event now, to a URL or a configured webhook, and what came of it.
//!
//! Goes through the same transport as every delivery, once: no retry, no outbox, no mail.

mod curl;
mod tree;

use std::io::Read as _;
use std::path::Path;

use anstyle::AnsiColor;
use bytes::Bytes;
use serde_json::{Value, json};

use super::client::local_url;
use super::text::{clean, clean_lines};
use super::{Context, Exit, Failure, settings};
use crate::cli::SendArgs;
use crate::cli::values::Setting;
use crate::clock::{Clock as _, ClockMode, ProviderClock};
use crate::config::Config;
use crate::ids::EventId;
use crate::message::{Auth, Endpoint, Message, Outcome, Success};
use crate::portal::target::{Target, target};
use crate::provider::{self, Dialect};
use crate::rng::Seed;
use crate::secret::Redactor;
use crate::transport::{HttpSettings, HttpTransport, Transport as _};
use tree::Tree;

/// No body larger than this is read from a file: no webhook takes one.
const BODY_MAX: u64 = 16 << 20;

/// Sends, or prints what would.
///
/// # Errors
/// An event, target or body that cannot be; a transport that cannot be set up.
pub(super) async fn run(cx: &Context, args: &SendArgs) -> Result<Exit, Failure> {
    let config = settings::load(cx, &settings::overrides(cx))?;
    let endpoint = endpoint(&config, &args.to)?;
    let kind = args.event.as_deref().map(|given| settings::event_type(endpoint.dialect, given)).transpose()?;
    let redactor = Redactor::new(config.secrets().iter().map(|secret| secret.expose()));
    let message = message(cx, args, endpoint.dialect, kind)?;
    if args.print_curl {
        let body = match args.body.as_deref() {
            Some(path) => curl::Body::File(path),
            None => curl::Body::Text(&message.body),
        };
        let curl = curl::command(&endpoint, &body, &redactor);
        cx.out.show(&json!({ "curl": curl }), |_| format!("{curl}\n"))?;
        return Ok(Exit::Yes);
    }
    let settings = HttpSettings {
        reach: config.delivery.reach.clone(),
        source_ip: config.delivery.source_ip,
        redactor,
        ..HttpSettings::default()
    };
    let transport =
        HttpTransport::new(settings).map_err(|error| Failure::could_not_run(format!("failed to {error}")))?;
    let outcome = transport.send(&endpoint, &message).await;
    report(cx, &endpoint, &message, &outcome)
}

/// A configured webhook by its name, or one made up for a URL.
fn endpoint(config: &Config, to: &str) -> Result<Endpoint, Failure> {
    let inbox = local_url(&config.server.listen.to_string());
    let no_port = || {
        Failure::bad_usage("the configured server chooses its port when it starts, so its inbox has no address yet")
            .help("send to a whole URL")
    };
    if let Some(webhook) = config.webhooks.iter().find(|webhook| webhook.name == to) {
        let base = match (&webhook.target, inbox) {
            (Target::Inbox(_), None) => return Err(no_port()),
            // Not looked at: the webhook's URL is whole.
            (Target::Url(url), _) => url.clone(),
            (Target::Inbox(_), Some(base)) => base,
        };
        return Ok(webhook.endpoint(&base));
    }
    if !to.contains("://") && !to.starts_with('/') {
        settings::webhook(config, to, Some("send to a URL"))?;
    }
    let url = match target(to) {
        Ok(Target::Url(url)) => url,
        Ok(Target::Inbox(path)) => inbox.and_then(|base| base.join(&path).ok()).ok_or_else(no_port)?,
        Err((message, help)) => return Err(Failure { help, ..Failure::bad_usage(message) }),
    };
    let policy = &config.delivery.policy;
    Ok(Endpoint {
        name: "send".to_owned(),
        environment: config.environment,
        dialect: config.dialect,
        types: vec!["*".to_owned()],
        url,
        error_emails: Vec::new(),
        auth: Auth::None,
        headers: Vec::new(),
        enabled: true,
        retry: policy.retry.clone(),
        success: policy.success,
        timeout: policy.timeout,
        max_in_flight: 1,
        rate_limit: None,
        ordered: false,
        response_body_max: policy.response_body_max,
    })
}

fn message(cx: &Context, args: &SendArgs, dialect: Dialect, kind: Option<&'static str>) -> Result<Message, Failure> {
    let minted = EventId::by_hand(Seed::fresh(), 1);
    let body = match (&args.body, kind) {
        // curl reads the file itself: it may be one that only comes to be later.
        (Some(_), _) if args.print_curl => Bytes::new(),
        (Some(path), _) => read_body(path)?,
        (None, Some(kind)) => {
            let body = provider::test_event(dialect, kind, minted).ok_or_else(|| {
                Failure::bad_usage(format!("there is no test event of type {kind:?}")).help("give its body with --body")
            })?;
            changed(cx, body.body, &args.set)?
        }
        (None, None) => return Err(Failure::bad_usage("there is nothing to send").help("name an EVENT, or a --body")),
    };
    let named = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let text = |pointer: &str| named.pointer(pointer).and_then(Value::as_str);
    Ok(Message {
        event_id: text("/body/eventId").and_then(|id| id.parse().ok()).unwrap_or(minted),
        event_type: kind.or_else(|| text("/event")).unwrap_or("unknown").to_owned().into(),
        journey_id: None,
        sequence: 0,
        environment: crate::provider::Environment::Sandbox,
        created_at: ProviderClock::new(ClockMode::Real, None).now(),
        body,
        forms: Vec::new(),
    })
}

/// The body with every setting put in; untouched bytes where there is none.
fn changed(cx: &Context, body: Vec<u8>, settings: &[Setting]) -> Result<Bytes, Failure> {
    if settings.is_empty() {
        return Ok(body.into());
    }
    let mut tree = Tree::read(&body)?;
    for Setting { path, value } in settings {
        if let tree::Put::Added { near } = tree.put(path, Tree::of_word(value))? {
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            cx.out.talk(&format!("note: {} is a new key{}", clean(path), clean(&hint)));
        }
    }
    Ok(tree.to_bytes().into())
}

fn read_body(path: &Path) -> Result<Bytes, Failure> {
    let shown = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let mut body = Vec::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().take(BODY_MAX + 1).read_to_end(&mut body),
        false => std::fs::File::open(path).and_then(|file| file.take(BODY_MAX + 1).read_to_end(&mut body)),
    };
    read.map_err(|error| Failure::bad_usage(format!("cannot read {shown}: {error}")))?;
    if body.len() as u64 > BODY_MAX {
        return Err(Failure::bad_usage(format!("{shown} is larger than 16 MiB")));
    }
    Ok(body.into())
}

fn report(cx: &Context, endpoint: &Endpoint, message: &Message, outcome: &Outcome) -> Result<Exit, Failure> {
    let exit = match outcome.status {
        None => Exit::CouldNotRun,
        Some(status) if endpoint.success.holds(status) => Exit::Yes,
        Some(_) => Exit::No,
    };
    let answer = outcome.response.as_ref();
    let shape = json!({
        "exit_code": exit.code(),
        "exit_reason": exit.reason(),
        "event_type": message.event_type,
        "event_id": message.event_id,
        "url": outcome.request.url,
        "status": outcome.status,
        "error": outcome.error,
        "detail": outcome.detail,
        "took_ms": outcome.took().as_secs_f64() * 1e3,
        "request": {
            "method": outcome.request.method,
            "headers": outcome.request.headers,
            "body": String::from_utf8_lossy(&message.body),
        },
        "response": answer.map(|answer| json!({
            "status": answer.status,
            "headers": answer.headers,
            "body": String::from_utf8_lossy(&answer.body),
            "truncated": answer.truncated,
        })),
    });
    cx.out.show(&shape, |paint| {
        let colour = if exit == Exit::Yes { AnsiColor::Green } else { AnsiColor::Red };
        let said = paint.paint(colour.on_default(), &clean(&outcome.summary()));
        let body = answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default();
        let body = clean_lines(body.trim_end()).into_owned();
        let end = if body.is_empty() { "" } else { "\n" };
        format!("{said} in {:.0} ms\n{body}{end}", outcome.took().as_secs_f64() * 1e3)
    })?;
    cx.out.talk(&format!("{} {} to {}", message.event_type, message.event_id, clean(endpoint.url.as_str())));
    if exit == Exit::No {
        let rule = if endpoint.success == Success::Only200 { "only 200 is" } else { "only 2xx is" };
        cx.out.talk(&format!("refused: {} is no success, {rule}", outcome.status.unwrap_or_default()));
    }
    Ok(exit)
}

#[cfg(test)]
mod tests;
