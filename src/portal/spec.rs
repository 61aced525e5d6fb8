//! The declarations of the portal's tables: every key with its kind, default and sentence.

use std::time::Duration;

use crate::portal::words::{CRITERIA, ENVIRONMENTS, FLOW_KINDS, STEP_TYPES, SYSTEM_DECISIONS};
use crate::reader::{Key, Kind, Rest, Table};

const RETRY: Key = Key::with_default(
    "retry",
    Kind::List(&Kind::SPAN, 20),
    r#"["5m", "10m", "15m"]"#,
    "the gaps after each failed attempt; one attempt more than gaps",
);
const JITTER: Key =
    Key::with_default("jitter", Kind::Share, "0.0", "the share of a gap by which it may vary either way");
const TIMEOUT: Key = Key::with_default(
    "timeout",
    Kind::Span { min: Duration::from_millis(100), max: Duration::from_secs(120) },
    r#""10s""#,
    "one deadline for an attempt: DNS, connect, TLS, send, headers and body",
);
const SUCCESS: Key =
    Key::with_default("success", Kind::word(&["200", "2xx"]), r#""200""#, "which status counts as delivered");
const MAX_IN_FLIGHT: Key = Key::with_default(
    "max_in_flight",
    Kind::Whole { min: 1, max: 1024 },
    "32",
    "at most so many attempts at once, for each webhook",
);
const RATE_LIMIT: Key =
    Key::with_default("rate_limit", Kind::Rate, r#""off""#, "at most so many attempts per second or minute");
const ORDER: Key = Key::with_default(
    "order",
    Kind::word(&["none", "journey"]),
    r#""none""#,
    "\"journey\" delivers one journey's events to one webhook in order",
);
const RESPONSE_BODY_MAX: Key =
    Key::with_default("response_body_max", Kind::Size, r#""64KiB""#, "so much of an answer's body is read and kept");

/// The keys of `[delivery]` that a webhook may override, where absence means "as in `[delivery]`".
const POLICY_BARE: &[Key] = &[
    RETRY.bare(),
    JITTER.bare(),
    TIMEOUT.bare(),
    SUCCESS.bare(),
    MAX_IN_FLIGHT.bare(),
    RATE_LIMIT.bare(),
    ORDER.bare(),
    RESPONSE_BODY_MAX.bare(),
];

const REACH: Key = Key::with_default(
    "reach",
    Kind::List(&Kind::word(&["loopback", "private", "public", "link-local"]), 4),
    r#"["loopback", "private", "public"]"#,
    "which addresses deliveries may go to; metadata addresses only when \"link-local\" is named",
);
const SOURCE_IP: Key =
    Key::with_default("source_ip", Kind::Text, r#""""#, "the local address that attempts come from; empty: any");

/// `[delivery]` of the configuration.
pub static DELIVERY: Table = Table {
    name: "[delivery]",
    doc: "How webhooks are delivered; the defaults are the provider's documented policy, and a webhook may override them.",
    keys: &[
        &[RETRY, JITTER, TIMEOUT, SUCCESS, MAX_IN_FLIGHT, RATE_LIMIT, ORDER, RESPONSE_BODY_MAX],
        &[REACH, SOURCE_IP],
    ],
    rest: Rest::Refused,
};

/// `[delivery]` of a scenario, where absence means "as configured".
pub static DELIVERY_OVERRIDES: Table = Table {
    name: "[delivery]",
    doc: "How this scenario's webhooks are delivered, where it differs from the configuration.",
    keys: &[POLICY_BARE, &[REACH.bare(), SOURCE_IP.bare()]],
    rest: Rest::Refused,
};

const FROM: Key = Key::with_default("from", Kind::Text, r#""webhooks@understudy.local""#, "the sender of error mails");
const SMTP: Key = Key::with_default(
    "smtp",
    Kind::Url,
    r#""""#,
    "the SMTP server: smtp://host:1025, or smtps://user:env:PASSWORD@host; empty: mails are kept and shown, not sent",
);
const DIGEST: Key = Key::with_default(
    "digest",
    Kind::SPAN,
    r#""1m""#,
    "exhausted deliveries of one webhook within this window share one mail",
);

/// `[email]` of the configuration.
pub static EMAIL: Table = Table {
    name: "[email]",
    doc: "The mails about deliveries that were given up.",
    keys: &[&[FROM, SMTP, DIGEST]],
    rest: Rest::Refused,
};

/// `[email]` of a scenario, where absence means "as configured".
pub static EMAIL_OVERRIDES: Table = Table {
    name: "[email]",
    doc: "The mails about deliveries that were given up, where this scenario differs from the configuration.",
    keys: &[&[FROM.bare(), SMTP.bare(), DIGEST.bare()]],
    rest: Rest::Refused,
};

static STEP: Table = Table {
    name: "a step",
    doc: "What the user submits.",
    keys: &[&[
        Key::required("id", Kind::Text, "unique in the flow; \"1\" say"),
        Key::required("type", Kind::word(&STEP_TYPES), "what is submitted; in a workflow of QoreID a product"),
        Key::optional("title", Kind::Text, "for people; the type when absent"),
    ]],
    rest: Rest::Refused,
};

static RENEWAL: Table = Table {
    name: "renewal",
    doc: "When a passed verification must be renewed.",
    keys: &[&[
        Key::required("step", Kind::OneOrMore(&Kind::Text), "the id of the step to resubmit, or a list of ids"),
        Key::with_default("criteria", Kind::word(&CRITERIA), r#""Document Expired""#, "why; \"Time Based\" repeats"),
        Key::required("after", Kind::SPAN, "the time from passing to falling due, \"365d\" say"),
        Key::with_default("grace", Kind::SPAN, r#""30d""#, "the time from falling due to the deadline"),
    ]],
    rest: Rest::Refused,
};

/// `[[flow]]`.
pub static FLOW: Table = Table {
    name: "[[flow]]",
    doc: "What a journey goes through.",
    keys: &[&[
        Key::required("id", Kind::Text, "unique; journeys name it"),
        Key::optional(
            "kind",
            Kind::word(&FLOW_KINDS),
            "\"workflow\" for QoreID, whose products are flows by themselves",
        ),
        Key::required("steps", Kind::Tables(&STEP), "what the user submits, in order"),
        Key::with_default("processing", Kind::SpanDraw, r#""5s""#, "how long the system works after the last step"),
        Key::with_default(
            "decision",
            Kind::Weights(&SYSTEM_DECISIONS),
            "{ Complete = 85, Refer = 15 }",
            "what the system decides: one decision, or a table of weights",
        ),
        Key::with_default(
            "aml_monitoring",
            Kind::Switch,
            "true",
            "whether AML records are monitored after the journey",
        ),
        Key::optional("renewal", Kind::Table(&RENEWAL), "when the verification must be renewed; absent: never"),
    ]],
    rest: Rest::Refused,
};

static AUTH: Table = Table {
    name: "auth",
    doc: "How requests prove where they come from.",
    keys: &[&[
        Key::with_default(
            "type",
            Kind::word(&["none", "basic", "bearer", "hmac"]),
            r#""none""#,
            "none, basic { username, password }, bearer { token } or, of QoreID, hmac { secret }",
        ),
        Key::optional("username", Kind::Text, "for basic"),
        Key::optional("password", Kind::Secret, "for basic"),
        Key::optional("token", Kind::Secret, "for bearer"),
        Key::optional("secret", Kind::Secret, "for hmac"),
    ]],
    rest: Rest::Refused,
};

const WEBHOOK_OWN: &[Key] = &[
    Key::required("name", Kind::Text, "unique; letters, digits, dot, dash and underscore"),
    Key::optional("environment", Kind::word(&ENVIRONMENTS), "whose events it gets; the server's own when absent"),
    Key::optional(
        "dialect",
        Kind::Text,
        "the era of the provider's documentation it is spoken to in; the server's own when absent",
    ),
    Key::with_default(
        "types",
        Kind::OneOrMore(&Kind::Text),
        r#"["*"]"#,
        "the event types it gets, exactly as the provider spells them; \"*\" is every type",
    ),
    Key::required("url", Kind::Url, "absolute, or a path on this server's own inbox: /inbox/NAME"),
    Key::with_default("error_emails", Kind::List(&Kind::Text, 50), "[]", "who is mailed when a delivery is given up"),
    Key::with_default("auth", Kind::Table(&AUTH), "{}", "how requests prove where they come from"),
    Key::with_default("headers", Kind::Map(&Kind::Secret), "{}", "added to every request; env:NAME takes a secret"),
    Key::with_default(
        "enabled",
        Kind::Switch,
        "true",
        "a disabled webhook gets no new deliveries, and pending ones wait",
    ),
    Key::with_default("faults", Kind::List(&Kind::Any, 50), "[]", "faults on the sender's side; not available yet"),
];

/// `[[webhook]]`.
pub static WEBHOOK: Table = Table {
    name: "[[webhook]]",
    doc: "Where events are delivered to.",
    keys: &[WEBHOOK_OWN, POLICY_BARE],
    rest: Rest::Refused,
};
