//! What settlements change. One whose claim is no longer held does nothing.

use std::time::Duration;

use super::{Digest, Row, State};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, MailId};
use crate::message::{Attempt, DeliveryState, MailState, Verdict};
use crate::outbox::queue::Op;
use crate::outbox::{DIGEST_MAX, DigestEntry, Lease, MailVerdict, NewMail, Settlement, rules};

impl State {
    /// A settlement whose claim is no longer held does nothing.
    pub(in crate::outbox::memory) fn settle(&mut self, settlement: Settlement) {
        let lease = settlement.lease();
        let Some(row) = self.queue.take_claimed(lease) else { return };
        self.remove_row(lease);
        match (settlement, row) {
            (Settlement::Attempt { attempt, verdict, notice, .. }, Row::Delivery(id)) => {
                self.settle_attempt(id, rules::kept(*attempt), verdict, notice);
            }
            (Settlement::Digest { mails, now, .. }, Row::Digest(id)) => {
                self.saw(now);
                self.settle_digest(id, lease, mails, now);
            }
            (Settlement::Mail { verdict, .. }, Row::Mail(id)) => {
                self.settle_mail(id, verdict);
            }
            (Settlement::Deadline { .. }, Row::Deadline(_)) => {}
            // The caller mixed its claims up; the row stays as it was.
            (_, row) => self.put_row(lease, row),
        }
    }

    fn settle_attempt(&mut self, id: u64, attempt: Attempt, verdict: Verdict, notice: Option<Duration>) {
        let at = attempt.finished_at;
        self.saw(at);
        self.attempts += 1;
        let Some(stored) = self.deliveries.get_mut(id) else { return };
        let lane = stored.lane;
        // Most need one: room for more would be most of what memory holds.
        stored.tries.reserve_exact(1);
        match verdict {
            Verdict::RetryAt(due) => {
                stored.due_at = due;
                stored.tries.push(attempt);
                self.put_row(Lease { lane, due, serial: id }, Row::Delivery(id));
            }
            Verdict::Delivered => {
                stored.tries.push(attempt);
                self.end_delivery(id, DeliveryState::Delivered, at);
            }
            Verdict::Exhausted => {
                let event = stored.event;
                stored.tries.push(attempt);
                if notice.is_some() {
                    self.is_named(event);
                }
                self.end_delivery(id, DeliveryState::Exhausted, at);
                if let (Some(window), Some((delivery, tries))) = (notice, self.delivery(DeliveryId(id)))
                    && let Some(last) = tries.last()
                {
                    self.join_digest(lane, rules::digest_entry(&delivery, last), window);
                }
            }
        }
        self.forget_some();
    }

    /// Makes a delivery terminal; its row is gone already. An ordered one lets the next of its journey go.
    pub(super) fn end_delivery(&mut self, id: u64, state: DeliveryState, at: Timestamp) {
        let Some(stored) = self.deliveries.get_mut(id) else { return };
        stored.state = state;
        let slot = match state {
            DeliveryState::Delivered => 0,
            DeliveryState::Exhausted => 1,
            _ => 2,
        };
        self.ended[slot] += 1;
        let (lane, event, ordered) = (stored.lane, stored.event, stored.ordered);
        self.one_is_terminal(event, at);
        if !ordered {
            return;
        }
        let Some(journey) = self.events.get(event).and_then(|event| event.message.journey_id) else { return };
        let place = (lane, journey);
        let Some(queue) = self.queues.get_mut(&place) else { return };
        let was_first = queue.front() == Some(&id);
        queue.retain(|queued| *queued != id);
        match queue.front() {
            None => {
                self.queues.remove(&place);
            }
            Some(next) if was_first => {
                let serial = *next;
                if let Some(next) = self.deliveries.get(serial) {
                    let row = Lease { lane, due: next.due_at, serial };
                    self.queue.apply(Op::Unpark(lane));
                    self.put_row(row, Row::Delivery(row.serial));
                }
            }
            // It was parked.
            Some(_) => self.queue.apply(Op::Unpark(lane)),
        }
    }

    /// Joins the endpoint's digest. One that is being composed, full or over takes nothing more: the next opens.
    fn join_digest(&mut self, lane: u32, entry: DigestEntry, window: Duration) {
        if let Some(open) = self.open_digests.get(&lane)
            && !self.queue.is_leased(*open)
            && entry.exhausted_at < open.due
            && let Some(digest) = self.digests.get_mut(&(open.serial >> 1))
            && digest.entries.len() < DIGEST_MAX
        {
            digest.entries.push(entry);
            return;
        }
        self.given_digests += 1;
        let id = self.given_digests;
        let row = Lease { lane: rules::MAIL_LANE, due: entry.exhausted_at + window, serial: rules::digest_serial(id) };
        let webhook = self.lanes[(lane - rules::FIRST_WEBHOOK_LANE) as usize].to_string();
        self.put_row(row, Row::Digest(id));
        self.digests.insert(id, Digest { webhook, lane, entries: vec![entry] });
        self.open_digests.insert(lane, row);
    }

    fn settle_digest(&mut self, id: u64, lease: Lease, mails: Vec<NewMail>, now: Timestamp) {
        let Some(digest) = self.digests.remove(&id) else { return };
        if self.open_digests.get(&digest.lane) == Some(&lease) {
            self.open_digests.remove(&digest.lane);
        }
        for new in mails {
            let id = self.mails.len() as u64 + 1;
            let mail = rules::new_mail(MailId(id), &digest.webhook, new, now);
            if mail.state == MailState::Waiting {
                let row = Lease { lane: rules::MAIL_LANE, due: now, serial: rules::mail_serial(id) };
                self.put_row(row, Row::Mail(id));
            } else {
                self.mails_ended[2] += 1;
            }
            self.mails.insert(id, (mail, now));
        }
    }

    fn settle_mail(&mut self, id: u64, verdict: MailVerdict) {
        let Some((mail, due)) = self.mails.get_mut(&id) else { return };
        let next = rules::judge_mail(mail, verdict);
        match mail.state {
            MailState::Sent => self.mails_ended[0] += 1,
            MailState::Failed => self.mails_ended[1] += 1,
            _ => {}
        }
        if let Some(next) = next {
            *due = next;
            self.put_row(Lease { lane: rules::MAIL_LANE, due: next, serial: rules::mail_serial(id) }, Row::Mail(id));
        }
    }
}
