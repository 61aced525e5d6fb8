//! Kills, power cuts and failing calls in the midst of a tree that is written anew. A server would have to come and go through
//! a large backlog for each, so that another process stands in for it: this program once more, with the store alone, which
//! fills and drains it without an end and notes what was acknowledged.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use understudy::clock::{Stopwatch, Timestamp, real_sleep};
use understudy::ids::{EventId, JourneyId};
use understudy::message::{Attempt, Message, Outcome, Verdict};
use understudy::outbox::{
    Commit, DueDelivery, NewDelivery, NewMessage, Note, Outbox as _, Settlement, SledOutbox, SledSettings,
};
use understudy::provider::{Environment, Journey, State, idwise};
use understudy::rng::Seed;

use super::mount::{Mounted, copy_of_one_instant, run};
use super::shim::{Cuts, Fault, Plan, at_cut, forgetful, library, preload, preload_forgetful};
use super::sum::Sum;
use super::{rounds, seed};
use crate::support::program::Program;
use crate::support::tools::{stand_down, which};

/// Where the stand-in has its store, and the file that it notes in what was acknowledged.
const STORE: &str = "CRASH_STORE";
const TOLD: &str = "CRASH_TOLD";
/// Its tree is never written anew.
const STAYS: &str = "CRASH_STAYS";

/// So often each event is owed.
const TIMES: u64 = 4_000;
const HOOK: &str = "all";
/// So many notes are in every store: more than are copied at a time.
const NOTES: usize = 120;
/// A tree is written anew about once a second.
const WRITTEN_WITHIN: Duration = Duration::from_secs(180);
/// From the first sight of a second tree to the end of the first: some of it passes before a kill.
const WRITING: u64 = 40_000;
/// So often the power goes in one life of a disk that forgets.
const CUTS: u64 = 20;
const LOOK: Duration = Duration::from_micros(200);

/// Every tree that is mostly empty is written anew, however small; or none is.
fn settings(stays: bool) -> SledSettings {
    SledSettings { rebuild_bytes: if stays { u64::MAX } else { 0 }, ..SledSettings::default() }
}

fn at(n: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + n as i64)
}

fn journey_id(n: u64) -> JourneyId {
    JourneyId::mint(Seed(0), n)
}

/// The start of journey `n`, with its event.
fn commit(n: u64) -> Commit {
    let state = idwise::State {
        phase: idwise::Phase::Open,
        system: idwise::SystemDecision::Incomplete,
        manual: None,
        steps: Vec::new(),
        aml: idwise::Aml::default(),
        rounds: 0,
        spot_checks: 0,
        renewal_deadline: None,
    };
    let journey = Journey {
        id: journey_id(n),
        number: n,
        reference_no: format!("REF-{n}"),
        flow: "onboarding".into(),
        environment: Environment::Sandbox,
        version: 1,
        sequence: 1,
        created_at: at(n),
        deadlines: Vec::new(),
        state: State::Idwise(state),
    };
    let message = Message {
        event_id: EventId::mint(Seed(0), journey.id, 1),
        event_type: "Finished Step".into(),
        journey_id: Some(journey.id),
        sequence: 1,
        environment: Environment::Sandbox,
        created_at: at(n),
        body: n.to_string().into(),
        forms: Vec::new(),
    };
    let owed = NewDelivery { webhook: Arc::from(HOOK), due_at: at(n), ordered: false, form: 0 };
    let messages = vec![NewMessage { message, to: vec![owed; TIMES as usize] }];
    let journey = Arc::new(journey);
    Commit { journey, expected_version: None, messages, key: None, fired: None, note: None, now: at(n) }
}

async fn drain(outbox: &SledOutbox) {
    loop {
        let due = outbox.claim_deliveries(HOOK, Timestamp::MAX, 1_000).await.expect("a claim").rows;
        if due.is_empty() {
            return;
        }
        let settlement = |due: &DueDelivery| {
            let attempt = Attempt { n: 1, started_at: at(0), finished_at: at(0), outcome: Outcome::default() };
            Settlement::Attempt {
                lease: due.lease,
                attempt: Box::new(attempt),
                verdict: Verdict::Delivered,
                notice: None,
            }
        };
        outbox.settle(due.iter().map(settlement).collect()).await.expect("a settlement");
    }
}

