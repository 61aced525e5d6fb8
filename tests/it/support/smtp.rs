//! A scripted SMTP receiver: it takes mails like a lenient server, records them, and can refuse at each stage.
//!
//! ```text
//!   Greeting ─> Hello ─> MailFrom ─> Recipient (1..) ─> Data ─> Accepted ─┐
//!                            ^────────────────────────────────────────────┘   Other: any other verb
//! ```
//!
//! It speaks without TLS and without accounts; a script can announce and accept `AUTH` through `Hello` and `Other`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::arrivals::Arrivals;
use super::listener::Listener;

/// A mail whose final dot was read.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    /// Its place among all mails of this sink, from 0.
    pub(crate) order: usize,
    /// The envelope's sender, without angle brackets.
    pub(crate) from: String,
    /// The envelope's accepted recipients, without angle brackets.
    pub(crate) to: Vec<String>,
    /// Headers and body as sent, with dot-stuffing undone and CRLF line ends.
    pub(crate) data: Vec<u8>,
    /// Whether this server took it: false where the script refused it. A cut or hang at [`Stage::Accepted`] leaves
    /// the mail taken and the client in doubt.
    pub(crate) taken: bool,
}

impl Mail {
    /// Headers and body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }
}

/// Where in the conversation the script is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A client connected.
    Greeting,
    /// `EHLO` or `HELO`.
    Hello,
    /// `MAIL FROM`, with the address.
    MailFrom(String),
    /// `RCPT TO`, with the address.
    Recipient(String),
    /// `DATA`, before the mail.
    Data,
    /// After the final dot.
    Accepted,
    /// Any other line, whole.
    Other(String),
}

/// What the sink does at a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// What a willing server would say.
    Usual,
    /// This reply, one or more lines without the last CRLF.
    Say(&'static str),
    /// Closes the connection without a reply.
    Cut,
    /// Says nothing until the client or the sink ends.
    Hang,
}

/// A mail server on a port of its own. Dropping it closes every connection.
pub(crate) struct SmtpSink {
    listener: Listener,
    mails: Arc<Arrivals<Mail>>,
}

impl SmtpSink {
    /// Behaves at each stage as `script` says.
    pub(crate) fn start(script: impl Fn(&Stage) -> Reply + Send + Sync + 'static) -> SmtpSink {
        let mails = Arc::new(Arrivals::new());
        let recorded = Arc::clone(&mails);
        let serve = move |stream| {
            // A client that goes away mid-mail is part of many tests; whoever waits for the mail will tell.
            if let Ok(mut session) = Session::new(stream, &recorded, &script) {
                drop(session.converse());
                drop(session.writer.shutdown(Shutdown::Both));
            }
        };
        SmtpSink { listener: Listener::start(serve), mails }
    }

    /// Takes every mail.
    pub(crate) fn willing() -> SmtpSink {
        SmtpSink::start(|_| Reply::Usual)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The value of `[email] smtp` that sends here.
    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.address())
    }

    /// All mails so far, refused ones too.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.all()
    }

    /// Waits for at least `count` mails; `Err` holds those that there were at the deadline.
    pub(crate) fn await_count(&self, count: usize, deadline: Duration) -> Result<Vec<Mail>, Vec<Mail>> {
        self.mails.await_count(count, deadline)
    }
}

/// What a reply leaves of the conversation.
enum After {
    Willing,
    Refused,
    Over,
}

struct Session<'a, S> {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    mails: &'a Arrivals<Mail>,
    script: &'a S,
    from: String,
    to: Vec<String>,
}

impl<'a, S: Fn(&Stage) -> Reply> Session<'a, S> {
    fn new(stream: TcpStream, mails: &'a Arrivals<Mail>, script: &'a S) -> io::Result<Self> {
        let writer = stream.try_clone()?;
        Ok(Session { reader: BufReader::new(stream), writer, mails, script, from: String::new(), to: Vec::new() })
    }

    fn converse(&mut self) -> io::Result<()> {
        let mut after = self.reply(&Stage::Greeting, "220 sink ESMTP")?;
        let mut line = String::new();
        while !matches!(after, After::Over) {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            after = self.command(line.trim_end())?;
        }
        Ok(())
    }

    fn command(&mut self, line: &str) -> io::Result<After> {
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" | "HELO" => self.reply(&Stage::Hello, "250-sink\r\n250-8BITMIME\r\n250 SIZE 10485760"),
            "MAIL" => {
                self.from = address(line);
                self.to.clear();
                self.reply(&Stage::MailFrom(self.from.clone()), "250 sender ok")
            }
            "RCPT" => {
                let recipient = address(line);
                let after = self.reply(&Stage::Recipient(recipient.clone()), "250 recipient ok")?;
                if matches!(after, After::Willing) {
                    self.to.push(recipient);
                }
                Ok(after)
            }
            "DATA" => match self.reply(&Stage::Data, "354 end with a dot")? {
                After::Willing => self.mail(),
                other => Ok(other),
            },
            "RSET" | "NOOP" => self.say("250 ok").map(|()| After::Willing),
            "QUIT" => self.say("221 bye").map(|()| After::Over),
            _ => self.reply(&Stage::Other(line.to_owned()), "502 unknown command"),
        }
    }

    /// Reads the mail up to its final dot, records it, and only then replies: who reads the reply finds the mail.
    fn mail(&mut self) -> io::Result<After> {
        let mut data = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(After::Over);
            }
            if line == b".\r\n" {
                break;
            }
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let reply = (self.script)(&Stage::Accepted);
        let taken = !matches!(reply, Reply::Say(text) if !text.starts_with('2'));
        let (from, to) = (self.from.clone(), std::mem::take(&mut self.to));
        self.mails.push(|order| Mail { order, from, to, data, taken });
        self.carry_out(reply, "250 mail taken")
    }

    fn reply(&mut self, stage: &Stage, usual: &'static str) -> io::Result<After> {
        let reply = (self.script)(stage);
        self.carry_out(reply, usual)
    }

    fn carry_out(&mut self, reply: Reply, usual: &'static str) -> io::Result<After> {
        let text = match reply {
            Reply::Usual => usual,
            Reply::Say(text) => text,
            Reply::Cut => return Ok(After::Over),
            Reply::Hang => return self.reader.read_to_end(&mut Vec::new()).map(|_| After::Over),
        };
        self.say(text)?;
        Ok(if text.starts_with(['2', '3']) { After::Willing } else { After::Refused })
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(format!("{text}\r\n").as_bytes())
    }
}

/// What stands between the angle brackets of a `MAIL` or `RCPT` line.
fn address(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map(|(address, _)| address.to_owned()).unwrap_or_default()
}
