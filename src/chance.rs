//! Spans of time and choices that are drawn: `uniform(2s, 1m)`, `lognormal(90s, 0.7, max 30m)`, `{ Complete = 85, Refer = 15 }`.
//!
//! Read by the configuration (a flow's processing time) and by scenario files; drawn with a [`Draw`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::rng::Draw;

/// The longest span that a file may name: a thousand years.
pub const LONGEST_SPAN: Duration = Duration::from_secs(1_000 * 365 * 86_400);

/// A span that is fixed or drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum SpanDraw {
    /// Always the same.
    Fixed(Duration),
    /// Evenly between two bounds.
    Uniform(Duration, Duration),
    /// Exponential, by its mean.
    Exp {
        /// The mean.
        mean: Duration,
        /// No draw is longer.
        max: Option<Duration>,
    },
    /// Log-normal, by its median and the standard deviation of its logarithm.
    LogNormal {
        /// Half of the draws are shorter.
        median: Duration,
        /// Standard deviation of the logarithm, 0 to 10.
        sigma: f64,
        /// No draw is longer.
        max: Option<Duration>,
    },
}

impl SpanDraw {
    /// One span.
    pub fn draw(&self, draw: &mut Draw) -> Duration {
        let seconds = |s: f64| Duration::try_from_secs_f64(s).unwrap_or(LONGEST_SPAN);
        let (drawn, max) = match *self {
            SpanDraw::Fixed(span) => (span, None),
            SpanDraw::Uniform(low, high) => {
                let width = high.saturating_sub(low).as_secs_f64();
                (low + seconds(width * draw.unit()), None)
            }
            SpanDraw::Exp { mean, max } => (seconds(-mean.as_secs_f64() * libm::log(1.0 - draw.unit())), max),
            SpanDraw::LogNormal { median, sigma, max } => {
                (seconds(median.as_secs_f64() * libm::exp(sigma * draw.normal())), max)
            }
        };
        drawn.min(max.unwrap_or(LONGEST_SPAN))
    }

    /// One span, of a place whose chance is its own. Most spans are fixed, and do not ask for it.
    pub fn draw_once(&self, draw: impl FnOnce() -> Draw) -> Duration {
        match *self {
            SpanDraw::Fixed(span) => span.min(LONGEST_SPAN),
            _ => self.draw(&mut draw()),
        }
    }

    /// The shortest and the longest span that can be drawn.
    pub fn bounds(&self) -> (Duration, Duration) {
        match *self {
            SpanDraw::Fixed(span) => (span, span),
            SpanDraw::Uniform(low, high) => (low, high),
            SpanDraw::Exp { max, .. } | SpanDraw::LogNormal { max, .. } => {
                (Duration::ZERO, max.unwrap_or(LONGEST_SPAN))
            }
        }
    }
}

/// Why a text is not a span; the message ends with what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpanError(String);

/// Reads a fixed span: `90s`, `5m`, `1h 30m`, `30d`; `0` and `0s` are none. Months and years, which differ in length, are
/// refused: as fixed spans they would not end on the day that is meant (a year of 365.25 days ends at six in the morning),
/// and `1M` beside `1m` is a slip of the finger.
///
/// # Errors
/// [`SpanError`] names what is wrong and an example.
pub fn parse_span(text: &str) -> Result<Duration, SpanError> {
    let text = text.trim();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let span = humantime::parse_duration(text).map_err(|_| {
        let hint = if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
            format!("{text:?} has no unit: write \"{text}s\" for seconds")
        } else {
            format!("{text:?} is not a duration: write it like \"90s\", \"5m\", \"1h 30m\" or \"30d\"")
        };
        SpanError(hint)
    })?;
    if let Some(unit) = text.split(|c: char| !c.is_ascii_alphabetic()).find(|word| DIFFERING.contains(word)) {
        let hint = format!("{unit:?} differs in length: write months and years in days, \"30d\" or \"365d\"");
        return Err(SpanError(format!("{text:?} is not a fixed duration: {hint}")));
    }
    if span > LONGEST_SPAN {
        return Err(SpanError(format!("{text:?} is longer than a thousand years")));
    }
    Ok(span)
}

