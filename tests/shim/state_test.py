# SPDX-License-Identifier: Apache-2.0
"""A grant's files that are of no use: the program runs, and this process's limit holds."""
import contextlib
import errno
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

from in_grant import LIBRARY, MIB, PROGRAMS, SIM_DRIVER, Grant

NOBODY = 65534
PRIVATE_LEDGER = 1  # kFlagPrivateLedger of src/shim/abi/region.h
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


def fill(folder):
    """Leaves no byte of its file system free."""
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096) == 4096:
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC, error


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

    @contextlib.contextmanager
    def grant_on_a_small_disk(self):
        if os.geteuid() != 0 or not shutil.which("mount"):
            self.skipTest("SKIPPED: needs root to mount a small disk")
        with Grant(MIB, "--uid", str(NOBODY)) as grant:
            ledger = grant.root / "grants" / "g" / "ledger"
            disk = f"{grant.root}.disk"
            shutil.copytree(grant.root, disk, copy_function=shutil.copy2)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0755", "tmpfs", grant.root], check=True)
            try:
                shutil.copytree(disk, grant.root, dirs_exist_ok=True)
                os.chown(ledger, NOBODY, NOBODY)
                yield grant, ledger
            finally:
                subprocess.run(["umount", "-l", grant.root], check=True)
                shutil.rmtree(disk)

    def test_a_full_disk_changes_nothing(self):
        """What the daemon made is whole, so a tenant needs no block that is not there."""
        with self.grant_on_a_small_disk() as (grant, _):
            fill(grant.root)
            done = self.probe(grant)
            self.assertEqual((done.stdout, done.stderr, done.returncode), (AS_EVER, "", 0))
            used, refusals, _, _, flags = grant.report()
            self.assertEqual((used, refusals, flags), (0, 2, 0))

    def test_a_ledger_with_holes_on_a_full_disk_is_of_no_use(self):
        """Its first store would end the program by SIGBUS; the limit is kept in this process alone."""
        with self.grant_on_a_small_disk() as (grant, ledger):
            content = ledger.read_bytes()
            with open(ledger, "r+b") as file:
                file.truncate(4096)
                file.truncate(len(content))
            self.assertLess(ledger.stat().st_blocks * 512, len(content))
            fill(grant.root)
            done = self.probe(grant)
            self.assertEqual((done.stdout, done.stderr, done.returncode), (AS_EVER, "", 0))

    def test_a_folder_that_may_not_be_written_is_left_alone(self):
        """By a program that uses no OpenCL, and by one that does."""
        bystander = shutil.copy(PROGRAMS / "bystander", self.folder.name)
        with Grant(MIB, "--uid", str(NOBODY)) as grant:
            folder = grant.root / "grants" / "g"
            for path in [folder, folder.parent, grant.root]:
                path.chmod(0o555)
            look = lambda: sorted((str(path), path.stat().st_mtime_ns, path.stat().st_size, path.stat().st_mode)
                                  for path in grant.root.rglob("*") if path.name not in ("ledger", "0"))
            before = look()
            user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
            ran = {}
            named = {"OPENCL_LAYERS": self.library, "MELON_GRANT": str(folder)}
            for way in ({}, {"LD_PRELOAD": self.library}):
                done = subprocess.run([bystander], env={**named, **way}, capture_output=True, text=True, timeout=60, cwd=folder,
                                      **user)
                ran[bool(way)] = (done.stdout, done.stderr, done.returncode)
            self.assertEqual(ran[True], ran[False])
            self.assertEqual(look(), before)
            done = self.probe(grant)
            self.assertEqual((done.stdout, done.stderr, done.returncode), (AS_EVER, "", 0))
            self.assertEqual([row[0] for row in look()], [row[0] for row in before])
            for path in [folder, folder.parent, grant.root]:
                path.chmod(0o755)

    def test_useless_policies_grant_nothing(self):
        for name in ["truncated", "missing", "foreign", "older_version"]:
            with self.subTest(name), Grant(MIB, "--uid", str(NOBODY)) as grant:
                policy = grant.root / "grants" / "g" / "policy"
                if name == "truncated":
                    os.truncate(policy, 64)
                elif name == "missing":
                    policy.unlink()
                elif name == "older_version":
                    content = bytearray(policy.read_bytes())
                    content[8] -= 1
                    policy.write_bytes(content)
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
