//! A server with every kind of secret, a receiver that sends back all that it gets, and a look into every place.
//!
//! ```text
//!   canaries ──> configuration, API, commands ──> server ──> receiver, mail server    they get what is theirs
//!                                                   └──────> all else                 nothing, in no form
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::canaries::Canaries;
use super::places::{Visitor, environment};
use super::{echo, files};
use crate::support::program::Program;
use crate::support::server::{DEADLINE, Server};
use crate::support::sink::Sink;
use crate::support::smtp::{Reply, SmtpSink, Stage};
use crate::support::steps::{manual, webhook};

/// Those of a server that plays IDWise; what is issued comes to them.
const IDWISE: [(&str, &str); 11] = [
    ("TOKEN", "tok-en_of/the+server.1=="),
    ("SANDBOX", "sand-box_se/cr+et~2"),
    ("LIVE", "li-ve_se/cr+et é 3"),
    ("BASIC", "pass\"wo\\rd/wi-th_é+ü.4"),
    ("BEARER", "bear-er_to/ke+n~number.5=="),
    ("HEADER", "head\"er\\va/lu-e_with+mark%s.6"),
    ("MAIL", "mail-pass_wo/rd+7"),
    ("MADETOKEN", "made-by_the/API+8=="),
    ("MADEHEADER", "made\"hea\\der/with-a_quote.9"),
    ("LITERAL", "stands-in_the/file+10"),
    ("RELOADED", "comes-with_a/changed+file.11"),
];

/// Those of a server that plays QoreID.
const QOREID: [(&str, &str); 6] = [
    ("TOKEN", "an-other_token/of+12=="),
    ("TEST", "test-client_se/cr+et.13"),
    ("LIVE", "live-client_se/cr+et.14"),
    ("HMAC", "sig\"na\\ture-key_é/of+15"),
    ("MADEHMAC", "made-signature_key/of+16"),
    ("MAIL", "mail-pass_wo/rd+17"),
];

/// How webhooks are tried and who is told.
const TRIED: &str = "error_emails = [\"ops@example.com\"]\nretry = [\"1m\"]\n";

fn hook(name: &str, sink: &Sink, more: &str) -> String {
    webhook(name, &sink.url("/hook"), &format!("{TRIED}{more}"))
}

/// A mail server that wants the password, and sends back what it got with the first refusal, as it came and read.
pub(super) fn mail_server(password: &str) -> SmtpSink {
    let first = AtomicBool::new(true);
    let sent = STANDARD.encode(format!("\0me\0{password}"));
    // A reply is a text of the program; this one lives as long as the test's process, once.
    let refusal: &'static str = Box::leak(format!("454 not now: AUTH PLAIN {sent} is {password}").into_boxed_str());
    SmtpSink::start(move |stage| match stage {
        Stage::Hello => Reply::Say("250-sink\r\n250-AUTH PLAIN\r\n250 SIZE 10485760"),
        Stage::Other(line) if *line == format!("AUTH PLAIN {sent}") => {
            Reply::Say(if first.swap(false, Ordering::SeqCst) { refusal } else { "235 ok" })
        }
        _ => Reply::Usual,
    })
}

fn mail(smtp: &SmtpSink) -> String {
    format!("[email]\nsmtp = \"smtp://me:env:S_MAIL@{}\"\n", smtp.address())
}

/// What a server says in one try of everything.
struct Tried {
    /// All that came on `/api/v1/stream`.
    stream: std::thread::JoinHandle<Vec<u8>>,
    tail: Program,
}

fn serve(dir: &Path, config: &str, canaries: &Canaries, log: &str) -> Server {
    let mut command = Server::command(dir, config);
    command.args(["--log-level", "trace", "--log-format", log]);
    environment(canaries, &mut command);
    Server::ready(command).unwrap_or_else(|report| panic!("{report}"))
}

impl Tried {
    /// Listens to what happens from here on.
    fn begin(visitor: &Visitor<'_>, dir: &Path) -> Tried {
        let mut stream = TcpStream::connect(visitor.server.address()).expect("the server takes connections");
        stream.set_read_timeout(Some(DEADLINE * 4)).expect("a timeout above zero is taken");
        let (host, bearer) = (visitor.server.address(), &visitor.bearer);
        write!(stream, "GET /api/v1/stream HTTP/1.1\r\nHost: {host}\r\nAuthorization: {bearer}\r\n\r\n").expect("sent");
        let mut said = vec![0; 512];
        let begun = stream.read(&mut said).expect("an answer");
        said.truncate(begun);
        let stream = std::thread::spawn(move || {
            // It ends when the server does; a connection that is cut then has said all that it will.
            let _end = stream.read_to_end(&mut said);
            said
        });
        let words = ["--output", "ndjson", "tail", "--kind", "journey,event,delivery,attempt,mail,clock,config"];
        let tail = Program::start(visitor.command(dir, &words));
        Tried { stream, tail }
    }

