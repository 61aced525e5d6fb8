//! Taking over a changed configuration while the server runs.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{Context, Failure, settings};
use crate::clock::real_sleep;
use crate::reader::Overrides;
use crate::stage::Stage;

/// So often the file is looked at. A system that tells of changes would tell of the directory, as editors replace files: of
/// each line of a log that is kept there as well, and of nothing where the file is another's by way of a link or a mount.
const LOOK: Duration = Duration::from_millis(200);

/// What tells a file from what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    inode: u64,
    modified: SystemTime,
    length: u64,
}

impl Mark {
    /// `None` while there is no such file: a replacement is on its way.
    async fn of(path: &Path) -> Option<Mark> {
        let found = tokio::fs::metadata(path).await.ok()?;
        Some(Mark { inode: found.ino(), modified: found.modified().ok()?, length: found.len() })
    }
}

/// Hears of a file being saved.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    /// As it was told of last.
    told: Option<Mark>,
    /// As it was seen last.
    seen: Option<Mark>,
}

/// Watches the file at `path`, as it is from now on.
pub(super) async fn watch(path: &Path) -> Watch {
    let told = Mark::of(path).await;
    Watch { path: path.to_owned(), told, seen: told }
}

impl Watch {
    /// Completes when the file was saved. Editors write in several steps: it is over when two looks see the same.
    pub(super) async fn saved(&mut self) {
        loop {
            real_sleep(LOOK).await;
            let Some(found) = Mark::of(&self.path).await else { continue };
            let rests = self.seen.replace(found) == Some(found);
            if rests && self.told != Some(found) {
                self.told = Some(found);
                return;
            }
        }
    }
}

/// Reads the configuration again; a valid one replaces webhooks, flows and schedule, an invalid one changes nothing.
pub(super) async fn take_over(cx: &Context, overrides: &Overrides, stage: &Stage) {
    match settings::load(cx, overrides) {
        Ok(config) => {
            stage.reconfigure(&config).await;
            tracing::info!(
                webhooks = config.webhooks.len(),
                flows = config.flows.len(),
                schedules = config.schedule.len(),
                "the configuration was taken over"
            );
        }
        Err(failure) => {
            stage.running.app.refused_file(&said(&failure));
            tracing::error!("the changed configuration is wrong, nothing was taken over");
            cx.out.failure(&failure);
        }
    }
}

/// A refusal in lines, each complaint with its place: for those who do not see this terminal.
fn said(failure: &Failure) -> String {
    let complaints = failure.details.as_ref().and_then(|details| details["complaints"].as_array());
    let one = |complaint: &Value| {
        let place = match (&complaint["line"], &complaint["column"]) {
            (Value::Number(line), Value::Number(column)) => format!("line {line}, column {column}: "),
            _ => String::new(),
        };
        let help = complaint["help"].as_str().map(|help| format!("; {help}")).unwrap_or_default();
        format!("{place}{}{help}", complaint["message"].as_str().unwrap_or_default())
    };
    let lines = complaints.into_iter().flatten().map(one);
    std::iter::once(failure.message.clone()).chain(lines).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A wait that only a failure uses up.
    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_save_is_told_once_however_it_is_done() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, other) = (dir.path().join("webhooks.toml"), dir.path().join("new"));
        fs::write(&file, "1").expect("writable");
        let mut watch = watch(&file).await;
        let told =
            async |watch: &mut Watch, within: Duration| tokio::time::timeout(within, watch.saved()).await.is_ok();

        fs::write(&file, "12").expect("writable");
        assert!(told(&mut watch, LONG).await, "written into");
        fs::write(&other, "123").expect("writable");
        fs::rename(&other, &file).expect("a file");
        assert!(told(&mut watch, LONG).await, "replaced");
        fs::remove_file(&file).expect("a file");
        assert!(!told(&mut watch, LOOK * 4).await, "gone is not saved");
        // As a mounted directory of settings changes: the file is a link's, and the link is moved.
        for version in ["v1", "v2"] {
            fs::create_dir(dir.path().join(version)).expect("a directory");
            fs::write(dir.path().join(version).join("webhooks.toml"), format!("of {version}, longer"))
                .expect("writable");
        }
        symlink("v1", dir.path().join("data")).expect("a link");
        symlink("data/webhooks.toml", &file).expect("a link");
        assert!(told(&mut watch, LONG).await, "back again");
        symlink("v2", &other).expect("a link");
        fs::rename(&other, dir.path().join("data")).expect("a link");
        assert!(told(&mut watch, LONG).await, "by way of a link");
        fs::write(dir.path().join("log"), "a line").expect("writable");
        assert!(!told(&mut watch, LOOK * 4).await, "its neighbours are nobody's business");
    }
}
