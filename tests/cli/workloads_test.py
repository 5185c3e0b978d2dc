# SPDX-License-Identifier: Apache-2.0
"""What can be done with a workload while it runs and after."""
import pathlib
import signal
import subprocess
import unittest

from melon_under_test import SOON_SECONDS, MelonTest

WORKLOAD_KEYS = ["name", "id", "state", "owner", "pids", "slices", "created", "exit_code"]
SLICE_KEYS = ["device", "memory_mib", "compute_permille", "share", "weight", "priority",
              "used_memory_mib", "used_compute_permille"]
DEVICE_KEYS = ["id", "vendor", "type", "index", "health", "memory_mib", "free_memory_mib",
               "compute_permille", "free_compute_permille", "used_memory_mib", "utilization_permille",
               "grants"]


class Shown(MelonTest):
    def test_devices(self):
        self.detached("one", "--memory", "64MiB", "--compute", "25%")
        device = self.device()
        self.assertEqual(list(device)[:len(DEVICE_KEYS)], DEVICE_KEYS)
        self.assertEqual(device["grants"], ["one"])
        self.assertEqual(device["memory_mib"] - device["free_memory_mib"], 64)
        self.assertEqual(device["free_compute_permille"], 750)
        self.assertIn("opencl-0", self.ok("devices").out)

    def test_ps(self):
        self.detached("one", "--memory", "64MiB", "--compute", "25%", "--priority", "high")
        workload = self.workload("one")
        self.assertEqual(list(workload)[:len(WORKLOAD_KEYS)], WORKLOAD_KEYS)
        self.assertLessEqual(set(SLICE_KEYS), set(workload["slices"][0]))
        self.assertEqual({k: workload["slices"][0][k] for k in SLICE_KEYS[:6]},
                         {"device": "opencl-0", "memory_mib": 64, "compute_permille": 250, "share": "hard",
                          "weight": 100, "priority": "high"})
        self.assertEqual((workload["state"], workload["exit_code"]), ("running", None))
        self.assertEqual(pathlib.Path(f"/proc/{workload['pids'][0]}/comm").read_text(), "sleep\n")
        table = self.ok("ps").out.splitlines()
        self.assertEqual(table[0].split()[:3], ["NAME", "STATE", "DEVICE"])
        self.assertEqual(len(table), 2)
        self.assertEqual(len(self.ok("ps", "--no-headers").out.splitlines()), 1)
        self.assertIn("COMMAND", self.ok("ps", "-o", "wide").out)

    def test_yaml_is_json_in_other_words(self):
        self.detached("one", "--memory", "64MiB")
        try:
            import yaml
        except ImportError:
            self.skipTest("SKIPPED: no python3-yaml")
        for command in (["devices"], ["ps", "-a"], ["vendors"], ["vendors", "show", "nvidia"], ["version"],
                        ["env", "one"], ["explain", "one"]):
            said = yaml.safe_load(self.ok(*command, "-o", "yaml").out)
            told = self.ok(*command, "-o", "json").json
            if command[0] in ("devices", "ps"):  # samples move on
                said, told = [w["id"] for w in said], [w["id"] for w in told]
            self.assertEqual(said, told, command)

    def test_ended_ones_are_shown_when_asked_for(self):
        self.melon("run", "--name", "over", "--memory", "1MiB", "--", "sh", "-c", "exit 3")
        self.assertNotIn("over", self.ok("ps").out)
        self.assertIn("over", self.ok("ps", "-a").out)
        workload = self.workload("over")
        self.assertEqual((workload["state"], workload["exit_code"]), ("failed", 3))

    def test_events_tell_a_life(self):
        self.detached("told", "--memory", "1MiB")
        self.ok("set", "told", "--memory", "2MiB")
        self.ok("stop", "told")
        events = [e for e in self.ok("events", "-o", "json").json if e["grant"] == "told"]
        self.assertEqual([e["kind"] for e in events], ["grant_reserved", "process_started", "grant_changed", "grant_stopping",
                                 "grant_exited"])
        said = {e["kind"]: e["message"] for e in events}
        self.assertEqual(said["grant_changed"], "2 MiB of opencl-0, weight 100; priority normal")
        self.assertEqual(said["grant_exited"], "stopped as asked")

    def test_an_end_by_itself_is_told_with_its_status(self):
        self.melon("run", "--name", "brief", "--memory", "1MiB", "--", "true")
        ends = [e["message"] for e in self.ok("events", "-o", "json").json if e["kind"] == "grant_exited"]
        self.assertEqual(ends, ["exit status 0"])

    def test_explain_says_where_and_why(self):
        self.detached("one", "--memory", "64MiB", "--compute", "25%")
        self.assertIn("opencl-0: 64 MiB, compute booked 25%", self.ok("explain", "one").out)
        answer = self.ok("explain", "one", "-o", "json").json
        self.assertEqual((answer["name"], answer["state"]), ("one", "running"))


