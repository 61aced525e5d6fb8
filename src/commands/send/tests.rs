//! What is sent, where to, and how the command ends.

use super::*;
use crate::commands::output::tests::captured;
use crate::reader::{Overrides, Source};
use crate::secret::Blanks;

fn config(text: &str) -> Config {
    Config::load(Source { name: "test", text }, &Overrides::none(), &|_| None).expect("a configuration")
}

fn current() -> Dialect {
    Dialect::current(provider::ProviderKind::Idwise)
}

#[test]
fn event_types_are_found_in_any_case_or_suggested() {
    let check = |given: &str| {
        settings::event_type(current(), given)
            .map_err(|failure| format!("{}: {}", failure.message, failure.help.unwrap_or_default()))
    };
    assert_eq!(check("finished journey"), Ok("Finished Journey"));
    assert_eq!(check("AML Monitor Update"), Ok("AML Monitor Update"));
    insta::assert_snapshot!(check("Finish Journey").expect_err("none"), @r#""Finish Journey" is not an event type: did you mean "Finished Journey"?"#);
    insta::assert_snapshot!(check("zzz").expect_err("none"), @r#""zzz" is not an event type: known are Finished Step, Finished User Steps, Finished Journey, Updated Journey, Verification Update Required, KYC Renewal Deadline Exceeded, AML Monitor Update, Finished Spot Check, Manually Reviewed"#);
}

#[test]
fn targets_are_names_urls_or_inboxes() {
    let config = config(
        "[[webhook]]\nname = \"demo\"\nurl = \"https://a.test/x\"\nauth = { type = \"bearer\", token = \"t0ken-word\" }\n",
    );
    let check = |to: &str| match endpoint(&config, to) {
        Ok(endpoint) => format!("{} {:?}", endpoint.url, endpoint.auth),
        Err(failure) => format!("{}: {} | {}", failure.exit.code(), failure.message, failure.help.unwrap_or_default()),
    };
    insta::assert_snapshot!(check("demo"), @"https://a.test/x Bearer { token: *** }");
    insta::assert_snapshot!(check("http://b.test/y"), @"http://b.test/y None");
    insta::assert_snapshot!(check("/inbox/demo"), @"http://127.0.0.1:4740/inbox/demo None");
    insta::assert_snapshot!(check("dmo"), @r#"2: there is no webhook "dmo" | did you mean "demo"?"#);
    insta::assert_snapshot!(check("other"), @r#"2: there is no webhook "other" | configured are demo; or send to a URL"#);
    insta::assert_snapshot!(check("http://user:pass@b.test/"), @r#"2: "url" holds a user name or password | move them to auth = { type = "basic", username = "...", password = "env:NAME" }"#);
}

#[test]
fn a_test_event_is_changed_where_it_is_asked_and_nowhere_else() {
    let (out, _, talk) = captured(crate::cli::Output::Text);
    let cx = Context { config: None, data_dir: None, out, blanks: Blanks::default() };
    let body = crate::provider::test_event(current(), "Finished Journey", EventId([0; 16])).expect("a test event").body;
    let set = |words: &[&str]| -> String {
        let settings: Vec<Setting> = words.iter().map(|word| word.parse().expect("a setting")).collect();
        String::from_utf8(changed(&cx, body.clone(), &settings).expect("changed").to_vec()).expect("text")
    };
    assert_eq!(set(&[]).as_bytes(), body);
    insta::assert_snapshot!(set(&["body.referenceNo=A-1", "body.refNo=2"]), @r#"{"event":"Finished Journey","body":{"eventId":"00000000-0000-0000-0000-000000000000","journeyId":"000000000000000000000000","referenceNo":"A-1","systemDecision":"Complete","refNo":2}}"#);
    insta::assert_snapshot!(talk.text(), @"note: body.refNo is a new key");
}

#[test]
fn the_answer_decides_how_it_ends() {
    let config = config("");
    let endpoint = endpoint(&config, "http://a.test/").expect("an endpoint");
    let check = |outcome: Outcome| {
        let (out, data, talk) = captured(crate::cli::Output::Text);
        let cx = Context { config: None, data_dir: None, out, blanks: Blanks::default() };
        let message = Message {
            event_id: EventId([0; 16]),
            event_type: "Finished Journey".into(),
            journey_id: None,
            sequence: 0,
            environment: config.environment,
            created_at: crate::clock::Timestamp::default(),
            body: Bytes::new(),
            forms: Vec::new(),
        };
        let exit = report(&cx, &endpoint, &message, &outcome).expect("written");
        format!("{}\n{}---\n{}", exit.code(), data.text(), talk.text())
    };
    let answered = |status: u16, body: &str| Outcome {
        status: Some(status),
        response: Some(crate::message::ResponseSeen { status, body: body.into(), ..Default::default() }),
        ..Outcome::default()
    };
    insta::assert_snapshot!(check(answered(200, "")), @r"
    0
    answered 200 in 0 ms
    ---
    Finished Journey 00000000-0000-0000-0000-000000000000 to http://a.test/
    ");
    insta::assert_snapshot!(check(answered(204, "\u{1b}[2Jno")), @r"
    1
    answered 204 in 0 ms
    \u{1b}[2Jno
    ---
    Finished Journey 00000000-0000-0000-0000-000000000000 to http://a.test/
    refused: 204 is no success, only 200 is
    ");
    insta::assert_snapshot!(check(Outcome::failed(crate::message::ErrorClass::Connect, "connection refused")), @r"
    3
    connect: connection refused in 0 ms
    ---
    Finished Journey 00000000-0000-0000-0000-000000000000 to http://a.test/
    ");
}
