//! `/openapi.json` against the server that it describes: schemathesis (from PyPI) calls every operation in many right and
//! wrong ways, and finds no failure of the server and nothing that the description does not say. Skipped where
//! schemathesis is missing.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::support::server::Server;
use super::support::tools::python_with;

/// So long each provider is called, in seconds; with a seed, so that a failure can be had again.
const SECONDS: &str = "30";

/// What a form may hold besides what is asked for is anybody's business: names and values that HTTP cannot even carry among
/// it. So of the two submissions only the answers are judged, not whether they are taken. Neither is it of a webhook's
/// definition: its values are described by `config schema`.
const FORMS: &str = "[[operations]]\ninclude-path-regex = \"/process-(custom-)?journey-step$\"\n\
    checks.negative_data_rejection.enabled = false\nchecks.positive_data_acceptance.enabled = false\n\
    [[operations]]\ninclude-path-regex = \"/api/v1/webhooks(/\\\\{name\\\\})?$\"\n\
    checks.negative_data_rejection.enabled = false\nchecks.positive_data_acceptance.enabled = false\n";

const COMMON: &str = "seed = 7\n[server]\ntoken = \"the-token\"\n[outbox]\nengine = \"memory\"\n[clock]\nmode = \"manual\"\n\
    [[webhook]]\nname = \"demo\"\nurl = \"/inbox/demo\"\n";

/// Calls every operation of a server of `config`, with `credentials` for its API.
fn survives(config: &str, credentials: impl FnOnce(&Server) -> String) {
    let Some(python) = python_with("schemathesis") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), config);
    let settings = dir.path().join("schemathesis.toml");
    let token = "[auth.openapi.token]\nbearer = \"the-token\"\n";
    fs::write(&settings, format!("{FORMS}{token}{}", credentials(&server))).expect("a writable directory");
    let told = Command::new(python)
        .args(["-c", "from schemathesis.cli import schemathesis; schemathesis()", "--config-file"])
        .arg(settings)
        .args(["run", &format!("http://{}/openapi.json", server.address())])
        // An answer that does not end: `api/stream.rs` judges it.
        .args(["--exclude-path", "/api/v1/stream"])
        .args(["--seed", "1", "--max-examples", "15", "--max-time", SECONDS, "--warnings", "off", "--no-color"])
        .current_dir(dir.path())
        .output()
        .expect("schemathesis runs");
    let text = String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success(), "{text}\n{}", String::from_utf8_lossy(&told.stderr));
    assert!(text.contains("No issues found"), "{text}");
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn idwises_api_and_the_control_api_are_as_they_are_described() {
    let idwise = "[idwise]\nsummary_interval = \"off\"\n[idwise.sandbox]\napi_key = \"customer\"\napi_secret = \"secret-1\"\n\
        [[flow]]\nid = \"onboarding\"\nsteps = [{ id = \"1\", type = \"Document\" }, { id = \"2\", type = \"Selfie\" }]\n\
        decision = { Complete = 85, Refer = 15 }\naml_monitoring = true\n";
    survives(&format!("provider = \"idwise\"\n{COMMON}{idwise}"), |_| {
        "[auth.openapi.idwise]\nusername = \"customer\"\npassword = \"secret-1\"\n".to_owned()
    });
}

#[test]
fn qoreids_api_and_the_control_api_are_as_they_are_described() {
    let qoreid = "auth = { type = \"hmac\", secret = \"signed\" }\n\
        [qoreid]\nprocessing = \"10ms\"\n[qoreid.test]\nclient_id = \"customer\"\nsecret = \"secret-1\"\n";
    survives(&format!("provider = \"qoreid\"\n{COMMON}{qoreid}"), |server| {
        let token = server.post("/token", &json!({ "clientId": "customer", "secret": "secret-1" }));
        let token = token.json()["accessToken"].as_str().expect("a token").to_owned();
        let pair = "[auth.openapi.qoreid_pair]\nusername = \"customer\"\npassword = \"secret-1\"\n";
        format!("[auth.openapi.qoreid_token]\nbearer = \"{token}\"\n{pair}")
    });
}
