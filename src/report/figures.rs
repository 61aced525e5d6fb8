//! A distribution in a few numbers.

use std::time::Duration;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest span that is told from longer ones.
const TEN_YEARS_US: u64 = 10 * 365 * 86_400 * 1_000_000;

/// A histogram of spans in microseconds, three digits precise; none when memory is out.
pub fn histogram() -> Option<Histogram<u64>> {
    let mut histogram = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).ok()?;
    histogram.auto(true);
    Some(histogram)
}

/// Records a span; longer than ten years counts as ten years.
pub fn record(histogram: &mut Histogram<u64>, span: Duration) {
    let micros = u64::try_from(span.as_micros()).unwrap_or(TEN_YEARS_US).min(TEN_YEARS_US);
    // It grows as needed, and fails only where it cannot.
    if histogram.record(micros).is_err() {
        histogram.saturating_record(micros);
    }
}

/// A distribution, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// How many values.
    pub count: u64,
    /// Half are below.
    pub p50: f64,
    /// Nine of ten are below.
    pub p90: f64,
    /// 99 of 100 are below.
    pub p99: f64,
    /// 999 of 1,000 are below.
    #[serde(default)]
    pub p999: f64,
    /// The largest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

impl Figures {
    /// Of spans of any length; above 10 years they are counted as 10 years.
    pub fn of(spans: impl Iterator<Item = Duration>) -> Self {
        let Some(mut histogram) = histogram() else { return Figures::default() };
        spans.for_each(|span| record(&mut histogram, span));
        Figures::from(&histogram)
    }
}

impl From<&Histogram<u64>> for Figures {
    fn from(histogram: &Histogram<u64>) -> Self {
        let ms = |micros: u64| micros as f64 / 1_000.0;
        Figures {
            count: histogram.len(),
            p50: ms(histogram.value_at_quantile(0.5)),
            p90: ms(histogram.value_at_quantile(0.9)),
            p99: ms(histogram.value_at_quantile(0.99)),
            p999: ms(histogram.value_at_quantile(0.999)),
            max: ms(histogram.max()),
            mean: histogram.mean() / 1_000.0,
        }
    }
}
