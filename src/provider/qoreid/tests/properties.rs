//! What holds whatever is done to a verification, and in whatever order.

use proptest::prelude::*;

use super::*;
use crate::provider::DeadlineKind;
use crate::provider::words::Word as _;

fn any_stimulus() -> impl Strategy<Value = Stimulus> {
    let step = || prop_oneof![4 => Just("nin"), 4 => Just("home"), 4 => Just("job"), 1 => Just("x")];
    prop_oneof![
        6 => Just(Stimulus::Submit { product: None, reference: None, submission: None }),
        2 => prop::option::of(Just(Lookup::Nin)).prop_map(|lookup| Stimulus::SourceDown { lookup }),
        2 => Just(Stimulus::SourceRestored),
        5 => step().prop_map(|step| Stimulus::StartStep { step: step.to_owned() }),
        5 => step().prop_map(|step| Stimulus::FinishStep { step: step.to_owned(), status: None }),
        3 => Just(Stimulus::Proceed),
        2 => Just(Stimulus::Finish { status: None }),
        1 => Just(Stimulus::Cancel),
    ]
}

fn any_flow() -> impl Strategy<Value = Flow> {
    let downtime = prop_oneof![Just(Downtime::Queues), Just(Downtime::Fails)];
    (0..Product::ALL.len(), downtime).prop_map(|(n, downtime)| Flow { downtime, ..flow_of(Product::ALL[n]) })
}

proptest! {
    // A failure prints its smallest input, which then becomes a row of the table: no files are kept.
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_is_a_path_of_the_drawn_machine(
        flow in any_flow(),
        forced in prop_oneof![Just("A"), Just("A+WRONG_ADDRESS")],
        stimuli in prop::collection::vec(any_stimulus(), 1..40),
    ) {
        let mut journey = started(&flow, forced);
        let mut told: Vec<Event> = Vec::new();
        for stimulus in &stimuli {
            let legal = state(&journey).legal();
            match apply(&journey, &flow, stimulus) {
                Err(rejected) => {
                    prop_assert_eq!(&rejected.legal, &legal);
                    prop_assert!(rejected.message.starts_with(stimulus.name()) && rejected.message.contains("legal now: "));
                }
                Ok(next) => {
                    prop_assert!(legal.contains(&stimulus.name()) || *stimulus == Stimulus::Proceed);
                    let (from, to) = (state(&journey).word(), state(&next.journey).word());
                    prop_assert!(machine(flow.product).draws(from, stimulus.name(), to), "not drawn: {} {}", from, to);
                    prop_assert_eq!(next.journey.version, journey.version + 1);
                    told.extend(events(&next));
                    journey = next.journey;
                    let waits = state(&journey).phase == Phase::InProgress;
                    prop_assert_eq!(journey.deadlines.len(), usize::from(waits));
                    prop_assert!(journey.deadlines.iter().all(|d| d.kind == DeadlineKind::Processing));
                }
            }
        }
        for event in &told {
            prop_assert!(Dialect::Current.event_types().contains(&event.kind()));
        }
        let ended = told.iter().filter(|event| event.kind == Kind::Completed).count();
        let began = told.iter().filter(|event| event.kind == Kind::Started).count();
        prop_assert!(ended <= 1 && began <= 1);
        if flow.product != Product::Identity && ended == 1 {
            prop_assert_eq!(&told[0].kind, &Kind::Started);
            prop_assert_eq!(&told[told.len() - 1].kind, &Kind::Completed);
        }
        let bytes = postcard::to_stdvec(&journey).expect("stored");
        prop_assert_eq!(postcard::from_bytes::<Journey>(&bytes).expect("back"), journey);
    }
}
