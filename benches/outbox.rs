//! Measures the sled outbox: `cargo bench --bench outbox [-- ROUNDS | million]`. Prints figures; without an
//! argument bounded to about half a minute.
//!
//! Durable commits per second with one producer and with 256, claims and settlements alone, the whole cycle (commit,
//! claim, settle), and rounds
//! through a standing backlog, in which memory and disk must stay flat.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;
use understudy::clock::{Stopwatch, Timestamp};
use understudy::ids::{EventId, JourneyId};
use understudy::message::{Attempt, Message, Outcome, RequestSeen, ResponseSeen, Verdict};
use understudy::outbox::{Commit, Lease, NewDelivery, NewMessage, Outbox, Settlement, SledOutbox, SledSettings};
use understudy::provider::{Environment, Journey, State, idwise};

const LANES: u64 = 256;
const JOURNEYS: u64 = 1_024;
const BACKLOG: u64 = 10_240;

fn at(s: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + s as i64)
}

/// A journey's commit with one event of about 400 bytes. A few journeys take many events each: what is measured is
/// the queue and the archive.
fn commit(n: u64, journeys: u64) -> Commit {
    let number = n % journeys + 1;
    let version = n / journeys + 1;
    let mut id = [0; 12];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let state = idwise::State {
        phase: idwise::Phase::Open,
        system: idwise::SystemDecision::Incomplete,
        manual: None,
        steps: Vec::new(),
        aml: idwise::Aml::default(),
        rounds: 0,
        spot_checks: 0,
        renewal_deadline: None,
    };
    let journey = Journey {
        id: JourneyId(id),
        number,
        reference_no: format!("REF-{number}"),
        flow: "onboarding".into(),
        environment: Environment::Sandbox,
        version,
        sequence: version,
        created_at: at(0),
        deadlines: Vec::new(),
        state: State::Idwise(state),
    };
    let mut event = [0; 16];
    event[..8].copy_from_slice(&n.to_be_bytes());
    let message = Message {
        event_id: EventId(event),
        event_type: "Finished Step".into(),
        journey_id: Some(journey.id),
        sequence: version,
        environment: Environment::Sandbox,
        created_at: at(n),
        body: vec![b'x'; 400].into(),
        forms: Vec::new(),
    };
    let webhook = Arc::from(format!("hook-{}", n % LANES));
    let to = vec![NewDelivery { webhook, due_at: at(n), ordered: false, form: 0 }];
    let expected_version = (version > 1).then(|| version - 1);
    Commit {
        journey: Arc::new(journey),
        expected_version,
        messages: vec![NewMessage { message, to }],
        key: None,
        fired: None,
        note: None,
        now: at(n),
    }
}

async fn produce(outbox: &Arc<SledOutbox>, from: u64, count: u64, producers: u64) {
    let mut tasks = JoinSet::new();
    // Each producer has journeys of its own, so that none conflicts with another's.
    for producer in 0..producers {
        let outbox = outbox.clone();
        tasks.spawn(async move {
            let mut n = from + producer;
            while n < from + count {
                outbox.commit(commit(n, JOURNEYS)).await.expect("a commit");
                n += producers;
            }
        });
    }
    tasks.join_all().await;
}

fn attempt() -> Box<Attempt> {
    let request = RequestSeen {
        method: "POST".into(),
        url: "http://127.0.0.1:8080/webhooks/idwise".into(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())].into(),
    };
    let response = ResponseSeen { status: 200, body: b"ok".to_vec(), ..ResponseSeen::default() };
    let outcome = Outcome { status: Some(200), request, response: Some(response), ..Outcome::default() };
    Box::new(Attempt { n: 1, started_at: at(0), finished_at: at(0), outcome })
}

/// Claims and settles until `count` are delivered.
async fn consume(outbox: &Arc<SledOutbox>, count: u64) {
    let left = Arc::new(AtomicU64::new(count));
    let mut tasks = JoinSet::new();
    for worker in 0..16_u64 {
        let (outbox, left) = (outbox.clone(), left.clone());
        tasks.spawn(async move {
            let mut lane = worker;
            while left.load(Ordering::Relaxed) > 0 {
                let hook = format!("hook-{lane}");
                let due = outbox.claim_deliveries(&hook, Timestamp::MAX, 32).await.expect("a claim").rows;
                lane = (lane + 16) % LANES;
                if due.is_empty() {
                    tokio::task::yield_now().await;
                    continue;
                }
                let done = due.len() as u64;
                let verdict = Verdict::Delivered;
                let settlements = due.iter().map(|due| Settlement::Attempt {
                    lease: due.lease,
                    attempt: attempt(),
                    verdict,
                    notice: None,
                });
                outbox.settle(settlements.collect()).await.expect("a settlement");
                let _ = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(done)));
            }
        });
    }
    tasks.join_all().await;
}

fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn open(dir: &Path) -> io::Result<Arc<SledOutbox>> {
    let settings = SledSettings { retention: std::time::Duration::ZERO, ..SledSettings::default() };
    SledOutbox::open(dir, settings).map(Arc::new).map_err(io::Error::other)
}

