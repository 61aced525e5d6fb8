//! QoreID: its products, the machine that a verification moves in, the bytes that follow, and how they are signed.
//!
//! Pure: called through [`provider`](crate::provider) by the application and the simulator. The machine is drawn in
//! `transition.rs`, the wire format is pinned in `wire.rs` and the files below it, the stimuli's words are in
//! `stimulus.rs`. Where the provider's documentation is silent, the choice is written at the function that makes it.

mod arguments;
mod dialect;
mod event;
mod flow;
mod json;
mod machine;
pub mod persona;
pub mod policy;
mod product;
pub mod signature;
mod state;
mod status;
mod stimulus;
mod submission;
mod transition;
pub mod wire;

#[cfg(test)]
mod tests;

pub use arguments::arguments;
pub use dialect::Dialect;
pub use event::{Event, Kind};
pub use flow::{Downtime, Flow, StepDefinition};
pub use json::Json;
pub use machine::machine;
pub use product::{Lookup, Product};
pub use state::{Phase, State, Step, StepPhase, WHEN};
pub use status::{Casing, Status};
pub use stimulus::{STIMULI, Stimulus};
pub use submission::{Applicant, Submission};
pub use transition::transition;

/// The longest reference that is taken, in characters. The provider names no limit; this one keeps a body small.
const LONGEST_REFERENCE: usize = 256;

/// Whether the provider would take a `customerReference`: 1 to 256 characters, none of them a control character. Its
/// pages name no other rule.
///
/// # Errors
/// What is wrong with it.
pub fn check_reference(reference: &str) -> Result<(), String> {
    let length = reference.chars().count();
    if length == 0 {
        return Err("the reference is empty: give 1 to 256 characters".to_owned());
    }
    if length > LONGEST_REFERENCE {
        return Err(format!("the reference has {length} characters: at most {LONGEST_REFERENCE} are allowed"));
    }
    match reference.chars().find(|c| c.is_control()) {
        Some(c) => Err(format!("the reference has the control character {c:?}")),
        None => Ok(()),
    }
}
