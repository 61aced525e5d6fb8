//! `[email]`, and what is accepted as an address of a mail or a mail server.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::message::{SmtpSecurity, SmtpTarget};
use crate::reader::{Reading, Section};

/// `[email]`, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailSettings {
    /// The sender's address.
    pub from: String,
    /// The server; without one mails are kept and shown.
    pub smtp: Option<SmtpTarget>,
    /// Exhausted deliveries of one webhook within this window share one mail.
    pub digest: Duration,
}

impl Default for EmailSettings {
    fn default() -> Self {
        EmailSettings { from: "webhooks@understudy.local".to_owned(), smtp: None, digest: Duration::from_secs(60) }
    }
}

impl EmailSettings {
    /// What `section` gives, over `base`.
    pub fn read(reading: &mut Reading<'_>, section: &Section, base: &EmailSettings) -> Self {
        let mut settings = base.clone();
        if let Some(from) = section.text("from") {
            settings.from = from.to_owned();
            if let Err(why) = check_address(from) {
                reading.complain_of(section, "from", format!("\"from\" is not a mail address: {why}"), address_help());
            }
        }
        if let Some(text) = section.text("smtp") {
            settings.smtp = if text.is_empty() { None } else { smtp(reading, section, text) };
        }
        settings.digest = section.duration("digest").unwrap_or(base.digest);
        settings
    }
}

/// What to write instead of a wrong address.
pub(super) fn address_help() -> Option<String> {
    Some("write the bare address, like \"ops@example.com\"".to_owned())
}

/// Whether `text` is a bare mail address that no mail server can misread.
///
/// # Errors
/// What is wrong with it.
pub fn check_address(text: &str) -> Result<(), String> {
    if text.chars().any(|c| c.is_control()) {
        return Err("it holds a line break or another control character".to_owned());
    }
    if text.contains('<') || text.contains('>') || text.contains('"') {
        return Err(format!("{text:?} has a display name"));
    }
    if text.chars().any(|c| c.is_whitespace() || "()[]:;,\\".contains(c)) {
        return Err(format!("{text:?} holds a character that an address cannot have"));
    }
    if !text.is_ascii() {
        return Err(format!("{text:?} holds characters beyond ASCII; write its domain in the xn-- form"));
    }
    let Some((local, domain)) = text.split_once('@').filter(|(_, domain)| !domain.contains('@')) else {
        return Err(format!("{text:?} must have one @"));
    };
    let dots_stand_well = |part: &str| !part.is_empty() && part.split('.').all(|label| !label.is_empty());
    let labels = domain.split('.').all(|l| l.len() <= 63 && !l.starts_with('-') && !l.ends_with('-'));
    let letters = domain.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    if !dots_stand_well(local) || !dots_stand_well(domain) || !labels || !letters {
        return Err(format!("{text:?} is incomplete"));
    }
    if local.len() > 64 || text.len() > 254 {
        return Err("it is too long".to_owned());
    }
    Ok(())
}

fn smtp(reading: &mut Reading<'_>, section: &Section, text: &str) -> Option<SmtpTarget> {
    let help =
        || Some("write it like \"smtp://localhost:1025\" or \"smtps://user:env:PASSWORD@mail.example.com\"".to_owned());
    let mut refuse = |why: &str| {
        reading.complain_of(section, "smtp", format!("\"smtp\" is not the URL of a mail server: {why}"), help());
        None::<SmtpTarget>
    };
    let Ok(url) = url::Url::parse(text) else {
        return refuse("it cannot be read as a URL");
    };
    let (security, default_port) = match url.scheme() {
        "smtp" => (SmtpSecurity::Opportunistic, 25),
        "smtps" => (SmtpSecurity::Tls, 465),
        _ => return refuse("its scheme is neither smtp nor smtps"),
    };
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return refuse("it has more than a host and a port");
    }
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    if host.is_empty() {
        return refuse("it has no host");
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        ("", Some(_)) | (_, None) => return refuse("it needs both a user and a password, or neither"),
        (user, Some(password)) => {
            let secret = reading.secret("smtp", &decode(password), section.place("smtp"))?;
            Some((decode(user), secret))
        }
    };
    Some(SmtpTarget { security, host, port: url.port().unwrap_or(default_port), credentials })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_mail_servers_could_misread_are_refused() {
        for good in ["ops@example.com", "a.b+c@x-y.example", "root@localhost"] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "ops",
            "@example.com",
            "ops@",
            "a@b@c",
            "a b@example.com",
            "a@b\r\nRCPT TO:<x@y>",
            "Ops <ops@example.com>",
            "ops@example..com",
            ".a@b.c",
            "a@-b.c",
            "ö@example.com",
            "a,b@example.com",
            "a@exa mple.com",
            "a@b_c",
        ] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
        assert!(check_address(&format!("{}@example.com", "a".repeat(65))).is_err());
    }
}
