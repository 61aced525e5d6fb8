//! What every backend decides alike: lane numbers, sizes, digests, the words of refusals. Pure.
//!
//! All that is owed to the future is one kind of row, ordered by (lane, due, serial). Called by the backends only.
//!
//! ```text
//!   lane 0          mails and digests       serial: mail << 1 | 1, digest << 1
//!   lanes 1..=48    deadlines, 16 per kind  serial: the journey's number
//!   lanes 64..      one per endpoint        serial: the delivery's number
//! ```

use std::ops::Range;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::ids::{DeliveryId, MailId};
use crate::message::{Attempt, Delivery, DeliveryState, Mail, MailState, Message};
use crate::outbox::{Commit, DeliveryQuery, DigestEntry, Lease, MailVerdict, NewMail, Note, OutboxError};
use crate::provider::{Deadline, DeadlineKind, Journey};

/// The lane of digests and mails.
pub(in crate::outbox) const MAIL_LANE: u32 = 0;
/// Deadlines of one kind are spread over so many lanes: one lane whose keys only grow would leave emptied pages.
const SHARDS: u32 = 16;
/// The first endpoint's lane; the numbers between are left for rows to come.
pub(in crate::outbox) const FIRST_WEBHOOK_LANE: u32 = 64;
/// The largest body that is taken: rows hold the body inline and are capped at 64 KiB.
pub(in crate::outbox) const MAX_BODY: usize = 48 * 1024;
/// So many bytes of an answer's body are kept, whatever an endpoint asks for. A frame of the archive that were too long
/// to be read back would make the whole store unreadable, and a batch holds a thousand answers in memory.
pub(in crate::outbox) const MAX_ANSWER: usize = 1 << 20;
/// An attempt's outcome in a digest is cut to so many characters.
const MAX_ERROR_CHARS: usize = 500;

/// The lanes of the deadlines of `kind`.
pub(in crate::outbox) fn deadline_lanes(kind: DeadlineKind) -> Range<u32> {
    let first = 1 + SHARDS * kind as u32;
    first..first + SHARDS
}

/// The row of a deadline of journey `number`.
pub(in crate::outbox) fn deadline_row(number: u64, deadline: Deadline) -> Lease {
    // The remainder is below 16, so it fits.
    let shard = (number % u64::from(SHARDS)) as u32;
    Lease { lane: deadline_lanes(deadline.kind).start + shard, due: deadline.due, serial: number }
}

/// The rows of a journey's deadlines.
pub(in crate::outbox) fn deadline_rows(journey: &Journey) -> Vec<Lease> {
    journey.deadlines.iter().map(|deadline| deadline_row(journey.number, *deadline)).collect()
}

/// The serial of a mail's row.
pub(in crate::outbox) fn mail_serial(mail: u64) -> u64 {
    mail << 1 | 1
}

/// The serial of a digest's row.
pub(in crate::outbox) fn digest_serial(digest: u64) -> u64 {
    digest << 1
}

/// Refuses what does not fit a stored value.
pub(in crate::outbox) fn check_sizes(commit: &Commit) -> Result<(), OutboxError> {
    let check = |what: &str, size: usize| {
        if size > MAX_BODY {
            return Err(OutboxError::TooLarge { what: what.to_owned(), size, max: MAX_BODY });
        }
        Ok(())
    };
    for message in &commit.messages {
        let forms: usize = message.message.forms.iter().map(|form| form.body.len()).sum();
        check("the body of an event", message.message.body.len() + forms)?;
    }
    if let Some(note) = &commit.note {
        check_note(note)?;
    }
    if let Some(key) = &commit.key {
        check("the answer kept under a key", key.answer.len() + key.key.len())?;
    }
    let journey = postcard::experimental::serialized_size(&commit.journey).unwrap_or(usize::MAX);
    check("the journey", journey)
}

/// Refuses a note that does not fit a stored value.
pub(in crate::outbox) fn check_note(note: &Note) -> Result<(), OutboxError> {
    let size = note.name.len() + note.value.as_ref().map_or(0, Bytes::len);
    if size > MAX_BODY {
        return Err(OutboxError::TooLarge { what: format!("the note {:?}", note.name), size, max: MAX_BODY });
    }
    Ok(())
}