    /// The server is told to end; then all that it said in the background, and what it keeps, is looked at.
    fn end(self, server: Server, canaries: &Canaries, smtp: &SmtpSink, dir: &Path) {
        assert!(!smtp.mails().is_empty(), "somebody was mailed");
        for mail in smtp.mails() {
            canaries.check("a mail", &mail.data);
        }
        self.tail.signal("INT");
        let tail = self.tail.end();
        assert!(tail.stdout.contains("attempt"), "{tail:?}");
        canaries.check("tail", format!("{}\n{}", tail.stdout, tail.stderr).as_bytes());
        let (stdout, log) = (server.stdout(), server.stderr());
        assert_eq!(server.terminate().code(), Some(0));
        canaries.check("stdout", stdout.as_bytes());
        assert!(
            log.contains("exhausted") && log.contains("TRACE") | log.contains("DEBUG"),
            "it logs all it can: {log}"
        );
        canaries.check("the log", log.as_bytes());
        let stream = self.stream.join().expect("no panic");
        assert!(stream.windows(14).any(|window| window == b"event: attempt"), "{}", String::from_utf8_lossy(&stream));
        canaries.check("the stream", &stream);
        let kept = files(&dir.join("data"));
        assert!(kept.len() > 2, "{kept:?}");
        for file in kept {
            let bytes = fs::read(&file).expect("readable");
            if file.ends_with("webhook-secrets.json") {
                assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600, "X2: {file}");
                let found = canaries.found_in(&bytes);
                assert!(!found.is_empty() && found.iter().all(|one| one.starts_with("MADE")), "{found:?}");
            } else {
                canaries.check(&file, &bytes);
            }
        }
    }
}

/// The names of the secrets that receivers were sent.
fn sent(sink: &Sink, canaries: &Canaries) -> Vec<String> {
    let sent: Vec<u8> =
        sink.requests().iter().flat_map(|request| format!("{:?}", request.headers).into_bytes()).collect();
    let mut names: Vec<String> =
        canaries.found_in(&sent).iter().filter_map(|one| Some(one.split_once(' ')?.0.to_owned())).collect();
    names.dedup();
    names
}

