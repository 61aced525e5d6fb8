//! One try, to the byte: what was sent, what came back, how long it took, and the command that sends it again.

use maud::{Markup, html};

use super::parts::{millis, outcome_badge, time};
use crate::message::{Attempt, HeadersSeen, Outcome, RequestSeen};

/// The width of the bar of phases.
const BAR: f64 = 400.0;

/// A try; the newest one stands open.
pub(super) fn shown(attempt: &Attempt, body: &str, open: bool) -> Markup {
    let (n, outcome) = (attempt.n, &attempt.outcome);
    html! {
        details.try #(format!("attempt-{n}")) open[open] {
            summary {
                strong { "Attempt " (n) } " " (outcome_badge(outcome)) " " (time(attempt.started_at)) " "
                span.faint { (millis(outcome.phases.total_us)) }
            }
            @if let Some(detail) = &outcome.detail { p { (detail) } }
            (phases(outcome))
            div.sides {
                div {
                    h3 { "Request" }
                    (request(&outcome.request, body))
                }
                div {
                    h3 { "Response" }
                    (response(outcome))
                }
            }
            h3 { "As curl" }
            pre.curl #(format!("curl-{n}")) { (curl(&outcome.request, body)) }
            p { button.small type="button" hidden data-copy=(format!("curl-{n}")) { "Copy as curl" } span.faint { " Secrets are blanked as *** and have to be filled in." } }
        }
    }
}

fn headers<'a>(of: impl IntoIterator<Item = (&'a str, &'a str)>) -> Markup {
    html! { @for (name, value) in of { (name) ": " (value) "\n" } }
}

fn request(request: &RequestSeen, body: &str) -> Markup {
    html! {
        pre {
            (request.method) " " (request.url) "\n"
            (headers(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
            "\n" (body)
        }
    }
}

fn response(outcome: &Outcome) -> Markup {
    html! {
        @match &outcome.response {
            None => { p { "No answer came. " (outcome.summary()) "." } }
            Some(response) => {
                pre {
                    "HTTP " (response.status) "\n"
                    (headers(response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
                    "\n" (String::from_utf8_lossy(&response.body))
                }
                @if response.truncated { p.faint { "The body was longer; the rest was not kept." } }
            }
        }
    }
}

/// Until the head was there, and from there to the end of the body.
fn phases(outcome: &Outcome) -> Markup {
    let total = outcome.phases.total_us.max(1);
    let head = outcome.phases.head_us.unwrap_or(total).min(total);
    let split = head as f64 / total as f64 * BAR;
    html! {
        div.phases {
            svg viewBox=(format!("0 0 {BAR} 10")) preserveAspectRatio="none" aria-hidden="true" {
                rect.head x="0" y="0" width=(format!("{split:.1}")) height="10" {}
                rect.rest x=(format!("{split:.1}")) y="0" width=(format!("{:.1}", BAR - split)) height="10" {}
            }
            p.faint {
                @match outcome.phases.head_us {
                    Some(head) => { span.key.head {} (millis(head)) " to the status head, " span.key.rest {} (millis(total - head.min(total))) " for the body" }
                    None => { span.key.head {} (millis(total)) " without a status head" }
                }
            }
        }
    }
}

/// A POSIX shell's command that sends the same; what was blanked stays blanked.
pub(super) fn curl(request: &RequestSeen, body: &str) -> String {
    let mut words = vec![format!("curl -sS -i -X {} {}", request.method, quoted(&request.url))];
    let own = |name: &str| !matches!(name, "host" | "content-length" | "connection");
    let kept = request.headers.iter().filter(|(name, _)| own(&name.to_ascii_lowercase()));
    words.extend(kept.map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))));
    words.push(format!("--data-binary {}", quoted(body)));
    words.join(" \\\n  ")
}

/// As one word for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// JSON with its members on lines of their own, in their order and as they were written; anything else as it is.
pub(super) fn pretty(text: &str) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return text.to_owned();
    }
    let (mut out, mut depth, mut quoted, mut escaped) = (String::with_capacity(text.len() * 2), 0_usize, false, false);
    let mut before = ' ';
    for c in text.chars() {
        if quoted {
            out.push(c);
            quoted = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        depth = if closes { depth.saturating_sub(1) } else { depth };
        // An empty object or list stays on its line.
        let opened = matches!(before, '{' | '[');
        if before == ',' || opened != closes && (opened || closes) {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
        depth += usize::from(matches!(c, '{' | '['));
        quoted = c == '"';
        out.push(c);
        if c == ':' {
            out.push(' ');
        }
        before = c;
    }
    out
}

/// Headers as pairs, for whoever writes them down otherwise.
pub(super) fn pairs(headers: &HeadersSeen) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_set_out_without_being_changed() {
        insta::assert_snapshot!(pretty(r#"{"b":[1, {}],"a":{"c":"x\"{,:","d":[]},"e":1.50}"#), @r#"
        {
          "b": [
            1,
            {}
          ],
          "a": {
            "c": "x\"{,:",
            "d": []
          },
          "e": 1.50
        }
        "#);
        assert_eq!(pretty("{not json"), "{not json");
    }

    #[test]
    fn the_command_is_one_that_a_shell_takes() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let request = RequestSeen {
            method: "POST".into(),
            url: "http://127.0.0.1:8080/it's?a=***".into(),
            headers: vec![header("host", "a"), header("authorization", "***"), header("content-length", "2")].into(),
        };
        insta::assert_snapshot!(curl(&request, r#"{"a":"it's"}"#), @r#"
        curl -sS -i -X POST 'http://127.0.0.1:8080/it'\''s?a=***' \
          -H 'authorization: ***' \
          --data-binary '{"a":"it'\''s"}'
        "#);
    }
}
