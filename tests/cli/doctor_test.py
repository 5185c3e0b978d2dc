# SPDX-License-Identifier: Apache-2.0
"""Each finding of `melon doctor`: its fault is caused, its remedy executed as printed, and it is gone.

The tests live in a mount namespace of their own, where faults of the machine harm nobody. What a
remedy asks of the machine's administrator (packages, services, the clock) is done by stand-ins on
PATH that undo the fault; everything else is executed for real."""
import ctypes
import http.server
import json
import os
import pathlib
import re
import shutil
import socketserver
import subprocess
import threading
import unittest

from melon_under_test import ALICE, IGNORED_LINE, MELON, POCL, PYTHON, SOON_SECONDS, TENANT, Machine, eventually

DRIVERS = "/etc/OpenCL/vendors"


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def setUpModule():
    if os.geteuid() != 0:
        raise unittest.SkipTest("SKIPPED: needs root to break a machine of its own")
    if ctypes.CDLL(None, use_errno=True).unshare(0x00020000) != 0:  # CLONE_NEWNS
        raise unittest.SkipTest("SKIPPED: no mount namespace can be made here")
    mount("--make-rprivate", "/")
    for folder in ("/run", "/var/lib"):
        mount("-t", "tmpfs", "-o", "mode=755", "none", folder)
    # The drivers' folder itself is what faults hide; of this machine's drivers only PoCL is in it.
    driver = pathlib.Path(POCL).read_text()
    mount("-t", "tmpfs", "-o", "mode=755", "none", DRIVERS)
    pathlib.Path(POCL).write_text(driver)
    os.chmod(POCL, 0o644)
    os.environ.pop("OCL_ICD_VENDORS", None)
    os.makedirs("/run/lock", exist_ok=True)
    os.chmod("/run/lock", 0o1777)


class DoctorTest(unittest.TestCase):
    unmanaged = None  # the pid of the test's own process outside any grant

    def setUp(self):
        self.machine = Machine()
        self.addCleanup(self.machine.remove)
        self.stand_ins = self.machine.folder / "bin"
        self.stand_ins.mkdir()
        self.stand_ins.chmod(0o755)

    def stand_in(self, name, script):
        path = self.stand_ins / name
        path.write_text("#!/bin/sh\nset -e\n" + script)
        path.chmod(0o755)

    def shell(self, script, uid=None, **variables):
        environment = {**self.machine.environment_for(uid), **variables}
        environment["PATH"] = f"{self.stand_ins}:{environment['PATH']}"
        user = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
        return subprocess.run(["bash", "-c", script], env=environment, text=True, capture_output=True, cwd="/",
                              timeout=SOON_SECONDS * 2, **user)

    def findings(self, before="true", **options):
        done = self.shell(f"{before}\nmelon doctor -o json", **options)
        try:
            return {finding["code"]: finding for finding in json.loads(done.stdout) if self.is_ours(finding)}
        except json.JSONDecodeError:
            raise AssertionError(done.stdout + done.stderr)

    def is_ours(self, finding):
        """Other programs of this machine may be on the device; they are left alone."""
        return finding["code"] != "unmanaged_process" or f"process {self.unmanaged} " in finding["message"]

    def found(self, code, **options):
        finding = eventually(f"{code} is found", lambda: self.findings(**options).get(code))
        for word in ("severity", "message", "meaning", "remedy"):
            self.assertTrue(finding[word], finding)
        self.assertIn(f"[{code}]", self.shell("melon doctor", **options).stdout)
        return finding

    def mended(self, code, **options):
        """The finding is there; its remedy, as printed, clears it."""
        remedy = self.found(code, **options)["remedy"]
        done = self.shell(remedy, **options)
        self.assertEqual(done.returncode, 0, f"{remedy}\n{done.stdout}{done.stderr}")
        eventually(f"{remedy} clears {code}", lambda: code not in self.findings(**options))

    def run_detached(self, name, *program, memory="16MiB"):
        ended = self.machine.melon("run", "--name", name, "--memory", memory, "--detach", "--", *program)
        self.assertEqual(ended.code, 0, str(ended))


class NothingWrong(DoctorTest):
    def test_a_sound_machine_has_no_findings(self):
        self.machine.up()
        self.assertEqual(self.findings(), {})
        self.assertEqual(self.machine.melon("doctor").code, 0)


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

    def test_a_socket_of_somebody_else(self):
        self.machine.up()
        os.chmod(self.machine.socket, 0o600)
        runtime = self.machine.folder / "runtime"
        runtime.mkdir()
        os.chown(runtime, ALICE, ALICE)
        own = {"uid": ALICE, "XDG_RUNTIME_DIR": str(runtime), "XDG_STATE_HOME": str(runtime)}
        remedy = self.found("socket_denied", **own)["remedy"]
        after = self.findings(before=f"{remedy.split('  #')[0]} >/dev/null", **own)
        self.assertNotIn("socket_denied", after)
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


