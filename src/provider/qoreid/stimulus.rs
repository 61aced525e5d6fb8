//! What is done to a verification, the words for it, and how they are read.
//!
//! The words are the same in scenario files, the API and code; [`Stimulus::from_json`] reads them.

use serde_json::{Map, Value};

use super::{Lookup, Product, Status, Submission};
use crate::chance::Weights;
use crate::provider::DeadlineKind;
use crate::provider::words::{self, Word};

/// Every stimulus's word with the names of its arguments, for schemas and completion.
pub const STIMULI: &[(&str, &[&str])] = &[
    ("submit", &["product", "reference"]),
    ("source_down", &["product"]),
    ("source_restored", &[]),
    ("start_step", &["step"]),
    ("finish_step", &["step", "status"]),
    ("finish", &["status"]),
    ("cancel", &[]),
];

/// What is done to a verification of QoreID.
#[derive(Clone, Debug, PartialEq)]
pub enum Stimulus {
    /// The customer submits it.
    Submit {
        /// What is verified; must be the journey's own.
        product: Option<Product>,
        /// The `customerReference`; must be the journey's own.
        reference: Option<String>,
        /// The particulars, where they came over the provider's API.
        submission: Option<Box<Submission>>,
    },
    /// A register is not reachable.
    SourceDown {
        /// Which; all of them when absent.
        lookup: Option<Lookup>,
    },
    /// The registers are reachable again.
    SourceRestored,
    /// A workflow's step begins.
    StartStep {
        /// The step's id.
        step: String,
    },
    /// A workflow's step ends.
    FinishStep {
        /// The step's id.
        step: String,
        /// How; as the reference or the flow's weights have it when absent.
        status: Option<Weights<Status>>,
    },
    /// The people who find out report.
    Finish {
        /// What; as the reference or the flow's weights have it when absent.
        status: Option<Weights<Status>>,
    },
    /// The customer calls it off.
    Cancel,
    /// A workflow goes on by itself: the next step begins, or the present one ends.
    Proceed,
}

impl Stimulus {
    /// The stimulus's word, one of [`STIMULI`].
    pub fn name(&self) -> &'static str {
        match self {
            Stimulus::Submit { .. } => "submit",
            Stimulus::SourceDown { .. } => "source_down",
            Stimulus::SourceRestored => "source_restored",
            Stimulus::StartStep { .. } => "start_step",
            Stimulus::FinishStep { .. } => "finish_step",
            Stimulus::Finish { .. } => "finish",
            Stimulus::Cancel => "cancel",
            Stimulus::Proceed => "finish_processing",
        }
    }

    /// What it is done with, for people.
    pub fn object(&self) -> Option<String> {
        let only = |status: &Option<Weights<Status>>| match status.as_ref()?.pairs() {
            [(status, _)] => Some(status.as_str().to_owned()),
            _ => None,
        };
        match self {
            Stimulus::Submit { product, .. } => product.map(|product| product.as_str().to_owned()),
            Stimulus::SourceDown { lookup } => lookup.map(|lookup| lookup.as_str().to_owned()),
            Stimulus::StartStep { step } => Some(step.clone()),
            Stimulus::FinishStep { step, status } => {
                Some(only(status).map_or_else(|| step.clone(), |status| format!("{step} {status}")))
            }
            Stimulus::Finish { status } => only(status),
            Stimulus::SourceRestored | Stimulus::Cancel | Stimulus::Proceed => None,
        }
    }

    /// The step it names.
    pub fn step(&self) -> Option<&str> {
        match self {
            Stimulus::StartStep { step } | Stimulus::FinishStep { step, .. } => Some(step),
            _ => None,
        }
    }

    /// The stimulus that a deadline turns into. Only processing has one here; the others are IDWise's and never set.
    pub fn from_deadline(product: Product, _: DeadlineKind) -> Self {
        if product == Product::Workflow { Stimulus::Proceed } else { Stimulus::Finish { status: None } }
    }

    /// Reads a stimulus: `do`, and the arguments that [`STIMULI`] names for it.
    ///
    /// # Errors
    /// What is wrong, the nearest valid word, and what is accepted.
    pub fn from_json(map: &Map<String, Value>) -> Result<Stimulus, String> {
        let all: Vec<&str> = STIMULI.iter().map(|(word, _)| *word).collect();
        let given = match map.get("do") {
            Some(Value::String(given)) => given,
            Some(other) => return Err(format!("\"do\" is {other}: write one of {}", all.join(", "))),
            None => return Err(format!("\"do\" is missing: it says what happens, one of {}", all.join(", "))),
        };
        let Some((word, accepted)) = STIMULI.iter().copied().find(|(word, _)| word == given) else {
            return Err(format!("{given:?} is not a stimulus{}", words::suggest(given, &all)));
        };
        if let Some(key) = map.keys().find(|key| *key != "do" && !accepted.contains(&key.as_str())) {
            return Err(format!("{word} has no argument {key:?}{}", words::suggest(key, accepted)));
        }
        let args = Args { word, map };
        Ok(match word {
            "submit" => Stimulus::Submit {
                product: args.optional("product", read_word)?,
                reference: args.optional("reference", text)?,
                submission: None,
            },
            "source_down" => Stimulus::SourceDown { lookup: args.optional("product", source)?.flatten() },
            "source_restored" => Stimulus::SourceRestored,
            "start_step" => Stimulus::StartStep { step: args.step()? },
            "finish_step" => Stimulus::FinishStep { step: args.step()?, status: args.optional("status", weights)? },
            "finish" => Stimulus::Finish { status: args.optional("status", weights)? },
            _ => Stimulus::Cancel,
        })
    }
}

