//! From the document's sections to [`Scenario`], with the complaints that a declaration cannot express.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::Value as Json;

use super::{
    Arrival, DataValue, Expect, FORMAT, Pace, Population, Require, Scenario, Spacing, StatusRule, Vocabulary, line,
};
use crate::message::DeliveryState;
use crate::portal::webhook::{Surroundings, check_event_type, webhooks};
use crate::portal::{DeliverySettings, EmailSettings, PolicyOverrides, flow};
use crate::provider::{Dialect, Flow, ProviderKind, idwise, qoreid};
use crate::reader::nearest::listed;
use crate::reader::{Item, Reading, Section, Value, nearest};
use crate::rng::Seed;

/// The whole scenario; `None` only after a complaint.
pub(super) fn scenario(reading: &mut Reading<'_>, root: &Section, cx: &Vocabulary<'_>) -> Option<Scenario> {
    if let Some(format) = root.whole("format").filter(|format| *format > FORMAT) {
        // What else is strange in a newer form is not strange there: one complaint is the honest number.
        reading.forget();
        let message = format!("this file has format {format}; this version of understudy reads format {FORMAT}");
        reading.complain_of(root, "format", message, Some("play it with a newer version".to_owned()));
        return None;
    }
    later(reading, root);
    let name = name(reading, root);
    let (pace, start) = clock(reading, root.table("clock")?)?;
    let population = root.table("population").and_then(|table| population(reading, table));
    let dialect = dialect(reading, root, cx.dialect);
    let provider = dialect.provider();
    let other = provider != cx.dialect.provider();
    let data = data(reading, root, provider);
    let workflows = (provider == ProviderKind::Qoreid).then_some(cx.qoreid);
    // A configuration of another provider has no flows for this one, and delivers in another manner.
    let products = workflows.filter(|_| other).map(flow::products).unwrap_or_default();
    let configured = if other { &products } else { cx.flows };
    let mut flows = flow::flows(reading, root, &[], cx.finished_journey_on_review, workflows);
    let set = if other { PolicyOverrides::default() } else { cx.delivery.set.clone() };
    let base = DeliverySettings { set, ..cx.delivery.clone() };
    let delivery = match root.table("delivery") {
        Some(table) => DeliverySettings::read(reading, table, &base, dialect),
        None => DeliverySettings { policy: base.policy_in(dialect), ..base },
    };
    let email = root.table("email").map(|table| EmailSettings::read(reading, table, cx.email));
    let around = Surroundings { environment: cx.environment, delivery: &delivery, dialect };
    let webhooks = webhooks(reading, root, around);
    let expect = expect(reading, root.table("expect")?, dialect);
    let require = require(reading, root.table("require")?);
    let journey = root.table("journey")?;
    let flow = chosen_flow(reading, journey, &flows, configured);
    if other && flow.as_ref().is_some_and(|flow| flows.iter().all(|known| known.id() != flow.id())) {
        flows.extend(flow.clone());
    }
    let (steps, meanwhile) = line::lines(reading, journey, provider, flow.as_ref());
    Some(Scenario {
        file: reading.file().to_owned(),
        name: name?,
        dialect,
        seed: root.whole("seed").and_then(|seed| u64::try_from(seed).ok()).map(Seed),
        pace,
        start,
        strict: root.switch("strict")?,
        population,
        data,
        flow: flow?,
        steps,
        meanwhile,
        expect,
        require,
        flows,
        webhooks,
        delivery,
        email,
    })
}

/// The dialect that is played: the file's, or today's of the provider that it names, or the configured one.
fn dialect(reading: &mut Reading<'_>, root: &Section, configured: Dialect) -> Dialect {
    let named: Option<ProviderKind> = root.text("provider").and_then(|word| word.parse().ok());
    let around = match named {
        Some(provider) if provider != configured.provider() => Dialect::current(provider),
        _ => configured,
    };
    let Some(text) = root.text("dialect") else { return around };
    Dialect::parse(around.provider(), text).unwrap_or_else(|message| {
        reading.complain_of(root, "dialect", message, None);
        around
    })
}

