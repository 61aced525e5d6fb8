//! One row of the mail lane, from start to settlement: a digest is composed, or a mail is sent. Called by the shell, a task
//! each. As in `attempt` nothing here can lose a row, and a mail never begets a mail.

use crate::clock::Timestamp;
use crate::delivery::attempt::{Bench, Held, Next, Tried};
use crate::delivery::news::News;
use crate::ids::DeliveryId;
use crate::message::notice::{self, NoticeLine};
use crate::message::{Endpoint, Mail, MailState};
use crate::outbox::{DigestEntry, DueMail, MailVerdict, NewMail, OutboxError, Settlement};
use crate::transport::MailError;

/// Works on a row of the mail lane once: composes a digest, or sends a mail.
///
/// # Errors
/// Only when the outbox is broken.
pub(super) async fn post(mut held: Held, endpoint: Option<&Endpoint>, due: DueMail) -> Result<Next, OutboxError> {
    let bench = &*held.bench;
    match due {
        DueMail::Digest { lease, webhook, entries, .. } => {
            let now = bench.clock.now();
            let mails = compose(bench, endpoint, &webhook, &entries, now)?;
            let to: Vec<String> = mails.iter().map(|mail| mail.to.clone()).collect();
            if let Some(watcher) = &bench.watcher {
                let _ = watcher.send(Tried::Composed { webhook, to, deliveries: entries.len(), at: now }).await;
            }
            let composed: Vec<String> = mails.iter().map(|mail| mail.message_id.clone()).collect();
            held.settle(Settlement::Digest { lease, mails, now }).await?;
            tell_composed(&held.bench, &composed)?;
            Ok(Next { lane: Some(now), mail: None })
        }
        DueMail::Send { lease, mail, .. } => {
            let sent = bench.mailer.send(&mail).await;
            let now = bench.clock.now();
            let verdict = judge(bench, &mail, sent, now);
            let tried = bench.news.is_heard().then(|| tried(&mail, &verdict));
            if let Some(watcher) = &bench.watcher {
                let told = Tried::Mail { id: mail.id, to: mail.to, verdict: verdict.clone(), at: now };
                let _ = watcher.send(told).await;
            }
            held.settle(Settlement::Mail { lease, verdict: verdict.clone() }).await?;
            if let Some(mail) = tried {
                held.bench.news.tell(|| News::Mail(Box::new(mail)));
            }
            let again = match &verdict {
                MailVerdict::RetryAt(at, _) => Some(*at),
                MailVerdict::Sent | MailVerdict::Failed(_) => None,
            };
            Ok(Next { lane: again, mail: None })
        }
    }
}

/// Tells of mails that were composed just now. Their numbers are the outbox's, so it is asked for them, while anybody
/// listens.
fn tell_composed(bench: &Bench, composed: &[String]) -> Result<(), OutboxError> {
    if !bench.news.is_heard() || composed.is_empty() {
        return Ok(());
    }
    // Those of other digests may have come in between; that many at once there are not.
    let newest = bench.outbox.mails(None, composed.len() + 100)?;
    let mut new: Vec<Mail> = newest.items.into_iter().filter(|mail| composed.contains(&mail.message_id)).collect();
    new.sort_by_key(|mail| mail.id);
    new.into_iter().for_each(|mail| bench.news.tell(|| News::Mail(Box::new(mail))));
    Ok(())
}

/// A mail as it is after an attempt.
fn tried(mail: &Mail, verdict: &MailVerdict) -> Mail {
    let (state, error) = match verdict {
        MailVerdict::Sent => (MailState::Sent, None),
        MailVerdict::RetryAt(_, error) => (MailState::Waiting, Some(error.clone())),
        MailVerdict::Failed(error) => (MailState::Failed, Some(error.clone())),
    };
    Mail { state, error, attempts: mail.attempts + 1, ..mail.clone() }
}

/// One mail per contact of the endpoint as it is configured now; an endpoint that is gone has nobody to tell.
fn compose(
    bench: &Bench,
    endpoint: Option<&Endpoint>,
    webhook: &str,
    entries: &[DigestEntry],
    now: Timestamp,
) -> Result<Vec<NewMail>, OutboxError> {
    let Some(endpoint) = endpoint else {
        tracing::warn!(webhook, exhausted = entries.len(), "no mail: the webhook is no longer configured");
        return Ok(Vec::new());
    };
    let mut lines = Vec::with_capacity(entries.len());
    for entry in entries {
        let journey = entry.journey_id.map(|id| bench.outbox.journey(id)).transpose()?.flatten();
        lines.push(NoticeLine {
            delivery: entry.delivery,
            event_type: entry.event_type.to_string(),
            event_id: entry.event_id,
            journey_id: entry.journey_id,
            reference_no: journey.map(|j| j.reference_no.clone()),
            attempts: entry.attempts,
            last_error: entry.last_error.clone(),
            exhausted_at: entry.exhausted_at,
        });
    }
    // They come in the order in which their last attempts ended, which says nothing to a reader.
    lines.sort_unstable_by_key(|line| line.delivery);
    let host = endpoint.url.host_str().unwrap_or_default();
    let (subject, text) = notice::compose(webhook, host, endpoint.environment, &lines, now);
    let first = entries.first().map_or(DeliveryId(0), |entry| entry.delivery);
    let mail = |to: &String| NewMail {
        to: to.clone(),
        subject: subject.clone(),
        text: text.clone(),
        deliveries: lines.iter().map(|line| line.delivery).collect(),
        message_id: notice::message_id(bench.seed, webhook, first, to, bench.mailer.domain()),
        send: bench.mailer.is_configured(),
    };
    Ok(endpoint.error_emails.iter().map(mail).collect())
}

fn judge(bench: &Bench, mail: &Mail, sent: Result<(), MailError>, now: Timestamp) -> MailVerdict {
    match sent {
        Ok(()) => {
            tracing::info!(mail = %mail.id, webhook = mail.webhook, "error mail sent");
            MailVerdict::Sent
        }
        Err(error) => {
            let policy = crate::transport::mail::retry_policy();
            let gap = policy.gaps.get(mail.attempts as usize).filter(|_| error.temporary);
            let mut draw = bench.seed.draw(&[b"mail", &mail.id.0.to_le_bytes(), &mail.attempts.to_le_bytes()]);
            match gap {
                Some(gap) => {
                    let at = now + draw.jitter(*gap, policy.jitter);
                    tracing::warn!(mail = %mail.id, webhook = mail.webhook, error = error.text, again = %at, "error mail not sent");
                    MailVerdict::RetryAt(at, error.text)
                }
                None => {
                    tracing::error!(mail = %mail.id, webhook = mail.webhook, error = error.text, "error mail given up");
                    MailVerdict::Failed(error.text)
                }
            }
        }
    }
}
