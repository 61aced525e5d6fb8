//! What holds whatever is done to a journey, and in whatever order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::provider::{DeadlineKind, Event as AnyEvent};

fn any_system() -> impl Strategy<Value = Weights<SystemDecision>> {
    use SystemDecision::{Complete, Incomplete, Refer, Rejected};
    prop_oneof![
        4 => Just(Weights::only(Complete)),
        2 => Just(Weights::only(Refer)),
        1 => Just(Weights::only(Rejected)),
        1 => Just(Weights::only(Incomplete)),
        1 => Just(Weights::new(vec![(Complete, 1.0), (Refer, 1.0)]).expect("weights above 0")),
    ]
}

fn any_steps() -> impl Strategy<Value = Vec<RequiredStep>> {
    let code = prop::option::of(Just("REASON".to_owned()));
    let step = (prop_oneof![8 => "[12]", 1 => Just("9".to_owned())], code)
        .prop_map(|(step, reason_code)| RequiredStep { step, reason_code });
    prop::collection::vec(step, 0..3)
}

fn any_stimulus() -> impl Strategy<Value = Stimulus> {
    use ManualDecision::{Approved, Rejected, ResubmissionRequested};
    let manual = prop_oneof![4 => Just(Approved), 2 => Just(Rejected), 1 => Just(ResubmissionRequested)];
    let change = prop_oneof![Just(AmlChange::Added), Just(AmlChange::Removed), Just(AmlChange::Changed)];
    let deadline = prop_oneof![
        (0_u64..40).prop_map(|n| DeadlineAt::In(days(n))),
        (0_u64..4_000).prop_map(|n| DeadlineAt::At(start_of_day() + days(n))),
    ];
    prop_oneof![
        1 => Just(Stimulus::Start),
        8 => prop_oneof![8 => "[12]", 1 => Just("9".to_owned())].prop_map(|step| Stimulus::SubmitStep { step }),
        5 => prop::option::of(any_system()).prop_map(|decision| Stimulus::FinishProcessing { decision }),
        1 => Just(Stimulus::Complete),
        2 => manual.prop_map(|m| Stimulus::Review { decision: Weights::only(m), reason_code: None, comment: None }),
        2 => any_steps().prop_map(|steps| Stimulus::RequestResubmission { steps }),
        1 => prop::option::of(any_system()).prop_map(|decision| Stimulus::AmendAml { decision }),
        4 => (change, prop::option::of(any_system()))
            .prop_map(|(change, decision)| Stimulus::AmlMonitorUpdate { change, decision }),
        1 => Just(Stimulus::WhitelistAml),
        4 => (any_steps(), prop::option::of(deadline))
            .prop_map(|(steps, deadline)| Stimulus::RenewalDue { steps, deadline }),
        2 => Just(Stimulus::RenewalDeadline),
        1 => any_system().prop_map(|decision| Stimulus::FinishSpotCheck { decision }),
        1 => Just(Stimulus::Cancel),
        // Rare: nothing happens after it.
        1 => prop_oneof![1 => Just(Stimulus::Delete), 9 => Just(Stimulus::Start)],
    ]
}

fn any_flow() -> impl Strategy<Value = Flow> {
    (any::<bool>(), prop::bool::weighted(0.8), any::<bool>(), any_system()).prop_map(
        |(renews, aml_monitoring, finished_journey_on_review, decision)| {
            let renewal = onboarding().renewal.filter(|_| renews);
            Flow { aml_monitoring, finished_journey_on_review, decision, renewal, ..onboarding() }
        },
    )
}

/// A journey under random stimuli, and what was told of it.
struct Run {
    flow: Flow,
    journey: Journey,
    told: Vec<Event>,
}

impl Run {
    fn new(flow: Flow) -> Self {
        Run { journey: started(&flow), flow, told: Vec::new() }
    }

