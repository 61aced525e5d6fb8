//! What is sent, where to, and how the command ends.

use super::*;
use crate::commands::output::tests::captured;
use crate::reader::{Overrides, Source};

fn config(text: &str) -> Config {
    Config::load(Source { name: "test", text }, &Overrides::none(), &|_| None).expect("a configuration")
}

#[test]
fn event_types_are_found_in_any_case_or_suggested() {
    let check = |given: &str| {
        event_type(given).map_err(|failure| format!("{}: {}", failure.message, failure.help.unwrap_or_default()))
    };
    assert_eq!(check("finished journey"), Ok("Finished Journey"));
    assert_eq!(check("AML Monitor Update"), Ok("AML Monitor Update"));
    insta::assert_snapshot!(check("Finish Journey").expect_err("none"), @"");
    insta::assert_snapshot!(check("zzz").expect_err("none"), @"");
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
    insta::assert_snapshot!(check("demo"), @"");
    insta::assert_snapshot!(check("http://b.test/y"), @"");
    insta::assert_snapshot!(check("/inbox/demo"), @"");
    insta::assert_snapshot!(check("dmo"), @"");
    insta::assert_snapshot!(check("other"), @"");
    insta::assert_snapshot!(check("http://user:pass@b.test/"), @"");
}

#[test]
fn a_test_event_is_changed_where_it_is_asked_and_nowhere_else() {
    let (out, _, talk) = captured(crate::cli::Output::Text);
    let cx = Context { config: None, data_dir: None, out };
    let body = wire::test_event("Finished Journey", EventId([0; 16])).expect("a test event");
    let set = |words: &[&str]| -> String {
        let settings: Vec<Setting> = words.iter().map(|word| word.parse().expect("a setting")).collect();
        String::from_utf8(changed(&cx, body.clone(), &settings).expect("changed").to_vec()).expect("text")
    };
    assert_eq!(set(&[]).as_bytes(), body);
    insta::assert_snapshot!(set(&["body.referenceNo=A-1", "body.refNo=2"]), @"");
    insta::assert_snapshot!(talk.text(), @"");
}

#[test]
fn the_answer_decides_how_it_ends() {
    let config = config("");
    let endpoint = endpoint(&config, "http://a.test/").expect("an endpoint");
    let check = |outcome: Outcome| {
        let (out, data, talk) = captured(crate::cli::Output::Text);
        let cx = Context { config: None, data_dir: None, out };
        let message = Message {
            event_id: EventId([0; 16]),
            event_type: "Finished Journey".to_owned(),
            journey_id: None,
            sequence: 0,
            environment: config.environment,
            created_at: crate::clock::Timestamp::default(),
            body: Bytes::new(),
        };
        let exit = report(&cx, &endpoint, &message, &outcome).expect("written");
        format!("{}\n{}---\n{}", exit.code(), data.text(), talk.text())
    };
    let answered = |status: u16, body: &str| Outcome {
        status: Some(status),
        response: Some(crate::message::ResponseSeen { status, body: body.into(), ..Default::default() }),
        ..Outcome::default()
    };
    insta::assert_snapshot!(check(answered(200, "")), @"");
    insta::assert_snapshot!(check(answered(204, "\u{1b}[2Jno")), @"");
    insta::assert_snapshot!(check(Outcome::failed(crate::message::ErrorClass::Connect, "connection refused")), @"");
}
