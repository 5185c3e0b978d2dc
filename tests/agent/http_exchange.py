# SPDX-License-Identifier: Apache-2.0
"""One request on the daemon's socket and its answer, as any user of the machine."""
import contextlib
import dataclasses
import http.client
import json
import os
import socket


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


@dataclasses.dataclass
class Answer:
    status: int
    text: str
    content_type: str = ""
    headers: dict = dataclasses.field(default_factory=dict)
    events: list = dataclasses.field(default_factory=list)  # of a stream: the data that came

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def code(self):
        return self.json["error"]["code"]


@dataclasses.dataclass
class Exchange:
    method: str
    path: str
    body: bytes | None = None
    user: int | None = None  # None: who runs the test
    headers: dict = dataclasses.field(default_factory=dict)


@contextlib.contextmanager
def acting_as(user):
    """The kernel tells the daemon who connected by the effective user at that moment."""
    if user is None or user == os.geteuid():
        yield
        return
    before = os.geteuid()
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(before)


def exchange(path, request, events=1):
    """Sends the request; of a stream of events reads the first `events`, as long as they come."""
    connection = Connection(path)
    try:
        with acting_as(request.user):
            connection.connect()
        sock = connection.sock  # the connection forgets it when the answer is the last one
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
            connection.request(request.method, request.path, request.body, request.headers)
        response = connection.getresponse()
        kind = (response.getheader("Content-Type") or "").partition(";")[0]
        answer = Answer(response.status, "", kind, dict(response.getheaders()))
        if kind == "text/event-stream":
            sock.settimeout(1)
            answer.events = read_events(response, events)
        else:
            answer.text = response.read().decode("utf-8", "replace")
        return answer
    finally:
        connection.close()


def read_events(response, count):
    """The data of up to `count` events; fewer when no more come."""
    events = []
    with contextlib.suppress(TimeoutError):
        while len(events) < count:
            line = response.readline()
            if not line:
                break
            if line.startswith(b"data:"):
                events.append(json.loads(line[5:]))
    return events
