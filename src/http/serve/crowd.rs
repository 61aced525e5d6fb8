//! Who is connected, and who goes when somebody new comes and there is no room: the one that has waited longest with half a
//! head, or else the one that has rested longest between two requests. Whoever is being answered stays.

use std::collections::VecDeque;

use tokio::task::Id;
use tokio_util::sync::CancellationToken;

use crate::http::watched::Standing;

/// A connection as the crowd knows it, and as its task does.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    /// Where it stands.
    pub(super) standing: Standing,
    /// It is to go, if it still may when it hears of it; or all are.
    pub(super) go: CancellationToken,
}

impl Guest {
    /// A new one, who hears of `stop` as well.
    pub(super) fn new(stop: &CancellationToken) -> Self {
        Guest { standing: Standing::new(), go: stop.child_token() }
    }
}

/// All of them, by the task of each, oldest first. Their number is bounded by who is let in.
#[derive(Debug, Default)]
pub(super) struct Crowd(VecDeque<(Id, Guest)>);

impl Crowd {
    pub(super) fn joins(&mut self, task: Id, guest: Guest) {
        self.0.push_back((task, guest));
    }

    pub(super) fn leaves(&mut self, task: Id) {
        if let Some(at) = self.0.iter().position(|(known, _)| *known == task) {
            self.0.remove(at);
        }
    }

    /// Tells one to go; `false` where none can be asked to.
    pub(super) fn makes_room(&mut self) -> bool {
        let halfway = self.0.iter().position(|(_, guest)| guest.standing.is_halfway());
        let at = halfway.or_else(|| self.0.iter().position(|(_, guest)| guest.standing.rests()));
        match at.and_then(|at| self.0.remove(at)) {
            Some((_, guest)) => {
                guest.go.cancel();
                true
            }
            None => false,
        }
    }
}
