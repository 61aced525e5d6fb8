//! Jobs by the provider's clock: when each is due, and what it does to whom.
//!
//! [`Timetable`] and [`Job`] decide and never do; the application keeps how far each job is and applies what it does.
//! [`Driver`] wakes whoever waits in real time; on a clock that is moved nobody needs it.
//!
//! ```text
//!   "0 30 2 * * *", Europe/Zurich ── Timetable::next_after(t) ──> tick ── Job::stimuli ──> App::apply
//! ```

mod driver;
mod job;
mod timetable;

pub use driver::Driver;
pub use job::{Chosen, Job, Work};
pub use timetable::{Timetable, TimetableError, zones};
