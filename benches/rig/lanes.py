"""G10, and G11's endpoints: what one webhook suffers from its neighbours, and what many cost."""

import time

from rig.parts import Server, Sink, throughput, webhook
from rig.tools import HOST, say

ENDPOINTS = 10_000


def healthy_rate(ports, sink, webhooks, seconds, rate):
    """Stimuli at a rate: what the sink got of them per second, nothing drained but the last tenth of a second's."""
    server = Server(ports.serve, webhooks)
    sink.reset()
    server.post(64, seconds, rate=rate)
    time.sleep(0.1)
    got = sink.stats()["requests"] / seconds
    server.kill()
    return got


def beside_one(table, sink, ports, per_second, seconds):
    """G10: a healthy webhook, and the same beside one that takes requests and never answers."""
    # Each stimulus is owed to both: half of what the path can take leaves room for that.
    rate = int(per_second / 2)
    say(f"a healthy webhook beside one that hangs, {rate} events/s")
    hanging = Sink(ports.hanging)
    alone = [webhook("sink", sink.url(), max_in_flight=256)]
    beside = [*alone, webhook("hangs", hanging.url("/~hang"))]
    rates = [healthy_rate(ports, sink, webhooks, seconds, rate) for webhooks in (alone, beside, beside, alone)]
    table.goal("G10", f"{(rates[1] + rates[2]) / 2:,.0f}/s", (rates[1] + rates[2]) / (rates[0] + rates[3]))
    flat_out = []
    for webhooks in (alone, beside):
        server = Server(ports.serve, webhooks)
        sink.reset()
        server.post(64, seconds)
        flat_out.append(sink.stats()["requests"] / seconds)
        server.kill()
    text = f"{flat_out[1]:,.0f}/s of {flat_out[0]:,.0f}/s: {flat_out[1] / flat_out[0]:.2f}"
    table.note("flat out, 64 producers, where each event is written for both", text, "G10")
    hanging.stop()


def beside_dead(table, sink, ports, seconds, rate):
    """G10: a hundred healthy webhooks, and the same beside 900 dead: half refuse connections, half hang."""
    say(f"100 healthy webhooks beside 900 dead, {rate} events/s")
    hanging = Sink(ports.hanging)
    alone = [webhook(f"ok-{n}", sink.url(f"/ok/{n}")) for n in range(100)]
    beside = alone + [webhook(f"refuses-{n}", f"http://{HOST}:{ports.nobody}/{n}") for n in range(450)]
    beside += [webhook(f"hangs-{n}", hanging.url("/~hang")) for n in range(450)]
    rates = [healthy_rate(ports, sink, webhooks, seconds, rate) for webhooks in (alone, beside)]
    table.goal("G10b", f"{rates[1]:,.0f}/s", rates[1] / rates[0])
    table.note("alone", f"{rates[0]:,.0f}/s", "G10")
    hanging.stop()


def many(table, sink, ports, seconds):
    """G11: deliveries per second at 10,000 webhooks that each get every event, of those at one webhook."""
    say(f"{ENDPOINTS:,} webhooks")
    one = [webhook("sink", sink.url("/one"), max_in_flight=256)]
    server = Server(ports.serve, one)
    rates = {"one": throughput(server, sink, 64, seconds)}
    server.stop()
    server = Server(ports.serve, [webhook(f"w-{n}", sink.url(f"/w/{n}")) for n in range(ENDPOINTS)])
    sink.reset()
    # Some seconds' worth, each event owed to all.
    events = max(4, int(rates["one"] * seconds / ENDPOINTS))
    server.post(4, count=events)
    server.drained(seconds=180)
    rates["many"] = sink.rate()
    table.note("memory (PSS) after that", f"{server.memory() / 2**20:.0f} MiB", "G11")
    server.stop()
    table.goal("G11b", f"{rates['many']:,.0f}/s", rates["many"] / rates["one"])
    others = [webhook(f"w-{n}", sink.url(f"/w/{n}"), environment="live") for n in range(ENDPOINTS - 1)]
    server = Server(ports.serve, one + others)
    beside = throughput(server, sink, 64, seconds)
    server.stop()
    what = f"one webhook beside {ENDPOINTS - 1:,} that are owed nothing, of its rate alone"
    table.note(what, f"{beside / rates['one']:.2f}", "G11")
