"""The rows of the table of goals, one after the other. Called by path.sh, which says what it needs and takes."""

import os
import sys
from typing import NamedTuple

from rig import backlog, lanes, latency, pages, rates, tls, tools
from rig.parts import Server, Sink, oha, webhook
from rig.table import Table
from rig.tools import HOST, median, quantile, say, setting


class Ports(NamedTuple):
    """Who listens where."""

    sink: int
    hanging: int
    nobody: int
    serve: int
    receiver: int
    tls: int


PARTS = ["G1", "G2", "G3", "G4", "G6", "G8", "G10", "G11", "G12", "G13", "P", "TLS"]


def answers(ports, seconds, turns):
    """G6 and G7, once: (POST to arrival, answer to arrival, the disk's own p99) is added to `turns`."""
    say("latency at 100/s")
    server = Server(ports.serve, [webhook("receiver", f"http://{HOST}:{ports.receiver}/hook")])
    from_post, from_answer = latency.spans(ports.receiver, ports.serve, "/api/v1/journeys", seconds)
    server.stop()
    turns.append((from_post, from_answer, latency.disk(tools.work, seconds)))


def answered(table, ports, turns):
    """The rows of G6 and G7: medians over the turns, as of the rates."""
    for name, which in (("G6", 1), ("G7", 0)):
        p99 = median([quantile(turn[which], 0.99) for turn in turns])
        table.goal(name, f"{p99:.2f} ms", p99)
        shares = (0.5, 0.9, 0.99, 0.999)
        each = ("/".join(f"{quantile(turn[which], share):.2f}" for share in shares) for turn in turns)
        table.note("each turn: p50, p90, p99 and p99.9 in ms", ", ".join(each), name)
    alone = ", ".join(f"{disk:.2f}" for _, _, disk in turns)
    table.note(f"a write of {latency.WRITTEN:,} bytes and its sync alone, behind each turn: p99 in ms", alone, "G7")
    floor = latency.floor(ports.receiver, 5)
    table.note("Python's own part of G7, with nobody between: p99 in ms", f"{floor:.2f}", "G7")


def main():
    """Takes what was asked for, and prints the table even if a part fails; the exit code says so."""
    first, repeat, seconds = setting("PORT", 9941), setting("REPEAT", 3), setting("SECS", 5)
    full = setting("FULL", "") not in ("", "0")
    wanted = setting("ONLY", "").upper().split() or PARTS
    ports = Ports(*range(first, first + len(Ports._fields)))
    journeys = setting("JOURNEYS", 10_000 * seconds)
    tools.begin(setting("LIMIT", 7200 if full else 2400))
    table = Table(tools.machine())
    failed = []

    def part(names, measure, *arguments):
        """A part of the run, where it is wanted; its failure is not the others'."""
        if not set(names) & set(wanted):
            return None
        try:
            return measure(*arguments)
        except (RuntimeError, OSError, KeyError, ValueError) as error:
            failed.append(f"{' '.join(names)}: {type(error).__name__}: {error}")
            say(f"FAILED {failed[-1]}")
            tools.end_but(sink.child)
            return None

    sink = Sink(ports.sink)
    yardstick, taken, waited = [], {}, []
    of_rates, of_waits = ("G1", "G2", "G3", "G4", "G5"), ("G6", "G7")
    for turn in range(1, repeat + 1):
        say(f"turn {turn} of {repeat}")
        part(of_waits, answers, ports, setting("LATENCY_SECS", 15), waited)
        part(of_rates, rates.turn, sink, ports, seconds, journeys, yardstick, wanted, taken)
    if waited:
        part(of_waits, answered, table, ports, waited)
    part(("G10",), lanes.beside_one, table, sink, ports, median(taken.get("G1", [8_000])), seconds)
    part(("G10",), lanes.beside_dead, table, sink, ports, 2 * seconds, 5)
    part(("G12",), rates.pace, table, sink, median(taken.get("G3", [12_000])), 2 * seconds)
    for pending in [setting("PENDING", 1_000_000)] + [10_000_000] * full:
        part(("G8", "G9", "G11"), backlog.measure, table, sink, ports, pending, seconds)
    part(("G11", "G11B"), lanes.many, table, sink, ports, seconds)
    size = setting("ROUND", 1_000_000 if full else 100_000)
    part(("G13",), backlog.creep, table, sink, ports, size, setting("ROUNDS", 10))
    part(("P", "P1", "P2"), pages.measure, table, sink, ports, setting("LIST", 1_000_000), repeat, seconds)
    part(("TLS",), tls.measure, table, ports, seconds, journeys)
    if taken:
        sink.reset()
        yardstick.append(oha(sink.url("/oha"), seconds))
        rates.judge(table, taken, yardstick)
        anchor = f"{sink.stats()['cpu_us_per_request']:.2f} us"
        table.note("the receiver's processor time per request of oha: how fast this machine is", anchor)
    table.print()
    if os.environ.get("OUT"):
        table.write(os.environ["OUT"])
    if failed:
        print("\nnot measured\n" + "\n".join(failed))
        sys.exit(1)


main()
