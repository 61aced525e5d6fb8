//! `scenario`: check, schema, new. Opens files and plays none.

use std::path::PathBuf;

use serde_json::json;

use super::settings::{self, complained};
use super::text::clean_lines;
use super::{Context, Exit, Failure};
use crate::cli::{ScenarioAction, ScenarioArgs};
use crate::scenario;

/// Carries out one action.
///
/// # Errors
/// Everything that is wrong with the files.
pub(super) fn run(cx: &Context, args: &ScenarioArgs) -> Result<Exit, Failure> {
    match &args.action {
        ScenarioAction::Check { files } => return check(cx, files),
        ScenarioAction::Schema => cx.out.json(&scenario::schema())?,
        ScenarioAction::New { name } => cx.out.bytes(scenario::new_text(name).as_bytes())?,
    }
    Ok(Exit::Yes)
}

/// Checks every file, whatever the ones before it were like.
fn check(cx: &Context, files: &[PathBuf]) -> Result<Exit, Failure> {
    let config = settings::load(cx, &settings::overrides(cx))?;
    let vocabulary = settings::vocabulary(&config);
    let mut exit = Exit::Yes;
    for path in files {
        let checked = settings::read(path).and_then(|document| {
            scenario::check(&document.name, &document.text, &vocabulary)
                .map_err(|complaints| complained(&cx.out, &complaints))
        });
        match checked {
            Ok(said) => {
                let verdict = json!({ "file": path.display().to_string(), "exit_code": 0, "exit_reason": "yes" });
                cx.out.show(&verdict, |_| clean_lines(&said).into_owned())?;
            }
            Err(failure) => {
                exit = failure.exit;
                cx.out.failure(&failure);
            }
        }
    }
    Ok(exit)
}
