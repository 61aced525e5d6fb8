"""Who takes part in a measurement: the receiver, the senders that it is compared with, and understudy itself."""

import json
import os
import shutil
import signal
import time

from rig import tools
from rig.tools import HOST, ask, free, run, start, stop, wait_for


class Sink:
    """A receiver that costs next to nothing, and counts."""

    def __init__(self, port, *options):
        self.port = free(port)
        self.child = start([os.environ["SINK"], "--port", str(port), "--max-secs", "3600", *options], f"sink-{port}")
        wait_for("the sink", lambda: tools.listens(port), 5)

    def url(self, path="/hook"):
        """Where it is reached."""
        return f"http://{HOST}:{self.port}{path}"

    def stop(self):
        """Ends it."""
        stop(self.child)

    def reset(self):
        """Counts from 0 again."""
        ask(self.port, "GET", "/__reset")

    def stats(self):
        """What has come since the last reset."""
        return ask(self.port, "GET", "/__stats")[1]

    def rate(self):
        """Requests per second between the first and the last one."""
        stats = self.stats()
        return stats["requests"] / max(stats["span_s"], 1e-9)


def oha(url, seconds, *options):
    """The yardstick: requests per second of `oha -c 64`."""
    argv = [os.environ["OHA"], "-c", "64", "-z", f"{seconds}s", "--no-tui", "--output-format", "json", *options]
    printed, _ = run([*argv, "-m", "POST", "-H", "content-type: application/json", "-d", tools.BODY, url], seconds + 20)
    read = json.loads(printed)
    return sum(read["statusCodeDistribution"].values()) / read["summary"]["total"]


def blast(url, body, connections, seconds=None, count=None, rate=None, headers=()):
    """Posts as fast as answers come, or at a rate: what became of it."""
    argv = [os.environ["BLAST"], "--url", url, "--conns", str(connections), "--body", body, "--json"]
    bound = seconds or 60
    argv += ["--secs", str(bound)]
    argv += ["--count", str(count)] if count else []
    argv += ["--rate", str(rate)] if rate else []
    for header in headers:
        argv += ["--header", header]
    read = json.loads(run(argv, bound + 30)[0])
    if read["ok"] != read["done"]:
        raise RuntimeError(f"not every request was taken: {read['codes']}")
    return read


def play(address, producers, seconds):
    """Whole journeys over the control API, as fast as answers come: stimuli that were taken, which all of them must be."""
    return json.loads(run([os.environ["PLAY"], address, str(producers), str(seconds)], seconds + 30)[0])["requests"]


def journey(environment="sandbox", reference="r-{seq}"):
    """The stimulus of all measurements over HTTP: a verification is asked for, which makes one event."""
    return json.dumps({"flow": "address", "environment": environment, "reference_no": reference})


def webhook(name, url, **keys):
    """A [[webhook]] of a configuration; keys as TOML has them."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"name": name, "url": url, **keys}.items()]
    return "\n".join(["[[webhook]]", *lines, ""])


# Each POST asks for a verification, which makes one event and no other in this run.
QOREID = 'provider = "qoreid"\n[qoreid]\nprocessing = "365d"\n'
# The journey of G3 and G4: two steps, and four events.
IDWISE = """seed = 7
[[flow]]
id = "onboarding"
steps = [{ id = "1", type = "Document" }, { id = "2", type = "Selfie" }]
processing = "100ms"
decision = "Complete"
"""


class Server:
    """`understudy serve`, with a data directory of its own, which goes when the next one is made."""

    count = 0
    all = []

    def __init__(self, port, webhooks, head="", plays=QOREID):
        ended = [server for server in Server.all if not server.runs()]
        for server in ended:
            shutil.rmtree(server.data, ignore_errors=True)
        Server.all = [server for server in Server.all if server not in ended] + [self]
        Server.count += 1
        self.port, self.child = port, None
        self.data = f"{tools.work}/data-{Server.count}"
        self.config = f"{tools.work}/serve-{Server.count}.toml"
        with open(self.config, "w") as file:
            file.write(plays + head + "\n".join(webhooks))
        self.start()

    def start(self):
        """Starts it: the seconds until it was ready."""
        free(self.port)
        argv = [os.environ["UNDERSTUDY"], "--config", self.config, "--data-dir", self.data, "--log-level", "error"]
        began = time.perf_counter()
        argv += ["serve", "--listen", f"{HOST}:{self.port}"]
        self.child = start(argv, "serve")
        wait_for("understudy serve", self.ready, 300, every=0.002)
        return time.perf_counter() - began

    def ready(self):
        """Whether it says so; an end of the process is an error at once."""
        if self.child.poll() is not None:
            raise RuntimeError(f"understudy serve ended: {open(f'{tools.work}/serve.log').read()[-2000:]}")
        try:
            return ask(self.port, "GET", "/readyz", timeout=5)[0] == 200
        except OSError:
            return False

    def runs(self):
        """Whether its process lives."""
        return self.child is not None and self.child.poll() is None

    def url(self):
        """Where stimuli are posted."""
        return f"http://{HOST}:{self.port}/api/v1/journeys"

    def ask(self, method, path, body=None):
        """A request to the control API that must succeed."""
        status, read = ask(self.port, method, "/api/v1/" + path, body)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {read}")
        return read

    def deliveries(self):
        """The ledger's deliveries."""
        return self.ask("GET", "ledger")["deliveries"]

    def pending(self):
        """How many are owed and not over."""
        deliveries = self.deliveries()
        return deliveries["waiting"] + deliveries["in_flight"]

    def drained(self, down_to=0, seconds=120):
        """Waits until no more than so many are pending."""
        wait_for("draining", lambda: self.pending() <= down_to, seconds)

    def memory(self):
        """Its proportional set size, in bytes."""
        return tools.pss(self.child.pid)

    def pause(self, names, word="pause"):
        """Lets webhooks stand; with "resume" they go on."""
        for name in names:
            self.ask("POST", f"webhooks/{name}/{word}")

    def post(self, producers, seconds=None, count=None, rate=None, environment="sandbox"):
        """Posts stimuli; what `blast` says of it."""
        return blast(self.url(), journey(environment), producers, seconds, count, rate)

    def play(self, producers, seconds):
        """Posts the stimuli of whole journeys."""
        return play(f"{HOST}:{self.port}", producers, seconds)

    def stop(self):
        """Ends it as an operator would."""
        return stop(self.child)

    def kill(self):
        """Ends it as a power cut would, the disk apart."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(10)


def throughput(server, sink, producers, seconds, leave=0, post=Server.post):
    """Stimuli from so many producers, to delivered webhooks: deliveries per second, from the first to the last."""
    sink.reset()
    post(server, producers, seconds)
    server.drained(leave)
    return sink.rate()
