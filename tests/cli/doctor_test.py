# SPDX-License-Identifier: Apache-2.0
"""Findings of `melon doctor` on daemons, tenants and state: each fault is caused, its remedy executed."""
import http.server
import json
import os
import pathlib
import re
import signal
import socketserver
import subprocess
import threading
import time
import unittest

from doctor_under_test import DoctorTest, mount, setUpModule  # noqa: F401
from melon_under_test import ALICE, BOB, MELON, PYTHON, TENANT, eventually


# Says in the only arena page that its grant has, over and over, that it is busy for another second.
LIAR = """
import glob, os, struct, sys, time
page = glob.glob(sys.argv[1] + "/*/" + os.path.basename(os.environ["MELON_GRANT"]))[0]
BUSY_UNTIL = 40
while True:
    with open(page, "r+b") as file:
        file.seek(BUSY_UNTIL)
        file.write(struct.pack("=Q", time.clock_gettime_ns(time.CLOCK_MONOTONIC) + 10**9))
    time.sleep(0.3)
"""


class NothingWrong(DoctorTest):
    def test_a_sound_machine_has_no_findings(self):
        self.machine.up()
        self.assertEqual(self.findings(), {})
        done = self.machine.melon("doctor", "-o", "json")
        self.assertEqual((done.code, [each for each in done.json if self.is_ours(each)]), (0, []))

    def test_it_says_what_it_found(self):
        self.machine.up()
        said = dict(line.split(maxsplit=1) for line in self.machine.melon("doctor").out.splitlines()
                    if re.match(r"\w+ +\S", line))
        self.assertIn("a daemon answers", said["socket"])
        self.assertIn(f"process {self.machine.call('GET', '/v1/version').json['pid']} ", said["daemon"])
        self.assertEqual(said["state"], str(self.machine.state))
        self.assertIn("opencl-0: ", said["device"])
        self.assertIn(", healthy, enforcement shim", said["device"])
        for what, part in (("library", "/libmelon.so"), ("loader", "/libOpenCL.so.1"), ("driver", "/pocl.icd")):
            self.assertIn(part, said[what])
            self.assertTrue(os.path.exists(said[what]), said[what])


class EveryFinding(unittest.TestCase):
    def test_has_a_test_that_causes_it_and_mends_it_as_its_row_says(self):
        page = subprocess.run([MELON, "reference", "findings"], capture_output=True, text=True, check=True).stdout
        rows = dict(re.findall(r"^\| `(\w+)` .* \| (.+) \|$", page, re.MULTILINE))
        self.assertTrue(rows)
        here = pathlib.Path(__file__).parent
        tests = "".join((here / name).read_text() for name in ("doctor_test.py", "doctor_devices_test.py"))
        executed = set(re.findall(r'\.(?:mended|mended_in_shell)\("(\w+)"', tests))
        by_hand = set(re.findall(r'\.mended_by_hand\("(\w+)"', tests))
        self.assertEqual(executed, {code for code, remedy in rows.items() if remedy.startswith("`")})
        self.assertEqual(by_hand, {code for code, remedy in rows.items() if not remedy.startswith("`")})