/// The units of `humantime` that have no one length.
const DIFFERING: [&str; 8] = ["M", "month", "months", "y", "yr", "yrs", "year", "years"];

/// Writes a span the way [`parse_span`] reads it, shortest form.
pub fn show_span(span: Duration) -> String {
    const UNITS: [(&str, u128); 7] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let nanos = span.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    for (unit, size) in &UNITS[..5] {
        // Milliseconds of centuries are more than what reads them back can count in nanoseconds.
        let readable = *unit != "ms" || nanos <= u128::from(u64::MAX);
        if nanos.is_multiple_of(*size) && readable {
            return format!("{}{unit}", nanos / size);
        }
    }
    let mut left = nanos;
    let parts = UNITS.iter().filter_map(|(unit, size)| {
        let count = left / size;
        left %= size;
        (count > 0).then(|| format!("{count}{unit}"))
    });
    parts.collect::<Vec<_>>().join(" ")
}

impl FromStr for SpanDraw {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let text = text.trim();
        let Some((name, rest)) = text.split_once('(') else {
            return parse_span(text).map(SpanDraw::Fixed);
        };
        let form = |form: &str| SpanError(format!("{text:?} is not of the form {form}"));
        let args = rest.strip_suffix(')').ok_or_else(|| SpanError(format!("{text:?} lacks its closing bracket")))?;
        let args: Vec<&str> = args.split(',').map(str::trim).collect();
        let max = |arg: Option<&&str>, shape: &str| match arg {
            None => Ok(None),
            Some(arg) => {
                let span = arg.strip_prefix("max ").ok_or_else(|| form(shape))?;
                parse_span(span).map(Some)
            }
        };
        match name.trim() {
            "uniform" => {
                let [low, high] = args[..] else { return Err(form("uniform(2s, 1m)")) };
                let (low, high) = (parse_span(low)?, parse_span(high)?);
                if low > high {
                    return Err(SpanError(format!("{text:?} has its bounds the wrong way round")));
                }
                Ok(SpanDraw::Uniform(low, high))
            }
            "exp" if (1..=2).contains(&args.len()) => {
                Ok(SpanDraw::Exp { mean: parse_span(args[0])?, max: max(args.get(1), "exp(5s, max 1m)")? })
            }
            "exp" => Err(form("exp(5s) or exp(5s, max 1m)")),
            "lognormal" if (2..=3).contains(&args.len()) => {
                let shape = "lognormal(5s, 0.7, max 5m)";
                let sigma: f64 = args[1].parse().map_err(|_| form(shape))?;
                if !(0.0..=10.0).contains(&sigma) {
                    return Err(SpanError(format!("the spread {sigma} in {text:?} is not between 0 and 10")));
                }
                Ok(SpanDraw::LogNormal { median: parse_span(args[0])?, sigma, max: max(args.get(2), shape)? })
            }
            "lognormal" => Err(form("lognormal(5s, 0.7) or lognormal(5s, 0.7, max 5m)")),
            other => Err(SpanError(format!(
                "{other:?} is not a distribution: use a duration, uniform(2s, 1m), exp(5s) or lognormal(5s, 0.7, max 5m)"
            ))),
        }
    }
}

impl fmt::Display for SpanDraw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = |max: &Option<Duration>| max.map(|m| format!(", max {}", show_span(m))).unwrap_or_default();
        match self {
            SpanDraw::Fixed(span) => f.write_str(&show_span(*span)),
            SpanDraw::Uniform(low, high) => write!(f, "uniform({}, {})", show_span(*low), show_span(*high)),
            SpanDraw::Exp { mean, max: m } => write!(f, "exp({}{})", show_span(*mean), max(m)),
            SpanDraw::LogNormal { median, sigma, max: m } => {
                write!(f, "lognormal({}, {sigma}{})", show_span(*median), max(m))
            }
        }
    }
}