/// The directories of trees, by name.
fn trees(store: &Path) -> Vec<String> {
    let entries = fs::read_dir(store).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut trees: Vec<_> = names.filter(|name| name.starts_with("tree-")).collect();
    trees.sort();
    trees
}

/// No test of its own: what the others kill. Does nothing where it is not told of a store.
#[tokio::test]
async fn stand_in() {
    let (Some(store), Some(told)) = (std::env::var_os(STORE), std::env::var_os(TOLD)) else { return };
    let store = PathBuf::from(store);
    let mut told = File::options().append(true).create(true).open(told).expect("a file");
    let stays = std::env::var_os(STAYS).is_some();
    let outbox = SledOutbox::open(&store, settings(stays)).expect("it opens");
    for n in 0..NOTES {
        let note = Note { name: format!("{n:05}"), value: Some(vec![n as u8; 1_000].into()) };
        outbox.keep_note(note).await.expect("a note");
    }
    writeln!(told, "notes").expect("told");
    drain(&outbox).await;
    loop {
        let next = outbox.ledger().events + 1;
        outbox.commit(commit(next)).await.expect("a fresh journey");
        writeln!(told, "owed {next}").expect("told");
        // The tree has it.
        outbox.close().await.expect("it closes");
        let before = trees(&store);
        drain(&outbox).await;
        writeln!(told, "delivered {next}").expect("told");
        let waiting = Stopwatch::start();
        while !stays && trees(&store) == before && waiting.elapsed() < Duration::from_secs(3) {
            assert_eq!(outbox.broken(), None);
            real_sleep(Duration::from_millis(1)).await;
        }
    }
}

fn stand_in_for(store: &Path, told: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "crash::rebuild::stand_in", "--nocapture"]).env(STORE, store).env(TOLD, told);
    command
}

/// Waits until a tree is being written beside another.
fn await_second(store: &Path, program: &Program) {
    let waiting = Stopwatch::start();
    while trees(store).len() < 2 {
        assert!(!program.ends_within(LOOK), "it ended");
        assert!(waiting.elapsed() < WRITTEN_WITHIN, "no tree is written anew");
    }
}

/// What was acknowledged: the last event that is owed, and the last that is delivered.
fn acknowledged(told: &Path) -> (bool, u64, u64) {
    let text = fs::read_to_string(told).unwrap_or_default();
    let last = |what: &str| {
        let numbers = text.lines().filter_map(|line| line.strip_prefix(what)?.trim().parse().ok());
        numbers.max().unwrap_or(0)
    };
    (text.contains("notes"), last("owed"), last("delivered"))
}

/// Opens a store that was cut off, and holds it against what was acknowledged.
fn check(store: &Path, told: &Path, round: &str, sum: &mut Sum) {
    let (notes, owed, delivered) = acknowledged(told);
    let mut holds = |holds: bool, what: String| {
        if !holds {
            sum.wrong(round, what);
        }
    };
    let outbox = match SledOutbox::open(store, SledSettings::default()) {
        Ok(outbox) => outbox,
        Err(error) => return sum.wrong(round, error),
    };
    holds(trees(store).len() == 1, format!("it has {:?}", trees(store)));
    let ledger = outbox.ledger();
    let sums = ledger.deliveries;
    holds((owed..=owed + 1).contains(&ledger.events), format!("D1, D7: {owed} events were owed: {ledger:?}"));
    holds(sums.accepted == ledger.events * TIMES, format!("D2: {ledger:?}"));
    holds(sums.accepted == sums.waiting + sums.delivered, format!("D3: {ledger:?}"));
    holds(sums.delivered >= delivered * TIMES, format!("D4: {delivered} events were delivered: {ledger:?}"));
    let kept = outbox.notes("").map_or(0, |notes| notes.len());
    holds(!notes || kept == NOTES, format!("D1: {kept} notes"));
    for n in 1..=owed {
        let journey = outbox.journey(journey_id(n)).ok().flatten().map(|journey| journey.number);
        let events = outbox.events(Some(journey_id(n)), None, 2).map_or(0, |page| page.items.len());
        holds((journey, events) == (Some(n), 1), format!("D1: journey {n} is {journey:?} with {events} events"));
    }
    holds(outbox.broken().is_none(), format!("{:?}", outbox.broken()));
}

