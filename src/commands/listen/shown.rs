//! How `listen` shows a request: a line, JSON, a file's name. Pure; credentials are blanked in all of them.

use anstyle::AnsiColor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::commands::output::Paint;
use crate::commands::text::clean;
use crate::http::inbox::Received;
use crate::http::misbehave::blank_auth;
use crate::secret::BLANK;

/// The longest piece of a sender's making that a line shows.
const LONGEST: usize = 120;

/// One line: when, what, which, about whom, whether it came before, its credentials, the answer.
pub(super) fn line(request: &Received, prefix: &str, paint: Paint) -> String {
    let time = request.at.to_rfc3339();
    let time = time.get(11..23).unwrap_or(&time);
    let mut words = vec![time.to_owned()];
    if request.method != "POST" {
        words.push(short(&request.method));
    }
    words.push(short(path(request, prefix)));
    words.push(request.event_type.as_deref().map_or("no event".to_owned(), short));
    words.extend(request.event_id.as_deref().map(short));
    words.extend(reference(request).as_deref().map(short));
    if request.is_duplicate() {
        words.push(paint.paint(AnsiColor::Yellow.on_default(), &format!("duplicate x{}", request.tries)));
    }
    match request.authorized {
        None => {}
        Some(true) => words.push("auth ok".to_owned()),
        Some(false) => words.push(paint.paint(AnsiColor::Red.on_default(), "auth wrong")),
    }
    let (answer, colour) = match request.status {
        None => ("no answer".to_owned(), AnsiColor::Red),
        Some(status) if status < 300 => (status.to_string(), AnsiColor::Green),
        Some(status) => (status.to_string(), AnsiColor::Red),
    };
    format!("{}  -> {}", words.join("  "), paint.paint(colour.on_default(), &answer))
}

/// All there is of it. A body that is no text stands in `body_base64`.
pub(super) fn json(request: &Received, prefix: &str) -> Value {
    let hidden = ["authorization", "proxy-authorization", "cookie"];
    let headers: Vec<[&str; 2]> = request
        .headers
        .iter()
        .map(|(name, value)| [name.as_str(), if hidden.contains(&name.as_str()) { BLANK } else { value.as_str() }])
        .collect();
    let text = std::str::from_utf8(&request.body).ok();
    json!({
        "n": request.n,
        "at": request.at.to_rfc3339(),
        "method": request.method,
        "path": path(request, prefix),
        "query": request.query.as_deref().map(blank_auth),
        "headers": headers,
        "body": text,
        "body_base64": text.is_none().then(|| STANDARD.encode(&request.body)),
        "event_type": request.event_type,
        "event_id": request.event_id,
        "reference_no": reference(request),
        "duplicate": request.is_duplicate(),
        "tries": request.tries,
        "authorized": request.authorized,
        "status": request.status,
    })
}

/// A file's name that sorts by arrival and that no sender has a say in beyond letters and digits.
pub(super) fn file_name(request: &Received) -> String {
    let stamp: String = request.at.to_rfc3339().chars().filter(char::is_ascii_alphanumeric).collect();
    let kind = request.event_type.as_deref().unwrap_or("request").to_ascii_lowercase();
    let words: Vec<&str> = kind.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let kind: String = words.join("-").chars().take(40).collect();
    format!("{stamp}-{:06}-{kind}.json", request.n)
}

fn path<'a>(request: &'a Received, prefix: &str) -> &'a str {
    match request.path.strip_prefix(prefix) {
        Some("") | None => "/",
        Some(path) => path,
    }
}

/// `body.referenceNo`, where the body is JSON that has one.
fn reference(request: &Received) -> Option<String> {
    let envelope: Value = serde_json::from_slice(&request.body).ok()?;
    envelope.pointer("/body/referenceNo")?.as_str().map(str::to_owned)
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", clean(&text[..end])),
        None => clean(text).into_owned(),
    }
}
