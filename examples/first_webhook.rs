//! A provider inside a test, in twenty lines: a journey is submitted, decided and renewed a year later.
//!
//! Run it with `cargo run --example first_webhook`. Put your own handler's URL in place of the inbox.

use std::time::Duration;

use serde_json::json;
use understudy::Understudy;

#[tokio::main]
async fn main() -> Result<(), understudy::EmbedError> {
    let provider = Understudy::builder().webhook("/inbox/mine").start().await?;
    let journey = provider.start_journey("KYC-1").await?;
    provider.does(&journey, json!({ "do": "submit_step", "step": "1" })).await?;
    provider.does(&journey, json!({ "do": "submit_step", "step": "2" })).await?;
    provider.advance(Duration::from_secs(10)).await?; // processing ends after five seconds
    provider.advance(Duration::from_secs(335 * 86_400)).await?; // a year passes at once
    provider.does(&journey, json!({ "do": "renewal_due", "steps": ["1"], "deadline": "30d" })).await?;
    provider.quiet().await;

    let types: Vec<String> = provider.inbox("mine").iter().filter_map(|r| r.event_type.clone()).collect();
    assert_eq!(types.last().map(String::as_str), Some("Verification Update Required"));
    assert_eq!(provider.ledger().deliveries.delivered, 5);
    provider.stop(Duration::from_secs(1)).await
}
