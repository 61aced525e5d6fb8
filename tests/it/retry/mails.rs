//! The mail about what was given up: when, to whom, about what. What becomes of it where
//! mail servers misbehave is told in [`crate::zoo`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{deliveries, email};
use crate::support::server::Server;
use crate::support::sink::{Answer, Received, Sink};
use crate::support::smtp::{Mail, SmtpSink};
use crate::support::steps::{advance, items, ledger, manual, one_event, passed, settle, webhook};

const CONTACTS: &str = "error_emails = [\"ops@example.com\", \"dev@example.com\"]";

/// The text of a mail as a reader would show it.
pub(super) fn text(mail: &Mail) -> String {
    let whole = mail.text();
    let (head, body) = whole.split_once("\r\n\r\n").expect("headers, an empty line, a body");
    assert!(head.to_lowercase().contains("content-transfer-encoding: base64"), "{head}");
    let packed: String = body.split_whitespace().collect();
    let bytes = STANDARD.decode(packed).expect("base64");
    String::from_utf8(bytes).expect("UTF-8")
}

fn header(mail: &Mail, name: &str) -> String {
    let whole = mail.text();
    let line = whole.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name} in {whole}"))
}

/// That `text` names a delivery by everything that its reader needs.
pub(super) fn check_named(text: &str, delivery: &Value, reference: &str, error: &str) {
    let part = text
        .split("\n\n")
        .chain(text.split("\r\n\r\n"))
        .find(|part| part.contains(delivery["event_id"].as_str().expect("an id")) && part.contains("journey id"));
    let part = part.unwrap_or_else(|| panic!("{delivery} is not named in {text}"));
    for wanted in [&delivery["event_type"], &delivery["journey_id"]].map(|value| value.as_str().expect("a text")) {
        assert!(part.contains(wanted), "{wanted} in {part}");
    }
    for wanted in [reference, &format!("attempts    {}", delivery["attempts"]), error] {
        assert!(part.contains(wanted), "{wanted} in {part}");
    }
}

#[test]
fn e1_e2_e3_one_mail_to_each_contact_lists_every_event_that_was_lost() {
    let sink = Sink::statuses(&[500]);
    let smtp = SmtpSink::willing();
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(
        dir.path(),
        &manual(&(email(&smtp.url()) + &webhook("dead", &sink.url("/secret-path"), CONTACTS))),
    );
    passed(&server, "LOST-1");
    one_event(&server, "LOST-2");
    // 29 minutes 59: the last attempts are still to come; and 30: the digest's minute runs.
    for (wait, what) in [("1799s", "before the last attempt"), ("1s", "before the digest's window is over")] {
        advance(&server, wait);
        settle(&server);
        assert!(smtp.mails().is_empty() && items(&server, "/api/v1/mails").is_empty(), "E3: no mail {what}");
    }
    assert_eq!(ledger(&server)["deliveries"]["exhausted"], 5);
    advance(&server, "30d");
    let mails = smtp.mails();
    let mut to: Vec<&str> = mails.iter().flat_map(|mail| mail.to.iter().map(String::as_str)).collect();
    to.sort_unstable();
    assert_eq!(to, ["dev@example.com", "ops@example.com"], "E2: one for each contact, and no more in a month");
    let lost = deliveries(&server, "dead");
    assert_eq!(lost.len(), 5);
    for mail in &mails {
        let text = text(mail);
        assert_eq!(mail.from, "webhooks@understudy.test");
        assert_eq!(header(mail, "Subject"), "[sandbox] webhook dead: 5 events were not delivered");
        for delivery in &lost {
            let reference = if delivery["journey_id"] == lost[0]["journey_id"] { "LOST-1" } else { "LOST-2" };
            check_named(&text, delivery, reference, "answered 500");
        }
        assert!(!text.contains("secret-path") && !text.contains("systemDecision"), "E4: no payload, no path: {text}");
    }
    assert_ne!(header(&mails[0], "Message-ID"), header(&mails[1], "Message-ID"));
    for shown in items(&server, "/api/v1/mails") {
        assert_eq!((&shown["state"], &shown["attempts"]), (&"sent".into(), &1.into()), "{shown}");
        assert_eq!(shown["deliveries"].as_array().map(Vec::len), Some(5), "{shown}");
    }
    let ledger = ledger(&server);
    assert_eq!((&ledger["mails"]["accepted"], &ledger["mails"]["sent"]), (&2.into(), &2.into()), "{ledger}");
}

#[test]
fn e4_nobody_is_mailed_about_what_arrived_and_each_contact_about_its_own_webhook_only() {
    let sink = Sink::start(|request: &Received| Answer::Status(if request.path == "/dead" { 500 } else { 200 }));
    let smtp = SmtpSink::willing();
    let dir = tempfile::tempdir().expect("a directory");
    let hooks = [
        webhook("dead", &sink.url("/dead"), "error_emails = [\"dead@example.com\"]"),
        webhook("well", &sink.url("/well"), "error_emails = [\"well@example.com\"]"),
        webhook("mute", &sink.url("/dead"), ""),
    ];
    let server = Server::start(dir.path(), &manual(&(email(&smtp.url()) + &hooks.concat())));
    one_event(&server, "OWN-1");
    advance(&server, "1d");
    let to: Vec<Vec<String>> = smtp.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to, [["dead@example.com"]]);
    assert_eq!(ledger(&server)["deliveries"]["exhausted"], 2, "the one without contacts was lost as well");
}

#[test]
fn e2_what_exhausts_after_a_digest_was_sent_is_told_in_a_mail_of_its_own() {
    let sink = Sink::statuses(&[500]);
    let smtp = SmtpSink::willing();
    let dir = tempfile::tempdir().expect("a directory");
    let hook = webhook("dead", &sink.url("/"), "error_emails = [\"ops@example.com\"]");
    let server = Server::start(dir.path(), &manual(&(email(&smtp.url()) + &hook)));
    for n in 1..=2 {
        one_event(&server, &format!("DAY-{n}"));
        advance(&server, "1d");
        assert_eq!(smtp.mails().len(), n);
    }
    let mails = smtp.mails();
    assert!(text(&mails[0]).contains("DAY-1") && !text(&mails[0]).contains("DAY-2"));
    assert!(text(&mails[1]).contains("DAY-2") && !text(&mails[1]).contains("DAY-1"));
}

#[test]
fn without_a_mail_server_mails_are_kept_and_shown() {
    let sink = Sink::statuses(&[500]);
    let dir = tempfile::tempdir().expect("a directory");
    let hook = webhook("dead", &sink.url("/"), "error_emails = [\"ops@example.com\"]");
    let server = Server::start(dir.path(), &manual(&hook));
    one_event(&server, "KEPT-1");
    advance(&server, "1d");
    let shown = items(&server, "/api/v1/mails");
    assert_eq!((shown.len(), &shown[0]["state"], &shown[0]["to"]), (1, &"kept".into(), &"ops@example.com".into()));
    check_named(shown[0]["text"].as_str().expect("a text"), &deliveries(&server, "dead")[0], "KEPT-1", "answered 500");
    assert_eq!(ledger(&server)["mails"]["kept"], 1);
}
