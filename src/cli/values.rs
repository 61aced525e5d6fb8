//! Values of options: read from their words, with a message that says what would be right.

use std::str::FromStr;
use std::time::Duration;

use crate::chance::{SpanDraw, SpanError, parse_span};
use crate::clock::Timestamp;
use crate::message::Auth;
use crate::secret::Secret;

/// A part of the whole, 0 to 1, written `30%` or `0.3`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, whole) = match text.strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text, 1.0),
        };
        let share = number.trim().parse::<f64>().map_err(|_| "write it like 30% or 0.3".to_owned())? / whole;
        if !(0.0..=1.0).contains(&share) {
            return Err("it must be between 0% and 100%".to_owned());
        }
        Ok(Share(share))
    }
}

/// `path=value`: a member of a body and what it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Names and indices, separated by dots: `body.steps.0.stepId`.
    pub path: String,
    /// As it was typed; JSON where it is JSON, else a text.
    pub value: String,
}

impl FromStr for Setting {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((path, value)) if !path.is_empty() && path.split('.').all(|name| !name.is_empty()) => {
                Ok(Setting { path: path.to_owned(), value: value.to_owned() })
            }
            _ => Err("write it like body.referenceNo=A-1".to_owned()),
        }
    }
}

/// `key=value`: an argument of a stimulus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The argument's name.
    pub key: String,
    /// As it was typed.
    pub value: String,
}

impl FromStr for Argument {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Argument { key: key.to_owned(), value: value.to_owned() }),
            _ => Err("write it like step=1".to_owned()),
        }
    }
}

/// What a receiver wants to be shown: `basic:USER:PASS` or `bearer:TOKEN`. A password may hold colons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedAuth(pub Auth);

impl FromStr for WantedAuth {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        // The text is a secret: no message may quote it.
        let auth = match text.split_once(':') {
            Some(("basic", rest)) => rest
                .split_once(':')
                .filter(|(user, _)| !user.is_empty())
                .map(|(user, password)| Auth::Basic { username: user.to_owned(), password: Secret::new(password) }),
            Some(("bearer", token)) if !token.is_empty() => Some(Auth::Bearer { token: Secret::new(token) }),
            _ => None,
        };
        auth.map(WantedAuth).ok_or_else(|| "write it like basic:USER:PASSWORD or bearer:TOKEN".to_owned())
    }
}

/// A span of time, `2s`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    parse_span(text).map_err(|error| error.to_string())
}

/// A span of time that may be drawn, `uniform(1s, 3s)`.
pub(super) fn span_draw(text: &str) -> Result<SpanDraw, String> {
    text.parse().map_err(|error: SpanError| error.to_string())
}

/// A span in whole seconds, as `Retry-After` counts.
pub(super) fn whole_seconds(text: &str) -> Result<Duration, String> {
    let span = span(text)?;
    if span.subsec_nanos() != 0 {
        return Err("Retry-After counts whole seconds".to_owned());
    }
    Ok(span)
}

/// An instant, RFC 3339.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write it like 2027-01-01T00:00:00Z".to_owned())
}

/// A clock's pace: provider seconds per real second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if rate > 0.0 && rate <= 1e9 { Ok(rate) } else { Err("it must be above 0, at most 1e9".to_owned()) }
}

/// A status that a receiver can end its answer with.
pub(super) fn status(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|status| (200..=599).contains(status)).ok_or_else(|| "it must be 200 to 599".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percentages_or_fractions() {
        for (text, share) in
            [("30%", Some(0.3)), ("0.3", Some(0.3)), ("100%", Some(1.0)), ("0", Some(0.0)), ("0.5 %", Some(0.005))]
        {
            assert_eq!(text.parse().ok().map(|Share(share)| share), share, "{text}");
        }
        for text in ["", "%", "101%", "-1%", "1.5", "NaN", "inf", "many"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn settings_have_a_path_and_a_value() {
        let check = |text: &str, path: &str, value: &str| {
            let expected = Setting { path: path.to_owned(), value: value.to_owned() };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        };
        check("body.referenceNo=A-1", "body.referenceNo", "A-1");
        check("event=", "event", "");
        check("body.x=a=b", "body.x", "a=b");
        for text in ["", "=x", "body", "body..x=1", ".=1"] {
            assert!(text.parse::<Setting>().is_err(), "{text}");
        }
    }

    #[test]
    fn wanted_credentials_are_read_and_never_shown() {
        let basic = |user: &str, password: &str| {
            Some(WantedAuth(Auth::Basic { username: user.to_owned(), password: Secret::new(password) }))
        };
        for (text, auth) in [
            ("basic:ana:s3cret", basic("ana", "s3cret")),
            ("basic:ana:s3:cret", basic("ana", "s3:cret")),
            ("basic:ana:", basic("ana", "")),
            ("bearer:a:b", Some(WantedAuth(Auth::Bearer { token: Secret::new("a:b") }))),
            ("basic:s3cret", None),
            ("basic::s3cret", None),
            ("bearer:", None),
            ("s3cret", None),
        ] {
            let read = text.parse::<WantedAuth>();
            assert!(!format!("{read:?}").contains("s3"), "{read:?}");
            assert_eq!(read.ok(), auth, "{text}");
        }
    }

    #[test]
    fn numbers_keep_their_bounds() {
        for (text, ok) in [("200", true), ("599", true), ("199", false), ("600", false), ("-1", false), ("ok", false)] {
            assert_eq!(status(text).is_ok(), ok, "{text}");
        }
        for (text, ok) in [("60", true), ("0.5", true), ("0", false), ("-1", false), ("NaN", false), ("inf", false)] {
            assert_eq!(rate(text).is_ok(), ok, "{text}");
        }
        for (text, ok) in [("3s", true), ("2m", true), ("1500ms", false), ("3", false)] {
            assert_eq!(whole_seconds(text).is_ok(), ok, "{text}");
        }
        assert!(instant("2027-01-01T00:00:00+01:00").is_ok());
        assert!(instant("tomorrow").is_err());
    }
}
