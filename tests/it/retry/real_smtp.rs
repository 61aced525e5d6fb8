//! The error mail through a mail server that nobody here wrote: aiosmtpd, and Python's own parser of mails.
//!
//! `.ci/run` prepares the Python that has it; the test stands down without.

use std::process::Command;

use serde_json::Value;

use super::mails::check_named;
use super::{deliveries, email};
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::sink::Sink;
use crate::support::steps::{advance, items, manual, one_event, passed, webhook};
use crate::support::tools::python_with;

/// Says its port, and then each mail that it took, one JSON object a line.
const SERVER: &str = r#"
import asyncio, email, email.policy, json
from aiosmtpd.smtp import SMTP

class Keep:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        names = ["to", "from", "subject", "message-id", "date", "content-type"]
        seen = {"headers": {name: mail[name] for name in names}, "defects": [str(d) for d in mail.defects]}
        seen.update(rcpt=envelope.rcpt_tos, sender=envelope.mail_from, text=mail.get_content())
        print(json.dumps(seen), flush=True)
        return "250 taken"

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Keep(), hostname="mail.test"), "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"#;

#[test]
fn idwise_11_e1_a_real_mail_server_gets_one_mail_that_lists_everything_lost() {
    let Some(python) = python_with("aiosmtpd") else { return };
    let mut command = Command::new(python);
    command.args(["-u", "-c", SERVER]);
    let smtp = Program::start(command);
    let field = |line: &str, name: &str| serde_json::from_str::<Value>(line).ok()?.get(name).cloned();
    let port = smtp.await_stdout(|line| field(line, "port"));

    let sink = Sink::statuses(&[503]);
    let dir = tempfile::tempdir().expect("a directory");
    let hook = webhook("dead", &sink.url("/"), "error_emails = [\"ops@example.com\"]");
    let server = Server::start(dir.path(), &manual(&(email(&format!("smtp://127.0.0.1:{port}")) + &hook)));
    passed(&server, "KYC-1");
    one_event(&server, "KÝC-2");
    advance(&server, "1d");

    let mails = smtp.await_lines(1, |line| field(line, "text").and(serde_json::from_str::<Value>(line).ok()));
    assert_eq!(items(&server, "/api/v1/mails").len(), 1, "and no other was made");
    let mail = &mails[0];
    assert_eq!(mails.len(), 1);
    assert_eq!(mail["rcpt"], serde_json::json!(["ops@example.com"]));
    assert_eq!(mail["headers"]["to"], "ops@example.com");
    assert_eq!(
        (&mail["sender"], &mail["headers"]["from"]),
        (&"webhooks@understudy.test".into(), &"webhooks@understudy.test".into())
    );
    assert_eq!(mail["headers"]["subject"], "[sandbox] webhook dead: 5 events were not delivered");
    assert_eq!(mail["defects"], serde_json::json!([]));
    for name in ["message-id", "date", "content-type"] {
        assert!(mail["headers"][name].is_string(), "it has a {name}: {mail}");
    }
    let lost = deliveries(&server, "dead");
    assert_eq!(lost.len(), 5);
    let text = mail["text"].as_str().expect("a text").replace("\r\n", "\n");
    for delivery in &lost {
        let reference = if delivery["journey_id"] == lost[0]["journey_id"] { "KYC-1" } else { "KÝC-2" };
        check_named(&text, delivery, reference, "answered 503");
    }
}
