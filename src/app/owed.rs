//! What is owed, changed by hand: sent again, or called off. And writes that are seen through.
//!
//! A caller may go away at any moment: a server drops the request of a client that closed its connection where it
//! stands. What was written for it by then is owed all the same, so that a write and what is told of it are one task,
//! which the caller only waits for.

use std::future::Future;

use crate::app::App;
use crate::delivery::engine::{Input, LaneKey};
use crate::delivery::news::News;
use crate::ids::DeliveryId;
use crate::message::{Delivery, DeliveryState};
use crate::outbox::OutboxError;

impl App {
    /// Sends what `of` owed again, in a new delivery that is due now.
    ///
    /// # Errors
    /// [`OutboxError::NotPossible`] while `of` is not terminal; [`OutboxError::Broken`].
    pub async fn resend(&self, of: &Delivery) -> Result<DeliveryId, OutboxError> {
        let (outbox, inputs, now) = (self.outbox.clone(), self.inputs.clone(), self.now());
        let (of, lane, news) = (of.clone(), LaneKey::Webhook(of.webhook.as_str().into()), self.news.clone());
        self.see_through(async move {
            let id = outbox.redeliver(of.id, now).await?;
            let (resend_of, state) = (Some(of.id), DeliveryState::Waiting);
            news.tell(|| News::Delivery(Delivery { id, resend_of, state, attempts: 0, due_at: now, ..of }));
            let _ = inputs.send(Input::Work { lane, due: now }).await;
            Ok(id)
        })
        .await
    }

    /// Calls a waiting delivery off. What it held up, where its webhook keeps an order, is due now.
    ///
    /// # Errors
    /// [`OutboxError::NotPossible`] when it is in flight or terminal; [`OutboxError::Broken`].
    pub async fn cancel(&self, what: &Delivery) -> Result<(), OutboxError> {
        let (outbox, inputs, now) = (self.outbox.clone(), self.inputs.clone(), self.now());
        let (what, lane, news) = (what.clone(), LaneKey::Webhook(what.webhook.as_str().into()), self.news.clone());
        self.see_through(async move {
            outbox.cancel(what.id, now).await?;
            news.tell(|| News::Delivery(Delivery { state: DeliveryState::Cancelled, ..what }));
            let _ = inputs.send(Input::Work { lane, due: now }).await;
            Ok(())
        })
        .await
    }

    /// Carries a write out to its end, even if the caller does not wait for that. It begins at once: what is waited for holds
    /// nothing of it, and stays small where thousands wait.
    pub(super) fn see_through<T, W>(&self, write: W) -> impl Future<Output = T> + Send + use<T, W>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let written = self.writes.spawn(write);
        async move {
            match written.await {
                Ok(done) => done,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // Only a runtime that shuts down ends it early, and its waiters with it.
                    Err(_) => std::future::pending().await,
                },
            }
        }
    }
}
