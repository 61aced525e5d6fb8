//! Builds the shims in `shim/`, and sets them before a process.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::tools::{stand_down, which};

/// What a call to the disk comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It fails.
    Error,
    /// It fails once others had the time to wait for it.
    Late,
    /// It and all that come after it fail.
    Errors,
    /// It and all that come after it find no room.
    Full,
    /// Half of its bytes are written, and the next call fails.
    Torn,
    /// Half of its bytes are written, which is no error.
    Short,
}

/// The n-th call to a disk, and what it comes to.
pub(super) struct Plan {
    pub(super) nth: u64,
    pub(super) fault: Fault,
    /// Counted from the first call about a path that contains this.
    pub(super) after: Option<&'static str>,
}

/// Hears of the fault.
pub(super) struct Told(UnixDatagram);

impl Told {
    /// The call that failed, and about what, once it came to that; `None` when it did not so far.
    pub(super) fn within(&self, span: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(span)).expect("a timeout above zero is taken");
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }
}

/// The library that lets calls fail, built; `None`, said once for each test, where it cannot be.
pub(super) fn library() -> Option<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    found(BUILT.get_or_init(|| build("faults")))
}

/// The one that forgets what was not synced.
pub(super) fn forgetful() -> Option<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    found(BUILT.get_or_init(|| build("forgetful")))
}

fn found(built: &'static Result<PathBuf, String>) -> Option<&'static Path> {
    match built {
        Ok(library) => Some(library),
        Err(why) => {
            stand_down(why);
            None
        }
    }
}

fn build(shim: &str) -> Result<PathBuf, String> {
    if !cfg!(target_os = "linux") {
        return Err("a loader that takes LD_PRELOAD as Linux does".into());
    }
    let rustc = which("rustc").ok_or("rustc")?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/crash/shim/{shim}.rs"));
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lib{shim}.so"));
    // Another run of the tests may be using the one that is there: it is replaced whole.
    let draft = library.with_extension(format!("so.{}", std::process::id()));
    let mut command = Command::new(rustc);
    command.args(["--edition", "2024", "--crate-type", "cdylib", "--crate-name", shim, "-O", "-C", "panic=abort"]);
    let built = command.arg("-o").arg(&draft).arg(source).output().map_err(|error| error.to_string())?;
    assert!(built.status.success(), "the shim is not built: {}", String::from_utf8_lossy(&built.stderr));
    std::fs::rename(&draft, &library).map_err(|error| error.to_string())?;
    Ok(library)
}

/// Lets `plan` happen to what `command` does below `dir`.
pub(super) fn preload(command: &mut Command, library: &Path, dir: &Path, plan: &Plan) -> Told {
    let ear = dir.with_extension("ear");
    // Of the round before.
    let _gone = std::fs::remove_file(&ear);
    let told = UnixDatagram::bind(&ear).expect("a socket beside the store");
    let fault = match plan.fault {
        Fault::Error | Fault::Errors => "eio",
        Fault::Late => "late",
        Fault::Full => "enospc",
        Fault::Torn => "torn",
        Fault::Short => "short",
    };
    command.env("LD_PRELOAD", library).env("SHIM_UNDER", dir).env("SHIM_TELL", ear);
    command.env("SHIM_NTH", plan.nth.to_string()).env("SHIM_FAULT", fault);
    if matches!(plan.fault, Fault::Errors | Fault::Full) {
        command.env("SHIM_FROM", "1");
    }
    if let Some(after) = plan.after {
        command.env("SHIM_AFTER", after);
    }
    Told(told)
}

/// When the power goes: `cuts` times, with so many writes to a tree's log before each.
pub(super) struct Cuts {
    pub(super) every: u64,
    pub(super) cuts: u64,
}

/// Lets what `command` does below `dir` be kept in `kept` as far as a disk must keep it. What it has at each of the `cuts`, the
/// last of which ends the process, is left beside `kept`, with a copy of the file `told`: see [`at_cut`].
pub(super) fn preload_forgetful(
    command: &mut Command,
    library: &Path,
    dir: &Path,
    kept: &Path,
    told: &Path,
    cuts: &Cuts,
) {
    command.env("LD_PRELOAD", library).env("SHIM_UNDER", dir).env("SHIM_KEPT", kept).env("SHIM_TOLD", told);
    command.env("SHIM_EVERY", cuts.every.to_string()).env("SHIM_CUTS", cuts.cuts.to_string());
}

/// What was kept at cut `n`, from 1, and what was told before it.
pub(super) fn at_cut(kept: &Path, n: u64) -> (PathBuf, PathBuf) {
    let left = kept.with_extension(n.to_string());
    let told = left.with_added_extension("told");
    (left, told)
}
