//! `[require]`: what a run as a whole is judged by. Pure.
//!
//! ```text
//!   checks     METRIC < <= == >= > VALUE              latency.p99 < 800ms, refused <= 1%, delivered.rate > 200
//!   stop_when  METRIC  >  VALUE for SPAN              refused > 20% for 30s
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::chance::{parse_span, show_span};
use crate::provider::words::suggest;

/// The metrics that are counted.
const COUNTS: [&str; 8] =
    ["lost", "undelivered", "exhausted", "duplicates", "mails", "journeys", "delivered", "attempts"];
/// The metrics that are shares.
const SHARES: [&str; 3] = ["refused", "errors", "kept"];
/// The metrics that are rates per second.
const RATES: [&str; 2] = ["delivered.rate", "started.rate"];
/// The distributions, and what may be asked of them.
const SPANS: [&str; 4] = ["latency", "service", "lag", "late"];
const QUANTILES: [&str; 6] = ["p50", "p90", "p99", "p999", "max", "mean"];

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Than {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

/// What a metric is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Number(f64),
    Share(f64),
    Span(Duration),
}

/// A threshold on a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    text: String,
    metric: String,
    than: Than,
    bound: Bound,
}

/// A threshold that ends a run when it is crossed for long enough.
#[derive(Clone, Debug, PartialEq)]
pub struct StopWhen {
    /// What must hold.
    pub check: Check,
    /// For how long without a pause.
    pub lasting: Duration,
}

/// What there is to compare: by a metric's name, a number, a share of 1, or a span in seconds.
pub trait Metrics {
    /// A metric's value; `None` when there is nothing to say yet.
    fn metric(&self, name: &str) -> Option<f64>;
}

impl Check {
    /// Whether it holds, and the value that was seen; `None` when there is nothing to judge it by.
    pub fn holds(&self, metrics: &dyn Metrics) -> Option<(bool, String)> {
        let seen = metrics.metric(&self.metric)?;
        let bound = match self.bound {
            Bound::Number(bound) | Bound::Share(bound) => bound,
            Bound::Span(span) => span.as_secs_f64(),
        };
        let holds = match self.than {
            Than::Less => seen < bound,
            Than::AtMost => seen <= bound,
            Than::Equal => seen == bound,
            Than::AtLeast => seen >= bound,
            Than::More => seen > bound,
        };
        let shown = match self.bound {
            Bound::Number(_) if seen.fract() == 0.0 => format!("{seen}"),
            Bound::Number(_) => format!("{seen:.1}"),
            Bound::Share(_) => format!("{:.2}%", seen * 100.0),
            Bound::Span(_) => show_span(Duration::from_micros((seen * 1e6) as u64)),
        };
        Some((holds, format!("{} is {shown}", self.metric)))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Check {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write it like \"latency.p99 < 800ms\"";
        // The longer ones first: "<=" begins as "<" does.
        let signs =
            [("<=", Than::AtMost), (">=", Than::AtLeast), ("==", Than::Equal), ("<", Than::Less), (">", Than::More)];
        let found = signs.iter().find_map(|(sign, than)| text.split_once(sign).map(|parts| (parts, *than)));
        let Some(((metric, bound), than)) = found else {
            return Err(format!("{text:?} compares nothing: {form}"));
        };
        let (metric, bound) = (metric.trim().to_owned(), bound.trim());
        let span =
            SPANS.iter().any(|name| metric.split_once('.').is_some_and(|(n, q)| n == *name && QUANTILES.contains(&q)));
        let number = |text: &str| text.replace('_', "").parse::<f64>().ok().filter(|n| n.is_finite());
        let bound = if span {
            Bound::Span(parse_span(bound).map_err(|error| format!("{metric} is a span: {error}"))?)
        } else if SHARES.contains(&metric.as_str()) {
            let share = match bound.strip_suffix('%') {
                Some(percent) => number(percent.trim()).map(|percent| percent / 100.0),
                None => number(bound),
            };
            Bound::Share(share.ok_or_else(|| format!("{metric} is a share: write it like \"{metric} < 1%\""))?)
        } else if COUNTS.contains(&metric.as_str()) || RATES.contains(&metric.as_str()) {
            Bound::Number(
                number(bound).ok_or_else(|| format!("{metric} is a number: write it like \"{metric} == 0\""))?,
            )
        } else {
            let known: Vec<String> = known();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            return Err(format!("{metric:?} is no metric{}", suggest(&metric, &known)));
        };
        Ok(Check { text: text.trim().to_owned(), metric, than, bound })
    }
}

impl FromStr for StopWhen {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (check, lasting) = match text.rsplit_once(" for ") {
            Some((check, span)) => (check, parse_span(span.trim()).map_err(|error| error.to_string())?),
            None => (text, Duration::ZERO),
        };
        Ok(StopWhen { check: check.parse()?, lasting })
    }
}

