//! `/metrics`: the process as Prometheus and those who speak like it read it.
//!
//! Text format 0.0.4, or OpenMetrics where the scraper asks for it. Everything is read from counters that are there anyway:
//! a scrape reads no history, and costs with the number of webhooks that are owed something, not with what they are owed.

mod process;

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode as encode_text;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::app::App;
use crate::delivery::tally::{NAMED, Spans};
use crate::http::problem::Problem;
use crate::outbox::LaneStatus;

/// What webhooks beyond the first [`NAMED`] are called together: no name that a webhook can have.
const OTHERS: &str = "(others)";

const OPEN_METRICS: &str = "application/openmetrics-text";

/// The process in figures.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "control",
    responses(
        (status = 200, description = "Prometheus text format 0.0.4, or OpenMetrics 1.0.0 where `Accept` names it", content(
            (String = "text/plain"),
            (String = "application/openmetrics-text"),
        )),
        Problem,
    ),
)]
pub(super) async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Figures(app)));
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = encode_text(&mut text, &registry);
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepts.contains(OPEN_METRICS) {
        return ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
            .into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], classic(&text)).into_response()
}

/// OpenMetrics as text format 0.0.4: there a counter is declared under the name that its samples have, and neither units nor
/// an end are.
fn classic(text: &str) -> String {
    let mut classic = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), about) => help = Some((name, about.unwrap_or_default())),
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let suffix = if kind == "counter" { "_total" } else { "" };
                // The help came first, and says nothing of the type.
                if let Some((name, about)) = help.take() {
                    classic.push_str(&format!("# HELP {name}{suffix} {about}\n"));
                }
                classic.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
            }
            (Some("#"), ..) => {}
            _ => {
                classic.push_str(line);
                classic.push('\n');
            }
        }
    }
    classic
}

#[derive(Debug)]
struct Figures(Arc<App>);

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut sheet = Sheet(encoder);
        self.server(&mut sheet)?;
        self.attempts(&mut sheet)?;
        self.owed(&mut sheet)?;
        process::encode(&mut sheet)
    }
}

impl Figures {
    fn server(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let app = &self.0;
        let build = [("version", env!("CARGO_PKG_VERSION")), ("provider", app.provider.as_str())];
        sheet.gauges("understudy_build_info", "What runs; always 1", [(build, 1)])?;
        let now = app.now().as_micros() as f64 / 1e6;
        sheet.gauge("understudy_clock_timestamp", "The provider's clock, as Unix time", Some(Unit::Seconds), now)?;
        let about = "Provider seconds per real second; 0 while the clock stands still";
        sheet.gauge("understudy_clock_rate", about, None, app.clock.mode().rate())?;
        let healthy = u64::from(app.outbox.broken().is_none());
        sheet.gauge("understudy_outbox_up", "1 while the outbox takes writes", None, healthy as f64)?;
        sheet.gauge("understudy_streams", "Open streams of the API", None, app.news.listeners() as f64)
    }

    fn attempts(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let tally = &self.0.tally;
        let named = tally.by_webhook();
        let named = named.iter().flat_map(|(name, outcomes)| {
            outcomes
                .counts()
                .map(|(outcome, count)| ([("webhook", name.to_string()), ("outcome", outcome.into())], count))
        });
        let others = tally.others().counts();
        let others =
            others.map(|(outcome, count)| ([("webhook", OTHERS.to_owned()), ("outcome", outcome.into())], count));
        let about = "Attempts at webhooks that ended since the start, by what came of them";
        sheet.counters("understudy_attempts", about, named.chain(others))?;
        let about = "From an event to its acceptance, in provider time, retries included";
        sheet.spans("understudy_lag", about, [(None, &tally.lag)])?;
        let about = "Attempts at webhooks, from start to end";
        sheet.spans("understudy_attempt_duration", about, [(None, &tally.attempt)])?;
        let about = "Writes of the outbox until durable: what follows from a stimulus, what came of an attempt";
        let writes = [(Some(("write", "commit")), &tally.commit), (Some(("write", "settle")), &tally.settle)];
        sheet.spans("understudy_outbox_write", about, writes)
    }

