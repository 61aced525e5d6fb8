//! A bar while a server sends many deliveries again: it is one call, and the server's stream tells how far it is.

use std::convert::Infallible;
use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::commands::client::{Client, Opened, Patience};
use crate::commands::events::Reader;
use crate::commands::{Context, Failure};

/// Fewer are sent again before anybody has read how far it is.
const WORTH_A_BAR: usize = 100;

/// Sends again what matches `body`, with a bar where there is a terminal to draw it on.
///
/// # Errors
/// What the server refused.
pub(super) async fn resend(cx: &Context, client: &Client, path: &[&str], body: &Value) -> Result<Value, Failure> {
    let resending = client.post(path, body, Patience::Endless);
    if !cx.out.shows_progress() || !stderr().is_terminal() {
        return resending.await;
    }
    let mut look = body.clone();
    look["dry_run"] = true.into();
    let matching = client.post(path, &look, Patience::Endless).await?;
    let count = matching["matched"].as_array().map_or(0, Vec::len);
    if count < WORTH_A_BAR {
        return resending.await;
    }
    let bar = ProgressBar::new(count as u64);
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} deliveries, {elapsed} elapsed, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    // Opened before it begins, so that none is missed.
    let stream = client.open(&["api", "v1", "stream"], &[("kind", Some("delivery".to_owned()))]).await?;
    let resent = tokio::select! {
        resent = resending => resent,
        never = follow(stream, &bar) => match never {},
    };
    bar.finish_and_clear();
    resent
}

/// Moves the bar for each delivery that repeats another. Never completes: a bar that stands still is no reason to stop.
async fn follow(stream: Opened, bar: &ProgressBar) -> Infallible {
    if let Opened::Open(mut stream) = stream {
        let mut reader = Reader::default();
        while let Ok(Some(piece)) = stream.chunk().await {
            let Some(came) = reader.read(&piece) else { break };
            for told in came {
                let data: Value = serde_json::from_str(&told.data).unwrap_or_default();
                let more =
                    if told.kind == "missed" { data["count"].as_u64() } else { data["resend_of"].as_str().map(|_| 1) };
                bar.inc(more.unwrap_or_default());
            }
        }
    }
    std::future::pending().await
}
