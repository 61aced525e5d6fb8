//! `explain`: what a webhook gets, or who gets an event; every attempt that would be made, and who is mailed when. Sends nothing, asks nobody.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::local_url;
use super::text::{clean, record};
use super::{Context, Exit, Failure, settings};
use crate::chance::show_span;
use crate::cli::{ExplainArgs, Output};
use crate::config::Config;
use crate::message::plan::{Plan, Window, plan};
use crate::message::{Auth, Endpoint, Success};
use crate::portal::{Target, Webhook};
use crate::provider::Dialect;
use crate::secret::{BLANK, Redactor};

/// Explains one webhook, or every one that gets an event.
///
/// # Errors
/// A configuration that is wrong, a webhook or an event that there is not, an event that the webhook does not get.
pub(super) fn run(cx: &Context, args: &ExplainArgs) -> Result<Exit, Failure> {
    let config = settings::load(cx, &settings::overrides(cx))?;
    let named = config.webhooks.iter().any(|webhook| webhook.name == args.name);
    if let (false, None, Ok(kind)) = (named, &args.event, settings::event_type(config.dialect, &args.name)) {
        return everybody(cx, &config, kind);
    }
    let webhook = settings::webhook(&config, &args.name, Some("give an event's type"))?;
    let events = events(&config, webhook, args.event.as_deref())?;
    let plan = of(&config, webhook);
    let shape = shape(&config, webhook, &events, &plan);
    cx.out.show(&shape, |_| text(&config, &shape, &plan))?;
    Ok(Exit::Yes)
}

/// Explains every webhook that gets an event of the server's dialect.
fn everybody(cx: &Context, config: &Config, kind: &'static str) -> Result<Exit, Failure> {
    let gets = |webhook: &&Webhook| webhook.enabled && wants(webhook, config.dialect, kind, webhook);
    let mut said = format!("{kind}\n");
    let mut shapes = Vec::new();
    for webhook in config.webhooks.iter().filter(gets) {
        let plan = of(config, webhook);
        let shape = shape(config, webhook, &events(config, webhook, Some(kind))?, &plan);
        said.push_str(&format!("\n{}", text(config, &shape, &plan)));
        shapes.push(shape);
    }
    if shapes.is_empty() {
        return Err(Failure::no(format!("no webhook gets {kind:?}")));
    }
    match cx.out.format() {
        Output::Ndjson => shapes.iter().try_for_each(|shape| cx.out.json(shape))?,
        Output::Text | Output::Json => cx.out.show(&json!({ "event": kind, "webhooks": shapes }), |_| said)?,
    }
    Ok(Exit::Yes)
}

/// The plan of a webhook.
fn of(config: &Config, webhook: &Webhook) -> Plan {
    plan(&webhook.policy.retry, on_the_clock(config, webhook.policy.timeout), config.email.digest)
}

/// The types that a webhook gets, each with the other webhooks that get it too.
fn events(config: &Config, webhook: &Webhook, only: Option<&str>) -> Result<Vec<(&'static str, Vec<String>)>, Failure> {
    let only = only.map(|given| settings::event_type(webhook.dialect, given)).transpose()?;
    let receivers = |kind: &str| -> Vec<String> {
        let gets = |other: &&Webhook| other.enabled && wants(other, webhook.dialect, kind, webhook);
        config.webhooks.iter().filter(gets).map(|other| other.name.clone()).collect()
    };
    if let Some(kind) = only.filter(|kind| !wants(webhook, webhook.dialect, kind, webhook)) {
        let help = match receivers(kind).join(", ") {
            none if none.is_empty() => "no webhook gets it".to_owned(),
            some => format!("it goes to {some}"),
        };
        return Err(Failure::no(format!("the webhook {:?} does not get {kind:?}", webhook.name)).help(help));
    }
    let kinds = webhook.dialect.event_types().iter().copied().filter(|kind| match only {
        Some(only) => *kind == only,
        None => wants(webhook, webhook.dialect, kind, webhook),
    });
    let besides = |kind| receivers(kind).into_iter().filter(|name| *name != webhook.name).collect();
    Ok(kinds.map(|kind| (kind, besides(kind))).collect())
}

/// Whether `one` subscribes to a type of a dialect where `beside` belongs, be it enabled or not.
fn wants(one: &Webhook, dialect: Dialect, kind: &str, beside: &Webhook) -> bool {
    let endpoint = Endpoint { enabled: true, ..one.endpoint(&blank_base()) };
    one.dialect == dialect && endpoint.wants(kind, beside.environment)
}

fn blank_base() -> url::Url {
    url::Url::parse("http://127.0.0.1/").expect("a literal URL")
}

/// How much provider time passes in a span of real time, on a clock that nobody moves.
fn on_the_clock(config: &Config, span: Duration) -> Duration {
    Duration::try_from_secs_f64(span.as_secs_f64() * config.clock.mode.rate()).unwrap_or(Duration::MAX)
}

