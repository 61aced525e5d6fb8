//! The real binary on a terminal, as a person has it: a pseudo-terminal that Python holds, with keys typed by a script.

use std::path::Path;
use std::process::Command;

use super::program::understudy;
use super::tools::python;

/// Writes what the command shows, and types keys whenever a text has come.
const TERMINAL: &str = r#"
import fcntl, os, pty, select, signal, struct, sys, termios, time
steps = [step.split("=>", 1) for step in sys.argv[1].split("||") if step]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
rest, deadline = b"", time.monotonic() + 30
while time.monotonic() < deadline:
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            got = os.read(terminal, 65536)
        except OSError:
            break
        if not got:
            break
        rest += got
        sys.stdout.buffer.write(got)
        sys.stdout.flush()
    while steps and steps[0][0].encode() in rest:
        rest = rest.split(steps[0][0].encode(), 1)[1]
        os.write(terminal, steps.pop(0)[1].encode())
else:
    os.kill(pid, signal.SIGKILL)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
"#;

/// The binary in `dir` on a terminal of 100 columns, to be run with [`super::program::Program`]. `steps` says what is typed
/// when: `text=>keys||text=>keys`, one after the other. `None` where there is no Python.
pub(crate) fn on_a_terminal(dir: &Path, steps: &str, words: &[&str]) -> Option<Command> {
    let plain = understudy(dir);
    let mut command = Command::new(python()?);
    command.args(["-c", TERMINAL, steps]).arg(plain.get_program()).args(words).current_dir(dir);
    for (name, _) in plain.get_envs() {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").env_remove("NO_COLOR");
    Some(command)
}
