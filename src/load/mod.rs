//! Load: a population of journeys, driven at customers' endpoints in the open model, and measured honestly.
//!
//! ```text
//!   [population] ── Arrivals (pure) ──> Driver ── lines, many at once ──> App ── lanes ──> endpoints
//!                                          ^                                │
//!                                          └── Meter <── every attempt, where it ends
//! ```
//!
//! What was planned for an instant counts from that instant, however late it was done: a receiver that stalls delays what
//! comes after it, and that delay is in the figures. Used by the command `load`.

mod alarm;
pub mod arrivals;
pub mod driver;
mod item;
pub mod knee;
pub mod meter;
pub mod run;
pub mod verdict;

pub use arrivals::Arrivals;
pub use driver::drive;
pub use meter::{Meter, Snapshot};
pub use run::{Control, Drive, Driven, Pacing};
pub use verdict::{Verdict, judge, recent, set_rates};
