# SPDX-License-Identifier: Apache-2.0
"""The `melon` command against a daemon of its own. Standard library only."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "agent"))

from daemon_under_test import (  # noqa: E402,F401
    ALICE, BOB, IGNORED_LINE, POCL, SOON_SECONDS, SPINNING, Daemon, eventually)

MELON = os.environ["MELON"]
PYTHON = "/usr/bin/python3"

# Holds so many MiB of the first device, filled, until it is ended.
TENANT = """
import sys, time
import numpy, pyopencl as cl
context = cl.Context(cl.get_platforms()[0].get_devices()[:1])
queue = cl.CommandQueue(context)
buffers = []
for mib in map(int, sys.argv[1:]):
    try:
        buffers.append(cl.Buffer(context, cl.mem_flags.READ_WRITE, mib << 20))
        cl.enqueue_fill_buffer(queue, buffers[-1], numpy.uint8(1), 0, mib << 20).wait()
        print("holds", mib, flush=True)
    except cl.MemoryError as error:
        print("refused", mib, error, flush=True)
while True:
    time.sleep(1000)
"""


class Ended:
    """How a command ended."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"


class Machine(Daemon):
    """A daemon that was started with `melon up --detach`."""

    def environment_for(self, uid=None):
        home = str(self.folder) if uid is None else f"{self.folder}/home-{uid}"
        if uid is not None:
            os.makedirs(home, exist_ok=True)
            os.chown(home, uid, uid)
        path = f"{os.path.dirname(MELON)}:{os.environ['PATH']}"
        return {**self.environment, "HOME": home, "MELON_SOCKET": self.socket, "PATH": path}

    def popen(self, *words, uid=None, **options):
        user = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
        options.setdefault("env", self.environment_for(uid))
        return subprocess.Popen([MELON, *words], text=True, cwd="/", **user, **options)

    def melon(self, *words, uid=None, stdin="", environment=None, timeout=120):
        env = {**self.environment_for(uid), **(environment or {})}
        with self.popen(*words, uid=uid, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(stdin, timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Ended(subprocess.CompletedProcess(words, process.returncode, out, err))

    def up(self, *words):
        ended = self.melon("up", "--detach", "--state", str(self.state), "--config",
                           str(self.config), *words)
        assert ended.code == 0, str(ended)
        return self

    def remove(self):
        self.melon("down", "--stop-all")
        super().remove()


class MelonTest(unittest.TestCase):
    """Tests that share one daemon; each leaves no workload behind."""

    CONFIG = ""

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine(config=cls.CONFIG).up()
        cls.addClassCleanup(cls.machine.remove)

    def setUp(self):
        self.addCleanup(self.end_workloads)

    def end_workloads(self):
        for workload in self.melon("ps", "-o", "json").json:
            self.melon("stop", workload["name"], "--force")

    def melon(self, *words, **options):
        return self.machine.melon(*words, **options)

    def ok(self, *words, **options):
        ended = self.melon(*words, **options)
        self.assertEqual(ended.code, 0, f"melon {' '.join(words)}: {ended}")
        return ended

    def fails(self, code, *words, says=(), **options):
        """The command ends with the code, and its message has each of these texts."""
        ended = self.melon(*words, **options)
        self.assertEqual(ended.code, code, f"melon {' '.join(words)}: {ended}")
        self.assertTrue(ended.err.startswith("melon: "), str(ended))
        for text in says:
            self.assertIn(text, ended.err)
        return ended

    def detached(self, name, *words, program=("sleep", "1000"), uid=None):
        self.ok("run", "--name", name, "--detach", *words, "--", *program, uid=uid)
        return self.workload(name)

    def tenant(self, name, *words, mib):
        """A detached program that holds device memory."""
        self.detached(name, *words, program=(PYTHON, "-c", TENANT, *map(str, mib)))
        self.eventually(f"{name} has asked for its memory",
                        lambda: len(self.ok("logs", name).out.splitlines()) == len(mib))
        return self.ok("logs", name).out.splitlines()

    def workload(self, name):
        """The youngest of that name."""
        known = [w for w in self.ok("ps", "-a", "-o", "json").json if w["name"] == name]
        return known[-1] if known else None

    def device(self):
        return self.ok("devices", "-o", "json").json[0]

    def wait_state(self, name, *states):
        return self.eventually(f"{name} becomes {states}", lambda: (
            lambda w: w if w and w["state"] in states else None)(self.workload(name)))

    @staticmethod
    def eventually(what, condition):
        return eventually(what, condition)
