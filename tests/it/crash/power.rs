//! A power cut: the store lies on a file system in an image file, and the image is copied while the server works. The copy
//! is what a disk would hold if the power had gone at that moment.

use std::process::Command;
use std::time::Duration;

use super::audit::{Terms, audit_living};
use super::mount::{Mounted, copy_of_one_instant, run};
use super::sum::Sum;
use super::workload::Load;
use super::world::World;
use super::{rounds, seed};
use crate::support::server::Server;
use crate::support::tools::which;

/// How long the load may take to get going.
const GOING_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn d1_d9_power_cuts_lose_nothing_that_was_acknowledged() {
    let home = tempfile::tempdir().expect("a directory");
    let [image, disk, copy, other] = ["disk.img", "disk", "copy.img", "other"].map(|name| home.path().join(name));
    if which("mkfs.ext4").is_none() {
        return;
    }
    let made = run(Command::new("truncate").args(["-s", "256M"]).arg(&image))
        && run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image));
    assert!(made, "an image with a file system");
    let Some(_mounted) = Mounted::image(&image, &disk) else { return };
    let world = World::new();
    let server = Server::start(&disk, &world.config(""));
    let load = Load::on(server.address(), &world.memory);
    let mut draw = seed().draw(&[b"cuts"]);
    let mut sum = Sum::of("power cuts");
    while sum.rounds() < rounds("CRASH_CUTS", 4) && sum.holds() {
        let more = world.sink.requests().len() + 50 + draw.below(150) as usize;
        assert!(world.sink.await_count(more, GOING_WITHIN).is_ok(), "the load goes on\n{}", server.stderr());
        // The process stands still while the copy is made: nothing that it does later can bring an earlier write to the
        // disk. All that is acknowledged by now must be there by now. It stands until the copy is judged, so that its load
        // does not fill the disk meanwhile.
        server.signal("STOP");
        let past = world.past();
        copy_of_one_instant(&image, &copy);
        let lost_power = Mounted::image(&copy, &other).expect("the copy has a whole file system");
        sum.round();
        let round = format!("cut {}", sum.rounds());
        let later = World::after(&past);
        match Server::launch(Server::command(&other, &later.config(""))) {
            Ok(restarted) => {
                sum.latest(&round, audit_living(&restarted, &later, Terms::after(1)));
                restarted.kill();
            }
            Err(ended) => sum.wrong(&round, format!("D9: a cut is no reason to refuse: {ended:?}")),
        }
        drop(lost_power);
        server.signal("CONT");
    }
    load.stop();
    assert_eq!(server.terminate().code(), Some(0));
    sum.say();
}
