//! The real binary over a process, a disk and a store that fail: what it acknowledged is there, and arrives.
//!
//! ```text
//!   kill     SIGKILL under load and in recovery, SIGSTOP       nth     the n-th call to the disk fails (see shim/)
//!   process  SIGTERM twice, a second server, few descriptors   disk    full, read-only
//!   power    the image of a disk, copied under load            decay   flipped bits, missing files, cut tails
//!   rebuild  kills, cuts and failing calls while a tree is written anew, and a disk that forgets what was not synced
//!
//!   workload: calls with keys, and what was answered ──┐
//!   world: receivers, and what they saw ───────────────┴──> audit: against what the API says after the restart
//! ```
//!
//! The order of things is chance; what is checked holds in every order. `cargo test` makes a few rounds of each;
//! `CRASH_KILLS=300 CRASH_CUTS=40 CRASH_FLIPS=40 CRASH_NTH=60 cargo test --release --test it crash:: -- --nocapture` so many,
//! and prints what they came to. `CRASH_SEED=7` draws other moments.

mod audit;
mod decay;
mod disk;
mod kill;
mod mount;
mod nth;
mod power;
mod prepared;
mod process;
mod rebuild;
mod refusal;
mod shim;
mod sum;
mod workload;
mod world;

use understudy::rng::Seed;

/// As many as the variable says, or `few`.
fn rounds(variable: &str, few: u64) -> u64 {
    let read = |text: String| text.parse().unwrap_or_else(|_| panic!("{variable}={text:?} is no number"));
    std::env::var(variable).map_or(few, read)
}

/// Where the moments of a test are drawn from.
fn seed() -> Seed {
    Seed(rounds("CRASH_SEED", 20_261_121))
}
