//! Variables of the environment that were meant for this program and are none of its own: a slip would go unnoticed.

use std::cell::RefCell;
use std::collections::BTreeSet;

use clap::CommandFactory as _;

use super::text::clean;
use super::{Context, settings};
use crate::cli::Cli;
use crate::config::Config;
use crate::reader::{ENV_PREFIX, Source, nearest};

/// A line for each `UNDERSTUDY_*` of the environment that nothing asks for and that is spelt nearly like one that is asked
/// for. Others are left alone: clusters give every process variables named after the services beside it.
pub(super) fn misspelt(cx: &Context) -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let set: BTreeSet<String> = names.filter(|name| name.starts_with(ENV_PREFIX)).collect();
    if set.is_empty() {
        return Vec::new();
    }
    lines(&set, &known(cx))
}

fn lines(set: &BTreeSet<String>, known: &BTreeSet<String>) -> Vec<String> {
    // What is set already cannot be what was meant by another name.
    let free: Vec<&str> = known.difference(set).filter_map(|name| name.strip_prefix(ENV_PREFIX)).collect();
    let unknown = set.difference(known).filter_map(|name| name.strip_prefix(ENV_PREFIX));
    let meant = unknown.filter_map(|name| Some((name, nearest(name, free.iter().copied())?)));
    meant
        .map(|(name, near)| {
            let name = clean(name);
            format!("warning: nothing reads {ENV_PREFIX}{name} of the environment; is {ENV_PREFIX}{near} meant?")
        })
        .collect()
}

/// Every variable that a command or the configuration at hand asks for.
fn known(cx: &Context) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    of_commands(&Cli::command(), &mut known);
    // A document that is no TOML asks for nothing, and keys are keys without one as well.
    of_configuration(cx, Source { name: "nothing", text: "" }, &mut known);
    if let Ok(document) = settings::document(cx) {
        of_configuration(cx, document.source(), &mut known);
    }
    known
}

fn of_configuration(cx: &Context, source: Source<'_>, known: &mut BTreeSet<String>) {
    let asked = RefCell::new(BTreeSet::new());
    let env = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        settings::env(name)
    };
    // What is wrong with it is said by whoever needs it.
    let _ = Config::load(source, &settings::overrides(cx), &env);
    known.append(&mut asked.into_inner());
}

fn of_commands(command: &clap::Command, known: &mut BTreeSet<String>) {
    known.extend(command.get_arguments().filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned())));
    for below in command.get_subcommands() {
        of_commands(below, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Output;
    use crate::commands::Out;
    use crate::secret::Blanks;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| format!("{ENV_PREFIX}{name}")).collect()
    }

    #[test]
    fn a_slip_is_told_and_a_stranger_is_not() {
        let known = set(&["SERVER_LISTEN", "SERVER_TOKEN", "TOKEN", "CLOCK_RATE"]);
        let said = lines(&set(&["SERVER_LISTN", "CLOCK_RATE", "CLOCKRATE", "SERVICE_HOST", "PORT_4740_TCP"]), &known);
        assert_eq!(
            said,
            ["warning: nothing reads UNDERSTUDY_SERVER_LISTN of the environment; is UNDERSTUDY_SERVER_LISTEN meant?"],
        );
        assert!(lines(&known, &known).is_empty());
    }

    #[test]
    fn every_key_and_every_option_is_known_whatever_the_configuration_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let config = dir.path().join("webhooks.toml");
        let cx = Context {
            config: Some(config.clone()),
            data_dir: None,
            out: Out::to(Output::Text, Box::new(std::io::sink()), Box::new(std::io::sink())),
            blanks: Blanks::default(),
        };
        for text in [None, Some("no TOML"), Some("[server]\ntoken = \"env:UNDERSTUDY_OF_MINE\"\n")] {
            if let Some(text) = text {
                std::fs::write(&config, text).expect("a file");
            }
            let known = known(&cx);
            for name in ["LISTEN", "SEED", "SERVER_LISTEN", "SERVER_TOKEN", "CLOCK_RATE", "DELIVERY_TIMEOUT"] {
                assert!(known.contains(&format!("{ENV_PREFIX}{name}")), "{name}, {text:?}: {known:?}");
            }
            assert_eq!(known.contains("UNDERSTUDY_OF_MINE"), text.is_some_and(|text| text.contains("OF_MINE")));
        }
    }
}
