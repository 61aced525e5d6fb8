"""P: pages of a long list of deliveries while others are delivered at full speed, and what looking costs those.

A tenth of the list waits, a thousandth is exhausted; the rest arrived.
"""

import http.client
import threading
import time

from rig.backlog import fill, room
from rig.parts import Server, throughput, webhook
from rig.tools import HOST, median, quantile, say

WEBHOOKS = 10
PAGES_PER_SECOND = 10

HEAD = """[delivery]
retry = ["1ms"]
[email]
digest = "1h"
"""


class Viewer:
    """Somebody who looks at one page after the other, at a pace, and notes how long each took to come, in ms."""

    def __init__(self, port, paths):
        self.port, self.paths, self.over = port, paths, threading.Event()
        self.took = {name: [] for name in paths}
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        """Until told to stop. Pages are due at a pace: one that is late counts from when it was due."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        due, turn = time.perf_counter(), 0
        names = list(self.paths)
        while not self.over.wait(max(0, due - time.perf_counter())):
            name = names[turn % len(names)]
            connection.request("GET", "/api/v1/deliveries" + self.paths[name](turn))
            answer = connection.getresponse()
            read = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{name}: {answer.status} {read[:200]}")
            self.took[name].append((time.perf_counter() - due) * 1e3)
            due, turn = due + 1 / PAGES_PER_SECOND, turn + 1
        connection.close()

    def end(self):
        """What it saw."""
        self.over.set()
        self.thread.join(60)
        return self.took


def measure(table, sink, ports, deliveries, turns, seconds):
    """P1, the pages, and P2, what they cost."""
    say(f"pages of {deliveries:,} deliveries")
    room(deliveries * 2_500)
    names = [f"list-{n}" for n in range(WEBHOOKS)]
    hooks = [webhook("sink", sink.url("/hook"), max_in_flight=256)]
    hooks += [webhook(name, sink.url("/list"), environment="live", max_in_flight=256) for name in names]
    server = Server(ports.serve, hooks, HEAD)
    server.pause(names)
    fill(server, names, deliveries)
    server.pause(names[1:], "resume")
    server.drained(deliveries // WEBHOOKS + 1_000, seconds=300)
    left = server.pending()
    first = server.ask("GET", "deliveries?limit=1")["items"][0]
    newest = int(first["id"][1:])
    paths = {
        "newest": lambda n: "?limit=100",
        "anywhere": lambda n: f"?limit=100&cursor={1 + (n * 7_919) % newest}",
        "waiting": lambda n: "?limit=100&state=waiting",
        "exhausted": lambda n: "?limit=100&state=exhausted",
        "of one webhook": lambda n: f"?limit=100&webhook={names[n % WEBHOOKS]}",
        "of one event": lambda n: f"?event={first['event_id']}",
        "of one journey": lambda n: f"?journey={first['journey_id']}",
    }
    alone, beside, took = [], [], {}
    for _ in range(turns):
        alone.append(throughput(server, sink, 64, seconds, leave=left))
        viewer = Viewer(server.port, paths)
        beside.append(throughput(server, sink, 64, seconds, leave=left))
        for name, spans in viewer.end().items():
            took.setdefault(name, []).extend(spans)
        alone.append(throughput(server, sink, 64, seconds, leave=left))
    server.stop()
    everything = [span for spans in took.values() for span in spans]
    p99 = quantile(everything, 0.99)
    table.goal("P1", f"{p99:.1f} ms", p99, pending=f"{deliveries:,}")
    for name, spans in took.items():
        text = f"{quantile(spans, 0.5):.1f}, {quantile(spans, 0.99):.1f}, {len(spans)}"
        table.note(f"a page of 100, {name}: p50 and p99 in ms, of how many", text, "P1")
    ratio = median(beside) / median(alone)
    table.goal("P2", f"{median(beside):,.0f}/s", ratio)
    text = ", ".join(f"{rate:,.0f}" for rate in alone), ", ".join(f"{rate:,.0f}" for rate in beside)
    table.note("deliveries/s without a viewer; with", "; ".join(text), "P2")
