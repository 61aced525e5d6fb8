//! E1, E2, E4, E5 (E3 is judged as each mail leaves): who was told of what was given up.

use std::collections::{BTreeMap, BTreeSet};

use understudy::ids::DeliveryId;
use understudy::message::{DeliveryState, MailState};

use super::Lists;
use crate::sim::plan::Plan;
use crate::sim::witness::{Posted, Seen, Taken};

/// Attempts that a mail has: at once, and after 1, 5, 15, 60 and 240 minutes.
const ATTEMPTS: u32 = 6;

pub(super) fn check(seen: &mut Seen, plan: &Plan, lists: &Lists) {
    let ends = seen.lives.len() - 1;
    let states: BTreeMap<DeliveryId, (&str, DeliveryState)> =
        lists.deliveries.iter().map(|(d, _)| (d.id, (d.webhook.as_str(), d.state))).collect();
    let posted = std::mem::take(&mut seen.posted);
    let mut by_id: BTreeMap<&str, Vec<&Posted>> = BTreeMap::new();
    let mut ids_of: BTreeMap<(DeliveryId, &str), BTreeSet<&str>> = BTreeMap::new();
    for mail in &posted {
        by_id.entry(&mail.message_id).or_default().push(mail);
        for name in &mail.names {
            ids_of.entry((*name, &mail.to)).or_default().insert(&mail.message_id);
            match states.get(name) {
                Some((webhook, DeliveryState::Exhausted)) if plan.endpoint(webhook).error_emails.contains(&mail.to) => {
                }
                other => {
                    seen.wrong("E4", format!("{} to {} names {name}, which is {other:?}", mail.message_id, mail.to))
                }
            }
        }
    }
    for ((delivery, to), ids) in ids_of.iter().filter(|(_, ids)| ids.len() > 1) {
        seen.wrong("E2", format!("{delivery} was told to {to} under {ids:?}"));
    }
    for (id, of_it) in &by_id {
        one(seen, id, of_it, ends);
    }
    for mail in &lists.mails {
        let of_it = by_id.get(mail.message_id.as_str()).cloned().unwrap_or_default();
        let taken = of_it.iter().any(|posted| matches!(posted.taken, Taken::Yes | Taken::ReplyLost));
        let refused = of_it.iter().any(|posted| posted.taken == Taken::Never);
        match mail.state {
            MailState::Sent if taken => {}
            MailState::Failed if refused || mail.attempts == ATTEMPTS => seen.corners.mail_given_up += 1,
            state => seen.wrong("E5", format!("{} is {state:?} after {} attempts, {of_it:?}", mail.id, mail.attempts)),
        }
        let names = mail.deliveries.len();
        seen.corners.digest_of_one += u64::from(names == 1);
        seen.corners.digest_of_several += u64::from(names > 1);
    }
    everybody_is_told(seen, plan, lists);
    seen.posted = posted;
}

/// One mail, in all the times that it was sent.
fn one(seen: &mut Seen, id: &str, of_it: &[&Posted], ends: usize) {
    let count = |taken: Taken| of_it.iter().filter(|posted| posted.taken == taken).count();
    let (took, mute) = (count(Taken::Yes), count(Taken::ReplyLost));
    if took > 1 + ends {
        seen.wrong("E2", format!("{id} was taken {took} times, over {ends} ends of the process"));
    }
    if of_it.iter().any(|posted| (&posted.to, &posted.text) != (&of_it[0].to, &of_it[0].text)) {
        seen.wrong("E2", format!("{id} is the id of different mails"));
    }
    for two in of_it.windows(2).filter(|two| two[0].life == two[1].life) {
        if matches!(two[0].taken, Taken::Yes | Taken::Never) {
            seen.wrong("E2", format!("{id} was sent again after the server had said {:?}", two[0].taken));
        }
    }
    let refused = of_it.iter().position(|posted| posted.taken == Taken::NotNow);
    let accepted = of_it.iter().rposition(|posted| posted.taken == Taken::Yes);
    seen.corners.mail_refused_then_accepted += u64::from(refused.zip(accepted).is_some_and(|(no, yes)| no < yes));
    seen.corners.mail_reply_lost += u64::from(mute > 0);
    let again = of_it.windows(2).any(|two| two[0].taken == Taken::Yes && two[0].life != two[1].life);
    seen.corners.mail_resent_after_a_crash += u64::from(again);
}

/// E1: each exhausted delivery is named in a mail to each contact that was accepted, or that visibly failed.
fn everybody_is_told(seen: &mut Seen, plan: &Plan, lists: &Lists) {
    for (delivery, _) in lists.deliveries.iter().filter(|(d, _)| d.state == DeliveryState::Exhausted) {
        // Where an endpoint was taken away, there may have been nobody to tell at the time.
        if seen.removed.contains_key(&delivery.webhook) {
            continue;
        }
        for to in &plan.endpoint(&delivery.webhook).error_emails {
            let named =
                lists.mails.iter().filter(|mail| mail.to == *to && mail.deliveries.contains(&delivery.id)).count();
            if named != 1 {
                seen.wrong("E1", format!("{} of {} names {} to {to}", named, lists.mails.len(), delivery.id));
            }
        }
    }
}
