//! The shipped file against the declaration, and what the configuration promises.

use std::collections::BTreeSet;

use super::*;
use crate::message::{Auth, Reach, SmtpSecurity};
use crate::portal::{DeliveryPolicy, Target};
use crate::reader::{Kind, Origin, Table};

fn env(name: &str) -> Option<String> {
    let known = ["UNDERSTUDY_TOKEN", "DEMO_KEY", "DEMO_TOKEN", "DEMO_PASSWORD", "MAIL_PASSWORD", "SECRET"];
    known.contains(&name).then(|| format!("hunter2-{name}"))
}

fn load(text: &str) -> Result<Config, Complaints> {
    Config::load(Source { name: "webhooks.toml", text }, &Overrides::none(), &env)
}

#[test]
fn the_shipped_file_works_as_it_is_and_states_the_defaults() {
    let no_env = |_: &str| None;
    let shipped = Config::load(Source { name: "webhooks.toml", text: SHIPPED }, &Overrides::none(), &no_env);
    let shipped = shipped.unwrap_or_else(|complaints| panic!("{complaints}"));
    let empty = load("").expect("an empty file is valid");
    assert_eq!(shipped.flows.len(), 1);
    assert_eq!(shipped.webhooks[0].target, Target::Inbox("/inbox/demo".to_owned()));
    let mut bare = shipped.clone();
    bare.flows.clear();
    bare.webhooks.clear();
    bare.schedule.clear();
    bare.resolved = empty.resolved.clone();
    // What the file sets by hand is what is the default.
    bare.delivery.set = empty.delivery.set.clone();
    assert_eq!(bare, empty);
    assert_eq!(empty.delivery, DeliverySettings::default());
    assert_eq!(empty.delivery.policy, DeliveryPolicy::default());
    assert_eq!(empty.email, EmailSettings::default());
    let minimal = load("[[webhook]]\nname = \"demo\"\nurl = \"/inbox/demo\"\n").expect("valid");
    assert_eq!(shipped.webhooks, minimal.webhooks, "the shipped webhook states the defaults of its keys");
    let job = "[[schedule]]\nname = \"renewals\"\ncron = \"0 0 2 * * *\"\ndo = \"renewals\"\n";
    assert_eq!(shipped.schedule, load(job).expect("valid").schedule, "the shipped job states the defaults of its keys");
    let flow = "[[flow]]\nid = \"onboarding\"\nsteps = [{ id = \"1\", type = \"Document\", title = \"Photo ID\" }, \
                { id = \"2\", type = \"Selfie\" }]\n";
    assert_eq!(shipped.flows, load(flow).expect("valid").flows, "the shipped flow states the defaults of its keys");
}

#[test]
fn the_shipped_file_documents_every_key() {
    // The keys of the file by table, whether they are commented out or not.
    let mut documented: BTreeSet<(String, String)> = BTreeSet::new();
    let mut table = String::new();
    for line in SHIPPED.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line).trim();
        if line.starts_with('[') {
            table = line.split_whitespace().next().unwrap_or_default().to_owned();
        } else if let Some((key, _)) = line.split_once('=') {
            documented.insert((table.clone(), key.trim().to_owned()));
        }
    }
    fn walk(table: &Table, heading: &str, documented: &BTreeSet<(String, String)>) {
        for key in table.all() {
            match &key.kind {
                Kind::Table(inner) if heading.is_empty() => walk(inner, &format!("[{}]", key.name), documented),
                Kind::Tables(inner) if heading.is_empty() => walk(inner, &format!("[[{}]]", key.name), documented),
                Kind::Table(inner) if heading == "[idwise]" || heading == "[qoreid]" => {
                    let table = heading.trim_matches(['[', ']']);
                    walk(inner, &format!("[{table}.{}]", key.name), documented)
                }
                Kind::Table(inner) | Kind::Tables(inner) => {
                    for key in inner.all() {
                        assert!(SHIPPED.contains(&format!("{} =", key.name)), "{heading} lacks {}", key.name);
                    }
                }
                _ => {
                    let place = (heading.to_owned(), key.name.to_owned());
                    assert!(documented.contains(&place), "{heading} lacks {}", key.name);
                }
            }
        }
    }
    walk(&spec::ROOT, "", &documented);
}

