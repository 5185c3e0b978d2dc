# SPDX-License-Identifier: Apache-2.0
"""libmelon.so in a bullseye (glibc 2.31) system, bound lazily and at once. The system is made once,
by debootstrap, in the folder MELON_BULLSEYE; without network or root the test is skipped. A program
and a driver in C are linked against that system's libraries, so that hooks are called there too."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

from in_grant import LIBRARY, MIB, Grant, require

SOURCES = pathlib.Path(os.environ["MELON_TEST_SOURCES"])
SYSTEM = pathlib.Path(os.environ["MELON_BULLSEYE"])
READY = SYSTEM / "melon-test-ready"
MOST_SECONDS = 240  # for the download
SYSTEM_PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"


def skip(reason):
    print(f"SKIPPED: libmelon.so was not tried on glibc 2.31: {reason}", flush=True)
    sys.exit(77)  # SKIP_RETURN_CODE


def mirror():
    """Where this machine gets Debian from: another place may be out of its reach."""
    done = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian"],
                          capture_output=True, text=True)
    return [uri for uri in done.stdout.split() if uri.startswith("http")][:1]


def bootstrap(command):
    """Runs it; a network that answers nothing must not hang the test."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, start_new_session=True) as process:
        try:
            output, _ = process.communicate(timeout=MOST_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            skip(f"debootstrap took more than {MOST_SECONDS} s")
    if process.returncode != 0:
        skip("debootstrap failed: " + "; ".join(output.strip().splitlines()[-2:]))


def make_system():
    if os.geteuid() != 0:
        skip("debootstrap and chroot need root")
    debootstrap = require("debootstrap", "/usr/sbin", "/sbin")
    shutil.rmtree(SYSTEM, ignore_errors=True)
    SYSTEM.mkdir(parents=True)
    # Unpacked is enough: nothing in it is started but single programs.
    bootstrap([debootstrap, "--foreign", "--variant=minbase", "--include=clinfo,ocl-icd-libopencl1",
               "bullseye", str(SYSTEM), *mirror()])
    for package in ["clinfo", "ocl-icd-libopencl1"]:
        for file in (SYSTEM / "var/cache/apt/archives").glob(package + "_*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(file), str(SYSTEM)], check=True)
    if inside(["/bin/true"]).returncode != 0:
        skip("chroot is not allowed here")
    READY.touch()


def inside(command, **variables):
    words = [f"{name}={value}" for name, value in variables.items()]
    return subprocess.run(["chroot", str(SYSTEM), "/usr/bin/env", "-i", *words, *command],
                          capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PATH": SYSTEM_PATH})


def build_inside(source, output, *options):
    """Compiles here what is linked against the old system's libraries."""
    libraries = [next(SYSTEM.glob(f"lib/*/{name}")) for name in ["libc.so.6", "libdl.so.2"]]
    subprocess.run(["gcc", "-fPIC", "-fno-stack-protector", str(SOURCES / source), *options,
                    "-nostdlib", *map(str, libraries), "-lgcc", f"-Wl,-rpath-link,{libraries[0].parent}",
                    "-o", str(SYSTEM / output)], check=True)


class OldGlibc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.copy(LIBRARY, SYSTEM / "libmelon.so")
        loader = next(SYSTEM.glob("usr/lib/*/libOpenCL.so.1"))
        start = subprocess.run(["gcc", "-print-file-name=Scrt1.o"], check=True, capture_output=True,
                               text=True).stdout.strip()
        build_inside("stub_driver.c", "libstub.so", "-shared")
        build_inside("hooks.c", "hooks", start, str(loader))
        (SYSTEM / "vendors").mkdir(exist_ok=True)
        (SYSTEM / "vendors" / "stub.icd").write_text("/libstub.so\n")

    def test_it_is_that_old(self):
        self.assertIn("2.31", inside(["/usr/bin/ldd", "--version"]).stdout)

    def test_programs_start(self):
        for now in [{}, {"LD_BIND_NOW": "1"}]:
            for command in [["/bin/ls", "/"], ["/bin/sh", "-c", "echo $((6 * 7))"]]:
                with self.subTest(command=command, **now):
                    without = inside(command, **now)
                    done = inside(command, LD_PRELOAD="/libmelon.so", **now)
                    self.assertEqual((done.returncode, done.stdout, done.stderr),
                                     (0, without.stdout, ""))

    def test_an_opencl_program_starts(self):
        for now in [{}, {"LD_BIND_NOW": "1"}]:
            with self.subTest(**now):
                done = inside(["/usr/bin/clinfo", "--raw"], LD_PRELOAD="/libmelon.so",
                              MELON_GRANT="/nowhere", **now)
                self.assertNotIn("libmelon", done.stderr)
                self.assertIn("#PLATFORMS", done.stdout)

    def test_hooks_allocate_and_launch(self):
        stub = {"OCL_ICD_VENDORS": "/vendors"}
        bare = inside(["/hooks"], **stub)
        self.assertEqual((bare.stdout, bare.stderr), (f"{1024 * MIB} 0 0 0 0 0 100\n", ""))
        for now in [{}, {"LD_BIND_NOW": "1"}]:
            with self.subTest(**now), Grant(MIB, "--compute", "500", key="opencl:Melon Stub|device|0",
                                            below=SYSTEM / "tmp") as grant:
                folder = pathlib.Path("/tmp") / grant.root.name / "grants" / "g"
                done = inside(["/hooks"], LD_PRELOAD="/libmelon.so", MELON_GRANT=folder, **stub, **now)
                self.assertEqual((done.stdout, done.stderr), (f"{MIB} -61 0 -4 0 0 100\n", ""))
                _, refusals, launches, consumed_ns, flags = grant.report()
                self.assertEqual((refusals, launches, flags), (2, 100, 0))
                self.assertAlmostEqual(consumed_ns, 100_000_000, delta=20_000_000)  # 1 ms each


if __name__ == "__main__":
    if not READY.exists():
        make_system()
    unittest.main()
