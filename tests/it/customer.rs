//! `examples/customer.py` as a customer of each provider: plain Python against the real binary, told one event twice on the
//! way. Skipped where Python is missing.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::json;
use understudy::clock::Stopwatch;

use super::support::server::{DEADLINE, Server};
use super::support::tools::python;

/// The customer, and what it says. One that is dropped is killed.
struct Customer {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Customer {
    /// Starts it; it listens, and waits to hear where the provider is.
    fn start(provider: &str, reference: &str) -> Option<(Customer, String)> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/customer.py");
        let mut process = Command::new(python()?)
            .args([script, "--provider", provider, "--server", "-", "--reference", reference])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let said = BufReader::new(process.stdout.take().expect("piped")).lines();
        let mut customer = Customer { process, said };
        let url = customer.line("webhooks at ");
        Some((customer, url))
    }

    /// The next line that begins so, without that; other lines are passed over.
    fn line(&mut self, beginning: &str) -> String {
        let said = self.said.by_ref().map(|line| line.expect("UTF-8"));
        let line = said.filter_map(|line| line.strip_prefix(beginning).map(str::to_owned)).next();
        line.unwrap_or_else(|| panic!("the customer ended without saying {beginning:?}"))
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().expect("piped"), "{line}").expect("the customer reads");
    }
}

impl Drop for Customer {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// The decision that the customer comes to for `reference`. Its first event comes twice, and the end only after that.
fn decision(provider: &str, tables: &str, auth: &str, reference: &str) -> Option<String> {
    let (mut customer, url) = Customer::start(provider, reference)?;
    let dir = tempfile::tempdir().expect("a directory");
    let config = format!(
        "provider = \"{provider}\"\n[outbox]\nengine = \"memory\"\n[clock]\nmode = \"manual\"\n{tables}\
         [[webhook]]\nname = \"customer\"\nurl = \"{url}\"\nauth = {auth}\n"
    );
    let server = Server::start(dir.path(), &config);
    customer.tell(&format!("http://{}", server.address()));
    let waiting = Stopwatch::start();
    // Until the customer has started something and its first event has arrived, there is nothing to send again.
    while server.post("/api/v1/deliveries/d1/resend", &json!({})).status != 201 {
        assert!(waiting.elapsed() < DEADLINE, "the first event was not delivered in time");
        std::thread::yield_now();
    }
    // Its steps are all submitted by then: it looks at its events only afterwards.
    customer.line("repeated ");
    assert_eq!(server.post("/api/v1/clock", &json!({ "advance": "1m" })).status, 200);
    let decision = customer.line("decision ");
    assert!(customer.process.wait().expect("the customer ends").success());
    Some(decision)
}

#[test]
fn a_customer_of_idwise_ends_with_the_right_decision() {
    let tables = "[idwise.sandbox]\napi_key = \"customer\"\napi_secret = \"customer-secret\"\n\
        [[flow]]\nid = \"onboarding\"\nsteps = [{ id = \"1\", type = \"Document\" }, { id = \"2\", type = \"Selfie\" }]\n\
        decision = \"Complete\"\n";
    let auth = "{ type = \"basic\", username = \"hook\", password = \"your_webhook_secret\" }";
    for (reference, expected) in [("A-1", "Complete"), ("A-1+refer", "Refer"), ("A-1+incomplete", "Incomplete")] {
        let Some(found) = decision("idwise", tables, auth, reference) else { return };
        assert_eq!(found, expected, "{reference}");
    }
}

#[test]
fn a_customer_of_qoreid_ends_with_the_right_decision() {
    let tables = "[qoreid]\nstatus = \"VERIFIED\"\n\
        [qoreid.test]\nclient_id = \"customer\"\nsecret = \"customer-secret\"\n";
    let auth = "{ type = \"hmac\", secret = \"your_webhook_secret\" }";
    for (reference, expected) in [("A-1", "VERIFIED"), ("A-1+NO_ACCESS", "NO_ACCESS")] {
        let Some(found) = decision("qoreid", tables, auth, reference) else { return };
        assert_eq!(found, expected, "{reference}");
    }
}
