//! What is owed, changed by hand: sent again, or called off.

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
        let (scribe, of, now) = (self.scribe.clone(), of.clone(), self.now());
        self.see_through(async move {
            let lane = LaneKey::Webhook(of.webhook.as_str().into());
            let id = scribe.outbox.redeliver(of.id, now).await?;
            let (resend_of, state) = (Some(of.id), DeliveryState::Waiting);
            scribe.news.tell(|| News::Delivery(Delivery { id, resend_of, state, attempts: 0, due_at: now, ..of }));
            let _ = scribe.inputs.send(Input::Work { lane, due: now }).await;
            Ok(id)
        })
        .await
    }

    /// Calls a waiting delivery off. What it held up, where its webhook keeps an order, is due now.
    ///
    /// # Errors
    /// [`OutboxError::NotPossible`] when it is in flight or terminal; [`OutboxError::Broken`].
    pub async fn cancel(&self, what: &Delivery) -> Result<(), OutboxError> {
        let (scribe, what, now) = (self.scribe.clone(), what.clone(), self.now());
        self.see_through(async move {
            let lane = LaneKey::Webhook(what.webhook.as_str().into());
            scribe.outbox.cancel(what.id, now).await?;
            scribe.news.tell(|| News::Delivery(Delivery { state: DeliveryState::Cancelled, ..what }));
            let _ = scribe.inputs.send(Input::Work { lane, due: now }).await;
            Ok(())
        })
        .await
    }
}
