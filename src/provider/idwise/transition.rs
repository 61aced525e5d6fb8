//! The machine.
use super::Stimulus;
use crate::provider::{Context, Journey, Rejected, Transition};
/// Decides.
///
/// # Errors
/// [`Rejected`].
pub fn transition(_journey: &Journey, _stimulus: &Stimulus, _cx: &mut Context<'_>) -> Result<Transition, Rejected> {
    unreachable!()
}
