//! `examples/customer.py` as a customer of QoreID: plain Python against the real binary. Skipped where Python is missing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use super::support::server::Server;
use super::support::tools::python;

/// The decision that the customer comes to for `reference`.
fn decision(reference: &str) -> Option<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/customer.py");
    let mut customer = Command::new(python()?)
        .args([script, "--provider", "qoreid", "--server", "-", "--reference", reference])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut said = BufReader::new(customer.stdout.take().expect("piped")).lines();
    let mut line = || said.next().expect("another line").expect("UTF-8");
    let url = line().strip_prefix("webhooks at ").expect("its own URL first").to_owned();
    let dir = tempfile::tempdir().expect("a directory");
    let config = format!(
        "provider = \"qoreid\"\n[outbox]\nengine = \"memory\"\n[qoreid]\nprocessing = \"10ms\"\nstatus = \"VERIFIED\"\n\
         [[webhook]]\nname = \"customer\"\nurl = \"{url}\"\n\
         auth = {{ type = \"hmac\", secret = \"your_webhook_secret\" }}\n"
    );
    let server = Server::start(dir.path(), &config);
    let mut stdin = customer.stdin.take().expect("piped");
    writeln!(stdin, "http://{}", server.address()).expect("the customer reads");
    let decision = line().strip_prefix("decision ").expect("its decision next").to_owned();
    assert!(customer.wait().expect("the customer ends").success());
    Some(decision)
}

#[test]
fn a_customer_of_qoreid_ends_with_the_right_decision() {
    for (reference, expected) in [("A-1", "VERIFIED"), ("A-1+NO_ACCESS", "NO_ACCESS")] {
        let Some(found) = decision(reference) else { return };
        assert_eq!(found, expected);
    }
}
