//! From the document's sections to [`Config`], with the complaints that a declaration cannot express.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    ApiKey, ClockSettings, Config, Dialect, Engine, IdwiseSettings, OutboxSettings, ProviderKind, QoreidSettings,
    ServerSettings, schedule, spec,
};
use crate::chance::{Weights, show_span};
use crate::clock::ClockMode;
use crate::message::Success;
use crate::portal::webhook::{Surroundings, webhooks};
use crate::portal::{DeliverySettings, EmailSettings, flow};
use crate::provider::{Environment, qoreid};
use crate::reader::{Item, Origin, Reading, Section, Shown, shown};
use crate::rng::Seed;

/// The whole configuration; `None` only after a complaint.
pub(super) fn config(reading: &mut Reading<'_>, root: &Section) -> Option<Config> {
    let environment: Environment = root.text("environment")?.parse().ok()?;
    let provider: ProviderKind = root.text("provider")?.parse().ok()?;
    let dialect = dialect(reading, root, provider);
    let server = server(reading, root.table("server")?);
    let outbox = outbox(reading, root.table("outbox")?);
    let clock = clock(reading, root.table("clock")?);
    let delivery = DeliverySettings::read(reading, root.table("delivery")?, &DeliverySettings::of(dialect), dialect);
    let email = EmailSettings::read(reading, root.table("email")?, &EmailSettings::default());
    let idwise = idwise(root.table("idwise")?);
    let qoreid = qoreid(root.table("qoreid")?)?;
    let workflows = (provider == ProviderKind::Qoreid).then_some(&qoreid.like);
    let mut flows = workflows.map(flow::products).unwrap_or_default();
    let own = flow::flows(reading, root, &flows, idwise.finished_journey_on_review, workflows);
    flows.extend(own);
    let schedule = schedule::jobs(reading, root, provider);
    let around = Surroundings { environment, delivery: &delivery, dialect };
    let webhooks = webhooks(reading, root, around);
    Some(Config {
        provider,
        dialect,
        environment,
        seed: root.whole("seed").and_then(|seed| u64::try_from(seed).ok()).map(Seed),
        server: server?,
        outbox: outbox?,
        clock: clock?,
        resolved: resolved(root, &delivery),
        delivery,
        email,
        idwise,
        qoreid,
        flows,
        schedule,
        webhooks,
    })
}

/// Every value as it is shown. The declaration states the defaults of today's IDWise; what is played may have others.
fn resolved(root: &Section, delivery: &DeliverySettings) -> Vec<Shown> {
    let mut list = shown(&spec::ROOT, root);
    for shown in list.iter_mut().filter(|shown| shown.table == "[delivery]" && shown.origin == Origin::Default) {
        let policy = &delivery.policy;
        match shown.key.as_str() {
            "retry" => shown.value = policy.retry.gaps.iter().map(|gap| show_span(*gap)).collect(),
            "timeout" => shown.value = show_span(policy.timeout).into(),
            "success" => shown.value = if policy.success == Success::Any2xx { "2xx" } else { "200" }.into(),
            _ => {}
        }
    }
    list
}

/// The dialect that is played; the provider's present one after a complaint.
fn dialect(reading: &mut Reading<'_>, root: &Section, provider: ProviderKind) -> Dialect {
    let text = root.text("dialect").unwrap_or("current");
    Dialect::parse(provider, text).unwrap_or_else(|message| {
        reading.complain_of(root, "dialect", message, None);
        Dialect::current(provider)
    })
}

/// The shortest token that is accepted: a shorter one could be guessed, or blanked out of nothing.
const SHORTEST_TOKEN: usize = 8;

