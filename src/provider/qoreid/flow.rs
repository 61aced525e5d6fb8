//! What a flow of QoreID is: a product by itself, or a workflow of several.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Casing, Lookup, Product, Status};
use crate::chance::{SpanDraw, Weights};

/// A product, or a workflow of products, and how it is processed.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// The product's word, or a workflow's own id.
    pub id: String,
    /// What is verified.
    pub product: Product,
    /// The steps of a workflow, in order; empty for a product.
    pub steps: Vec<StepDefinition>,
    /// How long a verification, or one step, takes.
    pub processing: SpanDraw,
    /// How it ends, where nothing says otherwise.
    pub status: Weights<Status>,
    /// In which case statuses are written.
    pub casing: Casing,
    /// What happens to a look-up whose source is down.
    pub downtime: Downtime,
    /// The look-ups whose source is down.
    pub down: BTreeSet<Lookup>,
}

/// What happens to a look-up whose source is down: "Network Downtime Handling"
/// (docs.qoreid.com/docs/webhook-configuration).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downtime {
    /// It is done when the source returns, and the result goes to the webhook.
    Queues,
    /// The call fails, and nothing is sent.
    Fails,
}

/// A step of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDefinition {
    /// Unique in its workflow.
    pub id: String,
    /// What is verified.
    pub product: Product,
    /// For people.
    pub title: String,
}

impl Flow {
    /// The flow of a product as it is without configuration.
    pub fn of(product: Product) -> Self {
        Flow {
            id: product.as_str().to_owned(),
            product,
            steps: Vec::new(),
            processing: SpanDraw::Fixed(std::time::Duration::from_secs(5)),
            status: Weights::only(Status::Verified),
            casing: Casing::AsDocumented,
            downtime: Downtime::Queues,
            down: BTreeSet::new(),
        }
    }
}
