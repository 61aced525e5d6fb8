//! An SMTP server that follows a script, and what the mailer makes of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, MailId};
use crate::message::MailState;
use crate::secret::Secret;

/// What a client says to enter a stage; the banner is answered to nothing.
const BANNER: &str = "banner";
const STAGES: [&str; 6] = [BANNER, "EHLO", "MAIL", "RCPT", "DATA", "."];

#[derive(Clone, Debug)]
enum Fault {
    Reply(&'static str),
    Cut,
    Hang,
}

/// Accepts everything but for one fault at one stage, and keeps what was said.
struct SmtpServer {
    addr: SocketAddr,
    said: Arc<Mutex<String>>,
    _tasks: JoinSet<()>,
}

impl SmtpServer {
    async fn start(fault: Option<(&'static str, Fault)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let said = Arc::new(Mutex::new(String::new()));
        let mut tasks = JoinSet::new();
        let record = Arc::clone(&said);
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = talk(stream, fault.as_ref(), &record).await;
            }
        });
        SmtpServer { addr, said, _tasks: tasks }
    }

    fn said(&self) -> String {
        self.said.lock().expect("not poisoned").clone()
    }
}

async fn talk(stream: TcpStream, fault: Option<&(&'static str, Fault)>, said: &Mutex<String>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut stage = BANNER.to_owned();
    loop {
        let reply = match fault.filter(|(at, _)| *at == stage) {
            Some((_, Fault::Reply(reply))) => reply,
            Some((_, Fault::Cut)) => return None,
            Some((_, Fault::Hang)) => std::future::pending().await,
            None => match stage.as_str() {
                BANNER => "220 mail.test ESMTP",
                "EHLO" => "250-mail.test\r\n250 AUTH PLAIN",
                "AUTH" => "235 welcome",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 ok",
            },
        };
        stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
        let in_data = stage == "DATA" && reply.starts_with("354");
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|count| *count > 0)?;
            said.lock().expect("not poisoned").push_str(&line);
            let line = line.trim_end();
            if !in_data || line == "." {
                stage = line.split(' ').next().unwrap_or_default().to_owned();
                break;
            }
        }
        if stage == "QUIT" && !in_data {
            return Some(());
        }
    }
}

fn mail() -> Mail {
    Mail {
        id: MailId(1),
        webhook: "demo".into(),
        to: "ops@example.com".into(),
        subject: "Two deliveries gave up\r\nBcc: everyone@example.com".into(),
        text: "first line\nsecond: Zoë\r\n.\r\nMAIL FROM:<mallory@example.com>\n".into(),
        deliveries: vec![DeliveryId(1)],
        message_id: "<abc@understudy.local>".into(),
        created_at: "2026-11-20T08:00:00Z".parse::<Timestamp>().expect("an instant"),
        state: MailState::InFlight,
        attempts: 0,
        error: None,
    }
}

const PASSWORD: &str = "hunter2-hunter2";

fn mailer(addr: SocketAddr, credentials: Option<(String, Secret)>, timeout: Duration) -> Mailer {
    let smtp = SmtpTarget {
        security: SmtpSecurity::Opportunistic,
        host: addr.ip().to_string(),
        port: addr.port(),
        credentials,
    };
    Mailer::new(MailSettings { from: "webhooks@understudy.local".into(), smtp: Some(smtp), timeout }).expect("a mailer")
}

