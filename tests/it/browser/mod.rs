//! The dashboard in a real browser: what a tester does with it in the first five minutes, how it looks, who can use it, and
//! what it does with markup that others smuggle in.

mod access;
mod live;
mod markup;
mod plain;
mod story;
mod wizard;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::server::Server;

/// A provider with one webhook into its own inbox, one retry, and time of its own.
const CONFIG: &str = r#"
[[flow]]
id = "onboarding"
steps = [{ id = "1", type = "Document", title = "Photo ID" }, { id = "2", type = "Selfie", title = "Selfie" }]
processing = "365d"
decision = "Complete"
aml_monitoring = true

[delivery]
retry = ["5m"]

[email]
digest = "1m"

[clock]
mode = "manual"

[[webhook]]
name = "demo"
types = ["*"]
url = "/inbox/demo"
error_emails = ["ops@example.com"]
"#;

/// A server with that configuration, and `more`; the directory must outlive it.
fn served(more: &str) -> (TempDir, Server) {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &format!("{CONFIG}{more}"));
    (dir, server)
}

/// Starts a journey over the API; its id.
fn journey(server: &Server, reference: &str) -> String {
    let started = server.post("/api/v1/journeys", &json!({ "flow": "onboarding", "reference_no": reference }));
    assert_eq!(started.status, 201, "{}", started.text());
    started.json()["id"].as_str().expect("an id").to_owned()
}

/// Does something to it over the API.
fn stimulate(server: &Server, id: &str, stimulus: &Value) {
    let done = server.post(&format!("/api/v1/journeys/{id}/stimuli"), stimulus);
    assert_eq!(done.status, 200, "{}", done.text());
}