#[test]
fn d1_d2_d3_d5_kills_while_a_tree_is_written_anew_lose_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let (store, told) = (home.path().join("store"), home.path().join("told"));
    let mut draw = seed().draw(&[b"rebuilds"]);
    let mut sum = Sum::of("kills while a tree was written anew");
    while sum.rounds() < rounds("CRASH_KILLS", 4).div_ceil(2) && sum.holds() {
        let program = Program::start(stand_in_for(&store, &told));
        await_second(&store, &program);
        std::thread::sleep(Duration::from_micros(draw.below(WRITING)));
        program.signal("KILL");
        drop(program.end());
        sum.round();
        sum.note(if trees(&store).len() > 1 { "with two trees" } else { "with one" });
        let round = format!("kill {}", sum.rounds());
        check(&store, &told, &round, &mut sum);
    }
    sum.say();
}

#[test]
fn d1_d9_power_cuts_while_a_tree_is_written_anew_lose_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let [image, disk, copy, other] = ["disk.img", "disk", "copy.img", "other"].map(|name| home.path().join(name));
    if which("mkfs.ext4").is_none() {
        return;
    }
    let made = run(Command::new("truncate").args(["-s", "128M"]).arg(&image))
        && run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image));
    assert!(made, "an image with a file system");
    let Some(_mounted) = Mounted::image(&image, &disk) else { return };
    let (store, told) = (disk.join("store"), home.path().join("told"));
    let mut draw = seed().draw(&[b"rebuilds without power"]);
    let mut sum = Sum::of("power cuts while a tree was written anew");
    let program = Program::start(stand_in_for(&store, &told));
    while sum.rounds() < rounds("CRASH_CUTS", 3) && sum.holds() {
        await_second(&store, &program);
        std::thread::sleep(Duration::from_micros(draw.below(WRITING)));
        // As in `power`: nothing that it does later can bring an earlier write to the disk.
        program.signal("STOP");
        copy_of_one_instant(&image, &copy);
        let lost_power = Mounted::image(&copy, &other).expect("the copy has a whole file system");
        sum.round();
        sum.note(if trees(&other.join("store")).len() > 1 { "with two trees" } else { "with one" });
        let round = format!("cut {}", sum.rounds());
        check(&other.join("store"), &told, &round, &mut sum);
        drop(lost_power);
        program.signal("CONT");
    }
    sum.say();
}

/// Whether the file system in `dir` makes a file synchronous that is marked so: without that, an order is only sled's hope.
fn knows_synchronous_files(dir: &Path) -> bool {
    let probe = File::create_new(dir.join("probe")).expect("a file");
    let marked = ioctl_getflags(&probe).and_then(|flags| ioctl_setflags(&probe, flags | IFlags::SYNC)).is_ok();
    if !marked {
        stand_down("a file system that knows synchronous files");
    }
    marked
}

