//! `webhooks`: where a running server delivers to.

use std::str::FromStr;

use clap::{Args, Subcommand};

use super::remote::Remote;
use crate::secret::Secret;

/// `webhooks`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  understudy webhooks list
  understudy webhooks add mine http://127.0.0.1:8080/kyc --type 'Finished Journey' --auth basic:me:env:MY_PASSWORD
  understudy webhooks change mine --timeout 3s --retry 10s,1m
  understudy webhooks change mine --unset timeout      back to the configuration's
  understudy webhooks test mine                        0 it answers as it should, 1 it does not, 3 it does not answer
  understudy webhooks pause mine

What webhooks.toml has is changed there: a saved file is taken over while the server runs.")]
pub struct WebhooksArgs {
    /// Which server.
    #[command(flatten)]
    pub remote: Remote,
    /// What to do.
    #[command(subcommand)]
    pub action: WebhooksAction,
}

/// What to do with webhooks.
#[derive(Clone, Debug, Subcommand)]
pub enum WebhooksAction {
    /// List webhooks, by name
    List,
    /// Show one webhook, secrets blanked
    Show {
        /// Its name
        name: String,
    },
    /// Make one; it is saved once its endpoint has answered a test
    Add {
        /// Its name: 1 to 64 letters, digits, dots, dashes and underscores
        name: String,
        /// Where its requests go, or a path of the server's own inbox: /inbox/mine
        url: String,
        /// What it says.
        #[command(flatten)]
        keys: WebhookKeys,
    },
    /// Change some keys of one that was made here; tested as a new one is
    Change {
        /// Its name
        name: String,
        /// Where its requests go
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// Take a key back: it is as if it had never been given. May be given again
        #[arg(long, value_name = "KEY", value_delimiter = ',')]
        unset: Vec<String>,
        /// What it says.
        #[command(flatten)]
        keys: WebhookKeys,
    },
    /// Drop one that was made here; what it is still owed is called off
    Delete {
        /// Its name
        name: String,
    },
    /// Send its test now
    Test {
        /// Its name
        name: String,
    },
    /// Hold its deliveries back; it is owed them all
    Pause {
        /// Its name
        name: String,
    },
    /// Let its deliveries go on
    Resume {
        /// Its name
        name: String,
    },
}

/// What a webhook says; what is left out is as the configuration has it. The keys of `[[webhook]]`.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What it says")]
pub struct WebhookKeys {
    /// An event type that it gets, as the provider spells it. May be given again [default: every type]
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    pub types: Vec<String>,
    /// Whose events it gets: sandbox or live
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// The era of the provider's documentation that it is spoken to in
    #[arg(long, value_name = "NAME")]
    pub dialect: Option<String>,
    /// Who is mailed when a delivery is given up. May be given again
    #[arg(long = "error-email", value_name = "ADDRESS", value_delimiter = ',')]
    pub error_emails: Vec<String>,
    /// none, basic:USER:PASSWORD, bearer:TOKEN or hmac:SECRET; env:NAME in place of a secret takes it from this
    /// command's environment
    #[arg(long, value_name = "AUTH")]
    pub auth: Option<GivenAuth>,
    /// A header that every request gets; the value may be env:NAME. May be given again
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<GivenHeader>,
    /// The gaps after each failed attempt, 5m,10m,15m; none for a single attempt
    #[arg(long, value_name = "SPANS", value_delimiter = ',')]
    pub retry: Vec<String>,
    /// The share of a gap by which it may vary
    #[arg(long, value_name = "SHARE")]
    pub jitter: Option<f64>,
    /// One deadline for a whole attempt
    #[arg(long, value_name = "SPAN")]
    pub timeout: Option<String>,
    /// What counts as success: 200 or 2xx
    #[arg(long, value_name = "STATUS")]
    pub success: Option<String>,
    /// At most so many attempts at once
    #[arg(long, value_name = "N")]
    pub max_in_flight: Option<u64>,
    /// At most so many starts: 50/s, or off
    #[arg(long, value_name = "RATE")]
    pub rate_limit: Option<String>,
    /// none, or journey: one journey's events come in order
    #[arg(long, value_name = "WORD")]
    pub order: Option<String>,
    /// Whether it gets new deliveries
    #[arg(long, value_name = "BOOL")]
    pub enabled: Option<bool>,
    /// Save it without a test
    #[arg(long)]
    pub skip_test: bool,
}

/// How requests prove where they come from, as typed. Its secret may name a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenAuth {
    /// They do not.
    None,
    /// User and password.
    Basic(String, Secret),
    /// A token.
    Bearer(Secret),
    /// A secret that signs.
    Hmac(Secret),
}

impl FromStr for GivenAuth {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        // The text holds a secret: no message may quote it.
        let given = match text.split_once(':') {
            None if text == "none" => Some(GivenAuth::None),
            Some(("basic", rest)) => rest
                .split_once(':')
                .filter(|(user, _)| !user.is_empty())
                .map(|(user, password)| GivenAuth::Basic(user.to_owned(), Secret::new(password))),
            Some(("bearer", token)) if !token.is_empty() => Some(GivenAuth::Bearer(Secret::new(token))),
            Some(("hmac", secret)) if !secret.is_empty() => Some(GivenAuth::Hmac(Secret::new(secret))),
            _ => None,
        };
        given.ok_or_else(|| "write it like none, basic:USER:PASSWORD, bearer:TOKEN or hmac:SECRET".to_owned())
    }
}

/// A header, as typed. Its value is a secret and may name a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret,
}

impl FromStr for GivenHeader {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok(GivenHeader { name: name.trim().to_owned(), value: Secret::new(value.trim()) })
            }
            _ => Err("write it like 'X-Api-Key: VALUE'".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_and_never_shown() {
        let secret = |text: &str| Secret::new(text);
        for (text, given) in [
            ("none", Some(GivenAuth::None)),
            ("basic:ana:s3:cret", Some(GivenAuth::Basic("ana".into(), secret("s3:cret")))),
            ("basic:ana:env:PASS", Some(GivenAuth::Basic("ana".into(), secret("env:PASS")))),
            ("bearer:s3cret", Some(GivenAuth::Bearer(secret("s3cret")))),
            ("hmac:s3cret", Some(GivenAuth::Hmac(secret("s3cret")))),
            ("hmac:", None),
            ("basic:s3cret", None),
            ("s3cret", None),
        ] {
            let read = text.parse::<GivenAuth>();
            assert!(!format!("{read:?}").contains("s3"), "{read:?}");
            assert_eq!(read.ok(), given, "{text}");
        }
        let header: GivenHeader = "X-Api-Key: s3:cret".parse().expect("a header");
        assert_eq!((header.name.as_str(), header.value.expose()), ("X-Api-Key", "s3:cret"));
        assert!(!format!("{header:?}").contains("s3"));
        assert!("s3cret".parse::<GivenHeader>().is_err_and(|message| !message.contains("s3")));
    }
}
