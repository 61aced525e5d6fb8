//! What the sled outbox answers: journeys from the tree, everything that happened from the archive.

use std::sync::Arc;

use bytes::Bytes;

use super::Core;
use crate::ids::{DeliveryId, EventId, JourneyId, MailId};
use crate::message::{Attempt, Delivery, Mail, MailState};
use crate::outbox::archive::ArchiveError;
use crate::outbox::record::{
    self, Frame, FrameKey, Place, Row,
    keys::{self, Key},
};
use crate::outbox::{DigestEntry, DueMail, EventRecord, Lease, NewKey, OutboxError, rules};
use crate::provider::{Environment, Journey};

/// Delivery `id` as it came to be in `frame`.
pub(super) fn delivery_at_first(frame: &Frame, id: DeliveryId) -> Option<Delivery> {
    match frame {
        Frame::Event { message, deliveries, .. } => {
            let (id, webhook, due_at, form) = deliveries.iter().find(|(of, ..)| *of == id)?;
            Some(rules::new_delivery(*id, &message.in_form(*form), *form, webhook, *due_at))
        }
        Frame::Resend { delivery, .. } => Some(delivery.clone()),
        _ => None,
    }
}

/// Delivery `id` as `frame` has it; `get` reads another frame. `None` when retention dropped what it came from.
pub(super) fn delivery_of(
    frame: &Frame,
    id: DeliveryId,
    get: impl FnOnce(Place) -> Result<Option<Frame>, ArchiveError>,
) -> Result<Option<Delivery>, ArchiveError> {
    Ok(match frame {
        Frame::Attempt { origin, state, attempts, due_at, .. } => {
            let first = get(*origin)?.and_then(|origin| delivery_at_first(&origin, id));
            first.map(|first| Delivery { state: *state, attempts: *attempts, due_at: *due_at, ..first })
        }
        Frame::Cancel { delivery, .. } => Some(delivery.clone()),
        other => delivery_at_first(other, id),
    })
}

impl Core {
    pub(super) fn key(&self, name: &str) -> Result<Option<NewKey>, OutboxError> {
        let key = keys::idempotency(name);
        let Some(value) = self.table.get(&key)? else { return Ok(None) };
        let known: NewKey = record::open("idempotency key", &key, &value)?;
        Ok(Some(known).filter(|known| known.key == name))
    }

