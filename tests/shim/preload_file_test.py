# SPDX-License-Identifier: Apache-2.0
"""libmelon.so named in /etc/ld.so.preload. The file is only there in a mount name space of the test's,
where a copy of /etc lies over the machine's: the machine's own is never touched."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from in_grant import LIBRARY, MIB, PROGRAMS, Grant

PRELOAD_FILE = pathlib.Path("/etc/ld.so.preload")
INSIDE = """
set -e
mount --bind "$COPY" /etc
test "$(cat /etc/ld.so.preload)" = "$LINE"
unset COPY LINE
exec "$@"
"""
# root needs no user name space, and may be refused one
UNSHARE = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])


class PreloadFile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.before = PRELOAD_FILE.read_bytes() if PRELOAD_FILE.exists() else None
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.copy = pathlib.Path(folder.name) / "etc"
        cls.copy.mkdir()
        # What programs here read of it; as root, all of it would be secrets in a folder of ours.
        for name in ["ld.so.cache", "ld.so.conf", "OpenCL", "passwd", "group", "nsswitch.conf"]:
            source = pathlib.Path("/etc") / name
            if source.is_dir():
                shutil.copytree(source, cls.copy / name)
            elif source.exists():
                shutil.copy(source, cls.copy / name)

    @classmethod
    def tearDownClass(cls):
        after = PRELOAD_FILE.read_bytes() if PRELOAD_FILE.exists() else None
        assert after == cls.before, "the machine's own /etc/ld.so.preload has changed"

    def run_with(self, line, command, environment=None):
        (self.copy / "ld.so.preload").write_text(line + "\n")
        environment = dict(environment or os.environ, COPY=str(self.copy), LINE=line)
        return subprocess.run([*UNSHARE, "sh", "-c", INSIDE, "sh", *map(str, command)],
                              env=environment, capture_output=True, text=True, timeout=60)

    def probe(self, way_in, **more):
        program = PROGRAMS / ("probe_linked" if way_in == "linked" else "probe")
        with Grant(MIB) as grant:
            environment = grant.environment("preload", REPORT=grant.report_command)
            del environment["LD_PRELOAD"]
            environment.update(more)
            return self.run_with(LIBRARY, [program, way_in], environment)

    def expect_held(self, done):
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        seen, report = done.stdout.splitlines()
        self.assertEqual(seen, f"{MIB} -61 0 -4")
        self.assertEqual(report.split()[:2], [str(MIB // 2), "2"])  # counted once

    def test_programs_are_held(self):
        for way_in in ["linked", "dlopen", "dlopen_global", "dlvsym", "extension"]:
            with self.subTest(reached=way_in):
                self.expect_held(self.probe(way_in))

    def test_with_the_other_routes_beside_it_counted_once(self):
        self.expect_held(self.probe("linked", LD_PRELOAD=LIBRARY))
        self.expect_held(self.probe("dlopen", OPENCL_LAYERS=LIBRARY))

    def test_the_layer_holds_what_it_does_not_see(self):
        self.expect_held(self.probe("namespace", OPENCL_LAYERS=LIBRARY))

    def test_other_programs_notice_nothing(self):
        for command in [[PROGRAMS / "bystander"], ["sh", "-c", "echo $((6 * 7)); exit 3"]]:
            with self.subTest(command=command):
                plain = self.run_with("", command)
                done = self.run_with(LIBRARY, command)
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (plain.returncode, plain.stdout, ""))

    def test_without_a_grant_nothing_is_limited(self):
        with Grant(MIB) as grant:
            environment = grant.environment("preload")
            del environment["LD_PRELOAD"], environment["MELON_GRANT"]
            done = self.run_with(LIBRARY, [PROGRAMS / "probe_linked"], environment)
        self.assertEqual(done.stdout, f"{16384 * MIB} 0 0 0\n", done.stderr)


if __name__ == "__main__":
    if subprocess.run([*UNSHARE, "mount", "--bind", "/tmp", "/mnt"], capture_output=True).returncode != 0:
        print("SKIPPED: /etc/ld.so.preload was not tried: no mount name space may be made here", flush=True)
        sys.exit(77)  # SKIP_RETURN_CODE
    unittest.main()
