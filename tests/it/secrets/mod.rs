//! X1 and X2: no secret in any form in what the product says or keeps, even where a receiver sends it back. What is
//! looked for is in `canaries`, where it is looked for in `places`.

mod canaries;
mod panics;
mod places;
mod sweep;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use self::canaries::{Canaries, forms};
use crate::support::program::{Ended, Program, understudy};
use crate::support::server::Server;
use crate::support::sink::{Answer, Received, Sink};
use crate::support::steps::{manual, webhook};

/// Each with what the forms treat differently: quotes, slashes, signs, unreserved marks, letters beyond ASCII.
const SECRETS: [(&str, &str); 6] = [
    ("TOKEN", "tok-en_of/the+server.1=="),
    ("BASIC", "pass\"wo\\rd/wi-th_é+ü.2"),
    ("BEARER", "bear-er_to/ke+n~number.3=="),
    ("HEADER", "head\"er\\va/lu-e_with+mark%s.4"),
    ("MAIL", "mail-pass_wo/rd+5"),
    ("API", "api-se_cr/et+6"),
];

fn secret(name: &str) -> &'static str {
    SECRETS.iter().find(|(known, _)| *known == name).map(|(_, secret)| *secret).expect("a known name")
}

/// Sends back all that it was sent, in every form, in its headers and in its body.
fn echo(request: &Received) -> Answer {
    let mut said = Vec::new();
    let mut headers = BTreeMap::new();
    for (n, (name, value)) in request.headers.iter().enumerate() {
        said.push(format!("{name}: {value}"));
        said.extend(forms(value));
        let word = value.split_once(' ').map_or(value.as_str(), |(_, word)| word);
        said.extend(forms(word));
        let credentials = STANDARD.decode(word).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(credentials) = credentials {
            said.extend(forms(&credentials));
            said.extend(credentials.split_once(':').map(|(_, password)| forms(password)).into_iter().flatten());
        }
        headers.insert(format!("X-Echo-{n}"), value.clone());
    }
    Answer::Full(500, headers, said.join("\n").into_bytes())
}

fn hooks(url: &str) -> String {
    let contact = "error_emails = [\"ops@example.com\"]\nretry = [\"1m\"]\n";
    let with = |more: &str| format!("{contact}{more}");
    [
        webhook("basic", url, &with("auth = { type = \"basic\", username = \"me\", password = \"env:S_BASIC\" }")),
        webhook("bearer", url, &with("auth = { type = \"bearer\", token = \"env:S_BEARER\" }")),
        webhook("header", url, &with("headers = { \"X-Api-Key\" = \"env:S_HEADER\" }")),
    ]
    .concat()
}

fn serve(dir: &Path, config: &str) -> Server {
    let mut command = Server::command(dir, config);
    command.args(["--log-level", "trace"]);
    command.envs(SECRETS.iter().map(|(name, secret)| (format!("S_{name}"), *secret)));
    Server::ready(command).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn x1_x2_a_receiver_that_echoes_every_secret_in_every_form_makes_none_of_them_show() {
    let canaries = Canaries::new(SECRETS);
    let check = |place: &str, bytes: &[u8]| canaries.check(place, bytes);
    let leaked = |bytes: &[u8]| canaries.found_in(bytes);
    let sink = Sink::start(echo);
    let smtp = sweep::mail_server(secret("MAIL"));
    let dir = tempfile::tempdir().expect("a directory");
    let email = format!("[email]\nsmtp = \"smtp://me:env:S_MAIL@{}\"\n", smtp.address());
    let tables = "[server]\ntoken = \"env:S_TOKEN\"\n[idwise.sandbox]\napi_key = \"me\"\napi_secret = \"env:S_API\"\n";
    let config = manual(&format!("{tables}{email}{}", hooks(&sink.url("/hook"))));
    let server = serve(dir.path(), &config);
    let bearer = format!("Bearer {}", secret("TOKEN"));
    let ask = |method: &str, path: &str, body: &str| {
        let answer = server.ask(method, path, &[("Authorization", &bearer)], body.as_bytes()).expect("answered");
        assert!(answer.status < 300, "{path}: {}", answer.text());
        check(path, format!("{:?}", answer.headers).as_bytes());
        canaries.check_json(path, &answer.text());
        answer.json()
    };
    ask("POST", "/api/v1/journeys", &json!({ "flow": "onboarding", "reference_no": "X-1" }).to_string());
    ask("POST", "/api/v1/journeys/ref:X-1/stimuli", r#"{"do":"submit_step","step":"1"}"#);
    ask("POST", "/api/v1/clock", r#"{"advance":"2d"}"#);

    // What the receiver had, and the check would find it: all three secrets that are sent, and never the others.
    let had: Vec<u8> = sink
        .requests()
        .iter()
        .flat_map(|request| match echo(request) {
            Answer::Full(_, _, body) => body,
            _ => Vec::new(),
        })
        .collect();
    for name in ["BASIC", "BEARER", "HEADER"] {
        let found = leaked(&had).iter().filter(|form| form.starts_with(name)).count();
        assert!(found > 10, "{name} was echoed in {found} forms");
    }
    assert!(!leaked(&had).iter().any(|form| ["TOKEN", "MAIL", "API"].iter().any(|name| form.starts_with(name))));

    let deliveries = ask("GET", "/api/v1/deliveries", "")["items"].clone();
    for delivery in deliveries.as_array().expect("a list") {
        let id = delivery["id"].as_str().expect("an id");
        let shown = ask("GET", &format!("/api/v1/deliveries/{id}"), "");
        assert_eq!(shown["tries"].as_array().map(Vec::len), Some(2), "{shown}");
        assert!(shown["tries"][0]["response"]["body"].as_str().expect("a text").contains("***"), "{shown}");
        let words = ["deliveries", "show", id];
        check("deliveries show", format!("{:?}", command(dir.path(), &server, &words)).as_bytes());
    }
    let mails = ask("GET", "/api/v1/mails", "")["items"].clone();
    assert_eq!(mails.as_array().map(Vec::len), Some(3), "{mails}");
    for path in ["/api/v1/journeys", "/api/v1/events", "/api/v1/clock", "/api/v1/ledger", "/api/v1/inbox"] {
        ask("GET", path, "");
    }
    let delivery = deliveries[0]["id"].as_str().expect("an id");
    let journey = deliveries[0]["journey_id"].as_str().expect("an id");
    for path in [
        "/",
        "/journeys",
        &format!("/journeys/{journey}"),
        "/webhooks",
        "/webhooks/basic",
        "/webhooks/bearer",
        "/webhooks/header",
        "/webhooks/new",
        "/deliveries",
        &format!("/deliveries/{delivery}"),
        &format!("/deliveries/{delivery}.har"),
        "/inbox-view",
        "/mails",
        "/mails/m1",
        "/clock",
        "/scenarios",
    ] {
        let page = server.ask("GET", path, &[("Authorization", &bearer)], b"").expect("answered");
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        check(path, format!("{:?}", page.headers).as_bytes());
        canaries.check_markup(path, &page.text());
    }
    for words in
        [&["config", "show"][..], &["--output", "json", "config", "show"], &["config", "check"], &["mails", "list"]]
    {
        let said = command(dir.path(), &server, words).with_code(0);
        check(&words.join(" "), format!("{said:?}\n{}\n{}", said.stdout, said.stderr).as_bytes());
    }
    assert!(!smtp.mails().is_empty(), "the server's password was taken");
    for mail in smtp.mails() {
        check("a mail", &mail.data);
    }
    check("stdout", server.stdout().as_bytes());
    let (log, last) = (server.stderr(), server.terminate());
    assert!(log.contains("exhausted"), "{log}");
    check("the log", log.as_bytes());
    assert_eq!(last.code(), Some(0));
    let files = files(&dir.path().join("data"));
    assert!(files.len() > 2, "{files:?}");
    for file in files {
        check(&file, &fs::read(&file).expect("readable"));
    }
}

/// Runs a command in the server's place, with the server's configuration and the same environment.
fn command(dir: &Path, server: &Server, words: &[&str]) -> Ended {
    let mut command = understudy(dir);
    command.args(words).env("UNDERSTUDY_SERVER", format!("http://{}", server.address()));
    command.env("UNDERSTUDY_TOKEN", secret("TOKEN")).env("UNDERSTUDY_LOG_LEVEL", "trace");
    command.envs(SECRETS.iter().map(|(name, secret)| (format!("S_{name}"), *secret)));
    Program::start(command).end()
}

fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("readable") {
        let path = entry.expect("readable").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path.to_str().expect("UTF-8").to_owned()),
        }
    }
    found
}

