//! The stimuli that a line can name, and how a line's arguments become one: the provider's own vocabulary.

use serde_json::{Map, Value as Json};

use crate::provider;
use crate::provider::idwise::Stimulus;

pub(super) use crate::provider::idwise::STIMULI;

/// The stimulus that `map` writes down: `do`, and its arguments.
///
/// # Errors
/// What is wrong; an argument that is to blame is named in quotes.
pub(super) fn stimulus(map: &Map<String, Json>) -> Result<provider::Stimulus, String> {
    Stimulus::from_json(map).map(provider::Stimulus::Idwise)
}