#[test]
fn every_default_of_the_declaration_is_one() {
    fn walk(table: &'static Table, seen: &mut usize) {
        for key in table.all() {
            if let Kind::Table(inner) | Kind::Tables(inner) = &key.kind {
                walk(inner, seen);
            }
            *seen += 1;
            assert!(!key.doc.is_empty() && !key.doc.ends_with('.'), "{} {}", table.name, key.name);
        }
    }
    let mut seen = 0;
    walk(&spec::ROOT, &mut seen);
    assert!(seen > 60, "{seen} keys");
    let resolved = load("[[webhook]]\nname = \"a\"\nurl = \"/inbox/a\"\n").expect("valid").resolved;
    let defaults = resolved.iter().filter(|shown| shown.origin == Origin::Default).count();
    assert!(defaults >= 27, "{defaults} defaults were read");
}

#[test]
fn a_provider_brings_its_flows_and_its_way_of_delivering() {
    let config = load(
        "provider = \"qoreid\"\n[qoreid]\nstatus = \"NO_ACCESS\"\n[[flow]]\nid = \"w\"\nkind = \"workflow\"\n\
         steps = [{ id = \"a\", type = \"address\" }]\n[[webhook]]\nname = \"a\"\nurl = \"/inbox/a\"\n\
         types = [\"address\", \"workflow/verification_completed\"]\nauth = { type = \"hmac\", secret = \"s3cret\" }\n",
    )
    .expect("valid");
    let ids: Vec<&str> = config.flows.iter().map(crate::provider::Flow::id).collect();
    assert_eq!(ids, ["identity", "address", "employment", "guarantor", "property", "w"]);
    let policy = &config.webhooks[0].policy;
    assert_eq!(policy.retry.gaps.iter().map(Duration::as_secs).collect::<Vec<_>>(), [60, 300, 900, 1_800, 3_600]);
    assert_eq!(policy.success, crate::message::Success::Any2xx);
    let shown = |key: &str| config.resolved.iter().find(|s| s.table == "[delivery]" && s.key == key).expect(key);
    assert_eq!(
        (shown("success").value.to_string(), shown("retry").value.to_string().len()),
        ("\"2xx\"".to_owned(), 28)
    );
    assert_eq!(config.secrets().len(), 1);
}

#[test]
fn secrets_are_taken_and_never_shown() {
    let config = load(
        "[server]\nlisten = \"0.0.0.0:0\"\ntoken = \"env:UNDERSTUDY_TOKEN\"\n\
         [email]\nsmtp = \"smtps://me:env:MAIL_PASSWORD@mail.example.com\"\n\
         [idwise.live]\napi_key = \"c\"\napi_secret = \"env:SECRET\"\n\
         [[webhook]]\nname = \"a\"\nurl = \"https://example.com/hook\"\nheaders = { \"X-Key\" = \"env:DEMO_KEY\" }\n\
         auth = { type = \"basic\", username = \"me\", password = \"env:DEMO_PASSWORD\" }\n",
    )
    .expect("valid");
    let smtp = config.email.smtp.as_ref().expect("named");
    assert_eq!((smtp.security, smtp.host.as_str(), smtp.port), (SmtpSecurity::Tls, "mail.example.com", 465));
    assert_eq!(config.secrets().len(), 5);
    assert!(config.secrets().iter().all(|secret| secret.expose().starts_with("hunter2-")));
    assert!(matches!(&config.webhooks[0].auth, Auth::Basic { username, .. } if username == "me"));
    for text in [format!("{config:?}"), show(&config), show_json(&config).to_string()] {
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("***"));
    }
}

