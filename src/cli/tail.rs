//! `tail`: what a running server tells, as it happens.

use clap::{Args, ValueEnum};

use super::remote::Remote;

/// `tail`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy tail                                    events, and the attempts to deliver them
  understudy tail --journey ref:KYC-1                about one journey
  understudy tail --webhook demo --kind attempt,mail at one webhook
  understudy tail --once 1 --kind attempt            wait for the next attempt
  understudy --output ndjson tail --kind attempt     for programs: a line of JSON each

On a terminal: up and down select a delivery, r sends it again, / shows only what contains a text, q leaves.
When the server goes away it is waited for.")]
pub struct TailArgs {
    /// Which server.
    #[command(flatten)]
    pub remote: Remote,

    /// Only what is about this journey: its id, or ref:REFERENCE
    #[arg(long, value_name = "ID", env = "UNDERSTUDY_TAIL_JOURNEY", hide_env_values = true)]
    pub journey: Option<String>,

    /// Only what is about this webhook: deliveries, attempts and mails
    #[arg(long, value_name = "NAME", env = "UNDERSTUDY_TAIL_WEBHOOK", hide_env_values = true)]
    pub webhook: Option<String>,

    /// Only these kinds, with commas between them
    #[arg(long, value_name = "KIND", value_delimiter = ',', default_value = "event,attempt")]
    #[arg(env = "UNDERSTUDY_TAIL_KIND", hide_env_values = true)]
    pub kind: Vec<KindWord>,

    /// End after this many lines
    #[arg(long, value_name = "N", visible_alias = "count", value_parser = clap::value_parser!(u64).range(1..))]
    #[arg(env = "UNDERSTUDY_TAIL_ONCE", hide_env_values = true)]
    pub once: Option<u64>,
}

/// A kind of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
#[expect(missing_docs, reason = "the words say it")]
pub enum KindWord {
    Journey,
    Event,
    Delivery,
    Attempt,
    Mail,
    Clock,
    Config,
}
