//! What a run is worth: rates, what was required, and whether we were ourselves in time to say. Pure.

use crate::load::meter::Judging;
use crate::load::run::{Driven, Pacing};
use crate::report::{LoadReport, Second};
use crate::scenario::file::Population;
use crate::scenario::judge::{Holds, Judged};
use crate::scenario::require::Check;
use crate::scenario::{Expect, Scenario};

/// The last seconds of a run as a report, as far as `stop_when` asks.
pub fn recent(recent: &[Second]) -> LoadReport {
    let mut report = LoadReport::default();
    let part = report.webhooks.entry(String::new()).or_default();
    part.attempts = recent.iter().map(|second| second.attempts).sum();
    part.failed = recent.iter().map(|second| second.attempts - second.delivered).sum();
    let worst = |of: fn(&Second) -> f64| recent.iter().map(of).fold(0.0, f64::max);
    report.latency.count = part.attempts;
    (report.latency.p50, report.latency.p90) = (worst(|s| s.p50), worst(|s| s.p90));
    (report.latency.p99, report.latency.p999, report.latency.max) =
        (worst(|s| s.p99), worst(|s| s.max), worst(|s| s.max));
    report.rate.delivered = recent.iter().map(|s| s.delivered).sum::<u64>() as f64 / recent.len().max(1) as f64;
    report
}

/// Writes the rates of a run into its report.
pub fn set_rates(report: &mut LoadReport, driven: &Driven, population: &Population, pacing: Pacing) {
    let arriving = driven.arriving.as_secs_f64().max(1e-3);
    report.took_s = driven.took.as_secs_f64();
    report.rate.started = driven.started as f64 / arriving;
    let asked =
        population.arrive.iter().map(|stage| (stage.from + stage.to) / 2.0 * stage.span.as_secs_f64()).sum::<f64>();
    let span: f64 = population.arrive.iter().map(|stage| stage.span.as_secs_f64()).sum();
    report.rate.asked = match pacing {
        Pacing::Runs(pace) => asked / span.max(1e-9) * pace,
        Pacing::Leaps => 0.0,
    };
    report.rate.kept = if driven.started == 0 { 0.0 } else { driven.kept };
    report.rate.delivered = report.ledger.deliveries.delivered as f64 / driven.took.as_secs_f64().max(1e-3);
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All that was required holds.
    Yes,
    /// Something does not.
    No,
    /// Nobody was there.
    CouldNotRun,
    /// Nothing was proven.
    NoVerdict,
}

