"""G6 and G7: how long a webhook takes at a hundred a second, from the POST and from its durable answer.

```text
  poster (this process)  ── POST ──> understudy ── webhook ──> receiver (a process of its own)
     sent, answered                                              arrived
```

Both note CLOCK_MONOTONIC, which is one clock for all processes of a machine. A webhook may arrive before the poster has
read its answer: that counts as what it is, below nothing. Python's own waking up is in the figures; `floor` is what it
comes to with nothing between poster and receiver, and `disk` what a write and a sync come to with nobody near.
"""

import gc
import json
import multiprocessing
import os
import re
import socket
import threading
import time

from rig.tools import HOST, quantile

WARM_UP = 100
WRITTEN = 1_300  # bytes that a stimulus with one event puts on disk
LAST = 3  # so many seconds the last webhook may take
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
REFERENCE = re.compile(rb"r-(\d{8})")


def message(connection, begun=b""):
    """Reads one HTTP message with a length: its bytes, and the instant in which its last ones were there."""
    read = begun
    while True:
        more = connection.recv(65_536)
        now = time.perf_counter_ns()
        if not more:
            return None, now
        read += more
        head = read.find(b"\r\n\r\n")
        if head >= 0:
            length = LENGTH.search(read, 0, head + 2)
            if len(read) >= head + 4 + (int(length.group(1)) if length else 0):
                return read, now


def receive(port, results):
    """The receiver: answers everything, and tells when what arrived once it is asked to end."""
    gc.disable()
    arrived = {}
    listener = socket.create_server((HOST, port), backlog=128)

    def serve(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                read, now = message(connection)
                if read is None:
                    return
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            except OSError:
                return
            found = REFERENCE.search(read)
            if found:
                arrived.setdefault(int(found.group(1)), now)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    results.send("listening")
    results.recv()
    results.send(arrived)


def post(port, path, bodies, rate):
    """Posts at the rate, one after the other: when each was sent, and when its answer was there."""
    connection = socket.create_connection((HOST, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = f"POST {path} HTTP/1.1\r\nhost: {HOST}:{port}\r\ncontent-type: application/json\r\n"
    head += "content-length: %d\r\n\r\n"
    requests = [(head % len(body)).encode() + body.encode() for body in bodies]
    times, first = [], time.perf_counter()
    for number, request in enumerate(requests):
        wait = first + number / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        sent = time.perf_counter_ns()
        connection.sendall(request)
        read, answered = message(connection)
        if read is None or not read.startswith(b"HTTP/1.1 20"):
            raise RuntimeError(f"refused: {read!r}")
        times.append((sent, answered))
    connection.close()
    return times


def spans(receiver_port, post_to, path, seconds, rate=100):
    """Posts to `path` of a port while receiving at another: (POST to arrival, answer to arrival) in ms."""
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.Process(target=receive, args=(receiver_port, theirs), daemon=True)
    receiver.start()
    try:
        if not ours.poll(10):
            raise RuntimeError("the receiver does not start")
        ours.recv()
        count = WARM_UP + int(seconds * rate)
        bodies = [json.dumps({"flow": "address", "reference_no": f"r-{number:08}"}) for number in range(count)]
        gc.disable()
        times = post(post_to, path, bodies, rate)
        gc.enable()
        time.sleep(LAST)
        ours.send("end")
        arrived = ours.recv() if ours.poll(10) else {}
    finally:
        receiver.kill()
        receiver.join(5)
    missing = [number for number in range(count) if number not in arrived]
    if missing:
        raise RuntimeError(f"{len(missing)} of {count} webhooks did not arrive within {LAST} s")
    measured = [(arrived[number], *times[number]) for number in range(WARM_UP, count)]
    from_post = [(at - sent) / 1e6 for at, sent, _ in measured]
    return from_post, [(at - answered) / 1e6 for at, _, answered in measured]


def floor(port, seconds):
    """The same with nobody between: from sending to arrival, the 99th percentile in ms."""
    from_post, _ = spans(port, port, "/", seconds)
    return quantile(from_post, 0.99)


def disk(directory, seconds, rate=100):
    """A file that grows by what a stimulus takes, each write synced: the 99th percentile in ms."""
    took, first, block = [], time.perf_counter(), b"x" * WRITTEN
    path = os.path.join(directory, "alone")
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for number in range(int(seconds * rate)):
            time.sleep(max(0, first + number / rate - time.perf_counter()))
            began = time.perf_counter()
            os.write(file, block)
            os.fdatasync(file)
            took.append((time.perf_counter() - began) * 1e3)
    finally:
        os.close(file)
        os.unlink(path)
    return quantile(took, 0.99)
