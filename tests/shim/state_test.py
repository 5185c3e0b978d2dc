# SPDX-License-Identifier: Apache-2.0
"""A grant's files that are of no use: the program runs, and this process's limit holds."""
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

from in_grant import LIBRARY, MIB, PROGRAMS, SIM_DRIVER, Grant

NOBODY = 65534
AS_EVER = f"{MIB} -61 0 -4\n"  # what the probe prints inside a slice of 1 MiB


def read_only(grant):
    for path in [grant / "ledger", grant]:
        path.chmod(0o555)


def not_ours(grant):
    os.chown(grant / "ledger", 0, 0)
    (grant / "ledger").chmod(0o600)


def truncated(grant):
    os.truncate(grant / "ledger", 100)


def empty(grant):
    os.truncate(grant / "ledger", 0)


def foreign(grant):
    (grant / "ledger").write_bytes(b"SQLite format 3\0" * 4096)


def newer_version(grant):
    content = bytearray((grant / "ledger").read_bytes())
    content[8] ^= 0xff
    (grant / "ledger").write_bytes(content)


def a_folder(grant):
    (grant / "ledger").unlink()
    (grant / "ledger").mkdir()


def missing(grant):
    (grant / "ledger").unlink()


class State(unittest.TestCase):
    def setUp(self):
        # Copies that an unprivileged user reaches, wherever the build folder is.
        self.folder = tempfile.TemporaryDirectory(prefix="melon-state-")
        self.addCleanup(self.folder.cleanup)
        os.chmod(self.folder.name, 0o755)
        self.library, self.driver, self.program = (
            shutil.copy(path, self.folder.name) for path in [LIBRARY, SIM_DRIVER,
                                                             PROGRAMS / "probe_linked"])

    def probe(self, grant):
        for folder, _, files in os.walk(grant.root):
            os.chmod(folder, os.stat(folder).st_mode | stat.S_IXOTH | stat.S_IROTH)
        environment = {"MELON_GRANT": str(grant.root / "grants" / "g"), "LD_PRELOAD": self.library,
                       "OCL_ICD_VENDORS": self.driver}
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        return subprocess.run([self.program], env=environment, capture_output=True, text=True,
                              timeout=60, **user)

    def test_useless_ledgers(self):
        for spoil in [read_only, not_ours, truncated, empty, foreign, newer_version, a_folder,
                      missing]:
            with self.subTest(spoil.__name__), Grant(MIB, "--uid", str(NOBODY)) as grant:
                spoil(grant.root / "grants" / "g")
                done = self.probe(grant)
                self.assertEqual((done.stdout, done.stderr, done.returncode), (AS_EVER, "", 0))

    def test_useless_policies_grant_nothing(self):
        for name in ["truncated", "missing", "foreign"]:
            with self.subTest(name), Grant(MIB, "--uid", str(NOBODY)) as grant:
                policy = grant.root / "grants" / "g" / "policy"
                if name == "truncated":
                    os.truncate(policy, 64)
                elif name == "missing":
                    policy.unlink()
                else:
                    policy.write_bytes(b"x" * 65536)
                done = self.probe(grant)
                self.assertEqual((done.stdout, done.stderr), ("", ""))
                self.assertEqual(done.returncode, 5)  # the probe found no device

    def test_the_policy_is_out_of_the_tenants_reach(self):
        if os.geteuid() != 0:
            self.skipTest("needs a second user")
        with Grant(MIB, "--uid", str(NOBODY)) as grant:
            self.assertEqual(self.probe(grant).stdout, AS_EVER)
            policy = grant.root / "grants" / "g" / "policy"
            before = policy.read_bytes()
            done = subprocess.run(["sh", "-c", f"echo x > {policy}"], user=NOBODY, group=NOBODY,
                                  extra_groups=[], capture_output=True, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(policy.read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
