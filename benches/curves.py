#!/usr/bin/env python3
"""Cost curves: throughput, memory, start and disk over backlog, webhooks, payload and connections, as JSON and SVG.

    SINK=path/to/sink BLAST=path/to/blast benches/curves.py [--out docs/curves] [--machine TEXT] [--date TEXT]

Takes three to five minutes, ends by itself, and leaves nothing behind but what it writes: curves.json with the raw
figures, and backlog.svg, endpoints.svg, payload.svg, connections.svg. SINK and BLAST as path.sh has them. Settings of
the environment, with their defaults: ONLY= (names of curves; all), FULL= (1: to 10,000,000 pending and 10,000 webhooks,
half an hour), SECS=3 (of each rate), PORT=9951, LIMIT=1500, UNDERSTUDY= (the program; else the release build).
"""

import argparse
import json
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from rig import curve, plot, tools
from rig.parts import Sink
from rig.tools import say, setting

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MIB = 2**20


def series(points, figure):
    """(x, y) of a figure of points."""
    return [(point["x"], figure(point)) for point in points]


RATE = ("throughput, deliveries/s", lambda point: point["rate"], "linear")
FLOW = ("throughput, MiB/s of bodies", lambda point: point["rate"] * point["x"] / 1024, "linear")
MEMORY = ("memory (PSS), MiB", lambda point: point["memory"] / MIB, "linear")
START = ("ready after SIGKILL, s", lambda point: point["start"], "linear")
START_LOG = (*START[:2], "log")
DISK = ("disk, MiB", lambda point: point["disk"] / MIB, "log")
EACH = ("disk for each delivery, KiB", lambda point: point["disk"] / point["deliveries"] / 1024, "linear")

# name: (title, what was done, the x axis, panels)
CARDS = {
    "backlog": (
        "What a backlog costs",
        "Deliveries wait for paused webhooks; throughput is of new ones to a healthy webhook beside, 64 producers.",
        "pending deliveries",
        (RATE, MEMORY, START_LOG, DISK),
    ),
    "endpoints": (
        "What many webhooks cost",
        "Every event is owed to every webhook; as many deliveries in all, whatever their number.",
        "webhooks",
        (RATE, MEMORY, START, EACH),
    ),
    "payload": (
        "What long bodies cost",
        "One webhook, 64 producers over HTTP; a submission is as long as the body that shows it, and is kept too.",
        "KiB of a webhook's body",
        (RATE, FLOW, MEMORY, EACH),
    ),
    "connections": (
        "What more connections bring",
        "One webhook, 64 producers, at a receiver that answers at once and at one that takes 5 ms.",
        "max_in_flight",
        (RATE, MEMORY),
    ),
}


def measure(name, sink, port, seconds, full):
    """The points of a curve, by series."""
    if name == "backlog":
        counts = [10**power for power in range(3, 8 if full else 7)]
        return {"": curve.backlog(sink, port, counts, seconds)}
    if name == "endpoints":
        counts = [1, 10, 100, 1_000] + [3_000, 10_000] * full
        return {"": curve.endpoints(sink, port, counts, 100_000 if full else 30_000)}
    if name == "payload":
        return {"": curve.payload(sink, port, [0.9, 2, 4, 8, 16, 32, 47] if full else [0.9, 3, 10, 25, 47], seconds)}
    counts = [2**power for power in range(11)] if full else [1, 4, 16, 64, 256, 1024]
    return {
        "at once": curve.connections(sink, port, counts, seconds, 0),
        "after 5 ms": curve.connections(sink, port, counts, seconds, 5),
    }


def draw(name, measured, caption):
    """The card of a curve."""
    title, about, x_label, figures = CARDS[name]
    panels = []
    for words, of, scale in figures:
        panels.append(plot.Panel(words, {key: series(points, of) for key, points in measured.items()}, scale))
    return plot.card(title, about, panels, x_label, caption)


def program():
    """The program to measure."""
    if not os.environ.get("UNDERSTUDY"):
        subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
        target = os.environ.get("CARGO_TARGET_DIR") or f"{ROOT}/target"
        os.environ["UNDERSTUDY"] = f"{target}/release/understudy"


def main():
    """Measures what is wanted, and writes what there is after each curve."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", default=f"{ROOT}/docs/curves", help="the directory that is written to")
    options.add_argument("--machine", help="for the caption; read from the system by default")
    options.add_argument("--date", default=time.strftime("%Y-%m-%d"), help="for the caption; today by default")
    options.add_argument("--redraw", action="store_true", help="draw anew from curves.json; measure nothing")
    given = options.parse_args()
    path = f"{given.out}/curves.json"
    if given.redraw:
        with open(path) as file:
            kept = json.load(file)
        for name, measured in kept["curves"].items():
            write(f"{given.out}/{name}.svg", draw(name, measured, kept["caption"]))
        return
    if not os.environ.get("SINK") or not os.environ.get("BLAST"):
        sys.exit("SINK and BLAST are missing: see --help")
    program()
    full = setting("FULL", "") not in ("", "0")
    tools.begin(setting("LIMIT", 5400 if full else 1500))
    machine = given.machine or tools.machine()
    caption = f"understudy, {given.date}, {machine}; receiver and sender share it"
    os.makedirs(given.out, exist_ok=True)
    port = setting("PORT", 9951)
    sink = Sink(port)
    curves, failed = {}, []
    for name in setting("ONLY", "").split() or CARDS:
        try:
            curves[name] = measure(name, sink, port + 1, setting("SECS", 3), full)
        except (RuntimeError, OSError, KeyError, ValueError) as error:
            failed.append(f"{name}: {error}")
            say(f"FAILED {failed[-1]}")
            tools.end_but(sink.child)
            continue
        write(f"{given.out}/{name}.svg", draw(name, curves[name], caption))
        write(path, json.dumps({"caption": caption, "full": full, "curves": curves}, indent=1) + "\n")
    say(f"written to {given.out}")
    if failed:
        sys.exit("not measured: " + "; ".join(failed))


def write(path, content):
    """Writes a file."""
    with open(path, "w") as file:
        file.write(content)


if __name__ == "__main__":
    main()
