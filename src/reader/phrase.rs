//! How values and kinds are named in complaints.

use toml::de::DeValue;

use super::nearest::listed;
use super::spec::Kind;
use crate::secret::BLANK;

/// A scalar without quotes.
pub(super) fn plain(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(n) => n.to_string(),
        DeValue::Float(f) => f.to_string(),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(at) => at.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => String::new(),
    }
}

/// `smtps://user:***@host`: what stands between the first colon of the user's part and the last `@` is blanked.
pub(super) fn without_password(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    match text[start..].rfind('@') {
        Some(at) => match text[start..start + at].find(':') {
            Some(colon) => format!("{}:{BLANK}{}", &text[..start + colon], &text[start + at..]),
            None => format!("{}{BLANK}{}", &text[..start], &text[start + at..]),
        },
        None => text.to_owned(),
    }
}

/// What was found, for messages. Texts are cut short; a key that is secret never comes here with a text.
pub(super) fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => {
            let short: String = text.chars().take(40).collect();
            let dots = if short.len() < text.len() { "..." } else { "" };
            format!("the text {:?}{dots}", short)
        }
        DeValue::Integer(_) | DeValue::Float(_) => format!("the number {}", plain(value)),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(at) => format!("the date {at}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// What a kind wants, for messages.
pub(super) fn wanted(kind: &Kind) -> String {
    match kind {
        Kind::Text | Kind::Url => "a text in quotes".to_owned(),
        Kind::Secret => "a text in quotes, or \"env:NAME\"".to_owned(),
        Kind::Word { now, .. } => listed(now.iter().copied()),
        Kind::Whole { .. } => "a whole number".to_owned(),
        Kind::Number { .. } => "a number".to_owned(),
        Kind::Switch => "true or false".to_owned(),
        Kind::Span { .. } => "a duration such as \"10s\" or \"5m\"".to_owned(),
        Kind::SpanDraw => "a duration such as \"10s\", or \"uniform(2s, 1m)\"".to_owned(),
        Kind::Share => "a share such as \"3%\", or a number from 0 to 1".to_owned(),
        Kind::Instant => "an instant such as 2026-11-20T08:00:00Z".to_owned(),
        Kind::Size => "a size such as \"64KiB\", at most \"1024KiB\"".to_owned(),
        Kind::Rate => "\"off\", or a rate such as \"50/s\" or \"100/m\"".to_owned(),
        Kind::Weights(words) => format!("{}, or a table of weights", listed(words.iter().copied())),
        Kind::List(of, _) => format!("a list, each entry {}", wanted(of)),
        Kind::OneOrMore(of) => format!("{}, or a list of them", wanted(of)),
        Kind::Map(_) | Kind::Table(_) => "a table".to_owned(),
        Kind::Tables(_) => "a list of tables".to_owned(),
        Kind::Any => "a value".to_owned(),
    }
}
