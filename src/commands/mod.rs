//! The commands, one file each, and what they share: exit codes, output, the way to a running server.
//!
//! ```text
//!   words -> cli -> Context -> one command -> Ok(Exit) | Err(Failure) -> said on stderr -> exit code
//! ```
//!
//! Called by `main`; nothing here ends the process.

pub mod client;
pub mod exit;
pub mod logging;
pub mod output;
pub mod panics;
pub mod settings;
pub mod text;

mod clock;
mod completions;
mod config;
mod deliveries;
mod descriptors;
mod events;
mod explain;
mod healthcheck;
mod journeys;
mod listen;
mod load;
mod load_view;
mod mails;
mod reload;
mod replay;
mod report;
mod scenario;
mod send;
mod serve;
mod signals;
mod tail;
mod variables;
mod webhooks;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::{Cli, Command};
use crate::secret::Blanks;

pub use exit::{Exit, Failure};
pub use output::Out;

/// The configuration that is read when none is named.
pub const DEFAULT_CONFIG: &str = "webhooks.toml";

/// What every command is told.
pub struct Context {
    /// The configuration that was named; see [`Context::config_path`].
    pub config: Option<PathBuf>,
    /// In place of the configuration's `[outbox] path`.
    pub data_dir: Option<PathBuf>,
    /// Where it writes.
    pub out: Out,
    /// What blanks secrets in what nobody foresaw.
    pub blanks: Blanks,
}

impl Context {
    /// The configuration to read; one that was not named may be absent.
    pub fn config_path(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG))
    }
}

/// From the words of a command line, the program's own name first, to how the process ends.
pub fn main(words: impl IntoIterator<Item = OsString>) -> Exit {
    match Cli::read(words) {
        Ok(cli) => run(cli),
        Err(error) => {
            // Help and version are data and no error; clap knows which stream is whose. A closed one is no news.
            let _ = error.print();
            if error.use_stderr() { Exit::BadUsage } else { Exit::Yes }
        }
    }
}

/// Carries out a command and says what went wrong, if anything did.
pub fn run(cli: Cli) -> Exit {
    let Cli { global, command } = cli;
    logging::start(&global, &command);
    let blanks = Blanks::default();
    panics::report(blanks.clone());
    descriptors::raise();
    let out = Out::std(global.output, global.color);
    let cx = Context { config: global.config, data_dir: global.data_dir, out, blanks };
    for said in variables::misspelt(&cx) {
        cx.out.talk(&said);
    }
    let ended = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(carry_out(&cx, &command));
            // A thread that still reads from stdin, or resolves a name, must not hold the process up.
            runtime.shutdown_timeout(Duration::from_millis(100));
            ended
        }
        Err(error) => Err(Failure::could_not_run(format!("cannot start: {error}"))),
    };
    ended.unwrap_or_else(|failure| {
        cx.out.failure(&failure);
        failure.exit
    })
}

async fn carry_out(cx: &Context, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => serve::run(cx, args).await,
        Command::Replay(args) => replay::run(cx, args).await,
        Command::Load(args) => load::run(cx, args).await,
        Command::Report(args) => report::run(cx, args),
        Command::Send(args) => send::run(cx, args).await,
        Command::Listen(args) => listen::run(cx, args).await,
        Command::Tail(args) => tail::run(cx, args).await,
        Command::Journeys(args) => journeys::run(cx, args).await,
        Command::Deliveries(args) => deliveries::run(cx, args).await,
        Command::Webhooks(args) => webhooks::run(cx, args).await,
        Command::Mails(args) => mails::run(cx, args).await,
        Command::Clock(args) => clock::run(cx, args).await,
        Command::Explain(args) => explain::run(cx, args),
        Command::Config(args) => config::run(cx, args),
        Command::Scenario(args) => scenario::run(cx, args),
        Command::Completions(args) => completions::run(cx, args),
        Command::Man => completions::man(cx),
        Command::Healthcheck(args) => healthcheck::run(cx, args).await,
        Command::Grade(_) => Err(later("grade")),
    }
}

fn later(command: &str) -> Failure {
    Failure::bad_usage(format!("`understudy {command}` is not available yet in this version"))
}

#[cfg(test)]
mod tests;
