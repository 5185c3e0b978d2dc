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
COMPLETIONS = {"bash": "share/bash-completion/completions/melon", "fish": "share/fish/vendor_completions.d/melon.fish",
               "zsh": "share/zsh/site-functions/_melon"}
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
                                 *COMPLETIONS.values()})
        for program in ("bin/melon", "bin/melon-agent"):
            self.assertTrue(os.access(self.prefix / program, os.X_OK), program)

    def test_the_unit_starts_the_installed_program(self):
        unit = (self.prefix / "lib/systemd/system/melon.service").read_text()
        self.assertEqual(re.findall(r"(?m)^ExecStart=(\S+) up$", unit), [f"{PREFIX}/bin/melon"])
        self.assertNotIn("@", unit)

    def test_completions_are_the_programs_own(self):
        for shell, path in COMPLETIONS.items():
            printed = run(self.prefix / "bin/melon", "completion", shell).stdout
            self.assertIn("resume", printed)
            self.assertEqual((self.prefix / path).read_text(), printed, shell)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "SKIPPED: no systemd-analyze to verify the unit")
    def test_systemd_accepts_the_unit(self):
        # It asks whether the program is there: at the place of the installation for real.
        unit = self.root / "melon.service"
        installed = (self.prefix / "lib/systemd/system/melon.service").read_text()
        unit.write_text(installed.replace(f"={PREFIX}/bin", f"={self.prefix}/bin"))
        verified = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)
        self.assertEqual((verified.returncode, verified.stdout, verified.stderr), (0, "", ""))
        unit.write_text(unit.read_text().replace("Restart=on-failure", "Restart=sometimes"))
        refused = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)
        self.assertIn("sometimes", refused.stderr, "a wrong word would be noticed")

    def test_another_prefix_moves_everything(self):
        root = pathlib.Path(tempfile.mkdtemp(prefix="melon-prefix-"))
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        done = run(os.environ["MELON_CMAKE"], "--install", os.environ["MELON_BUILD"], "--prefix", root / "opt")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({str(p.relative_to(root / "opt")) for p in root.rglob("*") if not p.is_dir()},
                         {str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if not p.is_dir()})

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
        start = (melon, "--socket", socket, "run", "--type", "opencl", "--memory", "16MiB", "--")
        inside = run(*start, "/bin/sh", "-c", "echo $LD_PRELOAD")
        self.assertEqual(inside.returncode, 0, inside.stderr)
        preloaded = pathlib.Path(inside.stdout.strip())
        self.assertTrue(preloaded.samefile(self.prefix / "lib/melon/libmelon.so"), preloaded)
        if not shutil.which("clinfo"):
            self.skipTest("SKIPPED: no clinfo, so that a program sees its slice is not tested")
        seen = run(*start, "clinfo", "--raw", "--prop", "CL_DEVICE_GLOBAL_MEM_SIZE")
        self.assertIn(str(16 << 20), seen.stdout)


if __name__ == "__main__":
    unittest.main()
