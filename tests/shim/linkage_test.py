# SPDX-License-Identifier: Apache-2.0
"""libmelon.so starts on old systems and does no harm to programs that are not for it."""
import os
import pathlib
import platform
import re
import subprocess
import tempfile
import unittest

from in_grant import LIBRARY, MIB, PROGRAMS, Grant, require, run

HELLO = pathlib.Path(os.environ["MELON_TEST_SOURCES"]) / "hello.c"


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Linkage(unittest.TestCase):
    def test_needs_these_three_libraries(self):
        dynamic = output_of("readelf", "--dynamic", "--wide", LIBRARY)
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
        self.assertEqual(sorted(needed), ["libc.so.6", "libdl.so.2", "libpthread.so.0"])
        self.assertNotIn("TEXTREL", dynamic)
        for start_up in ["(INIT)", "(INIT_ARRAY)", "(PREINIT_ARRAY)", "(FINI)", "(FINI_ARRAY)"]:
            self.assertNotIn(start_up, dynamic)  # no code of ours runs at load or exit

    def test_needs_no_symbol_newer_than_glibc_2_17(self):
        symbols = output_of("objdump", "--dynamic-syms", LIBRARY)
        versions = set(re.findall(r"GLIBC_([0-9.]+)", symbols))
        self.assertTrue(versions)
        for version in versions:
            self.assertLessEqual(tuple(int(part) for part in version.split(".")), (2, 17), version)
        self.assertEqual(re.findall(r"(?:GLIBCXX|CXXABI|GCC)_\S+", symbols), [])

    def test_is_at_most_one_mebibyte(self):
        self.assertLessEqual(os.path.getsize(LIBRARY), MIB)

    def test_exports_only_the_table(self):
        symbols = output_of("nm", "--dynamic", "--defined-only", LIBRARY)
        names = {line.split()[-1].split("@")[0] for line in symbols.splitlines()}
        table = (pathlib.Path(os.environ["MELON_TABLE"])).read_text()
        hooks = set(re.findall(r"^HOOK\([^,]+, (\w+),", table, re.MULTILINE))
        self.assertEqual(names, hooks | {"clInitLayer", "clGetLayerInfo", "dlsym",
                                         "dlvsym"})


    def test_cannot_end_print_to_or_change_its_process(self):
        """What it does not import it cannot call; its own system calls are futexes and looks at /proc."""
        symbols = output_of("nm", "--dynamic", "--undefined-only", LIBRARY)
        names = {line.split()[-1].split("@")[0] for line in symbols.splitlines()}
        self.assertIn("memcpy", names)  # the list is the list
        ends = {"exit", "_exit", "_Exit", "quick_exit", "abort", "raise", "kill", "pthread_kill", "pthread_exit",
                "pthread_cancel", "__assert_fail", "__stack_chk_fail", "__chk_fail", "__fortify_fail", "err", "errx",
                "execve", "fork", "vfork", "posix_spawn", "system", "popen"}
        prints = {"write", "writev", "pwrite", "send", "perror", "puts", "fputs", "fputc", "putchar", "fwrite",
                  "printf", "fprintf", "vprintf", "vfprintf", "dprintf", "vdprintf", "__printf_chk", "__fprintf_chk",
                  "stdout", "stderr", "syslog", "fopen"}
        changes = {"signal", "sigaction", "pthread_sigmask", "sigprocmask", "sigaltstack", "setenv", "putenv",
                   "unsetenv", "clearenv", "environ", "umask", "chdir", "setrlimit", "prlimit", "nice", "setpriority",
                   "sched_setaffinity", "pthread_setaffinity_np", "sched_setscheduler", "pthread_setschedparam",
                   "setuid", "setgid", "prctl", "personality", "dup2", "setlocale", "atexit", "__cxa_atexit"}
        threads = {"pthread_create", "thrd_create", "clone"}
        self.assertEqual(names & (ends | prints | changes | threads), set())


class ForeignPrograms(unittest.TestCase):
    """Programs that cannot be held to a slice, and must run as ever."""

    def compiled(self, folder, compiler, *options):
        require(compiler)
        program = os.path.join(folder, "hello")
        subprocess.run([compiler, *options, str(HELLO), "-o", program], check=True)
        return program

    def run_preloaded(self, program, way="preload", **more):
        with Grant(MIB) as grant:
            return run([program], grant.environment(way, **more))

    def test_musl(self):
        with tempfile.TemporaryDirectory() as folder:
            for options in [[], ["-static"]]:
                done = self.run_preloaded(self.compiled(folder, "musl-gcc", *options))
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "hello 42\n", ""))

    @unittest.skipIf(platform.machine() != "x86_64", "32-bit programs of this processor are not built here")
    def test_32_bit(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_preloaded(self.compiled(folder, "gcc", "-m32"))
            self.assertEqual((done.returncode, done.stdout), (0, "hello 42\n"))
            # The loader's own remark; `melon run` leaves the preload out for such programs.
            self.assertIn("wrong ELF class", done.stderr)

    def test_address_sanitizer(self):
        with tempfile.TemporaryDirectory() as folder:
            program = self.compiled(folder, "gcc", "-fsanitize=address")
            done = self.run_preloaded(program)
            # gcc's runtime insists on being first, unless it is told not to as `melon run` does. That
            # leaves the preload out for such programs, but not for those that a shell starts. The
            # layer does no harm.
            self.assertIn("ASan runtime does not come first", done.stderr)
            done = self.run_preloaded(program, ASAN_OPTIONS="verify_asan_link_order=0")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "hello 42\n", ""))
            done = self.run_preloaded(program, "layer")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "hello 42\n", ""))

    def test_static(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_preloaded(self.compiled(folder, "gcc", "-static"))
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "hello 42\n", ""))

    def test_bound_at_once(self):
        with Grant(MIB) as grant:
            done = run([PROGRAMS / "probe_linked"], grant.environment("both", LD_BIND_NOW="1"))
            self.assertEqual((done.stdout, done.stderr), (f"{MIB} -61 0 -4\n", ""))


if __name__ == "__main__":
    unittest.main()