fn server(reading: &mut Reading<'_>, section: &Section) -> Option<ServerSettings> {
    let text = section.text("listen")?;
    let listen = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let listen: Option<SocketAddr> = listen.as_deref().unwrap_or(text).parse().ok();
    if listen.is_none() {
        let help = Some("write an address and a port, like \"127.0.0.1:4740\" or \"[::1]:4740\"".to_owned());
        reading.complain_of(section, "listen", format!("\"listen\" is not an address with a port: {text:?}"), help);
    }
    let token = section.secret("token");
    if token.as_ref().is_some_and(|token| token.expose().len() < SHORTEST_TOKEN) {
        let message = format!("\"token\" is shorter than {SHORTEST_TOKEN} characters");
        reading.complain_of(section, "token", message, Some("draw one: openssl rand -hex 16".to_owned()));
    }
    if token.as_ref().is_some_and(|token| !token.expose().chars().all(|c| c.is_ascii_graphic())) {
        reading.complain_of(section, "token", "\"token\" must be visible ASCII characters without spaces", None);
    }
    // A token that was complained of is a token still: one complaint is enough.
    if listen.is_some_and(|listen| !listen.ip().is_loopback()) && token.is_none() && !section.given("token") {
        let help = "set token = \"env:UNDERSTUDY_TOKEN\", or listen on 127.0.0.1".to_owned();
        let message = format!("\"listen\" is open to other machines ({text}), and there is no \"token\"");
        reading.complain_of(section, "listen", message, Some(help));
    }
    Some(ServerSettings { listen: listen?, token, grace: section.duration("grace")? })
}

fn outbox(reading: &mut Reading<'_>, section: &Section) -> Option<OutboxSettings> {
    let path = section.text("path")?;
    if path.is_empty() || path.contains('\0') {
        let help = Some("name a directory, \".understudy\" say".to_owned());
        reading.complain_of(section, "path", "\"path\" cannot be a directory's name", help);
    }
    if section.given("url") {
        let help = Some("remove it: sled and memory need none".to_owned());
        reading.complain_of(section, "url", "the outbox's \"url\" is for postgres, which is not available yet", help);
    }
    let engine = if section.text("engine")? == "memory" { Engine::Memory } else { Engine::Sled };
    Some(OutboxSettings { engine, path: PathBuf::from(path), retention: section.duration("retention")? })
}

fn clock(reading: &mut Reading<'_>, section: &Section) -> Option<ClockSettings> {
    let rate = section.number("rate")?;
    let mode = match section.text("mode")? {
        "scaled" => ClockMode::Scaled { rate },
        "manual" => ClockMode::Manual,
        _ => ClockMode::Real,
    };
    if section.given("rate") && rate != 1.0 && !matches!(mode, ClockMode::Scaled { .. }) {
        let help = Some("write mode = \"scaled\", or remove the rate".to_owned());
        reading.complain_of(section, "rate", format!("a {} clock has no rate", mode.name()), help);
    }
    Some(ClockSettings { mode, start: section.instant("start") })
}

/// docs.idwise.com/reference/get-journey-summary: the least time between two calls.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(2);

fn idwise(section: &Section) -> IdwiseSettings {
    let key = |name: &str| {
        let table = section.table(name)?;
        Some(ApiKey { key: table.text("api_key")?.to_owned(), secret: table.secret("api_secret")? })
    };
    let keys: BTreeMap<Environment, ApiKey> = [Environment::Sandbox, Environment::Live]
        .into_iter()
        .filter_map(|environment| Some((environment, key(environment.as_str())?)))
        .collect();
    let finished_journey_on_review = section.switch("finished_journey_on_review").unwrap_or_default();
    let summary_interval = (section.text("summary_interval") == Some("2s")).then_some(SUMMARY_INTERVAL);
    IdwiseSettings { finished_journey_on_review, summary_interval, keys }
}

fn qoreid(section: &Section) -> Option<QoreidSettings> {
    let status = |(word, weight): &(String, f64)| Some((word.parse().ok()?, *weight));
    let downtime = match section.switch("network_downtime_handling")? {
        true => qoreid::Downtime::Queues,
        false => qoreid::Downtime::Fails,
    };
    let like = qoreid::Flow {
        processing: section.span_draw("processing")?,
        status: Weights::new(section.weights("status")?.iter().filter_map(status).collect())?,
        casing: section.text("status_case")?.parse().ok()?,
        downtime,
        down: section.list("down").iter().filter_map(Item::text).filter_map(|word| word.parse().ok()).collect(),
        ..qoreid::Flow::of(qoreid::Product::Workflow)
    };
    let key = |name: &str| {
        let table = section.table(name)?;
        Some(ApiKey { key: table.text("client_id")?.to_owned(), secret: table.secret("secret")? })
    };
    let environments = [(Environment::Sandbox, "test"), (Environment::Live, "live")];
    let keys = environments.into_iter().filter_map(|(environment, name)| Some((environment, key(name)?))).collect();
    Some(QoreidSettings { like, keys })
}
