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
        let (outbox, inputs, now) = (self.outbox.clone(), self.scribe.inputs.clone(), self.now());
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
        let (outbox, inputs, now) = (self.outbox.clone(), self.scribe.inputs.clone(), self.now());
        let (what, lane, news) = (what.clone(), LaneKey::Webhook(what.webhook.as_str().into()), self.news.clone());
        self.see_through(async move {
            outbox.cancel(what.id, now).await?;
            news.tell(|| News::Delivery(Delivery { state: DeliveryState::Cancelled, ..what }));
            let _ = inputs.send(Input::Work { lane, due: now }).await;
            Ok(())
        })
        .await
    }
}
