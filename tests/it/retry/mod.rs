//! Retries as the provider documents them, and the mail after the last one.
//!
//! The clock is moved by hand, so that five, ten and fifteen minutes are instants to the microsecond and nothing waits.

mod attempts;
mod mails;
mod real_smtp;

use serde_json::Value;

use crate::support::server::Server;
use crate::support::steps::{items, ok};

/// `[email]` for a mail server at this URL.
fn email(smtp: &str) -> String {
    format!("[email]\nsmtp = \"{smtp}\"\nfrom = \"webhooks@understudy.test\"\n")
}

/// The deliveries of a webhook with their tries, the oldest first.
fn deliveries(server: &Server, webhook: &str) -> Vec<Value> {
    let mut listed = items(server, &format!("/api/v1/deliveries?webhook={webhook}&limit=1000"));
    listed.reverse();
    let id = |delivery: &Value| delivery["id"].as_str().expect("a delivery has an id").to_owned();
    listed.iter().map(|delivery| ok(server, &format!("/api/v1/deliveries/{}", id(delivery)))).collect()
}

/// When each try was started, as time of day.
fn times(delivery: &Value) -> Vec<String> {
    let tries = delivery["tries"].as_array().expect("a list of tries");
    let time = |one: &Value| one["started_at"].as_str().expect("an instant")[11..19].to_owned();
    tries.iter().map(time).collect()
}
