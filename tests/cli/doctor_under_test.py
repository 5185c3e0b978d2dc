# SPDX-License-Identifier: Apache-2.0
"""What tests of `melon doctor` stand on: a machine of their own, where faults harm nobody.

They live in a mount namespace. Remedies are executed for real, but for what would need the network or change the
machine itself: there a stand-in on PATH checks its arguments and undoes the fault. These are apt-get (no_device,
opencl_driver_missing, opencl_loader_missing), modprobe (nvidia_driver_unavailable), systemctl reboot
(nvidia_driver_outdated), timedatectl (clock_behind), sudo systemctl (user_daemon), and make (library_missing),
which installs for real what is built already."""
import ctypes
import json
import os
import pathlib
import subprocess
import unittest

from melon_under_test import POCL, SOON_SECONDS, Machine, eventually

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
    unmanaged = None  # how messages name the test's own process outside this daemon's grants

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
        """Other programs and daemons of this machine may be on the device; they are left alone."""
        if not finding["code"].startswith(("unmanaged_process", "foreign_grant")):
            return True
        return self.unmanaged is not None and self.unmanaged in finding["message"]

    def found(self, code, **options):
        finding = eventually(f"{code} is found", lambda: self.findings(**options).get(code))
        for word in ("severity", "message", "meaning", "remedy"):
            self.assertTrue(finding[word], finding)
        self.assertNotRegex(finding["remedy"], r"\{[a-z_]+\}", "something was not filled in")
        self.assertIn(f"[{code}]", self.shell("melon doctor", **options).stdout)
        return finding

    def mended(self, code, **options):
        """The finding is there; its remedy, as printed, clears it."""
        remedy = self.found(code, **options)["remedy"]
        done = self.shell(remedy, **options)
        self.assertEqual(done.returncode, 0, f"{remedy}\n{done.stdout}{done.stderr}")
        eventually(f"{remedy} clears {code}", lambda: code not in self.findings(**options))

    def mended_in_shell(self, code, **options):
        """The same for a fault of the caller's own shell, where its remedy must be executed."""
        remedy = self.found(code, **options)["remedy"]
        self.assertNotIn(code, self.findings(before=f"{remedy.split('  #')[0]} >/dev/null", **options))

    def mended_by_hand(self, code, mend, **options):
        """The finding is there; no command can mend it, and it goes with its fault."""
        self.found(code, **options)
        mend()
        eventually(f"{code} goes with its fault", lambda: code not in self.findings(**options))

    def run_detached(self, name, *program, memory="16MiB"):
        ended = self.machine.melon("run", "--name", name, "--memory", memory, "--detach", "--", *program)
        self.assertEqual(ended.code, 0, str(ended))

    def empty(self, folder):
        mount("-t", "tmpfs", "none", folder)
        self.addCleanup(subprocess.run, ["umount", folder], stderr=subprocess.DEVNULL)
