//! The commands that look at and act on a running server.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::values::{Argument, instant, rate, span};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// Which server, and how to get in.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Server options")]
pub struct Remote {
    /// The server [default: where the configuration says that it listens]
    #[arg(long, global = true, value_name = "URL", env = "UNDERSTUDY_SERVER", hide_env_values = true)]
    #[arg(value_parser = server)]
    pub server: Option<url::Url>,

    /// The server's token [default: the configuration's, for its own server only]
    #[arg(long, global = true, value_name = "TOKEN", env = "UNDERSTUDY_TOKEN", hide_env_values = true)]
    #[arg(value_parser = secret)]
    pub token: Option<Secret>,
}

/// An empty one is none: that is how compose files pass on a variable that is not set.
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// `host:port` is what people try first, and no URL.
fn server(text: &str) -> Result<url::Url, String> {
    text.parse().map_err(|error| format!("{error}; write it like http://127.0.0.1:4740"))
}

impl Remote {
    /// The token that was given, if one was.
    pub fn token(&self) -> Option<&Secret> {
        self.token.as_ref().filter(|token| !token.expose().is_empty())
    }
}

/// Where a list starts and how long it is.
#[derive(Clone, Debug, Args)]
pub struct Paging {
    /// At most so many
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub limit: u16,

    /// Go on where a list ended
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
}

/// `journeys`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy journeys start onboarding KYC-1
  understudy journeys do ref:KYC-1 submit_step step=1
  understudy journeys do ref:KYC-1 review decision=Approved
  understudy journeys do ref:KYC-1 request_resubmission 'steps=[{\"step\":\"1\"}]'
  understudy journeys show ref:KYC-1

An ID is a journey's id, or ref: and its reference.")]
pub struct JourneysArgs {
    /// Which server.
    #[command(flatten)]
    pub remote: Remote,
    /// What to do.
    #[command(subcommand)]
    pub action: JourneysAction,
}

/// What to do with journeys.
#[derive(Clone, Debug, Subcommand)]
pub enum JourneysAction {
    /// List journeys, the newest first
    List {
        /// Only those in this state
        #[arg(long)]
        state: Option<String>,
        /// Only those with this reference
        #[arg(long, value_name = "REFERENCE")]
        reference: Option<String>,
        /// How many.
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one journey
    Show {
        /// Its id, or ref:REFERENCE
        id: String,
    },
    /// Start a journey
    Start {
        /// The id of a [[flow]]
        flow: String,
        /// Your own id for the subject
        reference: String,
        /// sandbox or live [default: the configuration's]
        #[arg(long)]
        environment: Option<String>,
        /// Makes a repetition harmless: the same key starts one journey
        #[arg(long)]
        key: Option<String>,
    },
    /// Do something to a journey
    Do {
        /// Its id, or ref:REFERENCE
        id: String,
        /// What happens: submit_step, review, renewal_due, ...
        stimulus: String,
        /// Arguments of the stimulus; lists and tables as JSON
        #[arg(value_name = "KEY=VALUE")]
        arguments: Vec<Argument>,
        /// Makes a repetition harmless: the same key acts once
        #[arg(long)]
        key: Option<String>,
    },
}

/// `deliveries`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy deliveries list --state exhausted
  understudy deliveries show d17                     with the exact bytes of every attempt
  understudy deliveries resend d17
  understudy deliveries resend --state exhausted --webhook demo --since 2026-11-20T08:00:00Z --dry-run")]
pub struct DeliveriesArgs {
    /// Which server.
    #[command(flatten)]
    pub remote: Remote,
    /// What to do.
    #[command(subcommand)]
    pub action: DeliveriesAction,
}

/// What to do with deliveries.
#[derive(Clone, Debug, Subcommand)]
pub enum DeliveriesAction {
    /// List deliveries, the newest first
    List {
        /// Only those in this state
        #[arg(long)]
        state: Option<StateWord>,
        /// Only those to this webhook
        #[arg(long, value_name = "NAME")]
        webhook: Option<String>,
        /// Only those of this event
        #[arg(long, value_name = "ID")]
        event: Option<String>,
        /// Only those about this journey
        #[arg(long, value_name = "ID")]
        journey: Option<String>,
        /// How many.
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one delivery with every attempt
    Show {
        /// Its id, d17 say
        id: String,
    },
    /// Send again, the same event id and bytes: one by its id, or all that match
    #[command(group = clap::ArgGroup::new("which").required(true).multiple(true).args(["id", "state", "webhook", "since"]))]
    Resend {
        /// Its id, d17 say
        #[arg(conflicts_with_all = ["state", "webhook", "since", "limit", "dry_run"])]
        id: Option<String>,
        /// All in this state; exhausted are only those that were not sent again since [default: exhausted]
        #[arg(long)]
        state: Option<StateWord>,
        /// All to this webhook
        #[arg(long, value_name = "NAME")]
        webhook: Option<String>,
        /// All that were due since then
        #[arg(long, value_name = "INSTANT", value_parser = instant)]
        since: Option<Timestamp>,
        /// At most so many, the newest
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
        limit: Option<u64>,
        /// Only say which
        #[arg(long)]
        dry_run: bool,
    },
    /// Call off one that is waiting
    Cancel {
        /// Its id, d17 say
        id: String,
    },
}

/// A delivery's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum StateWord {
    Waiting,
    InFlight,
    Delivered,
    Exhausted,
    Cancelled,
}

/// `mails`
#[derive(Clone, Debug, Args)]
pub struct MailsArgs {
    /// Which server.
    #[command(flatten)]
    pub remote: Remote,
    /// What to do.
    #[command(subcommand)]
    pub action: MailsAction,
}

/// What to do with mails.
#[derive(Clone, Debug, Subcommand)]
pub enum MailsAction {
    /// List mails, the newest first
    List {
        /// How many.
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one mail
    Show {
        /// Its id, m3 say
        id: String,
    },
}

/// `clock`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy clock                                   what time it is for the provider
  understudy clock advance 31d                       answers when all that fell due has been started
  understudy clock set 2027-01-01T00:00:00Z
  understudy clock rate 60                           a minute per second
  understudy clock mode manual                       stand still")]
pub struct ClockArgs {
    /// Which server.
    #[command(flatten)]
    pub remote: Remote,
    /// What to do; show when absent.
    #[command(subcommand)]
    pub action: Option<ClockAction>,
}

/// What to do with the clock.
#[derive(Clone, Debug, Subcommand)]
pub enum ClockAction {
    /// Show it; so does `clock` alone
    Show,
    /// Move it forward by a span
    Advance {
        /// 90s, 5m, 31d
        #[arg(value_parser = span)]
        span: Duration,
    },
    /// Move it forward to an instant
    Set {
        /// 2027-01-01T00:00:00Z
        #[arg(value_parser = instant)]
        instant: Timestamp,
    },
    /// Set its pace
    Rate {
        /// Provider seconds per real second; 1 is real time
        #[arg(value_name = "X", value_parser = rate, allow_negative_numbers = true)]
        rate: f64,
    },
    /// Let it run in real time, or stand still until it is moved
    Mode {
        /// How it runs
        mode: ClockWord,
    },
}

/// How a clock runs when no pace is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
#[expect(missing_docs, reason = "the words say it")]
pub enum ClockWord {
    Real,
    Manual,
}

/// `healthcheck`
#[derive(Clone, Debug, Args)]
pub struct HealthcheckArgs {
    /// Which server.
    #[command(flatten)]
    pub remote: Remote,
}