#[tokio::test]
async fn a_mail_goes_out_whole_and_cannot_smuggle() {
    let server = SmtpServer::start(None).await;
    let mailer = mailer(server.addr, None, DEADLINE);
    assert_eq!(mailer.send(&mail()).await, Ok(()));
    assert_eq!(mailer.send(&mail()).await, Ok(()));
    let said = server.said();
    let talks: Vec<&str> = said.split_inclusive("QUIT\r\n").collect();
    assert_eq!(talks[0], talks[1], "the second attempt differs from the first");
    let (_, talk) = talks[0].split_once("\r\n").expect("lines");
    insta::assert_snapshot!(talk.replace("\r\n", "\n"), @r#"
    MAIL FROM:<webhooks@understudy.local>
    RCPT TO:<ops@example.com>
    DATA
    Date: Fri, 20 Nov 2026 08:00:00 +0000
    From: webhooks@understudy.local
    To: ops@example.com
    Subject: Two deliveries gave up  Bcc: everyone@example.com
    Message-ID: <abc@understudy.local>
    Auto-Submitted: auto-generated
    MIME-Version: 1.0
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: base64

    Zmlyc3QgbGluZQ0Kc2Vjb25kOiBab8OrDQouDQpNQUlMIEZST006PG1hbGxvcnlAZXhhbXBsZS5j
    b20+DQo=
    .
    QUIT
    "#);
    let body = talks[0].split("\r\n\r\n").nth(1).expect("a body");
    let body = STANDARD.decode(body.split("\r\n.\r\n").next().expect("an end").replace("\r\n", "")).expect("base64");
    assert_eq!(
        String::from_utf8(body).expect("text"),
        "first line\r\nsecond: Zoë\r\n.\r\nMAIL FROM:<mallory@example.com>\r\n"
    );
}

#[tokio::test]
async fn a_refusal_is_final_with_5xx_and_may_pass_with_4xx() {
    for stage in STAGES {
        for (reply, temporary) in [("451 try later", true), ("554 never", false)] {
            let server = SmtpServer::start(Some((stage, Fault::Reply(reply)))).await;
            let error = mailer(server.addr, None, DEADLINE).send(&mail()).await.expect_err(stage);
            assert_eq!(error.temporary, temporary, "{reply} at {stage}: {error}");
            assert_eq!(error.text, format!("smtp server refused with {}: {}", &reply[..3], &reply[4..]), "at {stage}");
        }
    }
}

#[tokio::test]
async fn a_cut_or_a_hang_at_any_stage_may_pass() {
    for stage in STAGES {
        let server = SmtpServer::start(Some((stage, Fault::Cut))).await;
        let error = mailer(server.addr, None, DEADLINE).send(&mail()).await.expect_err(stage);
        assert!(error.temporary && error.text.contains("smtp server"), "cut at {stage}: {error}");

        let server = SmtpServer::start(Some((stage, Fault::Hang))).await;
        let error = mailer(server.addr, None, Duration::from_millis(200)).send(&mail()).await.expect_err(stage);
        assert_eq!(error, MailError::temporary("smtp server did not take the mail within 200ms"), "at {stage}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_on_goodbye_has_taken_the_mail() {
    let server = SmtpServer::start(Some(("QUIT", Fault::Hang))).await;
    assert_eq!(mailer(server.addr, None, DEADLINE).send(&mail()).await, Ok(()));
}

#[tokio::test]
async fn nobody_there_may_pass_and_garbage_too() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let error = mailer(gone, None, DEADLINE).send(&mail()).await.expect_err("nobody");
    assert_eq!(error, MailError::temporary("connection to the smtp server refused"));
    let server = SmtpServer::start(Some((BANNER, Fault::Reply("HTTP/1.1 400 Bad Request")))).await;
    assert!(mailer(server.addr, None, DEADLINE).send(&mail()).await.expect_err("garbage").temporary);
}

#[tokio::test]
async fn x1_a_login_is_never_told() {
    let login = || Some(("understudy".to_owned(), Secret::new(PASSWORD)));
    let server = SmtpServer::start(None).await;
    assert_eq!(mailer(server.addr, login(), DEADLINE).send(&mail()).await, Ok(()));
    let plain = STANDARD.encode(format!("\0understudy\0{PASSWORD}"));
    assert!(server.said().contains(&format!("AUTH PLAIN {plain}")));

    let echo = "535 hunter2-hunter2 is wrong";
    let server = SmtpServer::start(Some(("AUTH", Fault::Reply(echo)))).await;
    let mailer = mailer(server.addr, login(), DEADLINE);
    let error = mailer.send(&mail()).await.expect_err("refused");
    assert_eq!(error, MailError::permanent("smtp server refused with 535: *** is wrong"));
    assert!(!format!("{mailer:?}{error:?}").contains(PASSWORD));
}

#[tokio::test]
async fn another_machine_has_to_offer_starttls() {
    // A name that is not known to be this machine's, though it leads here.
    let server = SmtpServer::start(None).await;
    let smtp = SmtpTarget {
        security: SmtpSecurity::Opportunistic,
        host: "0.0.0.0".into(),
        port: server.addr.port(),
        credentials: None,
    };
    let settings = MailSettings { from: "webhooks@understudy.local".into(), smtp: Some(smtp), timeout: DEADLINE };
    let error = Mailer::new(settings).expect("a mailer").send(&mail()).await.expect_err("no starttls");
    assert!(error.temporary && error.text.contains("starttls"), "{error}");
    assert!(!server.said().contains("MAIL"));
}

#[tokio::test]
async fn what_is_no_address_is_refused() {
    for from in ["", "nobody", "Name <a@example.com>", "a@example.com\r\nBcc: b@example.com", "a b@example.com"] {
        let settings = MailSettings { from: from.into(), smtp: None, timeout: DEADLINE };
        assert!(matches!(Mailer::new(settings), Err(MailSetupError::From(_))), "{from:?}");
        assert!(!is_address(from));
    }
    let server = SmtpServer::start(None).await;
    let astray = Mail { to: "ops@example.com>\r\nRCPT TO:<b@example.com".into(), ..mail() };
    let error = mailer(server.addr, None, DEADLINE).send(&astray).await.expect_err("no address");
    assert_eq!(error, MailError::permanent("contact is not a mail address"));
    assert_eq!(server.said(), "");

    let nowhere = MailSettings { from: "a@example.com".into(), smtp: None, timeout: DEADLINE };
    let nowhere = Mailer::new(nowhere).expect("a mailer");
    assert!(!nowhere.is_configured());
    assert!(nowhere.send(&mail()).await.expect_err("nowhere").temporary);
}

/// RFC 5322 allows 998 characters to a line, and a word without a blank cannot be folded.
#[test]
fn a_line_never_grows_too_long() {
    for word in ["w", "é", "漢", "<", "w "] {
        let long = Mail { subject: word.repeat(2_000), message_id: format!("<{}@a>", word.repeat(2_000)), ..mail() };
        let letter = Letter::of("webhooks@understudy.local", &long).expect("a letter");
        let longest = letter.bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).max().expect("lines");
        assert!(longest < 998, "{word:?} repeated: {longest}");
    }
}

#[test]
fn the_plan_is_six_attempts() {
    assert_eq!(retry_policy().attempts(), 6);
}
