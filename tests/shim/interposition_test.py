# SPDX-License-Identifier: Apache-2.0
"""However a program reaches OpenCL, it is inside its slice; and counted once."""
import re
import shutil
import subprocess
import tempfile
import unittest

from in_grant import MIB, PROGRAMS, WAYS, Grant, run

# A module bound deeply, or in a name space of its own, sees no preloaded symbol, and a loader by another
# name (or one inside the program, which is the same to us) is no loader that we know: the layer is for
# those (docs/reference/attaching.md).
LAYER_ONLY = {"deepbind", "namespace", "renamed"}
UNKNOWN_SYMBOL = 8  # kFlagUnknownSymbol of src/shim/abi/region.h
BUNDLED = {"bundled": "libOpenCL-5f8d5a1c.so.1.0.0", "renamed": "libaccelerate.so.1"}
EVERY_WAY_IN = ["linked", "dlopen", "dlopen_global", *BUNDLED, "module", "deepbind", "namespace",
                "extension", "dlvsym"]


def loader_file():
    """The ICD loader that programs here are linked with."""
    libraries = subprocess.run(["ldd", PROGRAMS / "probe_linked"], check=True, capture_output=True,
                               text=True).stdout
    return re.search(r"libOpenCL\.so\.1 => (\S+)", libraries).group(1)


class Interposition(unittest.TestCase):
    def probe(self, way_in, way):
        program = PROGRAMS / ("probe_linked" if way_in == "linked" else "probe")
        with Grant(MIB) as grant, tempfile.TemporaryDirectory() as folder:
            bundled = shutil.copy(loader_file(), f"{folder}/{BUNDLED.get(way_in, BUNDLED['bundled'])}")
            environment = grant.environment(way, MODULE=str(PROGRAMS / "libprobe_module.so"),
                                            LOADER=bundled, REPORT=grant.report_command)
            return run([program, "bundled" if way_in in BUNDLED else way_in], environment)

    def test_every_way_in_by_every_way_of_attaching(self):
        for way in WAYS:
            for way_in in EVERY_WAY_IN:
                if way == "preload" and way_in in LAYER_ONLY:
                    continue
                with self.subTest(attached=way, reached=way_in):
                    done = self.probe(way_in, way)
                    self.assertEqual(done.stderr, "")
                    self.assertEqual(done.returncode, 0, done.stdout)
                    seen, report = done.stdout.splitlines()
                    self.assertEqual(seen, f"{MIB} -61 0 -4")
                    self.assertEqual(report.split()[0], str(MIB // 2))  # once
                    self.assertEqual(report.split()[1], "2")

    def test_what_the_preload_alone_does_not_see(self):
        for way_in in LAYER_ONLY:
            with self.subTest(reached=way_in):
                done = self.probe(way_in, "preload")
                self.assertEqual(done.stdout.splitlines()[0], f"{16384 * MIB} 0 0 0", "mend the docs")

    def test_the_real_dlvsym_answers_for_other_names(self):
        lookup = "import ctypes; d = ctypes.CDLL(None).dlvsym; d.restype = ctypes.c_void_p; " \
                 "n = b'clock_gettime'; print(bool(d(None, n, b'GLIBC_2.17')), d(None, n, b'NONE_1'))"
        with Grant(MIB) as grant:
            done = run(["/usr/bin/python3", "-c", lookup], grant.environment("preload"))
        self.assertEqual(done.stdout, "True None\n", done.stderr)

    def test_a_function_that_we_do_not_know_is_flagged(self):
        ask = ("import ctypes, sys; loader = ctypes.CDLL('libOpenCL.so.1'); "
               "extra = ctypes.CDLL(sys.argv[1]); [getattr(extra, n) for n in sys.argv[2:]]; "
               "p = ctypes.c_void_p(); loader.clGetPlatformIDs(1, ctypes.byref(p), None); "
               "loader.clGetDeviceIDs(p, ctypes.c_ulong(0xffffffff), 0, None, ctypes.byref(ctypes.c_uint()))")
        with tempfile.TemporaryDirectory() as folder:
            library = folder + "/libOpenCL-extra.so"
            code = "void clPrivateAllocSIM(void) {} void clCreateKernelSIM(void) {}"
            subprocess.run(["gcc", "-shared", "-x", "c", "-", "-o", library], input=code, text=True,
                           check=True)
            for name, flags in [("clCreateKernelSIM", 0), ("clPrivateAllocSIM", UNKNOWN_SYMBOL)]:
                with self.subTest(name=name), Grant(MIB) as grant:
                    done = run(["/usr/bin/python3", "-c", ask, library, name],
                               grant.environment("preload"))
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertEqual(grant.report()[4], flags)

    def test_without_a_grant_nothing_is_limited(self):
        for way in WAYS:
            with Grant(MIB) as grant, self.subTest(attached=way):
                environment = grant.environment(way)
                del environment["MELON_GRANT"]
                done = run([PROGRAMS / "probe_linked"], environment)
                self.assertEqual(done.stdout, f"{16384 * MIB} 0 0 0\n")
                self.assertEqual(done.stderr, "")
                self.assertEqual(done.returncode, 0)

    def test_next_means_the_programs_next(self):
        with Grant(MIB) as grant:
            for environment in [grant.environment("preload"), None]:
                self.assertEqual(run([PROGRAMS / "next_main"], environment).returncode, 70)


if __name__ == "__main__":
    unittest.main()