fn later(reading: &mut Reading<'_>, root: &Section) {
    for key in ["faults", "probe"] {
        if root.given(key) {
            let help = Some("remove the table".to_owned());
            reading.complain_of(root, key, format!("[{key}] is not available yet"), help);
        }
    }
}

fn name(reading: &mut Reading<'_>, root: &Section) -> Option<String> {
    let name = root.text("name")?;
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        let help = Some("say what the scenario is about, in one line".to_owned());
        reading.complain_of(root, "name", "\"name\" must be one line of text", help);
    }
    Some(name.to_owned())
}

fn clock(reading: &mut Reading<'_>, table: &Section) -> Option<(Pace, Option<crate::clock::Timestamp>)> {
    let rate = table.number("rate")?;
    let mode = table.text("mode")?;
    let pace = match mode {
        "scaled" => Pace::Scaled(rate),
        "real" => Pace::Real,
        _ => Pace::Leap,
    };
    if table.given("rate") && !matches!(pace, Pace::Scaled(_)) {
        let help = Some("write mode = \"scaled\", or remove the rate".to_owned());
        reading.complain_of(table, "rate", format!("a clock of mode {mode:?} has no rate"), help);
    }
    Some((pace, table.instant("start")))
}

fn population(reading: &mut Reading<'_>, table: &Section) -> Option<Population> {
    let mut arrive = Vec::new();
    for stage in table.tables("arrive") {
        let rates: Vec<f64> = stage
            .list("rate")
            .iter()
            .filter_map(|item| match item.value {
                Value::Number(rate) => Some(rate),
                _ => None,
            })
            .collect();
        let span = stage.duration("for")?;
        if span.is_zero() {
            reading.complain_of(stage, "for", "a stage of arrive cannot last \"0s\"", None);
        }
        match rates[..] {
            [rate] => arrive.push(Arrival { span, from: rate, to: rate }),
            [from, to] => arrive.push(Arrival { span, from, to }),
            _ => {
                let help = Some("write rate = 50, or rate = [5, 50]".to_owned());
                reading.complain_of(stage, "rate", "\"rate\" must be one number, or from and to", help);
            }
        }
    }
    if arrive.iter().all(|stage| stage.from <= 0.0 && stage.to <= 0.0) && !table.faulty.contains("arrive") {
        let help = Some("write arrive = [{ for = \"1m\", rate = 50 }]".to_owned());
        reading.complain_of(table, "arrive", "no journey would ever start", help);
    }
    let spacing = if table.text("spacing")? == "even" { Spacing::Even } else { Spacing::Poisson };
    Some(Population { journeys: u64::try_from(table.whole("journeys")?).ok()?, spacing, arrive })
}

fn data(reading: &mut Reading<'_>, root: &Section, provider: ProviderKind) -> BTreeMap<String, DataValue> {
    let mut data = BTreeMap::new();
    for (name, _, item) in root.map("data") {
        if let Some(value) = data_value(reading, name, item) {
            if name == "reference_no" {
                check_reference_no(reading, item, &value, provider);
            }
            data.insert(name.clone(), value);
        }
    }
    data
}

fn data_value(reading: &mut Reading<'_>, name: &str, item: &Item) -> Option<DataValue> {
    let Json::Object(members) = &item.shown else {
        return Some(DataValue::Literal(item.shown.clone()));
    };
    let mut refuse = |message: String| {
        let help = "write a text, { sequence = \"KYC-{n}\" } or { edge = \"text\" }".to_owned();
        reading.complain(item.span.clone(), message, Some(help));
        None
    };
    let mut pairs = members.iter();
    let (Some((form, value)), None) = (pairs.next(), pairs.next()) else {
        return refuse(format!("{name:?} must have one form, not {}", members.len()));
    };
    match (form.as_str(), value.as_str()) {
        ("sequence", Some(pattern)) if pattern.contains("{n}") => Some(DataValue::Sequence(pattern.to_owned())),
        ("sequence", _) => refuse(format!("the sequence of {name:?} lacks its {{n}}, the journey's number")),
        ("edge", Some("text")) => Some(DataValue::EdgeText),
        ("edge", _) => refuse(format!("the edge of {name:?} can only be \"text\"")),
        _ => refuse(format!("{form:?} is not a form of data")),
    }
}

