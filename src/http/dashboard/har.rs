//! Attempts as an HTTP archive, version 1.2: what browsers' tools and proxies open. Secrets are blanked already.

use serde_json::{Value, json};

use super::attempt::pairs;
use crate::message::{Attempt, Delivery, Outcome};

/// All attempts of a delivery, whose body is the same in each.
pub(super) fn archive(delivery: &Delivery, tries: &[Attempt], body: &str) -> Value {
    json!({ "log": {
        "version": "1.2",
        "creator": { "name": "understudy", "version": env!("CARGO_PKG_VERSION") },
        "pages": [],
        "entries": tries.iter().map(|attempt| entry(delivery, attempt, body)).collect::<Vec<_>>(),
    } })
}

fn entry(delivery: &Delivery, attempt: &Attempt, body: &str) -> Value {
    let outcome = &attempt.outcome;
    let millis = |micros: u64| micros as f64 / 1e3;
    let total = outcome.phases.total_us;
    let head = outcome.phases.head_us.unwrap_or(total).min(total);
    json!({
        "startedDateTime": attempt.started_at.to_rfc3339(),
        "time": millis(total),
        "request": request(outcome, body),
        "response": response(outcome),
        "cache": {},
        // Until the head is one span here: connecting and sending are in it.
        "timings": { "send": 0, "wait": millis(head), "receive": millis(total - head) },
        "comment": format!("{}, attempt {}: {} to {}", delivery.id, attempt.n, delivery.event_type, delivery.webhook),
    })
}

fn headers(of: &[(&str, &str)]) -> Vec<Value> {
    of.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn request(outcome: &Outcome, body: &str) -> Value {
    let sent = pairs(&outcome.request.headers);
    let url = url::Url::parse(&outcome.request.url).ok();
    let query = url.iter().flat_map(url::Url::query_pairs);
    let query: Vec<Value> = query.map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({
        "method": outcome.request.method,
        "url": &*outcome.request.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&sent),
        "queryString": query,
        "postData": { "mimeType": mime(&sent), "text": body },
        "headersSize": -1,
        "bodySize": body.len(),
    })
}

/// A try that got no answer has a response all the same, with status 0: so do browsers write it.
fn response(outcome: &Outcome) -> Value {
    let (status, received, body) = match &outcome.response {
        Some(response) => {
            let received: Vec<(&str, &str)> =
                response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            (response.status, received, String::from_utf8_lossy(&response.body).into_owned())
        }
        None => (outcome.status.unwrap_or(0), Vec::new(), String::new()),
    };
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut response = json!({
        "status": status,
        "statusText": reason.unwrap_or_default(),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&received),
        "content": { "size": body.len(), "mimeType": mime(&received), "text": body },
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": body.len(),
    });
    if status == 0 {
        response["_error"] = outcome.summary().into();
    }
    response
}

fn mime<'a>(of: &[(&'a str, &'a str)]) -> &'a str {
    let kind = of.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    kind.map_or("application/octet-stream", |(_, kind)| kind)
}
