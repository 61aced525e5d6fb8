//! The declaration of a `*.journey.toml`.

use crate::portal::spec::{DELIVERY_OVERRIDES, EMAIL_OVERRIDES, FLOW, WEBHOOK};
use crate::portal::words::FINAL_DECISIONS;
use crate::reader::{Key, Kind, Rest, Table};

/// What `when` can say: a current decision, or how the journey stands.
const WHEN: [&str; 16] = [
    "Complete",
    "Refer",
    "Incomplete",
    "Rejected",
    "Approved",
    "Resubmission Requested",
    "VERIFIED",
    "WRONG_ADDRESS",
    "INVALID_ADDRESS",
    "NO_ACCESS",
    "UNVERIFIED",
    "ID_MISMATCH",
    "CANCELLED",
    "passed",
    "failed",
    "open",
];

static CLOCK: Table = Table {
    name: "clock",
    doc: "How the scenario's clock runs.",
    keys: &[&[
        Key::with_default(
            "mode",
            Kind::word(&["leap", "scaled", "real"]),
            r#""leap""#,
            "leap jumps to what is due next as soon as nothing is in flight; scaled runs at a rate; real takes its time",
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

static ARRIVAL: Table = Table {
    name: "a stage of arrive",
    doc: "How many journeys start per second, and for how long.",
    keys: &[&[
        Key::required("for", Kind::SPAN, "how long the stage lasts"),
        Key::required(
            "rate",
            Kind::OneOrMore(&Kind::Number { min: 0.0, max: 1_000_000.0 }),
            "journeys per second; [5, 50] goes evenly from 5 to 50",
        ),
    ]],
    rest: Rest::Refused,
};

static POPULATION: Table = Table {
    name: "[population]",
    doc: "How many journeys, and when they start; used by load.",
    keys: &[&[
        Key::required("journeys", Kind::Whole { min: 1, max: 1_000_000_000 }, "how many journeys at most"),
        Key::with_default(
            "spacing",
            Kind::word(&["poisson", "even"]),
            r#""poisson""#,
            "poisson draws the gaps between starts; even makes them equal",
        ),
        Key::required("arrive", Kind::Tables(&ARRIVAL), "the stages, one after the other"),
    ]],
    rest: Rest::Refused,
};

/// A line of a scenario; what it keeps besides are the arguments of its stimulus.
static LINE: Table = Table {
    name: "a line",
    doc: "One thing that happens to a journey; the other keys are the arguments of what is done.",
    keys: &[&[
        Key::required("do", Kind::Text, "what happens: a stimulus, wait or advance"),
        Key::optional("id", Kind::Text, "unique; what the line's draws follow from, in place of its position"),
        Key::optional("after", Kind::SpanDraw, "how long after the line before; at once when absent"),
        Key::optional("at", Kind::SpanDraw, "in meanwhile: how long after the journey's start"),
        Key::optional("when", Kind::word(&WHEN), "the line is left out unless the journey stands so"),
        Key::with_default("share", Kind::Share, r#""100%""#, "in which share of the journeys it happens"),
    ]],
    rest: Rest::Kept,
};

static JOURNEY: Table = Table {
    name: "[journey]",
    doc: "What one journey goes through.",
    keys: &[&[
        Key::required("flow", Kind::Text, "the id of a [[flow]], of this file or of webhooks.toml"),
        Key::required("steps", Kind::Tables(&LINE), "the lines, one after the other"),
        Key::optional("meanwhile", Kind::Tables(&LINE), "lines that happen at their own time"),
    ]],
    rest: Rest::Refused,
};

static EXPECT: Table = Table {
    name: "[expect]",
    doc: "What every delivery is judged by; what is absent is not judged.",
    keys: &[&[
        Key::optional("status", Kind::Any, "200, \"4xx\", or a list of those"),
        Key::optional("within", Kind::SPAN, "the longest time from an event to its delivery"),
        Key::optional("attempts", Kind::Whole { min: 1, max: 21 }, "the number of attempts of each delivery"),
        Key::optional("events", Kind::List(&Kind::Text, 10_000), "the event types of each journey, in order"),
        Key::optional("mails", Kind::Whole { min: 0, max: i64::MAX }, "the number of error mails of the run"),
        Key::optional("state", Kind::word(&["delivered", "exhausted"]), "how each delivery ends"),
        Key::optional("final", Kind::word(&FINAL_DECISIONS), "each journey's final decision"),
    ]],
    rest: Rest::Refused,
};

static REQUIRE: Table = Table {
    name: "[require]",
    doc: "What the run as a whole is judged by.",
    keys: &[&[
        Key::with_default(
            "checks",
            Kind::List(&Kind::Text, 1_000),
            "[]",
            "such as \"lost == 0\" or \"latency.p99 < 800ms\"",
        ),
        Key::with_default("stop_when", Kind::List(&Kind::Text, 1_000), "[]", "such as \"refused > 20% for 30s\""),
    ]],
    rest: Rest::Refused,
};

/// A `*.journey.toml`.
pub(super) static ROOT: Table = Table {
    name: "the file",
    doc: "A scenario of understudy.",
    keys: &[&[
        Key::required("format", Kind::Whole { min: 1, max: i64::MAX }, "the version of this form, 1"),
        Key::required("name", Kind::Text, "what the scenario is about, one line for people"),
        Key::optional(
            "provider",
            Kind::word(&["idwise", "qoreid"]),
            "the provider that is played, if not the configured one",
        ),
        Key::optional("dialect", Kind::Text, "the era of its documentation, if not the configured one"),
        Key::optional("seed", Kind::Whole { min: 0, max: i64::MAX }, "every id, draw and jitter follows from it"),
        Key::with_default("strict", Kind::Switch, "false", "whether a check that could not be made is a failure"),
        Key::with_default("clock", Kind::Table(&CLOCK), "{}", "how the scenario's clock runs"),
        Key::optional("population", Kind::Table(&POPULATION), "how many journeys, and when they start; used by load"),
        Key::with_default(
            "data",
            Kind::Map(&Kind::Any),
            "{}",
            "the values that journeys carry: reference_no, remark, ...",
        ),
        Key::required("journey", Kind::Table(&JOURNEY), "what one journey goes through"),
        Key::with_default("expect", Kind::Table(&EXPECT), "{}", "what every delivery is judged by"),
        Key::with_default("require", Kind::Table(&REQUIRE), "{}", "what the run as a whole is judged by"),
        Key::optional("probe", Kind::Any, "the customer's own view of the events; not available yet"),
        Key::optional("faults", Kind::Any, "faults on the sender's side; not available yet"),
        Key::optional("flow", Kind::Tables(&FLOW), "flows besides the configured ones"),
        Key::optional("webhook", Kind::Tables(&WEBHOOK), "webhooks in place of the configured ones"),
        Key::optional(
            "delivery",
            Kind::Table(&DELIVERY_OVERRIDES),
            "delivery, where it differs from the configured one",
        ),
        Key::optional("email", Kind::Table(&EMAIL_OVERRIDES), "error mail, where it differs from the configured one"),
    ]],
    rest: Rest::Refused,
};
