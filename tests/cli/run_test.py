# SPDX-License-Identifier: Apache-2.0
"""`melon run` and `melon exec`: a program runs as if Melon were not there, inside a slice."""
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

from melon_under_test import PYTHON, SOON_SECONDS, TENANT, MelonTest

SMALL = ("--memory", "16MiB")


class Programs(MelonTest):
    def test_streams_pass_through(self):
        ended = self.melon("run", *SMALL, "--", "sh", "-c", "cat; echo wrong >&2", stdin="a\0b\n")
        self.assertEqual((ended.code, ended.out, ended.err), (0, "a\0b\n", "wrong\n"))

    def test_arguments_environment_and_folder_pass_through(self):
        ended = self.ok("run", *SMALL, "--", PYTHON, "-c",
                        "import os, sys; print(sys.argv[1:], os.environ['MINE'], os.getcwd())",
                        "--memory", "a b", "", "--", environment={"MINE": "yes"})
        self.assertEqual(ended.out, "['--memory', 'a b', '', '--'] yes /\n")

    def test_a_command_line_of_any_length_passes_through(self):
        count = "import sys; print(len(sys.argv) - 1, sum(map(len, sys.argv[1:])))"
        for words in (["x"] * 50_000, ["y" * 100_000] * 12, ["\x01" * 60_000] * 3):
            ended = self.ok("run", *SMALL, "--", PYTHON, "-c", count, *words)
            self.assertEqual(ended.out, f"{len(words)} {sum(map(len, words))}\n")
        shown = self.ok("ps", "-a", "-o", "json").json[-1]["arguments"]
        self.assertEqual((shown[0], shown[-1]), (PYTHON, "..."))

    def test_the_exit_status_is_the_programs(self):
        for status in (0, 1, 2, 5, 77, 125, 255):
            self.assertEqual(self.melon("run", *SMALL, "--", "sh", "-c", f"exit {status}").code, status)

    def test_a_signal_ends_it_with_128_and_its_number(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
            ended = self.melon("run", *SMALL, "--", "sh", "-c", f"kill -{int(number)} $$")
            self.assertEqual(ended.code, 128 + number)

    def test_signals_are_passed_on(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT):
            program = self.machine.popen(
                "run", *SMALL, "--", PYTHON, "-c",
                # No print: the signal may come before the one that says "ready" has returned. Short sleeps:
                # Python does not wake up for one that comes just before a sleep begins.
                "import os, signal, time\n"
                "def end(number, frame): os.write(1, b'%d\\n' % number); os._exit(9)\n"
                f"signal.signal({int(number)}, end); os.write(1, b'ready\\n')\n"
                "while True: time.sleep(0.1)",
                stdout=subprocess.PIPE)
            self.assertEqual(program.stdout.readline(), "ready\n")
            program.send_signal(number)
            self.assertEqual(program.communicate(timeout=SOON_SECONDS)[0], f"{int(number)}\n")
            self.assertEqual(program.returncode, 9)

    def test_not_found_and_not_executable(self):
        self.fails(127, "run", *SMALL, "--", "no-such-program", says=["no-such-program", "PATH"])
        self.fails(127, "run", *SMALL, "--", "", says=["''", "no such program"])
        self.fails(127, "run", *SMALL, "--", "/no/such/program", says=["/no/such/program"])
        self.fails(126, "run", *SMALL, "--", "/etc/passwd", says=["/etc/passwd", "chmod"])
        self.fails(126, "run", *SMALL, "--", "/usr", says=["/usr", "folder"])
        self.fails(126, "run", *SMALL, "--", self.file("no interpreter", b"#!/no/such/thing\n"))
        self.assertEqual([w for w in self.ok("ps", "-o", "json").json], [])

    def test_nothing_but_the_environment_changes(self):
        """The only actuator is holding launches: no cgroup, affinity, limits or signal state."""
        look = ("import os, resource, signal, pathlib\n"
                "status = pathlib.Path('/proc/self/status').read_text().splitlines()\n"
                "print(pathlib.Path('/proc/self/cgroup').read_text(), os.sched_getaffinity(0), os.nice(0),"
                " [l for l in status if l.startswith(('Sig', 'Shd', 'Cap', 'Uid', 'Gid', 'Groups', 'NoNew', 'Sec'))"
                " and not l.startswith('SigQ')],"
                " [resource.getrlimit(r) for r in range(16)], sorted(os.listdir('/proc/self/fd')),"
                " sorted(set(os.environ) - {'MELON_GRANT', 'LD_PRELOAD', 'OPENCL_LAYERS', 'ASAN_OPTIONS', 'LC_CTYPE'}))")
        bare = subprocess.run([PYTHON, "-c", look], env=self.machine.environment_for(), text=True, cwd="/",
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        inside = self.ok("run", *SMALL, "--compute", "25%", "--", PYTHON, "-c", look)
        self.assertEqual(inside.out, bare.stdout)

    def test_it_is_refused_memory_above_its_slice(self):
        lines = self.tenant("t", "--memory", "64MiB", mib=(48, 17, 16))
        self.assertEqual(lines[0], "holds 48")
        self.assertIn("refused 17", lines[1])
        self.assertEqual(lines[2], "holds 16")
        self.eventually("use is shown", lambda: self.workload("t")["slices"][0]["used_memory_mib"] == 64)

    def test_programs_that_ask_see_the_slice(self):
        ended = self.ok("run", "--memory", "48MiB", "--", "clinfo", "--prop", "CL_DEVICE_GLOBAL_MEM_SIZE")
        self.assertIn(str(48 << 20), ended.out)

    def test_exec_enters_a_second_program(self):
        self.tenant("t", "--memory", "64MiB", mib=(48,))
        second = self.machine.popen("exec", "t", "--", PYTHON, "-uc", TENANT, "17", "16",
                                    stdout=subprocess.PIPE)
        self.addCleanup(second.stdout.close)
        self.assertIn("refused 17", second.stdout.readline())
        self.assertEqual(second.stdout.readline(), "holds 16\n")
        self.assertEqual(len(self.workload("t")["pids"]), 2)
        second.terminate()
        self.assertEqual(second.wait(SOON_SECONDS), 128 + signal.SIGTERM)
        self.assertEqual(self.workload("t")["state"], "running")
        self.assertEqual(self.melon("exec", "t", "--", "sh", "-c", "exit 3").code, 3)
        self.fails(127, "exec", "t", "--", "no-such-program")
        self.fails(125, "exec", "nobody", "--", "true", says=["nobody", "melon ps"])
        self.fails(125, "exec", "t", says=["--"])

    def file(self, name, content):
        path = pathlib.Path(self.machine.folder) / name.replace(" ", "-")
        path.write_bytes(content)
        path.chmod(0o755)
        return str(path)

    def compiled(self, name, *flags):
        compiler = shutil.which("gcc")
        path = str(pathlib.Path(self.machine.folder) / name)
        source = self.file(name + ".c", b"#include <stdio.h>\nint main() { puts(\"ran\"); return 4; }\n")
        if not compiler or subprocess.run([compiler, *flags, "-o", path, source], capture_output=True).returncode:
            self.skipTest(f"SKIPPED: no compiler for {flags} here (gcc, gcc-multilib)")
        return path

    def test_a_static_program_runs_and_the_gap_is_said(self):
        ended = self.melon("run", *SMALL, "--", self.compiled("static", "-static"))
        self.assertEqual((ended.code, ended.out), (4, "ran\n"))
        self.assertIn("is static", ended.err)

    def test_a_32_bit_program_runs_and_the_gap_is_said(self):
        ended = self.melon("run", *SMALL, "--", self.compiled("small", "-m32"))
        self.assertEqual((ended.code, ended.out), (4, "ran\n"))
        self.assertIn("32-bit", ended.err)
        self.assertNotIn("ld.so", ended.err)

    def test_an_address_sanitizer_program_runs_and_the_gap_is_said(self):
        ended = self.melon("run", *SMALL, "--", self.compiled("asan", "-fsanitize=address"))
        self.assertEqual((ended.code, ended.out), (4, "ran\n"), str(ended))
        self.assertIn("AddressSanitizer", ended.err)

    def test_other_sanitizers_take_no_preload(self):
        # How it ends depends on the kernel: gcc's runtime does not come up where addresses are too random.
        ended = self.melon("run", *SMALL, "--", self.compiled("tsan", "-fsanitize=thread"))
        self.assertIn("is linked with ThreadSanitizer: libmelon.so is not preloaded", ended.err)

    def test_an_address_sanitizer_program_that_a_shell_starts_runs(self):
        program = self.compiled("asan", "-fsanitize=address")
        for options in ("", "detect_leaks=0"):
            ended = self.melon("run", *SMALL, "--", "sh", "-c", f"echo $ASAN_OPTIONS; {program}; exit $?",
                               environment={"ASAN_OPTIONS": options})
            joined = "verify_asan_link_order=0" + (f":{options}" if options else "")
            self.assertEqual((ended.code, ended.out, ended.err), (4, f"{joined}\nran\n", ""))

    @unittest.skipUnless(os.geteuid() == 0, "needs root to make a setuid program")
    def test_a_setuid_program_runs_and_the_gap_is_said(self):
        program = self.compiled("setuid")
        os.chown(program, 12002, 12002)
        os.chmod(program, 0o4755)
        ended = self.melon("run", *SMALL, "--", program)
        self.assertEqual((ended.code, ended.out), (4, "ran\n"))
        self.assertIn("changes its user", ended.err)

    def test_a_killed_program_gives_its_memory_back(self):
        free = self.device()["free_memory_mib"]
        program = self.machine.popen("run", "--name", "victim", "--memory", "64MiB", "--", "sleep", "1000")
        pid = self.wait_state("victim", "running")["pids"][0]
        self.assertEqual(self.device()["free_memory_mib"], free - 64)
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(program.wait(SOON_SECONDS), 137)
        self.assertEqual(self.wait_state("victim", "failed")["exit_code"], 137)
        self.assertEqual(self.device()["free_memory_mib"], free)

    def test_a_late_run_does_not_end_a_new_workload_of_the_name(self):
        late = self.machine.popen("run", "--name", "z", "--memory", "1MiB", "--", "sleep", "1000")
        earlier = self.wait_state("z", "running")
        late.send_signal(signal.SIGSTOP)
        try:
            self.ok("stop", "z", "--force")
            self.wait_state("z", "exited", "failed", "lost")
            later = self.detached("z", "--memory", "1MiB")
            self.assertNotEqual(later["id"], earlier["id"])
        finally:
            late.send_signal(signal.SIGCONT)
        self.assertEqual(late.wait(SOON_SECONDS), 137)
        now = self.workload("z")
        self.assertEqual((now["id"], now["state"], now["exit_code"]), (later["id"], "running", None))
        self.ok("stop", "z", "--force")
        self.assertNotEqual(self.wait_state("z", "exited", "failed", "lost")["exit_code"], 0)

    def test_a_program_without_anybody_to_tell_its_end_is_lost(self):
        free = self.device()["free_memory_mib"]
        pid = self.detached("orphan", "--memory", "64MiB")["pids"][0]
        keeper = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        os.kill(keeper, signal.SIGKILL)
        self.assertEqual(self.workload("orphan")["state"], "running")
        os.kill(pid, signal.SIGKILL)
        self.assertIsNone(self.wait_state("orphan", "lost")["exit_code"])
        self.assertEqual(self.device()["free_memory_mib"], free)


if __name__ == "__main__":
    unittest.main()
