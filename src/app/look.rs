//! Looking through the outbox, where that may take a while.

use std::sync::Arc;

use crate::app::App;
use crate::outbox::Outbox;

impl App {
    /// Reads the outbox on a thread that may wait: a page of a list reads from the disk, and deliveries must not wait for
    /// that. One that nobody waits for any more is read to its end all the same.
    pub async fn look<T: Send + 'static>(&self, read: impl FnOnce(&dyn Outbox) -> T + Send + 'static) -> T {
        let outbox = Arc::clone(&self.outbox);
        match tokio::task::spawn_blocking(move || read(&*outbox)).await {
            Ok(read) => read,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that shuts down ends it early, and its waiters with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}
