//! IDWise: its flows, its journeys, the machine they move in, and the bytes that follow.
//!
//! Pure: called through [`provider`](crate::provider) by the application and the simulator. The machine is drawn
//! in `transition.rs`, the wire format is pinned in `wire.rs`, the stimuli's words are in `stimulus.rs`. Where the
//! provider's documentation is silent, the choice is written at the function that makes it.

mod arguments;
mod decision;
mod dialect;
mod eras;
mod event;
mod flow;
mod machine;
mod magic;
mod movement;
mod parse;
pub mod policy;
pub mod result;
pub mod screening;
mod state;
mod stimulus;
mod transition;
pub mod wire;

#[cfg(test)]
mod tests;

pub use arguments::arguments;
pub use decision::{Decisions, ManualDecision, SystemDecision};
pub use dialect::Dialect;
pub use event::{Action, EVENT_TYPES, Event, Trigger};
pub use flow::{Flow, Renewal, RenewalCriteria, StepDefinition, StepKind};
pub use machine::MACHINE;
pub use state::{Aml, Phase, State, Step, StepState, WHEN};
pub use stimulus::{AmlChange, DeadlineAt, RequiredStep, STIMULI, Stimulus};
pub use transition::transition;

/// The longest reference that is taken, in characters. The provider names no limit; this one keeps a body small.
const LONGEST_REFERENCE: usize = 256;

/// Whether the provider would take a customer's reference: letters, digits and `- _ / \ , . + @`
/// (docs.idwise.com/reference/start-journey-api), 1 to 256 characters.
///
/// The page says "alphanumerics" and no more, so the letters and digits of every script count: a stand-in that
/// refused what the provider may take would hide a customer's trouble with such references.
///
/// # Errors
/// What is wrong with it, naming the first character that is not allowed.
pub fn check_reference(reference_no: &str) -> Result<(), String> {
    let length = reference_no.chars().count();
    if length == 0 {
        return Err("the reference is empty: give 1 to 256 letters, digits or - _ / \\ , . + @".to_owned());
    }
    if length > LONGEST_REFERENCE {
        return Err(format!("the reference has {length} characters: at most {LONGEST_REFERENCE} are allowed"));
    }
    let allowed = |c: char| c.is_alphanumeric() || "-_/\\,.+@".contains(c);
    match reference_no.chars().enumerate().find(|(_, c)| !allowed(*c)) {
        None => Ok(()),
        Some((at, c)) => Err(format!(
            "the reference has {c:?} as character {}: only letters, digits and - _ / \\ , . + @ are allowed",
            at + 1
        )),
    }
}
