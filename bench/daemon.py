# SPDX-License-Identifier: Apache-2.0
"""The daemon's own cost: idle, and with a thousand grants."""
import http.client
import json
import socket
import statistics
import time

from demo import meter
from demo.act import Act

from . import figures

IDLE_SECONDS = 15
GRANTS = 1000
READS = 15


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the daemon's socket."""

    def __init__(self, path: str):
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def call(self, method: str, path: str, body=None) -> bytes:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:400]!r}")
        return content


def _cpu_percent(pid: int) -> float:
    """Of one core, over a while in which nobody asks the daemon for anything."""
    before = meter.read_process(pid, "daemon")
    time.sleep(IDLE_SECONDS)
    after = meter.read_process(pid, "daemon")
    return 100 * (after.cpu_seconds - before.cpu_seconds) / IDLE_SECONDS


def idle(act: Act, pid: int) -> list:
    percent = _cpu_percent(pid)
    resident = meter.read_process(pid, "daemon").resident_bytes / 2**20
    return [figures.at_most("daemon idle, CPU of one core", 0.5, percent, "%", seconds=IDLE_SECONDS),
            figures.at_most("daemon idle, resident memory", 30, resident, "MiB")]


def _milliseconds(connection: UnixConnection, path: str) -> list:
    times = []
    for _ in range(READS):
        start = time.monotonic()
        connection.call("GET", path)
        times.append(1000 * (time.monotonic() - start))
    return times


def thousand(act: Act, pid: int) -> list:
    """A thousand grants of 1 MiB, then what reading them and having them costs."""
    connection = UnixConnection(act.stage.socket)
    made = []
    start = time.monotonic()
    for number in range(GRANTS):
        name = f"grant-{number}"
        connection.call("POST", "/v1/grants", {"name": name, "memory": "1MiB", "keep_seconds": 600})
        made.append(name)
    creating = 1000 * (time.monotonic() - start) / GRANTS
    listing = _milliseconds(connection, "/v1/grants")
    reading = _milliseconds(connection, "/metrics")
    percent = _cpu_percent(pid)
    count = len(json.loads(connection.call("GET", "/v1/grants")))
    for name in made:
        connection.call("DELETE", f"/v1/grants/{name}?force=true")
    return [
        figures.at_most(f"list of {count} grants", 20, statistics.median(listing), "ms", times=listing),
        figures.at_most(f"metrics of {count} grants", 50, statistics.median(reading), "ms",
                        times=reading),
        figures.Figure(f"idle with {count} grants without a process, CPU of one core", "",
                       f"{percent:.2f} %", None, {"value": percent, "seconds": IDLE_SECONDS}),
        figures.Figure("creating a grant, durably", "", f"{creating:.2f} ms", None,
                       {"value": creating}),
    ]
