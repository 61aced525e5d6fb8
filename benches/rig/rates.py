"""G1 to G5 and G12: rates over HTTP and in process, each taken several times with the yardstick between.

A rate over HTTP runs from the first delivery to the last, draining included: what is still owed when the posting ends
is not given away. All drive the same journey, which is three stimuli and four deliveries. Beside G1 and G2 stands what
they are when every stimulus starts a journey: the dearest there is, for a journey is kept for ever.
"""

import json
import os

from rig import tools
from rig.parts import IDWISE, Server, oha, throughput, webhook
from rig.tools import median, run, say

SCENARIO = """format = 1
name = "storm"
seed = 5
clock = {{ mode = "leap", start = 2026-01-01T00:00:00Z }}
[population]
journeys = {journeys}
spacing = "even"
arrive = [{{ for = "1000h", rate = 100 }}]
[journey]
flow = "onboarding"
steps = [
  {{ do = "start" }},
  {{ do = "submit_step", step = "1", after = "10s" }},
  {{ do = "submit_step", step = "2", after = "10s" }},
]
"""
# Finished Step, twice; Finished User Steps; Finished Journey.
EVENTS_PER_JOURNEY = 4


def load(webhooks, *options, journeys=50_000, environment=()):
    """`understudy load`: its report, and what the process used. Exit 1 and 4 judge the run, and still report."""
    with open(f"{tools.work}/load.toml", "w") as file:
        file.write(IDWISE + "\n".join(webhooks))
    argv = [os.environ["UNDERSTUDY"], "--config", f"{tools.work}/load.toml", "load"]
    if "--rate" not in options:
        with open(f"{tools.work}/storm.journey.toml", "w") as file:
            file.write(SCENARIO.format(journeys=journeys))
        argv.append(f"{tools.work}/storm.journey.toml")
    report = f"{tools.work}/load.json"
    argv += [*options, "--drain", "60s", "--report", f"json={report}"]
    _, used = run(argv, 300, good=(0, 1, 4), environment=environment)
    with open(report) as file:
        read = json.load(file)
    deliveries = read["ledger"]["deliveries"]
    if deliveries["delivered"] != deliveries["accepted"]:
        raise RuntimeError(f"load did not deliver everything: {deliveries}, {read['errors']}")
    return read, used


def turn(sink, ports, seconds, journeys, yardstick, wanted, taken):
    """Takes each rate once, and adds it to `taken`; the yardstick's rates before and between, to `yardstick`."""
    hook = [webhook("sink", sink.url(), max_in_flight=256)]
    # A slot is held until its attempt is on disk: where 256 callers share each sync, that many slots would be the bound.
    wide = [webhook("sink", sink.url(), max_in_flight=1024)]

    def took(name, rate):
        taken.setdefault(name, []).append(rate)

    yardstick.append(oha(sink.url("/oha"), seconds))
    for name, producers, lane in (("G1", 64, hook), ("G2", 256, wide)):
        if name in wanted:
            server = Server(ports.serve, lane, plays=IDWISE)
            took(name, throughput(server, sink, producers, seconds, post=Server.play))
            server.stop()
            server = Server(ports.serve, lane)
            took(name + "s", throughput(server, sink, producers, seconds))
            server.stop()
    yardstick.append(oha(sink.url("/oha"), seconds))
    for name, outbox in (("G3", "sled"), ("G4", "memory")):
        if name in wanted:
            report, used = load(hook, "--outbox", outbox, journeys=journeys)
            took(name, report["rate"]["delivered"])
            if name == "G3":
                took("G5", used["cpu"] * 1e6 / report["ledger"]["deliveries"]["delivered"])


def judge(table, rates, yardstick):
    """Rows of what was taken; once the last yardstick is in."""
    of = median(yardstick)
    for name in ("G1", "G2", "G3", "G4"):
        if name in rates:
            rate = median(rates[name])
            table.goal(name, f"{rate:,.0f}/s", rate / of)
    for name in ("G1", "G2"):
        if name + "s" in rates:
            rate = median(rates[name + "s"])
            table.note("each stimulus starts a journey: deliveries/s, of oha", f"{rate:,.0f}/s, {rate / of:.3f}", name)
    if "G5" in rates:
        table.goal("G5", f"{median(rates['G5']):.1f} us", median(rates["G5"]))
    spread = f"{of:,.0f}, {min(yardstick):,.0f} to {max(yardstick):,.0f}"
    table.note("oha -c 64, requests/s: median, and from least to most", spread)
    for name, values in rates.items():
        table.note("each turn", ", ".join(f"{value:,.0f}" for value in values), name)


def pace(table, sink, per_second, seconds):
    """G12: the pace that was asked for, at half of what G3 does.

    `kept` is the plan's time at the last arrival, of the time it had taken by then: below 1 when arrivals lag behind.
    """
    rate = max(1, int(per_second / 2 / EVENTS_PER_JOURNEY))
    say(f"open-loop pace: {rate} journeys/s")
    hook = webhook("sink", sink.url(), max_in_flight=256)
    report, _ = load([hook], "--rate", str(rate), "--for", f"{seconds}s", "--outbox", "sled")
    lost = (1 - report["rate"]["kept"]) * 100
    table.goal("G12", f"{report['rate']['kept']:.5f} kept", lost)
    # The second in which arrivals begin and the one in which they end are not whole.
    whole = report["series"][1 : seconds - 1]
    delivered = sum(second["delivered"] for second in whole) / max(1, len(whole))
    asked = rate * EVENTS_PER_JOURNEY
    what = f"of {asked:,} deliveries/s asked for: delivered in the run's whole seconds"
    table.note(what, f"{delivered:,.0f}/s", "G12")
    spans = (report["latency"]["p50"], report["latency"]["p99"], report["late"]["p99"])
    text = "{:.2f} and {:.2f} ms; {:.2f} ms".format(*spans)
    table.note("from the planned instant to the answer, p50 and p99; lateness of our own, p99", text, "G12")
