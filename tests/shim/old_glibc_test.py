# SPDX-License-Identifier: Apache-2.0
"""libmelon.so in a bullseye (glibc 2.31) system, bound lazily and at once. The system is made once,
by debootstrap, in the folder MELON_BULLSEYE; without network or root the test is skipped."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

from in_grant import LIBRARY

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
    debootstrap = shutil.which("debootstrap", path=SYSTEM_PATH)
    if debootstrap is None:
        skip("debootstrap is not installed")
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


class OldGlibc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.copy(LIBRARY, SYSTEM / "libmelon.so")

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


if __name__ == "__main__":
    if not READY.exists():
        make_system()
    unittest.main()
