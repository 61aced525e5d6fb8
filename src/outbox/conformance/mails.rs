//! Digests and mails.

use super::*;
use crate::ids::MailId;
use crate::message::{Mail, MailState};
use crate::outbox::{DIGEST_MAX, DigestEntry, DueMail, MailVerdict, NewMail};

/// Journey `number`'s delivery to `webhook` is exhausted at second `s`.
async fn exhaust(outbox: &dyn Outbox, number: u64, webhook: &str, s: i64) -> DeliveryId {
    given(outbox, number, &[(webhook, 0)]).await;
    let due = claim(outbox, webhook, 0).await.remove(0);
    settle(outbox, &due, s, Verdict::Exhausted).await;
    due.id
}

async fn due_mail(outbox: &dyn Outbox, s: i64) -> Vec<DueMail> {
    outbox.claim_mail(at(s), 100).await.expect("a claim").rows
}

fn digest(due: &DueMail) -> (Lease, Timestamp, &str, &[DigestEntry]) {
    match due {
        DueMail::Digest { lease, due_at, webhook, entries } => (*lease, *due_at, webhook, entries),
        DueMail::Send { .. } => panic!("a digest was expected: {due:?}"),
    }
}

fn to_send(due: &DueMail) -> (Lease, &Mail) {
    match due {
        DueMail::Send { lease, mail, .. } => (*lease, mail),
        DueMail::Digest { .. } => panic!("a mail was expected: {due:?}"),
    }
}

fn mail(to: &str, send: bool) -> NewMail {
    NewMail {
        to: to.into(),
        subject: "failed webhooks".into(),
        text: "they failed".into(),
        deliveries: vec![DeliveryId(1)],
        message_id: format!("<1.{to}>"),
        send,
    }
}

pub(super) async fn a_digest_opens_joins_and_closes(outbox: &dyn Outbox) {
    let first = exhaust(outbox, 1, HOOK, 10).await;
    assert_eq!(outbox.horizon().mail, Some(at(70)));
    let second = exhaust(outbox, 2, HOOK, 69).await;
    let late = exhaust(outbox, 3, HOOK, 70).await;
    let elsewhere = exhaust(outbox, 4, "other", 20).await;
    given(outbox, 5, &[(HOOK, 0)]).await;
    let silent = claim(outbox, HOOK, 0).await.remove(0);
    let verdict = Verdict::Exhausted;
    let settlement =
        Settlement::Attempt { lease: silent.lease, attempt: Box::new(attempt(1, 20, 500)), verdict, notice: None };
    outbox.settle(vec![settlement]).await.expect("a settlement");

    assert!(due_mail(outbox, 69).await.is_empty());
    let due = due_mail(outbox, 200).await;
    let seen: Vec<_> = due
        .iter()
        .map(digest)
        .map(|(_, due, hook, entries)| (due, hook, entries.iter().map(|entry| entry.delivery).collect::<Vec<_>>()))
        .collect();
    let expected =
        [(at(70), HOOK, vec![first, second]), (at(80), "other", vec![elsewhere]), (at(130), HOOK, vec![late])];
    assert_eq!(seen, expected, "within the window; nobody is told of the silent one");
    let (_, _, _, entries) = digest(&due[0]);
    assert_eq!((entries[0].attempts, entries[0].exhausted_at), (1, at(10)));
    assert_eq!(entries[0].last_error, "answered 500");
    assert_eq!(outbox.horizon().mail_in_flight, 3);

    let leases: Vec<_> = due.iter().map(|due| digest(due).0).collect();
    outbox.release(leases);
    assert_eq!(due_mail(outbox, 200).await, due, "nothing is lost with a claim");
}

pub(super) async fn a_full_digest_is_followed_by_another(outbox: &dyn Outbox) {
    let mut commit = start(journey(1));
    for _ in 0..=DIGEST_MAX {
        emit(&mut commit, &[(HOOK, 0)]);
    }
    outbox.commit(commit).await.expect("a fresh journey");
    let due = outbox.claim_deliveries(HOOK, at(0), DIGEST_MAX + 1).await.expect("a claim").rows;
    assert_eq!(due.len(), DIGEST_MAX + 1);
    let all = due.iter().map(|due| tried(due.lease, attempt(1, 1, 0), Verdict::Exhausted));
    outbox.settle(all.collect()).await.expect("a settlement");
    let due = due_mail(outbox, 100).await;
    let sizes: Vec<_> = due.iter().map(|due| digest(due).3.len()).collect();
    assert_eq!(sizes, [DIGEST_MAX, 1]);
    check_sums(outbox);
}

pub(super) async fn a_digest_that_is_being_composed_takes_no_more(outbox: &dyn Outbox) {
    exhaust(outbox, 1, HOOK, 10).await;
    let due = due_mail(outbox, 70).await;
    // Its instant is within the window, and yet the claimed digest was read already.
    let second = exhaust(outbox, 2, HOOK, 50).await;
    let lease = digest(&due[0]).0;
    outbox.settle(vec![Settlement::Digest { lease, mails: Vec::new(), now: at(71) }]).await.expect("a settlement");
    // That one stays open when the first is done with.
    let third = exhaust(outbox, 3, HOOK, 60).await;
    let due = due_mail(outbox, 200).await;
    assert_eq!(due.len(), 1, "E1: they are named in another");
    let (_, due_at, _, entries) = digest(&due[0]);
    let named: Vec<_> = entries.iter().map(|entry| entry.delivery).collect();
    assert_eq!((due_at, named), (at(110), vec![second, third]));
}