    /// Applies one stimulus at `now` and checks all that must hold of it.
    fn step(&mut self, stimulus: &Stimulus, now: Timestamp) -> Result<(), TestCaseError> {
        let before = self.journey.clone();
        let legal = state(&before).legal();
        let flow = provider::Flow::Idwise(self.flow.clone());
        let mut draw = SEED.draw(&[&before.version.to_le_bytes()]);
        let mut cx = Context { now, flow: &flow, seed: SEED, draw: &mut draw };
        match transition(&before, stimulus, &mut cx) {
            Err(rejected) => {
                prop_assert!(rejected.legal.iter().all(|word| legal.contains(word)));
                prop_assert!(rejected.message.starts_with(stimulus.name()), "{}", rejected);
                prop_assert!(rejected.message.contains(state(&before).word()), "{}", rejected);
            }
            Ok(next) => {
                prop_assert!(legal.contains(&stimulus.name()), "{} was not listed as legal", stimulus.name());
                let (from, to) = (state(&before).word(), state(&next.journey).word());
                prop_assert!(MACHINE.draws(from, stimulus.name(), to), "not drawn: {:?} {:?}", before, stimulus);
                prop_assert_eq!(next.journey.version, before.version + 1);
                prop_assert_eq!(next.journey.sequence, before.sequence);
                self.journey = next.journey;
                for event in next.events {
                    let AnyEvent::Idwise(event) = event else { panic!("an event of IDWise") };
                    self.check_event(&event, &before)?;
                    self.told.push(event);
                }
                self.check_state()?;
            }
        }
        Ok(())
    }

    fn check_event(&self, event: &Event, before: &Journey) -> Result<(), TestCaseError> {
        let before = state(before);
        match event {
            Event::FinishedJourney { system } => {
                prop_assert_eq!(*system, state(&self.journey).system);
                let completed = before.phase == Phase::Open;
                let submitted = self.told.iter().any(|event| matches!(event, Event::FinishedUserSteps { .. }));
                let first = !self.told.iter().any(|event| matches!(event, Event::FinishedJourney { .. }));
                prop_assert!(submitted || completed || !first, "Finished Journey before Finished User Steps");
            }
            Event::FinishedUserSteps { .. } => {
                let ended = self.told.iter().any(|event| matches!(event, Event::FinishedJourney { .. }));
                prop_assert!(!ended, "Finished User Steps after Finished Journey");
            }
            Event::VerificationUpdateRequired { decisions, trigger: Trigger::KycRenewal, required } => {
                prop_assert!(decisions.is_pass() && before.decisions().is_pass(), "renewal of a failed journey");
                prop_assert!(!required.is_empty());
            }
            Event::RenewalDeadlineExceeded { steps, .. } => {
                let asked = self.told.iter().rev().find_map(|event| match event {
                    Event::VerificationUpdateRequired { trigger: Trigger::KycRenewal, required, .. } => Some(required),
                    _ => None,
                });
                let asked: Vec<&String> = asked.into_iter().flatten().map(|(step, _)| step).collect();
                prop_assert!(!steps.is_empty() && steps.iter().all(|step| asked.contains(&step)));
                prop_assert_eq!(state(&self.journey).decisions().last_word(), "Incomplete");
            }
            Event::AmlMonitorUpdate { system, previous, version } => {
                prop_assert_eq!(*version, before.aml.version + 1);
                prop_assert_eq!((*previous, *system), (before.system, state(&self.journey).system));
            }
            _ => {}
        }
        let body: serde_json::Value = serde_json::from_slice(&wire(event, &self.journey)).expect("JSON");
        let keys: Vec<&String> = body.as_object().expect("a table").keys().collect();
        prop_assert_eq!(keys, ["body", "event"]);
        if let Some(shown) = body["body"].get("finalDecision") {
            let manual = &body["body"]["manualDecision"];
            prop_assert_eq!(shown, if manual.is_null() { &body["body"]["systemDecision"] } else { manual });
        }
        Ok(())
    }

    fn check_state(&self) -> Result<(), TestCaseError> {
        let state = state(&self.journey);
        let view = state.view();
        prop_assert_eq!(
            &view.final_decision,
            view.manual_decision.as_ref().map_or(&view.system_decision, |_| &view.manual_decision)
        );
        let has = |kind| self.journey.deadlines.iter().filter(|deadline| deadline.kind == kind).count();
        let renews = state.phase == Phase::Finished && state.decisions().is_pass() && self.flow.renewal.is_some();
        prop_assert_eq!(has(DeadlineKind::Processing), usize::from(state.phase == Phase::Processing));
        prop_assert_eq!(has(DeadlineKind::RenewalDeadline), usize::from(state.phase == Phase::RenewalDue));
        prop_assert_eq!(has(DeadlineKind::RenewalDue), usize::from(renews));
        let waits = matches!(
            state.phase,
            Phase::Open | Phase::ResubmissionRequested | Phase::RenewalDue | Phase::RenewalLapsed
        );
        if state.phase != Phase::Deleted {
            prop_assert_eq!(waits, !state.missing_steps().is_empty());
            let words = ["passed", "failed", "open"];
            prop_assert_eq!(words.iter().filter(|when| state.matches(when)).count(), 1);
            let asked = state.manual == Some(ManualDecision::ResubmissionRequested);
            prop_assert_eq!(asked, state.phase == Phase::ResubmissionRequested);
        }
        Ok(())
    }
}

