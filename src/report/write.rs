//! A report of `load` as text, Markdown and JUnit. What is HTML is beside it.

use std::time::Duration;

use super::judged::{cell, required, suite, suites, word};
use crate::report::{Figures, LoadReport, Part};

/// For a terminal.
pub fn text(report: &LoadReport) -> String {
    let mut said = format!(
        "{} (seed {}, clock {}): {:.1} s, {} journeys\n\n",
        report.name, report.seed, report.clock, report.took_s, report.journeys
    );
    let rate = &report.rate;
    let asked = if rate.asked > 0.0 { format!("{:.1} journeys/s asked, ", rate.asked) } else { String::new() };
    said.push_str(&format!("  rate      {asked}{:.1} started, {:.1} deliveries/s\n", rate.started, rate.delivered));
    for (name, figures, meaning) in rows(report).into_iter().filter(|(_, figures, _)| figures.count > 0) {
        said.push_str(&format!("  {name:<9} {}  {meaning}\n", figures_line(figures)));
    }
    if let Some(knee) = &report.knee {
        said.push_str(&format!(
            "  knee      {:.0} journeys/s, {:.0} deliveries/s: {}\n",
            knee.rate, knee.delivered, knee.reason
        ));
    }
    let parts = |title: &str, parts: &std::collections::BTreeMap<String, Part>| {
        let width = parts.keys().map(String::len).max().unwrap_or_default().max(title.len());
        let mut said = format!("\n  {title:<width$}  attempts    failed       p50       p99       max\n");
        for (name, part) in parts {
            let [p50, p99, max] = [part.latency.p50, part.latency.p99, part.latency.max].map(ms);
            said.push_str(&format!(
                "  {name:<width$}  {:>8}  {:>8}  {p50:>8}  {p99:>8}  {max:>8}\n",
                part.attempts, part.failed
            ));
        }
        said
    };
    said.push_str(&parts("event", &report.types));
    said.push_str(&parts("webhook", &report.webhooks));
    if !report.errors.is_empty() {
        let errors: Vec<String> = report.errors.iter().map(|(class, n)| format!("{class} {n}")).collect();
        said.push_str(&format!("\n  errors    {}\n", errors.join(", ")));
    }
    said.push_str(&format!("\n  {}\n", ledger(report)));
    for judged in &report.expectations {
        said.push_str(&format!("  {} {}: {}\n", word(judged.verdict), judged.name, judged.detail));
    }
    said.push_str(&format!("\n  {}\n", report.exit_reason));
    said
}

/// For a pull request.
pub fn markdown(report: &LoadReport) -> String {
    let mut said = format!(
        "# {}\n\n{}, {} journeys in {:.1} s, seed {}, clock {}.\n\n",
        cell(&report.name),
        cell(&report.exit_reason),
        report.journeys,
        report.took_s,
        report.seed,
        report.clock
    );
    said.push_str("| | p50 | p90 | p99 | p99.9 | max |\n|---|---|---|---|---|---|\n");
    for (name, f, _) in rows(report) {
        let [p50, p90, p99, p999, max] = [f.p50, f.p90, f.p99, f.p999, f.max].map(ms);
        said.push_str(&format!("| {name} | {p50} | {p90} | {p99} | {p999} | {max} |\n"));
    }
    let rate = &report.rate;
    said.push_str(&format!(
        "\n{:.1} journeys/s started, {:.1} deliveries/s. {}\n",
        rate.started,
        rate.delivered,
        ledger(report)
    ));
    if let Some(knee) = &report.knee {
        said.push_str(&format!("\nKnee: {:.0} journeys/s ({}).\n", knee.rate, cell(&knee.reason)));
    }
    said.push_str(&required(&report.expectations));
    said
}

