//! How a webhook's requests prove where they come from: `auth` and `headers`.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use crate::message::{Auth, is_of_the_request};
use crate::provider::ProviderKind;
use crate::reader::nearest::listed;
use crate::reader::{Reading, Section, Value};
use crate::secret::Secret;

/// What `auth` says; `None` after a complaint.
pub(super) fn auth(reading: &mut Reading<'_>, table: &Section, provider: ProviderKind) -> Option<Auth> {
    let (kind, keys): (&str, &[&str]) = match table.text("type")? {
        "basic" => ("basic", &["username", "password"]),
        "bearer" => ("bearer", &["token"]),
        "hmac" => ("hmac", &["secret"]),
        _ => ("none", &[]),
    };
    let mut complete = true;
    for key in ["username", "password", "token", "secret"] {
        match (keys.contains(&key), table.item(key).is_some()) {
            // What is wrong with it was said where it was read.
            (true, false) if table.given(key) => complete = false,
            (true, false) => {
                let help = Some(format!(
                    "auth of type {kind:?} has {}",
                    listed(keys.iter().copied()).replace(" or ", " and ")
                ));
                reading.complain(table.span.clone(), format!("auth of type {kind:?} has no {key:?}"), help);
                complete = false;
            }
            (false, true) => {
                let of = match key {
                    "token" => "bearer",
                    "secret" => "hmac",
                    _ => "basic",
                };
                let help = Some(format!("remove it, or write type = {of:?}"));
                reading.complain_of(table, key, format!("auth of type {kind:?} takes no {key:?}"), help);
                complete = false;
            }
            _ => {}
        }
    }
    if !complete {
        return None;
    }
    match kind {
        "basic" => {
            let username = table.text("username")?.to_owned();
            if username.contains(':') || username.chars().any(char::is_control) {
                let message = "a user name for basic auth cannot hold a colon or a control character";
                reading.complain_of(table, "username", message, None);
            }
            Some(Auth::Basic { username, password: table.secret("password")? })
        }
        "bearer" => {
            let token = table.secret("token")?;
            if token.expose().is_empty() || !token.expose().chars().all(|c| c.is_ascii_graphic()) {
                let message = "a bearer token must be visible ASCII characters without spaces";
                reading.complain_of(table, "token", message, None);
            }
            Some(Auth::Bearer { token })
        }
        "hmac" => {
            if provider != ProviderKind::Qoreid {
                let help = Some("write none, basic or bearer, or provider = \"qoreid\"".to_owned());
                reading.complain_of(table, "type", format!("{provider} does not sign its webhooks"), help);
            }
            let secret = table.secret("secret")?;
            if secret.expose().is_empty() {
                reading.complain_of(table, "secret", "an empty secret signs nothing", None);
            }
            Some(Auth::Hmac { secret })
        }
        _ => Some(Auth::None),
    }
}

/// The legal headers of `section`; the others are complained of. `auth` is `None` where it was complained of itself.
pub(super) fn headers(reading: &mut Reading<'_>, section: &Section, auth: Option<&Auth>) -> Vec<(HeaderName, Secret)> {
    let mut headers: Vec<(HeaderName, Secret)> = Vec::new();
    for (name, span, item) in section.map("headers") {
        let Value::Secret(value) = &item.value else { continue };
        let span = item.span.as_ref().map(|_| span.clone());
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            let help = Some("use letters, digits and dashes".to_owned());
            reading.complain(span, format!("{name:?} cannot be a header's name"), help);
            continue;
        };
        // What the body is, is for the provider to say.
        if is_of_the_request(&header) || header == CONTENT_TYPE {
            let help = Some("remove it: the request sets it by itself".to_owned());
            reading.complain(span, format!("the header {name:?} is reserved"), help);
            continue;
        }
        // What a wrong `auth` was meant to be is not known: the usual header of one is not taken beside it.
        if auth.map_or(Some(AUTHORIZATION.as_str()), Auth::header) == Some(header.as_str()) {
            let help = Some("keep one of the two".to_owned());
            reading.complain(span, format!("the header {name:?} stands beside \"auth\", which sets it too"), help);
            continue;
        }
        if headers.iter().any(|(other, _)| *other == header) {
            reading.complain(span, format!("the header {name:?} is given twice; case does not count"), None);
            continue;
        }
        // The value may be a secret, so the message does not quote it.
        if HeaderValue::from_str(value.expose()).is_err() {
            let help = Some("it may hold no line break or other control character".to_owned());
            reading.complain(item.span.clone(), format!("the value of the header {name:?} is not legal"), help);
            continue;
        }
        headers.push((header, value.clone()));
    }
    headers
}
