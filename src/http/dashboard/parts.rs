//! What pages are put together from: badges, instants, tables' ends, buttons that post.

use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::desk::Desk;
use crate::clock::Timestamp;
use crate::ids::JourneyId;
use crate::message::{DeliveryState, MailState, Outcome};

/// How a state is to be taken; it shows in colour and in a sign, beside the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// As it should be.
    Good,
    /// It is under way.
    Busy,
    /// Nothing is wrong, but look.
    Warn,
    /// Something is wrong.
    Bad,
    /// Over, or neither good nor bad.
    Calm,
}

impl Mood {
    fn class(self) -> &'static str {
        match self {
            Mood::Good => "ok",
            Mood::Busy => "busy",
            Mood::Warn => "warn",
            Mood::Bad => "bad",
            Mood::Calm => "calm",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Mood::Good => "✓",
            Mood::Busy => "◔",
            Mood::Warn => "!",
            Mood::Bad => "✕",
            Mood::Calm => "–",
        }
    }
}

/// A state's word.
pub(super) fn badge(mood: Mood, word: &str) -> Markup {
    html! { span.badge.(mood.class()) { span aria-hidden="true" { (mood.sign()) } " " (word.replace('_', " ")) } }
}

/// Where a delivery stands.
pub(super) fn delivery_badge(state: DeliveryState, attempts: u32) -> Markup {
    let mood = match state {
        DeliveryState::Waiting if attempts > 0 => Mood::Warn,
        DeliveryState::Waiting | DeliveryState::InFlight => Mood::Busy,
        DeliveryState::Delivered => Mood::Good,
        DeliveryState::Exhausted => Mood::Bad,
        DeliveryState::Cancelled => Mood::Calm,
    };
    badge(mood, state.as_str())
}

/// Where a mail stands.
pub(super) fn mail_badge(state: MailState) -> Markup {
    let mood = match state {
        MailState::Waiting | MailState::InFlight => Mood::Busy,
        MailState::Sent => Mood::Good,
        MailState::Failed => Mood::Bad,
        MailState::Kept => Mood::Calm,
    };
    badge(mood, state.as_str())
}

/// Where a journey stands.
pub(super) fn journey_badge(word: &str) -> Markup {
    let mood = match word {
        "passed" | "approved" | "complete" => Mood::Good,
        "referred" | "resubmission_requested" | "renewal_due" => Mood::Warn,
        "rejected" | "incomplete" | "renewal_lapsed" | "failed" => Mood::Bad,
        "deleted" | "cancelled" => Mood::Calm,
        _ => Mood::Busy,
    };
    badge(mood, word)
}

/// How a try ended.
pub(super) fn outcome_badge(outcome: &Outcome) -> Markup {
    let mood = if outcome.error.is_none() && outcome.status.is_some() { Mood::Good } else { Mood::Bad };
    badge(mood, &outcome.summary())
}

/// A journey's own reference, where it is still known; else its id.
pub(super) fn reference_of(desk: &Desk, id: JourneyId) -> String {
    let known = desk.app.outbox.journey(id).ok().flatten();
    known.map_or_else(|| id.to_string(), |journey| journey.reference_no.clone())
}

/// An instant of the provider's clock, in UTC.
pub(super) fn time(at: Timestamp) -> Markup {
    let written = at.to_rfc3339();
    // 2026-11-20T08:00:00.000Z as 2026-11-20 08:00:00.
    let shown = written.get(..19).unwrap_or(&written).replace('T', " ");
    html! { time datetime=(written) { (shown) } }
}

/// How far an instant is from now, for people: `in 4m 12s`, `3s ago`.
pub(super) fn distance(now: Timestamp, at: Timestamp) -> String {
    let (span, before) = if at > now { (at - now, true) } else { (now - at, false) };
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let text = match seconds {
        0 => return "now".to_owned(),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m {}s", seconds % 60),
        3_600..86_400 => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    };
    if before { format!("in {text}") } else { format!("{text} ago") }
}

/// A duration that was measured, in milliseconds or seconds.
pub(super) fn millis(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{:.1} ms", micros as f64 / 1e3),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// A part of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A path with a query; what is empty is left out.
pub(super) fn link(path: &str, query: &[(&str, &str)]) -> String {
    let given = query.iter().filter(|(_, value)| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A button that posts, with what goes with it.
pub(super) fn press(action: &str, label: &str, class: &str, fields: &[(&str, &str)]) -> Markup {
    html! {
        form.inline method="post" action=(action) {
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button type="submit" class=(class) { (label) }
        }
    }
}

/// What a list says that has nothing in it: what to do next.
pub(super) fn empty(text: &str, more: &Markup) -> Markup {
    html! { div.empty { p { (text) } (more) } }
}

/// The way to the other pages of a list.
pub(super) fn pager(path: &str, query: &[(&str, &str)], at_start: bool, next: Option<u64>) -> Markup {
    let next = next.map(|next| next.to_string());
    html! {
        @if !at_start || next.is_some() {
            nav.pager aria-label="Pages" {
                @if !at_start { a href=(link(path, query)) rel="first" { "Newest" } }
                @if let Some(next) = &next {
                    a href=(link(path, &[query, &[("cursor", next)]].concat())) rel="next" { "Older" }
                }
            }
        }
    }
}

/// What a search says that ended before it had looked at everything.
pub(super) fn searched(tired: bool) -> Markup {
    html! {
        @if tired { p.faint { "There may be more: " strong { "Older" } " looks further." } }
    }
}

/// A number with its thousands apart.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join("\u{202f}")
}

/// One or many of something.
pub(super) fn count(n: u64, one: &str) -> String {
    match (n, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{} {stem}ies", number(n)),
        (_, None) => format!("{} {one}s", number(n)),
    }
}

/// A select with its label.
pub(super) fn select(id: &str, name: &str, label: &str, options: &[(String, String)], chosen: &str) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            select id=(id) name=(name) {
                @for (value, text) in options { option value=(value) selected[value == chosen] { (text) } }
            }
        }
    }
}

/// A line of text with its label.
pub(super) fn input(id: &str, name: &str, label: &str, value: &str, hint: &str) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            input type="text" id=(id) name=(name) value=(value) placeholder=(hint) autocomplete="off" spellcheck="false";
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn instants_and_spans_are_written_for_people() {
        let at: Timestamp = "2026-11-20T08:00:00.250Z".parse().expect("an instant");
        insta::assert_snapshot!(time(at).into_string(), @r#"<time datetime="2026-11-20T08:00:00.250Z">2026-11-20 08:00:00</time>"#);
        let at_distance = |seconds| distance(at, at + Duration::from_secs(seconds));
        assert_eq!([0, 59, 61, 3_700, 90_000].map(at_distance), ["now", "in 59s", "in 1m 1s", "in 1h 1m", "in 1d 1h"]);
        assert_eq!(distance(at, at.minus(Duration::from_secs(3))), "3s ago");
        assert_eq!([900, 12_300, 2_500_000].map(millis), ["0.9 ms", "12 ms", "2.50 s"]);
        assert_eq!([7, 1_000, 1_234_567].map(number), ["7", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }

    #[test]
    fn foreign_text_stays_text() {
        assert_eq!(link("/deliveries", &[("webhook", "a&b=c"), ("state", "")]), "/deliveries?webhook=a%26b%3Dc");
        assert_eq!(segment("a/../b?c"), "a%2F%2E%2E%2Fb%3Fc");
        let shown = badge(Mood::Bad, "<script>alert(1)</script>").into_string();
        assert!(!shown.contains("<script"), "{shown}");
    }
}
