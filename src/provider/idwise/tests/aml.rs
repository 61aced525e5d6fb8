//! In which version each AML match was found, against a list that forgets nothing.

use proptest::prelude::*;

use crate::provider::idwise::state::{Aml, MATCHES_SHOWN};

/// What is done to the records.
#[derive(Clone, Copy, Debug)]
enum Change {
    Added,
    Removed,
    RemovedSilently,
    Whitelisted,
    Monitored,
}

fn any_change() -> impl Strategy<Value = Change> {
    use Change::{Added, Monitored, Removed, RemovedSilently, Whitelisted};
    prop_oneof![4 => Just(Added), 2 => Just(Removed), 1 => Just(RemovedSilently), 1 => Just(Whitelisted), 2 => Just(Monitored)]
}

/// Does it to the records and to two lists of versions: of the whitelisted matches, and of the others.
fn apply(aml: &mut Aml, silent: &mut Vec<u32>, loud: &mut Vec<u32>, change: Change) {
    match change {
        Change::Added => {
            loud.push(aml.version + 1);
            aml.add();
        }
        Change::Removed => {
            loud.pop();
            aml.remove(false);
        }
        Change::RemovedSilently => {
            silent.pop();
            aml.remove(true);
        }
        Change::Whitelisted => {
            silent.append(loud);
            aml.whitelisted += std::mem::take(&mut aml.matches);
        }
        Change::Monitored => aml.version += 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_match_keeps_the_version_that_found_it(changes in prop::collection::vec(any_change(), 0..120)) {
        let (mut aml, mut silent, mut loud) = (Aml::default(), Vec::new(), Vec::new());
        for change in changes {
            let happens = match change {
                Change::Added => silent.len() + loud.len() < MATCHES_SHOWN as usize,
                // A whitelisted one goes only where there is no other.
                Change::RemovedSilently => loud.is_empty() && !silent.is_empty(),
                Change::Removed | Change::Whitelisted | Change::Monitored => true,
            };
            if !happens {
                continue;
            }
            apply(&mut aml, &mut silent, &mut loud, change);
            prop_assert_eq!((aml.whitelisted as usize, aml.matches as usize), (silent.len(), loud.len()));
            for (n, version) in silent.iter().chain(&loud).enumerate() {
                prop_assert_eq!(aml.version_of(n as u32), *version, "match {} after {:?}: {:?}", n, change, aml);
            }
            prop_assert!(aml.found.len() <= silent.len() + loud.len(), "{:?}", aml);
        }
    }

    /// Monitoring may go on for years: what is kept does not grow with it, and the first matches stay as they were.
    #[test]
    fn what_is_kept_is_bounded(more in 1..40_u32, fewer in 0..40_u32) {
        let mut aml = Aml::default();
        for version in 0..MATCHES_SHOWN + more {
            aml.version = version;
            aml.add();
        }
        prop_assert_eq!(aml.found.len(), MATCHES_SHOWN as usize);
        for _ in 0..fewer.min(more) {
            aml.remove(false);
        }
        let expected: Vec<u32> = (1..=MATCHES_SHOWN).collect();
        prop_assert_eq!(&aml.found, &expected, "the newest went, which were beyond what is told apart");
        for _ in fewer.min(more)..=more {
            aml.remove(false);
        }
        prop_assert_eq!(&aml.found, &expected[..MATCHES_SHOWN as usize - 1], "the newest of those went");
    }
}

/// A journey of an older version was matched and said nothing of versions: what monitoring finds comes behind its matches.
#[test]
fn matches_without_a_version_were_found_by_onboarding() {
    let mut aml = Aml { matches: 2, whitelisted: 1, version: 6, found: Vec::new() };
    aml.add();
    assert_eq!(aml.found, [0, 0, 0, 7]);
    assert_eq!([0, 2, 3, 9].map(|n| aml.version_of(n)), [0, 0, 7, 0]);
}
