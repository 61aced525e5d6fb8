//! How many files and connections this process may have open: as many as it is allowed to ask for.
//!
//! Many systems start a process with 1,024 and allow a thousand times that, for the sake of programs from the time of
//! `select`. Called once, before a command begins; where it is refused, the command has what it was given.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More are never needed: the API's connections and all attempts under way are a few thousand.
const ENOUGH: u64 = 16_384;

/// Raises what holds to what may hold.
pub(super) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
    if limit.current.is_some_and(|current| current < wanted) {
        // A system that says no has its reasons; connections are bounded by what holds.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
    }
}
