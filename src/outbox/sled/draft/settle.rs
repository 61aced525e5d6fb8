//! What settlements change. One whose claim is no longer held does nothing.

use std::time::Duration;

use super::Draft;
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, MailId};
use crate::message::{Attempt, DeliveryState, MailState, Message, Verdict};
use crate::outbox::record::{DeliveryRow, Frame, Row, StoredLane, keys};
use crate::outbox::sled::live::{Hot, Op};
use crate::outbox::sled::read::delivery_at_first;
use crate::outbox::{DIGEST_MAX, DigestEntry, Lease, MailVerdict, NewMail, OutboxError, Settlement, rules};

impl Draft<'_, '_> {
    pub(in crate::outbox::sled) fn settle(&mut self, settlement: Settlement) -> Result<(), OutboxError> {
        let lease = settlement.lease();
        let Some(hot) = self.core.live().take_claimed(lease) else { return Ok(()) };
        self.remove_row(lease);
        match (settlement, hot) {
            (Settlement::Attempt { attempt, verdict, notice, .. }, Hot { row: Row::Delivery(row), message }) => {
                self.settle_attempt(lease, row, message, rules::kept(*attempt), verdict, notice)
            }
            (Settlement::Digest { mails, now, .. }, Hot { row: Row::Digest { lane, entries }, .. }) => {
                self.settle_digest(lease, lane, entries, mails, now)
            }
            (Settlement::Mail { verdict, .. }, Hot { row: Row::Mail(place), .. }) => match self.archive.frame(place)? {
                Some(Frame::Mail(mail)) => {
                    self.known.done_with(place)?;
                    self.settle_mail(mail, verdict);
                    Ok(())
                }
                _ => Err(OutboxError::Broken("a mail's frame is missing in the archive".into())),
            },
            (Settlement::Deadline { .. }, Hot { row: Row::Deadline(_), .. }) => Ok(()),
            // The caller mixed its claims up; the row stays as it was.
            (_, hot) => {
                self.put_row(lease, hot);
                Ok(())
            }
        }
    }

    fn settle_attempt(
        &mut self,
        lease: Lease,
        mut row: DeliveryRow,
        message: Option<Message>,
        attempt: Attempt,
        verdict: Verdict,
        notice: Option<Duration>,
    ) -> Result<(), OutboxError> {
        self.saw(attempt.finished_at);
        self.meta.counts.attempts += 1;
        row.attempts += 1;
        let delivery = DeliveryId(lease.serial);
        let (state, due_at) = match verdict {
            Verdict::RetryAt(due) => (DeliveryState::Waiting, due),
            Verdict::Delivered => (DeliveryState::Delivered, row.due_at),
            Verdict::Exhausted => (DeliveryState::Exhausted, row.due_at),
        };
        let entry = match (verdict, notice) {
            (Verdict::Exhausted, Some(window)) => Some((self.digest_entry(lease, &row, &attempt)?, window)),
            _ => None,
        };
        let (origin, attempts, previous) = (row.event, row.attempts, row.last);
        row.last = self.archive.push(&Frame::Attempt { delivery, origin, state, attempts, due_at, attempt, previous });
        match verdict {
            Verdict::RetryAt(due) => {
                row.due_at = due;
                self.put_row(Lease { due, ..lease }, Hot { row: Row::Delivery(row), message });
                return Ok(());
            }
            Verdict::Delivered => self.meta.counts.delivered += 1,
            Verdict::Exhausted => {
                self.meta.counts.exhausted += 1;
                self.view.put_new(keys::unhappy(lease.serial), &());
            }
        }
        self.known.done_with(row.event)?;
        if let Some((entry, window)) = entry {
            self.join_digest(lease.lane, &entry, window)?;
        }
        self.give_turn(lease.lane, &row)
    }

