//! Plays a scenario against a staged provider: stimuli at their instants, deliveries over real HTTP, time as the
//! scenario says.
//!
//! ```text
//!   loop { fire deadlines that are due; play lines that are due; wait until all is quiet (leap);
//!          move the clock to the next due instant, or let it run there (scaled, real) }
//! ```
//!
//! In `leap` nothing depends on how fast anything is: the clock stands while something is under way, and what falls due
//! at one instant is played in the order (due, journey, line). Used by `replay`.

pub mod player;
pub mod report;
pub mod timeline;

pub use player::{Play, Played, Time, Watching, play};
