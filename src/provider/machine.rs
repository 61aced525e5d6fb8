//! The providers' machines as data: places, and what leads from one to another. For whoever draws them.
//!
//! The tables stand beside each provider's `transition`, which decides; the properties that are tested against random
//! stimuli hold for both, so that what is drawn is what happens.

use super::{Journey, State, idwise, qoreid};

/// A machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The places, the first one first.
    pub places: &'static [Place],
    /// What leads where. What is not here is refused.
    pub moves: &'static [Move],
}

/// A place in a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The place's word.
    pub name: &'static str,
    /// The words of a journey's state that stands here: usually one, the place's own.
    pub words: &'static [&'static str],
}

/// What leads from one place to another, or back to the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// From the place of this name.
    pub from: &'static str,
    /// The stimulus's word.
    pub by: &'static str,
    /// To the place of this name. The same stimulus may have several moves: its arguments and the journey's decide.
    pub to: &'static str,
}

impl Machine {
    /// The place where a journey with this state's word stands.
    pub fn place_of(&self, word: &str) -> Option<&'static Place> {
        self.places.iter().find(|place| place.words.contains(&word))
    }

    /// Whether `by` may lead from the place of one state's word to that of another's.
    pub fn draws(&self, from: &str, by: &str, to: &str) -> bool {
        let (Some(from), Some(to)) = (self.place_of(from), self.place_of(to)) else { return false };
        self.moves.iter().any(|m| (m.from, m.by, m.to) == (from.name, by, to.name))
    }
}

/// The machine that a journey moves in.
pub fn machine(journey: &Journey) -> &'static Machine {
    match &journey.state {
        State::Idwise(_) => &idwise::MACHINE,
        State::Qoreid(state) => qoreid::machine(state.product),
    }
}