async fn rates(dir: &Path) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let outbox = open(dir)?;
    let mut n = JOURNEYS;
    // The journeys come to be first.
    produce(&outbox, 0, n, 64).await;
    for (producers, count) in [(1, 5_000), (16, 40_000), (256, 100_000)] {
        let watch = Stopwatch::start();
        produce(&outbox, n, count, producers).await;
        n += count;
        writeln!(out, "commits, {producers:>3} producers: {:>8.0}/s", count as f64 / watch.elapsed().as_secs_f64())?;
    }
    let per_item = |watch: &Stopwatch, count: usize| watch.elapsed().as_secs_f64() * 1e6 / count as f64;
    let watch = Stopwatch::start();
    let leases = claim_all(&outbox).await;
    writeln!(out, "claims alone, 32 at once: {:>8.2} us each", per_item(&watch, leases.len()))?;
    let count = leases.len();
    let watch = Stopwatch::start();
    settle_all(&outbox, leases).await;
    writeln!(out, "settlements alone, 16 times 32 at once: {:>8.2} us each", per_item(&watch, count))?;
    produce(&outbox, n, 100_000, 256).await;
    let watch = Stopwatch::start();
    consume(&outbox, 100_000).await;
    writeln!(out, "both, a drain of 100000: {:>8.0}/s", 100_000.0 / watch.elapsed().as_secs_f64())
}

async fn claim_all(outbox: &Arc<SledOutbox>) -> Vec<Lease> {
    let mut leases = Vec::new();
    for lane in 0..LANES {
        let hook = format!("hook-{lane}");
        loop {
            let due = outbox.claim_deliveries(&hook, Timestamp::MAX, 32).await.expect("a claim").rows;
            leases.extend(due.iter().map(|due| due.lease));
            if due.is_empty() {
                break;
            }
        }
    }
    leases
}

async fn settle_all(outbox: &Arc<SledOutbox>, leases: Vec<Lease>) {
    let mut tasks = JoinSet::new();
    for share in leases.chunks(leases.len().div_ceil(16)) {
        let (outbox, share) = (outbox.clone(), share.to_vec());
        tasks.spawn(async move {
            for leases in share.chunks(32) {
                let delivered = |lease: &Lease| Settlement::Attempt {
                    lease: *lease,
                    attempt: attempt(),
                    verdict: Verdict::Delivered,
                    notice: None,
                };
                outbox.settle(leases.iter().map(delivered).collect()).await.expect("a settlement");
            }
        });
    }
    tasks.join_all().await;
}

/// Rounds of 200,000 items through a standing backlog.
async fn rounds(dir: &Path, rounds: u64) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let outbox = open(dir)?;
    produce(&outbox, 0, JOURNEYS, 64).await;
    produce(&outbox, JOURNEYS, BACKLOG, 256).await;
    let mut n = JOURNEYS + BACKLOG;
    for round in 1..=rounds {
        let watch = Stopwatch::start();
        let count = 200_000;
        let (_, _) = tokio::join!(produce(&outbox, n, count, 256), consume(&outbox, count));
        n += count;
        let rate = count as f64 / watch.elapsed().as_secs_f64();
        outbox.expire(Timestamp::MAX).await.map_err(io::Error::other)?;
        let archive = size(&dir.join("archive"));
        let tree = (size(dir) - archive) >> 20;
        let (archive, memory) = (archive >> 20, resident_mib());
        writeln!(
            out,
            "round {round}: {rate:>8.0} items/s, resident {memory} MiB, tree {tree} MiB, archive {archive} MiB"
        )?;
    }
    drop(outbox);
    let watch = Stopwatch::start();
    let outbox = open(dir)?;
    let waiting = outbox.ledger().deliveries.waiting;
    writeln!(out, "opened with {waiting} pending in {:.3} s", watch.elapsed().as_secs_f64())
}

async fn million(dir: &Path) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let outbox = Arc::new(SledOutbox::open(dir, SledSettings::default()).map_err(io::Error::other)?);
    let watch = Stopwatch::start();
    produce(&outbox, 0, 1_024, 64).await;
    produce(&outbox, 1_024, 1_000_000, 1_024).await;
    let rate = 1_000_000.0 / watch.elapsed().as_secs_f64();
    writeln!(out, "fill of 1,000,000: {rate:.0}/s, resident {} MiB, disk {} MiB", resident_mib(), size(dir) >> 20)?;
    drop(outbox);
    let watch = Stopwatch::start();
    let outbox = SledOutbox::open(dir, SledSettings::default()).map_err(io::Error::other)?;
    let waiting = outbox.ledger().deliveries.waiting;
    writeln!(out, "opened with {waiting} pending in {:.3} s", watch.elapsed().as_secs_f64())?;
    let watch = Stopwatch::start();
    let due = outbox.claim_deliveries("hook-0", Timestamp::MAX, 2_048).await.map_err(io::Error::other)?;
    let took = watch.elapsed();
    writeln!(out, "first {} due in {took:.1?}, resident {} MiB", due.rows.len(), resident_mib())
}

#[tokio::main(worker_threads = 2)]
async fn main() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match arguments.first().map(String::as_str) {
        Some("million") => million(dir.path()).await,
        Some(count) => rounds(dir.path(), count.parse().map_err(io::Error::other)?).await,
        None => {
            rates(&dir.path().join("rates")).await?;
            rounds(&dir.path().join("rounds"), 3).await
        }
    }
}
