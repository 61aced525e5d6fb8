//! The commands that only read and write files: `config`, `explain`, `scenario`, `completions`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `config`
#[derive(Clone, Debug, Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What to do with the configuration.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigAction {
    /// Say everything that is wrong with it, with line and column
    #[command(after_help = "Example:\n  understudy --config staging.toml config check")]
    Check,
    /// Show every value as it resolves, and where it comes from; secrets as ***
    Show,
    /// Write its JSON Schema
    #[command(after_help = "Example:\n  understudy config schema > webhooks.schema.json")]
    Schema,
}

/// `explain`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy explain demo
  understudy explain demo --event 'Finished Journey' --output json
  understudy explain 'Finished Journey'

Nothing is sent, and no server is asked. Exits 1 when the webhook does not get the event.")]
pub struct ExplainArgs {
    /// The name of a configured webhook, or an event's type: then every webhook that gets it
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Only this event's type, 'Finished Journey' say; case does not matter
    #[arg(long, value_name = "EVENT", env = "UNDERSTUDY_EXPLAIN_EVENT", hide_env_values = true)]
    pub event: Option<String>,
}

/// `scenario`
#[derive(Clone, Debug, Args)]
pub struct ScenarioArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ScenarioAction,
}

/// What to do with scenario files.
#[derive(Clone, Debug, Subcommand)]
pub enum ScenarioAction {
    /// Say everything that is wrong with them, with line and column
    #[command(after_help = "Example:\n  understudy scenario check *.journey.toml")]
    Check {
        /// Scenario files, *.journey.toml
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Write the JSON Schema of scenario files
    Schema,
    /// Write a scenario to start from to stdout
    #[command(after_help = "Example:\n  understudy scenario new 'asked again' > asked-again.journey.toml")]
    New {
        /// What it is about
        #[arg(default_value = "a first scenario")]
        name: String,
    },
}

/// `completions`
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  understudy completions bash > ~/.local/share/bash-completion/completions/understudy"
)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}