proptest! {
    // A failure prints its smallest input, which then becomes a row of the table: no files are kept.
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_is_a_path_of_the_drawn_machine(
        flow in any_flow(),
        stimuli in prop::collection::vec((any_stimulus(), 0_u64..200), 1..80),
    ) {
        let mut run = Run::new(flow);
        let mut now = start_of_day();
        for (stimulus, wait) in &stimuli {
            now = now + days(*wait);
            run.step(stimulus, now)?;
        }
    }

    #[test]
    fn stored_journeys_read_back(
        flow in any_flow(),
        stimuli in prop::collection::vec(any_stimulus(), 1..40),
    ) {
        let mut run = Run::new(flow);
        for stimulus in &stimuli {
            run.step(stimulus, start_of_day())?;
        }
        let bytes = postcard::to_stdvec(&run.journey).expect("stored");
        prop_assert_eq!(postcard::from_bytes::<Journey>(&bytes).expect("back"), run.journey);
    }
}

/// Each word listed as legal is taken in some form, so that the list promises nothing it does not keep.
#[test]
fn what_is_listed_as_legal_is_taken() {
    let flow = onboarding();
    let forms = [
        r#"{"do":"start"}"#,
        r#"{"do":"submit_step","step":"1"}"#,
        r#"{"do":"submit_step","step":"2"}"#,
        r#"{"do":"finish_processing","decision":"Complete"}"#,
        r#"{"do":"finish_processing","decision":"Refer"}"#,
        r#"{"do":"complete"}"#,
        r#"{"do":"review","decision":"Approved"}"#,
        r#"{"do":"review","decision":"Rejected"}"#,
        r#"{"do":"request_resubmission","steps":["1","2"]}"#,
        r#"{"do":"amend_aml"}"#,
        r#"{"do":"aml_monitor_update","change":"added"}"#,
        r#"{"do":"whitelist_aml"}"#,
        r#"{"do":"renewal_due"}"#,
        r#"{"do":"renewal_deadline"}"#,
        r#"{"do":"finish_spot_check","decision":"Complete"}"#,
        r#"{"do":"cancel"}"#,
        r#"{"do":"delete"}"#,
    ]
    .map(read);
    let mut seen = BTreeSet::new();
    let mut layer = vec![started(&flow)];
    for _ in 0..8 {
        let mut next = Vec::new();
        for journey in layer {
            let taken: Vec<_> =
                forms.iter().filter_map(|form| Some((form.name(), apply(&journey, &flow, form).ok()?))).collect();
            let words: BTreeSet<&str> = taken.iter().map(|(word, _)| *word).collect();
            let view = provider::view(&journey);
            assert_eq!(words, view.legal.iter().copied().collect(), "{}", view.state);
            let fresh = taken.into_iter().map(|(_, transition)| transition.journey);
            next.extend(fresh.filter(|journey| seen.insert(format!("{:?}", state(journey)))));
        }
        next.truncate(200);
        layer = next;
    }
    for phase in ["Open", "Processing", "Finished", "ResubmissionRequested", "RenewalDue", "RenewalLapsed", "Deleted"] {
        assert!(seen.iter().any(|state| state.contains(&format!("phase: {phase},"))), "{phase} was never reached");
    }
}

fn wire(event: &Event, journey: &Journey) -> Vec<u8> {
    let id = crate::ids::EventId([7; 16]);
    let dialects = super::super::Dialect::ALL.into_iter();
    let mut rendered = dialects.filter_map(|dialect| super::super::wire::render(event, id, journey, dialect));
    rendered.next().expect("some era has every event").body
}