/// Ids of what there is, for the paths of the API.
fn ids(visitor: &Visitor<'_>) -> BTreeMap<&'static str, String> {
    let mails = visitor.ask("GET", "/api/v1/mails", "");
    assert!(mails.to_string().contains("\"attempts\":2"), "one was refused with what the server had sent: {mails}");
    let first = |path: &str, key: &str| -> String {
        let listed = visitor.ask("GET", path, "");
        listed["items"][0][key].as_str().unwrap_or_else(|| panic!("{path} lists something: {listed}")).to_owned()
    };
    BTreeMap::from([
        ("/", first("/api/v1/journeys", "id")),
        ("/api/v1/deliveries", first("/api/v1/deliveries", "id")),
        ("/api/v1/events", first("/api/v1/events", "id")),
        ("/api/v1/inbox", "demo".to_owned()),
        ("/api/v1/journeys", first("/api/v1/journeys", "id")),
        ("/api/v1/mails", first("/api/v1/mails", "id")),
        ("/api/v1/webhooks", "made".to_owned()),
    ])
}

/// What commands and reports say about a server of this configuration, and files that they write.
fn commands(visitor: &Visitor<'_>, dir: &Path, story: &str, event: &str, webhook: &str) {
    let delivery = &visitor.ids["/api/v1/deliveries"];
    let journey = &visitor.ids["/api/v1/journeys"];
    for words in [
        &["config", "show"][..],
        &["config", "check"],
        &["config", "schema"],
        &["explain", webhook],
        &["journeys", "list"],
        &["journeys", "show", journey],
        &["deliveries", "list"],
        &["deliveries", "show", delivery],
        &["webhooks", "list"],
        &["webhooks", "show", webhook],
        &["webhooks", "show", "made"],
        &["webhooks", "test", webhook],
        &["mails", "list"],
        &["clock", "show"],
        &["send", event, "--to", webhook],
        &["send", event, "--to", webhook, "--print-curl"],
        &["scenario", "schema"],
        &["man"],
    ] {
        visitor.says(dir, words);
        visitor.says(dir, &[&["--output", "json"], words].concat());
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        visitor.says(dir, &["completions", shell]);
    }
    fs::write(dir.join("a.journey.toml"), story).expect("writable");
    // The HAR of an attempt is a page; these are the reports that there are.
    for (name, kinds) in [("replay", &["json", "junit", "md"][..]), ("load", &["json", "junit", "html", "md"])] {
        let reports: Vec<String> = kinds.iter().map(|kind| format!("{kind}={name}.{kind}")).collect();
        let mut words = vec![name, "a.journey.toml"];
        words.extend(reports.iter().flat_map(|report| ["--report", report]));
        let ended = Program::start(visitor.command(dir, &words)).end();
        visitor.canaries.check(name, format!("{}\n{}", ended.stdout, ended.stderr).as_bytes());
        for kind in kinds {
            let file = format!("{name}.{kind}");
            let text = fs::read_to_string(dir.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}: {ended:?}"));
            visitor.canaries.check_markup(&file, &text);
            if *kind == "json" {
                visitor.canaries.check_json(&file, &text);
            }
        }
    }
    visitor.says(dir, &["report", "load.json"]);
}

#[test]
fn x1_x2_twelve_secrets_of_idwise_show_nowhere_in_no_form() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut canaries = Canaries::new(IDWISE);
    let (sink, smtp) = (Sink::start(echo), mail_server(canaries.get("MAIL")));
    let config = |literal: &str| {
        manual(
            &[
                "[server]\ntoken = \"env:S_TOKEN\"\n".to_owned(),
                "[idwise.sandbox]\napi_key = \"me\"\napi_secret = \"env:S_SANDBOX\"\n".to_owned(),
                "[idwise.live]\napi_key = \"me-live\"\napi_secret = \"env:S_LIVE\"\n".to_owned(),
                mail(&smtp),
                hook("basic", &sink, "auth = { type = \"basic\", username = \"me\", password = \"env:S_BASIC\" }"),
                hook("bearer", &sink, "auth = { type = \"bearer\", token = \"env:S_BEARER\" }"),
                hook("header", &sink, "headers = { \"X-Api-Key\" = \"env:S_HEADER\" }"),
                hook("literal", &sink, &format!("headers = {{ \"X-Literal\" = \"{literal}\" }}")),
                webhook("demo", "/inbox/demo", ""),
            ]
            .concat(),
        )
    };
    let server = serve(dir.path(), &config(canaries.get("LITERAL")), &canaries, "text");
    let customer = format!("Basic {}", STANDARD.encode(format!("me:{}", canaries.get("SANDBOX"))));
    let token = canaries.get("TOKEN").to_owned();
    let bearer = format!("Bearer {token}");
    let changed = config(canaries.get("RELOADED"));
    let made = json!({
        "name": "made", "url": sink.url("/hook"), "skip_test": true, "retry": ["1m"], "error_emails": ["ops@example.com"],
        "auth": { "type": "bearer", "token": canaries.get("MADETOKEN") },
        "headers": { "X-Made": canaries.get("MADEHEADER") },
    });
    let ids_unknown = BTreeMap::new();
    let mut visitor = Visitor { server: &server, canaries: &mut canaries, bearer, customer, ids: ids_unknown };
    let tried = Tried::begin(&visitor, dir.path());
    visitor.ask("POST", "/api/v1/webhooks", &made.to_string());
    let journey = |reference: &str| {
        visitor.ask(
            "POST",
            "/api/v1/journeys",
            &json!({ "flow": "onboarding", "reference_no": reference }).to_string(),
        );
        let stimulus = r#"{"do":"submit_step","step":"1"}"#;
        visitor.ask("POST", &format!("/api/v1/journeys/ref:{reference}/stimuli"), stimulus);
        visitor.ask("POST", "/api/v1/clock", r#"{"advance":"2d"}"#);
    };
    journey("X-1");
    // A wrong file is complained about, and changes nothing; a right one tells what is different.
    fs::write(dir.path().join("webhooks.toml"), changed.replace("retry", "retri")).expect("writable");
    server.signal("HUP");
    server.await_stderr("nothing was taken over");
    fs::write(dir.path().join("webhooks.toml"), &changed).expect("writable");
    server.signal("HUP");
    server.await_stderr("the configuration was taken over");
    journey("X-2");
    let owned = sent(&sink, visitor.canaries);
    for name in ["BASIC", "BEARER", "HEADER", "LITERAL", "RELOADED", "MADETOKEN", "MADEHEADER"] {
        assert!(owned.iter().any(|one| one == name), "{name} is sent to its receiver: {owned:?}");
    }
    assert_eq!(owned.len(), 7, "and no other is: {owned:?}");

    visitor.ids = ids(&visitor);
    let cookie = visitor.enter(&token);
    let pages = visitor.pages(&cookie);
    for page in ["/journeys", "/webhooks/made", "/webhooks/basic", "/deliveries", "/mails", "/clock", "/scenarios"] {
        assert!(pages.contains(page), "{page} is linked to: {pages:?}");
    }
    assert!(pages.iter().any(|page| page.ends_with(".har")), "{pages:?}");
    visitor.numbers();
    commands(&visitor, dir.path(), STORY, "Finished Step", "basic");
    assert!(visitor.api() > 40, "every operation was asked for");
    visitor.pages(&cookie);
    let again = made.to_string();
    visitor.ask("POST", "/api/v1/webhooks", &again);
    tried.end(server, &canaries, &smtp, dir.path());
}

const STORY: &str = "format = 1\nname = \"short\"\nclock = { mode = \"leap\" }\n[population]\njourneys = 3\n\
    spacing = \"even\"\narrive = [{ for = \"1m\", rate = 10 }]\n[journey]\nflow = \"onboarding\"\n\
    steps = [{ do = \"start\" }, { do = \"submit_step\", step = \"1\" }]\n[expect]\nstatus = 200\n";

const QOREID_STORY: &str = "format = 1\nprovider = \"qoreid\"\nname = \"short\"\nclock = { mode = \"leap\" }\n\
    [population]\njourneys = 3\nspacing = \"even\"\narrive = [{ for = \"1m\", rate = 10 }]\n[journey]\nflow = \"address\"\n\
    steps = [{ do = \"submit\" }, { do = \"finish\", status = \"VERIFIED\", after = \"1h\" }]\n[expect]\nstatus = 200\n";

#[test]
fn x1_x2_eight_secrets_of_qoreid_show_nowhere_in_no_form() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut canaries = Canaries::new(QOREID);
    let (sink, smtp) = (Sink::start(echo), mail_server(canaries.get("MAIL")));
    let config = [
        "provider = \"qoreid\"\nseed = 7\n[clock]\nmode = \"manual\"\n[server]\ntoken = \"env:S_TOKEN\"\n".to_owned(),
        "[qoreid.test]\nclient_id = \"c-test\"\nsecret = \"env:S_TEST\"\n".to_owned(),
        "[qoreid.live]\nclient_id = \"c-live\"\nsecret = \"env:S_LIVE\"\n".to_owned(),
        mail(&smtp),
        hook("signed", &sink, "auth = { type = \"hmac\", secret = \"env:S_HMAC\" }"),
    ]
    .concat();
    let server = serve(dir.path(), &config, &canaries, "json");
    let token = canaries.get("TOKEN").to_owned();
    // The one answer that must hold a secret: it is issued there.
    let pair = json!({ "clientId": "c-test", "secret": canaries.get("TEST") });
    let issued: Value = server.post("/token", &pair).json();
    let issued = issued["accessToken"].as_str().expect("a token").to_owned();
    canaries.extend([("ISSUED", issued.as_str())]);
    let made = json!({
        "name": "made", "url": sink.url("/hook"), "skip_test": true, "retry": ["1m"], "error_emails": ["ops@example.com"],
        "auth": { "type": "hmac", "secret": canaries.get("MADEHMAC") },
    });
    let (bearer, customer) = (format!("Bearer {token}"), format!("Bearer {issued}"));
    let mut visitor = Visitor { server: &server, canaries: &mut canaries, bearer, customer, ids: BTreeMap::new() };
    let tried = Tried::begin(&visitor, dir.path());
    visitor.ask("POST", "/api/v1/webhooks", &made.to_string());
    let asked = json!({ "flow": "address", "reference_no": "X-1" }).to_string();
    visitor.ask("POST", "/api/v1/journeys", &asked);
    let finish = r#"{"do":"finish","status":"VERIFIED"}"#;
    visitor.ask("POST", "/api/v1/journeys/ref:X-1/stimuli", finish);
    visitor.ask("POST", "/api/v1/clock", r#"{"advance":"2d"}"#);
    assert!(sink.requests().len() > 2, "signatures were sent");
    assert_eq!(sent(&sink, visitor.canaries), [""; 0], "keys of signatures are sent to nobody");

    visitor.ids = ids(&visitor);
    let cookie = visitor.enter(&token);
    let pages = visitor.pages(&cookie);
    assert!(pages.contains("/webhooks/signed") && pages.contains("/webhooks/made"), "{pages:?}");
    visitor.numbers();
    commands(&visitor, dir.path(), QOREID_STORY, "address/verification_completed", "signed");
    assert!(visitor.api() > 40, "every operation was asked for");
    visitor.pages(&cookie);
    visitor.ask("POST", "/api/v1/webhooks", &made.to_string());
    tried.end(server, &canaries, &smtp, dir.path());
}
