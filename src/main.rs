//! From the command line to an exit code: the one place where the process ends.

use std::process::ExitCode;

/// Measured: a seventh of a load's processor time went into the system's allocator, half of it saved by this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(understudy::commands::main(std::env::args_os()).code())
}