/// Every metric's name.
fn known() -> Vec<String> {
    let counted = COUNTS.iter().chain(&SHARES).chain(&RATES).map(|name| (*name).to_owned());
    let spans = SPANS.iter().flat_map(|span| QUANTILES.iter().map(move |quantile| format!("{span}.{quantile}")));
    counted.chain(spans).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Seen(f64);
    impl Metrics for Seen {
        fn metric(&self, name: &str) -> Option<f64> {
            (name != "duplicates").then_some(self.0)
        }
    }

    #[test]
    fn checks_compare_numbers_shares_and_spans() {
        let holds =
            |text: &str, seen: f64| text.parse::<Check>().expect(text).holds(&Seen(seen)).map(|(holds, _)| holds);
        for (text, seen, expected) in [
            ("lost == 0", 0.0, true),
            ("lost==0", 1.0, false),
            ("latency.p99 < 800ms", 0.799, true),
            ("latency.p99 < 800ms", 0.8, false),
            ("lag.max <= 5s", 5.0, true),
            ("refused > 20%", 0.21, true),
            ("refused <= 0.2", 0.21, false),
            ("delivered.rate >= 1_000", 1_000.0, true),
        ] {
            assert_eq!(holds(text, seen), Some(expected), "{text} {seen}");
        }
        assert_eq!(holds("duplicates == 0", 0.0), None, "nothing to judge it by");
        let said = |text: &str, seen: f64| text.parse::<Check>().expect(text).holds(&Seen(seen)).expect("seen").1;
        assert_eq!(said("latency.p99 < 800ms", 0.0125), "latency.p99 is 12ms 500us");
        assert_eq!(said("refused < 1%", 0.034), "refused is 3.40%");
        assert_eq!(said("lost == 0", 3.0), "lost is 3");
    }

    #[test]
    fn stops_last_for_a_while() {
        let stop: StopWhen = "refused > 20% for 30s".parse().expect("a stop");
        assert_eq!((stop.check.to_string().as_str(), stop.lasting), ("refused > 20%", Duration::from_secs(30)));
        assert_eq!("exhausted > 0".parse::<StopWhen>().expect("a stop").lasting, Duration::ZERO);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_way_out() {
        let refused = |text: &str| text.parse::<Check>().expect_err(text);
        insta::assert_snapshot!(refused("latency.p99"), @r#""latency.p99" compares nothing: write it like "latency.p99 < 800ms""#);
        assert!(refused("latncy.p99 < 1s").contains("did you mean \"latency.p99\"?"));
        assert!(refused("latency.p99 < fast").starts_with("latency.p99 is a span"));
        insta::assert_snapshot!(refused("refused < many"), @r#"refused is a share: write it like "refused < 1%""#);
        insta::assert_snapshot!(refused("lost == none"), @r#"lost is a number: write it like "lost == 0""#);
        "refused > 20% for ever".parse::<StopWhen>().expect_err("no span");
    }
}
