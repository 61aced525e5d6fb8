//! Scenarios: what journeys go through, written down in `*.journey.toml` files.
//!
//! [`Scenario::parse`] reads a file with every complaint at once. Called by `config`'s commands, `replay`, `load`
//! and `serve --journey`; it opens no file and starts nothing.

pub mod draw;
pub mod examples;
pub mod file;
pub mod judge;
pub mod require;
pub mod script;
mod vocabulary;

pub use file::{
    Arrival, DataValue, Expect, Line, LineKind, Pace, Place, Population, Require, Scenario, Spacing, StatusRule,
    Vocabulary, Wait, check, new_text, schema,
};
