//! The real binary as a server under test: started on a port of its own, waited for, asked, and ended.
//!
//! A server that is dropped is killed. What it wrote is shown when a wait fails.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use understudy::clock::Stopwatch;

use super::http::{Response, request};
use super::program::{Ended, understudy};
use super::tools;
use super::transcript::Transcript;

/// How long a start, and an end by signal, may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The pause between two questions whether the server is ready. It ends at once when the server does.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// A running server.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    stdout: Transcript,
    stderr: Transcript,
}

impl Server {
    /// Writes `config` to `dir/webhooks.toml` and serves it, with its data in `dir/data`, until it is ready.
    ///
    /// A second start on the same `dir` continues with the same data. Panics with all output when it does not come up.
    pub(crate) fn start(dir: &Path, config: &str) -> Server {
        Server::start_with(dir, config, &[])
    }

    /// Like [`Server::start`], with further arguments behind `serve`.
    pub(crate) fn start_with(dir: &Path, config: &str, arguments: &[&str]) -> Server {
        let mut command = Server::command(dir, config);
        command.args(arguments);
        Server::ready(command).unwrap_or_else(|report| panic!("{report}"))
    }

    /// The command that [`Server::start`] runs, for tests of starts that must fail.
    pub(crate) fn command(dir: &Path, config: &str) -> Command {
        let file = dir.join("webhooks.toml");
        fs::write(&file, config).expect("the test's directory is writable");
        let mut command = understudy(dir);
        command.arg("--config").arg(file).arg("--data-dir").arg(dir.join("data"));
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command
    }

    /// Runs `command` until `/readyz` answers 200; `Err` tells what came instead.
    pub(crate) fn ready(mut command: Command) -> Result<Server, String> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("failed to start {command:?}: {error}"))?;
        let stdout = Transcript::of(child.stdout.take().expect("stdout is piped"));
        let stderr = Transcript::of(child.stderr.take().expect("stderr is piped"));
        let listening = |line: &str| line.trim().strip_prefix("listening on http://")?.parse().ok();
        let address = stdout.await_line(DEADLINE, listening);
        // From here on the child ends with `server`, on every way out.
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server { child, address: address.unwrap_or(unknown), stdout, stderr };
        if address.is_none() {
            return Err(server.report("did not say where it listens"));
        }
        let waiting = Stopwatch::start();
        while !server.answers_ready() {
            if server.stdout.ends_within(ASK_AGAIN) {
                return Err(server.report("ended before it was ready"));
            }
            if waiting.elapsed() > DEADLINE {
                return Err(server.report("was not ready in time"));
            }
        }
        Ok(server)
    }

    /// Runs `command` until `/readyz` answers 200; `Err` tells how it ended instead. Panics when it does neither.
    pub(crate) fn launch(mut command: Command) -> Result<Server, Ended> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"));
        let stdout = Transcript::of(child.stdout.take().expect("stdout is piped"));
        let stderr = Transcript::of(child.stderr.take().expect("stderr is piped"));
        let mut server = Server { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), stdout, stderr };
        let listening = |line: &str| line.trim().strip_prefix("listening on http://")?.parse().ok();
        if let Some(address) = server.stdout.await_line(DEADLINE, listening) {
            server.address = address;
            let waiting = Stopwatch::start();
            while waiting.elapsed() < DEADLINE && !server.stdout.ends_within(ASK_AGAIN) {
                if server.answers_ready() {
                    return Ok(server);
                }
            }
        }
        Err(server.ended_within(Duration::ZERO).unwrap_or_else(|| panic!("{}", server.report("did not come up"))))
    }

    /// How it ended, when it does so by itself within `patience`.
    pub(crate) fn ended_within(&mut self, patience: Duration) -> Option<Ended> {
        if !self.stdout.ends_within(patience) || !self.stderr.ends_within(DEADLINE) {
            return None;
        }
        let status = self.child.wait().expect("a child whose output ended can be waited for");
        Some(Ended::of(status, self.stdout(), self.stderr()))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks for `path`. Panics with all output when no answer comes.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.ask("GET", path, &[], b"")
            .unwrap_or_else(|error| panic!("{}", self.report(&format!("GET {path}: {error}"))))
    }

    /// Posts `json` to `path`. Panics with all output when no answer comes.
    pub(crate) fn post(&self, path: &str, json: &serde_json::Value) -> Response {
        let answer = self.ask("POST", path, &[("Content-Type", "application/json")], json.to_string().as_bytes());
        answer.unwrap_or_else(|error| panic!("{}", self.report(&format!("POST {path}: {error}"))))
    }

    /// Any request. An `Err` says that no whole answer came, as when the server was killed meanwhile.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
        request(self.address, method, path, headers, body)
    }

    /// Kills it at once (SIGKILL), as a crash would, and waits until it is gone.
    pub(crate) fn kill(mut self) -> ExitStatus {
        self.child.kill().expect("a child that was not waited for can be killed");
        self.child.wait().expect("a killed child ends")
    }

    /// Asks it to stop (SIGTERM) and waits for its end. Panics with all output when it stays.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        if !self.stdout.ends_within(DEADLINE) {
            panic!("{}", self.report("did not end after SIGTERM"));
        }
        self.child.wait().expect("a child whose output ended can be waited for")
    }

    /// Sends it a signal by name, without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        tools::signal(self.child.id(), name);
    }

    /// What it wrote on stdout so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Waits for a line on stderr that contains `text` and returns it. Panics with all output when none comes.
    pub(crate) fn await_stderr(&self, text: &str) -> String {
        let found = self.stderr.await_line(DEADLINE, |line| line.contains(text).then(|| line.to_owned()));
        found.unwrap_or_else(|| panic!("{}", self.report(&format!("did not write `{text}` on stderr"))))
    }

    /// What it wrote on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    fn answers_ready(&self) -> bool {
        self.ask("GET", "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200)
    }

    fn report(&self, what: &str) -> String {
        // Two threads read the two streams: when one has ended, the other is about to.
        if self.stdout.ends_within(Duration::ZERO) {
            self.stderr.ends_within(Duration::from_secs(5));
        }
        format!("the server {what}\n--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `kill` or `terminate` both say that there is nothing left to end, which is what we want.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}