class Daemons(DoctorTest):
    def tearDown(self):
        self.shell("melon down --stop-all")

    def test_no_daemon(self):
        self.assertEqual(self.machine.melon("doctor").code, 1)
        os.makedirs(self.machine.state)
        self.mended("no_daemon")

    def test_a_dead_daemons_socket(self):
        self.machine.up()
        os.kill(self.machine.melon("version", "-o", "json").json["daemon"]["pid"], 9)
        self.mended("socket_dead")
        self.assertEqual(self.machine.melon("version", "-o", "json").json["daemon"]["state_folder"],
                         str(self.machine.state))

    def test_a_daemon_is_started_again_as_it_was(self):
        """With its configuration, wherever its socket is, after a kill and after an orderly end."""
        self.machine.config.write_text(self.machine.config.read_text() + "overcommit_memory: 200%\n")
        elsewhere = self.machine.folder / "run"
        elsewhere.mkdir()
        self.machine.socket = str(elsewhere / "own.sock")
        self.machine.up()

        def memory():
            return self.machine.melon("devices", "-o", "json").json[0]["free_memory_mib"]
        before = memory()
        os.kill(self.machine.melon("version", "-o", "json").json["daemon"]["pid"], 9)
        self.mended("socket_dead")
        self.assertEqual(memory(), before)
        self.machine.melon("down")
        self.mended("no_daemon")
        self.assertEqual(memory(), before)
        # What somebody else left there makes no command for root.
        self.machine.melon("down")
        for note in (self.machine.state / "start.json", elsewhere / "own.sock.start.json"):
            self.assertIn(str(self.machine.config), note.read_text())
            os.chown(note, ALICE, ALICE)
        self.assertNotIn(str(self.machine.config), self.found("no_daemon")["remedy"])

    def test_a_daemon_that_was_stopped(self):
        self.machine.up()
        pid = self.machine.melon("version", "-o", "json").json["daemon"]["pid"]
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        finding = self.found("daemon_stopped")
        self.assertIn(str(pid), finding["message"])
        self.assertNotIn("socket_dead", self.findings())
        second = self.machine.melon("up", "--detach", "--state", str(self.machine.state))
        self.assertEqual(second.code, 4, str(second))
        for text in (f"process {pid}", "does not answer", "melon doctor"):
            self.assertIn(text, second.err)
        self.mended("daemon_stopped")

    def test_a_daemon_that_does_not_answer(self):
        os.makedirs(self.machine.state)
        program = "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); time.sleep(1000)"
        mute = subprocess.Popen([PYTHON, "-c", program, self.machine.socket])
        self.addCleanup(mute.wait)
        self.addCleanup(mute.kill)
        eventually("it listens", lambda: os.path.exists(self.machine.socket))
        self.mended("daemon_silent")

    def test_a_socket_of_somebody_else(self):
        self.machine.up()
        os.chmod(self.machine.socket, 0o600)
        runtime = self.machine.folder / "runtime"
        runtime.mkdir()
        os.chown(runtime, ALICE, ALICE)
        own = {"uid": ALICE, "XDG_RUNTIME_DIR": str(runtime), "XDG_STATE_HOME": str(runtime)}
        self.mended_in_shell("socket_denied", **own)
        self.shell("unset MELON_SOCKET; melon down", **own)

    def test_another_version(self):
        class Old(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                answer = {"/v1/version": {"version": "0.0.1", "api": "v1"}, "/v1/findings": []}
                body = json.dumps(answer.get(self.path, {"status": "ok"})).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()
                os.unlink(self.server.server_address)
                threading.Thread(target=self.server.shutdown).start()

            def log_message(self, *words):
                pass

        os.makedirs(self.machine.state)
        with socketserver.ThreadingUnixStreamServer(self.machine.socket, Old) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.mended("version_differs")

    def test_a_user_daemon(self):
        runtime = self.machine.folder / "runtime"
        runtime.mkdir()
        os.chown(runtime, ALICE, ALICE)
        own = {"uid": ALICE, "XDG_RUNTIME_DIR": str(runtime), "XDG_STATE_HOME": str(runtime), "MELON_SOCKET": ""}
        self.assertEqual(self.shell("melon up --detach", **own).returncode, 0)
        orders, done = self.machine.folder / "orders", self.machine.folder / "done"
        for pipe in (orders, done):
            os.mkfifo(pipe)
            os.chmod(pipe, 0o666)
        self.stand_in("sudo", f'echo "$@" > {orders}; read done < {done}')

        def administrator():
            order = orders.read_text().strip()
            assert order == "systemctl start melon", order
            self.shell("melon up --detach", MELON_SOCKET="")
            done.write_text("done\n")
        threading.Thread(target=administrator, daemon=True).start()
        self.mended("user_daemon", **own)
        self.shell("melon down", MELON_SOCKET="")


class Tenants(DoctorTest):
    def setUp(self):
        super().setUp()
        self.machine.up()

    def outside_any_grant(self, **user):
        program = subprocess.Popen([PYTHON, "-c", TENANT, "1"], stdout=subprocess.PIPE, **user)
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        program.stdout.readline()
        threading.Thread(target=program.wait, daemon=True).start()
        return program

    def test_a_process_outside_any_grant(self):
        self.unmanaged = f"process {self.outside_any_grant().pid} "
        self.mended("unmanaged_process")

    def test_a_process_of_another_user_outside_any_grant(self):
        program = self.outside_any_grant(user=BOB, group=BOB, extra_groups=[], cwd="/",
                                         env=self.machine.environment_for(BOB))
        self.unmanaged = f" of {BOB} "
        self.mended_by_hand("unmanaged_process_of_another", program.kill, uid=ALICE)

    def test_a_broken_ledger(self):
        self.run_detached("victim", PYTHON, "-c", TENANT, "8")
        eventually("it holds memory", lambda: "holds" in self.machine.melon("logs", "victim").out)
        folder = self.machine.melon("ps", "-o", "json").json[0]["folder"]
        with open(folder + "/ledger", "r+b") as ledger:
            ledger.write(b"\xff" * 4096)
        self.mended("ledger_broken")

    def test_claims_that_cannot_be_true(self):
        self.run_detached("liar", PYTHON, "-c", LIAR, str(self.machine.state / "arena"))
        self.run_detached("honest", "sleep", "1000")
        self.mended("false_claims")
        self.assertEqual([g["name"] for g in self.machine.melon("ps", "-o", "json").json], ["honest"])

    def test_a_process_that_cannot_reach_its_ledger(self):
        self.assertEqual(self.machine.melon("run", "--name", "closed", "--memory", "16MiB", "--detach", "--keep",
                                            "10m", uid=ALICE).code, 0)
        os.chmod(self.machine.melon("ps", "-o", "json").json[0]["folder"] + "/ledger", 0)
        program = self.machine.popen("exec", "closed", "--", PYTHON, "-uc", TENANT, "8", "12", uid=ALICE,
                                     stdout=subprocess.PIPE)
        self.addCleanup(program.communicate)
        self.assertEqual(program.stdout.readline(), "holds 8\n")
        self.assertIn("refused 12", program.stdout.readline())  # the limit holds all the same
        self.mended("private_ledger")


class State(DoctorTest):
    def small_disk(self):
        disk = self.machine.state
        disk.mkdir()
        mount("-t", "tmpfs", "-o", "size=130m", "none", str(disk))
        self.addCleanup(subprocess.run, ["umount", str(disk)])
        self.addCleanup(self.machine.melon, "down", "--stop-all")
        self.machine.up()
        gate = self.machine.folder / "gate"
        self.run_detached("writer", "sh", "-c", f"while [ ! -e {gate} ]; do sleep 0.1; done")
        return pathlib.Path(self.machine.melon("ps", "-o", "json").json[0]["folder"]) / "private", gate

    @staticmethod
    def keep_full(log):
        """Takes what its file system has left, also what others free, until the log is deleted."""
        log.touch()
        while log.exists():
            try:
                with open(os.open(log, os.O_WRONLY | os.O_APPEND), "wb", buffering=0) as filler:
                    while filler.write(bytes(4096)) == 4096:
                        pass
            except OSError:
                time.sleep(0.01)

    def test_little_space(self):
        private, _ = self.small_disk()
        self.assertNotIn("disk_low", self.findings())
        (private / "output.log.1").write_bytes(bytes(50 << 20))
        self.mended("disk_low")

    def test_no_space(self):
        private, gate = self.small_disk()
        filling = threading.Thread(target=self.keep_full, args=(private / "output.log.2",))
        filling.start()
        self.addCleanup(filling.join)
        eventually("the disk is full", lambda: os.statvfs(private).f_bavail == 0)
        gate.touch()
        self.mended("state_not_saved")
        filling.join()
        eventually("its end is stored", lambda: self.machine.melon("ps", "-o", "json").json == [])

    def test_a_clock_that_was_set_back(self):
        self.machine.up()
        self.machine.melon("down")
        database = self.machine.state / "melon.db"

        def moved(milliseconds):
            return (f"import sqlite3; store = sqlite3.connect('{database}'); "
                    f"store.execute('UPDATE events SET unix_ms = unix_ms + {milliseconds}'); store.commit()")
        subprocess.run([PYTHON, "-c", moved(3_600_000)], check=True)
        self.machine.up()
        # Instead of the clock, what is stored goes to where it belongs, once nobody has it open.
        mended = self.machine.folder / "mended"
        self.stand_in("timedatectl", f'[ "$*" = "set-ntp true" ]; touch {mended}')
        self.stand_in("melon", f'if [ "$1" = up ] && [ -e {mended} ]; then {PYTHON} -c "{moved(-3_600_000)}"; fi\n'
                               f'exec {MELON} "$@"')
        self.mended("clock_behind")


if __name__ == "__main__":
    unittest.main()
