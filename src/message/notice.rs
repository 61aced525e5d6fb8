//! The error mail we owe: exhausted deliveries of one endpoint in, subject and text out. Pure.
//!
//! Called by the mail lane once a digest's window is over. Names ids, event types, attempts and the caller's own
//! reference; never a payload, never what a receiver answered beyond its status, never a secret. The provider's own
//! mail lists "all undelivered webhooks" of a webhook after the last failed attempt (webhook-faq).

use std::fmt::Write as _;

use crate::clock::Timestamp;
use crate::ids::{DeliveryId, EventId, JourneyId};
use crate::provider::Environment;
use crate::rng::Seed;

/// A text of foreign origin is cut to so many characters: references and errors are one line each.
const LONGEST_FIELD: usize = 200;

/// One undelivered event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeLine {
    /// The delivery that gave up.
    pub delivery: DeliveryId,
    /// The event's name.
    pub event_type: String,
    /// The event's id.
    pub event_id: EventId,
    /// The journey it is about; `None` for one sent by hand.
    pub journey_id: Option<JourneyId>,
    /// The caller's own reference of that journey.
    pub reference_no: Option<String>,
    /// Attempts that were made.
    pub attempts: u32,
    /// The last attempt's outcome in a line, without secrets.
    pub last_error: String,
    /// When the last attempt had failed.
    pub exhausted_at: Timestamp,
}

/// Subject and text of the mail about `lines`, which are all of the endpoint `webhook`. `url_host` is the host, and
/// port, that it points to: a URL's path may hold a secret, so that is all of it that is told.
pub fn compose(
    webhook: &str,
    url_host: &str,
    environment: Environment,
    lines: &[NoticeLine],
    now: Timestamp,
) -> (String, String) {
    let count = match lines.len() {
        1 => "1 event was".to_owned(),
        many => format!("{many} events were"),
    };
    let (webhook, url_host) = (one_line(webhook), one_line(url_host));
    let subject = format!("[{environment}] webhook {webhook}: {count} not delivered");
    let mut text = format!(
        "{count} not delivered to webhook {webhook} ({environment}, {url_host}).\n\
         All attempts are used up. As of {now}, undelivered:\n",
    );
    for line in lines {
        describe(&mut text, line);
    }
    text.push_str("\nTo send again, with the same event ids and bytes, once the receiver is well:\n\n");
    for line in lines {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "    understudy deliveries resend {}", line.delivery);
    }
    (subject, text)
}

fn describe(text: &mut String, line: &NoticeLine) {
    let none = || "-".to_owned();
    let rows = [
        ("event id", line.event_id.to_string()),
        ("journey id", line.journey_id.map_or_else(none, |id| id.to_string())),
        ("reference", line.reference_no.as_deref().map_or_else(none, one_line)),
        ("attempts", line.attempts.to_string()),
        ("last error", one_line(&line.last_error)),
        ("given up", line.exhausted_at.to_rfc3339_seconds()),
    ];
    let _ = writeln!(text, "\n{}", one_line(&line.event_type));
    for (name, value) in rows {
        let _ = writeln!(text, "    {name:<10}  {value}");
    }
}

fn one_line(text: &str) -> String {
    let mut line: String = text.chars().take(LONGEST_FIELD).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST_FIELD).is_some() {
        line.push_str("...");
    }
    line
}

/// The Message-ID of a digest's mail to `contact`, the same in every attempt and after every restart: a function of
/// its arguments. A delivery is exhausted once, so the first one that a digest names tells digests apart.
pub fn message_id(seed: Seed, webhook: &str, first: DeliveryId, contact: &str, from_domain: &str) -> String {
    let mut draw = seed.draw(&[b"message-id", webhook.as_bytes(), &first.0.to_le_bytes(), contact.as_bytes()]);
    let domain: String = from_domain.chars().filter(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).collect();
    let domain = if domain.is_empty() { "localhost" } else { &domain };
    format!("<{:016x}{:016x}@{domain}>", draw.u64(), draw.u64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: u64) -> NoticeLine {
        let journey = JourneyId::mint(Seed(0), n);
        NoticeLine {
            delivery: DeliveryId(n),
            event_type: "Finished Journey".into(),
            event_id: EventId::mint(Seed(0), journey, 1),
            journey_id: Some(journey),
            reference_no: Some(format!("KYC-{n}")),
            attempts: 4,
            last_error: "answered 503".into(),
            exhausted_at: "2026-11-20T08:30:00Z".parse().expect("an instant"),
        }
    }

    fn composed(lines: &[NoticeLine]) -> (String, String) {
        let now = "2026-11-20T08:31:00Z".parse().expect("an instant");
        compose("demo", "hooks.example.com:8443", Environment::Sandbox, lines, now)
    }

    #[test]
    fn a_mail_lists_every_undelivered_event() {
        let by_hand = NoticeLine { journey_id: None, reference_no: None, ..line(2) };
        let (subject, text) = composed(&[line(1), by_hand]);
        insta::assert_snapshot!(subject, @"[sandbox] webhook demo: 2 events were not delivered");
        insta::assert_snapshot!(text, @r#"
    2 events were not delivered to webhook demo (sandbox, hooks.example.com:8443).
    All attempts are used up. As of 2026-11-20T08:31:00.000Z, undelivered:

    Finished Journey
        event id    538f4445-658f-49ea-8183-069f7d4c1e54
        journey id  e4cd63fd3682c20065bb89ed
        reference   KYC-1
        attempts    4
        last error  answered 503
        given up    2026-11-20T08:30:00Z

    Finished Journey
        event id    09cdf279-f177-4946-ab10-7af9b6c1d021
        journey id  -
        reference   -
        attempts    4
        last error  answered 503
        given up    2026-11-20T08:30:00Z

    To send again, with the same event ids and bytes, once the receiver is well:

        understudy deliveries resend d1
        understudy deliveries resend d2
    "#);
    }

    #[test]
    fn nothing_of_foreign_origin_breaks_out_of_its_line() {
        let nasty = NoticeLine {
            reference_no: Some("a\r\n.\r\nMAIL FROM:<b@example.com>".into()),
            last_error: "x".repeat(5_000),
            ..line(1)
        };
        let (subject, text) = composed(&[nasty]);
        assert_eq!(subject, "[sandbox] webhook demo: 1 event was not delivered");
        assert!(!text.contains('\r') && !text.contains("\n."), "{text}");
        assert!(text.len() < 1_200, "{} bytes", text.len());
    }

    #[test]
    fn e2_a_message_id_is_constant_and_tells_digests_and_contacts_apart() {
        let id = |seed, webhook, first, contact| message_id(Seed(seed), webhook, DeliveryId(first), contact, "a.test");
        let base = id(0, "demo", 1, "ops@example.com");
        insta::assert_snapshot!(base, @"<a84e9c5c61fbc7714af8648e63566d5d@a.test>");
        assert_eq!(base, id(0, "demo", 1, "ops@example.com"));
        for other in [
            id(1, "demo", 1, "ops@example.com"),
            id(0, "other", 1, "ops@example.com"),
            id(0, "demo", 2, "ops@example.com"),
            id(0, "demo", 1, "dev@example.com"),
        ] {
            assert_ne!(base, other);
        }
        assert!(message_id(Seed(0), "demo", DeliveryId(1), "a", "b>\r\nBcc: c").ends_with("@bBccc>"));
        assert!(message_id(Seed(0), "demo", DeliveryId(1), "a", "").ends_with("@localhost>"));
    }
}