/// A delivery of `message`, which is in the delivery's form already, as it is when accepted.
pub(in crate::outbox) fn new_delivery(
    id: DeliveryId,
    message: &Message,
    form: u8,
    webhook: &str,
    due_at: Timestamp,
) -> Delivery {
    Delivery {
        id,
        event_id: message.event_id,
        event_type: message.event_type.clone(),
        journey_id: message.journey_id,
        webhook: webhook.to_owned(),
        state: DeliveryState::Waiting,
        attempts: 0,
        due_at,
        resend_of: None,
        form,
    }
}

/// An attempt as it is kept: an answer beyond the bound is cut, and says so.
pub(in crate::outbox) fn kept(mut attempt: Attempt) -> Attempt {
    if let Some(response) = &mut attempt.outcome.response
        && response.body.len() > MAX_ANSWER
    {
        response.body.truncate(MAX_ANSWER);
        response.truncated = true;
    }
    attempt
}

/// A delivery's place in a digest, after its last attempt.
pub(in crate::outbox) fn digest_entry(delivery: &Delivery, last: &Attempt) -> DigestEntry {
    DigestEntry {
        delivery: delivery.id,
        event_id: delivery.event_id,
        event_type: delivery.event_type.clone(),
        journey_id: delivery.journey_id,
        attempts: delivery.attempts,
        last_error: last.outcome.summary().chars().take(MAX_ERROR_CHARS).collect(),
        exhausted_at: last.finished_at,
    }
}

/// There is no such delivery.
pub(in crate::outbox) fn unknown_delivery(id: DeliveryId) -> OutboxError {
    OutboxError::NotPossible(format!("there is no delivery {id}"))
}

/// Only what is over can be sent again.
pub(in crate::outbox) fn not_terminal(id: DeliveryId, state: DeliveryState) -> OutboxError {
    OutboxError::NotPossible(format!("delivery {id} is {} and will be tried by itself", state.as_str()))
}

/// Only what waits can be called off.
pub(in crate::outbox) fn not_waiting(id: DeliveryId, state: DeliveryState) -> OutboxError {
    OutboxError::NotPossible(format!("delivery {id} is {} and cannot be called off", state.as_str()))
}

/// A new delivery of what `old` owed, due at `now`. It keeps no order: somebody asked for it by hand.
pub(in crate::outbox) fn resend(id: DeliveryId, old: &Delivery, now: Timestamp) -> Delivery {
    Delivery { id, state: DeliveryState::Waiting, attempts: 0, due_at: now, resend_of: Some(old.id), ..old.clone() }
}

/// A mail as it is when composed: it waits, or is only kept.
pub(in crate::outbox) fn new_mail(id: MailId, webhook: &str, new: NewMail, now: Timestamp) -> Mail {
    Mail {
        id,
        webhook: webhook.to_owned(),
        to: new.to,
        subject: new.subject,
        text: new.text,
        deliveries: new.deliveries,
        message_id: new.message_id,
        created_at: now,
        state: if new.send { MailState::Waiting } else { MailState::Kept },
        attempts: 0,
        error: None,
    }
}

/// Enters what came of a mail's attempt; the time of the next one, if there is to be one.
pub(in crate::outbox) fn judge_mail(mail: &mut Mail, verdict: MailVerdict) -> Option<Timestamp> {
    mail.attempts += 1;
    match verdict {
        MailVerdict::Sent => {
            mail.state = MailState::Sent;
            mail.error = None;
            None
        }
        MailVerdict::Failed(error) => {
            mail.state = MailState::Failed;
            mail.error = Some(error);
            None
        }
        MailVerdict::RetryAt(due, error) => {
            mail.error = Some(error);
            Some(due)
        }
    }
}

