//! The n-th call to the disk fails, for every n: in the first start, in a later one, while a segment of the archive is
//! closed, while old ones are dropped. After SQLite's loops over its n-th allocation and its n-th I/O error.

use std::path::Path;
use std::time::Duration;

use understudy::clock::Stopwatch;

use super::audit::{Terms, audit, audit_living};
use super::prepared::{End, Prepared};
use super::shim::{Fault, Plan, library, preload};
use super::sum::Sum;
use super::workload::Load;
use super::world::World;
use super::{refusal, rounds};
use crate::support::program::Ended;
use crate::support::server::{DEADLINE, Server};

/// How long it may take to come to the call.
const REACHED_WITHIN: Duration = Duration::from_secs(20);

/// How long a server may live with a store that failed: the promise is a second, on a machine that does nothing else. How
/// long it was is printed.
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// Answers that were under way when the call failed arrive within this.
const UNDER_WAY: Duration = Duration::from_millis(200);

/// Where the call is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    /// The start of a store that does not exist yet.
    Fresh,
    /// The start of one that was killed.
    Restart,
    /// The end of a full segment.
    Rotation,
    /// The end of history that is too old.
    Retention,
}

struct Stage {
    scene: Scene,
    prepared: Option<Prepared>,
    library: &'static Path,
}

impl Stage {
    fn set(scene: Scene, library: &'static Path) -> Stage {
        let prepared = match scene {
            Scene::Fresh => None,
            Scene::Restart => Some(Prepared::small(End::Killed)),
            Scene::Rotation => Some(Prepared::nearly_full()),
            Scene::Retention => Some(Prepared::sealed()),
        };
        Stage { scene, prepared, library }
    }

    /// Lets call `nth` fail, and audits what the next life makes of it.
    fn play(&self, nth: u64, fault: Fault, sum: &mut Sum) {
        let home = tempfile::tempdir().expect("a directory");
        let past = self.prepared.as_ref().map(|prepared| prepared.past.clone()).unwrap_or_default();
        if let Some(prepared) = &self.prepared {
            prepared.copy_to(home.path());
        }
        let world = if self.scene == Scene::Rotation { World::talkative(&past) } else { World::after(&past) };
        let (after, more) = match self.scene {
            Scene::Fresh | Scene::Restart => (None, ""),
            Scene::Rotation => (Some(".idx.new"), ""),
            Scene::Retention => (Some("000001.idx"), "outbox = { retention = \"1s\" }"),
        };
        let data = home.path().join("data");
        let round = format!("{:?} {nth} {fault:?}", self.scene);
        let mut command = Server::command(home.path(), &world.config(more));
        let told = preload(&mut command, self.library, &data, &Plan { nth, fault, after });
        sum.round();
        let broken = match Server::launch(command) {
            Err(ended) => Some((ended, told.within(Duration::from_millis(1)))),
            Ok(server) => self.fail(server, &world, &round, fault, |span| told.within(span), sum),
        };
        if let Some((ended, told)) = broken {
            let round = format!("{round}, {}", told.as_deref().unwrap_or("no fault"));
            sum.refused(&round, refusal::judge(&ended, &data.display().to_string()));
        }
        let crashes = 1 + self.prepared.as_ref().map_or(0, |prepared| prepared.crashes);
        let expiring = self.scene == Scene::Retention;
        let terms = Terms { crashes, expiring, refused_may_be_done: fault == Fault::Errors };
        match Server::launch(Server::command(home.path(), &world.config(more))) {
            Ok(server) => match audit(&server, &world, terms) {
                Ok(found) => sum.add(&round, found),
                Err(gone) => sum.wrong(&round, format!("the next life ends: {}\n{}", gone.0, server.stderr())),
            },
            Err(ended) => {
                let mut refusal = refusal::judge(&ended, &data.display().to_string());
                refusal.kind = format!("the next start: {}", refusal.kind);
                sum.refused(&round, refusal);
            }
        }
    }