/// The arguments of one stimulus.
struct Args<'a> {
    word: &'static str,
    map: &'a Map<String, Value>,
}

impl Args<'_> {
    /// An argument that may be left out; `null` counts as left out.
    fn optional<T>(&self, name: &str, read: fn(&Value) -> Result<T, String>) -> Result<Option<T>, String> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).map_err(|why| format!("argument {name:?} of {}: {why}", self.word)),
        }
    }

    fn step(&self) -> Result<String, String> {
        let word = self.word;
        self.optional("step", text)?
            .ok_or_else(|| format!("{word} needs the argument \"step\", as in {{ do = {word:?}, step = \"address\" }}"))
    }
}

fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{value} is not a string"))
}

fn read_word<T: Word>(value: &Value) -> Result<T, String> {
    words::read(&text(value)?)
}

/// A look-up, or `identity` for all of them.
fn source(value: &Value) -> Result<Option<Lookup>, String> {
    match text(value)?.as_str() {
        "identity" => Ok(None),
        word => words::read(word).map(Some).map_err(|why| format!("{why}, or \"identity\" for all of them")),
    }
}

/// One status, or a table of weights.
fn weights(value: &Value) -> Result<Weights<Status>, String> {
    let status = |word: &str| match words::read(word)? {
        Status::Cancelled => Err("a verification that is called off is cancelled: { do = \"cancel\" }".to_owned()),
        status => Ok(status),
    };
    let Value::Object(table) = value else {
        return text(value).and_then(|word| status(&word)).map(Weights::only);
    };
    let mut pairs: Vec<(Status, f64)> = Vec::new();
    for (name, weight) in table {
        let weight = weight.as_f64().filter(|weight| *weight >= 0.0);
        pairs.push((
            status(name)?,
            weight.ok_or_else(|| format!("the weight of {name:?} is not a number of 0 or more"))?,
        ));
    }
    // The vocabulary's order, not the file's: how a table is written has no say in what is drawn.
    pairs.sort_by_key(|(status, _)| Status::ALL.iter().position(|known| known == status));
    Weights::new(pairs).ok_or_else(|| "no weight is above 0: write a table such as { VERIFIED = 1 }".to_owned())
}
