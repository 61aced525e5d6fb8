//! The stimuli that a line can name, and how a line's arguments become one: the provider's own vocabulary.

use serde_json::{Map, Value as Json};

use crate::provider::{self, ProviderKind};

pub(super) use crate::provider::stimuli;

/// The stimulus that `map` writes down: `do`, and its arguments.
///
/// # Errors
/// What is wrong; an argument that is to blame is named in quotes.
pub(super) fn stimulus(provider: ProviderKind, map: &Map<String, Json>) -> Result<provider::Stimulus, String> {
    provider::parse_stimulus(provider, map)
}
