//! The real binary as a command: run in a directory of its own, waited for, signalled, and judged by what it wrote.
//!
//! A program that is dropped is killed. Its environment is empty of `UNDERSTUDY_*`, so that only what a test says counts.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

use super::server::DEADLINE;
use super::tools;
use super::transcript::Transcript;

/// The binary under test: the one that was built with the tests, or `PROGRAM`.
pub(crate) fn path() -> PathBuf {
    match std::env::var_os("PROGRAM") {
        Some(named) => {
            std::fs::canonicalize(&named).unwrap_or_else(|error| panic!("PROGRAM={}: {error}", named.display()))
        }
        None => PathBuf::from(env!("CARGO_BIN_EXE_understudy")),
    }
}

/// Whether that is what users run: it was built with the tests in a release, or else named for its own sake.
pub(crate) fn is_optimised() -> bool {
    !cfg!(debug_assertions) || std::env::var_os("PROGRAM").is_some()
}

/// The binary under test, to be run in `dir`, without arguments yet.
pub(crate) fn understudy(dir: &Path) -> Command {
    let mut command = Command::new(path());
    command.current_dir(dir);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("UNDERSTUDY_")) {
        command.env_remove(name);
    }
    command
}

/// Runs it in `dir` with these arguments to its end.
pub(crate) fn run(dir: &Path, arguments: &[&str]) -> Ended {
    let mut command = understudy(dir);
    command.args(arguments);
    Program::start(command).end()
}

/// `command`, with so many descriptors at most. Its environment is the test's own, but for what `command` removes.
pub(crate) fn with_descriptors(count: u32, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {count} && exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, _) in command.get_envs() {
        shell.env_remove(name);
    }
    shell
}

/// A command that is running.
pub(crate) struct Program {
    child: Child,
    named: String,
    stdout: Transcript,
    stderr: Transcript,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code, or 128 and the number of the signal that killed it, as a shell counts.
    pub(crate) code: i32,
    /// All of its stdout, without the last line's end.
    pub(crate) stdout: String,
    /// All of its stderr, without the last line's end.
    pub(crate) stderr: String,
}

impl Program {
    /// Starts `command` with nothing to read.
    pub(crate) fn start(mut command: Command) -> Program {
        let named = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("failed to start {named}: {error}"));
        let stdout = Transcript::of(child.stdout.take().expect("stdout is piped"));
        let stderr = Transcript::of(child.stderr.take().expect("stderr is piped"));
        Program { child, named, stdout, stderr }
    }

    /// Waits for what `wanted` finds in a line of stdout. Panics with all output when none comes.
    pub(crate) fn await_stdout<T>(&self, wanted: impl Fn(&str) -> Option<T>) -> T {
        self.stdout
            .await_line(DEADLINE, wanted)
            .unwrap_or_else(|| panic!("{}", self.report("did not say it on stdout")))
    }

    /// Waits for what `wanted` finds in a line of stderr. Panics with all output when none comes.
    pub(crate) fn await_stderr<T>(&self, wanted: impl Fn(&str) -> Option<T>) -> T {
        self.stderr
            .await_line(DEADLINE, wanted)
            .unwrap_or_else(|| panic!("{}", self.report("did not say it on stderr")))
    }

    /// Waits until stdout holds `count` lines for which `wanted` gives something, and gives those. Panics with all output
    /// when they do not come.
    pub(crate) fn await_lines<T>(&self, count: usize, wanted: impl Fn(&str) -> Option<T>) -> Vec<T> {
        self.stdout
            .await_lines(DEADLINE, count, wanted)
            .unwrap_or_else(|| panic!("{}", self.report(&format!("did not write {count} such lines on stdout"))))
    }

    /// Whether it ends within `patience`.
    pub(crate) fn ends_within(&self, patience: std::time::Duration) -> bool {
        self.stdout.ends_within(patience)
    }

    /// Sends it a signal by name, without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        tools::signal(self.child.id(), name);
    }

    /// Waits for its end. Panics with all output when it does not come: it may work for half a minute by itself, and four
    /// times as long on a machine that gives most of its time to others.
    pub(crate) fn end(mut self) -> Ended {
        if !self.stdout.ends_within(DEADLINE * 4) || !self.stderr.ends_within(DEADLINE) {
            panic!("{}", self.report("did not end"));
        }
        let status = self.child.wait().expect("a child whose output ended can be waited for");
        Ended::of(status, self.stdout.text(), self.stderr.text())
    }

    fn report(&self, what: &str) -> String {
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        format!("{} {what}\n--- stdout\n{stdout}\n--- stderr\n{stderr}", self.named)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // After `end` both say that there is nothing left to end, which is what we want.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

impl Ended {
    /// A command that ended like this and wrote that.
    pub(crate) fn of(status: ExitStatus, stdout: String, stderr: String) -> Ended {
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).expect("a code or a signal");
        Ended { code, stdout, stderr }
    }

    /// Itself, when it ended with `code`. Panics with all output otherwise.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Ended {
        assert_eq!(self.code, code, "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// All of stdout as one JSON value: data and nothing else.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("stdout is no JSON ({error}): {self:?}"))
    }

    /// Each line of stdout as a JSON value.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"));
        self.stdout.lines().map(read).collect()
    }
}