class OpenCl(DoctorTest):
    def empty(self, folder):
        mount("-t", "tmpfs", "none", folder)
        self.addCleanup(subprocess.run, ["umount", folder], stderr=subprocess.DEVNULL)

    def test_no_device(self):
        self.empty(DRIVERS)
        self.machine.up()
        self.stand_in("apt-get", f'[ "$*" = "install -y --reinstall pocl-opencl-icd" ]; umount {DRIVERS}')
        self.mended("no_device")
        self.assertEqual(len(self.machine.melon("devices", "-o", "json").json), 1)

    def test_no_driver(self):
        self.machine.up()
        self.empty(DRIVERS)
        self.stand_in("apt-get", f'[ "$*" = "install -y --reinstall pocl-opencl-icd" ]; umount {DRIVERS}')
        self.mended("opencl_driver_missing")

    def test_a_variable_hides_the_drivers(self):
        self.machine.up()
        nowhere = {"OCL_ICD_VENDORS": str(self.stand_ins)}
        remedy = self.found("opencl_driver_missing", **nowhere)["remedy"]
        self.assertNotIn("opencl_driver_missing", self.findings(before=remedy, **nowhere))

    def test_no_loader(self):
        self.machine.up()
        listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
        loader = os.path.realpath(re.search(r"libOpenCL\.so\.1 .*=> (/\S+)", listed)[1])
        mount("--bind", "/dev/null", loader)
        self.addCleanup(subprocess.run, ["umount", loader], stderr=subprocess.DEVNULL)
        self.stand_in("apt-get", f'[ "$*" = "install -y --reinstall ocl-icd-libopencl1" ]; umount {loader}')
        self.mended("opencl_loader_missing")

    def test_a_device_that_another_daemon_holds(self):
        other = Machine()
        self.addCleanup(other.remove)
        other.config.write_text(self.machine.config.read_text())
        other.up()
        self.machine.up()
        self.assertNotIn("no_device", self.findings())
        self.mended("device_held")
        self.run_detached("mine", "sleep", "1000")

    def test_a_device_that_is_gone(self):
        self.machine.up()
        self.run_detached("bereft", "sleep", "1000")
        self.machine.melon("down")
        self.empty(DRIVERS)
        self.machine.up()
        self.mended("device_gone")

    def test_no_library(self):
        root = self.machine.folder / "installed"
        (root / "bin").mkdir(parents=True)
        shutil.copy(MELON, root / "bin" / "melon")
        (self.stand_ins / "melon").symlink_to(root / "bin" / "melon")
        done = self.shell(f"melon up --detach --state {self.machine.state} --config {self.machine.config}")
        self.assertEqual(done.returncode, 0, done.stderr)
        built = pathlib.Path(MELON).parent.parent / "shim" / "opencl" / "libmelon.so"
        self.stand_in("make", f'[ "$*" = install ]; mkdir -p {root}/lib/melon; cp {built} {root}/lib/melon/')
        refused = self.machine.melon("run", "--memory", "16MiB", "--", "true")
        self.assertEqual(refused.code, 125)
        self.assertIn("unenforced", refused.err)
        self.mended("library_missing")
        self.assertEqual(self.machine.melon("run", "--memory", "16MiB", "--", "true").code, 0)


class Unenforced(DoctorTest):
    def setUp(self):
        super().setUp()
        library = self.machine.folder / "libnvidia-ml.so.1"
        library.symlink_to(os.environ["MELON_SIMULATED_NVML"])
        self.machine.environment["LD_LIBRARY_PATH"] = str(self.machine.folder)
        config = self.machine.config.read_text().replace(IGNORED_LINE, "")
        self.machine.config.write_text(config)
        self.machine.up()

    def test_devices_whose_limits_nobody_keeps(self):
        self.mended("device_unenforced")
        self.assertEqual([d["id"] for d in self.machine.melon("devices", "-o", "json").json], ["opencl-0"])

    def test_they_are_ignored_beside_others(self):
        with open(self.machine.config, "a", encoding="utf-8") as config:
            config.write("ignored_devices: [nvidia-0]\n")
        self.machine.melon("down")
        self.machine.up()
        self.mended("device_unenforced")

    def test_run_refuses_them_unless_it_is_told(self):
        small = ("run", "--type", "nvidia", "--memory", "16MiB")
        refused = self.machine.melon(*small, "--", "true")
        self.assertEqual(refused.code, 125)
        self.assertIn("--unenforced", refused.err)
        self.assertEqual(self.machine.melon(*small, "--unenforced", "--", "true").code, 0)
        self.assertIn("simulated", self.machine.melon("devices").out.lower())


class Tenants(DoctorTest):
    def setUp(self):
        super().setUp()
        self.machine.up()

    def test_a_process_outside_any_grant(self):
        program = subprocess.Popen([PYTHON, "-c", TENANT, "1"], stdout=subprocess.PIPE)
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        program.stdout.readline()
        threading.Thread(target=program.wait, daemon=True).start()
        self.unmanaged = program.pid
        self.mended("unmanaged_process")

    def test_a_broken_ledger(self):
        self.run_detached("victim", PYTHON, "-c", TENANT, "8")
        eventually("it holds memory", lambda: "holds" in self.machine.melon("logs", "victim").out)
        folder = self.machine.melon("ps", "-o", "json").json[0]["folder"]
        with open(folder + "/ledger", "r+b") as ledger:
            ledger.write(b"\xff" * 4096)
        self.mended("ledger_broken")

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

    def test_little_space(self):
        private, _ = self.small_disk()
        self.assertNotIn("disk_low", self.findings())
        (private / "output.log.1").write_bytes(bytes(50 << 20))
        self.mended("disk_low")

    def test_no_space(self):
        private, gate = self.small_disk()
        with open(private / "output.log.2", "wb", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)) == 4096:
                    pass
            except OSError:
                pass
        gate.touch()
        self.mended("state_not_saved")
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
