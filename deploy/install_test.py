# SPDX-License-Identifier: Apache-2.0
"""What `make install` leaves: every file in its place, and a daemon that finds its library there.

Installs into a folder of its own by DESTDIR. MELON_CMAKE, MELON_BUILD and MELON_PREFIX come from
the build."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

PREFIX = os.environ.get("MELON_PREFIX", "/usr/local")
WAIT_SECONDS = 60  # bounded waiting for programs to end; never a figure


def run(*command, **environment):
    return subprocess.run([str(word) for word in command], env={**os.environ, **environment},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=WAIT_SECONDS)


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="melon-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        done = run(os.environ["MELON_CMAKE"], "--install", os.environ["MELON_BUILD"],
                   DESTDIR=str(cls.root))
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        cls.prefix = cls.root / PREFIX.lstrip("/")

    def test_every_file_is_in_its_place_and_nowhere_else(self):
        found = {str(path.relative_to(self.prefix)) for path in self.root.rglob("*")
                 if not path.is_dir()}
        self.assertEqual(found, {"bin/melon", "bin/melon-agent", "lib/melon/libmelon.so",
                                 "lib/systemd/system/melon.service",
                                 "share/bash-completion/completions/melon"})
        for program in ("bin/melon", "bin/melon-agent"):
            self.assertTrue(os.access(self.prefix / program, os.X_OK), program)

    def test_the_unit_starts_the_installed_program(self):
        unit = (self.prefix / "lib/systemd/system/melon.service").read_text()
        self.assertEqual(re.findall(r"(?m)^ExecStart=(\S+) up$", unit), [f"{PREFIX}/bin/melon"])
        self.assertNotIn("@", unit)

    def test_the_completion_is_the_programs_own_and_is_valid(self):
        installed = self.prefix / "share/bash-completion/completions/melon"
        self.assertEqual(installed.read_text(),
                         run(self.prefix / "bin/melon", "completion", "bash").stdout)
        self.assertEqual(run("bash", "-n", installed).stderr, "")

    def test_the_daemon_finds_the_library_beside_itself(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="melon-installed-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        config = folder / "melon.yaml"
        config.write_text(f"lock_folder: {folder}/locks\n")
        melon, socket = self.prefix / "bin/melon", str(folder / "melon.sock")
        up = run(melon, "up", "--detach", "--state", folder / "state", "--socket", socket,
                 "--config", config)
        self.addCleanup(run, melon, "--socket", socket, "down", "--stop-all")
        self.assertEqual(up.returncode, 0, up.stdout + up.stderr)
        inside = run(melon, "--socket", socket, "run", "--type", "opencl", "--memory", "16MiB",
                     "--", "/bin/sh", "-c", "echo $LD_PRELOAD")
        self.assertEqual(inside.returncode, 0, inside.stderr)
        preloaded = pathlib.Path(inside.stdout.strip())
        self.assertTrue(preloaded.samefile(self.prefix / "lib/melon/libmelon.so"), preloaded)


if __name__ == "__main__":
    unittest.main()