/// Judges a run, and writes what was required into its report: the verdict, and why. `stopped` says what ended it early.
pub fn judge(
    scenario: &Scenario,
    strict: bool,
    report: &mut LoadReport,
    refused: Option<&String>,
    stopped: Option<String>,
) -> (Verdict, String) {
    let ledger = report.ledger;
    let judging = Judging { report, ledger: &ledger };
    let one = |check: &Check| match check.holds(&judging) {
        Some((true, seen)) => Judged { name: check.to_string(), verdict: Holds::Pass, detail: seen },
        Some((false, seen)) => Judged { name: check.to_string(), verdict: Holds::Fail, detail: seen },
        None => Judged { name: check.to_string(), verdict: Holds::Unproven, detail: "nothing was measured".to_owned() },
    };
    let mut judged: Vec<Judged> = scenario.require.checks.iter().map(one).collect();
    if let Some(seen) = stopped {
        judged.push(Judged { name: "stop_when".to_owned(), verdict: Holds::Fail, detail: seen });
    }
    if scenario.expect != Expect::default() {
        let detail = "replay judges single deliveries; load judges [require]".to_owned();
        judged.push(Judged { name: "[expect]".to_owned(), verdict: Holds::Unproven, detail });
    }
    if let Some(refused) = refused {
        judged.push(Judged {
            name: "every line is possible".to_owned(),
            verdict: Holds::Fail,
            detail: refused.clone(),
        });
    }
    let strict = strict || scenario.strict;
    let failed: Vec<&str> = judged
        .iter()
        .filter(|one| one.verdict == Holds::Fail || strict && one.verdict == Holds::Unproven)
        .map(|one| one.name.as_str())
        .collect();
    let attempts: u64 = report.webhooks.values().map(|part| part.attempts).sum();
    let unreachable = ["connect", "dns"].iter().filter_map(|class| report.errors.get(*class)).sum::<u64>();
    let (late, latency) = (report.late.p99, report.latency.p99);
    let verdict = if attempts > 0 && unreachable == attempts {
        (Verdict::CouldNotRun, "nobody listens at any of the webhooks".to_owned())
    } else if report.late.count > 0 && late > latency * 0.1 && late > 5.0 {
        (
            Verdict::NoVerdict,
            format!("this machine was itself late: its p99 is {late:.1} ms, latency's is {latency:.1} ms"),
        )
    } else if !failed.is_empty() {
        (Verdict::No, format!("not as required: {}", failed.join(", ")))
    } else if attempts == 0 {
        (Verdict::NoVerdict, "nothing was sent, so nothing was measured".to_owned())
    } else {
        (Verdict::Yes, "all that was required holds".to_owned())
    };
    report.expectations = judged;
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Figures, Part};

    fn measured(late_p99: f64, latency_p99: f64, failed: u64, connect: u64) -> LoadReport {
        let figures = |p99| Figures { count: 100, p99, ..Figures::default() };
        let mut report = LoadReport { late: figures(late_p99), latency: figures(latency_p99), ..LoadReport::default() };
        report.webhooks.insert("w".to_owned(), Part { attempts: 100, failed, ..Part::default() });
        if connect > 0 {
            report.errors.insert("connect".to_owned(), connect);
        }
        report
    }

    fn scenario(require: &str) -> Scenario {
        let text = format!(
            "format = 1\nname = \"s\"\n[[flow]]\nid = \"f\"\nsteps = [{{ id = \"1\", type = \"Document\" }}]\n\
             [journey]\nflow = \"f\"\nsteps = [{{ do = \"start\" }}]\n[require]\nchecks = [{require}]\n"
        );
        let config = crate::config::Config::load(
            crate::reader::Source { name: "c", text: "" },
            &crate::reader::Overrides::none(),
            &|_| None,
        );
        let config = config.expect("an empty configuration");
        let vocabulary = crate::scenario::Vocabulary {
            flows: &config.flows,
            environment: config.environment,
            dialect: config.dialect,
            delivery: &config.delivery,
            email: &config.email,
            finished_journey_on_review: false,
            qoreid: &config.qoreid.like,
            env: &|_| None,
        };
        Scenario::parse("s", &text, &vocabulary).expect("a scenario")
    }

    #[test]
    fn our_own_lateness_spoils_a_verdict_only_where_it_weighs() {
        let verdict = |late, latency| judge(&scenario(""), false, &mut measured(late, latency, 0, 0), None, None).0;
        assert_eq!(verdict(4.9, 10.0), Verdict::Yes, "below five milliseconds");
        assert_eq!(verdict(20.0, 400.0), Verdict::Yes, "below a tenth");
        assert_eq!(verdict(20.0, 100.0), Verdict::NoVerdict);
        // A threshold that would hold does not help a measurement that is none.
        let spoiled = judge(&scenario("\"lost == 0\""), false, &mut measured(20.0, 100.0, 0, 0), None, None);
        assert!(spoiled.0 == Verdict::NoVerdict && spoiled.1.contains("20.0 ms"), "{}", spoiled.1);
    }

    #[test]
    fn what_was_required_is_judged_and_what_cannot_be_is_a_failure_only_where_one_is_strict() {
        let of = |require: &str, strict| {
            let mut report = measured(0.0, 10.0, 10, 0);
            (judge(&scenario(require), strict, &mut report, None, None).0, report.expectations[0].verdict)
        };
        assert_eq!(of("\"refused < 20%\"", false), (Verdict::Yes, Holds::Pass));
        assert_eq!(of("\"refused < 5%\"", false), (Verdict::No, Holds::Fail));
        assert_eq!(of("\"duplicates == 0\"", false), (Verdict::Yes, Holds::Unproven));
        assert_eq!(of("\"duplicates == 0\"", true), (Verdict::No, Holds::Unproven));
    }

    #[test]
    fn nobody_there_and_nothing_sent_are_no_answers() {
        assert_eq!(judge(&scenario(""), false, &mut measured(0.0, 1.0, 100, 100), None, None).0, Verdict::CouldNotRun);
        assert_eq!(judge(&scenario(""), false, &mut LoadReport::default(), None, None).0, Verdict::NoVerdict);
        let stopped = judge(&scenario(""), false, &mut measured(0.0, 1.0, 0, 0), None, Some("x".to_owned()));
        assert_eq!(stopped.0, Verdict::No);
    }
}
