//! The commands that run a provider in this process: `serve` and `replay`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::values::rate;

/// `serve`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy serve
  understudy serve --listen 127.0.0.1:0              a free port, printed at the start
  understudy serve --seed 7 --journey asked-again.journey.toml

Ctrl-C or SIGTERM finishes what is under way within [server] grace and exits 0; a second one aborts.")]
pub struct ServeArgs {
    /// Where to listen, in place of [server] listen; port 0 prints the chosen one
    #[arg(long, value_name = "ADDRESS:PORT", env = "UNDERSTUDY_LISTEN", hide_env_values = true)]
    pub listen: Option<String>,

    /// The seed that every id, draw and jitter follows from [default: drawn and printed]
    #[arg(long, value_name = "N", env = "UNDERSTUDY_SEED", hide_env_values = true)]
    pub seed: Option<u64>,

    /// A scenario to play once the server is ready; may be given again
    #[arg(long = "journey", value_name = "FILE")]
    pub journeys: Vec<PathBuf>,
}

/// `replay`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy replay asked-again.journey.toml
  understudy replay *.journey.toml --report junit=junit.xml --report json=report.json
  understudy replay renewal.journey.toml --to http://127.0.0.1:8080/hooks --clock leap

Exits 0 when every expectation holds, 1 when one fails, 4 when nothing was proven.")]
pub struct ReplayArgs {
    /// Scenario files, *.journey.toml
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Write a report; may be given again. Kinds: json, junit, md
    #[arg(long = "report", value_name = "KIND=PATH")]
    pub reports: Vec<ReportTarget>,

    /// In place of the file's seed
    #[arg(long, value_name = "N", env = "UNDERSTUDY_SEED", hide_env_values = true)]
    pub seed: Option<u64>,

    /// In place of the file's clock: leap jumps to what is due next
    #[arg(long, value_name = "MODE", env = "UNDERSTUDY_REPLAY_CLOCK", hide_env_values = true)]
    pub clock: Option<PlayClock>,

    /// Provider seconds per real second, for --clock scaled
    #[arg(long, value_name = "X", value_parser = rate, allow_negative_numbers = true)]
    #[arg(env = "UNDERSTUDY_REPLAY_RATE", hide_env_values = true)]
    pub rate: Option<f64>,

    /// How many journeys each file plays
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    #[arg(env = "UNDERSTUDY_REPLAY_JOURNEYS", hide_env_values = true)]
    pub journeys: u64,

    /// Send every event to this URL, in place of the configured webhooks
    #[arg(long, value_name = "URL", env = "UNDERSTUDY_REPLAY_TO", hide_env_values = true)]
    pub to: Option<url::Url>,

    /// A check that could not be made is a failure
    #[arg(long, env = "UNDERSTUDY_REPLAY_STRICT", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    pub strict: bool,
}

/// How the clock of a replay runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
#[expect(missing_docs, reason = "the words say it")]
pub enum PlayClock {
    Leap,
    Scaled,
    Real,
}

/// A kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
#[expect(missing_docs, reason = "the words say it")]
pub enum ReportKind {
    Json,
    Junit,
    Html,
    Md,
    Har,
}

/// `KIND=PATH`: a report to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTarget {
    /// Which kind.
    pub kind: ReportKind,
    /// Where to.
    pub path: PathBuf,
}

impl FromStr for ReportTarget {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, path) =
            text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or("write it like junit=report.xml")?;
        let kind = ReportKind::from_str(kind, false).map_err(|_| {
            let known: Vec<String> = ReportKind::value_variants()
                .iter()
                .filter_map(|k| Some(k.to_possible_value()?.get_name().to_owned()))
                .collect();
            format!("{kind:?} is no kind of report; known are {}", known.join(", "))
        })?;
        Ok(ReportTarget { kind, path: path.into() })
    }
}
