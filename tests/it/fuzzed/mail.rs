//! The error mail: whatever stands in names, references and answers, one letter goes to one contact.
//!
//! Parts of the input are separated by the byte 0x1f: sender, contact, webhook, host, reference, error, Message-ID.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use understudy::clock::Timestamp;
use understudy::ids::{DeliveryId, EventId, JourneyId, MailId};
use understudy::message::notice::{self, NoticeLine};
use understudy::message::{Mail, MailState};
use understudy::portal::email::check_address;
use understudy::provider::Environment;
use understudy::rng::Seed;
use understudy::transport::mail::{Letter, is_address};

/// RFC 5322, 2.1.1: characters of a line, without its end.
const LONGEST_LINE: usize = 998;

/// A letter has these, once each, and no other.
const HEADERS: [&str; 9] = [
    "Date",
    "From",
    "To",
    "Subject",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

pub(crate) fn hold(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split('\x1f');
    let mut part = || parts.next().unwrap_or_default();
    let (from, to, webhook, host) = (part(), part(), part(), part());
    let (reference, error, message_id) = (part(), part(), part());
    let at: Timestamp = "2026-11-20T08:00:00Z".parse().expect("an instant");

    let journey = JourneyId::mint(Seed(7), 1);
    let line = NoticeLine {
        delivery: DeliveryId(1),
        event_type: webhook.to_owned(),
        event_id: EventId::mint(Seed(7), journey, 1),
        journey_id: Some(journey),
        reference_no: Some(reference.to_owned()),
        attempts: 4,
        last_error: error.to_owned(),
        exhausted_at: at,
    };
    let (subject, composed) = notice::compose(webhook, host, Environment::Sandbox, &[line], at);
    // What foreign texts say stays on the line that it is named on.
    assert_eq!(composed.lines().count(), 14, "{composed:?}");
    assert!(!subject.contains(char::is_control), "{subject:?}");
    let domain = from.rsplit('@').next().unwrap_or_default();
    let own_id = notice::message_id(Seed(7), webhook, DeliveryId(1), to, domain);

    let mail = Mail {
        id: MailId(1),
        webhook: webhook.to_owned(),
        to: to.to_owned(),
        subject,
        text: composed,
        deliveries: vec![DeliveryId(1)],
        message_id: own_id,
        created_at: at,
        state: MailState::Waiting,
        attempts: 0,
        error: None,
    };
    // A mail of another version's store: nothing in it was composed here.
    let foreign =
        Mail { subject: webhook.to_owned(), text: error.to_owned(), message_id: message_id.to_owned(), ..mail.clone() };
    for mail in [mail, foreign] {
        match Letter::of(from, &mail) {
            Ok(letter) => holds(from, &mail, &letter),
            Err(refused) => {
                assert!(!refused.temporary, "{refused}: it would be tried again in vain");
                let usable = |text| check_address(text).is_ok();
                assert!(!usable(from) || !usable(to), "{refused}: {from:?} to {to:?} is what a configuration may have");
            }
        }
    }
    for address in [from, to] {
        assert!(check_address(address).is_err() || is_address(address), "{address:?} is taken and cannot be sent to");
    }
}

fn holds(from: &str, mail: &Mail, letter: &Letter) {
    // SMTP: a command is a line, and an address stands between brackets.
    for address in std::iter::once(&letter.from).chain(&letter.to) {
        assert!(!address.contains(|c: char| c.is_control() || c == '<' || c == '>'), "{address:?}");
    }
    assert_eq!(letter.to.len(), 1, "one contact: {:?}", letter.to);
    // What may be configured is written in one way only; other forms are brought into the shortest.
    for (given, address) in [(from, &letter.from), (mail.to.as_str(), &letter.to[0])] {
        assert!(check_address(given).is_err() || given == address, "{given:?} became {address:?}");
    }

    let (mut lines, mut rest) = (Vec::new(), &letter.bytes[..]);
    while !rest.is_empty() {
        // The last line's end comes with the final dot.
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        assert!(after.is_empty() || after.starts_with(b"\r\n"), "a bare CR or LF behind {:?}", ascii(line));
        assert!(end <= LONGEST_LINE, "a line of {end} bytes: {:?}", ascii(line));
        lines.push(line);
        rest = after.get(2..).unwrap_or_default();
    }
    assert!(!letter.bytes.contains(&0), "a NUL");
    assert!(letter.bytes.is_ascii() || !from.is_ascii() || !mail.to.is_ascii(), "eight bits in {letter:?}");

    let empty = lines.iter().position(|line| line.is_empty()).expect("an empty line ends the headers");
    let mut names = Vec::new();
    for line in &lines[..empty] {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            assert!(!names.is_empty() && !line.trim_ascii().is_empty(), "a fold of nothing: {:?}", ascii(line));
            continue;
        }
        let colon =
            line.iter().position(|byte| *byte == b':').unwrap_or_else(|| panic!("no header: {:?}", ascii(line)));
        names.push(ascii(&line[..colon]));
    }
    names.sort_unstable();
    let mut expected = HEADERS.map(str::to_owned);
    expected.sort_unstable();
    assert_eq!(names, expected);

    let body = STANDARD.decode(lines[empty + 1..].concat()).expect("base64");
    let text = mail.text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    assert_eq!(String::from_utf8(body).as_ref(), Ok(&text), "the text arrives as it was");
}

fn ascii(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
