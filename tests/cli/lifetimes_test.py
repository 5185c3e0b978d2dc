# SPDX-License-Identifier: Apache-2.0
"""How long workloads live: until all of their processes are gone, or whoever waits for them is."""
import json
import os
import pathlib
import pwd
import subprocess
import time
import unittest

from melon_under_test import ALICE, BOB, PYTHON, SOON_SECONDS, Machine, MelonTest, eventually

ROOT = unittest.skipUnless(os.geteuid() == 0, "needs root to act as several users")


def is_gone(pid):
    """Ended, whether or not somebody has asked how."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def is_asleep(pid):
    """In clock_nanosleep (x86-64, arm64): between two looks at the daemon."""
    return pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0] in ("230", "115")


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


class Followers(MelonTest):
    """Who waits for something outlives a restart of the daemon."""

    def follower(self, *words):
        output = self.machine.folder / f"{words[0]}.out"
        with open(output, "w") as out, open(output.with_suffix(".err"), "w") as err:
            follower = self.machine.popen(*words, stdout=out, stderr=err)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        return follower, output

    def test_wait_logs_and_events_go_on_with_the_next_daemon(self):
        gate = self.machine.folder / "gate"
        self.detached("job", "--memory", "1MiB", program=(
            "sh", "-c", f"echo first; while [ ! -e {gate} ]; do sleep 0.1; done; echo last"))
        followers = [self.follower("wait", "job"), self.follower("logs", "-f", "job"),
                     self.follower("events", "-f", "job", "-o", "json")]
        (waiter, waited), (_, logged), (events, told) = followers
        eventually("it waits", lambda: is_asleep(waiter.pid))
        eventually("they follow", lambda: "first" in logged.read_text() and "process_started" in told.read_text())
        os.kill(self.ok("version", "-o", "json").json["daemon"]["pid"], 9)
        for _, output in followers:
            eventually(f"{output.name} has noticed", lambda: "waiting for it" in output.with_suffix(".err").read_text())
        self.machine.up()
        gate.touch()
        for follower, _ in followers[:2]:
            self.assertEqual(follower.wait(SOON_SECONDS), 0)
        self.assertEqual(waited.read_text(), "job exited 0\n")
        self.assertEqual(logged.read_text(), "first\nlast\n")
        eventually("its end is told", lambda: "grant_exited" in told.read_text())
        ids = [json.loads(line)["id"] for line in told.read_text().splitlines()]
        self.assertEqual(ids, sorted(set(ids)), "each event comes once")
        self.assertIsNone(events.poll())


# Opens the first device, at once or after it has left its grant, and stays.
USER = """
import os, sys, time
if "leave" in sys.argv: del os.environ["MELON_GRANT"]
if "drop" in sys.argv: os.setgroups([]); os.setgid(12002)
import numpy, pyopencl as cl
context = cl.Context(cl.get_platforms()[0].get_devices()[:1])
queue = cl.CommandQueue(context)
cl.enqueue_fill_buffer(queue, cl.Buffer(context, cl.mem_flags.READ_WRITE, 4096), numpy.uint8(1), 0, 4096).wait()
if "drop" in sys.argv: os.setuid(12002)
print("uses it", flush=True)
if "brief" not in sys.argv: time.sleep(1000)
"""


class NamedAccount(MelonTest):
    """A user whom the machine knows by name, and the configuration too."""

    CONFIG = "users: {nobody: {memory: 32MiB}}\n"

    @ROOT
    def test_an_account_is_limited_and_shown_by_its_name(self):
        uid = pwd.getpwnam("nobody").pw_uid
        self.assertEqual(self.ok("run", "--name", "his", "--memory", "16MiB", "--", "id", "-un", uid=uid).out, "nobody\n")
        self.assertEqual(self.workload("his")["owner"], "nobody")
        self.fails(125, "run", "--memory", "64MiB", "--", "true", uid=uid, says=["32 MiB"])
        self.ok("run", "--memory", "64MiB", "--", "true", uid=BOB)


class Members(MelonTest):
    """Who keeps a workload alive, and who is ended with it."""

    CONFIG = f"users: {{{BOB}: {{age: 2s}}}}\n"

    def flags(self, name):
        return self.workload(name)["flags"]

    def user_of_device(self, *how, **options):
        """A program that uses the device; returns it once it does."""
        program = subprocess.Popen([PYTHON, "-c", USER, *how], stdout=subprocess.PIPE, cwd="/", **options)
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        self.assertEqual(program.stdout.readline(), b"uses it\n")
        return program

    def unmanaged(self, pid):
        return [p for p in self.machine.call("GET", "/v1/processes").json
                if p["pid"] == pid and not p["managed"]]

    def background(self, name, command, *words):
        """A program that ends at once and leaves a command running."""
        log = self.machine.folder / f"{name}.log"
        self.ok("run", "--name", name, "--memory", "16MiB", *words, "--", "sh", "-c",
                f"{command} </dev/null >{log} 2>&1 & sleep 0.2")
        return log

    def test_what_a_program_leaves_behind_keeps_its_slice(self):
        log = self.background("server", f"{PYTHON} -c '{USER}'")
        eventually("it uses the device", lambda: "uses it" in log.read_text())
        server = self.workload("server")
        self.assertEqual((server["state"], len(server["pids"])), ("running", 1), server)
        self.assertEqual(server["flags"], [])
        os.kill(server["pids"][0], 9)
        ended = self.wait_state("server", "exited")
        self.assertEqual(ended["exit_code"], 0)

    def test_so_does_what_never_touches_a_device_until_it_is_stopped(self):
        self.background("sleeper", "sleep 1000")
        pids = self.workload("sleeper")["pids"]
        self.assertEqual(self.workload("sleeper")["state"], "running")
        time.sleep(1.2)  # two looks of the daemon
        self.assertEqual(self.workload("sleeper")["pids"], pids)
        self.ok("stop", "sleeper")
        self.wait_state("sleeper", "exited")
        self.assertTrue(is_gone(pids[0]))

    def test_a_program_that_drops_its_grant_is_found(self):
        self.detached("escaper", "--memory", "16MiB", program=(PYTHON, "-c", USER, "leave"))
        eventually("it is flagged", lambda: "unmanaged_process" in self.flags("escaper"))
        self.assertIn('melon_grant_flagged_bool{grant="escaper",flag="unmanaged_process"} 1',
                      self.machine.call("GET", "/metrics").text)
        told = [e["message"] for e in self.ok("events", "-o", "json").json
                if e["kind"] == "unmanaged_process" and e["grant"] == "escaper"]
        self.assertTrue(told and all("is on opencl-0 outside" in message for message in told), told)
        found = [f["message"] for f in self.machine.call("GET", "/v1/findings").json]
        self.assertTrue(any("its grant 'escaper'" in message for message in found), found)

    def test_short_programs_in_a_reserved_slice_count(self):
        self.ok("run", "--name", "box", "--memory", "16MiB", "--detach", "--keep", "3s")
        inside = self.machine.call("GET", "/v1/grants/box/environment").json["environment"]
        self.user_of_device("brief", env={**self.machine.environment_for(), **inside})
        self.assertIn("no process", self.wait_state("box", "exited")["reason"])

    @ROOT
    def test_stop_ends_what_root_started_inside(self):
        self.detached("hers", "--memory", "16MiB", uid=ALICE)
        entered = self.machine.popen("exec", "hers", "--", "sleep", "1000")
        self.addCleanup(entered.wait)
        self.addCleanup(entered.kill)
        eventually("it is inside", lambda: len(self.workload("hers")["pids"]) == 2)
        self.ok("stop", "hers", uid=ALICE)
        self.assertNotEqual(entered.wait(SOON_SECONDS), 0)
        self.wait_state("hers", "exited", "failed")

    @ROOT
    def test_a_service_that_drops_its_rights_stays_managed_and_is_ended(self):
        self.detached("service", "--memory", "16MiB", program=(PYTHON, "-c", USER, "drop"))
        eventually("it uses the device", lambda: "uses it" in self.ok("logs", "service").out)
        pid = self.workload("service")["pids"][0]
        time.sleep(6)  # longer than a newcomer's time
        self.assertEqual(self.flags("service"), [])
        self.assertFalse(self.unmanaged(pid))
        self.ok("stop", "service")
        self.wait_state("service", "exited", "failed")
        self.assertTrue(is_gone(pid))

    @ROOT
    def test_naming_anothers_grant_is_no_fault_of_hers(self):
        self.detached("hers", "--memory", "16MiB", uid=ALICE)
        folder = self.workload("hers")["folder"]
        home = self.machine.environment_for(BOB)
        his = self.user_of_device(env={**home, "MELON_GRANT": folder}, user=BOB, group=BOB,
                                  extra_groups=[])
        found = eventually("his process is reported", lambda: self.unmanaged(his.pid))
        self.assertIsNone(found[0]["grant"])
        self.assertEqual(self.flags("hers"), [])

    @ROOT
    def test_the_limit_that_ended_it_is_its_reason(self):
        self.detached("old", "--memory", "16MiB", uid=BOB)
        self.assertIn("older", self.wait_state("old", "failed")["reason"])


if __name__ == "__main__":
    unittest.main()