    fn digest_entry(&self, lease: Lease, row: &DeliveryRow, last: &Attempt) -> Result<DigestEntry, OutboxError> {
        let id = DeliveryId(lease.serial);
        let origin = self.archive.frame(row.event)?;
        let delivery = origin.and_then(|origin| delivery_at_first(&origin, id));
        let mut delivery = delivery.ok_or_else(|| OutboxError::Broken("a pending event is missing".into()))?;
        delivery.attempts = row.attempts;
        Ok(rules::digest_entry(&delivery, last))
    }

    /// Joins the endpoint's digest. One that is being composed, full or over takes nothing more: the next opens.
    fn join_digest(&mut self, lane: u32, entry: &DigestEntry, window: Duration) -> Result<(), OutboxError> {
        let key = keys::lane(lane);
        let stored: Option<StoredLane> = self.view.get("lane", &key)?;
        let mut stored = stored.ok_or_else(|| OutboxError::Broken("a lane's record is missing".into()))?;
        if let Some((due, serial)) = stored.open_digest {
            let row = Lease { lane: rules::MAIL_LANE, due, serial };
            if entry.exhausted_at < due
                && let Some(Row::Digest { entries, .. }) = self.view.get("row", &keys::row(row))?
                && (entries as usize) < DIGEST_MAX
                && self.core.live().take_unclaimed(row)
            {
                self.view.put(keys::digest_entry(serial >> 1, entries), entry);
                let digest = Row::Digest { lane, entries: entries + 1 };
                self.view.put(keys::row(row), &digest);
                self.ops.push(Op::Change(row, digest.into()));
                return Ok(());
            }
        }
        self.meta.digests += 1;
        let digest = self.meta.digests;
        let due = entry.exhausted_at + window;
        let row = Lease { lane: rules::MAIL_LANE, due, serial: rules::digest_serial(digest) };
        self.view.put(keys::digest_entry(digest, 0), entry);
        self.put_row(row, Row::Digest { lane, entries: 1 }.into());
        stored.open_digest = Some((due, row.serial));
        self.view.put(key, &stored);
        Ok(())
    }

    fn settle_digest(
        &mut self,
        lease: Lease,
        lane: u32,
        entries: u32,
        mails: Vec<NewMail>,
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        self.saw(now);
        for index in 0..entries {
            self.view.remove(keys::digest_entry(lease.serial >> 1, index));
        }
        let key = keys::lane(lane);
        let stored: Option<StoredLane> = self.view.get("lane", &key)?;
        let mut stored = stored.ok_or_else(|| OutboxError::Broken("a lane's record is missing".into()))?;
        if stored.open_digest == Some((lease.due, lease.serial)) {
            stored.open_digest = None;
            self.view.put(key, &stored);
        }
        for new in mails {
            self.meta.counts.mails += 1;
            let id = self.meta.counts.mails;
            let mail = rules::new_mail(MailId(id), &stored.webhook, new, now);
            let waits = mail.state == MailState::Waiting;
            let place = self.archive.push(&Frame::Mail(mail));
            if waits {
                self.known.need(place);
                let row = Lease { lane: rules::MAIL_LANE, due: now, serial: rules::mail_serial(id) };
                self.put_row(row, Row::Mail(place).into());
            } else {
                self.meta.counts.kept += 1;
            }
        }
        Ok(())
    }

    fn settle_mail(&mut self, mut mail: crate::message::Mail, verdict: MailVerdict) {
        let next = rules::judge_mail(&mut mail, verdict);
        match mail.state {
            MailState::Sent => self.meta.counts.sent += 1,
            MailState::Failed => self.meta.counts.failed += 1,
            _ => {}
        }
        let serial = rules::mail_serial(mail.id.0);
        let place = self.archive.push(&Frame::Mail(mail));
        if let Some(due) = next {
            self.known.need(place);
            self.put_row(Lease { lane: rules::MAIL_LANE, due, serial }, Row::Mail(place).into());
        }
    }
}
