//! Where a webhook's requests go: a URL, or a path on the own inbox.

/// Where a webhook's requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// This server's own inbox: a path that begins with `/inbox/`, with its query.
    Inbox(String),
    /// Anywhere else.
    Url(url::Url),
}

/// Where a webhook's `url` leads.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn target(text: &str) -> Result<Target, (String, Option<String>)> {
    let no = |message: String, help: &str| Err((message, Some(help.to_owned())));
    let forms = "write it like \"https://example.com/webhooks\", or \"/inbox/NAME\" for this server's own inbox";
    if text.starts_with('/') {
        let base = url::Url::parse("http://127.0.0.1/").map_err(|e| (e.to_string(), None))?;
        let joined = base.join(text).ok().filter(|joined| joined.host() == base.host());
        let named =
            joined.as_ref().and_then(|url| url.path().strip_prefix("/inbox/")).is_some_and(|name| !name.is_empty());
        return match joined {
            Some(url) if named && url.fragment().is_none() => {
                let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
                Ok(Target::Inbox(format!("{}{query}", url.path())))
            }
            _ => no(format!("\"url\" is a path, but not one of the inbox: {text:?}"), forms),
        };
    }
    // The text is not quoted before it is known to hold no password.
    let Ok(url) = url::Url::parse(text) else {
        return no("\"url\" cannot be read as a URL".to_owned(), forms);
    };
    if !matches!(url.scheme(), "http" | "https") {
        return no(format!("\"url\" must be http or https, not {:?}", url.scheme()), forms);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return no(
            "\"url\" holds a user name or password".to_owned(),
            "move them to auth = { type = \"basic\", username = \"...\", password = \"env:NAME\" }",
        );
    }
    if url.fragment().is_some() {
        return no(format!("\"url\" has a fragment, which is never sent: {text:?}"), "remove the # and what follows");
    }
    Ok(Target::Url(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_absolute_or_of_the_inbox() {
        for (text, path) in [("/inbox/demo", "/inbox/demo"), ("/inbox/a/b?x=1", "/inbox/a/b?x=1")] {
            assert_eq!(target(text), Ok(Target::Inbox(path.to_owned())), "{text}");
        }
        assert!(matches!(target("https://example.com/hooks?x=1"), Ok(Target::Url(_))));
        for bad in [
            "/inbox/",
            "/inbox",
            "/api/v1/clock",
            "/inbox/../api",
            "//evil.example/inbox/x",
            "/inbox/x#y",
            "example.com/x",
            "ftp://example.com",
            "https://u:p@example.com",
            "https://example.com/#x",
            "",
            "env:HOOK",
        ] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }
}
