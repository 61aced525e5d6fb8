//! Taking over a changed configuration while the server runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use serde_json::Value;
use tokio::sync::Notify;

use super::{Context, Failure, settings};
use crate::clock::real_sleep;
use crate::reader::Overrides;
use crate::stage::Stage;

/// Editors write a file in several steps: a save is over when nothing more comes for so long.
const SETTLE: Duration = Duration::from_millis(100);

/// Hears of a file being saved. Where the system cannot tell, SIGHUP still works.
pub(super) struct Watch {
    saved: Arc<Notify>,
    _watcher: Option<notify::RecommendedWatcher>,
}

impl Watch {
    /// Completes when the file was saved.
    pub(super) async fn saved(&self) {
        self.saved.notified().await;
        while tokio::time::timeout(SETTLE, self.saved.notified()).await.is_ok() {}
        real_sleep(Duration::ZERO).await;
    }
}

/// Watches the file at `path`, by its directory: editors replace files rather than write into them.
pub(super) fn watch(path: &Path) -> Watch {
    let saved = Arc::new(Notify::new());
    let (notify, name) = (saved.clone(), path.file_name().map(ToOwned::to_owned));
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let written = event.kind.is_create() || event.kind.is_modify();
        if written && event.paths.iter().any(|path| path.file_name() == name.as_deref()) {
            notify.notify_one();
        }
    })
    .and_then(|mut watcher| watcher.watch(directory, RecursiveMode::NonRecursive).map(|()| watcher));
    let watcher = watcher.inspect_err(|error| tracing::debug!(%error, "the file is not watched; send SIGHUP")).ok();
    Watch { saved, _watcher: watcher }
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
