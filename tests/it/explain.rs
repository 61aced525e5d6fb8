//! `explain`, black-box: what a webhook gets, every attempt with its window, who is mailed when, and no secret.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::program::understudy;

const CONFIG: &str = r#"
[server]
token = "s3cret-of-the-server"

[email]
digest = "2m"

[[webhook]]
name = "mine"
types = ["Finished Journey", "Updated Journey"]
url = "http://127.0.0.1:8080/kyc?key=s3cret-key"
error_emails = ["ops@example.com", "dev@example.com"]
auth = { type = "basic", username = "me", password = "s3cret-password" }
headers = { "X-Api-Key" = "s3cret-key" }
retry = ["1m", "10m"]
jitter = "10%"
timeout = "5s"
success = "2xx"
rate_limit = "50/s"
order = "journey"

[[webhook]]
name = "all"
url = "/inbox/all"
enabled = false

[[webhook]]
name = "old"
dialect = "middle"
url = "/inbox/old"

[[webhook]]
name = "elsewhere"
environment = "live"
url = "/inbox/elsewhere"
"#;

fn explain(dir: &Path, arguments: &[&str]) -> Output {
    explain_with(dir, CONFIG, arguments)
}

fn explain_with(dir: &Path, config: &str, arguments: &[&str]) -> Output {
    let file = dir.join("webhooks.toml");
    std::fs::write(&file, config).expect("the test's directory is writable");
    understudy(dir).arg("--config").arg(file).arg("explain").args(arguments).output().expect("it ran")
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).expect("text")
}

#[test]
fn a_plan_is_told_in_full_and_without_secrets() {
    let dir = tempfile::tempdir().expect("a directory");
    let said = explain(dir.path(), &["mine"]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let said = text(&said.stdout);
    assert!(!said.contains("s3cret"), "{said}");
    insta::assert_snapshot!(said, @r"
    webhook      mine
    environment  sandbox
    dialect      current
    enabled      yes
    url          http://127.0.0.1:8080/kyc?key=***
    auth         basic me:***
    headers      x-api-key
    success      2xx
    timeout      5s
    rate limit   50/s
    in flight    32 at most
    order        journey: one journey's events one after the other

    events
      Finished Journey
      Updated Journey

    if every attempt fails, by the provider's clock, from the first attempt
      attempt 1  at once
      attempt 2  +54s to +1m 11s
      attempt 3  +9m 54s to +12m 16s
      given up   +9m 54s to +12m 21s
      mailed     +9m 54s to +14m 21s  to ops@example.com, dev@example.com; kept and shown, because [email] has no smtp
    An attempt that has to wait for a slot, its rate or its order shifts what follows.
    ");
}

#[test]
fn the_same_plan_is_there_for_programs() {
    let dir = tempfile::tempdir().expect("a directory");
    let said = explain(dir.path(), &["mine", "--event", "finished journey", "--output", "json"]);
    assert!(!text(&said.stdout).contains("s3cret"));
    let shape: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!(shape["events"], json!([{ "type": "Finished Journey", "also_to": [] }]));
    assert_eq!(
        shape["attempts"],
        json!([
            { "n": 1, "starts": { "earliest_ms": 0.0, "latest_ms": 0.0 } },
            { "n": 2, "starts": { "earliest_ms": 54_000.0, "latest_ms": 71_000.0 } },
            { "n": 3, "starts": { "earliest_ms": 594_000.0, "latest_ms": 736_000.0 } },
        ])
    );
    assert_eq!(shape["exhausted"], json!({ "earliest_ms": 594_000.0, "latest_ms": 741_000.0 }));
    assert_eq!(shape["mail"]["composed"], json!({ "earliest_ms": 594_000.0, "latest_ms": 861_000.0 }));
    assert_eq!(shape["mail"]["to"], json!(["ops@example.com", "dev@example.com"]));
}

#[test]
fn each_webhook_is_told_in_its_own_dialect_and_environment() {
    let dir = tempfile::tempdir().expect("a directory");
    let shape = |name: &str| -> Value {
        let said = explain(dir.path(), &[name, "--output", "json"]);
        serde_json::from_slice(&said.stdout).expect("JSON")
    };
    let types = |shape: &Value| -> Vec<String> {
        let events = shape["events"].as_array().expect("a list");
        events.iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect()
    };
    let old = shape("old");
    assert!(types(&old).contains(&"Finished Ongoing Check".to_owned()), "{old}");
    assert_eq!(old["attempts"].as_array().map(Vec::len), Some(3), "three attempts in all, as its era documents it");
    assert_eq!(old["mail"]["composed"], Value::Null);
    let all = shape("all");
    assert_eq!((all["enabled"].as_bool(), types(&all).len()), (Some(false), 9));
    let journey = all["events"].as_array().and_then(|events| events.iter().find(|e| e["type"] == "Finished Journey"));
    assert_eq!(journey, Some(&json!({ "type": "Finished Journey", "also_to": ["mine"] })));
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let dir = tempfile::tempdir().expect("a directory");
    for (arguments, code, expected) in [
        (&["mine", "--event", "Finished Step"][..], 1, "no webhook gets it"),
        (&["elsewhere", "--event", "Step Submitted"], 2, "\"Step Submitted\" is not an event type"),
        (&["mien"], 2, "did you mean \"mine\"?"),
        (&["nothing-like-it"], 2, "configured are mine, all, old, elsewhere; or give an event's type"),
    ] {
        let said = explain(dir.path(), arguments);
        let (talk, data) = (text(&said.stderr), text(&said.stdout));
        assert_eq!((said.status.code(), data.as_str()), (Some(code), ""), "{arguments:?}: {talk}");
        assert!(talk.contains(expected), "{arguments:?}: {talk}");
    }
}

#[test]
fn an_event_is_explained_by_everybody_who_gets_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let two = CONFIG.replace("enabled = false", "");
    let said = explain_with(dir.path(), &two, &["finished journey"]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let told = text(&said.stdout);
    let names: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("webhook ")).map(str::trim).collect();
    // In the server's own dialect, wherever one belongs: the third is told it under another era's name.
    assert_eq!(names, ["mine", "all", "elsewhere"], "{told}");
    assert_eq!(told.matches("if every attempt fails").count(), 3);
    let shape = explain_with(dir.path(), &two, &["Finished Journey", "--output", "json"]);
    let shape: Value = serde_json::from_slice(&shape.stdout).expect("JSON");
    assert_eq!((&shape["event"], shape["webhooks"].as_array().map(Vec::len)), (&json!("Finished Journey"), Some(3)));
    let nobody = explain_with(
        dir.path(),
        "[[webhook]]\nname = \"a\"\ntypes = [\"Finished Step\"]\nurl = \"/inbox/a\"\n",
        &["Updated Journey"],
    );
    assert_eq!((nobody.status.code(), text(&nobody.stdout).as_str()), (Some(1), ""));
}

#[test]
fn qoreid_is_explained_with_its_own_policy_and_signature() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = "provider = \"qoreid\"\n[[webhook]]\nname = \"crm\"\nurl = \"/inbox/crm\"\nauth = { type = \"hmac\", secret = \"s3cret-of-theirs\" }\n";
    let said = explain_with(dir.path(), config, &["crm", "--output", "json"]);
    assert!(!text(&said.stdout).contains("s3cret"));
    let shape: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!((&shape["auth"], &shape["success"]), (&json!("hmac ***"), &json!("2xx")));
    assert_eq!(shape["attempts"].as_array().map(Vec::len), Some(6));
    assert_eq!(shape["attempts"][5]["starts"]["earliest_ms"], json!(111.0 * 60_000.0));
}
