//! A power cut: the store lies on a file system in an image file, and the image is copied while the server works. The copy
//! is what a disk would hold if the power had gone at that moment.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::workload::{Load, Memory};
use crate::support::server::Server;
use crate::support::sink::{Answer, Received, Sink};
use crate::support::tools::{stand_down, which};

const CUTS: usize = 5;

/// How long the load may take to get going.
const GOING_WITHIN: Duration = Duration::from_secs(60);

/// A mounted file system that is unmounted on every way out.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(image: &Path, at: &'a Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a mount point");
        run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(at)).then_some(Mounted(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // Lazily: a test that failed may still have a server on it.
        run(Command::new("umount").arg("-l").arg(self.0));
    }
}

fn run(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn config(url: &str) -> String {
    format!(
        r#"
seed = 9
[[flow]]
id = "onboarding"
steps = [{{ id = "1", type = "Document", title = "Photo ID" }}, {{ id = "2", type = "Selfie", title = "Selfie" }}]
processing = "50ms"
decision = "Complete"
[[webhook]]
name = "sink"
types = ["*"]
url = "{url}"
"#
    )
}

#[test]
fn d1_d9_five_power_cuts_lose_nothing_that_was_acknowledged() {
    if which("mkfs.ext4").is_none() || which("mount").is_none() {
        return;
    }
    let home = tempfile::tempdir().expect("a directory");
    let (image, disk, copy, other) = (
        home.path().join("disk.img"),
        home.path().join("disk"),
        home.path().join("copy.img"),
        home.path().join("other"),
    );
    let made = run(Command::new("truncate").args(["-s", "256M"]).arg(&image))
        && run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image));
    let mounted = made.then(|| Mounted::new(&image, &disk)).flatten();
    let Some(_mounted) = mounted else {
        stand_down("the right to mount a file system from an image");
        return;
    };
    let sink = Sink::start(|_: &Received| Answer::Status(200));
    let memory = Memory::default();
    let server = Server::start(&disk, &config(&sink.url("/hook")));
    let load = Load::on(server.address(), &memory);
    let after = Sink::start(|_: &Received| Answer::Status(200));
    for cut in 1..=CUTS {
        let more = sink.requests().len() + 150;
        assert!(sink.await_count(more, GOING_WITHIN).is_ok(), "the load goes on\n{}", server.stderr());
        // The process stands still while the copy is made: nothing that it does later can bring an earlier write to the
        // disk. All that is acknowledged by now must be there by now.
        server.signal("STOP");
        let acked = memory.acked();
        assert!(run(Command::new("cp").arg("--sparse=always").arg(&image).arg(&copy)), "the image is copied");
        server.signal("CONT");
        let lost_power = Mounted::new(&copy, &other).expect("the copy has a whole file system");
        let restarted = Server::start(&other, &config(&after.url("/hook")));
        for (id, event) in &acked {
            let stored = restarted.get(&format!("/api/v1/events/{id}"));
            assert_eq!(stored.status, 200, "cut {cut}: {} of {} acknowledged, {id} is lost", acked.len(), acked.len());
            assert_eq!(stored.json()["body"], event.body, "cut {cut}: the bytes of {id}");
        }
        restarted.kill();
        drop(lost_power);
    }
    load.stop();
    assert_eq!(server.terminate().code(), Some(0));
}
