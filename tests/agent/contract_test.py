# SPDX-License-Identifier: Apache-2.0
"""api/openapi.yaml drives every operation of a real daemon with good and bad input. Each answer must be
as the contract says, bad input must be refused as such, and every status that the contract names for an
operation must have been seen."""
import collections
import itertools
import json
import os
import random
import unittest
import urllib.parse

import contract
from daemon_under_test import ALICE, BOB, SOON_SECONDS, DaemonTest
from generated_cases import NOT_JSON, bad_objects, bad_values, good_objects, good_values
from http_exchange import Exchange, exchange

CONTRACT = contract.Contract()
OPERATIONS = {operation.id: operation for operation in CONTRACT.operations}
# The states that a grant is put into, so that operations meet all of them.
STATES = ("queued", "reserved", "running", "suspended", "over")
RANDOM_BODIES = 20


def query_text(value):
    return json.dumps(value) if isinstance(value, bool) else str(value)


def bad_texts(schema):
    """Bad values that a query can carry: there everything is text."""
    kinds = (str,) if schema["type"] == "string" else (str, int, float)
    return [value for value in bad_values(schema)
            if isinstance(value, kinds) and not isinstance(value, bool) and value != ""]


class Scene:
    """A daemon of root with grants of Alice in wanted states."""

    def __init__(self, test):
        self.test = test
        self.daemon = test.daemon
        self.numbers = itertools.count()
        self.user = ALICE if os.geteuid() == 0 else None
        self.names = {}
        self.pid = None  # of the last grant with a process

    def call(self, method, path, body=None, user=None):
        return exchange(self.daemon.socket, Exchange(
            method, path, json.dumps(body).encode() if body is not None else None,
            user=self.user if user is None else user))

    def made(self, **request):
        answer = self.call("POST", "/v1/grants", {"name": f"made-{next(self.numbers)}",
                                                   "keep_seconds": 600, **request})
        self.test.assertIn(answer.status, (201, 202), answer.text)
        return answer.json["name"]

    def fill(self):
        """No memory is left, so that what waits stays queued."""
        free = self.daemon.call("GET", "/v1/devices").json[0]["free_memory_mib"]
        return self.made(memory=f"{free}MiB") if free else None

    def grant(self, state):
        """A grant's name that is in this state now."""
        name = self.names.get(state)
        if name is None or self.call("GET", f"/v1/grants/{name}").json["state"] != self.shown(state):
            name = self.names[state] = self.make(state)
        return name

    @staticmethod
    def shown(state):
        return "exited" if state == "over" else state

    def make(self, state):
        if state == "queued":
            self.fill()
            return self.made(memory="1MiB", wait=True)
        name = self.made(memory="1MiB")
        if state == "over":
            self.call("DELETE", f"/v1/grants/{name}")
        if state in ("running", "suspended"):
            self.pid = self.live_pid()
            self.call("POST", f"/v1/grants/{name}/processes", {"pid": self.pid})
        if state == "suspended":
            self.call("PATCH", f"/v1/grants/{name}", {"suspended": True})
        return name

    def live_pid(self):
        return self.test.program(uid=self.user).pid

    def clear(self):
        """Releases every grant."""
        for grant in self.daemon.call("GET", "/v1/grants").json:
            self.daemon.call("DELETE", f"/v1/grants/{grant['name']}?force=true")
        self.names.clear()


