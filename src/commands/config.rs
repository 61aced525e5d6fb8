//! `config`: check, show, schema. Opens the file and nothing else.

use serde_json::json;

use super::settings::{self, complained, env};
use super::text::clean_lines;
use super::{Context, Exit, Failure};
use crate::cli::{ConfigAction, ConfigArgs};
use crate::config;

/// Carries out one action.
///
/// # Errors
/// Everything that is wrong with the file.
pub(super) fn run(cx: &Context, args: &ConfigArgs) -> Result<Exit, Failure> {
    match args.action {
        ConfigAction::Check => {
            // Here the file is the point: the built-in one would be an answer to another question.
            let document = settings::read(cx.config_path())?;
            let said = config::check(document.source(), &settings::overrides(cx), &env)
                .map_err(|complaints| complained(&cx.out, &complaints))?;
            let verdict = json!({ "file": document.name, "exit_code": 0, "exit_reason": Exit::Yes.reason() });
            cx.out.show(&verdict, |_| clean_lines(&said).into_owned())?;
        }
        ConfigAction::Show => {
            let config = settings::load(cx, &settings::overrides(cx))?;
            cx.out.show(&config::show_json(&config), |_| clean_lines(&config::show(&config)).into_owned())?;
        }
        ConfigAction::Schema => cx.out.json(&config::schema())?,
    }
    Ok(Exit::Yes)
}
