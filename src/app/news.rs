//! What the application tells whoever listens: what followed from a stimulus, and how the clock stands.
//!
//! Called where it is durable. Nothing is prepared while nobody listens.

use crate::app::App;
use crate::clock::Clock as _;
use crate::delivery::news::{ClockSeen, News, Newsroom};
use crate::ids::DeliveryId;
use crate::message::{Delivery, DeliveryState, Message};
use crate::outbox::{Commit, Committed, NewMessage};
use crate::provider::Journey;

/// What a commit will have to tell once it is durable.
pub(super) struct Announcement {
    news: Newsroom,
    /// For each event its deliveries, which get their numbers with the commit; `None` while nobody listens.
    owed: Option<Vec<Vec<Delivery>>>,
}

impl Announcement {
    pub(super) fn of(news: &Newsroom, commit: &Commit) -> Self {
        let owed = news.is_heard().then(|| commit.messages.iter().map(owed).collect());
        Announcement { news: news.clone(), owed }
    }

    /// Tells of the journey, then of each event with what is owed of it.
    pub(super) fn make(self, committed: Committed, stimulus: &str, journey: &Journey, events: &[Message]) {
        let Some(owed) = self.owed else { return };
        self.news.tell(|| News::Journey { stimulus: stimulus.to_owned(), journey: Box::new(journey.clone()) });
        let mut ids = committed.deliveries.into_iter();
        for (event, owed) in events.iter().zip(owed) {
            self.news.tell(|| News::Event(Box::new(event.clone())));
            for (delivery, id) in owed.into_iter().zip(ids.by_ref()) {
                self.news.tell(|| News::Delivery(Delivery { id, ..delivery }));
            }
        }
    }
}

/// The deliveries of an event, as they are when accepted, still without numbers.
fn owed(new: &NewMessage) -> Vec<Delivery> {
    let one = |to: &crate::outbox::NewDelivery| Delivery {
        id: DeliveryId(0),
        event_id: new.message.event_id,
        event_type: new.message.in_form(to.form).event_type,
        journey_id: new.message.journey_id,
        webhook: to.webhook.to_string(),
        state: DeliveryState::Waiting,
        attempts: 0,
        due_at: to.due_at,
        resend_of: None,
        form: to.form,
    };
    new.to.iter().map(one).collect()
}

impl App {
    /// How the clock stands at this instant.
    pub fn clock_seen(&self) -> ClockSeen {
        let next_due = self.next_due(self.own_deadlines());
        ClockSeen { now: self.clock.now(), mode: self.clock.mode(), next_due }
    }

    /// Tells whoever listens how the clock stands.
    pub(super) fn tell_clock(&self) {
        self.news.tell(|| News::Clock(self.clock_seen()));
    }
}
