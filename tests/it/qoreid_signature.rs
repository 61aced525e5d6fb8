//! The signature as a customer checks it in Node: over `JSON.stringify` of the parsed body, on requests that were really
//! delivered, with letters beyond ASCII and with slashes. Skipped where `node` is missing.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;

use super::support::server::{DEADLINE, Server};
use super::support::sink::Sink;
use super::support::tools::which;

/// Reads `[{ body, signature }]` and says `true` when each verifies, as the provider's page shows it.
const CHECK: &str = r#"
const crypto = require('crypto');
let text = '';
process.stdin.setEncoding('utf8').on('data', part => text += part).on('end', () => {
  const good = JSON.parse(text).every(({ body, signature }) => {
    const again = JSON.stringify(JSON.parse(body));
    const hash = crypto.createHmac('sha512', process.argv[1]).update(again).digest('hex');
    return again === body && crypto.timingSafeEqual(Buffer.from(hash), Buffer.from(signature));
  });
  console.log(good);
});
"#;

#[test]
fn qoreid_07_the_signature_verifies_over_json_stringify_in_node() {
    let Some(node) = which("node") else { return };
    const SECRET: &str = "clé/秘密";
    let sink = Sink::statuses(&[200]);
    let dir = tempfile::tempdir().expect("a directory");
    let config = format!(
        "provider = \"qoreid\"\n[outbox]\nengine = \"memory\"\n[qoreid]\nprocessing = \"0s\"\n\
         [[flow]]\nid = \"tenant\"\nkind = \"workflow\"\nsteps = [{{ id = \"nin/1\", type = \"identity\" }}]\n\
         [[webhook]]\nname = \"a\"\nurl = \"{}\"\nauth = {{ type = \"hmac\", secret = \"{SECRET}\" }}\n",
        sink.url("/hook")
    );
    let server = Server::start(dir.path(), &config);
    for flow in ["address", "employment", "guarantor", "property", "tenant"] {
        let reference = format!("Größe/客/Ìkẹjà \u{2028}\"\\{flow}");
        let started = server.post("/api/v1/journeys", &json!({ "flow": flow, "reference_no": reference }));
        assert_eq!(started.status, 201, "{}", started.text());
    }
    let requests = sink.await_count(12, DEADLINE).unwrap_or_else(|some| panic!("{} requests came", some.len()));
    let told: Vec<_> = requests
        .iter()
        .map(|request| {
            let body = String::from_utf8(request.body.clone()).expect("UTF-8");
            assert!(body.contains("Größe/客") && body.is_char_boundary(1));
            json!({ "body": body, "signature": request.header("x-verifyme-signature").expect("signed") })
        })
        .collect();
    let verified = |told: &serde_json::Value, secret: &str| {
        let mut child = Command::new(&node)
            .args(["-e", CHECK, secret])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(told.to_string().as_bytes()).expect("node reads");
        drop(stdin);
        String::from_utf8(child.wait_with_output().expect("node ends").stdout).expect("UTF-8").trim().to_owned()
    };
    assert_eq!(verified(&json!(told), SECRET), "true");
    assert_eq!(verified(&json!(told), "another secret"), "false");
}
