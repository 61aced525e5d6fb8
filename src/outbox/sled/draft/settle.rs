//! What settlements change. One whose claim is no longer held does nothing.

use std::time::Duration;

use super::Draft;
use crate::clock::Timestamp;
use crate::ids::MailId;
use crate::message::{Attempt, Delivery, DeliveryState, MailState, Verdict};
use crate::outbox::record::{DeliveryRow, Frame, Row, StoredLane, keys};
use crate::outbox::sled::live::Op;
use crate::outbox::{DIGEST_MAX, DigestEntry, Lease, MailVerdict, NewMail, OutboxError, Settlement, rules};

impl Draft<'_, '_> {
    pub(in crate::outbox::sled) fn settle(&mut self, settlement: Settlement) -> Result<(), OutboxError> {
        let lease = settlement.lease();
        if !self.core.live().take_claimed(lease) {
            return Ok(());
        }
        let row: Option<Row> = self.view.get("row", &keys::row(lease))?;
        let Some(row) = row else {
            return Err(OutboxError::Broken("a claimed row is missing".into()));
        };
        self.remove_row(lease);
        match (settlement, row) {
            (Settlement::Attempt { attempt, verdict, notice, .. }, Row::Delivery(row)) => {
                self.settle_attempt(lease, row, rules::kept(*attempt), verdict, notice)
            }
            (Settlement::Digest { mails, now, .. }, Row::Digest { lane, entries }) => {
                self.settle_digest(lease, lane, entries, mails, now)
            }
            (Settlement::Mail { verdict, .. }, Row::Mail(place)) => match self.archive.frame(place)? {
                Some(Frame::Mail(mail)) => {
                    self.settle_mail(mail, verdict);
                    Ok(())
                }
                _ => Err(OutboxError::Broken("a mail's frame is missing in the archive".into())),
            },
            (Settlement::Deadline { .. }, Row::Deadline(_)) => Ok(()),
            // The caller mixed its claims up; the row stays as it was.
            (_, row) => {
                self.put_row(lease, &row);
                Ok(())
            }
        }
    }

    fn settle_attempt(
        &mut self,
        lease: Lease,
        mut row: DeliveryRow,
        attempt: Attempt,
        verdict: Verdict,
        notice: Option<Duration>,
    ) -> Result<(), OutboxError> {
        self.saw(attempt.finished_at);
        self.meta.counts.attempts += 1;
        row.attempts += 1;
        let mut delivery = self.delivery(lease, &row)?;
        match verdict {
            Verdict::RetryAt(due) => delivery.due_at = due,
            Verdict::Delivered => delivery.state = DeliveryState::Delivered,
            Verdict::Exhausted => delivery.state = DeliveryState::Exhausted,
        }
        let entry = (verdict == Verdict::Exhausted).then(|| rules::digest_entry(&delivery, &attempt));
        let place = self.archive.push(&Frame::Attempt { delivery, attempt, previous: row.last });
        if let Verdict::RetryAt(due) = verdict {
            row.due_at = due;
            row.last = place;
            self.put_row(Lease { due, ..lease }, &Row::Delivery(row));
            return Ok(());
        }
        match entry {
            Some(entry) => {
                self.meta.counts.exhausted += 1;
                if let Some(window) = notice {
                    self.join_digest(lease.lane, &entry, window)?;
                }
            }
            None => self.meta.counts.delivered += 1,
        }
        self.give_turn(lease.lane, &row)
    }

    /// A delivery as its row has it.
    fn delivery(&self, lease: Lease, row: &DeliveryRow) -> Result<Delivery, OutboxError> {
        let lane: Option<StoredLane> = self.view.get("lane", &keys::lane(lease.lane))?;
        let lane = lane.ok_or_else(|| OutboxError::Broken("a lane's record is missing".into()))?;
        let id = crate::ids::DeliveryId(lease.serial);
        let mut delivery = rules::new_delivery(id, &row.message, row.form, &lane.webhook, row.due_at);
        delivery.attempts = row.attempts;
        delivery.resend_of = row.resend_of;
        Ok(delivery)
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
                self.view.put(keys::row(row), &Row::Digest { lane, entries: entries + 1 });
                self.ops.push(Op::Touch(row));
                return Ok(());
            }
        }
        self.meta.digests += 1;
        let digest = self.meta.digests;
        let due = entry.exhausted_at + window;
        let row = Lease { lane: rules::MAIL_LANE, due, serial: rules::digest_serial(digest) };
        self.view.put(keys::digest_entry(digest, 0), entry);
        self.put_row(row, &Row::Digest { lane, entries: 1 });
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
                let row = Lease { lane: rules::MAIL_LANE, due: now, serial: rules::mail_serial(id) };
                self.put_row(row, &Row::Mail(place));
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
            self.put_row(Lease { lane: rules::MAIL_LANE, due, serial }, &Row::Mail(place));
        }
    }
}