#[test]
fn d1_d2_d3_d9_a_disk_that_forgets_what_it_was_not_told_to_keep_loses_nothing() {
    let Some(library) = forgetful() else { return };
    let home = tempfile::tempdir().expect("a directory");
    if !knows_synchronous_files(home.path()) {
        return;
    }
    let [store, told, kept] = ["store", "told", "kept"].map(|name| home.path().join(name));
    let mut draw = seed().draw(&[b"forgetful disks"]);
    let mut sum = Sum::of("disks that forgot what they were not told to keep");
    fs::create_dir(&store).expect("a directory");
    // One that stays uses its room again and again; one that is written anew hardly ever does.
    let mut stays = true;
    while sum.rounds() < rounds("CRASH_CUTS", 4) && sum.holds() {
        assert!(run(Command::new("cp").arg("-r").arg(&store).arg(&kept)), "the disk has the store so far");
        let mut command = stand_in_for(&store, &told);
        if stays {
            command.env(STAYS, "1");
        }
        let cuts = Cuts { every: 3 + draw.below(10), cuts: CUTS };
        preload_forgetful(&mut command, library, &store, &kept, &told, &cuts);
        let program = Program::start(command);
        assert!(program.ends_within(WRITTEN_WITHIN), "it goes on without power");
        drop(program.end());
        for n in 1..=CUTS {
            let (left, told) = at_cut(&kept, n);
            sum.round();
            sum.note(if stays { "of a tree that stays" } else { "of one that is written anew" });
            let round = format!("cut {}", sum.rounds());
            check(&left, &told, &round, &mut sum);
            if n < CUTS {
                fs::remove_dir_all(&left).expect("it goes");
            }
        }
        // The next life starts with what the last cut left.
        let (left, last_told) = at_cut(&kept, CUTS);
        for gone in [&store, &kept] {
            fs::remove_dir_all(gone).expect("it goes");
        }
        fs::rename(left, &store).and_then(|()| fs::rename(last_told, &told)).expect("it is the store");
        stays = !stays;
    }
    sum.say();
}

/// Whether the tree that `call` was about has gone, and the store goes on: somebody waited, so that it was given up half
/// written, and with it what failed there.
fn was_given_up(call: &str, store: &Path, told: &Path, program: &Program) -> bool {
    let tree = call.split('/').find(|part| part.starts_with("tree-"));
    let before = acknowledged(told);
    let waiting = Stopwatch::start();
    while acknowledged(told) == before && waiting.elapsed() < WRITTEN_WITHIN && !program.ends_within(LOOK) {}
    tree.is_some_and(|tree| !store.join(tree).exists()) && acknowledged(told) != before
}

#[test]
fn d1_d5_d9_whichever_call_about_a_new_tree_fails_nothing_is_lost() {
    let Some(library) = library() else { return };
    let mut sum = Sum::of("calls about a new tree that failed");
    let every = |nth| [Fault::Error, Fault::Late, Fault::Torn, Fault::Full].map(|fault| (nth, fault));
    let few = || -> Vec<(u64, Fault)> {
        let late = (17..22).map(|nth| (nth, Fault::Late));
        [(1, Fault::Error), (8, Fault::Torn), (15, Fault::Full), (22, Fault::Error)].into_iter().chain(late).collect()
    };
    let most = rounds("CRASH_NTH", 0);
    for (nth, fault) in if most > 0 { (1..=most).flat_map(every).collect() } else { few() } {
        let home = tempfile::tempdir().expect("a directory");
        let (store, told) = (home.path().join("store"), home.path().join("told"));
        let mut command = stand_in_for(&store, &told);
        let ear = preload(&mut command, library, &store, &Plan { nth, fault, after: Some("tree-2") });
        let program = Program::start(command);
        let call = ear.within(WRITTEN_WITHIN);
        let round = format!("call {nth} {fault:?}: {call:?}");
        sum.round();
        // A full disk is no reason to end before something is to be written to it; nor is half a write, if the rest is
        // written after it.
        let ended = program.ends_within(Duration::from_secs(5));
        sum.note(if ended { "ended" } else { "went on" });
        let fails = matches!(fault, Fault::Error | Fault::Late);
        if call.as_deref().is_none_or(|call| fails && !ended && !was_given_up(call, &store, &told, &program)) {
            sum.wrong(&round, "it goes on as if nothing had been, or not at all");
        }
        drop(program);
        check(&store, &told, &round, &mut sum);
    }
    sum.say();
}
