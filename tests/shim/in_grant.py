# SPDX-License-Identifier: Apache-2.0
"""Grants made by hand, and programs run inside them. Standard library only."""
import os
import pathlib
import shutil
import subprocess
import tempfile

LIBRARY = os.environ["MELON_LIBRARY"]
SIM_DRIVER = os.environ["MELON_SIM_DRIVER"]
FIXTURE = os.environ["MELON_FIXTURE"]
PROGRAMS = pathlib.Path(os.environ["MELON_TEST_PROGRAMS"])
MIB = 1 << 20
WAYS = {
    "preload": {"LD_PRELOAD": LIBRARY},
    "layer": {"OPENCL_LAYERS": LIBRARY},
    "both": {"LD_PRELOAD": LIBRARY, "OPENCL_LAYERS": LIBRARY},
}


class Grant:
    """One grant on one device; removed at the end of a with block."""

    def __init__(self, memory, *options, key=None, below=None):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="melon-grant-", dir=below))
        device = ["--key", key] if key else []
        self._at = ["--root", str(self.root), "--grant", "g", *device]
        subprocess.run([FIXTURE, "create", *self._at, "--memory", str(memory), *options], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root)

    @property
    def report_command(self):
        return " ".join(f"'{word}'" for word in [FIXTURE, "report", *self._at])

    def report(self):
        """used_bytes, refusals, launches, consumed_ns, flags"""
        done = subprocess.run([FIXTURE, "report", *self._at], check=True, capture_output=True)
        return [int(word) for word in done.stdout.split()]

    def environment(self, way="both", simulated=True, **more):
        inside = dict(os.environ, MELON_GRANT=str(self.root / "grants" / "g"), **WAYS[way], **more)
        if simulated:
            inside["OCL_ICD_VENDORS"] = SIM_DRIVER
        else:
            inside["OCL_ICD_VENDORS"] = "/etc/OpenCL/vendors/pocl.icd"  # a GPU of this machine stays out
        return inside


def require(program, *more_places):
    """Fails where a program is missing that tools/install-packages.sh installs. Its path."""
    found = shutil.which(program, path=os.pathsep.join([os.environ["PATH"], *more_places]))
    assert found is not None, (f"{program} is not installed, and the tests need it; run: "
                               "tools/install-packages.sh build demo test")
    return found


def run(command, environment, timeout=120):
    return subprocess.run([str(word) for word in command], env=environment, capture_output=True,
                          text=True, timeout=timeout, errors="replace")
