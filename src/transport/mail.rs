//! Error mails over SMTP: one connection per mail, one deadline.
//!
//! Called by the mail lane. Never decides when to try again beyond saying whether it could help, never composes a
//! text, and never sends anything but what [`Mail`] holds. Bodies go out in base64: a stray CR or LF in plain text
//! could otherwise end the message early at a lenient server and start another.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Body, Mailbox};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use super::MailTransport;
use crate::clock::BoxFuture;
use crate::message::{Mail, RetryPolicy, SmtpSecurity, SmtpTarget};
use crate::secret::Redactor;

/// One deadline for a mail: connect, TLS, login and transfer. Servers that delay strangers on purpose wait about
/// half a minute.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// After a mail is accepted, the farewell may take so long.
const FAREWELL: Duration = Duration::from_secs(1);

/// So many characters of a server's own words are told.
const REPLY_SHOWN: usize = 200;

/// So many characters of a subject or a Message-ID go out. Those that are composed here have fewer.
const HEADER_SHOWN: usize = 400;

/// What the mailer is told at the start.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// The sender: a plain address, without a display name.
    pub from: String,
    /// The server that takes mails; without one, mails are kept and shown instead.
    pub smtp: Option<SmtpTarget>,
    /// One deadline for each mail, in real time: [`DEADLINE`] as a rule.
    pub timeout: Duration,
}

impl Default for MailSettings {
    fn default() -> Self {
        MailSettings { from: "webhooks@understudy.local".to_owned(), smtp: None, timeout: DEADLINE }
    }
}

/// Why there can be no mailer.
#[derive(Debug, thiserror::Error)]
pub enum MailSetupError {
    /// The sender is no address.
    #[error("read {0:?} as a mail address")]
    From(String),
    /// TLS cannot be set up.
    #[error("set up tls for the mail server")]
    Tls(#[source] SmtpError),
}

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct MailError {
    /// Whether trying again may help. A refusal with a 5xx code is final; all else may pass.
    pub temporary: bool,
    /// A lowercase sentence without secrets.
    pub text: String,
}

impl MailError {
    fn temporary(text: impl Into<String>) -> Self {
        MailError { temporary: true, text: text.into() }
    }

    fn permanent(text: impl Into<String>) -> Self {
        MailError { temporary: false, text: text.into() }
    }
}

/// When a mail that was not taken is tried again: six attempts over five and a half hours.
pub fn retry_policy() -> RetryPolicy {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    RetryPolicy { gaps: [1, 5, 15, 60, 240].map(minutes).to_vec(), jitter: 0.0 }
}

/// Whether `text` is one plain mail address, as senders and contacts have to be.
pub fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// A mail as an SMTP server is handed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What `MAIL FROM` says, without brackets.
    pub from: String,
    /// What each `RCPT TO` says, without brackets.
    pub to: Vec<String>,
    /// What comes after `DATA`, before dots are doubled: headers, an empty line, the text in base64.
    pub bytes: Vec<u8>,
}

impl Letter {
    /// `mail`, sent by `from`; the same bytes each time.
    ///
    /// # Errors
    /// [`MailError`], never temporary, where sender or contact are no addresses.
    pub fn of(from: &str, mail: &Mail) -> Result<Letter, MailError> {
        let from = from.parse().map_err(|_| MailError::permanent("sender is not a mail address"))?;
        let letter = letter(&from, mail)?;
        let envelope = letter.envelope();
        Ok(Letter {
            from: envelope.from().map(ToString::to_string).unwrap_or_default(),
            to: envelope.to().iter().map(ToString::to_string).collect(),
            bytes: letter.formatted(),
        })
    }
}

/// Hands mails to an SMTP server.
#[derive(Debug)]
pub struct Mailer {
    from: Address,
    server: Option<Server>,
    timeout: Duration,
}

struct Server {
    target: SmtpTarget,
    tls: TlsParameters,
    redactor: Redactor,
}

impl Mailer {
    /// A mailer; it connects to nothing yet.
    ///
    /// # Errors
    /// [`MailSetupError`] where the sender is no address, or TLS cannot be set up.
    pub fn new(settings: MailSettings) -> Result<Self, MailSetupError> {
        let from = settings.from.parse().map_err(|_| MailSetupError::From(settings.from.clone()))?;
        let server = settings.smtp.map(Server::new).transpose().map_err(MailSetupError::Tls)?;
        Ok(Mailer { from, server, timeout: settings.timeout })
    }

