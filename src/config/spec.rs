//! The declaration of webhooks.toml.

use crate::portal::spec::{DELIVERY, EMAIL, FLOW, WEBHOOK};
use crate::portal::words::{ENVIRONMENTS, LOOKUPS, STATUSES, SYSTEM_DECISIONS};
use crate::reader::{Key, Kind, Rest, Table};

static SERVER: Table = Table {
    name: "[server]",
    doc: "Where this server listens, and for whom.",
    keys: &[&[
        Key::with_default(
            "listen",
            Kind::Text,
            r#""127.0.0.1:4740""#,
            "the address of API, dashboard, inbox and metrics; port 0 prints the chosen one",
        ),
        Key::optional("token", Kind::Secret, "the bearer token of the API; needed as soon as listen is not loopback"),
        Key::with_default("grace", Kind::SPAN, r#""10s""#, "how long a stop waits for attempts that are under way"),
    ]],
    rest: Rest::Refused,
};

static OUTBOX: Table = Table {
    name: "[outbox]",
    doc: "Where journeys, events and deliveries are kept.",
    keys: &[&[
        Key::with_default(
            "engine",
            Kind::Word { now: &["sled", "memory"], later: &["postgres"] },
            r#""sled""#,
            "sled keeps everything on disk; memory forgets it at the end",
        ),
        Key::with_default("path", Kind::Text, r#"".understudy""#, "the directory of the sled store"),
        Key::optional("url", Kind::Url, "the database of the postgres engine; not available yet"),
        Key::with_default(
            "retention",
            Kind::SPAN,
            r#""30d""#,
            "how long finished deliveries are kept at least: they go many at once",
        ),
    ]],
    rest: Rest::Refused,
};

static CLOCK: Table = Table {
    name: "[clock]",
    doc: "The provider's one clock: journey timers, back-off and mail digests follow it.",
    keys: &[&[
        Key::with_default(
            "mode",
            Kind::word(&["real", "scaled", "manual"]),
            r#""real""#,
            "real; scaled runs faster or slower; manual stands still until it is moved",
        ),
        Key::with_default(
            "rate",
            Kind::Number { min: 0.001, max: 1_000_000.0 },
            "1.0",
            "scaled: provider seconds per real second",
        ),
        Key::optional("start", Kind::Instant, "the first instant; the present when absent"),
    ]],
    rest: Rest::Refused,
};

static API_KEY: Table = Table {
    name: "the API key",
    doc: "What the customer's backend sends as HTTP Basic to the provider's API.",
    keys: &[&[
        Key::required("api_key", Kind::Text, "the user name"),
        Key::required("api_secret", Kind::Secret, "the password"),
    ]],
    rest: Rest::Refused,
};

static IDWISE: Table = Table {
    name: "[idwise]",
    doc: "Where IDWise's documentation contradicts itself, and the keys of its API.",
    keys: &[&[
        Key::with_default(
            "finished_journey_on_review",
            Kind::Switch,
            "false",
            "also send Finished Journey on a plain manual decision, as its event page says and the overview does not",
        ),
        Key::with_default(
            "summary_interval",
            Kind::word(&["off", "2s"]),
            r#""off""#,
            "2s refuses summaries of a journey that are asked for within two seconds, as the provider reserves the right to",
        ),
        Key::optional("sandbox", Kind::Table(&API_KEY), "the API key of the sandbox; absent: open on loopback"),
        Key::optional("live", Kind::Table(&API_KEY), "the API key of the live environment; absent: open on loopback"),
    ]],
    rest: Rest::Refused,
};

static KEY_PAIR: Table = Table {
    name: "the key pair",
    doc: "What the customer's backend exchanges for a token; it decides which environment is meant.",
    keys: &[&[
        Key::required("client_id", Kind::Text, "the client's id"),
        Key::required("secret", Kind::Secret, "the client's secret"),
    ]],
    rest: Rest::Refused,
};

static QOREID: Table = Table {
    name: "[qoreid]",
    doc: "How QoreID's verifications go, where its documentation is silent, and the keys of its API.",
    keys: &[&[
        Key::with_default("processing", Kind::SpanDraw, r#""5s""#, "how long a verification, or one step, takes"),
        Key::with_default(
            "status",
            Kind::Weights(&STATUSES),
            "{ VERIFIED = 85, WRONG_ADDRESS = 10, NO_ACCESS = 5 }",
            "how it ends: one status, or a table of weights; where a product lacks the word, it fails",
        ),
        Key::with_default(
            "status_case",
            Kind::word(&["as-documented", "lower", "upper"]),
            r#""as-documented""#,
            "in which case statuses are written; as documented: small for identities, capital for the last mile",
        ),
        Key::with_default(
            "network_downtime_handling",
            Kind::Switch,
            "true",
            "whether a look-up whose source is down waits for it; else the call fails",
        ),
        Key::with_default(
            "down",
            Kind::List(&Kind::word(&LOOKUPS), LOOKUPS.len()),
            "[]",
            "the look-ups whose source is down",
        ),
        Key::optional("test", Kind::Table(&KEY_PAIR), "the key pair of the sandbox; absent: any pair is taken"),
        Key::optional("live", Kind::Table(&KEY_PAIR), "the key pair of the live environment"),
    ]],
    rest: Rest::Refused,
};

static SCHEDULE: Table = Table {
    name: "[[schedule]]",
    doc: "What happens by the provider's clock, of IDWise. Without a renewals job renewals begin at their due instant.",
    keys: &[&[
        Key::required("name", Kind::Text, "unique"),
        Key::required("cron", Kind::Text, "six fields: second, minute, hour, day, month, weekday"),
        Key::with_default("timezone", Kind::Text, r#""UTC""#, "the zone that the fields are read in: Europe/Zurich"),
        Key::required(
            "do",
            Kind::word(&["renewals", "aml_monitor_update", "spot_check"]),
            "renewals begins those that have fallen due; the others happen to a share of the finished journeys",
        ),
        Key::optional("share", Kind::Share, "to which share of the journeys, at each tick; absent: to all"),
        Key::optional(
            "decision",
            Kind::Weights(&SYSTEM_DECISIONS),
            "what a spot check comes to: one decision, or a table of weights; absent: Complete",
        ),
    ]],
    rest: Rest::Refused,
};

/// webhooks.toml.
pub(super) static ROOT: Table = Table {
    name: "the file",
    doc: "The configuration of understudy.",
    keys: &[&[
        Key::with_default("provider", Kind::word(&["idwise", "qoreid"]), r#""idwise""#, "the provider that is played"),
        Key::with_default(
            "dialect",
            Kind::Text,
            r#""current""#,
            "the era of the provider's documentation that is played",
        ),
        Key::with_default(
            "environment",
            Kind::word(&ENVIRONMENTS),
            r#""sandbox""#,
            "the environment that this server plays by default",
        ),
        Key::optional(
            "seed",
            Kind::Whole { min: 0, max: i64::MAX },
            "every id, draw and jitter follows from it; drawn at start and printed when absent",
        ),
        Key::with_default("server", Kind::Table(&SERVER), "{}", "where this server listens"),
        Key::with_default("outbox", Kind::Table(&OUTBOX), "{}", "where everything is kept"),
        Key::with_default("clock", Kind::Table(&CLOCK), "{}", "the provider's one clock"),
        Key::with_default("delivery", Kind::Table(&DELIVERY), "{}", "how webhooks are delivered"),
        Key::with_default("email", Kind::Table(&EMAIL), "{}", "the mails about deliveries that were given up"),
        Key::with_default("idwise", Kind::Table(&IDWISE), "{}", "what is particular to IDWise"),
        Key::with_default("qoreid", Kind::Table(&QOREID), "{}", "what is particular to QoreID"),
        Key::optional("flow", Kind::Tables(&FLOW), "what journeys go through"),
        Key::optional("schedule", Kind::Tables(&SCHEDULE), "what happens by the provider's clock"),
        Key::optional("webhook", Kind::Tables(&WEBHOOK), "where events are delivered to"),
    ]],
    rest: Rest::Refused,
};
