# SPDX-License-Identifier: Apache-2.0
"""A program that does not use OpenCL does not notice that libmelon.so is there."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from in_grant import LIBRARY, MIB, PROGRAMS, Grant, run

# What the dynamic linker does to bring the library in, before any of its code could run.
LINKERS = {"openat", "open", "read", "pread64", "fstat", "newfstatat", "mmap", "mprotect", "close",
           "munmap", "access", "brk"}


def system_calls(command, environment):
    """(thread, call, text) of each system call of the command and its children."""
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as log:
        words = ["strace", "-f", "-qq", "-e", "trace=all", "-o", log.name]
        for name, value in environment.items():
            words += ["-E", f"{name}={value}"]
        done = subprocess.run(words + command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        lines = [re.match(r"(\d+) +(\w+)\((.*)", line) for line in log]
    return [(m.group(1), m.group(2), m.group(3)) for m in lines if m]


class Hygiene(unittest.TestCase):
    def environments(self, grant):
        inside = {"LD_PRELOAD": LIBRARY, "MELON_GRANT": str(grant.root / "nowhere"),
                  "OPENCL_LAYERS": LIBRARY}
        plain = {name: value for name, value in inside.items() if name != "LD_PRELOAD"}
        return dict(os.environ, **inside), dict(os.environ, **plain)

    def test_prints_and_sees_the_same(self):
        with Grant(MIB) as grant:
            inside, plain = self.environments(grant)
            for arguments in [[], ["exit"]]:
                with_it = run([PROGRAMS / "bystander", *arguments], inside)
                without = run([PROGRAMS / "bystander", *arguments], plain)
                self.assertEqual(with_it.stdout, without.stdout)
                self.assertEqual(with_it.stderr, without.stderr)
                self.assertEqual(with_it.returncode, without.returncode)

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    def test_makes_no_system_call(self):
        with Grant(MIB) as grant:
            program = [str(PROGRAMS / "bystander")]
            with_it = system_calls(program, {"LD_PRELOAD": LIBRARY, "MELON_GRANT": grant.root})
            without = system_calls(program, {"MELON_GRANT": grant.root})
        opened = [text.split('"')[1] for _, call, text in with_it if call in ("openat", "open")]
        opened_without = [text.split('"')[1] for _, call, text in without
                          if call in ("openat", "open")]
        extra = set(opened) - set(opened_without)
        self.assertIn(LIBRARY, extra)
        names = {os.path.basename(path) for path in extra}
        self.assertLessEqual(names - {"ld.so.preload"}, {os.path.basename(LIBRARY), "libdl.so.2",
                                                         "libpthread.so.0"})
        count = lambda calls: {call: [c for _, c, _ in calls].count(call)
                               for call in {c for _, c, _ in calls} - LINKERS}
        self.assertEqual(count(with_it), count(without))

    def test_a_shell_with_children_is_the_same(self):
        with Grant(MIB) as grant:
            inside, plain = self.environments(grant)
            script = "umask; ulimit -n; echo $(ls /proc/self/fd | wc -l); (exit 3); echo $?"
            self.assertEqual(run(["sh", "-c", script], inside).stdout,
                             run(["sh", "-c", script], plain).stdout)


if __name__ == "__main__":
    unittest.main()
