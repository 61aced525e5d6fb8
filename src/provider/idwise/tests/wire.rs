//! The pinned wire format: a change here is a change of what customers receive.

use super::*;
use crate::ids::{EventId, JourneyId};

fn rendered(event: Event) -> String {
    let journey = Journey { reference_no: "Ärztin-客-1".to_owned(), ..started(&onboarding()) };
    let id = EventId::mint(SEED, journey.id, 1);
    let dialect = provider::Dialect::Idwise(Dialect::Current);
    let rendered = provider::render(&provider::Event::Idwise(event), id, &journey, dialect).expect("of today");
    String::from_utf8(rendered.body).expect("UTF-8")
}

fn decisions(manual: Option<ManualDecision>) -> Decisions {
    Decisions { system: SystemDecision::Refer, manual }
}

#[test]
fn finished_step() {
    let event = Event::FinishedStep { step_id: "1".to_owned(), step_kind: StepKind::Document };
    insta::assert_snapshot!(rendered(event), @r#"{"event":"Finished Step","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","stepId":"1","stepType":"Document"}}"#);
}

#[test]
fn finished_user_steps() {
    let event = Event::FinishedUserSteps { system: SystemDecision::Incomplete };
    insta::assert_snapshot!(rendered(event), @r#"{"event":"Finished User Steps","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","systemDecision":"Incomplete"}}"#);
}

#[test]
fn finished_journey() {
    let event = Event::FinishedJourney { system: SystemDecision::Complete };
    insta::assert_snapshot!(rendered(event), @r#"{"event":"Finished Journey","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","systemDecision":"Complete"}}"#);
}

#[test]
fn updated_journey() {
    let updated = |manual, action| rendered(Event::UpdatedJourney { decisions: decisions(manual), action });
    insta::assert_snapshot!(updated(None, Action::StepUpdate), @r#"{"event":"Updated Journey","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","systemDecision":"Refer","manualDecision":null,"finalDecision":"Refer","action":"Step Update"}}"#);
    insta::assert_snapshot!(updated(None, Action::AmlAmend), @r#"{"event":"Updated Journey","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","systemDecision":"Refer","manualDecision":null,"finalDecision":"Refer","action":"AML Amend"}}"#);
    insta::assert_snapshot!(updated(Some(ManualDecision::Approved), Action::AmlOgmUpdate), @r#"{"event":"Updated Journey","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","systemDecision":"Refer","manualDecision":"Approved","finalDecision":"Approved","action":"AML OGM Update"}}"#);
    let decision = ManualDecision::Rejected;
    let plain = Action::ManualReview { decision, reason_code: None, steps: vec![] };
    insta::assert_snapshot!(updated(Some(decision), plain), @r#"{"event":"Updated Journey","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","systemDecision":"Refer","manualDecision":"Rejected","finalDecision":"Rejected","action":"Manual Review","manualReviewDetails":{"journeyReviewDecision":"Rejected","reasonCode":null,"stepReviews":[]}}}"#);
    let decision = ManualDecision::ResubmissionRequested;
    let code = || Some("RESUBMIT_\"BAD\"_QUALITÄT".to_owned());
    let steps = vec![("1".to_owned(), code()), ("2".to_owned(), None)];
    let asked = Action::ManualReview { decision, reason_code: code(), steps };
    insta::assert_snapshot!(updated(Some(decision), asked), @r#"{"event":"Updated Journey","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","systemDecision":"Refer","manualDecision":"Resubmission Requested","finalDecision":"Resubmission Requested","action":"Manual Review","manualReviewDetails":{"journeyReviewDecision":"Resubmission Requested","reasonCode":"RESUBMIT_\"BAD\"_QUALITÄT","stepReviews":[{"stepId":"1","reviewDecision":"Resubmit","reasonCode":"RESUBMIT_\"BAD\"_QUALITÄT"},{"stepId":"2","reviewDecision":"Resubmit","reasonCode":null}]}}}"#);
}

#[test]
fn verification_update_required() {
    let required = || vec![("1".to_owned(), "Document Expired".to_owned()), ("2".to_owned(), "Time Based".to_owned())];
    let event = |manual, trigger| Event::VerificationUpdateRequired {
        decisions: Decisions { system: SystemDecision::Complete, manual },
        trigger,
        required: required(),
    };
    insta::assert_snapshot!(rendered(event(None, Trigger::KycRenewal)), @r#"{"event":"Verification Update Required","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","systemDecision":"Complete","manualDecision":null,"finalDecision":"Complete","trigger":"KYC Renewal","requiredSteps":[{"stepId":"1","reasonCode":"Document Expired"},{"stepId":"2","reasonCode":"Time Based"}]}}"#);
    let asked = Some(ManualDecision::ResubmissionRequested);
    insta::assert_snapshot!(rendered(event(asked, Trigger::ManualReview)), @r#"{"event":"Verification Update Required","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","systemDecision":"Complete","manualDecision":"Resubmission Requested","finalDecision":"Resubmission Requested","trigger":"Manual Review","requiredSteps":[{"stepId":"1","reasonCode":"Document Expired"},{"stepId":"2","reasonCode":"Time Based"}]}}"#);
}

#[test]
fn renewal_deadline_exceeded() {
    let deadline = "2025-09-15T00:00:00.75Z".parse().expect("an instant");
    let event = Event::RenewalDeadlineExceeded { steps: vec!["1".to_owned(), "2".to_owned()], deadline };
    insta::assert_snapshot!(rendered(event), @r#"{"event":"KYC Renewal Deadline Exceeded","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","requiredSteps":[{"stepId":"1","renewalDeadline":"2025-09-15T00:00:00Z"},{"stepId":"2","renewalDeadline":"2025-09-15T00:00:00Z"}]}}"#);
}

#[test]
fn aml_monitor_update() {
    let (system, previous) = (SystemDecision::Refer, SystemDecision::Complete);
    insta::assert_snapshot!(rendered(Event::AmlMonitorUpdate { system, previous, version: 2 }), @r#"{"event":"AML Monitor Update","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","systemDecision":"Refer","previousSystemDecision":"Complete","updatedAMLVersionNumber":2}}"#);
}

#[test]
fn finished_spot_check() {
    let check = JourneyId::mint(SEED, 7).spot_check(SEED, 1);
    insta::assert_snapshot!(rendered(Event::FinishedSpotCheck { system: SystemDecision::Complete, check }), @r#"{"event":"Finished Spot Check","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","referenceNo":"Ärztin-客-1","systemDecision":"Complete","spotCheckJourneyId":"96d3177f8c9e48233bb18b01"}}"#);
}

#[test]
fn manually_reviewed() {
    let event = Event::ManuallyReviewed { decisions: decisions(Some(ManualDecision::Approved)) };
    insta::assert_snapshot!(rendered(event), @r#"{"event":"Manually Reviewed","body":{"eventId":"9dcf1062-0ad1-4700-9b2f-bed13af90bf0","journeyId":"e20960700e80f057dfd7a630","referenceNo":"Ärztin-客-1","systemDecision":"Refer","manualDecision":"Approved","finalDecision":"Approved"}}"#);
}

#[test]
fn a_test_event_exists_for_every_type_and_no_other() {
    let id = EventId::by_hand(SEED, 1);
    let mut bodies = Vec::new();
    for kind in EVENT_TYPES {
        let body = super::super::wire::test_event(kind, id, Dialect::Current).expect(kind).body;
        let value: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((&value["event"], &value["body"]["referenceNo"]), (&kind.into(), &"test".into()));
        assert_eq!(value["body"]["eventId"], id.to_string());
        bodies.push(String::from_utf8(body).expect("UTF-8"));
    }
    insta::assert_snapshot!(bodies.join("\n"), @r#"
{"event":"Finished Step","body":{"eventId":"2454377f-8c93-4a26-9075-2aaa864fe562","journeyId":"000000000000000000000000","referenceNo":"test","stepId":"1","stepType":"Document"}}
{"event":"Finished User Steps","body":{"eventId":"2454377f-8c93-4a26-9075-2aaa864fe562","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Incomplete"}}
{"event":"Finished Journey","body":{"eventId":"2454377f-8c93-4a26-9075-2aaa864fe562","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Complete"}}
{"event":"Updated Journey","body":{"eventId":"2454377f-8c93-4a26-9075-2aaa864fe562","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Refer","manualDecision":"Approved","finalDecision":"Approved","action":"Manual Review","manualReviewDetails":{"journeyReviewDecision":"Approved","reasonCode":null,"stepReviews":[]}}}
{"event":"Verification Update Required","body":{"eventId":"2454377f-8c93-4a26-9075-2aaa864fe562","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Complete","manualDecision":null,"finalDecision":"Complete","trigger":"KYC Renewal","requiredSteps":[{"stepId":"1","reasonCode":"Document Expired"}]}}
{"event":"KYC Renewal Deadline Exceeded","body":{"eventId":"2454377f-8c93-4a26-9075-2aaa864fe562","journeyId":"000000000000000000000000","referenceNo":"test","requiredSteps":[{"stepId":"1","renewalDeadline":"2025-09-15T00:00:00Z"}]}}
{"event":"AML Monitor Update","body":{"eventId":"2454377f-8c93-4a26-9075-2aaa864fe562","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Refer","previousSystemDecision":"Complete","updatedAMLVersionNumber":1}}
{"event":"Finished Spot Check","body":{"eventId":"2454377f-8c93-4a26-9075-2aaa864fe562","referenceNo":"test","systemDecision":"Complete","spotCheckJourneyId":"000000000000000000000000"}}
{"event":"Manually Reviewed","body":{"eventId":"2454377f-8c93-4a26-9075-2aaa864fe562","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Refer","manualDecision":"Approved","finalDecision":"Approved"}}
"#);
    assert_eq!(super::super::wire::test_event("Finished journey", id, Dialect::Current), None);
}

/// Every event type of an older era, each in the bytes of its test request.
fn bodies(dialect: Dialect) -> String {
    let id = EventId([7; 16]);
    let body = |kind: &&str| {
        let rendered = super::super::wire::test_event(kind, id, dialect).expect(kind);
        assert_eq!(&rendered.event_type, kind);
        String::from_utf8(rendered.body).expect("UTF-8")
    };
    dialect.event_types().iter().map(body).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_middle_era_has_one_body_with_an_event_id() {
    insta::assert_snapshot!(bodies(Dialect::Middle), @r#"
    {"event":"Finished Step","body":{"eventId":"07070707-0707-0707-0707-070707070707","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Complete","manualDecision":null,"finalDecision":"Complete"}}
    {"event":"Finished User Steps","body":{"eventId":"07070707-0707-0707-0707-070707070707","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Incomplete","manualDecision":null,"finalDecision":"Incomplete"}}
    {"event":"Finished Journey","body":{"eventId":"07070707-0707-0707-0707-070707070707","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Complete","manualDecision":null,"finalDecision":"Complete"}}
    {"event":"Manually Reviewed","body":{"eventId":"07070707-0707-0707-0707-070707070707","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Refer","manualDecision":"Approved","finalDecision":"Approved"}}
    {"event":"AML Monitor Update","body":{"eventId":"07070707-0707-0707-0707-070707070707","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Refer","manualDecision":null,"finalDecision":"Refer"}}
    {"event":"Finished Ongoing Check","body":{"eventId":"07070707-0707-0707-0707-070707070707","journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Complete","ongoingCheckId":"000000000000000000000000"}}
    "#);
}

#[test]
fn the_legacy_era_has_no_event_ids() {
    insta::assert_snapshot!(bodies(Dialect::Legacy), @r#"
    {"event":"Step Submitted","body":{"journeyId":"000000000000000000000000","referenceNo":"test","stepId":"1","stepType":"Document"}}
    {"event":"Finished User Steps","body":{"journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Incomplete","manualDecision":null,"finalDecision":"Incomplete"}}
    {"event":"Finished Journey","body":{"journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Complete","manualDecision":null,"finalDecision":"Complete"}}
    {"event":"Manually Reviewed","body":{"journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Refer","manualDecision":"Approved","finalDecision":"Approved"}}
    {"event":"AML Monitor Update","body":{"journeyId":"000000000000000000000000","referenceNo":"test","systemDecision":"Refer","manualDecision":null,"finalDecision":"Refer"}}
    "#);
}

#[test]
fn an_older_era_shows_the_reviewers_decision() {
    let mut journey = started(&onboarding());
    if let provider::State::Idwise(state) = &mut journey.state {
        state.manual = Some(ManualDecision::Rejected);
    }
    let event =
        Event::AmlMonitorUpdate { system: SystemDecision::Refer, previous: SystemDecision::Complete, version: 1 };
    let rendered =
        super::super::wire::render(&event, EventId([7; 16]), &journey, Dialect::Legacy).expect("of that era");
    let body = String::from_utf8(rendered.body).expect("UTF-8");
    assert!(
        body.ends_with(r#""systemDecision":"Refer","manualDecision":"Rejected","finalDecision":"Rejected"}}"#),
        "{body}"
    );
}
