//! From the command line to an exit code: the one place where the process ends.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(understudy::commands::main(std::env::args_os()).code())
}
