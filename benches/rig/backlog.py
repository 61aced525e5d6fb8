"""G8, G9, G11 and G13: what is pending, in memory, over a kill, beside new work, and on disk.

The backlog is owed to webhooks of the live environment, which are paused; what is measured beside it happens in the
sandbox. 100,000 events make it, each owed to a tenth or a hundredth of as many webhooks as there are deliveries to be.
"""

import shutil
import threading
import time

from rig import tools
from rig.parts import Server, throughput, webhook
from rig.tools import disk, say, wait_for

EVENTS = 100_000
LITTLE = 32 << 20  # what a segment of the archive takes; less than that is no creep, and journeys are kept for ever
FREE = 4 << 30  # of the disk, for others


class Watch:
    """The most memory that a server was seen to have."""

    def __init__(self, server):
        self.server, self.most, self.over = server, 0, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        """Looks four times a second; between a kill and the next start there is nothing to see."""
        while not self.over.wait(0.25):
            try:
                self.most = max(self.most, self.server.memory())
            except (OSError, StopIteration):
                pass

    def end(self):
        """The most."""
        self.over.set()
        self.thread.join(5)
        return self.most


def room(bytes):
    """Refuses to fill the disk that others use too."""
    free = shutil.disk_usage(tools.work).free
    if free < bytes + FREE:
        raise OSError(f"needs {bytes / 2**30:.0f} GiB of disk, and some for others: {free / 2**30:.0f} GiB are free")


def fill(server, names, pending):
    """Makes that many pending deliveries for paused webhooks; deliveries per second that were accepted."""
    before = server.deliveries()["accepted"]
    began = time.perf_counter()
    wanted = pending // len(names)
    while wanted > 0:
        # A batch ends within its minute; what is left is posted in the next.
        wanted -= server.post(64, count=wanted, environment="live")["done"]
    rate = pending / (time.perf_counter() - began)
    accepted = server.deliveries()["accepted"] - before
    if not pending <= accepted <= pending + 64 * len(names):
        raise RuntimeError(f"{accepted} deliveries for {pending}")
    return rate


def measure(table, sink, ports, pending, seconds):
    """G8, G9 and G11, with so many pending."""
    say(f"{pending:,} pending")
    room(pending * 2_500)
    names = [f"back-{n}" for n in range(max(1, pending // EVENTS))]
    hooks = [webhook("sink", sink.url("/hook"), max_in_flight=256)]
    hooks += [webhook(name, sink.url("/back"), environment="live", max_in_flight=256) for name in names]
    words, column = {"pending": f"{pending:,}"}, int(pending > 1_000_000)

    server = Server(ports.serve, hooks)
    empty = [throughput(server, sink, 64, seconds)]
    server.stop()

    server = Server(ports.serve, hooks)
    server.pause(names)
    rate = fill(server, names, pending)
    table.note(f"filling with {pending:,}, {len(names)} for each event", f"{rate:,.0f}/s", "G8")
    time.sleep(2)
    phases = [server.memory()]
    table.note("disk with them", f"{disk(server.data) / 2**20:,.0f} MiB", "G8")
    watch = Watch(server)
    beside = [throughput(server, sink, 64, seconds, leave=server.pending()) for _ in range(2)]
    phases.append(server.memory())
    say("killed, and started again")
    server.kill()
    ready = server.start()
    sink.reset()
    began = time.perf_counter()
    server.pause(names[:1], "resume")
    wait_for("the first delivery", lambda: sink.stats()["requests"], 180, every=0.002)
    first = ready + time.perf_counter() - began
    if server.pending() < pending * 0.9:
        raise RuntimeError(f"only {server.pending()} of {pending} are pending after the kill")
    time.sleep(1)
    phases.append(server.memory())
    most = watch.end()
    server.kill()

    server = Server(ports.serve, hooks)
    empty.append(throughput(server, sink, 64, seconds))
    server.stop()
    table.goal("G8", f"{most / 2**20:,.0f} MiB", most / 2**20, column, **words)
    text = ", ".join(f"{phase / 2**20:,.0f}" for phase in phases)
    table.note("MiB at rest after filling, after the work beside, a second after the first delivery", text, "G8")
    table.goal("G9", f"{ready:.2f} s", ready, column, **words)
    table.goal("G9b", f"{first:.2f} s", first, column, **words)
    turns = ", ".join(f"{rate:,.0f}" for rate in [empty[0], *beside, empty[1]])
    table.note("each turn: empty, full, full, empty", turns, "G11")
    table.goal("G11", f"{sum(beside) / 2:,.0f}/s", sum(beside) / sum(empty), column, **words)


def creep(table, sink, ports, deliveries, rounds):
    """G13: fills and drains; between rounds the retention passes on the provider's clock, which is moved by hand.

    Judged is what creeps more: the disk when it is filled, or what is left when it is drained. The latter is little, and
    most of it the journeys that a round adds: where it is less than `LITTLE`, that stands for it.
    """
    room(deliveries * 2_000)
    # Many to each event: what is measured is deliveries, and journeys are kept for ever.
    names = [f"w-{n}" for n in range(1_000)]
    head = '[outbox]\nretention = "1h"\n[clock]\nmode = "manual"\n'
    hooks = [webhook(name, sink.url("/creep"), environment="live", max_in_flight=16) for name in names]
    server = Server(ports.serve, hooks, head)
    sizes = []
    for turn in range(1, rounds + 1):
        say(f"filling and draining {deliveries:,}, round {turn} of {rounds}")
        server.pause(names)
        fill(server, names, deliveries)
        filled = disk(server.data)
        server.pause(names, "resume")
        server.drained(seconds=900)
        server.ask("POST", "clock", {"advance": "3h"})
        sizes.append((filled, *settled(server.data)))
    server.stop()
    server.start()
    again = settled(server.data)
    server.stop()
    total = [tree + archive for _, tree, archive in sizes]
    mib = lambda values: ", ".join(f"{value / 2**20:,.0f}" for value in values)
    full = [filled for filled, _, _ in sizes]
    crept = max(full[-1] / full[0], max(total[-1], LITTLE) / max(total[0], LITTLE))
    table.goal("G13", f"{total[-1] / 2**20:,.0f} MiB", crept)
    table.note(f"rounds of {deliveries:,} deliveries: MiB after each", mib(total), "G13")
    table.note("the last of the first, without regard to how little that is", f"{total[-1] / total[0]:.2f}", "G13")
    table.note("of which the archive", mib(archive for _, _, archive in sizes), "G13")
    table.note("after a stop and a start", mib([sum(again)]), "G13")
    table.note("when filled", mib(full), "G13")


def settled(data):
    """The disk's use by tree and archive, once it has not changed for five seconds; retention acts every ten."""
    seen, since = None, time.monotonic()
    deadline = since + 30
    began = since
    while time.monotonic() < deadline:
        now = parts(data)
        if now != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() - since > 5 and time.monotonic() - began > 12:
            break
        time.sleep(0.5)
    return seen


def parts(data):
    """(the tree and all else, the archive), in bytes."""
    archive = disk(f"{data}/archive")
    return disk(data) - archive, archive