    /// Drives a server to the call that fails, and on to its end: how it ended, and at which call.
    fn fail(
        &self,
        mut server: Server,
        world: &World,
        round: &str,
        fault: Fault,
        told: impl Fn(Duration) -> Option<String>,
        sum: &mut Sum,
    ) -> Option<(Ended, Option<String>)> {
        let load = Load::on(server.address(), &world.memory);
        let call = told(REACHED_WITHIN);
        let since = Stopwatch::start();
        let mut ended = None;
        if call.is_none() {
            sum.note("not reached");
        } else if fault == Fault::Short {
            ended = server.ended_within(UNDER_WAY);
            if let Some(ended) = &ended {
                sum.wrong(round, format!("a short write is no error: {}", ended.stderr));
            }
        } else {
            ended = server.ended_within(UNDER_WAY);
            let acked = world.memory.acked();
            ended = ended.or_else(|| server.ended_within(ENDED_WITHIN));
            sum.ended_after(since.elapsed());
            match &ended {
                None => sum.wrong(round, format!("{call:?} failed, and it goes on\n{}", server.stderr())),
                Some(_) if world.memory.acked() != acked => sum.wrong(round, "acknowledged after the store had failed"),
                Some(_) => {}
            }
        }
        load.stop();
        ended.map(|ended| (ended, call))
    }
}

/// Plays every scene with calls 1 to `most` of it.
fn play(what: &str, scenes: [(Scene, u64); 2], library: &'static Path) {
    let mut sum = Sum::of(what);
    for (scene, most) in scenes {
        let stage = Stage::set(scene, library);
        for nth in 1..=most {
            stage.play(nth, Fault::Error, &mut sum);
            stage.play(nth, Fault::Torn, &mut sum);
            // What differs less from call to call.
            let others = [Fault::Errors, Fault::Full, Fault::Short];
            stage.play(nth, others[nth as usize % others.len()], &mut sum);
        }
    }
    sum.say();
}

#[test]
fn d1_d5_d9_whichever_call_to_the_disk_fails_nothing_is_lost_and_the_server_says_so() {
    let Some(library) = library() else { return };
    let what = "calls to the disk that failed";
    let most = rounds("CRASH_NTH", 0);
    if most > 0 {
        return play(what, [(Scene::Fresh, most), (Scene::Restart, most)], library);
    }
    let mut sum = Sum::of(what);
    let few: [(Scene, &[u64]); 2] = [(Scene::Fresh, &[6, 17, 20, 30, 31, 38, 46]), (Scene::Restart, &[1, 5])];
    for (scene, nths) in few {
        let stage = Stage::set(scene, library);
        nths.iter().for_each(|nth| stage.play(*nth, Fault::Error, &mut sum));
        stage.play(nths[0] + 31, Fault::Torn, &mut sum);
    }
    sum.say();
}

/// Closing a segment takes eleven calls and dropping one takes two; writing segments to be closed takes a while, so that it
/// is done only where many rounds are asked for.
#[test]
fn d1_d5_d9_whichever_call_about_a_full_segment_fails_nothing_is_lost_and_the_server_says_so() {
    let most = rounds("CRASH_NTH", 0);
    let Some(library) = (most > 0).then(library).flatten() else { return };
    play("calls about segments that failed", [(Scene::Rotation, most / 5), (Scene::Retention, most / 10)], library);
}

/// The last batch is written when the server is told to stop: that nobody waits for it is no reason to end as if all was well.
#[test]
fn d9_a_store_that_fails_in_the_drain_ends_the_server_with_3() {
    let Some(library) = library() else { return };
    let home = tempfile::tempdir().expect("a directory");
    let (world, data) = (World::new(), home.path().join("data"));
    let mut command = Server::command(home.path(), &world.config(""));
    // The first start takes 37 calls, until its first batch is whole.
    let _told = preload(&mut command, library, &data, &Plan { nth: 38, fault: Fault::Errors, after: None });
    let mut server = Server::launch(command).expect("it comes up");
    server.signal("TERM");
    let ended = server.ended_within(DEADLINE).expect("it ends");
    let mut sum = Sum::of("failed drains");
    sum.round();
    sum.refused("drain", refusal::judge(&ended, &data.display().to_string()));
    let server = Server::start(home.path(), &world.config(""));
    sum.add("drain", audit_living(&server, &world, Terms::after(1)));
    sum.say();
}
