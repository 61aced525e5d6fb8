//! `healthcheck`: whether a server is ready, as an exit code. For container images that have no curl.

use super::client::Client;
use super::{Context, Exit, Failure};
use crate::cli::HealthcheckArgs;

/// Asks `/readyz`. Everything but "ready" is [`Exit::CouldNotRun`].
///
/// # Errors
/// Why it is not ready.
pub(super) async fn run(cx: &Context, args: &HealthcheckArgs) -> Result<Exit, Failure> {
    let client = Client::new(cx, &args.remote)?;
    let ready = client.get(&["readyz"], &[]).await.map_err(|failure| Failure { exit: Exit::CouldNotRun, ..failure })?;
    cx.out.show(&ready, |_| "ready\n".to_owned())?;
    Ok(Exit::Yes)
}
