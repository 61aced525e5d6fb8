//! `completions` and `man`: made from the command line's own declaration.

use clap::CommandFactory as _;

use super::{Context, Exit, Failure};
use crate::cli::{Cli, CompletionsArgs};

/// Writes completions for a shell.
///
/// # Errors
/// None but those of writing.
pub(super) fn run(cx: &Context, args: &CompletionsArgs) -> Result<Exit, Failure> {
    // Written to memory first: the generator panics where a reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "understudy", &mut script);
    cx.out.bytes(&script)?;
    Ok(Exit::Yes)
}

/// Writes the manual page, the commands' own after the program's.
///
/// # Errors
/// None but those of writing.
pub(super) fn man(cx: &Context) -> Result<Exit, Failure> {
    let mut pages = Vec::new();
    render(Cli::command(), "understudy", &mut pages)?;
    cx.out.bytes(&pages)?;
    Ok(Exit::Yes)
}

fn render(command: clap::Command, name: &str, pages: &mut Vec<u8>) -> Result<(), Failure> {
    let command = command.display_name(name.to_owned());
    clap_mangen::Man::new(command.clone()).title(name.to_owned()).render(pages)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        render(sub.clone(), &format!("{name}-{}", sub.get_name()), pages)?;
    }
    Ok(())
}
