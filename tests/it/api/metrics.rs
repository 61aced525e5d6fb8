//! `/metrics`: what a scraper reads is well formed in both formats, and says what the ledger says.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::server::Server;
use crate::support::sink::{Answer, Received, Sink};
use crate::support::steps::{advance, ledger, manual, one_event, webhook};

/// What a text declares, and what it says: samples by their whole name with labels.
struct Scraped {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl Scraped {
    /// Reads a text strictly: every sample belongs to the family that was declared last, and none comes twice.
    fn read(text: &str) -> Scraped {
        assert!(text.ends_with('\n'));
        let mut scraped = Scraped { kinds: BTreeMap::new(), samples: BTreeMap::new() };
        let (mut family, mut helped) = (String::new(), BTreeSet::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, about) = help.split_once(' ').expect("a help has a text");
                assert!(!about.is_empty() && helped.insert(name.to_owned()), "{line}");
            } else if let Some(declared) = line.strip_prefix("# TYPE ") {
                let (name, kind) = declared.split_once(' ').expect("a family has a type");
                assert!(helped.contains(name), "{line}: said what it is");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(scraped.kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}: once");
                family = name.to_owned();
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}: a number"));
                assert!(series.starts_with(&family), "{line}: belongs to {family}");
                assert!(scraped.samples.insert(series.to_owned(), value).is_none(), "{line}: once");
            }
        }
        scraped
    }

    #[track_caller]
    fn says(&self, series: &str, value: f64) {
        assert_eq!(self.samples.get(series), Some(&value), "{series} in {:#?}", self.samples);
    }
}

#[test]
fn a_scrape_is_well_formed_and_agrees_with_the_ledger() {
    let sink = Sink::start(|request: &Received| Answer::Status(if request.path == "/dead" { 500 } else { 200 }));
    let dir = tempfile::tempdir().expect("a directory");
    let dead = webhook("dead", &sink.url("/dead"), "retry = [\"1m\"]\nerror_emails = [\"ops@example.com\"]");
    let server = Server::start(dir.path(), &manual(&(webhook("well", &sink.url("/well"), "") + &dead)));
    for n in 0..3 {
        one_event(&server, &format!("COUNT-{n}"));
    }
    advance(&server, "1h");
    server.post("/api/v1/webhooks/well/pause", &serde_json::json!({}));
    one_event(&server, "COUNT-3");
    let answer = server.get("/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    let scraped = Scraped::read(&text);
    scraped.says("understudy_attempts_total{webhook=\"well\",outcome=\"delivered\"}", 3.0);
    scraped.says("understudy_lag_seconds_count", 3.0);
    scraped.says("understudy_outbox_write_seconds_count{write=\"commit\"}", 8.0);
    scraped.says("understudy_webhook_waiting{webhook=\"well\"}", 1.0);
    scraped.says("understudy_webhooks{state=\"standing\"}", 1.0);
    scraped.says("understudy_mails{state=\"kept\"}", 1.0);
    scraped.says("understudy_clock_rate", 0.0);
    // 2026-01-05T10:00:00Z, the clock's start and an hour.
    scraped.says("understudy_clock_timestamp_seconds", 1_767_607_200.0);
    let ledger = ledger(&server);
    let counted = |state: &str| ledger["deliveries"][state].as_f64().expect("a count");
    for state in ["delivered", "exhausted", "cancelled"] {
        scraped.says(&format!("understudy_deliveries{{state=\"{state}\"}}"), counted(state));
    }
    // An attempt may be under way at either look.
    let pending = ["waiting", "in_flight"];
    let scraped_pending = pending.map(|state| scraped.samples[&format!("understudy_deliveries{{state=\"{state}\"}}")]);
    assert_eq!(scraped_pending.iter().sum::<f64>(), pending.map(counted).iter().sum::<f64>());
    scraped.says("understudy_journeys_total", 4.0);
    assert_eq!(scraped.kinds["understudy_attempts_total"], "counter");
    let retried = &scraped.samples["understudy_attempts_total{webhook=\"dead\",outcome=\"status\"}"];
    assert!((6.0..=7.0).contains(retried), "{retried}");
    let mut last = 0.0;
    let buckets = text.lines().filter(|line| line.starts_with("understudy_lag_seconds_bucket{"));
    for (line, count) in buckets.filter_map(|line| line.rsplit_once(' ')) {
        let count: f64 = count.parse().expect("a number");
        assert!(count >= last, "{line}: buckets add up");
        last = count;
    }
    assert_eq!(last, 3.0, "the last bucket holds all");
    if cfg!(target_os = "linux") {
        let megabytes = scraped.samples["process_resident_memory_bytes"] / 1e6;
        assert!((1.0..1_000.0).contains(&megabytes), "{megabytes}");
        for name in ["process_open_fds", "process_max_fds", "process_threads", "process_start_time_seconds"] {
            assert!(scraped.samples[name] > 1.0, "{name}");
        }
        assert_eq!(scraped.kinds["process_cpu_seconds_total"], "counter");
    }
    let accepts = [("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")];
    let answer = server.ask("GET", "/metrics", &accepts, b"").expect("answered");
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = answer.text();
    assert!(text.ends_with("# EOF\n") && text.contains("# UNIT understudy_lag_seconds seconds\n"), "{text}");
    let open = Scraped::read(&text);
    assert_eq!(open.kinds["understudy_attempts"], "counter");
    assert_eq!(open.samples.keys().collect::<Vec<_>>(), scraped.samples.keys().collect::<Vec<_>>(), "the same series");
}
