//! What a receiver shows, and that every path leads to it.

use bytes::Bytes;

use super::*;
use crate::commands::output::Paint;
use crate::commands::output::tests::captured;
use crate::secret::Blanks;

fn request(body: &'static str) -> Received {
    Received {
        n: 7,
        at: "2026-11-20T08:00:01.5Z".parse().expect("an instant"),
        method: "POST".to_owned(),
        path: "/inbox/listen/hooks".to_owned(),
        query: Some("a=b&auth=bearer:s3cret".to_owned()),
        headers: vec![("authorization".into(), "Bearer s3cret".into()), ("x-a".into(), "1".into())],
        body: Bytes::from_static(body.as_bytes()),
        event_id: Some("e-1".to_owned()),
        event_type: Some("Finished Journey".to_owned()),
        tries: 1,
        authorized: None,
        status: Some(200),
    }
}

const BODY: &str = r#"{"event":"Finished Journey","body":{"eventId":"e-1","referenceNo":"KYC-1"}}"#;

#[test]
fn a_request_is_a_line() {
    let check = |request: Received| shown::line(&request, prefix(), Paint::Plain);
    insta::assert_snapshot!(check(request(BODY)), @"08:00:01.500  /hooks  Finished Journey  e-1  KYC-1  -> 200");
    insta::assert_snapshot!(check(Received { tries: 3, authorized: Some(true), status: Some(500), ..request(BODY) }), @"08:00:01.500  /hooks  Finished Journey  e-1  KYC-1  duplicate x3  auth ok  -> 500");
    let bare = Received { event_id: None, event_type: None, authorized: Some(false), status: None, ..request("hello") };
    insta::assert_snapshot!(check(Received { method: "GET".into(), path: "/inbox/listen/".into(), ..bare }), @"08:00:01.500  GET  /  no event  auth wrong  -> no answer");
    let evil = Received { event_type: Some("\u{1b}[2J\r\n".into()), event_id: Some("x".repeat(200)), ..request("") };
    insta::assert_snapshot!(check(evil), @r"08:00:01.500  /hooks  \u{1b}[2J\r\n  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...  -> 200");
}

#[test]
fn json_holds_everything_but_credentials() {
    let text = format!("{:#}", shown::json(&request(BODY), prefix()));
    assert!(!text.contains("s3cret"));
    insta::assert_snapshot!(text, @r#"
    {
      "at": "2026-11-20T08:00:01.500Z",
      "authorized": null,
      "body": "{\"event\":\"Finished Journey\",\"body\":{\"eventId\":\"e-1\",\"referenceNo\":\"KYC-1\"}}",
      "body_base64": null,
      "duplicate": false,
      "event_id": "e-1",
      "event_type": "Finished Journey",
      "headers": [
        [
          "authorization",
          "***"
        ],
        [
          "x-a",
          "1"
        ]
      ],
      "method": "POST",
      "n": 7,
      "path": "/hooks",
      "query": "a=b&auth=***",
      "reference_no": "KYC-1",
      "status": 200,
      "tries": 1
    }
    "#);
    let odd = Received { body: Bytes::from_static(b"\xff"), ..request("") };
    let shown = shown::json(&odd, prefix());
    assert_eq!((&shown["body"], &shown["body_base64"]), (&json!(null), &json!("/w==")));
}

#[test]
fn a_sender_has_no_say_in_where_a_body_is_saved() {
    for (kind, name) in [
        (Some("Finished Journey"), "20261120T080001500Z-000007-finished-journey.json"),
        (Some("../../etc/passwd"), "20261120T080001500Z-000007-etc-passwd.json"),
        (Some("\0/\\:"), "20261120T080001500Z-000007-.json"),
        (None, "20261120T080001500Z-000007-request.json"),
    ] {
        let request = Received { event_type: kind.map(str::to_owned), ..request("") };
        assert_eq!(shown::file_name(&request), name);
    }
}

#[tokio::test]
async fn every_path_leads_to_the_inbox_and_is_shown_once() {
    let clock =
        Arc::new(ProviderClock::new(ClockMode::Manual, Some("2026-11-20T08:00:00Z".parse().expect("an instant"))));
    let inbox = Inbox::new(clock, Seed(0));
    let router = everything_to(&inbox);
    let (out, data, _) = captured(Output::Text);
    let cx = Context { config: None, data_dir: None, out, blanks: Blanks::default() };
    let words = ["understudy", "listen", "--count", "3"].map(std::ffi::OsString::from);
    let crate::cli::Command::Listen(args) = crate::cli::Cli::read(words).expect("a command line").command else {
        panic!("another command")
    };
    let mut seen = Seen::default();
    let mut signals = Signals::new().expect("signals");
    let (shown, ()) = tokio::join!(show_arrivals(&cx, &args, &inbox, &mut seen, &mut signals), async {
        for path in ["/", "/hooks/a?x=1", "/hooks/a"] {
            let request = Request::post(path).body(axum::body::Body::from(BODY)).expect("a request");
            let answer = router.clone().oneshot(request).await.expect("infallible");
            assert_eq!(answer.status(), 200, "{path}");
        }
    });
    shown.expect("shown");
    summary(&cx, &seen).expect("written");
    insta::assert_snapshot!(data.text(), @r"
    08:00:00.000  /  Finished Journey  e-1  KYC-1  -> 200
    08:00:00.000  /hooks/a  Finished Journey  e-1  KYC-1  duplicate x2  -> 200
    08:00:00.000  /hooks/a  Finished Journey  e-1  KYC-1  duplicate x3  -> 200
    received 3, distinct 1, duplicates 2
    ");
}
