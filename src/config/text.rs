//! What `config check`, `config show` and `config schema` say.

use super::{Config, spec};
use crate::reader::{self, Complaints, Overrides, Source};

/// The shipped webhooks.toml: the documentation of every key, and a configuration that works as it is.
pub const SHIPPED: &str = include_str!("../../webhooks.toml");

/// `config check`: one line that says the file is in order and what it sets up.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(
    source: Source<'_>,
    overrides: &Overrides,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Complaints> {
    let config = Config::load(source, overrides, env)?;
    let count = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    let (flows, webhooks) = (count(config.flows.len(), "flow"), count(config.webhooks.len(), "webhook"));
    Ok(format!("{} is in order: {flows}, {webhooks}\n", source.name))
}

/// `config show`: every resolved value with its origin, secrets blanked.
pub fn show(config: &Config) -> String {
    reader::shown::text(&config.resolved)
}

/// `config show --output json`.
pub fn show_json(config: &Config) -> serde_json::Value {
    reader::shown::json(&config.resolved)
}

/// `config schema`: JSON Schema (draft 2020-12) of webhooks.toml.
pub fn schema() -> serde_json::Value {
    reader::schema("webhooks.toml", &spec::ROOT)
}
