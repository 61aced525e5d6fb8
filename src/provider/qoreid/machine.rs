//! The machines of `transition.rs` as tables, for drawing. Checked against it by the properties under random stimuli.

use super::Product;
use crate::provider::machine::{Machine, Move, Place};

const DRAFT: Place = Place { name: "draft", words: &["draft"] };
const QUEUED: Place = Place { name: "queued", words: &["queued"] };
const IN_PROGRESS: Place = Place { name: "in_progress", words: &["in_progress"] };
const COMPLETE: Place = Place { name: "complete", words: &["complete"] };
const CANCELLED: Place = Place { name: "cancelled", words: &["cancelled"] };
const FAILED: Place = Place { name: "failed", words: &["failed"] };

/// A look-up in a register.
const IDENTITY: Machine = Machine {
    places: &[DRAFT, QUEUED, COMPLETE, FAILED],
    moves: &[
        on("draft", "source_down", "draft"),
        on("draft", "source_restored", "draft"),
        on("draft", "submit", "complete"),
        on("draft", "submit", "queued"),
        on("draft", "submit", "failed"),
        on("queued", "source_restored", "complete"),
    ],
};

/// What people have to find out.
const LAST_MILE: Machine = Machine {
    places: &[DRAFT, IN_PROGRESS, COMPLETE, CANCELLED],
    moves: &[
        on("draft", "submit", "in_progress"),
        on("in_progress", "finish", "complete"),
        on("in_progress", "cancel", "cancelled"),
    ],
};

/// Several of the others, one after the other.
const WORKFLOW: Machine = Machine {
    places: &[DRAFT, IN_PROGRESS, COMPLETE, CANCELLED],
    moves: &[
        on("draft", "submit", "in_progress"),
        on("in_progress", "start_step", "in_progress"),
        on("in_progress", "finish_step", "in_progress"),
        on("in_progress", "finish_processing", "in_progress"),
        on("in_progress", "finish_step", "complete"),
        on("in_progress", "finish_processing", "complete"),
        on("in_progress", "cancel", "cancelled"),
    ],
};

/// The machine that a verification of this product moves in.
pub fn machine(product: Product) -> &'static Machine {
    match product {
        Product::Identity => &IDENTITY,
        Product::Workflow => &WORKFLOW,
        Product::Address | Product::Employment | Product::Guarantor | Product::Property => &LAST_MILE,
    }
}

const fn on(from: &'static str, by: &'static str, to: &'static str) -> Move {
    Move { from, by, to }
}
