//! TOML documents read with every complaint at once, each with its line, column and the nearest valid key.
//!
//! Every table is declared as data: a [`Table`] of [`Key`]s with kind, default and a sentence. From that one
//! declaration follow the reading ([`Reading::document`]), the JSON Schema ([`schema()`]), and the listing of resolved
//! values with their origins ([`shown()`]). Called by `portal`, `config` and `scenario`; it knows nothing of
//! providers, webhooks or journeys, and opens no file.
//!
//! ```text
//!   text --DeTable--> Reading::table(&Table) --> Section { key -> Item { value, span, origin } } --> the builders
//!                           |                                                                            |
//!                           +------------------------> Complaints <--------------------------------------+
//! ```

pub mod complaint;
pub mod nearest;
mod phrase;
pub mod read;
pub mod schema;
pub mod section;
pub mod shown;
pub mod spec;
mod value;

pub use complaint::{Complaint, Complaints, Style};
pub use nearest::nearest;
pub use read::{ENV_PREFIX, Overrides, Reading, Source};
pub use schema::schema;
pub use section::{Extra, Item, Origin, Section, Value};
pub use shown::{Shown, shown};
pub use spec::{Key, Kind, Rest, Table};

#[cfg(test)]
mod tests;