/// A choice that is drawn by weight; a single value has one weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights<T>(Vec<(T, f64)>);

impl<T: Copy> Weights<T> {
    /// Always `value`.
    pub fn only(value: T) -> Self {
        Weights(vec![(value, 1.0)])
    }

    /// From pairs of value and weight; `None` when no weight is above zero, or one is negative or not finite.
    pub fn new(pairs: Vec<(T, f64)>) -> Option<Self> {
        let sane = pairs.iter().all(|(_, w)| w.is_finite() && *w >= 0.0);
        (sane && pairs.iter().any(|(_, w)| *w > 0.0)).then_some(Weights(pairs))
    }

    /// One value.
    pub fn draw(&self, draw: &mut Draw) -> T {
        let index = draw.weighted(self.0.iter().map(|(_, w)| *w)).unwrap_or(0);
        self.0[index].0
    }

    /// The pairs, as written.
    pub fn pairs(&self) -> &[(T, f64)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn spans_read_back_as_written() {
        for text in [
            "90s",
            "5m",
            "30d",
            "uniform(2s, 1m)",
            "exp(5s)",
            "exp(5s, max 1m)",
            "lognormal(5s, 0.7)",
            "lognormal(90s, 0.7, max 30m)",
        ] {
            let span: SpanDraw = text.parse().expect(text);
            assert_eq!(span.to_string(), text);
        }
        for text in ["1ns", "999us", "1500ms", "2d", "1000000ns", "366d 1us", "1s 234ms 567us"] {
            let span = parse_span(text).expect(text);
            assert_eq!(parse_span(&show_span(span)), Ok(span), "{text}");
        }
        let long = LONGEST_SPAN - Duration::from_millis(60);
        assert_eq!(parse_span(&show_span(long)), Ok(long), "{}", show_span(long));
        assert_eq!(show_span(Duration::from_nanos(366 * 86_400_000_000_000 + 1_002)), "366d 1us 2ns", "no months");
        assert_eq!("1h 30m".parse::<SpanDraw>().expect("two units").to_string(), "90m");
        assert_eq!(parse_span("0").expect("none"), Duration::ZERO);
    }

    #[test]
    fn what_is_no_span_says_what_would_be() {
        for text in [
            "5",
            "soon",
            "uniform(1m)",
            "uniform(2m, 1m)",
            "gauss(1s)",
            "lognormal(5s, 99)",
            "exp(5s, 1m)",
            "uniform(1s, 2s",
            "800000d",
            "1y",
            "1d 3months",
        ] {
            let error = text.parse::<SpanDraw>().expect_err(text);
            assert!(error.to_string().contains(text.split(['(', ',']).next().unwrap_or(text)), "{text}: {error}");
        }
        assert!("uniform(30d, 1M)".parse::<SpanDraw>().is_err(), "a month is not taken in a draw either");
        let year = parse_span("1y").expect_err("of 365.25 days").to_string();
        assert!(year.contains("\"365d\""), "{year}");
    }

    #[test]
    fn draws_keep_their_bounds() {
        for text in ["uniform(2s, 1m)", "exp(5s, max 1m)", "lognormal(5s, 0.7, max 30s)"] {
            let span: SpanDraw = text.parse().expect(text);
            let (low, high) = span.bounds();
            let mut draw = Seed(3).draw(&[text.as_bytes()]);
            for _ in 0..2_000 {
                let drawn = span.draw(&mut draw);
                assert!(drawn >= low && drawn <= high, "{text} drew {drawn:?}");
            }
        }
    }

    #[test]
    fn weights_refuse_nonsense() {
        assert!(Weights::new(vec![(1, 0.0)]).is_none());
        assert!(Weights::new(vec![(1, -1.0), (2, 3.0)]).is_none());
        assert!(Weights::new(vec![(1, f64::NAN)]).is_none());
        assert_eq!(Weights::only(4).draw(&mut Seed(0).draw(&[])), 4);
    }
}
