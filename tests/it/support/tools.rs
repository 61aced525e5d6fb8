//! Programs of the machine that some tests need, and how a test stands down where one is missing.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use understudy::clock::Stopwatch;

/// The program `name` from `PATH`; `None`, with a line on stderr that the harness does not capture, where it is missing.
///
/// ```text
/// let Some(curl) = which("curl") else { return };
/// ```
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let directories = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&directories).map(|directory| directory.join(name)).find(|file| file.is_file());
    found.or_else(|| stand_down(name))
}

/// A Python 3 interpreter: the one that `.ci/run` prepared, or else that of `PATH`.
pub(crate) fn python() -> Option<PathBuf> {
    let prepared = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci-venv/bin/python3");
    if prepared.is_file() { Some(prepared) } else { which("python3") }
}

/// A Python 3 interpreter that can import `module`.
pub(crate) fn python_with(module: &str) -> Option<PathBuf> {
    let python = python()?;
    let quiet = || Stdio::null();
    let mut import = Command::new(&python);
    import.args(["-c", &format!("import {module}")]).stdin(quiet()).stdout(quiet()).stderr(quiet());
    let imported = import.status().is_ok_and(|status| status.success());
    if imported { Some(python) } else { stand_down(&format!("Python module {module}")) }
}

/// Sends a signal to a process. When this returns, one that was to stop stands still with all its threads, in no call of the
/// system that could still do something.
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()), "failed to send SIG{name}");
    let stands_still = || {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let states = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
        // The state follows the name, which stands in parentheses.
        states.into_iter().all(|stat| stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['T', 'Z', 'X'])))
    };
    let waiting = Stopwatch::start();
    while name == "STOP" && !stands_still() {
        assert!(waiting.elapsed() < Duration::from_secs(60), "it does not stop");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Says on the real stderr, past the capture of the test harness, that a test proves nothing on this machine.
pub(crate) fn stand_down(what: &str) -> Option<PathBuf> {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("SKIPPED {test}: {what} is missing\n");
    // There is nobody left to tell when stderr itself is gone.
    let _told = io::stderr().write_all(line.as_bytes());
    None
}
