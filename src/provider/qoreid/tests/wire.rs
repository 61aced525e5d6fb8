//! The pinned bytes of every event in every dialect, and what holds of all of them.

use super::*;
use crate::chance::Weights;

const SUBMIT: &str = r#"{"do":"submit"}"#;
const ALL_STEPS: [&str; 7] = [
    SUBMIT,
    r#"{"do":"start_step","step":"nin"}"#,
    r#"{"do":"finish_step","step":"nin"}"#,
    r#"{"do":"start_step","step":"home"}"#,
    r#"{"do":"finish_step","step":"home","status":"WRONG_ADDRESS"}"#,
    r#"{"do":"start_step","step":"job"}"#,
    r#"{"do":"finish_step","step":"job","status":"VERIFIED"}"#,
];

/// Everything that is told of a verification of each product, one body a line.
fn told(dialect: Dialect, casing: Casing) -> String {
    let mut lines = Vec::new();
    let mut add = |flow: Flow, path: &[&str]| {
        let flow = Flow { casing, ..flow };
        let (journey, events) = play(&flow, "Größe/客-7", path);
        for event in events {
            if let Some(rendered) = super::super::wire::render(&event, &journey, dialect) {
                assert_eq!(rendered.event_type, event.kind());
                assert!(dialect.event_types().contains(&rendered.event_type));
                lines.push(String::from_utf8(rendered.body).expect("UTF-8"));
            }
        }
    };
    add(Flow::of(Product::Identity), &[r#"{"do":"source_down"}"#, SUBMIT, r#"{"do":"source_restored"}"#]);
    for product in [Product::Address, Product::Employment, Product::Guarantor, Product::Property] {
        add(Flow::of(product), &[SUBMIT, r#"{"do":"finish"}"#]);
    }
    add(Flow::of(Product::Address), &[SUBMIT, r#"{"do":"cancel"}"#]);
    add(
        Flow { status: Weights::only(Status::WrongAddress), ..Flow::of(Product::Address) },
        &[SUBMIT, r#"{"do":"finish"}"#],
    );
    add(workflow(), &ALL_STEPS);
    lines.join("\n")
}

#[test]
fn every_event_in_every_dialect() {
    for dialect in Dialect::ALL {
        insta::assert_snapshot!(format!("wire-{}", dialect.as_str()), told(dialect, Casing::AsDocumented));
    }
}

#[test]
fn case_is_a_switch() {
    let status = |casing| {
        let all = told(Dialect::Current, casing);
        let line = all.lines().nth(2).expect("the address's end").to_owned();
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        value["data"]["status"].to_string()
    };
    insta::assert_snapshot!(status(Casing::AsDocumented), @r#"{"state":"COMPLETE","status":"VERIFIED","subStatus":"VERIFIED"}"#);
    insta::assert_snapshot!(status(Casing::Lower), @r#"{"state":"complete","status":"verified","subStatus":"verified"}"#);
    insta::assert_snapshot!(status(Casing::Upper), @r#"{"state":"COMPLETE","status":"VERIFIED","subStatus":"VERIFIED"}"#);
}

#[test]
fn current_bodies_have_the_three_members() {
    for line in told(Dialect::Current, Casing::AsDocumented).lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let keys: Vec<&String> = value.as_object().expect("a table").keys().collect();
        assert_eq!(keys, ["data", "event", "event_type"]);
        assert!(value["data"]["id"].is_u64());
    }
}

#[test]
fn a_test_event_exists_for_every_type_and_no_other() {
    for dialect in Dialect::ALL {
        for kind in dialect.event_types() {
            let rendered = super::super::wire::test_event(kind, dialect).expect(kind);
            assert!(rendered.event_type.starts_with(kind), "{kind}: {}", rendered.event_type);
            assert!(serde_json::from_slice::<serde_json::Value>(&rendered.body).is_ok());
        }
        for stranger in ["identity/verification_started", "address/step_verification_started", "Address", ""] {
            assert_eq!(super::super::wire::test_event(stranger, dialect), None, "{stranger}");
        }
    }
    assert_eq!(super::super::wire::test_event("workflow", Dialect::Verifyme), None);
}