#[test]
fn x1_a_secret_that_the_limit_of_a_body_cuts_in_two_does_not_show_its_beginning() {
    const LIMIT: usize = 1024;
    let token = secret("BEARER");
    let sink = Sink::start(move |_: &Received| {
        let body = format!("{}{token} and more", "x".repeat(LIMIT - token.len() + 3));
        Answer::Full(500, BTreeMap::new(), body.into_bytes())
    });
    let dir = tempfile::tempdir().expect("a directory");
    let more = format!(
        "auth = {{ type = \"bearer\", token = \"env:S_BEARER\" }}\nretry = []\nresponse_body_max = \"{LIMIT}B\""
    );
    let server = serve(dir.path(), &manual(&webhook("cut", &sink.url("/"), &more)));
    let (_, event) = crate::support::steps::one_event(&server, "CUT-1");
    crate::support::steps::settle(&server);
    let shown = crate::support::steps::delivery_of(&server, &event);
    let body = shown["tries"][0]["response"]["body"].as_str().expect("a text");
    assert!(body.starts_with("xxx") && shown["tries"][0]["response"]["truncated"] == true, "{shown}");
    assert!(!body.contains(&token[..8]), "the beginning of the secret: {}", &body[body.len() - 40..]);
}

#[test]
fn x1_complaints_about_a_file_do_not_quote_its_secrets() {
    let dir = tempfile::tempdir().expect("a directory");
    // Digits only, so that it can stand without quotes.
    let plain = "41592653589793";
    for text in [
        format!("[server]\ntoken = [\"{plain}\"]\n"),
        format!("[server]\ntoken = {plain}\n"),
        format!(
            "[[webhook]]\nname = \"a\"\ntypes = [\"*\"]\nurl = \"http://127.0.0.1:1/\"\nauth = {{ type = \"bearer\", tokn = \"{plain}\" }}\n"
        ),
        format!(
            "[[webhook]]\nname = \"a\"\ntypes = [\"*\"]\nurl = \"http://127.0.0.1:1/\"\nauth = {{ type = \"baerer\", token = \"{plain}\" }}\n"
        ),
        format!(
            "[[webhook]]\nname = \"a\"\ntypes = [\"*\"]\nurl = \"http://127.0.0.1:1/\"\nheaders = {{ \"X Key\" = \"{plain}\" }}\n"
        ),
        format!("[email]\nsmtp = \"smtp://me:{plain}@:1\"\n"),
    ] {
        fs::write(dir.path().join("webhooks.toml"), &text).expect("writable");
        for words in [&["config", "check"][..], &["serve"], &["--output", "json", "config", "check"]] {
            let refused = crate::support::program::run(dir.path(), words).with_code(2);
            assert!(!format!("{}{}", refused.stdout, refused.stderr).contains(plain), "{words:?}: {}", refused.stderr);
        }
    }
}