#[test]
fn show_names_each_value_with_its_origin() {
    let env = |name: &str| (name == "UNDERSTUDY_CLOCK_RATE").then(|| "60".to_owned());
    let text = "[clock]\nmode = \"scaled\"\n[[flow]]\nid = \"f\"\nsteps = [{ id = \"1\", type = \"Selfie\" }]\n";
    let overrides = Overrides::none().with("--seed", "seed", "7").with("--data-dir", "outbox.path", "/tmp/x");
    let config = Config::load(Source { name: "webhooks.toml", text }, &overrides, &env).expect("valid");
    assert_eq!(config.clock.mode, ClockMode::Scaled { rate: 60.0 });
    assert_eq!(config.seed, Some(Seed(7)));
    assert_eq!(config.delivery.reach, [Reach::Loopback, Reach::Private, Reach::Public]);
    insta::assert_snapshot!(show(&config), @r#"
    provider = "idwise"  # from default
    dialect = "current"  # from default
    environment = "sandbox"  # from default
    seed = 7  # from flag --seed

    [server]
    listen = "127.0.0.1:4740"  # from default
    grace = "10s"  # from default

    [outbox]
    engine = "sled"  # from default
    path = "/tmp/x"  # from flag --data-dir
    retention = "30d"  # from default

    [clock]
    mode = "scaled"  # from file
    rate = 60.0  # from env UNDERSTUDY_CLOCK_RATE

    [delivery]
    retry = ["5m", "10m", "15m"]  # from default
    jitter = 0.0  # from default
    timeout = "10s"  # from default
    success = "200"  # from default
    max_in_flight = 32  # from default
    rate_limit = "off"  # from default
    order = "none"  # from default
    response_body_max = "64KiB"  # from default
    reach = ["loopback", "private", "public"]  # from default
    source_ip = ""  # from default

    [email]
    from = "webhooks@understudy.local"  # from default
    smtp = ""  # from default
    digest = "1m"  # from default

    [idwise]
    finished_journey_on_review = false  # from default
    summary_interval = "off"  # from default

    [qoreid]
    processing = "5s"  # from default
    status = { NO_ACCESS = 5.0, VERIFIED = 85.0, WRONG_ADDRESS = 10.0 }  # from default
    status_case = "as-documented"  # from default
    network_downtime_handling = true  # from default
    down = []  # from default

    [[flow]]
    id = "f"  # from file
    steps = [{ id = "1", type = "Selfie" }]  # from file
    processing = "5s"  # from default
    decision = { Complete = 85.0, Refer = 15.0 }  # from default
    aml_monitoring = true  # from default
    "#);
}

#[test]
fn delivery_is_as_documented_in_the_dialect_that_is_played() {
    let shown = |text: &str| {
        let config = load(text).expect("valid");
        let retry = config.resolved.iter().find(|shown| shown.table == "[delivery]" && shown.key == "retry");
        let gaps: Vec<u64> = config.delivery.policy.retry.gaps.iter().map(std::time::Duration::as_secs).collect();
        (gaps, retry.map(|shown| shown.value.to_string()))
    };
    assert_eq!(shown("dialect = \"middle\"\n"), (vec![300, 600], Some(r#"["5m","10m"]"#.to_owned())));
    assert_eq!(shown("dialect = \"legacy\"\n"), (vec![300, 600, 900], Some(r#"["5m","10m","15m"]"#.to_owned())));
    let by_hand = "dialect = \"middle\"\n[delivery]\nretry = [\"5m\", \"10m\", \"15m\"]\n";
    assert_eq!(shown(by_hand), (vec![300, 600, 900], Some(r#"["5m","10m","15m"]"#.to_owned())));
}

#[test]
fn check_counts_what_is_set_up() {
    let said = check(Source { name: "webhooks.toml", text: SHIPPED }, &Overrides::none(), &env);
    assert_eq!(said.expect("valid"), "webhooks.toml is in order: 1 flow, 1 webhook\n");
}

#[test]
fn the_schema_knows_every_table() {
    let schema = schema();
    assert_eq!(schema["properties"]["webhook"]["items"]["required"], serde_json::json!(["name", "url"]));
    assert_eq!(schema["properties"]["delivery"]["properties"]["timeout"]["default"], "10s");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// However a file is damaged, its reader answers with a configuration or with complaints that have their place.
    #[test]
    fn a_damaged_file_is_read_or_complained_of(at in 0..SHIPPED.len(), cut in 0..40_usize, put in "[\\[\\]{}=\"'#a-z0-9.,é\\n -]{0,6}") {
        let start = SHIPPED.floor_char_boundary(at);
        let end = SHIPPED.floor_char_boundary((start + cut).min(SHIPPED.len()));
        let damaged = format!("{}{put}{}", &SHIPPED[..start], &SHIPPED[end..]);
        if let Err(complaints) = load(&damaged) {
            proptest::prop_assert!(!complaints.list().is_empty());
            let lines = damaged.lines().count() + 1;
            for complaint in complaints.list() {
                let place = complaints.place(complaint);
                proptest::prop_assert!(place.is_some_and(|(line, column)| line <= lines && column >= 1), "{complaint:?}");
            }
            proptest::prop_assert!(!complaints.drawn(crate::reader::Style::Plain).is_empty());
        }
    }
}
