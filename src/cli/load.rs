//! `load`: drive a population of journeys at endpoints, and report.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::run::{PlayClock, ReportTarget};
use super::values::{rate, span};

/// `load`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy load --journeys 2000 --rate 50 --for 1m --to http://127.0.0.1:8080/kyc
  understudy load storm.journey.toml --report html=load.html --report json=load.json
  understudy load --find-knee --rate 20 --to http://127.0.0.1:8080/kyc

The model is open: journeys arrive when they are planned, whatever the endpoint does. Latency counts from the planned
instant. Exits 0 when all that [require] asks holds, 1 when it does not, 3 when nobody listens at the endpoint, 4 when
this machine was itself too late to say.")]
pub struct LoadArgs {
    /// A scenario file, *.journey.toml; its [population] says how many journeys arrive and when
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// So many journeys at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    #[arg(env = "UNDERSTUDY_LOAD_JOURNEYS", hide_env_values = true)]
    pub journeys: Option<u64>,

    /// Journeys per second
    #[arg(long, value_name = "R", value_parser = rate, allow_negative_numbers = true)]
    #[arg(env = "UNDERSTUDY_LOAD_RATE", hide_env_values = true)]
    pub rate: Option<f64>,

    /// How long journeys arrive
    #[arg(long = "for", value_name = "SPAN", value_parser = span, env = "UNDERSTUDY_LOAD_FOR", hide_env_values = true)]
    pub lasting: Option<Duration>,

    /// Raise the rate step by step until the endpoint's 99th percentile doubles or it refuses more than 1 %
    #[arg(long, env = "UNDERSTUDY_LOAD_FIND_KNEE", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    pub find_knee: bool,

    /// Send every event to this URL, in place of the configured webhooks
    #[arg(long, value_name = "URL", env = "UNDERSTUDY_LOAD_TO", hide_env_values = true)]
    pub to: Option<url::Url>,

    /// At most so many attempts at once, at each webhook, in place of max_in_flight
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_024))]
    #[arg(env = "UNDERSTUDY_LOAD_CONNECTIONS", hide_env_values = true)]
    pub connections: Option<u64>,

    /// Not measured: the first part of the run
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = span)]
    #[arg(env = "UNDERSTUDY_LOAD_WARM_UP", hide_env_values = true)]
    pub warm_up: Duration,

    /// How long what is owed may take to arrive after the last line
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = span)]
    #[arg(env = "UNDERSTUDY_LOAD_DRAIN", hide_env_values = true)]
    pub drain: Duration,

    /// Where journeys and deliveries are kept during the run, in place of [outbox] engine
    #[arg(long, value_name = "ENGINE", env = "UNDERSTUDY_LOAD_OUTBOX", hide_env_values = true)]
    pub outbox: Option<OutboxKind>,

    /// In place of the file's clock: leap is as fast as everything is done
    #[arg(long, value_name = "MODE", env = "UNDERSTUDY_LOAD_CLOCK", hide_env_values = true)]
    pub clock: Option<PlayClock>,

    /// Provider seconds per real second, for --clock scaled
    #[arg(long, value_name = "X", value_parser = rate, allow_negative_numbers = true)]
    #[arg(env = "UNDERSTUDY_LOAD_PACE", hide_env_values = true)]
    pub pace: Option<f64>,

    /// In place of the file's seed
    #[arg(long, value_name = "N", env = "UNDERSTUDY_SEED", hide_env_values = true)]
    pub seed: Option<u64>,

    /// Write a report; may be given again. Kinds: json, junit, html, md
    #[arg(long = "report", value_name = "KIND=PATH")]
    pub reports: Vec<ReportTarget>,

    /// A public host that may be driven at; may be given again
    #[arg(long = "allow-host", value_name = "HOST")]
    pub allow_hosts: Vec<String>,

    /// A check that could not be made is a failure
    #[arg(long, env = "UNDERSTUDY_LOAD_STRICT", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    pub strict: bool,
}

/// Where a run is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
#[expect(missing_docs, reason = "the words say it")]
pub enum OutboxKind {
    Sled,
    Memory,
}

/// `report`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy report load.json --report html=load.html
  understudy report before.json after.json
  understudy report --schema")]
pub struct ReportArgs {
    /// A result that was saved with --report json=FILE; with a second one the two are compared
    #[arg(required_unless_present = "schema", num_args = 1..=2, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Write it in another form; may be given again. Kinds: json, junit, html, md
    #[arg(long = "report", value_name = "KIND=PATH")]
    pub reports: Vec<ReportTarget>,

    /// Print the JSON Schema of a saved result
    #[arg(long, conflicts_with_all = ["files", "reports"])]
    pub schema: bool,
}
