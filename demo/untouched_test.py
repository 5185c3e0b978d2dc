# SPDX-License-Identifier: Apache-2.0
"""The demo writes below its own folder alone. A part of it plays in a mount name space where the folders that
programs like to write to are empty and nobody else's; afterwards they are as empty. What it measures is of no
concern here, so that other load does not matter."""
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = pathlib.Path(pwd.getpwuid(os.getuid()).pw_dir)
BINARIES = pathlib.Path(os.environ.get("MELON_BINARIES", ROOT / "build/dev"))
SCENE, TITLE = "killed", "kill -9, and the memory is back"
MOST_SECONDS = 400
FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/run", str(HOME))


def watched() -> list:
    """Folders without anything that the demo itself is made of."""
    needed = [pathlib.Path(path).resolve() for path in (ROOT, BINARIES, sys.executable)]
    return [folder for folder in FOLDERS if pathlib.Path(folder).is_dir() and folder != "/"
            and not any(path.is_relative_to(pathlib.Path(folder).resolve()) for path in needed)]


def below(folder: str) -> list:
    return sorted(str(path) for path in pathlib.Path(folder).rglob("*"))


def play(folder: str):
    """In the name space. Prints what was written elsewhere, and what the demo said."""
    for place in watched():
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "none", place], check=True)
    runtime = pathlib.Path("/run/user/0")
    runtime.mkdir(parents=True, exist_ok=True)
    before = {place: below(place) for place in watched()}
    environment = {**os.environ, "HOME": str(HOME), "XDG_RUNTIME_DIR": str(runtime)}
    for name in ("TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, "-B", ROOT / "demo/demo.py", "--binaries", BINARIES, "--folder", folder,
                           "--scene", SCENE], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", cwd="/", check=False)
    written = [path for place in watched() for path in below(place) if path not in before[place]]
    print(json.dumps({"written": written, "said": done.stdout + done.stderr}))


class Untouched(unittest.TestCase):
    def test_a_part_of_the_demo_writes_below_its_folder_alone(self):
        folder = tempfile.mkdtemp(prefix="demo-", dir=BINARIES)
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        # Without hashcat's first start, which compiles for half a minute and much longer on a busy machine.
        pathlib.Path(folder, "warm").touch()
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable, "-B", __file__, folder],
                              capture_output=True, text=True, timeout=MOST_SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        self.assertIn(TITLE, found["said"], "that scene was not played")
        self.assertEqual(found["written"], [])
        self.assertTrue((pathlib.Path(folder) / "state").is_dir(), "the daemon's state is there")


def why_not() -> str:
    if os.geteuid() != 0:
        return "a mount name space needs root"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        return "no mount name space may be made here"
    if not shutil.which("hashcat"):
        return "hashcat is not installed"
    return "" if watched() else f"all of {', '.join(FOLDERS)} hold what the demo is made of"


if __name__ == "__main__":
    if len(sys.argv) == 2:
        play(sys.argv[1])
    elif why_not():
        print(f"SKIPPED: whether the demo writes elsewhere was not tried: {why_not()}", flush=True)
        sys.exit(77)  # SKIP_RETURN_CODE
    else:
        unittest.main()
