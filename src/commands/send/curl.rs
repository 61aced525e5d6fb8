//! The curl command that sends what `send` would: for a POSIX shell, with variables in place of secrets. Pure.

use std::path::Path;

use crate::message::{Auth, Endpoint};
use crate::secret::Redactor;

/// What the command sends.
pub(super) enum Body<'a> {
    /// These bytes, which are text.
    Text(&'a [u8]),
    /// What is in a file; `-` is stdin.
    File(&'a Path),
}

/// The command, one option per line.
pub(super) fn command(endpoint: &Endpoint, body: &Body<'_>, redactor: &Redactor) -> String {
    let variable = |what: &str| variable(&endpoint.name, what);
    let mut words = vec![format!("curl -sS -i -X POST {}", quoted(&redactor.text(endpoint.url.as_str())))];
    words.push(format!("--max-time {}", endpoint.timeout.as_secs_f64()));
    if !endpoint.headers.iter().any(|(name, _)| name == "content-type") {
        words.push("-H 'content-type: application/json'".to_owned());
    }
    match &endpoint.auth {
        Auth::None => {}
        Auth::Basic { username, .. } => {
            words.push(format!("-u {}\"${}\"", quoted(&format!("{username}:")), variable("password")))
        }
        Auth::Hmac { .. } => words.push(format!("-H \"x-verifyme-signature: ${}\"", variable("signature"))),
        Auth::Bearer { .. } => words.push(format!("-H \"authorization: Bearer ${}\"", variable("token"))),
    }
    // A header's value may be a secret or not: nobody but the configuration's writer can tell.
    words.extend(endpoint.headers.iter().map(|(name, _)| format!("-H \"{name}: ${}\"", variable(name.as_str()))));
    words.push(match body {
        Body::Text(text) => format!("--data-binary {}", quoted(&redactor.text(&String::from_utf8_lossy(text)))),
        Body::File(path) => format!("--data-binary {}", quoted(&format!("@{}", path.display()))),
    });
    words.join(" \\\n  ")
}

/// The name of an environment variable for a secret of a webhook: `DEMO_TOKEN`.
fn variable(webhook: &str, what: &str) -> String {
    let name = format!("{webhook}_{what}").to_ascii_uppercase();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// As one word for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn endpoint(auth: Auth) -> Endpoint {
        let config = crate::config::Config::load(
            crate::reader::Source { name: "t", text: crate::config::SHIPPED },
            &crate::reader::Overrides::none(),
            &|_| None,
        );
        let config = config.expect("the shipped configuration");
        let mut endpoint = super::super::endpoint(&config, "http://127.0.0.1:8080/it's?a=b").expect("an endpoint");
        endpoint.name = "7-demo".to_owned();
        endpoint.headers = vec![(http::HeaderName::from_static("x-api-key"), Secret::new("s3cret-key"))];
        endpoint.auth = auth;
        endpoint
    }

    #[test]
    fn secrets_are_variables_and_words_are_quoted() {
        let redactor = Redactor::new(["s3cret-word"]);
        let basic = Auth::Basic { username: "an'a".to_owned(), password: Secret::new("s3cret-word") };
        let text = command(&endpoint(basic), &Body::Text(br#"{"a":"it's s3cret-word"}"#), &redactor);
        insta::assert_snapshot!(text, @r#"
        curl -sS -i -X POST 'http://127.0.0.1:8080/it'\''s?a=b' \
          --max-time 10 \
          -H 'content-type: application/json' \
          -u 'an'\''a:'"$_7_DEMO_PASSWORD" \
          -H "x-api-key: $_7_DEMO_X_API_KEY" \
          --data-binary '{"a":"it'\''s ***"}'
        "#);
        let bearer = Auth::Bearer { token: Secret::new("s3cret-word") };
        let text = command(&endpoint(bearer), &Body::File(Path::new("my event.json")), &redactor);
        insta::assert_snapshot!(text, @r#"
        curl -sS -i -X POST 'http://127.0.0.1:8080/it'\''s?a=b' \
          --max-time 10 \
          -H 'content-type: application/json' \
          -H "authorization: Bearer $_7_DEMO_TOKEN" \
          -H "x-api-key: $_7_DEMO_X_API_KEY" \
          --data-binary '@my event.json'
        "#);
        assert!(!text.contains("s3cret"));
    }
}
