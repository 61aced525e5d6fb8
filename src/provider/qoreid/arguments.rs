//! What a person is asked for when a stimulus of QoreID is done by hand.

use super::{Lookup, State, Status};
use crate::provider::arguments::{Argument, Choice, Field};
use crate::provider::words::words;

/// The form of a stimulus; no fields for one that needs none. A submission's own arguments can only repeat what the
/// journey has.
pub fn arguments(state: &State, stimulus: &str) -> Vec<Argument> {
    let step = |at: Option<usize>| {
        let step = at.map(|at| &state.steps[at].definition);
        let choice = step.map(|step| Choice::of(&step.id, format!("{} · {}", step.id, step.product)));
        Argument { name: "step", label: "Step", field: Field::One(choice.into_iter().collect()) }
    };
    let status = |known: &[Status]| {
        let known: Vec<&str> = known.iter().map(|status| status.as_str()).collect();
        let field = Field::One(Choice::none_or("as the flow decides", &known));
        Argument { name: "status", label: "Status", field }
    };
    match stimulus {
        "source_down" => {
            let field = Field::One(Choice::none_or("all of them", &words::<Lookup>()));
            vec![Argument { name: "product", label: "Register", field }]
        }
        "start_step" => vec![step(state.next_step())],
        "finish_step" => {
            let product = state.running().map_or(state.product, |at| state.steps[at].definition.product);
            vec![step(state.running()), status(Status::of(product))]
        }
        "finish" => vec![status(Status::of(state.product))],
        _ => Vec::new(),
    }
}