pub(super) async fn are_sent_retried_kept_or_given_up(outbox: &dyn Outbox) {
    exhaust(outbox, 1, HOOK, 10).await;
    let lease = digest(&due_mail(outbox, 70).await[0]).0;
    let mails = vec![mail("a@example.com", true), mail("b@example.com", true), mail("c@example.com", false)];
    let composed = Settlement::Digest { lease, mails, now: at(71) };
    outbox.settle(vec![composed.clone(), composed]).await.expect("a settlement");
    let counts = outbox.ledger().mails;
    assert_eq!((counts.accepted, counts.waiting, counts.kept), (3, 2, 1), "composed once");
    assert_eq!(outbox.horizon().mail, Some(at(71)));

    let due = due_mail(outbox, 71).await;
    let [(a, _), (b, shown)] = [to_send(&due[0]), to_send(&due[1])];
    assert_eq!((shown.to.as_str(), shown.webhook.as_str(), shown.state), ("b@example.com", HOOK, MailState::InFlight));
    assert_eq!(outbox.ledger().mails.in_flight, 2);
    outbox
        .settle(vec![
            Settlement::Mail { lease: a, verdict: MailVerdict::Sent },
            Settlement::Mail { lease: b, verdict: MailVerdict::RetryAt(at(90), "greylisted".into()) },
        ])
        .await
        .expect("a settlement");
    check_sums(outbox);
    assert!(due_mail(outbox, 89).await.is_empty());
    let due = due_mail(outbox, 90).await;
    let (b, shown) = to_send(&due[0]);
    assert_eq!(
        (shown.attempts, shown.error.as_deref(), &*shown.message_id),
        (1, Some("greylisted"), "<1.b@example.com>")
    );
    let verdict = MailVerdict::Failed("no such user".into());
    outbox.settle(vec![Settlement::Mail { lease: b, verdict }]).await.expect("a settlement");

    let states = |limit, cursor| {
        let page = outbox.mails(cursor, limit).expect("a list");
        (page.items.iter().map(|mail| (mail.id.0, mail.state, mail.attempts)).collect::<Vec<_>>(), page.next)
    };
    let (newest, next) = states(2, None);
    assert_eq!(newest, [(3, MailState::Kept, 0), (2, MailState::Failed, 2)]);
    assert_eq!(states(2, next), (vec![(1, MailState::Sent, 1)], None));
    assert_eq!(outbox.mail(MailId(4)), Ok(None));
    let counts = outbox.ledger().mails;
    assert_eq!((counts.accepted, counts.waiting, counts.in_flight), (3, 0, 0));
    assert_eq!((counts.sent, counts.failed, counts.kept), (1, 1, 1));
    check_sums(outbox);
}

pub(super) async fn claims_of_mails_and_digests_are_told_apart(outbox: &dyn Outbox) {
    exhaust(outbox, 1, HOOK, 10).await;
    let lease = digest(&due_mail(outbox, 70).await[0]).0;
    assert_eq!((outbox.ledger().mails.in_flight, outbox.horizon().mail_in_flight), (0, 1), "a digest is no mail yet");
    let mails = vec![mail("a@example.com", true), mail("b@example.com", true)];
    outbox.settle(vec![Settlement::Digest { lease, mails, now: at(71) }]).await.expect("a settlement");
    exhaust(outbox, 2, HOOK, 72).await;
    let due = due_mail(outbox, 200).await;
    assert_eq!(due.len(), 3, "two mails and a digest");
    let in_flight = |outbox: &dyn Outbox| (outbox.ledger().mails.in_flight, outbox.horizon().mail_in_flight);
    assert_eq!(in_flight(outbox), (2, 3));
    let (first, second) = (to_send(&due[0]).0, to_send(&due[1]).0);
    outbox.release(vec![first]);
    assert_eq!(in_flight(outbox), (1, 2));
    assert_eq!(outbox.mail(MailId(1)).map(|mail| mail.map(|mail| mail.state)), Ok(Some(MailState::Waiting)));
    assert_eq!(outbox.mail(MailId(2)).map(|mail| mail.map(|mail| mail.state)), Ok(Some(MailState::InFlight)));
    outbox.settle(vec![Settlement::Mail { lease: second, verdict: MailVerdict::Sent }]).await.expect("a settlement");
    assert_eq!(in_flight(outbox), (0, 1));
    outbox.release(vec![digest(&due[2]).0]);
    assert_eq!(in_flight(outbox), (0, 0));
    check_sums(outbox);
}

/// Whoever mixes claims up ends none of them.
pub(super) async fn a_claim_is_settled_as_what_it_is(outbox: &dyn Outbox) {
    exhaust(outbox, 1, HOOK, 10).await;
    let lease = digest(&due_mail(outbox, 70).await[0]).0;
    outbox.settle(vec![Settlement::Deadline { lease }]).await.expect("nothing is wrong with the store");
    let due = due_mail(outbox, 70).await;
    assert_eq!(due.len(), 1, "it is due as it was");
    assert_eq!(digest(&due[0]).0, lease);
}
