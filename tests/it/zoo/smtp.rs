//! Mail servers that refuse, cut or hang at each stage: what becomes of the mail, and that deliveries go on meanwhile.
//!
//! The clock is moved by hand, so that the five and a half hours of a mail's own plan pass at once. What ends a server that
//! hangs is a minute of real time; that it does is shown in process, beside the mailer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::animals::nobody;
use super::vitals::at_rest;
use crate::support::arrivals::Arrivals;
use crate::support::server::{DEADLINE, Server};
use crate::support::sink::{Answer, Received, Sink};
use crate::support::smtp::{Mail, Reply, SmtpSink, Stage};
use crate::support::steps::{advance, items, ledger, manual, one_event, settle, webhook};

const UNPOISONED: &str = "no thread panics while it holds this lock";

/// How often a mail is tried in all, as its plan has it.
const PLAN: u64 = 6;

/// What a mail server does at one of its stages.
#[derive(Clone, Debug)]
struct Fault {
    stage: Stage,
    reply: Reply,
    /// It is cured once it has shown so often.
    times: u64,
}

/// A mail server whose fault can be changed while it runs.
struct Clinic {
    smtp: SmtpSink,
    fault: Arc<Mutex<Option<Fault>>>,
    /// The stage of each time that a fault has shown.
    shown: Arc<Arrivals<Stage>>,
}

impl Clinic {
    fn open() -> Clinic {
        let fault = Arc::new(Mutex::new(None::<Fault>));
        let shown = Arc::new(Arrivals::new());
        let (current, seen) = (Arc::clone(&fault), Arc::clone(&shown));
        let smtp = SmtpSink::start(move |stage| {
            let mut fault = current.lock().expect(UNPOISONED);
            match &mut *fault {
                Some(fault) if same(&fault.stage, stage) && fault.times > 0 => {
                    fault.times -= 1;
                    seen.push(|_| stage.clone());
                    fault.reply.clone()
                }
                _ => Reply::Usual,
            }
        });
        Clinic { smtp, fault, shown }
    }

    fn set(&self, fault: Option<Fault>) {
        *self.fault.lock().expect(UNPOISONED) = fault;
    }
}

/// The stages, whatever they carry.
fn stages() -> [Stage; 6] {
    let any = String::new;
    [Stage::Greeting, Stage::Hello, Stage::MailFrom(any()), Stage::Recipient(any()), Stage::Data, Stage::Accepted]
}

fn same(one: &Stage, other: &Stage) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// A webhook that loses everything and one that loses nothing, and a mail server.
fn config(smtp: &str, sink: &Sink) -> String {
    let email = format!("[email]\nsmtp = \"{smtp}\"\nfrom = \"webhooks@understudy.test\"\n");
    let dead = webhook("dead", &sink.url("/dead"), "retry = []\nerror_emails = [\"ops@example.com\"]");
    manual(&(email + &dead + &webhook("well", &sink.url("/well"), "")))
}

fn receiver() -> Sink {
    Sink::start(|request: &Received| Answer::Status(if request.path == "/dead" { 500 } else { 200 }))
}

fn message_ids(mails: &[Mail]) -> BTreeSet<String> {
    let id = |mail: &Mail| mail.text().lines().find_map(|line| line.strip_prefix("Message-ID: ").map(str::to_owned));
    mails.iter().map(|mail| id(mail).expect("a mail has an id")).collect()
}

/// That the newest mail ended so, and no other was made.
#[track_caller]
fn check_ended(server: &Server, mails: usize, state: &str, attempts: u64, what: &str) -> Value {
    let shown = items(server, "/api/v1/mails?limit=1000");
    assert_eq!(shown.len(), mails, "{what}: one mail for what was lost, and none about a mail: {shown:?}");
    let newest = shown[0].clone();
    assert_eq!((&newest["state"], &newest["attempts"]), (&state.into(), &attempts.into()), "{what}: {newest}");
    newest
}