fn shape(config: &Config, webhook: &Webhook, events: &[(&str, Vec<String>)], plan: &Plan) -> Value {
    let policy = &webhook.policy;
    let redactor = Redactor::new(config.secrets().iter().map(|secret| secret.expose()));
    let url = match (&webhook.target, local_url(&config.server.listen.to_string())) {
        // The server chooses its port when it starts: the path is all there is to say.
        (Target::Inbox(path), None) => path.clone(),
        (_, base) => webhook.endpoint(&base.unwrap_or_else(blank_base)).url.to_string(),
    };
    let attempts: Vec<Value> = plan.attempts.iter().map(|a| json!({ "n": a.n, "starts": a.starts })).collect();
    let mailed = (!webhook.error_emails.is_empty()).then_some(plan.mailed);
    json!({
        "webhook": webhook.name,
        "environment": webhook.environment,
        "dialect": webhook.dialect.as_str(),
        "enabled": webhook.enabled,
        "url": redactor.text(&url),
        "auth": auth(&webhook.auth),
        "headers": webhook.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        "events": events.iter().map(|(kind, besides)| json!({ "type": kind, "also_to": besides })).collect::<Vec<_>>(),
        "success": if policy.success == Success::Any2xx { "2xx" } else { "200" },
        "timeout_ms": policy.timeout.as_secs_f64() * 1e3,
        "rate_limit_per_second": policy.rate_limit.map(|limit| limit.per_second),
        "max_in_flight": policy.max_in_flight,
        "order": if policy.ordered { "journey" } else { "none" },
        "attempts": attempts,
        "exhausted": plan.exhausted,
        "mail": {
            "to": webhook.error_emails,
            "composed": mailed,
            "digest_ms": config.email.digest.as_secs_f64() * 1e3,
            "sent": config.email.smtp.is_some(),
        },
    })
}

/// The kind of authentication, and nothing of its secrets.
fn auth(auth: &Auth) -> String {
    match auth {
        Auth::None => "none".to_owned(),
        Auth::Basic { username, .. } => format!("basic {username}:{BLANK}"),
        Auth::Bearer { .. } => format!("bearer {BLANK}"),
        Auth::Hmac { .. } => format!("hmac {BLANK}"),
    }
}

fn text(config: &Config, shape: &Value, plan: &Plan) -> String {
    let word = |key: &str| clean(shape[key].as_str().unwrap_or_default()).into_owned();
    let list = |value: &Value| {
        let words: Vec<String> =
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(one_line).collect();
        words.join(", ")
    };
    let millis = |value: &Value| show_span(Duration::from_secs_f64(value.as_f64().unwrap_or_default() / 1e3));
    let enabled = if shape["enabled"] == true { "yes" } else { "no: it gets no new deliveries, and pending ones wait" };
    let rate = shape["rate_limit_per_second"].as_f64().map_or("off".to_owned(), |rate| format!("{rate}/s"));
    let order = if shape["order"] == "journey" { "journey: one journey's events one after the other" } else { "none" };
    let in_flight = format!("{} at most", shape["max_in_flight"]);
    let about = record(&[
        ("webhook", word("webhook")),
        ("environment", word("environment")),
        ("dialect", word("dialect")),
        ("enabled", enabled.to_owned()),
        ("url", word("url")),
        ("auth", word("auth")),
        ("headers", list(&shape["headers"])),
        ("success", word("success")),
        ("timeout", millis(&shape["timeout_ms"])),
        ("rate limit", rate),
        ("in flight", in_flight),
        ("order", order.to_owned()),
    ]);
    let mut said = format!("{about}\nevents\n");
    for event in shape["events"].as_array().into_iter().flatten() {
        let besides = list(&event["also_to"]);
        let besides = if besides.is_empty() { String::new() } else { format!("  also to {besides}") };
        said.push_str(&format!("  {}{besides}\n", clean(event["type"].as_str().unwrap_or_default())));
    }
    said.push_str("\nif every attempt fails, by the provider's clock, from the first attempt\n");
    let mut fate: Vec<(String, String)> =
        plan.attempts.iter().map(|a| (format!("  attempt {}", a.n), spoken(a.starts))).collect();
    fate.push(("  given up".to_owned(), spoken(plan.exhausted)));
    let to = list(&shape["mail"]["to"]);
    let mailed = match (to.is_empty(), config.email.smtp.is_some()) {
        (true, _) => "nobody: it has no error_emails".to_owned(),
        (false, true) => format!("{}  to {to}", spoken(plan.mailed)),
        (false, false) => format!("{}  to {to}; kept and shown, because [email] has no smtp", spoken(plan.mailed)),
    };
    fate.push(("  mailed".to_owned(), mailed));
    let fate: Vec<(&str, String)> = fate.iter().map(|(label, value)| (label.as_str(), value.clone())).collect();
    said.push_str(&record(&fate));
    said.push_str("An attempt that has to wait for a slot, its rate or its order shifts what follows.\n");
    said
}

fn one_line(text: &str) -> String {
    clean(text).into_owned()
}

/// A window for people: `+5m`, or `+5m to +5m 10s`.
fn spoken(window: Window) -> String {
    match (window.earliest, window.latest) {
        (Duration::ZERO, Duration::ZERO) => "at once".to_owned(),
        (earliest, latest) if earliest == latest => format!("+{}", parts(earliest)),
        (earliest, latest) => format!("+{} to +{}", parts(earliest), parts(latest)),
    }
}

/// A span in its parts down to milliseconds: `5m 10s`.
fn parts(span: Duration) -> String {
    let mut rest = span.as_millis();
    let mut words = Vec::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= size {
            words.push(format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if words.is_empty() { "0s".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_spoken_in_parts() {
        let check = |earliest, latest, expected: &str| {
            let window = Window { earliest: Duration::from_millis(earliest), latest: Duration::from_millis(latest) };
            assert_eq!(spoken(window), expected);
        };
        check(0, 0, "at once");
        check(0, 10_000, "+0s to +10s");
        check(300_000, 300_000, "+5m");
        check(270_000, 341_500, "+4m 30s to +5m 41s 500ms");
        check(90_061_000, 90_061_000, "+1d 1h 1m 1s");
    }
}
