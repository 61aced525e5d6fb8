//! A disk without room, and one that may not be written.

use std::time::Duration;

use super::audit::{Terms, audit_living};
use super::mount::Mounted;
use super::sum::Sum;
use super::workload::Load;
use super::world::{Past, World};
use super::{prepared, refusal};
use crate::support::server::Server;

/// How long it may take until the disk is full, and the server has ended.
const FULL_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn d1_d5_d9_a_full_disk_ends_the_server_in_words_and_loses_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let disk = home.path().join("disk");
    let Some(mounted) = Mounted::of_size("3m", &disk) else { return };
    let store = disk.join("data").display().to_string();
    let world = World::talkative(&Past::default());
    let mut sum = Sum::of("full disks");
    let mut server = Server::start(&disk, &world.config(""));
    let load = Load::on(server.address(), &world.memory);
    let ended = server.ended_within(FULL_WITHIN).expect("a server without room ends");
    load.stop();
    sum.round();
    assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
    sum.refused("full", refusal::judge(&ended, &store));
    // Without room it does not come up either, or goes down as it did; and then there is room.
    let mut crashes = 1;
    for _ in 0..2 {
        match Server::launch(Server::command(&disk, &world.config(""))) {
            Err(ended) => sum.refused("again without room", refusal::judge(&ended, &store)),
            Ok(mut server) => {
                let load = Load::on(server.address(), &world.memory);
                let ended = server.ended_within(FULL_WITHIN).expect("a server without room ends");
                load.stop();
                sum.refused("again without room", refusal::judge(&ended, &store));
            }
        }
        crashes += 1;
    }
    mounted.again("size=64m");
    let server = Server::start(&disk, &world.config(""));
    sum.add("with room", audit_living(&server, &world, Terms::after(crashes)));
    assert_eq!(server.terminate().code(), Some(0));
    sum.say();
}

#[test]
fn d9_a_store_that_may_not_be_written_is_refused_in_words_and_left_alone() {
    let home = tempfile::tempdir().expect("a directory");
    let disk = home.path().join("disk");
    let Some(mounted) = Mounted::of_size("16m", &disk) else { return };
    let stopped = prepared::Prepared::small(prepared::End::Killed);
    stopped.copy_to(&disk);
    let world = World::after(&stopped.past);
    let command = || Server::command(&disk, &world.config(""));
    let mut sum = Sum::of("read-only disks");
    let refused = command();
    mounted.again("ro");
    let ended = Server::launch(refused).err().expect("a store that cannot be written is not opened");
    sum.round();
    sum.refused("read-only", refusal::judge(&ended, &disk.join("data").display().to_string()));
    mounted.again("rw");
    let server = Server::launch(command()).expect("the store is as it was");
    sum.add("writable", audit_living(&server, &world, Terms::after(stopped.crashes)));
    sum.say();
}

#[test]
fn d9_a_disk_that_promises_no_order_is_named_at_the_start_and_one_in_memory_is_not() {
    let home = tempfile::tempdir().expect("a directory");
    let disk = home.path().join("disk");
    let config = World::new().config("");
    let warned = |mounted: Option<Mounted>| {
        let _mounted = mounted?;
        let server = Server::start(&disk, &config);
        let said = server.stderr();
        server.terminate();
        let mut warnings = said.lines().filter(|line| line.contains("power cut"));
        Some((warnings.next().map(str::to_owned), warnings.count()))
    };
    let Some((warning, more)) = warned(Mounted::plain(&disk)) else { return };
    let warning = warning.expect("a warning");
    for part in ["WARN", &disk.join("data").display().to_string(), "ext4, xfs or btrfs"] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
    assert_eq!(more, 0, "once");
    assert_eq!(warned(Mounted::of_size("16m", &disk)), Some((None, 0)), "a tmpfs survives nothing, as everybody knows");
}
