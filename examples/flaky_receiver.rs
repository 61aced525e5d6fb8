//! What the third attempt looks like: a receiver that fails twice, in a clock that is moved from gap to gap.
//!
//! Run it with `cargo run --example flaky_receiver`.

use std::time::Duration;

use serde_json::json;
use understudy::Understudy;

/// The provider's documented gaps after a failed attempt, and one that gets past all of them.
const GAPS: [Duration; 3] = [Duration::from_secs(5 * 60), Duration::from_secs(10 * 60), Duration::from_secs(60 * 60)];

#[tokio::main]
async fn main() -> Result<(), understudy::EmbedError> {
    // The built-in inbox misbehaves on request; the first two attempts at each event get 500.
    let provider = Understudy::builder().webhook("/inbox/flaky?fail_first=2").start().await?;
    let journey = provider.start_journey("KYC-1").await?;
    provider.does(&journey, json!({ "do": "submit_step", "step": "1" })).await?;
    provider.quiet().await;
    for (n, gap) in GAPS.into_iter().enumerate() {
        let arrived = provider.inbox("flaky");
        assert_eq!(arrived.len(), (n + 1).min(3), "one attempt per gap, and none after the one that was accepted");
        assert!(arrived.iter().all(|request| request.body == arrived[0].body), "always the same bytes");
        provider.advance(gap).await?;
    }
    let ledger = provider.ledger();
    assert_eq!((ledger.deliveries.delivered, ledger.attempts, ledger.mails.accepted), (1, 3, 0));
    provider.stop(Duration::from_secs(1)).await
}