#[test]
fn e1_e2_e5_a_fault_at_any_stage_ends_as_it_should_and_each_try_carries_the_same_id() {
    let (clinic, sink) = (Clinic::open(), receiver());
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &config(&clinic.smtp.url(), &sink));
    let mut mails = 0;
    for stage in stages() {
        // The reply, how often it is given, and the state and attempts that it leads to.
        for (reply, times, state, attempts) in [
            (Reply::Say("451 try later"), u64::MAX, "failed", PLAN),
            (Reply::Say("451 try later"), 2, "sent", 3),
            (Reply::Say("554 never"), u64::MAX, "failed", 1),
            (Reply::Cut, u64::MAX, "failed", PLAN),
            (Reply::Cut, 2, "sent", 3),
        ] {
            let what = format!("{reply:?} at {stage:?}, {times} times");
            let before = clinic.smtp.mails().len();
            clinic.set(Some(Fault { stage: stage.clone(), reply: reply.clone(), times }));
            one_event(&server, "LOST");
            advance(&server, "1d");
            mails += 1;
            let shown = check_ended(&server, mails, state, attempts, &what);
            assert_eq!(shown["error"].is_null(), state == "sent", "{what}: why it failed is told: {shown}");
            if let (Reply::Say(words), "failed") = (&reply, state) {
                let told = shown["error"].as_str().unwrap_or_default();
                assert!(told.contains(&words[..3]) && told.contains(&words[4..]), "{what}: {told}");
            }
            let seen = clinic.smtp.mails().split_off(before);
            // At the last stage the server had the mail each time; before, only where it was cured.
            let last = same(&stage, &Stage::Accepted);
            let expected = if last { attempts } else { u64::from(state == "sent") };
            assert_eq!(seen.len() as u64, expected, "{what}");
            assert!(message_ids(&seen).len() <= 1, "E2: {what}: the same Message-ID each time");
            let in_doubt = u64::from(last && reply == Reply::Cut) * times.min(attempts);
            let yes = seen.iter().filter(|mail| mail.taken).count() as u64 - in_doubt;
            assert_eq!(yes, u64::from(state == "sent"), "E2: {what}: one yes at most, and none after it");
        }
    }
    let ledger = ledger(&server);
    assert_eq!(ledger["deliveries"]["delivered"], mails, "E5: no delivery was held up: {ledger}");
    assert_eq!(ledger["mails"]["accepted"], mails, "{ledger}");
    assert!(server.stderr().contains("error mail given up"), "E5: the log tells");
}

#[test]
fn e5_nobody_at_the_mail_servers_port_ends_the_mail_after_its_plan() {
    let sink = receiver();
    let dir = tempfile::tempdir().expect("a directory");
    let smtp = nobody().replace("http://", "smtp://");
    let server = Server::start(dir.path(), &config(smtp.trim_end_matches('/'), &sink));
    one_event(&server, "LOST");
    advance(&server, "1d");
    let shown = check_ended(&server, 1, "failed", PLAN, "refused");
    assert!(shown["error"].as_str().is_some_and(|error| error.contains("refused")), "{shown}");
    assert_eq!(ledger(&server)["deliveries"]["delivered"], 1);
}

#[test]
fn e2_e5_a_mail_server_that_hangs_blocks_no_delivery_and_a_crash_then_repeats_one_mail_at_most() {
    let (clinic, sink) = (Clinic::open(), receiver());
    let dir = tempfile::tempdir().expect("a directory");
    let config = config(&clinic.smtp.url(), &sink);
    let mut server = Server::start(dir.path(), &config);
    for (n, stage) in stages().into_iter().enumerate() {
        let what = format!("hanging at {stage:?}");
        let before = clinic.smtp.mails().len();
        clinic.set(Some(Fault { stage: stage.clone(), reply: Reply::Hang, times: u64::MAX }));
        one_event(&server, "LOST");
        // Attempts are done, and the digest's minute runs.
        settle(&server);
        // To the very instant at which the mail is sent: to go past it would wait for its end.
        advance(&server, "59s999ms");
        assert!(clinic.shown.await_count(n + 1, DEADLINE).is_ok(), "{what}: the mail is under way");
        one_event(&server, "MEANWHILE");
        let count = &at_rest(&server)["deliveries"];
        assert_eq!(
            (&count["delivered"], &count["exhausted"]),
            (&(2 * n + 2).into(), &(2 * n + 2).into()),
            "E5: {what}"
        );

        server.kill();
        clinic.set(None);
        server = Server::start(dir.path(), &config);
        let last = usize::from(same(&stage, &Stage::Accepted));
        let seen = clinic.smtp.await_count(before + 1 + last, DEADLINE).expect("it is sent again").split_off(before);
        assert_eq!(message_ids(&seen).len(), 1, "E2: {what}: the same Message-ID after a crash");
        // The second event's digest follows; then there are two mails for each stage.
        advance(&server, "1d");
        let all = clinic.smtp.mails().split_off(before);
        assert_eq!((all.len(), message_ids(&all).len()), (2 + last, 2), "E2: {what}");
        check_ended(&server, 2 * n + 2, "sent", 1, &what);
    }
    assert!(items(&server, "/api/v1/mails?limit=1000").iter().all(|mail| mail["state"] == "sent"), "E1");
}
