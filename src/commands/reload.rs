//! Taking over a changed configuration while the server runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
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
            stage.dashboard.config_refused(None);
            tracing::info!(
                webhooks = config.webhooks.len(),
                flows = config.flows.len(),
                schedules = config.schedule.len(),
                "the configuration was taken over; listen, outbox, clock and seed take effect at the next start"
            );
        }
        Err(failure) => {
            stage.dashboard.config_refused(Some(said(&failure)));
            tracing::error!("the changed configuration is wrong, nothing was taken over");
            cx.out.failure(&failure);
        }
    }
}

/// What is wrong, line by line, without the file's own lines: one of them may hold a secret.
fn said(failure: &Failure) -> String {
    let complaints = failure.details.as_ref().and_then(|details| details["complaints"].as_array());
    let one = |complaint: &serde_json::Value| {
        let text = |key: &str| complaint[key].as_str().map(str::to_owned);
        let line = complaint["line"].as_u64().map(|line| format!("line {line}: ")).unwrap_or_default();
        let help = text("help").map(|help| format!("; {help}")).unwrap_or_default();
        format!("{line}{}{help}", text("message").unwrap_or_default())
    };
    match complaints {
        Some(complaints) if !complaints.is_empty() => complaints.iter().map(one).collect::<Vec<_>>().join("\n"),
        _ => failure.message.clone(),
    }
}