fn check_reference_no(reading: &mut Reading<'_>, item: &Item, value: &DataValue, provider: ProviderKind) {
    let example = match value {
        DataValue::Literal(Json::String(text)) => text.clone(),
        DataValue::Sequence(pattern) => pattern.replace("{n}", "1"),
        _ => {
            let help = Some("write a text, or { sequence = \"KYC-{n}\" }".to_owned());
            reading.complain(item.span.clone(), "\"reference_no\" must be a text or a sequence", help);
            return;
        }
    };
    let checked = match provider {
        ProviderKind::Idwise => idwise::check_reference(&example),
        ProviderKind::Qoreid => qoreid::check_reference(&example),
    };
    if let Err(why) = checked {
        reading.complain(item.span.clone(), format!("\"reference_no\" is wrong: {why}"), None);
    }
}

fn chosen_flow(reading: &mut Reading<'_>, journey: &Section, own: &[Flow], configured: &[Flow]) -> Option<Flow> {
    let id = journey.text("flow")?;
    let found = own.iter().chain(configured).find(|flow| flow.id() == id);
    if found.is_none() {
        let known: Vec<&str> = own.iter().chain(configured).map(Flow::id).collect();
        let help = match nearest(id, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if known.is_empty() => "add a [[flow]] to the configuration, or to this file".to_owned(),
            None => format!("there is {}; add a [[flow]] to the configuration, or to this file", listed(known)),
        };
        reading.complain_of(journey, "flow", format!("there is no flow {id:?}"), Some(help));
    }
    found.cloned()
}

fn expect(reading: &mut Reading<'_>, table: &Section, dialect: Dialect) -> Expect {
    let events = table.item("events").map(|_| {
        let items = table.list("events");
        items
            .iter()
            .filter_map(|item| {
                let text = item.text()?;
                check_event_type(reading, item, text, dialect.event_types(), "");
                Some(text.to_owned())
            })
            .collect()
    });
    Expect {
        status: table.item("status").map(|item| status(reading, item)).unwrap_or_default(),
        within: table.duration("within"),
        attempts: table.whole("attempts").and_then(|n| u32::try_from(n).ok()),
        events,
        mails: table.whole("mails").and_then(|n| u64::try_from(n).ok()),
        state: table.text("state").map(|state| match state {
            "exhausted" => DeliveryState::Exhausted,
            _ => DeliveryState::Delivered,
        }),
        final_decision: table.text("final").map(str::to_owned),
    }
}

fn status(reading: &mut Reading<'_>, item: &Item) -> Vec<StatusRule> {
    let rules: Option<Vec<StatusRule>> = match &item.shown {
        Json::Array(items) if !items.is_empty() => items.iter().map(status_rule).collect(),
        one => status_rule(one).map(|rule| vec![rule]),
    };
    rules.unwrap_or_else(|| {
        let help = Some("write 200, \"4xx\", or a list such as [401, 403]".to_owned());
        reading.complain(item.span.clone(), "\"status\" is not an HTTP status", help);
        Vec::new()
    })
}

fn status_rule(value: &Json) -> Option<StatusRule> {
    match value {
        Json::Number(n) => {
            n.as_u64().and_then(|n| u16::try_from(n).ok()).filter(|n| (100..600).contains(n)).map(StatusRule::Exactly)
        }
        Json::String(text) => {
            let hundred = text.strip_suffix("xx").filter(|digit| digit.len() == 1)?.parse().ok()?;
            (1..6).contains(&hundred).then_some(StatusRule::Hundred(hundred))
        }
        _ => None,
    }
}

fn require(reading: &mut Reading<'_>, table: &Section) -> Require {
    Require { checks: parsed(reading, table, "checks"), stop_when: parsed(reading, table, "stop_when") }
}

/// Texts of a list that are a language of their own; each is complained of where it stands.
fn parsed<T: FromStr<Err = String>>(reading: &mut Reading<'_>, table: &Section, key: &str) -> Vec<T> {
    let mut all = Vec::new();
    for item in table.list(key) {
        match item.text().map(str::parse::<T>) {
            Some(Ok(one)) => all.push(one),
            Some(Err(message)) => reading.complain(item.span.clone(), message, None),
            None => {}
        }
    }
    all
}
