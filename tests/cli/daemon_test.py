# SPDX-License-Identifier: Apache-2.0
"""`melon up` and `melon down`, several daemons, and several users of one."""
import os
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile
import unittest

from melon_under_test import ALICE, BOB, MELON, PYTHON, SOON_SECONDS, TENANT, Machine, MelonTest, eventually


class Life(unittest.TestCase):
    def machine(self, **options):
        machine = Machine(**options)
        self.addCleanup(machine.remove)
        return machine

    def refused(self, machine, code, *words, says=()):
        ended = machine.melon("up", "--detach", *words)
        self.assertEqual(ended.code, code, str(ended))
        for text in says:
            self.assertIn(text, ended.err)

    def test_programs_outlive_the_daemon_and_are_adopted(self):
        machine = self.machine().up()
        run = ("run", "--name", "t", "--memory", "64MiB", "--detach", "--", PYTHON, "-c", TENANT, "48")
        self.assertEqual(machine.melon(*run).code, 0)
        eventually("it holds memory", lambda: "holds" in machine.melon("logs", "t").out)
        before = machine.melon("ps", "-o", "json").json[0]
        ended = machine.melon("down")
        self.assertEqual(ended.code, 0, str(ended))
        self.assertEqual(machine.melon("ps").code, 5)
        os.kill(before["pids"][0], 0)  # it lives
        machine.up()
        after = machine.melon("ps", "-o", "json").json[0]
        for key in ("name", "id", "state", "owner", "pids", "created"):
            self.assertEqual(after[key], before[key])
        second = machine.melon("exec", "t", "--", "timeout", "5", PYTHON, "-uc", TENANT, "17", "8")
        self.assertIn("refused 17", second.out)
        self.assertIn("holds 8", second.out)
        self.assertEqual(machine.melon("set", "t", "--memory", "80MiB").code, 0)
        self.assertEqual(machine.melon("stop", "t").code, 0)

    def test_an_end_while_no_daemon_is_there_is_known_afterwards(self):
        machine = self.machine().up()
        gate = pathlib.Path(machine.folder) / "gate"
        script = f"while [ ! -e {gate} ]; do sleep 0.05; done; exit 6"
        machine.melon("run", "--name", "t", "--memory", "1MiB", "--detach", "--", "sh", "-c", script)
        pid = machine.melon("ps", "-o", "json").json[0]["pids"][0]
        machine.melon("down")
        gate.touch()
        eventually("it ended", lambda: not pathlib.Path(f"/proc/{pid}").exists())
        machine.up()
        ended = lambda: [(w["state"], w["exit_code"]) for w in machine.melon("ps", "-a", "-o", "json").json]
        eventually("its end is known", lambda: ended() == [("failed", 6)])

    def test_down_can_end_everything(self):
        machine = self.machine().up()
        machine.melon("run", "--name", "t", "--memory", "1MiB", "--detach", "--", "sleep", "1000")
        pid = machine.melon("ps", "-o", "json").json[0]["pids"][0]
        self.assertEqual(machine.melon("down", "--stop-all").code, 0)
        eventually("it ended", lambda: not pathlib.Path(f"/proc/{pid}").exists())

    def test_down_ends_many_grants_without_a_process(self):
        machine = self.machine().up()
        for number in range(150):
            answer = machine.call("POST", "/v1/grants", {"name": f"g-{number}", "memory": "1MiB",
                                                         "keep_seconds": 3600})
            self.assertEqual(answer.status, 201, answer.text)
        ended = machine.melon("down", "--stop-all")
        self.assertEqual(ended.code, 0, str(ended))
        machine.up()
        self.assertEqual(machine.melon("ps", "-o", "json").json, [])

    def test_a_daemon_that_is_not_ready_in_time_is_ended_and_said(self):
        drivers = tempfile.TemporaryDirectory(prefix="melon-drivers-")
        self.addCleanup(drivers.cleanup)
        hanging = pathlib.Path(drivers.name, "hanging.icd")
        hanging.write_text(os.environ["MELON_FAULTY_DRIVERS"] + "/libfaulty_driver_hang.so\n")
        machine = self.machine(environment={"OCL_ICD_VENDORS": drivers.name})
        ended = machine.melon("up", "--detach", "--state", str(machine.state), "--config", str(machine.config),
                              "--timeout", "1s")
        self.assertEqual(ended.code, 1, str(ended))
        self.assertIn("not ready within 1s", ended.err)
        hanging.unlink()
        machine.up()  # nothing of the first is left that holds the state folder

    def test_a_second_daemon_on_the_state_folder_names_the_first(self):
        machine = self.machine().up()
        pid = machine.melon("version", "-o", "json").json["daemon"]["pid"]
        self.refused(machine, 4, "--state", str(machine.state), "--config", str(machine.config),
                     "--socket", f"{machine.folder}/other.sock", says=[f"pid {pid}"])

    def test_every_command_without_a_daemon_says_so(self):
        machine = self.machine()
        for words in (["ps"], ["devices"], ["top", "--once"], ["down"], ["events"], ["stop", "x"],
                      ["suspend", "x"], ["resume", "x"], ["wait", "x"], ["explain", "x"], ["logs", "x"],
                      ["env", "x"], ["set", "x", "--compute", "5%"], ["run", "--dry-run"]):
            ended = machine.melon(*words)
            self.assertEqual(ended.code, 5, f"{words}: {ended}")
            self.assertIn("melon up --detach", ended.err)
        for words in (["run", "--", "true"], ["exec", "x", "--", "true"]):
            self.assertEqual(machine.melon(*words).code, 125)
        self.assertEqual(machine.melon("version").code, 0)
        self.assertEqual(machine.melon("doctor").code, 1)

    def test_vendors_are_known_without_a_daemon(self):
        machine = self.machine()
        listed = machine.melon("vendors", "list", "-o", "json")
        self.assertEqual(listed.code, 0, str(listed))
        self.assertIn("no daemon answers", listed.err)
        self.assertLessEqual({"opencl", "nvidia", "ascend"}, {vendor["id"] for vendor in listed.json})
        shown = machine.melon("vendors", "show", "nvidia", "-o", "json")
        self.assertEqual(shown.json["name"], "NVIDIA GPUs")
        self.assertIn("'nobody'", machine.melon("vendors", "show", "nobody").err)
        folder = os.path.join(os.path.dirname(__file__), "..", "data", "vendors")
        beside = machine.melon("vendors", "list", "--vendors", folder)
        self.assertEqual((beside.code, beside.err), (0, ""))
        self.assertIn("acme", beside.out)

    def test_two_daemons(self):
        machine = self.machine().up()
        known = ("--state", str(machine.state), "--config", str(machine.config))
        pid = machine.melon("version", "-o", "json").json["daemon"]["pid"]
        self.refused(machine, 4, *known, says=["answers", f"process {pid}"])
        other = ("--state", str(machine.folder / "other"), "--socket", str(machine.folder / "other.sock"))
        self.refused(machine, 4, "--state", str(machine.state), "--config", str(machine.config), "--socket",
                     str(machine.folder / "other.sock"), says=[str(machine.state), "another daemon"])
        started = machine.melon("up", "--detach", "--config", str(machine.config), *other)
        self.assertEqual(started.code, 0, str(started))
        self.addCleanup(machine.melon, "down", *other[2:])
        device = machine.melon("devices", "-o", "json", *other[2:]).json[0]
        self.assertEqual(device["health"], "held")
        self.assertIn(str(machine.state), device["health_reason"])
        ended = machine.melon("run", "--memory", "1MiB", *other[2:], "--", "true")
        self.assertEqual(ended.code, 125)
        self.assertIn("held", ended.err)
        machine.melon("down")
        eventually("the device is free for the other", lambda: machine.melon(
            "devices", "-o", "json", *other[2:]).json[0]["health"] == "healthy")

    def test_wrong_options_are_refused_with_a_reason(self):
        machine = self.machine()
        config, state = str(machine.config), ("--state", str(machine.state))
        self.refused(machine, 3, "--config", "/no/such/file", says=["/no/such/file"])
        bad = pathlib.Path(machine.folder) / "bad.yaml"
        bad.write_text("memory: lots\n")
        self.refused(machine, 2, "--config", str(bad), *state, says=["bad.yaml:1", "'memory'"])
        self.refused(machine, 1, "--config", config, "--state", "/proc/no", says=["/proc/no"])
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            ended = machine.melon("up", "--detach", "--config", config, *state, "--metrics", address)
            self.assertNotEqual(ended.code, 0)
            self.assertIn(address, ended.err)

    def test_metrics_on_tcp(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.machine().up("--metrics", address)
        import urllib.request
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=SOON_SECONDS) as answer:
            self.assertIn(b"melon_", answer.read())

    def test_a_daemon_in_the_foreground_ends_with_its_terminal(self):
        machine = self.machine()
        daemon = machine.popen("up", "--state", str(machine.state), "--config", str(machine.config))
        eventually("it answers", lambda: machine.melon("ps").code == 0)
        daemon.send_signal(signal.SIGINT)
        self.assertEqual(daemon.wait(SOON_SECONDS), 0)

    def test_a_daemon_in_the_background_keeps_nothing_of_its_caller(self):
        machine = self.machine()
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        up = machine.popen("up", "--detach", "--state", str(machine.state), "--config", str(machine.config),
                           pass_fds=[writer], stdout=subprocess.PIPE)
        self.assertIn("ready on", up.communicate(timeout=SOON_SECONDS)[0])
        os.close(writer)
        self.assertEqual(os.read(reader, 1), b"")  # nobody else holds the other end
        os.close(reader)