/// For a CI server: one test for each thing that was required, and one for the run itself.
///
/// # Errors
/// When it cannot be written, which only memory can be to blame for.
pub fn junit(report: &LoadReport) -> Result<String, String> {
    let took = Duration::try_from_secs_f64(report.took_s).unwrap_or_default();
    let outcome = (report.exit_code, report.exit_reason.as_str());
    suites("understudy load", [suite(&report.name, &report.expectations, outcome, took)])
}

/// Two results side by side, each under its name: the second of the first.
pub fn compare([(a, before), (b, after)]: [(&str, &LoadReport); 2]) -> String {
    let mut said = format!("{:<22}{:>14}{:>14}{:>10}\n", "", heading(a), heading(b), "ratio");
    let mut row = |what: &str, [a, b]: [f64; 2], shown: [String; 2]| {
        let ratio = if a > 0.0 { format!("{:.2}x", b / a) } else { "-".to_owned() };
        let [a, b] = shown;
        said.push_str(&format!("{what:<22}{a:>14}{b:>14}{ratio:>10}\n"));
    };
    let plain = |pair: [f64; 2]| pair.map(|value| format!("{value:.2}"));
    for (what, pair) in [
        ("journeys/s", [before.rate.started, after.rate.started]),
        ("deliveries/s", [before.rate.delivered, after.rate.delivered]),
    ] {
        row(what, pair, plain(pair));
    }
    for ((what, a, _), (_, b, _)) in rows(before).into_iter().zip(rows(after)) {
        for (quantile, a, b) in [("p50", a.p50, b.p50), ("p99", a.p99, b.p99), ("max", a.max, b.max)] {
            row(&format!("{what} {quantile}"), [a, b], plain([a, b]).map(|value| value + " ms"));
        }
    }
    let failed = [before, after].map(|report| report.webhooks.values().map(|part| part.failed).sum::<u64>());
    row("failed attempts", failed.map(|count| count as f64), failed.map(|count| count.to_string()));
    said
}

/// As much of a name as a column takes, from its end: there names differ.
fn heading(name: &str) -> String {
    const LONGEST: usize = 13;
    let length = name.chars().count();
    match length > LONGEST {
        true => format!("…{}", name.chars().skip(length - LONGEST + 1).collect::<String>()),
        false => name.to_owned(),
    }
}

pub(super) fn rows(report: &LoadReport) -> [(&'static str, &Figures, &'static str); 4] {
    let leaps = report.clock == "leap";
    let from = if leaps { "from the send: a clock that leaps has no plan" } else { "from the planned instant" };
    [
        ("latency", &report.latency, from),
        ("service", &report.service, "from the send, as a closed loop tells"),
        ("lag", &report.lag, "from the event to its acceptance"),
        ("late", &report.late, "our own"),
    ]
}

fn figures_line(f: &Figures) -> String {
    let part = |name: &str, value: f64| format!("{name} {:>8}", ms(value));
    [part("p50", f.p50), part("p90", f.p90), part("p99", f.p99), part("p99.9", f.p999), part("max", f.max)].join("  ")
}

/// Milliseconds for people: three digits and a unit.
pub(super) fn ms(value: f64) -> String {
    match value {
        v if v >= 86_400_000.0 => format!("{:.1} d", v / 86_400_000.0),
        v if v >= 60_000.0 => format!("{:.1} min", v / 60_000.0),
        v if v >= 1_000.0 => format!("{:.2} s", v / 1_000.0),
        v if v >= 100.0 => format!("{v:.0} ms"),
        v if v >= 10.0 => format!("{v:.1} ms"),
        v => format!("{v:.2} ms"),
    }
}

pub(super) fn ledger(report: &LoadReport) -> String {
    let d = &report.ledger.deliveries;
    format!(
        "{} events, {} deliveries = {} delivered + {} exhausted + {} cancelled + {} waiting + {} in flight; {} attempts, {} mails",
        report.ledger.events,
        d.accepted,
        d.delivered,
        d.exhausted,
        d.cancelled,
        d.waiting,
        d.in_flight,
        report.ledger.attempts,
        report.ledger.mails.accepted,
    )
}