    /// See [`MailTransport::send`].
    async fn hand_over(&self, mail: &Mail) -> Result<(), MailError> {
        let Some(server) = &self.server else {
            return Err(MailError::temporary("no smtp server is configured"));
        };
        let letter = letter(&self.from, mail)?;
        let sent = tokio::time::timeout(self.timeout, server.transfer(&letter)).await;
        let mut connection = match sent {
            Ok(sent) => sent.map_err(|error| server.read(&error))?,
            Err(_) => {
                let timeout = humantime::format_duration(self.timeout);
                return Err(MailError::temporary(format!("smtp server did not take the mail within {timeout}")));
            }
        };
        // The mail is accepted; whether the server says goodbye changes nothing.
        let _ = tokio::time::timeout(FAREWELL, connection.quit()).await;
        Ok(())
    }
}

impl MailTransport for Mailer {
    fn is_configured(&self) -> bool {
        self.server.is_some()
    }

    fn domain(&self) -> &str {
        self.from.domain()
    }

    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>> {
        Box::pin(self.hand_over(mail))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The redactor knows the password: it is left out.
        f.debug_struct("Server").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Server {
    fn new(target: SmtpTarget) -> Result<Self, SmtpError> {
        let mut tls = TlsParameters::builder(target.host.clone());
        if !is_this_machine(&target.host) || target.security == SmtpSecurity::Tls {
            for certificate in rustls_native_certs::load_native_certs().certs {
                // One that cannot be read vouches for nobody; the others still do.
                if let Ok(certificate) = Certificate::from_der(certificate.to_vec()) {
                    tls = tls.add_root_certificate(certificate);
                }
            }
        }
        let password = target.credentials.as_ref().map(|(_, password)| password.expose().to_owned());
        Ok(Server { tls: tls.build()?, redactor: Redactor::new(password.as_deref()), target })
    }

    async fn transfer(&self, letter: &lettre::Message) -> Result<AsyncSmtpConnection, SmtpError> {
        let target = &self.target;
        let hello = ClientId::default();
        let implicit = (target.security == SmtpSecurity::Tls).then(|| self.tls.clone());
        let address = (target.host.as_str(), target.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, None, &hello, implicit, None).await?;
        let must_upgrade = target.security == SmtpSecurity::Opportunistic && !is_this_machine(&target.host);
        if connection.can_starttls() || must_upgrade {
            connection.starttls(self.tls.clone(), &hello).await?;
        }
        if let Some((user, password)) = &target.credentials {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        connection.send(letter.envelope(), &letter.formatted()).await?;
        Ok(connection)
    }

    /// The library's texts are its own; of the server's, one line is shown, without our password.
    fn read(&self, error: &SmtpError) -> MailError {
        if let Some(code) = error.status() {
            let words = error.source().map(ToString::to_string).unwrap_or_default();
            let words: String = self.redactor.text(&words).chars().map(visible).take(REPLY_SHOWN).collect();
            let text = format!("smtp server refused with {code}: {}", words.trim());
            return if error.is_permanent() { MailError::permanent(text) } else { MailError::temporary(text) };
        }
        let text = if let Some(kind) = io_kind(error) {
            match kind {
                io::ErrorKind::ConnectionRefused => "connection to the smtp server refused",
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
                    "connection to the smtp server broke"
                }
                _ => "no connection to the smtp server",
            }
        } else if error.is_tls() {
            "no tls session with the smtp server"
        } else if error.is_client() {
            "smtp server lacks what is needed: starttls, a login method in common, or addresses beyond ascii"
        } else {
            "smtp server broke off or does not speak smtp"
        };
        MailError::temporary(text)
    }
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn io_kind(error: &SmtpError) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        source = cause.source();
    }
    None
}

/// A line break in a header would start another header; other control characters have no business there either.
fn visible(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// A header's text, at most [`HEADER_SHOWN`] characters of it: a long word cannot be folded, and lines are bounded.
fn of_header(text: &str) -> String {
    text.chars().map(visible).take(HEADER_SHOWN).collect()
}

fn letter(from: &Address, mail: &Mail) -> Result<lettre::Message, MailError> {
    let to: Address = mail.to.parse().map_err(|_| MailError::permanent("contact is not a mail address"))?;
    let micros = u64::try_from(mail.created_at.as_micros()).unwrap_or(0);
    let text = mail.text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    let body = Body::new_with_encoding(text, ContentTransferEncoding::Base64)
        .map_err(|_| MailError::permanent("text cannot be encoded"))?;
    let auto_submitted = HeaderName::new_from_ascii_str("Auto-Submitted");
    lettre::Message::builder()
        .date(UNIX_EPOCH + Duration::from_micros(micros))
        .from(Mailbox::new(None, from.clone()))
        .to(Mailbox::new(None, to))
        .subject(of_header(&mail.subject))
        .message_id(Some(of_header(&mail.message_id)))
        .raw_header(HeaderValue::new(auto_submitted, "auto-generated".to_owned()))
        .header(MIME_VERSION_1_0)
        .header(ContentType::TEXT_PLAIN)
        .body(body)
        .map_err(|_| MailError::permanent("mail cannot be composed"))
}

#[cfg(test)]
mod tests;
