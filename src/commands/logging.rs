//! The log: to stderr, as lines or JSON. Set up once by [`super::main`].
//!
//! Events carry ids, names and states; never bodies and never secrets, which is up to who emits them.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::{Color, Command, Global, LogFormat, LogLevel};

/// Starts the log as asked: `info` for a server, `warn` for the rest, unless a level was named.
///
/// A log that is set up already, as where this crate is embedded, is left alone.
pub fn start(global: &Global, command: &Command) {
    let level = level(global.log_level, command);
    let ansi = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never,
    };
    let registry = tracing_subscriber::registry().with(targets(level));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(ansi);
    // An error says that another log is there already.
    let _ = match global.log_format {
        LogFormat::Text => registry.with(layer.with_target(false)).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
}

/// What is logged: ours at `level`, and of others only what is wrong. Their debug lines hold headers and addresses.
fn targets(level: LevelFilter) -> Targets {
    // sled says in debug text what fails, and several times; whoever asked it says it once, in words.
    let sled = if level >= LevelFilter::DEBUG { LevelFilter::WARN } else { LevelFilter::OFF };
    let others = Targets::new().with_default(level.min(LevelFilter::WARN));
    others.with_target("sled", sled).with_target(env!("CARGO_PKG_NAME"), level)
}

fn level(asked: Option<LogLevel>, command: &Command) -> LevelFilter {
    match (asked, command) {
        (Some(LogLevel::Off), _) => LevelFilter::OFF,
        // Its report says what failed; a line for each of a million attempts would bury it.
        (None, Command::Load(_)) => LevelFilter::ERROR,
        (Some(LogLevel::Error), _) => LevelFilter::ERROR,
        (Some(LogLevel::Warn), _) => LevelFilter::WARN,
        (Some(LogLevel::Info), _) => LevelFilter::INFO,
        (Some(LogLevel::Debug), _) => LevelFilter::DEBUG,
        (Some(LogLevel::Trace), _) => LevelFilter::TRACE,
        (None, Command::Serve(_)) => LevelFilter::INFO,
        // Its timeline tells of every attempt.
        (None, Command::Replay(_)) => LevelFilter::ERROR,
        (None, _) => LevelFilter::WARN,
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_server_tells_of_its_life_and_the_rest_only_of_trouble() {
        let serve = crate::cli::Cli::read(["understudy", "serve"].map(Into::into)).expect("a command line").command;
        assert_eq!(level(None, &serve), LevelFilter::INFO);
        assert_eq!(level(None, &Command::Man), LevelFilter::WARN);
        assert_eq!(level(Some(LogLevel::Off), &serve), LevelFilter::OFF);
    }

    #[test]
    fn others_never_log_more_than_warnings() {
        let targets = targets(LevelFilter::TRACE);
        assert!(targets.would_enable("understudy::transport", &Level::TRACE));
        assert!(targets.would_enable("hyper", &Level::WARN));
        assert!(!targets.would_enable("hyper::proto", &Level::INFO));
        assert!(targets.would_enable("sled::pagecache", &Level::WARN));
        assert!(!super::targets(LevelFilter::INFO).would_enable("sled::pagecache", &Level::ERROR));
        assert!(!super::targets(LevelFilter::OFF).would_enable("hyper", &Level::ERROR));
    }
}
