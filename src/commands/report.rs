//! `report`: a saved result of `load`, in another form or beside another. And writing results, for those who make them.

use std::path::Path;

use super::{Context, Exit, Failure};
use crate::cli::{ReportArgs, ReportKind, ReportTarget};
use crate::report::{LoadReport, html, write};

/// The way to a result.
const SAVE_ONE: &str = "save one with understudy load ... --report json=FILE";

/// Carries it out.
///
/// # Errors
/// A file that is no result, or cannot be read or written.
pub(super) fn run(cx: &Context, args: &ReportArgs) -> Result<Exit, Failure> {
    if args.schema {
        cx.out.json(&schemars::schema_for!(LoadReport).to_value())?;
        return Ok(Exit::Yes);
    }
    let reports = args.files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    match &reports[..] {
        [report] => {
            save(&args.reports, report)?;
            if args.reports.is_empty() {
                cx.out.show(&json(report)?, |_| write::text(report))?;
            }
        }
        [before, after] if args.reports.is_empty() => {
            let both = serde_json::json!({ "before": json(before)?, "after": json(after)? });
            let names = [0, 1].map(|nth| args.files[nth].file_stem().unwrap_or_default().to_string_lossy());
            cx.out.show(&both, |_| write::compare([(&names[0], before), (&names[1], after)]))?;
        }
        _ => return Err(Failure::bad_usage("two results are compared on the terminal").help("leave --report out")),
    }
    Ok(Exit::Yes)
}

/// Writes a result in the forms that were asked for.
///
/// # Errors
/// A kind that there is none of, or a file that cannot be written.
pub(super) fn save(targets: &[ReportTarget], report: &LoadReport) -> Result<(), Failure> {
    for target in targets {
        let text = match target.kind {
            ReportKind::Json => format!("{:#}\n", json(report)?),
            ReportKind::Html => html(report),
            ReportKind::Md => write::markdown(report),
            ReportKind::Junit => write::junit(report).map_err(Failure::could_not_run)?,
            ReportKind::Har => {
                return Err(Failure::bad_usage("a load has no HAR: it keeps no single request")
                    .help("kinds of load are json, junit, html and md"));
            }
        };
        std::fs::write(&target.path, text)
            .map_err(|error| Failure::could_not_run(format!("cannot write {}: {error}", target.path.display())))?;
    }
    Ok(())
}

fn json(report: &LoadReport) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(report).map_err(|error| Failure::could_not_run(format!("cannot write the report: {error}")))
}

fn read(path: &Path) -> Result<LoadReport, Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::bad_usage(format!("cannot read {}: {error}", path.display())).help(SAVE_ONE))?;
    let refused = |why: String| Failure::bad_usage(format!("{} is {why}", path.display())).help(SAVE_ONE);
    serde_json::from_slice(&bytes).map_err(|error| {
        let json = serde_json::from_slice::<serde_json::Value>(&bytes).unwrap_or_default();
        match json["command"].as_str() {
            Some("replay") => {
                refused("a result of replay, which writes its other forms itself: --report md=FILE".into())
            }
            _ => refused(format!("no result of load: {error}")),
        }
    })
}
