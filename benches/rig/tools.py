"""Processes, ports and small sums: what every measurement stands on. Nothing here knows what is measured.

All that is started here is ended here, by its own id, however the run ends; and every run ends, after LIMIT seconds at
the latest. Loopback only.
"""

import atexit
import http.client
import json
import math
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HOST = "127.0.0.1"
BODY = "x" * 350  # of the yardstick; a webhook of these measurements has about 900

children = []
work = None


def say(text):
    """Talk, beside the data: what is being done, and for how long the run has been going."""
    print(f"[{time.monotonic() - began:5.0f}s] {text}", file=sys.stderr, flush=True)


def setting(name, default):
    """A setting of the environment, of the default's type."""
    return type(default)(os.environ.get(name) or default)


def begin(limit):
    """Prepares a working directory on TMPDIR's disk, and bounds the run."""
    global work, began
    began = time.monotonic()
    work = tempfile.mkdtemp(prefix="understudy-bench-")
    atexit.register(end)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    late = f"not done after {limit} s: LIMIT is the longest that a run may take"
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(late))
    signal.alarm(limit)
    # What `load` keeps lies in the temporary directory: one place for all, and gone with it.
    os.environ.update(TMPDIR=work, UNDERSTUDY_LOG_LEVEL="error", NO_COLOR="1")
    return work


def end_but(*kept):
    """Ends what was started, but for some: what the rest was for has failed, or is over."""
    for child in children:
        if child not in kept and child.poll() is None:
            child.kill()
            child.wait(10)


def end():
    """Ends what was started, and removes what was written."""
    signal.alarm(0)
    end_but()
    shutil.rmtree(work, ignore_errors=True)


def start(argv, log):
    """Starts a process; its output goes to a file of the working directory."""
    with open(f"{work}/{log}.log", "wb") as out:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    children.append(child)
    return child


def run(argv, seconds, good=(0,), environment=()):
    """Runs to the end: what it printed, and what it used of processor time and memory."""
    with open(f"{work}/run.out", "wb") as out, open(f"{work}/run.err", "wb") as err:
        into = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err}
        child = subprocess.Popen(argv, env=os.environ | dict(environment), **into)
    children.append(child)
    deadline = time.monotonic() + seconds
    while True:
        pid, status, used = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > deadline:
            raise RuntimeError(f"{argv[0]} takes longer than {seconds} s")
        time.sleep(0.005)
    child.returncode = os.waitstatus_to_exitcode(status)
    printed = open(f"{work}/run.out").read()
    if good and child.returncode not in good:
        raise RuntimeError(f"{' '.join(argv)} ended with {child.returncode}: {open(f'{work}/run.err').read()[-2000:]}")
    return printed, {"cpu": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss * 1024, "exit": child.returncode}


def stop(child, seconds=30):
    """Asks a process to end, and sees to it."""
    child.terminate()
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait(10)


def ask(port, method, path, body=None, timeout=60):
    """One request to a control surface on loopback: its status and its JSON."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"content-type": "application/json"} if text else {})
        answer = connection.getresponse()
        read = answer.read()
        try:
            return answer.status, json.loads(read or b"null")
        except ValueError:
            return answer.status, read.decode(errors="replace")
    finally:
        connection.close()


def wait_for(what, holds, seconds, every=0.05):
    """Waits until `holds()` gives something true, and gives that."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(every)


def listens(port):
    """Whether somebody listens at the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def free(port):
    """Refuses a port that somebody else has: figures of a stranger's process are worse than none."""
    if listens(port):
        raise OSError(f"port {port} is taken: set PORT, the first of those that are used")
    return port


def pss(pid):
    """The proportional set size of a process, in bytes."""
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def cpu(pid):
    """The processor time that a process has used so far, in seconds."""
    with open(f"/proc/{pid}/stat") as line:
        fields = line.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def disk(path):
    """What a directory takes of the disk, in bytes; files may go while it is looked at."""
    total = 0
    for root, _, files in os.walk(path):
        for name in files:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def quantile(values, share):
    """The value that `share` of all are at or below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]


def median(values):
    """The middle of the values."""
    return statistics.median(values)


def machine():
    """What it ran on, in one line, and how busy that was before."""
    with open("/proc/cpuinfo") as lines:
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    system = os.uname()
    model = models[0] if models else system.machine
    busy = f"load {os.getloadavg()[0]:.2f} at the start"
    return f"{os.cpu_count()} x {model}, {memory} GiB, {system.sysname} {system.release}, {busy}"