@unittest.skipUnless(os.geteuid() == 0, "needs root to act as two users")
class ContractTest(DaemonTest):
    CONFIG = "limits: {priority: normal}\n"

    @classmethod
    def setUpClass(cls):
        cls.seed = int(os.environ.get("MELON_SEED", random.SystemRandom().randrange(2**32)))
        print(f"seed {cls.seed} (MELON_SEED repeats it)", flush=True)
        cls.seen = collections.defaultdict(set)
        cls.asked = collections.Counter()
        cls.streamed = collections.Counter()

    def setUp(self):
        super().setUp()
        self.rng = random.Random(self.seed)
        self.scene = Scene(self)

    def ask(self, operation, request, bad=False):
        """Sends it and holds the answer against the contract."""
        answer = exchange(self.daemon.socket, request)
        about = f"{request.method} {request.path} {str(request.body)[:300]} as {request.user}: " \
                f"{answer.status} {answer.text[:1000]}"
        errors = CONTRACT.errors_of(operation, answer)
        self.assertEqual(errors, [], about)
        self.assertLess(answer.status, 500, about)
        if bad:
            self.assertIn(answer.status, (400, 404), about)
        if answer.status >= 400:
            self.assertTrue(answer.json["error"]["message"] and answer.json["error"]["remedy"], about)
        self.seen[operation.id].add(answer.status)
        self.asked[operation.id] += 1
        self.streamed[operation.id] += len(answer.events)
        return answer

    def request(self, operation, words=None, query=None, body=None, user=ALICE, headers=None):
        path = operation.path
        for name, value in (words or {}).items():
            path = path.replace("{%s}" % name, urllib.parse.quote(value, safe=""))
        if query:
            path += "?" + urllib.parse.urlencode({name: query_text(value) for name, value in query.items()})
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return Exchange(operation.method, path, data, user=user, headers=headers or {})

    # What stands for {device}, {vendor} and {grant}.

    def subjects(self, operation):
        """Ways to fill the path: none, or each real thing."""
        names = [parameter["name"] for parameter in operation.of("path")]
        if not names:
            yield {}
        elif names == ["device"]:
            for device in self.daemon.call("GET", "/v1/devices").json:
                yield {"device": device["id"]}
        elif names == ["vendor"]:
            for vendor in self.daemon.call("GET", "/v1/vendors").json:
                yield {"vendor": vendor["id"]}
        else:
            self.assertEqual(names, ["grant"], "teach this test what stands for it")
            for state in STATES:
                self.scene.clear()
                yield {"grant": state}

    def words(self, subject):
        return {name: self.scene.grant(word) if name == "grant" else word for name, word in subject.items()}

    def bodies(self, operation):
        if operation.body is None:
            return [None]
        good = good_objects(operation.body, self.rng, RANDOM_BODIES)
        if operation.id == "registerProcess":
            good += [{"pid": self.scene.live_pid()}]
        return good if operation.body_required else [None, *good]

    def of_registered(self, operation, body):
        """An exit that the daemon can believe: that of the process which it knows."""
        known = operation.id == "reportExit" and self.scene.pid
        return {**body, "pid": self.scene.pid} if known else body

    def queries(self, operation):
        """None, each parameter with each of its good values; and the headers in the same way."""
        yield {}, {}
        for parameter in operation.of("query"):
            for value in good_values(parameter["schema"]):
                yield {parameter["name"]: value}, {}
        for parameter in operation.of("header"):
            for value in good_values(parameter["schema"]):
                yield {}, {parameter["name"]: value}
                yield {"watch": True}, {parameter["name"]: value}

    def good_input(self, operation):
        if not operation.of("path"):
            self.scene.grant("reserved")  # something to list
        for subject in self.subjects(operation):
            for (query, headers), body in itertools.product(list(self.queries(operation)),
                                                            self.bodies(operation)):
                words = self.words(subject)  # before the body, which may tell of its process
                self.ask(operation, self.request(operation, words, query,
                                                 self.of_registered(operation, body), headers=headers))
                if operation.id == "createGrant":
                    self.scene.clear()

    def bad_input(self, operation, user=ALICE):
        words = self.words(next(iter(self.subjects(operation)), {}))
        if "grant" in words:
            self.scene.clear()
            words = {"grant": self.scene.grant("running")}
        for parameter in operation.of("path"):
            for value in [*filter(lambda v: isinstance(v, str) and v, bad_values(parameter["schema"])),
                          "none", "%00", "a/b", "ü", ".", "'"]:
                self.ask(operation, self.request(operation, {parameter["name"]: value}), bad=True)
        for parameter in operation.of("query"):
            for value in bad_texts(parameter["schema"]):
                self.ask(operation, self.request(operation, words, {parameter["name"]: value}), bad=True)
        for parameter in operation.of("header"):
            for value in parameter["schema"]["x-counterexamples"]:
                self.ask(operation, self.request(operation, words, {"watch": True},
                                                 headers={parameter["name"]: str(value)}), bad=True)
        if operation.body is None:
            return
        not_json = [*NOT_JSON] if operation.body_required else [text for text in NOT_JSON if text]
        objects = bad_objects(operation.body, self.rng, RANDOM_BODIES)
        for body in [*not_json, *(json.dumps(value).encode() for value in objects)]:
            self.ask(operation, self.request(operation, words, body=body, user=user), bad=True)

    def other_callers(self, operation):
        """Root may, another user may not what is not his."""
        for user in (BOB, 0):
            for subject in self.subjects(operation):
                if operation.id == "shutdown" and user == 0:
                    continue  # it would end
                body = None if operation.body is None else self.bodies(operation)[-1]
                self.ask(operation, self.request(operation, self.words(subject), body=body, user=user))

    def check(self, operation_id):
        operation = OPERATIONS[operation_id]
        self.good_input(operation)
        self.bad_input(operation)
        self.other_callers(operation)
        self.special(operation)
        self.assertTrue(self.daemon.answers())
        if "text/event-stream" in operation.responses["200" if "200" in operation.responses else "default"]:
            self.assertGreater(self.streamed[operation_id], 0, "no event was ever sent")
        missing = operation.statuses() - self.seen[operation_id]
        self.assertEqual(missing, set(), f"{operation_id}: statuses of the contract that never came")

    def special(self, operation):
        """Answers that need circumstances which no schema tells of."""
        self.scene.clear()
        if operation.id == "createGrant":
            self.ask(operation, self.request(operation, body=b" " * 2_000_000))
            self.ask(operation, self.request(operation, body={"priority": "high", "memory": "1MiB"}))
            self.scene.fill()
            for wait in (False, True):
                self.ask(operation, self.request(operation, body={"memory": "1MiB", "wait": wait}))
        elif operation.id == "updateGrant":
            words = {"grant": self.scene.grant("reserved")}
            self.ask(operation, self.request(operation, words, body={"memory": "1048576TiB"}))

    def test_shutdown(self):
        operation = OPERATIONS["shutdown"]
        self.bad_input(operation, user=0)
        self.other_callers(operation)
        for body in self.bodies(operation)[:4]:
            self.ask(operation, self.request(operation, body=body, user=0))
            self.assertEqual(self.daemon.process.wait(SOON_SECONDS), 0)
            self.daemon.start()
        self.assertEqual(operation.statuses() - self.seen["shutdown"], set())

    def test_paths_have_the_methods_of_the_contract_and_no_others(self):
        known = {"GET", "PUT", "POST", "DELETE", "PATCH"}
        for path, methods in CONTRACT.paths().items():
            for method in known - methods:
                answer = exchange(self.daemon.socket, Exchange(method, path.replace("{", "").replace("}", "")))
                self.assertEqual(answer.status, 405, f"{method} {path}")
                self.assertEqual(set(answer.headers["Allow"].split(", ")), methods)

    def test_the_served_contract_is_the_file(self):
        self.assertEqual(self.daemon.call("GET", "/openapi.json").json, CONTRACT.document)


def add_test(operation_id):
    def test(self):
        self.check(operation_id)
    setattr(ContractTest, f"test_{operation_id}", test)


for _operation in CONTRACT.operations:
    if _operation.id != "shutdown":
        add_test(_operation.id)

if __name__ == "__main__":
    unittest.main()