    /// What the store counts, and what it owes.
    fn owed(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let app = &self.0;
        let ledger = app.outbox.ledger();
        sheet.counter("understudy_journeys", "Journeys that were ever started", ledger.journeys)?;
        sheet.counter("understudy_events", "Events that were ever accepted", ledger.events)?;
        let counts = &ledger.deliveries;
        sheet.counter("understudy_deliveries_accepted", "Deliveries that were ever owed", counts.accepted)?;
        let states = [
            ("waiting", counts.waiting),
            ("in_flight", counts.in_flight),
            ("delivered", counts.delivered),
            ("exhausted", counts.exhausted),
            ("cancelled", counts.cancelled),
        ];
        sheet.gauges(
            "understudy_deliveries",
            "Deliveries by state",
            states.map(|(s, count)| ([("state", s)], count)),
        )?;
        let mails = &ledger.mails;
        let states = [
            ("waiting", mails.waiting),
            ("in_flight", mails.in_flight),
            ("sent", mails.sent),
            ("failed", mails.failed),
            ("kept", mails.kept),
        ];
        sheet.gauges("understudy_mails", "Error mails by state", states.map(|(s, count)| ([("state", s)], count)))?;
        let endpoints = app.endpoints.all();
        let running = endpoints.iter().filter(|endpoint| app.endpoints.runs(&endpoint.name)).count() as u64;
        let states = [("running", running), ("standing", endpoints.len() as u64 - running)];
        let about = "Webhooks by whether deliveries to them are started";
        sheet.gauges("understudy_webhooks", about, states.map(|(s, count)| ([("state", s)], count)))?;
        let lanes = app.outbox.lanes();
        let each = |count: fn(&LaneStatus) -> u64| {
            let named =
                lanes.iter().take(NAMED).map(move |lane| ([("webhook", lane.webhook.to_string())], count(lane)));
            let others: u64 = lanes.iter().skip(NAMED).map(count).sum();
            named.chain((lanes.len() > NAMED).then(|| ([("webhook", OTHERS.to_owned())], others))).collect::<Vec<_>>()
        };
        let about = "Deliveries that wait, by webhook; none where a webhook is owed nothing";
        sheet.gauges("understudy_webhook_waiting", about, each(|lane| lane.waiting))?;
        let about = "Attempts under way, by webhook; none where a webhook is owed nothing";
        sheet.gauges("understudy_webhook_in_flight", about, each(|lane| lane.in_flight))
    }
}

/// Where figures are written, one family of them after the other.
struct Sheet<'a>(DescriptorEncoder<'a>);

impl Sheet<'_> {
    fn counter(&mut self, name: &str, about: &str, value: u64) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, about, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn gauge(&mut self, name: &str, about: &str, unit: Option<Unit>, value: f64) -> fmt::Result {
        self.0.encode_descriptor(name, about, unit.as_ref(), MetricType::Gauge)?.encode_gauge(&value)
    }

    fn gauges<const N: usize, V: ToString>(
        &mut self,
        name: &str,
        about: &str,
        values: impl IntoIterator<Item = ([(&'static str, V); N], u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, about, None, MetricType::Gauge)?;
        values.into_iter().try_for_each(|(labels, value)| family.encode_family(&texts(labels))?.encode_gauge(&value))
    }

    fn counters<const N: usize>(
        &mut self,
        name: &str,
        about: &str,
        values: impl IntoIterator<Item = ([(&'static str, String); N], u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, about, None, MetricType::Counter)?;
        values.into_iter().try_for_each(|(labels, value)| {
            family.encode_family(&texts(labels))?.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    fn spans<'s>(
        &mut self,
        name: &str,
        about: &str,
        families: impl IntoIterator<Item = (Option<(&'static str, &'static str)>, &'s Spans)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, about, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (label, spans) in families {
            let (sum, buckets) = spans.read();
            let count = buckets.iter().map(|(_, count)| count).sum();
            match label {
                Some(label) => {
                    family.encode_family(&[label])?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
                }
                None => family.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?,
            }
        }
        Ok(())
    }
}

fn texts<V: ToString, const N: usize>(labels: [(&'static str, V); N]) -> [(&'static str, String); N] {
    labels.map(|(name, value)| (name, value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_declared_under_the_name_of_their_samples() {
        let open = "# HELP a About a.\n# TYPE a counter\na_total{x=\"# TYPE\"} 1\n# HELP b_seconds B\n\
                    # TYPE b_seconds histogram\n# UNIT b_seconds seconds\nb_seconds_sum 0.5\n# EOF\n";
        let classic = classic(open);
        assert_eq!(
            classic,
            "# HELP a_total About a.\n# TYPE a_total counter\na_total{x=\"# TYPE\"} 1\n# HELP b_seconds B\n\
             # TYPE b_seconds histogram\nb_seconds_sum 0.5\n"
        );
    }
}
