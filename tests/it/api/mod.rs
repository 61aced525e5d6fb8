//! The control API from outside: its shapes, its refusals, its lists, its clock, and what a restart leaves of it.

mod audit;
mod clock;
mod config;
mod flood;
mod guard;
mod lists;
mod metrics;
mod refusals;
mod resend;
mod restart;
mod shapes;
mod stream;
mod webhooks;

use serde_json::Value;

use crate::support::http::Response;

/// That `answer` is a problem with this status and code, and gives it.
#[track_caller]
fn problem(answer: &Response, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.text());
    let problem = answer.json();
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["status"], status, "{problem}");
    for key in ["type", "title", "detail"] {
        assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "{key} is said: {problem}");
    }
    problem
}

/// That `value` is an object with all of `keys`.
#[track_caller]
fn has(value: &Value, keys: &[&str]) {
    let members = value.as_object().unwrap_or_else(|| panic!("an object: {value}"));
    let missing: Vec<&&str> = keys.iter().filter(|key| !members.contains_key(**key)).collect();
    assert!(missing.is_empty(), "{missing:?} missing in {value}");
}
