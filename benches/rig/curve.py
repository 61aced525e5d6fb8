"""What it costs, over one quantity at a time: each function gives points, as {"x": ..., "rate": ..., ...}.

Figures of a point: `rate`, deliveries per second; `memory`, the proportional set size at rest afterwards, in bytes;
`start`, seconds until it was ready after a SIGKILL; `disk`, bytes, and `deliveries`, how many were made.
"""

import json
import time

from rig.backlog import fill
from rig.parts import Server, blast, throughput, webhook
from rig.tools import HOST, ask, disk, say

# A guarantor's documents are the part of a webhook that a caller can make long: so many, of so many bytes at most.
DOCUMENTS, LONGEST = 20, 500


def weighed(server, sink, x, rate):
    """The figures of a point, once its rate is taken. Ends the server."""
    deliveries = server.deliveries()["accepted"]
    time.sleep(0.5)
    memory = server.memory()
    server.kill()
    # What was durable is what the next start has to read.
    used = disk(server.data)
    start = server.start()
    server.kill()
    return {"x": x, "rate": rate, "memory": memory, "start": start, "disk": used, "deliveries": deliveries}


def backlog(sink, port, counts, seconds):
    """Over what is pending for webhooks that are paused, ten for each event."""
    names = [f"back-{n}" for n in range(10)]
    hooks = [webhook("sink", sink.url(), max_in_flight=256)]
    hooks += [webhook(name, sink.url("/back"), environment="live") for name in names]
    points = []
    for count in counts:
        say(f"backlog: {count:,}")
        server = Server(port, hooks)
        server.pause(names)
        fill(server, names, count)
        # Weighed before anything else is written, so that a small backlog is not outweighed by what was sent beside it.
        point = weighed(server, sink, count, 0)
        server.start()
        point["rate"] = throughput(server, sink, 64, seconds, leave=server.pending())
        server.kill()
        points.append(point)
    return points


def endpoints(sink, port, counts, deliveries):
    """Over the number of webhooks that every event is owed to."""
    points = []
    for count in counts:
        say(f"endpoints: {count:,}")
        # One alone is not held back by its own share of connections.
        most = max(32, 256 // count)
        server = Server(port, [webhook(f"w-{n}", sink.url(f"/w/{n}"), max_in_flight=most) for n in range(count)])
        sink.reset()
        server.post(min(64, max(1, deliveries // count)), count=max(1, deliveries // count))
        server.drained(seconds=300)
        points.append(weighed(server, sink, count, sink.rate()))
    return points


def payload(sink, port, kib, seconds):
    """Over the bytes of a webhook's body; x is what the receiver saw."""
    points = []
    for size in kib:
        say(f"payload: {size} KiB")
        server = Server(port, [webhook("sink", sink.url(), max_in_flight=256)])
        token = ask(port, "POST", "/token", {"clientId": "bench", "secret": "bench"})[1]["accessToken"]
        sink.reset()
        url, headers = f"http://{HOST}:{port}/v1/guarantors", [f"authorization: Bearer {token}"]
        blast(url, guarantor(size * 1024), 64, seconds, headers=headers)
        server.drained()
        seen = sink.stats()
        points.append(weighed(server, sink, seen["body_bytes_in"] / seen["requests"] / 1024, sink.rate()))
    return points


def guarantor(size):
    """A submission whose webhook has about `size` bytes, 48 KiB at most."""
    each = max(1, (int(size) - 850) // DOCUMENTS)
    # Beyond what a text may hold, characters that JSON writes in six bytes.
    document = "x" * each if each <= LONGEST else "\x01" * (each // 6)
    person = {"firstname": "Kolade", "lastname": "Alade", "phone": "08000000000", "email": "k@example.com"}
    applicant = {"firstname": "Bunch", "lastname": "Dillon", "phone": "08000000000"}
    about = {"customerReference": "r-{seq}", "acceptableIdType": [document] * DOCUMENTS}
    return json.dumps({**person, **about, "applicant": applicant})


def connections(sink, port, counts, seconds, delay):
    """Over max_in_flight, at a receiver that takes `delay` milliseconds to answer."""
    points = []
    for count in counts:
        say(f"connections: {count:,}, {delay} ms")
        url = sink.url(f"/~delay/{delay}" if delay else "/hook")
        server = Server(port, [webhook("sink", url, max_in_flight=count)])
        sink.reset()
        # No more than is delivered in the time: a single slow connection would take minutes.
        most = int(1_000 / delay * count * seconds) if delay else None
        server.post(64, seconds, count=most)
        server.drained(seconds=300)
        points.append(weighed(server, sink, count, sink.rate()))
    return points
