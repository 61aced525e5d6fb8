//! A store that was stopped, and then changed by nobody's hand: one bit, one file, one tail. The next start refuses it in
//! words, or loses nothing that was acknowledged; and so does whoever reads what has no copy in memory.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use understudy::rng::Draw;

use super::audit::{Terms, audit};
use super::prepared::{End, Prepared, files};
use super::refusal;
use super::sum::Sum;
use super::world::World;
use super::{rounds, seed};
use crate::support::server::Server;

/// A server whose store failed ends within this.
const SOON: Duration = Duration::from_secs(5);

/// Starts what `spoil` left of a copy of a store, and audits it.
fn start_spoilt(prepared: &Prepared, sum: &mut Sum, spoil: impl FnOnce(&Path) -> String) {
    let home = tempfile::tempdir().expect("a directory");
    prepared.copy_to(home.path());
    let round = spoil(&home.path().join("data"));
    sum.round();
    let world = World::after(&prepared.past);
    let store = home.path().join("data").display().to_string();
    let ended = match Server::launch(Server::command(home.path(), &world.config(""))) {
        Err(ended) => ended,
        Ok(mut server) => match audit(&server, &world, Terms::after(prepared.crashes)) {
            Ok(found) => {
                sum.add(&round, found);
                sum.note("harmless");
                return;
            }
            Err(gone) => match server.ended_within(SOON) {
                Some(ended) => ended,
                None => return sum.wrong(&round, format!("it neither works nor ends: {}", gone.0)),
            },
        },
    };
    sum.refused(&round, refusal::judge(&ended, &store));
}

fn short(file: &Path, data: &Path) -> String {
    file.strip_prefix(data).expect("a file of the store").display().to_string()
}

/// One of the files that hold something.
fn any_file(data: &Path, draw: &mut Draw) -> (std::path::PathBuf, u64) {
    let length = |file: &Path| fs::metadata(file).expect("a file").len();
    let files: Vec<_> = files(data).into_iter().filter(|file| length(file) > 0).collect();
    let file = files[draw.below(files.len() as u64) as usize].clone();
    let length = length(&file);
    (file, length)
}

fn stores() -> [Prepared; 2] {
    [Prepared::small(End::Terminated), Prepared::small(End::Killed)]
}

#[test]
fn d1_d9_a_flipped_bit_is_refused_or_harmless() {
    let flips = rounds("CRASH_FLIPS", 6);
    let mut stores = Vec::from(stores());
    // Takes a while to write; it has every kind of file.
    stores.extend((flips > 10).then(Prepared::sealed));
    let mut draw = seed().draw(&[b"flips"]);
    let mut sum = Sum::of("flipped bits");
    for n in 0..flips {
        start_spoilt(&stores[n as usize % stores.len()], &mut sum, |data| {
            let (path, length) = any_file(data, &mut draw);
            let (at, bit) = (draw.below(length), draw.below(8));
            let file = File::options().read(true).write(true).open(&path).expect("a file");
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).expect("read");
            file.write_all_at(&[byte[0] ^ (1 << bit)], at).expect("written");
            format!("flip {n}: bit {bit} of byte {at} of {}", short(&path, data))
        });
    }
    sum.say();
}

#[test]
fn d1_d9_a_missing_file_is_refused_or_harmless() {
    let mut sum = Sum::of("missing files");
    for prepared in stores() {
        let home = tempfile::tempdir().expect("a directory");
        prepared.copy_to(home.path());
        for n in 0..files(home.path()).len() {
            start_spoilt(&prepared, &mut sum, |data| {
                let path = files(data).remove(n);
                fs::remove_file(&path).expect("removed");
                format!("without {}", short(&path, data))
            });
        }
    }
    sum.say();
}

#[test]
fn d1_d9_a_tail_that_is_cut_is_refused_or_harmless() {
    let stores = stores();
    let mut draw = seed().draw(&[b"tails"]);
    let mut sum = Sum::of("cut tails");
    for n in 0..rounds("CRASH_TAILS", 6) {
        start_spoilt(&stores[n as usize % 2], &mut sum, |data| {
            let (path, length) = any_file(data, &mut draw);
            // Often short: a whole half of a file is missed easily.
            let most = if draw.below(2) == 0 { length } else { length.min(64) };
            let left = length - 1 - draw.below(most);
            File::options().write(true).open(&path).and_then(|file| file.set_len(left)).expect("cut");
            format!("cut {n}: {left} of {length} bytes of {}", short(&path, data))
        });
    }
    sum.say();
}
