//! What a server's process holds of its machine, read from `/proc`.

use std::fs;
use std::time::Duration;

use understudy::clock::Stopwatch;

use crate::support::server::{DEADLINE, Server};

/// The pause between two looks at a number that is about to fall.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The resident memory of the server, in KiB. Panics where the machine has no `/proc`.
pub(super) fn memory_kib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("a living process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}

/// The open descriptors of the server.
pub(super) fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("a living process").count()
}

/// Waits until no more than `at_most` descriptors are open: idle connections are kept for some seconds. Gives how many
/// there are then, or at the deadline.
pub(super) fn descriptors_down_to(server: &Server, at_most: usize) -> usize {
    let waiting = Stopwatch::start();
    loop {
        let open = descriptors(server);
        if open <= at_most || waiting.elapsed() > DEADLINE {
            return open;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Waits until every delivery is in its last state, and gives the ledger. Panics when that does not come.
pub(super) fn at_rest(server: &Server) -> serde_json::Value {
    let waiting = Stopwatch::start();
    loop {
        let ledger = crate::support::steps::ledger(server);
        let open = |key: &str| ledger["deliveries"][key] != 0;
        if !open("waiting") && !open("in_flight") {
            return ledger;
        }
        assert!(waiting.elapsed() < DEADLINE * 2, "D3: everything comes to an end: {ledger}");
        std::thread::sleep(LOOK_AGAIN);
    }
}
