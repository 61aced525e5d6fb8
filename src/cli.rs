//! The command line as types, and nothing else: what may be typed, with its help.
//!
//! Parsed by `main` through [`Cli::read`]; carried out by `commands`. Nothing here opens a file or a connection.
//! Every option can also be given as an `UNDERSTUDY_*` variable; a flag wins over its variable.

#![allow(rustdoc::broken_intra_doc_links, reason = "doc comments here are help texts, which name tables like [server]")]

pub mod byhand;
pub mod load;
mod offline;
pub mod remote;
pub mod run;
pub mod tail;
pub mod values;
pub mod webhooks;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::secret::BLANK;

pub use byhand::{ListenArgs, SendArgs};
pub use load::{LoadArgs, OutboxKind, ReportArgs};
pub use offline::{CompletionsArgs, ConfigAction, ConfigArgs, ExplainArgs, ScenarioAction, ScenarioArgs};
pub use remote::{
    ClockAction, ClockArgs, DeliveriesAction, DeliveriesArgs, HealthcheckArgs, JourneysAction, JourneysArgs,
    MailsAction, MailsArgs, Remote,
};
pub use run::{PlayClock, ReplayArgs, ReportKind, ReportTarget, ServeArgs};
pub use tail::{KindWord, TailArgs};
pub use webhooks::{WebhooksAction, WebhooksArgs};

/// The stand-in that plays an identity-verification provider
///
/// Journeys take stimuli and emit webhook events, byte for byte as the provider documents them. Events are kept
/// durably, delivered with retries, and mailed about when all retries failed.
#[derive(Debug, Parser)]
#[command(name = "understudy", version, max_term_width = 100, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  understudy serve                                    be the provider on 127.0.0.1:4740
  understudy journeys start onboarding KYC-1          start a journey
  understudy journeys do ref:KYC-1 submit_step step=1 what the user would do
  understudy deliveries list --state exhausted        what could not be delivered
  understudy tail                                     what happens, as it happens
  understudy clock advance 31d                        let a month pass, now
  understudy listen --fail 30%                        be a webhook that fails now and then

Exit codes: 0 yes, 1 no, 2 bad usage or file, 3 could not run, 4 no verdict, 130 and 143 signals";

/// Options that every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The configuration; its absence is no error unless it was named
    #[arg(long, global = true, value_name = "FILE", env = "UNDERSTUDY_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,

    /// Where the outbox lives, in place of the configuration's [outbox] path
    #[arg(long, global = true, value_name = "DIR", env = "UNDERSTUDY_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,

    /// How much is logged to stderr [default: info for serve, warn for the rest]
    #[arg(long, global = true, value_name = "LEVEL", env = "UNDERSTUDY_LOG_LEVEL", hide_env_values = true)]
    pub log_level: Option<LogLevel>,

    /// How the log is written
    #[arg(long, global = true, value_name = "FORMAT", env = "UNDERSTUDY_LOG_FORMAT", hide_env_values = true)]
    #[arg(default_value = "text")]
    pub log_format: LogFormat,

    /// When to use colour; auto asks the terminal and NO_COLOR
    #[arg(long, global = true, value_name = "WHEN", env = "UNDERSTUDY_COLOR", hide_env_values = true)]
    #[arg(default_value = "auto")]
    pub color: Color,

    /// How results are written to stdout
    #[arg(long, global = true, value_name = "FORMAT", env = "UNDERSTUDY_OUTPUT", hide_env_values = true)]
    #[arg(default_value = "text")]
    pub output: Output,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
#[expect(missing_docs, reason = "the words say it")]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
#[expect(missing_docs, reason = "the words say it")]
pub enum LogFormat {
    Text,
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Output {
    Text,
    Json,
    Ndjson,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Be the provider: API, journeys, deliveries
    Serve(ServeArgs),
    /// Play scenario files from start to end and judge what they expect
    Replay(ReplayArgs),
    /// Drive a population of journeys at endpoints, and report
    Load(LoadArgs),
    /// Show a saved result, in another form or beside another
    Report(ReportArgs),
    /// Send one event now, as the provider's "Test Webhook" does
    Send(SendArgs),
    /// Receive webhooks and show them as they come
    Listen(ListenArgs),
    /// Follow a running server's events and attempts, as they happen
    Tail(TailArgs),
    /// Look at the journeys of a running server, and act on them
    Journeys(JourneysArgs),
    /// Look at what a running server delivers, send again, call off
    Deliveries(DeliveriesArgs),
    /// Look at where a running server delivers to, make, change, test and pause webhooks
    Webhooks(WebhooksArgs),
    /// Look at the error mails of a running server
    Mails(MailsArgs),
    /// Look at the clock of a running server, and move it
    Clock(ClockArgs),
    /// Say what a webhook gets, every attempt that would be made, and who is mailed when
    Explain(ExplainArgs),
    /// Check and show the configuration
    Config(ConfigArgs),
    /// Check and make scenario files
    Scenario(ScenarioArgs),
    /// Write completions for a shell to stdout
    Completions(CompletionsArgs),
    /// Write the manual page to stdout
    Man,
    /// Ask a running server whether it is ready: 0 yes, 3 no
    #[command(hide = true)]
    Healthcheck(HealthcheckArgs),
    /// Not available yet
    #[command(hide = true)]
    Grade(LaterArgs),
}

/// Whatever is typed after the word of a command that comes later.
#[derive(Clone, Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct LaterArgs {
    /// Taken and not looked at.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub rest: Vec<OsString>,
}

impl Cli {
    /// Reads the words of a command line, the program's own name first.
    ///
    /// # Errors
    /// What is wrong with them, or the help or version that was asked for, ready to be printed.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let read = Cli::command().try_get_matches_from(words).and_then(|matches| Cli::from_arg_matches(&matches));
        read.map_err(without_secrets)
    }
}

/// Options whose value is a secret: a complaint about them does not quote it.
const SECRET_OPTIONS: [&str; 3] = ["--auth", "--header", "--token"];

fn without_secrets(mut error: clap::Error) -> clap::Error {
    let about = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    if SECRET_OPTIONS.iter().any(|option| about.starts_with(option)) && error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, ContextValue::String(BLANK.to_owned()));
    }
    error
}

#[cfg(test)]
mod tests;