class Changed(MelonTest):
    def test_set_reaches_a_running_program(self):
        lines = self.tenant("t", "--memory", "32MiB", mib=(24, 16))
        self.assertIn("refused 16", lines[1])
        self.ok("set", "t", "--memory", "40MiB", "--compute", "30%", "--share", "hard", "--priority", "low")
        now = self.workload("t")["slices"][0]
        self.assertEqual((now["memory_mib"], now["compute_permille"], now["share"], now["priority"]),
                         (40, 300, "hard", "low"))
        ended = self.ok("exec", "t", "--", "clinfo", "--prop", "CL_DEVICE_GLOBAL_MEM_SIZE")
        self.assertIn(str(40 << 20), ended.out)

    def test_memory_below_what_is_used_is_accepted_and_shown(self):
        self.tenant("t", "--memory", "32MiB", mib=(24,))
        self.eventually("use is seen", lambda: self.workload("t")["slices"][0]["used_memory_mib"] == 24)
        ended = self.ok("set", "t", "--memory", "8MiB")
        self.assertIn("new allocations are refused", ended.err)
        now = self.workload("t")["slices"][0]
        self.assertEqual((now["memory_mib"], now["used_memory_mib"]), (8, 24))

    def test_set_refuses_what_does_not_fit_or_means_nothing(self):
        self.detached("one", "--memory", "1MiB")
        total = self.device()["memory_mib"]
        self.fails(4, "set", "one", "--memory", f"{total + 1}MiB")
        self.fails(2, "set", "one", says=["--compute 50%"])
        self.fails(2, "set", "one", "--compute", "50", says=["write 50%"])
        self.fails(2, "set", "one", "--memory", "0", says=["'0'"])
        self.ok("stop", "one")
        self.fails(4, "set", "one", "--memory", "2MiB", says=["over"])

    def test_suspend_and_resume(self):
        self.detached("one", "--memory", "1MiB")
        for command, state in (("suspend", "suspended"), ("suspend", "suspended"), ("resume", "running")):
            self.ok(command, "one")
            self.assertEqual(self.workload("one")["state"], state)
        self.ok("stop", "one")
        self.fails(4, "suspend", "one", says=["exited", "only a running one"])

    def test_stop_asks_first_and_insists_after_the_grace(self):
        self.detached("kind", "--memory", "1MiB")
        self.assertEqual(self.ok("stop", "kind").out, "kind stopped\n")
        ended = self.workload("kind")
        self.assertEqual((ended["state"], ended["exit_code"]), ("exited", 128 + signal.SIGTERM))
        self.assertEqual(self.melon("wait", "kind").code, 1)
        self.assertIn("ended before", self.ok("stop", "kind").out)
        deaf = ("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done")
        for name, words in (("deaf", ("--grace", "1s")), ("deafer", ("--force",))):
            self.detached(name, "--memory", "1MiB", program=deaf)
            self.eventually("it is deaf", lambda name=name: "deaf" in self.melon("logs", name).out)
            self.ok("stop", name, *words)
            ended = self.workload(name)
            self.assertEqual((ended["state"], ended["exit_code"]), ("exited", 128 + signal.SIGKILL))
        self.fails(2, "stop", "kind", "--grace", "soon", says=["'soon'"])
        self.fails(2, "stop", "kind", "--grace", "61m", says=["--grace '61m'", "1h"])

    def test_stop_reaches_what_a_script_left_in_the_background(self):
        pids = pathlib.Path(self.machine.folder) / "pids"
        children = (f"sleep 1000 & echo $! >> {pids}; (trap '' TERM; exec sleep 1001) & echo $! >> {pids}; "
                    f"setsid sleep 1002 & echo $! >> {pids}; ")
        bare = f"env -i sleep 1003 & echo $! >> {pids}; "  # known as long as its parent lives
        for name, script, count in (("waits", children + bare + "wait", 4), ("ended", f"({children}) & sleep 1004", 3)):
            pids.unlink(missing_ok=True)
            self.detached(name, "--memory", "1MiB", program=("sh", "-c", script))
            self.eventually("all of it runs", lambda: pids.exists() and len(pids.read_text().split()) == count)
            self.ok("stop", name, "--grace", "1s")
            for pid in pids.read_text().split():
                self.assertFalse(self.is_alive(pid), f"{name}: {pid} {self.command_of(pid)}")
            self.assertEqual(self.workload(name)["state"], "exited")

    def test_stop_leaves_the_programs_of_others_alone(self):
        self.detached("other", "--memory", "1MiB")
        inside = self.machine.popen("exec", "other", "--", "sleep", "1000")
        self.addCleanup(inside.communicate)
        self.detached("one", "--memory", "1MiB")
        self.eventually("it runs", lambda: len(self.workload("other")["pids"]) == 2)
        self.ok("stop", "one")
        self.assertEqual(self.workload("other")["state"], "running")
        self.assertIsNone(inside.poll())
        self.ok("stop", "other")

    def test_stop_ends_what_runs_in_front_too(self):
        script = "sleep 1000 & echo $!; wait"
        front = self.machine.popen("run", "--name", "front", "--memory", "1MiB", "--", "sh", "-c", script,
                                   stdout=subprocess.PIPE)
        child = front.stdout.readline().strip()
        self.ok("stop", "front")
        front.communicate(timeout=SOON_SECONDS)
        self.assertEqual(front.returncode, 128 + signal.SIGTERM)
        self.assertFalse(self.is_alive(child))

    @staticmethod
    def command_of(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return b""

    def is_alive(self, pid):
        return self.command_of(pid) != b""  # a zombie that nobody waits for has none

    def test_events_of_nobody(self):
        self.fails(3, "events", "nope", says=["'nope'"])
        self.fails(3, "events", "-f", "nope", says=["'nope'"])

    def test_a_request_that_was_stopped_while_it_waited_has_not_ended_well(self):
        self.detached("all")
        waiting = self.machine.popen("run", "--name", "later", "--wait", "--", "true", stderr=subprocess.PIPE)
        self.addCleanup(waiting.communicate)
        self.eventually("it waits", lambda: self.workload("later") is not None)
        self.fails(4, "env", "later", says=["melon explain later"])
        self.ok("stop", "later")
        self.assertEqual(self.melon("wait", "later").code, 1)

    def test_wait(self):
        self.detached("good", "--memory", "1MiB", program=("sleep", "0.2"))
        self.assertEqual(self.ok("wait", "good").out, "good exited 0\n")
        self.detached("bad", "--memory", "1MiB", program=("sh", "-c", "exit 9"))
        ended = self.melon("wait", "bad")
        self.assertEqual((ended.code, ended.out), (1, "bad failed 9\n"))
        self.detached("long", "--memory", "1MiB")
        self.fails(1, "wait", "long", "--timeout", "200ms", says=["still running"])

    def test_a_reserved_slice_waits_for_its_program_and_not_for_ever(self):
        self.assertEqual(self.ok("run", "--name", "box", "--memory", "24MiB", "--detach", "--keep", "10m").out,
                         "box\n")
        self.assertEqual(self.workload("box")["state"], "reserved")
        docker = self.ok("env", "box", "--docker").out.split()
        self.assertEqual(docker.count("--env"), 4)
        script = 'eval "$(melon env box)"; clinfo --prop CL_DEVICE_GLOBAL_MEM_SIZE'
        inside = subprocess.run(["sh", "-c", script], env=self.machine.environment_for(), text=True,
                                stdout=subprocess.PIPE, timeout=SOON_SECONDS, check=True)
        self.assertIn(str(24 << 20), inside.stdout)
        self.ok("run", "--name", "brief", "--memory", "1MiB", "--detach", "--keep", "1s")
        self.wait_state("brief", "exited", "failed", "lost")


class Logs(MelonTest):
    def test_output_of_a_detached_program(self):
        self.detached("one", "--memory", "1MiB",
                      program=("sh", "-c", "for i in 1 2 3; do echo line $i; done; echo wrong >&2; exit 2"))
        self.wait_state("one", "failed")
        self.assertEqual(self.ok("logs", "one").out, "line 1\nline 2\nline 3\nwrong\n")
        self.assertEqual(self.ok("logs", "--tail", "2", "one").out, "line 3\nwrong\n")
        self.fails(2, "logs", "--tail", "-1", "one", says=["-1"])
        self.fails(2, "logs", "--tail", "", "one", says=["--tail ''"])
        self.ok("run", "--name", "front", "--memory", "1MiB", "--", "true")
        self.fails(3, "logs", "front", says=["--detach"])

    def test_follow_shows_what_comes_until_the_end(self):
        gate = pathlib.Path(self.machine.folder) / "gate"
        self.detached("one", "--memory", "1MiB",
                      program=("sh", "-c", f"echo first; while [ ! -e {gate} ]; do sleep 0.05; done; echo last"))
        follower = self.machine.popen("logs", "-f", "one", stdout=subprocess.PIPE)
        self.assertEqual(follower.stdout.readline(), "first\n")
        gate.touch()
        self.assertEqual(follower.communicate(timeout=SOON_SECONDS)[0], "last\n")
        self.assertEqual(follower.returncode, 0)

    def test_old_output_makes_room(self):
        count = 4_000_000  # lines of 9 bytes: more than three files hold
        self.detached("loud", "--memory", "1MiB", program=("seq", "-w", "10000000", str(10000000 + count)))
        self.wait_state("loud", "exited")
        private = pathlib.Path(self.workload("loud")["folder"]) / "private"
        self.eventually("the last line is kept",
                        lambda: self.ok("logs", "--tail", "1", "loud").out == f"{10000000 + count}\n")
        files = [f for f in private.iterdir() if f.name.startswith("output.log")]
        self.assertEqual(len(files), 3)
        self.assertLessEqual(max(f.stat().st_size for f in files), 10 << 20)
        lines = self.ok("logs", "loud").out.splitlines()
        numbers = [int(line) for line in lines[1:]]  # the first may be cut
        self.assertEqual(numbers, list(range(numbers[0], 10000000 + count + 1)))
        for file in files:
            self.assertEqual(file.stat().st_mode & 0o077, 0)


if __name__ == "__main__":
    unittest.main()