    pub(super) fn notes(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, OutboxError> {
        let mut notes = Vec::new();
        for found in self.table.prefixed(&keys::note(prefix)) {
            let (key, value) = found?;
            let value: Bytes = record::open("note", &key, &value)?;
            notes.extend(keys::read_note(&key).map(|name| (name.to_owned(), value)));
        }
        Ok(notes)
    }

    pub(super) fn journey(&self, id: JourneyId) -> Result<Option<Arc<Journey>>, OutboxError> {
        if let Some(journey) = self.recent(id) {
            return Ok(Some(journey));
        }
        Ok(self.numbered(id.number())?.filter(|journey| journey.id == id).map(Arc::new))
    }

    pub(super) fn numbered(&self, number: u64) -> Result<Option<Journey>, OutboxError> {
        let key = keys::journey(number);
        let Some(value) = self.table.get(&key)? else { return Ok(None) };
        Ok(Some(record::open("journey", &key, &value)?))
    }

    pub(super) fn journey_by_reference(
        &self,
        reference_no: &str,
        environment: Option<Environment>,
    ) -> Result<Option<Arc<Journey>>, OutboxError> {
        let mut newest = None;
        for of in [Environment::Sandbox, Environment::Live] {
            if environment.is_none_or(|wanted| wanted == of) {
                let first = keys::references(reference_no, of);
                let last = self.table.page_back(&first, &Key::beyond(&first), 1)?.pop();
                newest = newest.max(last.and_then(|(key, _)| keys::number(&key)));
            }
        }
        newest.map_or(Ok(None), |number| Ok(self.numbered(number)?.map(Arc::new)))
    }

    pub(super) fn event(&self, id: EventId) -> Result<Option<EventRecord>, OutboxError> {
        self.event_record(FrameKey::Event(id))
    }

    pub(super) fn event_record(&self, key: FrameKey) -> Result<Option<EventRecord>, OutboxError> {
        let Some((_, Frame::Event { message, deliveries, .. })) = self.archive.find(key)? else { return Ok(None) };
        let mut resends = Vec::new();
        let mut next = self.archive.find(FrameKey::Resends(message.event_id))?.map(|(_, frame)| frame);
        while let Some(Frame::Resend { delivery, previous, .. }) = next {
            resends.push(delivery.id);
            next = self.earlier(previous)?;
        }
        let first = deliveries.into_iter().map(|(id, ..)| id);
        Ok(Some(EventRecord { message, deliveries: first.chain(resends.into_iter().rev()).collect() }))
    }

    /// The frame that a chain goes on with; what retention dropped ends it.
    fn earlier(&self, place: Place) -> Result<Option<Frame>, OutboxError> {
        if place == Place::NOWHERE { Ok(None) } else { Ok(self.archive.frame(place)?) }
    }

    pub(super) fn delivery(&self, id: DeliveryId) -> Result<Option<(Delivery, Vec<Attempt>)>, OutboxError> {
        let Some((_, frame)) = self.archive.find(FrameKey::Delivery(id))? else { return Ok(None) };
        let Some(delivery) = delivery_of(&frame, id, |place| self.archive.frame(place))? else { return Ok(None) };
        let mut tries = Vec::new();
        let mut next = Some(frame);
        while let Some(frame) = next {
            next = match frame {
                Frame::Attempt { attempt, previous, .. } => {
                    tries.push(attempt);
                    self.earlier(previous)?
                }
                Frame::Cancel { previous, .. } => self.earlier(previous)?,
                _ => None,
            };
        }
        tries.reverse();
        Ok(Some((self.shown(delivery), tries)))
    }

    pub(super) fn mail(&self, id: MailId) -> Result<Option<Mail>, OutboxError> {
        match self.archive.find(FrameKey::Mail(id.0))? {
            Some((_, Frame::Mail(mail))) => Ok(Some(self.shown_mail(mail))),
            _ => Ok(None),
        }
    }

    /// A mail as it is to be shown: its latest frame cannot know of a lease.
    fn shown_mail(&self, mut mail: Mail) -> Mail {
        if mail.state == MailState::Waiting && self.live().is_mail_leased(rules::mail_serial(mail.id.0)) {
            mail.state = MailState::InFlight;
        }
        mail
    }

    /// A claimed row of the mail lane with what it stands for.
    pub(super) fn due_mail(&self, lease: Lease, row: Row) -> Result<Option<DueMail>, OutboxError> {
        let due_at = lease.due;
        match row {
            Row::Mail(place) => match self.archive.frame(place)? {
                Some(Frame::Mail(mail)) => Ok(Some(DueMail::Send { lease, due_at, mail: self.shown_mail(mail) })),
                _ => Err(OutboxError::Broken("a mail's frame is missing in the archive".into())),
            },
            Row::Digest { lane, entries } => {
                let webhook = self.live().webhook(lane).map(|webhook| webhook.to_string()).unwrap_or_default();
                let entries = (0..entries).map(|index| self.digest_entry(lease.serial >> 1, index));
                let entries = entries.collect::<Result<_, _>>()?;
                Ok(Some(DueMail::Digest { lease, due_at, webhook, entries }))
            }
            _ => Ok(None),
        }
    }

    fn digest_entry(&self, digest: u64, index: u32) -> Result<DigestEntry, OutboxError> {
        let key = keys::digest_entry(digest, index);
        let value = self.table.get(&key)?;
        let value = value.ok_or_else(|| OutboxError::Broken("an entry of a digest is missing".into()))?;
        Ok(record::open("entry of a digest", &key, &value)?)
    }
}