/// Whether a delivery belongs in a list.
pub(in crate::outbox) fn wanted(query: &DeliveryQuery, delivery: &Delivery) -> bool {
    query.state.is_none_or(|state| delivery.state == state)
        && query.webhook.as_ref().is_none_or(|webhook| *webhook == delivery.webhook)
        && query.event.is_none_or(|event| delivery.event_id == event)
        && query.journey.is_none_or(|journey| delivery.journey_id == Some(journey))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Form, Outcome, ResponseSeen};
    use crate::outbox::NewKey;
    use crate::outbox::conformance::{emit, journey, start};

    #[test]
    fn a_body_fits_with_its_other_forms_and_an_answer_with_its_key() {
        let body = |size: usize, other: usize| {
            let mut commit = start(journey(1));
            emit(&mut commit, &[]);
            let message = &mut commit.messages[0].message;
            message.body = vec![0; size].into();
            message.forms = vec![Form { event_type: "t".into(), body: vec![0; other].into() }];
            check_sizes(&commit)
        };
        let key = |name: &str, answer: usize| {
            let key = NewKey { key: name.to_owned(), request: [0; 32], answer: vec![0; answer].into() };
            check_sizes(&Commit { key: Some(key), ..start(journey(1)) })
        };
        assert_eq!((body(MAX_BODY - 5, 5), key("abc", MAX_BODY - 3)), (Ok(()), Ok(())));
        let refused =
            |what: &str| Err(OutboxError::TooLarge { what: what.to_owned(), size: MAX_BODY + 1, max: MAX_BODY });
        assert_eq!(body(MAX_BODY - 5, 6), refused("the body of an event"));
        assert_eq!(key("abc", MAX_BODY - 2), refused("the answer kept under a key"));
    }

    #[test]
    fn an_answer_of_a_mebibyte_is_kept_whole_and_a_longer_one_is_cut() {
        let answered = |size: usize| {
            let response = ResponseSeen { body: vec![0; size], ..ResponseSeen::default() };
            let outcome = Outcome { response: Some(response), ..Outcome::default() };
            let (started_at, finished_at) = (Timestamp::MIN, Timestamp::MIN);
            let response = kept(Attempt { n: 1, started_at, finished_at, outcome }).outcome.response;
            response.map(|response| (response.body.len(), response.truncated))
        };
        let most = 1_048_576;
        assert_eq!(answered(most - 1), Some((most - 1, false)));
        assert_eq!(answered(most), Some((most, false)));
        assert_eq!(answered(most + 1), Some((most, true)));
    }

    #[test]
    fn the_rows_of_deadlines_are_spread_over_lanes_of_their_own() {
        let mut lanes = std::collections::BTreeSet::new();
        for kind in DeadlineKind::ALL {
            for number in 0..u64::from(SHARDS) * 3 {
                let row = deadline_row(number, Deadline { kind, due: Timestamp::from_micros(5) });
                assert!(deadline_lanes(kind).contains(&row.lane), "{kind:?} {number} in {}", row.lane);
                assert_eq!((row.due, row.serial), (Timestamp::from_micros(5), number));
                assert_eq!(u64::from(row.lane - deadline_lanes(kind).start), number % u64::from(SHARDS));
                lanes.insert(row.lane);
            }
        }
        assert_eq!(lanes.len(), 3 * SHARDS as usize, "no kind shares a lane with another");
        assert!(!lanes.contains(&0), "the lane of mails");
    }

    #[test]
    fn mails_and_digests_share_a_lane_and_no_serial() {
        let serials: std::collections::BTreeSet<u64> =
            (0..50).flat_map(|n| [mail_serial(n), digest_serial(n)]).collect();
        assert_eq!(serials.len(), 100);
        assert!((1..50).all(|n| mail_serial(n - 1) < mail_serial(n) && digest_serial(n - 1) < digest_serial(n)));
    }

    #[test]
    fn a_note_fits_with_its_name_or_is_refused() {
        let note = |name: &str, value: Option<usize>| {
            check_note(&Note { name: name.to_owned(), value: value.map(|size| vec![0; size].into()) }).is_ok()
        };
        assert!(note("abc", Some(MAX_BODY - 3)) && note("abc", None) && note("", Some(MAX_BODY)));
        assert!(!note("abc", Some(MAX_BODY - 2)) && !note("", Some(MAX_BODY + 1)));
    }
}
