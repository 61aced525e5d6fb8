//! What a run came to, in one shape: as text, JSON, HTML, Markdown and JUnit.

mod figures;
mod html;
pub mod judged;
pub mod load;
pub mod write;

pub use figures::{Figures, histogram, record};
pub use html::html;
pub use load::{Bucket, Knee, LoadReport, Part, Rate, Second};
