# SPDX-License-Identifier: Apache-2.0
"""The only actuator is holding launches: a program that is being held has all else as it would have bare."""
import os
import pathlib
import subprocess
import unittest

from melon_under_test import PYTHON, SOON_SECONDS, SPINNING, MelonTest

# For each line that is asked for, what only the process itself can see.
LOOKS = """
import ctypes, os, sys
for _ in sys.stdin:
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    words = []
    while environ[len(words)]:
        words.append(environ[len(words)].decode())
    mask = os.umask(0)
    os.umask(mask)
    print(sorted(words), oct(mask), os.getcwd(), flush=True)
ended.set()
worker.join()
"""
OF_MELON = ("MELON_GRANT=", "LD_PRELOAD=", "OPENCL_LAYERS=", "ASAN_OPTIONS=")
SIGNALS = ("SigBlk", "SigIgn", "SigCgt")
OF_PROCESS = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
              "TracerPid", "CoreDumping", *SIGNALS)
OF_THREAD = ("Cpus_allowed", "Mems_allowed", *SIGNALS)


def fields(path, names):
    lines = pathlib.Path(path).read_text().splitlines()
    return tuple(line for line in lines if line.split(":")[0] in names)


def thread_state(task):
    """What the kernel holds of one thread, by which somebody could slow it down."""
    number = int(task.name)
    return (fields(task / "status", OF_THREAD), os.sched_getscheduler(number),
            os.sched_getparam(number).sched_priority, os.getpriority(os.PRIO_PROCESS, number),
            (task / "cgroup").read_text())


def process_state(pid):
    at = pathlib.Path(f"/proc/{pid}")
    # `melon run` is one process more on this user's account; the bound itself is what counts.
    return {"status": fields(at / "status", OF_PROCESS), "limits": (at / "limits").read_text(),
            "cgroup": (at / "cgroup").read_text(), "slack": (at / "timerslack_ns").read_text(),
            "oom": (at / "oom_score_adj").read_text(), "timers": (at / "timers").read_text(),
            "namespaces": sorted((link.name, os.readlink(link)) for link in (at / "ns").iterdir()),
            "main": thread_state(at / "task" / str(pid)),
            "threads": sorted({thread_state(task) for task in (at / "task").iterdir()})}


class Untouched(MelonTest):
    def busy(self, *words):
        program = self.machine.popen(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(program.wait, SOON_SECONDS)
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.kill)
        return program

    def told(self, program):
        """The environment, umask and folder that the program itself sees."""
        program.stdin.write("look\n")
        program.stdin.flush()
        words, rest = program.stdout.readline().split("] ", 1)
        return [word for word in words.strip("[").split(", ") if not word.strip("'\"").startswith(OF_MELON)], rest

    def test_while_its_kernels_are_held(self):
        bare = subprocess.Popen([PYTHON, "-c", SPINNING + LOOKS], env=self.machine.environment_for(), cwd="/", text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            expected_told = self.told(bare)
            expected = process_state(bare.pid)
        finally:
            bare.kill()
            bare.communicate()
        for name, slice_words in (("hard", ("--compute", "25%")), ("weighted", ("--weight", "50"))):
            with self.subTest(name):
                inside = self.busy("run", "--name", name, "--memory", "64MiB", *slice_words, "--", PYTHON, "-c", SPINNING + LOOKS)
                before = self.told(inside)
                pid = self.workload(name)["pids"][0]
                figure = "throttled_permille" if name == "hard" else "used_compute_permille"
                self.eventually("its kernels are held, or at least counted",
                                lambda: self.workload(name)["slices"][0][figure])
                seen = process_state(pid)
                self.assertEqual((before, self.told(inside)), (expected_told, expected_told))
                for what, value in expected.items():
                    self.assertEqual(seen[what], value, what)
                inside.stdin.close()
                self.assertEqual(inside.wait(SOON_SECONDS), 0)


if __name__ == "__main__":
    unittest.main()
