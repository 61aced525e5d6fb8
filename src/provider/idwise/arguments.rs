//! What a person is asked for when a stimulus of IDWise is done by hand.

use super::{AmlChange, ManualDecision, State, Step, StepState, SystemDecision};
use crate::provider::arguments::{Argument, Choice, Field};
use crate::provider::words::words;

/// The reason codes that the provider's pages name, and those that tenants commonly add.
const REASONS: &[&str] = &["RESUBMIT_BAD_QUALITY", "RESUBMIT_EXPIRED", "FRAUD", "APPROVED_BY_REVIEW"];

/// The form of a stimulus; no fields for one that needs none.
pub fn arguments(state: &State, stimulus: &str) -> Vec<Argument> {
    let decision = |what_then: &str| Argument {
        name: "decision",
        label: "Decision",
        field: Field::One(Choice::none_or(what_then, &words::<SystemDecision>())),
    };
    match stimulus {
        "submit_step" => vec![Argument { name: "step", label: "Step", field: Field::One(missing(state)) }],
        "finish_processing" => vec![decision("as the flow decides")],
        "amend_aml" => vec![decision("unchanged")],
        "finish_spot_check" => vec![Argument {
            name: "decision",
            label: "Decision",
            field: Field::One(words::<SystemDecision>().into_iter().map(Choice::word).collect()),
        }],
        "aml_monitor_update" => {
            let changes = words::<AmlChange>().into_iter().map(Choice::word).collect();
            let change = Argument { name: "change", label: "Change", field: Field::One(changes) };
            vec![change, decision("as follows from the change")]
        }
        "review" => {
            let decisions = [ManualDecision::Approved, ManualDecision::Rejected];
            let decisions = decisions.into_iter().map(|decision| Choice::word(decision.as_str())).collect();
            vec![
                Argument { name: "decision", label: "Decision", field: Field::One(decisions) },
                reason(),
                Argument { name: "comment", label: "Comment", field: Field::Text { hint: "never sent", known: &[] } },
            ]
        }
        "request_resubmission" => vec![steps(state), reason()],
        "renewal_due" => vec![
            steps(state),
            reason(),
            Argument {
                name: "deadline",
                label: "Deadline",
                field: Field::Text { hint: "30d", known: &["10d", "30d"] },
            },
        ],
        _ => Vec::new(),
    }
}

fn reason() -> Argument {
    Argument { name: "reason_code", label: "Reason code", field: Field::Text { hint: "optional", known: REASONS } }
}

fn steps(state: &State) -> Argument {
    Argument { name: "steps", label: "Steps", field: Field::Some(state.steps.iter().map(choice).collect()) }
}

/// Those that the user has to submit; all, where that cannot be told.
fn missing(state: &State) -> Vec<Choice> {
    let missing = state.missing_steps();
    let asked = |step: &&Step| missing.is_empty() || missing.contains(&step.definition.id.as_str());
    state.steps.iter().filter(asked).map(choice).collect()
}

fn choice(step: &Step) -> Choice {
    let definition = &step.definition;
    let title = if definition.title.is_empty() { definition.kind.as_str() } else { &definition.title };
    let again = if matches!(step.state, StepState::Required(_)) { ", again" } else { "" };
    Choice::of(&definition.id, format!("{} · {title}{again}", definition.id))
}
