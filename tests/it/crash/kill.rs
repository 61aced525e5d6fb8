//! SIGKILL in the middle of delivering, and again while the next life recovers; and lives that stand still for a while.

use std::time::Duration;

use super::audit::{Terms, audit_living};
use super::sum::Sum;
use super::workload::Load;
use super::world::World;
use super::{rounds, seed};
use crate::support::program::Program;
use crate::support::server::Server;

/// How long the load may take to get going.
const GOING_WITHIN: Duration = Duration::from_secs(60);

/// A start is killed within so many microseconds: before it is ready, or just after.
const RECOVERY: u64 = 100_000;

/// Between two audits there are so many kills.
const AUDITED_EVERY: u64 = 50;

#[test]
fn d1_d2_d3_d5_d6_d7_a1_a2_a7_what_was_acknowledged_survives_kills_and_arrives() {
    let kills = rounds("CRASH_KILLS", 16);
    let world = World::new();
    let dir = tempfile::tempdir().expect("a directory");
    let config = world.config("");
    let mut draw = seed().draw(&[b"kills"]);
    let mut sum = Sum::of("kills");
    let mut audited = 0;
    while sum.rounds() < kills && sum.holds() {
        for _ in 0..draw.below(3) {
            let starting = Program::start(Server::command(dir.path(), &config));
            starting.ends_within(Duration::from_micros(draw.below(RECOVERY)));
            drop(starting);
            sum.round();
            sum.note("in recovery");
        }
        let server = Server::start(dir.path(), &config);
        let load = Load::on(server.address(), &world.memory);
        // The moment is drawn in arrivals first: it comes after the server has begun to deliver.
        let mut go_on = |least: u64| {
            let arrivals = world.sink.requests().len() + (least + draw.below(150)) as usize;
            let came = world.sink.await_count(arrivals, GOING_WITHIN);
            assert!(came.is_ok(), "{} arrivals only\n{}", world.sink.requests().len(), server.stderr());
            draw.below(20_000)
        };
        let mut pause = go_on(10);
        if pause % 4 == 0 {
            server.signal("STOP");
            std::thread::sleep(Duration::from_micros(pause));
            server.signal("CONT");
            pause = go_on(1);
            sum.note("stopped for a while before");
        }
        std::thread::sleep(Duration::from_micros(pause));
        server.kill();
        load.stop();
        sum.round();
        if sum.rounds() - audited >= AUDITED_EVERY || sum.rounds() >= kills {
            audited = sum.rounds();
            let server = Server::start(dir.path(), &config);
            let found = audit_living(&server, &world, Terms::after(audited));
            // Each audit sees all lives so far: the last one's figures are those of all.
            sum.latest("the last audit", found);
            assert_eq!(server.terminate().code(), Some(0), "Q2");
        }
    }
    sum.say();
}