@unittest.skipUnless(os.geteuid() == 0, "needs root to act as two users")
class TwoUsers(MelonTest):
    CONFIG = "limits: {memory: 64MiB, priority: normal}\n"

    def setUp(self):
        super().setUp()
        self.detached("hers", "--memory", "16MiB", program=("sh", "-c", "echo secret; exec sleep 1000"), uid=ALICE)

    def test_the_program_runs_as_its_user(self):
        pid = self.workload("hers")["pids"][0]
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        self.assertIn(f"Uid:\t{ALICE}\t{ALICE}\t{ALICE}\t{ALICE}", status)
        self.assertIn(f"Gid:\t{ALICE}", status)

    def test_a_detached_program_keeps_its_callers_groups_and_bounds(self):
        def become_alice():
            os.setgroups([ALICE + 100, ALICE + 200])
            os.setgid(ALICE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 128))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 4096))
            os.umask(0o027)
            os.setuid(ALICE)
        environment = self.machine.environment_for(ALICE)
        for words in (["--detach"], []):
            name = f"bounded{len(words)}"
            program = subprocess.Popen([MELON, "run", "--name", name, "--memory", "1MiB", *words, "--", "sleep", "1000"],
                                       env=environment, cwd="/", preexec_fn=become_alice, stdout=subprocess.DEVNULL)
            self.addCleanup(program.wait, SOON_SECONDS)
            self.addCleanup(program.kill)
            pid = self.wait_state(name, "running")["pids"][0]
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            self.assertRegex(status, rf"Groups:\t{ALICE + 100} {ALICE + 200} ?\n")
            self.assertIn(f"Gid:\t{ALICE}\t{ALICE}\t{ALICE}\t{ALICE}\n", status)
            self.assertIn("Umask:\t0027\n", status)
            bounds = pathlib.Path(f"/proc/{pid}/limits").read_text()
            self.assertRegex(bounds, r"Max open files +64 +128 ")
            self.assertRegex(bounds, r"Max core file size +0 +4096 ")

    def test_the_other_sees_that_it_is_there_and_no_more(self):
        seen = self.ok("ps", "-o", "json", uid=BOB).json[0]
        self.assertEqual((seen["name"], seen["slices"][0]["memory_mib"]), ("hers", 16))
        self.assertIsNone(seen["pids"])
        for private in ("arguments", "folder"):
            self.assertIsNone(seen.get(private))
        for format in ("table", "wide"):
            self.assertNotIn("secret", self.ok("ps", "-o", format, uid=BOB).out)
        self.assertIn("hers", self.ok("top", "--once", uid=BOB).out)
        self.assertIn("hers", self.ok("explain", "hers", uid=BOB).out)

    def test_the_other_changes_nothing(self):
        before = self.workload("hers")
        for words in (["set", "hers", "--memory", "1MiB"], ["suspend", "hers"], ["resume", "hers"],
                      ["stop", "hers"], ["stop", "hers", "--force"], ["logs", "hers"], ["env", "hers"],
                      ["down"], ["down", "--stop-all"]):
            self.fails(1, *words, uid=BOB)
        self.fails(125, "exec", "hers", "--", "true", uid=BOB, says=["hers"])
        private = pathlib.Path(before["folder"]) / "private" / "output.log"
        peek = subprocess.run(["cat", private], user=BOB, group=BOB, extra_groups=[], capture_output=True)
        self.assertNotEqual(peek.returncode, 0)
        after = self.workload("hers")
        self.assertEqual((after["state"], after["pids"]), (before["state"], before["pids"]))

    def test_owner_and_root_may(self):
        self.eventually("it wrote", lambda: self.ok("logs", "hers", uid=ALICE).out == "secret\n")
        self.assertEqual(self.ok("logs", "hers").out, "secret\n")
        self.ok("set", "hers", "--memory", "8MiB", uid=ALICE)
        self.ok("suspend", "hers")
        self.ok("resume", "hers", uid=ALICE)
        self.ok("stop", "hers", uid=ALICE)

    def test_limits_of_users(self):
        small = ("run", "--memory", "1MiB")
        self.fails(125, "run", "--memory", "64MiB", "--", "true", uid=ALICE, says=["64 MiB"])
        self.fails(125, *small, "--priority", "high", "--", "true", uid=ALICE, says=["high"])
        self.ok(*small, "--priority", "high", "--", "true")

    def test_a_users_own_daemon_is_closed_to_others(self):
        folder = pathlib.Path(self.machine.folder) / "own"
        folder.mkdir()
        os.chown(folder, ALICE, ALICE)
        runtime = {"XDG_RUNTIME_DIR": str(folder), "XDG_STATE_HOME": str(folder), "MELON_SOCKET": ""}
        self.ok("up", "--detach", "--config", str(self.machine.config), uid=ALICE, environment=runtime)
        self.addCleanup(self.melon, "down", uid=ALICE, environment=runtime)
        self.assertEqual((folder / "melon" / "melon.sock").stat().st_mode & 0o777, 0o600)
        self.ok("ps", uid=ALICE, environment=runtime)
        os.chmod(folder, 0o755)
        self.fails(1, "ps", "--socket", str(folder / "melon" / "melon.sock"), uid=BOB, says=["another user"])


if __name__ == "__main__":
    unittest.main()
