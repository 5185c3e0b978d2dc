# SPDX-License-Identifier: Apache-2.0
"""How long workloads live: until all of their processes are gone, or whoever waits for them is."""
import os
import subprocess
import time
import unittest

from melon_under_test import ALICE, BOB, PYTHON, SOON_SECONDS, Machine, MelonTest, eventually

ROOT = unittest.skipUnless(os.geteuid() == 0, "needs root to act as several users")


class Waiters(unittest.TestCase):
    """A queued request is somebody's: its waiter's."""

    def setUp(self):
        self.machine = Machine().up()
        self.addCleanup(self.machine.remove)
        self.ok("run", "--name", "now", "--memory", "60%", "--detach", "--", "sleep", "1000")

    def ok(self, *words):
        ended = self.machine.melon(*words)
        self.assertEqual(ended.code, 0, f"melon {' '.join(words)}: {ended}")
        return ended

    def waiting(self, name, *words):
        log = open(self.machine.folder / f"{name}.err", "w")
        self.addCleanup(log.close)
        waiting = self.machine.popen("run", "--name", name, "--wait", "--memory", "60%", *words, "--",
                                     "sleep", "1000", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(waiting.wait, SOON_SECONDS)
        self.addCleanup(waiting.kill)
        self.becomes(name, "queued")
        return waiting

    def becomes(self, name, state):
        def has_become():
            known = [w for w in self.machine.melon("ps", "-a", "-o", "json").json if w["name"] == name]
            return known[-1] if known and known[-1]["state"] == state else None
        return eventually(f"{name} becomes {state}", has_become)

    def test_a_killed_waiter_leaves_the_queue(self):
        first, second = self.waiting("first"), self.waiting("second")
        first.kill()
        self.assertIn("waited", self.becomes("first", "failed")["reason"])
        self.assertIn("waited", self.ok("events", "first").out)
        self.ok("stop", "now")
        self.becomes("second", "running")
        self.assertIsNone(second.poll())

    def test_waiters_outlive_a_restart_of_the_daemon_and_requests_not_their_waiters(self):
        dead, alive = self.waiting("dead"), self.waiting("alive")
        self.ok("down")
        dead.kill()
        dead.wait()
        eventually("the waiter has noticed", lambda: "waiting for it" in
                   (self.machine.folder / "alive.err").read_text())
        self.machine.up()
        self.assertIn("waited", self.becomes("dead", "failed")["reason"])
        self.becomes("alive", "queued")
        self.ok("stop", "now")
        self.becomes("alive", "running")
        self.assertIsNone(alive.poll())


if __name__ == "__main__":
    unittest.main()
